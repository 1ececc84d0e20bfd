"""What of a run's time is training and inference, and what is everything else?

Runs a config in a fresh copy of the project, or reads a finished run (--folder): the seconds inside training
loops (with the tests after each epoch) and inference, as the scripts record them, by wall time × cores.
The rest is starting processes, decoding, tables and figures, also what the figures' few images cost.

Example:
    python bench/demo.py --cores 2
    python bench/demo.py --folder . --config config/config.yaml --cores 2
"""

from __future__ import annotations

import argparse
import json
import sys
import tempfile
from collections import defaultdict
from pathlib import Path

import pandas as pd
import project
from generated import print_table
from maskguide.system.files import read_yaml
from maskguide.system.stopwatch import said


def networks(run: Path, weights: Path) -> dict[str, float]:
    """Seconds of training and inference by rule, from what the run recorded."""
    seconds: dict[str, float] = defaultdict(float)
    for path in run.glob("runs/*/split*/*/*/seed*/metrics.json"):
        metrics = json.loads(path.read_text())
        rule = "match_contours" if path.parts[-3] == "contour" else "train_classifier"
        if "networks" not in metrics:  # of several networks together: their seconds are counted with each
            seconds[rule] += metrics["total_seconds"]
    for rule, pattern in (
        ("train_segmenter", "segment/*/split*/history.csv"),
        ("train_detector", "detect/*/split*/*/history.csv"),
    ):
        for path in run.glob(pattern):
            seconds[rule] += pd.read_csv(path)["seconds"].sum()
    for path in [*run.glob("logs/*/*.log"), *weights.glob("logs/*.log")]:
        rule = path.parent.name if path.is_relative_to(run) else path.stem.partition("-")[0]
        seconds[rule] += said(path.read_text(errors="replace"))
    return {rule: total for rule, total in seconds.items() if total > 0}


def jobs(run: Path, weights: Path) -> pd.DataFrame:
    """One row per job: rule, wall seconds, peak memory (MB; NaN where over at once), end (s since 1970)."""
    rows = []
    for path in [*run.glob("benchmarks/**/*.tsv"), *weights.glob("logs/*.tsv")]:
        folder = path.parent.name if path.is_relative_to(run) else path.stem.partition("-")[0]
        rule = path.stem if folder == "benchmarks" else folder
        found = pd.read_csv(path, sep="\t").iloc[0]
        rows.append((rule, found["s"], found["max_rss"], path.stat().st_mtime))
    table = pd.DataFrame(rows, columns=["rule", "seconds", "peak", "end"])
    return table.assign(peak=pd.to_numeric(table["peak"], errors="coerce"))


def main(args: argparse.Namespace) -> None:
    with tempfile.TemporaryDirectory() as temporary:
        folder, wall = args.folder, None
        if folder is None:
            folder = project.copy(Path(temporary) / "project")
            command = ("--cores", str(args.cores), "--configfile", args.config)
            wall = project.snakemake(folder, *command).wall
        config = read_yaml(folder / args.config)
        run, weights = folder / "results" / config["run"], folder / "resources" / "weights"
        done, inside = jobs(run, weights), networks(run, weights)
    if done.empty:
        sys.exit(f"error: {run}: holds no finished run; leave --folder out to make one")
    if wall is None:  # from the first job's start to the last one's end: the plan before is not seen
        wall = done["end"].max() - (done["end"] - done["seconds"]).min()
    by_rule = done.groupby("rule")["seconds"].agg(["count", "sum"]).sort_values("sum", ascending=False)
    rows = [
        [rule, f"{count:.0f}", f"{total:.1f}", f"{inside[rule]:.1f}" if rule in inside else ""]
        for rule, count, total in by_rule.itertuples()
    ]
    total = sum(inside.values())
    rows.append(["all", str(len(done)), f"{done['seconds'].sum():.1f}", f"{total:.1f}"])
    print_table(["rule", "jobs", "seconds of jobs", "of training and inference"], rows)
    trainings = done["rule"].str.contains("train_").sum()
    print(f"wall time {wall:.1f} s on {args.cores} cores, {trainings} trainings")
    print(f"jobs / (wall time × cores) = {done['seconds'].sum() / (wall * args.cores):.2f}")
    print(f"training and inference / (wall time × cores) = {total / (wall * args.cores):.2f}")


if __name__ == "__main__":
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--folder", type=Path, help="a project with a finished run (none: make one)")
    parser.add_argument("--config", default="config/config.yaml", help="the run's config")
    parser.add_argument("--cores", type=int, default=2, help="cores that the run has, or had")
    main(parser.parse_args())
