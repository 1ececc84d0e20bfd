"""What does an answer cost: the plain network against MGA on the butterflies, ten replicates?

One replicate of both methods is run from decoded images, its segmenter too, and the whole study predicted of
what its jobs took. Then the whole is run and timed. For a hundred such studies it says jobs, hours and disk.
Last, what snakemake needs to plan 9,600 trainings: 20 data sets, 12 methods, 4 backbones, 10 replicates.

The archive is BtfPIS's, the weights are MobileNetV2's from ImageNet; without them they are downloaded.

Example:
    python bench/study.py --cores 2 --archive leedsbutterfly_288px.zip --weights mobilenet_v2.pth
    python bench/study.py --plan-only
"""

from __future__ import annotations

import argparse
import re
import resource
import tempfile
from pathlib import Path

import project
from demo import jobs
from generated import print_table

METHODS = ["baseline", "mga"]
STUDIES = 100
LARGE = {
    "methods": [
        *("baseline", "mga", "mgfe", "aca-s1", "swap", "bcnn", "improved-bcnn"),
        *("mpn-cov", "g2denet", "dcl", "maskcov", "nts"),
    ],
    "backbones": ["small", "mobilenet_v2", "resnet50", "densenet161"],
    "datasets": 20,
}


def large(folder: Path) -> str:
    """The config of 9,600 trainings; where it lies."""
    names = [f"leaves_{number}" for number in range(LARGE["datasets"])]
    tables = {
        backbone: {"datasets": names, "backbone": backbone, "methods": LARGE["methods"]}
        for backbone in LARGE["backbones"]
    }
    entries = {name: {"like": "leaves", "split": "20/30", "repeats": 5} for name in names}
    config = {"run": "large", "seeds": [1, 2], "datasets": entries, "tables": tables}
    return project.write_config(folder, config)


def counts(printed: str) -> dict[str, int]:
    """Jobs by rule, of what a dry run printed."""
    table = printed[printed.index("Job stats") :]
    return {rule: int(count) for rule, count in re.findall(r"^(\w+) +(\d+)$", table, re.MULTILINE)}


def size_mb(folder: Path) -> float:
    return sum(path.stat().st_size for path in folder.rglob("*") if path.is_file()) / 1e6


def run_study(folder: Path, args: argparse.Namespace) -> None:
    cores = ("--cores", str(args.cores))
    planned = project.butterflies(folder, "study", METHODS, args.archive, args.weights)
    config = ("--configfile", project.write_config(folder, planned))
    run = folder / "results/study"
    project.snakemake(folder, *cores, "--until", "build_store", *config)  # decoded images are at hand
    whole = counts(project.snakemake(folder, "--dry-run", *cores, *config).printed)
    (name,) = planned["datasets"]
    first = [
        f"results/study/runs/{name}/split1/{method}/mobilenet_v2/seed1/metrics.json" for method in METHODS
    ]
    one = project.snakemake(folder, *first, *cores, *config)
    known = jobs(run, folder / "resources/weights").groupby("rule")["seconds"].mean()
    predicted = sum(count * known.get(rule, 0.0) for rule, count in whole.items() if rule != "total")
    stores = size_mb(run / "store")
    rest = project.snakemake(folder, *cores, *config)
    wall = one.wall + rest.wall
    rows = [
        ("one replicate of both, with its segmenter", f"{one.wall:.0f} s"),
        ("the study, predicted: seconds of jobs / cores", f"{predicted / args.cores:.0f} s"),
        ("the study, measured", f"{wall:.0f} s"),
        ("measured / predicted", f"{wall * args.cores / predicted:.2f}"),
        ("jobs", str(whole["total"])),
        ("disk: images and masks ready to read", f"{stores:.0f} MB"),
        ("disk: the whole run", f"{size_mb(run):.0f} MB"),
        (f"{STUDIES} studies: jobs", f"{STUDIES * whole['total']:,}"),
        (f"{STUDIES} studies: hours on {args.cores} cores", f"{STUDIES * wall / 3600:.1f}"),
        (f"{STUDIES} studies: disk", f"{STUDIES * size_mb(run) / 1000:.1f} GB"),
    ]
    print_table(("what", "found"), rows)
    print((run / "tables/compare.md").read_text())


def plan_large(folder: Path) -> None:
    planned = project.snakemake(
        folder, "--dry-run", "--quiet", "rules", "--cores", "2", "--configfile", large(folder)
    )
    planned_jobs = counts(planned.printed)
    peak = resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss / 1024
    rows = [
        ("trainings", f"{planned_jobs['train_classifier']:,}"),
        ("jobs", f"{planned_jobs['total']:,}"),
        ("seconds", f"{planned.wall:.0f}"),
        ("CPU seconds", f"{planned.cpu:.0f}"),
        ("peak memory", f"{peak:.0f} MB"),
    ]
    print_table(("snakemake's plan", "found"), rows)


def main(args: argparse.Namespace) -> None:
    with tempfile.TemporaryDirectory() as temporary:
        plan_large(project.copy(Path(temporary) / "large"))
        if not args.plan_only:
            run_study(project.copy(Path(temporary) / "study"), args)


if __name__ == "__main__":
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--cores", type=int, default=2, help="cores of the run")
    parser.add_argument("--archive", type=Path, help="BtfPIS as a zip file (none: downloaded)")
    parser.add_argument("--weights", type=Path, help="MobileNetV2's weights (none: downloaded)")
    parser.add_argument("--plan-only", action="store_true", help="the 9,600 trainings' plan alone")
    main(parser.parse_args())
