"""What a run will cost, and how many replicates a difference would take: what a dry run says."""

from __future__ import annotations

import csv
from functools import cache
from pathlib import Path

from maskguide.plan.cells import unique
from maskguide.plan.plan import Plan


@cache
def networks(plan: Plan) -> dict[str, set[tuple]]:
    """The networks that a config trains, by kind, whether they are there already or not.

    Of each the data set and the split; of classifiers method, backbone and seed, of detectors their count.
    """
    classifiers, segmenters, detectors = set(), set(), set()
    for run in plan.all_runs:
        *_, dataset, split, name, backbone, seed = Path(run).parts
        split = split.removeprefix("split")
        variant = plan.names[name]
        if variant.method not in plan.trained_methods:
            continue
        for each in plan.scales(name) if plan.averages(variant) else [name]:
            found = plan.run_name(dataset, each, backbone)
            classifiers.add((dataset, split, found, backbone, seed))
            resolved = plan.resolved(dataset, found, backbone)
            if resolved.from_detector:
                detectors.add((dataset, split, plan.annotated(dataset, found)))
            if resolved.from_segmenter:
                segmenters.add((dataset, f"{split}{resolved.fewer}"))
    sources = [plan.sources(name) for name in plan.tables]
    for file in unique(each["segments"] for each in sources):
        dataset, split = Path(file).parts[-3:-1]
        segmenters.add((dataset, split.removeprefix("split")))
    for file in unique(each["detectors"] for each in sources):
        dataset, split, count = Path(file).parts[-4:-1]
        detectors.add((dataset, split.removeprefix("split"), int(count)))
    return {"classifiers": classifiers, "segmenters": segmenters, "detectors": detectors}


def trainings(plan: Plan) -> dict[str, int]:
    """How many networks a config trains, by kind."""
    return {kind: len(each) for kind, each in networks(plan).items()}


def replicates(path: Path) -> str | None:
    """What a table's tests of the last run say of 2 points: the most replicates that a row would take."""
    if not path.is_file():
        return None
    with path.open(encoding="utf-8", newline="") as file:
        rows = [row for row in csv.DictReader(file) if row.get("replicates_for_2")]
    if not rows:
        return None
    most = max(rows, key=lambda row: float(row["replicates_for_2"]))
    needed, there = int(float(most["replicates_for_2"])), int(float(most["replicates"]))
    pair = f"{most['method_a']} - {most['method_b']} on {most['dataset']}, {there} so far"
    return f"by the last run's variances, 2 points would take up to {needed} replicates ({pair})"


def lines(plan: Plan) -> list[str]:
    """The trainings that this config makes in all, and the replicates that each tested table would take."""
    counted = [f"{number} {kind}" for kind, number in trainings(plan).items() if number]
    said = [f"trainings of this config, in all: {', '.join(counted)}"] if counted else []
    for name, table in plan.tables.items():
        found = replicates(Path(plan.results) / "tables" / f"{name}_tests.csv") if table.tested else None
        said += [f"{name}: {found}"] if found else []
    return said
