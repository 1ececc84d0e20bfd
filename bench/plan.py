"""How long does snakemake plan: MGA's paper, all papers in one run, and a finished run with nothing to do?

Nothing is trained: plans are dry runs in a copy of the project, and the finished run is the plan's outputs as
empty files, which `snakemake --touch` records as made by the jobs of today. The yardstick is snakemake
itself: an empty Snakefile, for its start and its parser, and `snakemake --version`. All are timed in turn.

All papers: the data sets of mga, mgfe, aca, tdsa with their papers' sections where the config lets a data set
have its own; a data set of two papers (CUB) has an entry for each. The other keys change what jobs do, not
which jobs there are.

Example:
    python bench/plan.py --rounds 5
"""

from __future__ import annotations

import argparse
import re
import statistics
import sys
import tempfile
from pathlib import Path

import project
import yaml

sys.path.insert(0, str(project.ROOT / "workflow" / "scripts"))
from maskguide.plan.schema import config_schema

PAPERS = ("mga", "mgfe", "aca", "tdsa")


def all_papers(folder: Path) -> str:
    """Write the config of one run that holds all papers, and the entries it needs; where it lies."""
    sections = config_schema()["properties"]["datasets"]["additionalProperties"]["properties"]
    registry = read(folder / "resources/datasets.yaml")
    merged: dict = {"run": "papers", "datasets": {}, "tables": {}, "archives": {}}
    for paper in PAPERS:
        config = read(folder / f"config/{paper}.yaml")
        names = {}
        for name, own in config["datasets"].items():
            names[name] = f"{name}_{paper}" if name in merged["datasets"] else name
            registry[names[name]] = registry[name]
            merged["datasets"][names[name]] = with_sections(own or {}, config, sections)
        for shown in [*config["tables"].values(), *config.values()]:
            if isinstance(shown, dict) and isinstance(shown.get("datasets"), list):
                shown["datasets"] = [names[name] for name in shown["datasets"]]
        merged["tables"] |= config["tables"]
        for key in ("classifiers_figure", "annotation_figure", "mgfe", "aca", "tdsa"):
            if key in config:
                merged[key] = config[key]
    for name in ("hainanleaf", "cars"):  # they have no host: an archive is given
        merged["archives"][name] = f"{name}.zip"
        (folder / f"{name}.zip").touch()
    (folder / "resources/datasets.yaml").write_text(yaml.safe_dump(registry, sort_keys=False))
    (folder / "config/papers.yaml").write_text(yaml.safe_dump(merged, sort_keys=False))
    return "config/papers.yaml"


def with_sections(own: dict, config: dict, sections: dict) -> dict:
    """A data set's entry, its paper's sections below its own, as far as a data set may have its own."""
    own = dict(own)
    for section, schema in sections.items():
        if section in config and "properties" in schema:
            paper = {key: value for key, value in config[section].items() if key in schema["properties"]}
            own[section] = {**paper, **own.get(section, {})}
    return own


def read(path: Path) -> dict:
    return yaml.safe_load(path.read_text(encoding="utf-8"))


def finish(folder: Path, *config: str) -> None:
    """Make the outputs of all jobs empty, and let snakemake record them as made."""
    table = project.snakemake(folder, "--summary", "--cores", "1", *config).printed
    outputs = [line.split("\t")[0] for line in table.splitlines() if line.count("\t") > 3][1:]
    for output in outputs:
        path = folder / output
        if path.suffix:
            path.parent.mkdir(parents=True, exist_ok=True)
            path.touch()
        else:
            path.mkdir(parents=True, exist_ok=True)
    project.snakemake(folder, "--touch", "--cores", "1", *config)
    printed = project.snakemake(folder, "--dry-run", "--cores", "1", *config).printed
    if "Nothing to be done" not in printed:
        sys.exit(f"the finished run is not finished:\n{printed[-3000:]}")


def main(args: argparse.Namespace) -> None:
    with tempfile.TemporaryDirectory() as temporary:
        planned, finished = (project.copy(Path(temporary) / name) for name in ("planned", "finished"))
        empty = Path(temporary) / "empty"
        empty.mkdir()
        (empty / "Snakefile").touch()
        papers = all_papers(planned)
        run = ("--configfile", args.config)
        finish(finished, *run)
        dry = ("--dry-run", "--cores", "2")
        commands = {
            "snakemake --version": (empty, "--version"),
            "an empty Snakefile": (empty, *dry),
            f"nothing to do, {args.config}": (finished, "--cores", "2", *run),
            "plan of config/mga.yaml": (planned, *dry, "--configfile", "config/mga.yaml"),
            "plan of all papers": (planned, *dry, "--configfile", papers),
        }
        taken: dict[str, list[project.Taken]] = {what: [] for what in commands}
        for _ in range(args.rounds):
            for what, (folder, *arguments) in commands.items():
                taken[what].append(project.snakemake(folder, *arguments))
    print(f"{'medians of ' + str(args.rounds) + ' rounds':40} {'seconds':>8} {'CPU':>6} {'jobs':>6}")
    wall = {}
    for what, rounds in taken.items():
        wall[what] = statistics.median(each.wall for each in rounds)
        cpu = statistics.median(each.cpu for each in rounds)
        jobs = re.search(r"^total +(\d+)$", rounds[0].printed, re.MULTILINE)
        print(f"{what:40} {wall[what]:8.2f} {cpu:6.2f} {jobs[1] if jobs else '':>6}")
    version, bare, nothing = list(wall.values())[:3]
    print(f"nothing to do / an empty Snakefile = {nothing / bare:.2f}")
    print(f"nothing to do / (--version + an empty Snakefile) = {nothing / (version + bare):.2f}")


if __name__ == "__main__":
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--config", default="config/config.yaml", help="the run that is finished")
    parser.add_argument("--rounds", type=int, default=5, help="times that each is timed")
    main(parser.parse_args())
