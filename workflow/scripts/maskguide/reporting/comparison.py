"""Every method beside the baseline: what it reaches, and what it costs in training, parameters and marks."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

import pandas as pd

from maskguide.reporting import labels, region_variants, tables
from maskguide.reporting.runs import CELL
from maskguide.system.files import InputError

BASELINE = "baseline"
NONE = "none"
DIFFERENCE = ["difference", "low", "high", "p", "verdict"]


def comparisons(methods: Iterable[str]) -> list[tuple[str, str]]:
    """Each method against the baseline."""
    return [(name, BASELINE) for name in labels.sort_methods(methods) if name != BASELINE]


def comparison_table(
    measured: pd.DataFrame,
    tests: pd.DataFrame,
    segments: Iterable[Mapping] = (),
    detectors: Iterable[Mapping] = (),
) -> pd.DataFrame:
    """A row per data set × method × backbone: accuracies, difference to the baseline, costs.

    Parameters
    ----------
    measured
        Rows of `runs.read_runs`.
    tests
        Their `tables.paired_tests` of `comparisons`.
    segments, detectors
        Measurements of the segmenters and detectors behind the masks; not all need be given.

    Returns
    -------
    DataFrame with the columns of `tables.accuracy_table`, then difference (percentage points to the
    baseline of the same backbone, last epoch), low and high (its 95 % interval), p, verdict (all empty for
    the baseline and where there is none), networks (how many the answer averages), epochs (of all of them),
    train_seconds (mean over runs), device, parameters (of all networks), marks (what people must draw:
    "none", "60 masks", "30 boxed images"), guide (segmenter or detector, which those marks teach; else
    empty) and guide_seconds (its training).
    """
    segmenters = _by_key(segments, ["dataset"])
    detectors = _by_key(detectors, ["dataset", "num_annotated"])
    table = tables.accuracy_table(measured, "compare")
    last = tests[(tests["epoch"] == "last") & (tests["method_b"] == BASELINE)]
    last = last.rename(columns={"method_a": "method"})[[*CELL, *DIFFERENCE]]
    costs = [
        {**dict(zip(CELL, cell, strict=True)), **_costs(group, segmenters, detectors)}
        for cell, group in measured.groupby(CELL, sort=False)
    ]
    return table.merge(last, on=CELL, how="left").merge(pd.DataFrame(costs), on=CELL, how="left")


def _by_key(records: Iterable[Mapping], keys: list[str]) -> dict[tuple, Mapping]:
    found: dict[tuple, Mapping] = {}
    for record in records:
        key = tuple(record[name] for name in keys)
        if key in found:
            raise InputError(f"{' '.join(map(str, key))}: two segmenters or detectors; give one")
        found[key] = record
    return found


def _costs(group: pd.DataFrame, segmenters: Mapping, detectors: Mapping) -> dict:
    """What one row costs, from its runs."""
    first = group.iloc[0]
    count = None if pd.isna(first["num_annotated"]) else int(first["num_annotated"])
    guide, trained = _guide(first, count, segmenters, detectors)
    if count is None and trained is not None:  # runs of an older version do not say how many
        count = trained["num_annotated"]
    return {
        "networks": int(group["networks"].max()),
        "epochs": int(group["epochs"].max()),
        "train_seconds": group["train_seconds"].mean(),
        "device": " + ".join(sorted(group["device"].unique())),
        "parameters": int(group["parameters"].max()),
        "marks": _marks(first, count),
        "guide": guide,
        "guide_seconds": None if trained is None else trained.get("train_seconds"),
    }


def _guide(
    run: pd.Series, count: int | None, segmenters: Mapping, detectors: Mapping
) -> tuple[str, Mapping | None]:
    """Which network's masks guide a run, segmenter or detector, and its measurements where they are given."""
    if (variant := region_variants.parse(run["method"])) is not None:
        fitting = [
            detector
            for (dataset, annotated), detector in detectors.items()
            if dataset == run["dataset"] and (variant.count or count or annotated) == annotated
        ]
        return "detector", fitting[0] if len(fitting) == 1 else None
    if run["method"].startswith("mga") and run["masks"] in ("segmenter", "shuffled"):
        return "segmenter", segmenters.get((run["dataset"],))
    return "", None


def _marks(run: pd.Series, count: int | None) -> str:
    """What people must draw for a run, besides the class labels."""
    if region_variants.parse(run["method"]) is not None:
        return "boxed images" if count is None else f"{count} boxed images"
    if run["masks"] == "truth":
        return f"{run['num_train']} masks"
    if pd.isna(run["masks"]) or run["masks"] == "auto":
        return NONE
    return "masks" if count is None else f"{count} masks"
