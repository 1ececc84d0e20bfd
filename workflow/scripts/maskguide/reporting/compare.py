"""Every method beside the baseline: what it reaches, and what it costs in training, parameters and marks."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

import pandas as pd

from maskguide.plan import declared
from maskguide.plan.tables import Table
from maskguide.reporting import labels, tables
from maskguide.reporting.runs import CELL
from maskguide.reporting.text import (
    BEST,
    LAST,
    NOT_THERE,
    accuracy_notes,
    bullets,
    chance,
    conspicuous,
    markdown_table,
    mean_std,
    number,
    page,
    protocol,
    reading,
    signed,
    test_notes,
    those_of,
)
from maskguide.system.files import InputError

BASELINE = "baseline"
NONE = "none"
DIFFERENCE = ["difference", "low", "high", "p", "verdict"]


def comparison_table(
    table: Table,
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
        Their `tables.paired_tests`.
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
    frame = tables.accuracy_table(measured, table)
    last = tests[(tests["epoch"] == "last") & (tests["method_b"] == BASELINE)]
    last = last.rename(columns={"method_a": "method"})[[*CELL, *DIFFERENCE]]
    costs = [
        {**dict(zip(CELL, cell, strict=True)), **_costs(group, segmenters, detectors)}
        for cell, group in measured.groupby(CELL, sort=False)
    ]
    return frame.merge(last, on=CELL, how="left").merge(pd.DataFrame(costs), on=CELL, how="left")


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
    guided_by = declared.methods()[run["family"]].guided_by
    if guided_by == "regions":
        count = labels.variant(run["method"]).options.get("annotated") or count
        fitting = [
            detector
            for (dataset, annotated), detector in detectors.items()
            if dataset == run["dataset"] and (count or annotated) == annotated
        ]
        return "detector", fitting[0] if len(fitting) == 1 else None
    if guided_by == "masks" and run["masks"] in ("segmenter", "shuffled"):
        return "segmenter", segmenters.get((run["dataset"],))
    return "", None


def _marks(run: pd.Series, count: int | None) -> str:
    """What people must draw for a run, besides the class labels."""
    if declared.methods()[run["family"]].guided_by == "regions":
        return "boxed images" if count is None else f"{count} boxed images"
    if run["masks"] == "truth":
        return f"{run['num_train']} masks"
    if pd.isna(run["masks"]) or run["masks"] == "auto":
        return NONE
    return "masks" if count is None else f"{count} masks"


def comparison_text(table: Table, frame: pd.DataFrame, measured: pd.DataFrame, tests: pd.DataFrame) -> str:
    """All methods for a reader; `measured` are the runs behind it, `tests` against the baseline."""
    parts = [f"# {table.title}"]
    for dataset, group in frame.groupby("dataset", sort=False):
        parts += [
            f"## {labels.dataset_label(dataset)}",
            protocol(measured[measured["dataset"] == dataset]),
            _rows(group[group["role"] == "paper"]),
        ]
        controls = group[group["role"] == "control"]
        if len(controls):
            parts += [table.others, _rows(controls)]
    return page([*parts, bullets(_notes(table, frame, tests))])


def _rows(group: pd.DataFrame) -> str:
    """The rows of one data set, as a Markdown table."""
    header = ["method", "seeds", BEST, LAST, f"macro-F1, {LAST}", f"− baseline, {LAST} (95 % interval), p"]
    header += ["reading", "marks needed", "networks", "epochs", "training seconds", "trained before"]
    header += ["parameters, M"]
    several = group["device"].nunique() > 1
    rows = [
        [
            labels.method_label(row["method"], row["backbone"]),
            str(row["seeds"]),
            *(mean_std(row, key) for key in ("top1_best", "top1_last", "macro_f1_last")),
            *_difference(row),
            _drawn(row),
            *(str(row[key]) if row["epochs"] else NOT_THERE for key in ("networks", "epochs")),
            number(row["train_seconds"], 0 if row["train_seconds"] >= 10 else 1)
            + (f" ({row['device']})" if several else ""),
            _trained_before(row),
            number(row["parameters"] / 1e6, 2),
        ]
        for _, row in group.iterrows()
    ]
    return markdown_table(rows, header)


def _difference(row: pd.Series) -> tuple[str, str]:
    if pd.isna(row["difference"]):
        return NOT_THERE, NOT_THERE
    interval = f"{signed(row['low'])} to {signed(row['high'])}"
    p = chance(row["p"])
    text = f"{signed(row['difference'])} ({interval}), {p if p.startswith('<') else f'p {p}'}"
    return text.replace("), <", "), p <"), reading(row["verdict"])


def _drawn(row: pd.Series) -> str:
    """What people must draw, and where it came from here."""
    if row["masks"] == "truth":
        return f"{row['marks']} (all training images)"
    if row["marks"] == NONE or pd.isna(row["annotation"]):
        return row["marks"]
    return f"{row['marks']} ({conspicuous(row['annotation'])})"


def _trained_before(row: pd.Series) -> str:
    """What must be trained before the row itself."""
    if not row["guide"]:
        return NOT_THERE
    return row["guide"] if pd.isna(row["guide_seconds"]) else f"{row['guide']} {row['guide_seconds']:.0f} s"


def _notes(table: Table, frame: pd.DataFrame, tests: pd.DataFrame) -> list[str]:
    notes = accuracy_notes(table, frame)
    if (frame["networks"] > 1).any():
        notes.append(
            "ACA and max pooling of all scales average one network for each scale, each trained for all the "
            "epochs that every other method has; scale 1 alone is one such network, the row of equal budget. "
            "The averages have no best epoch: both columns show the last."
        )
    shown = [labels.variant(name) for name in frame["method"]]
    if any(each.method == "maxpool" and each.options.get("scale") != 1 for each in shown):
        notes.append(
            "Max pooling beyond scale 1 learns from what ACA cut out: ACA's networks of the scales before "
            "come on top of its seconds."
        )
    devices = " / ".join(frame["device"].drop_duplicates())
    notes += [
        f"Training seconds: mean over runs, on {devices}; all networks of a row together, "
        "evaluation left out. They are comparable only on one machine, and if nothing else ran there.",
        "Epochs and parameters: of all networks of a row together.",
        "Trained before: the network that learns from the marks and draws the masks; once for all seeds.",
        "Marks needed: what people must draw besides naming classes.",
        *those_of(table.notes, frame),
    ]
    untested = frame[frame["difference"].isna() & (frame["method"] != BASELINE)]
    if len(untested):
        names = ", ".join(
            dict.fromkeys(labels.method_label(*row) for row in untested[["method", "backbone"]].to_numpy())
        )
        notes.append(f"Not tested, for there is no baseline of the same backbone: {names}.")
    return notes + test_notes(tests)
