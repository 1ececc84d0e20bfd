"""Every method beside the baseline: what it reaches, and what it costs in training, parameters and marks."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import pandas as pd

from maskguide.plan import declared, sources
from maskguide.plan.seeing import WHOLE
from maskguide.plan.tables import Table
from maskguide.reporting import claims, labels, markdown, text, took_hold
from maskguide.reporting.markdown import NOT_THERE
from maskguide.reporting.runs import CELL
from maskguide.system.files import InputError

BASELINE = "baseline"
NONE = "none"
DIFFERENCE = ["difference", "low", "high", "p", "p_holm", "detectable", "replicates_for_2", "verdict"]


def comparison_table(
    frame: pd.DataFrame, measured: pd.DataFrame, tests: pd.DataFrame, *guides: Sequence[Mapping]
) -> pd.DataFrame:
    """A row per data set × method × backbone: accuracies, difference to the baseline, costs.

    frame: the accuracies of the runs `measured` (`learning.with_learning`). tests: their
    `tables.paired_tests`. guides: measurements of the segmenters and of the detectors behind the masks; not
    all need be given.

    The columns of the frame, then difference (percentage points to the baseline of the same backbone, last
    epoch), low and high (its 95 % interval), p, p_holm, detectable, replicates_for_2, verdict (all empty for
    the baseline and where there is none), networks (how many the answer averages), epochs (of all of them),
    train_seconds (mean over runs), device, parameters (of all networks), marks (what people must draw:
    "none", "60 masks", "30 boxed
    images"), guide (segmenter or detector, which those marks teach; else empty) and guide_seconds (its
    training).
    """
    seen: dict[tuple, Mapping] = {}
    for segment in guides[0]:
        if seen.setdefault((segment["dataset"], segment["split"]), segment) is not segment:
            raise InputError(f"{segment['dataset']}: two segmenters of split {segment['split']}; give one")
    segmenters, detectors = map(_over_splits, guides)
    last = tests[tests["method_b"] == BASELINE]
    last = last.rename(columns={"method_a": "method"})[[*CELL, *DIFFERENCE]]
    groups = measured.groupby(CELL, sort=False)
    costs = [_costs(group, segmenters, detectors) for _, group in groups]
    return frame.merge(last, on=CELL, how="left").merge(pd.DataFrame(costs), on=CELL, how="left")


def _over_splits(guides: Sequence[Mapping]) -> list[dict]:
    """One for those of all splits of a data set with as many annotated images: its seconds are their mean."""
    found: dict[tuple, list[Mapping]] = {}
    for guide in guides:
        found.setdefault((guide["dataset"], guide["num_annotated"]), []).append(guide)
    seconds = {cell: [each.get("train_seconds") for each in group] for cell, group in found.items()}
    return [
        {"dataset": dataset, "num_annotated": count}
        | {"train_seconds": None if None in each else sum(each) / len(each)}
        for (dataset, count), each in seconds.items()
    ]


def _costs(group: pd.DataFrame, segmenters: Sequence[Mapping], detectors: Sequence[Mapping]) -> dict:
    """What one row costs, from its runs."""
    first = group.iloc[0]
    count = None if pd.isna(first["num_annotated"]) else int(first["num_annotated"])
    guide, trained = _guide(first, count, segmenters, detectors)
    if count is None and trained is not None:  # runs of an older version do not say how many
        count = trained["num_annotated"]
    return {
        **first[CELL],
        "networks": int(group["networks"].max()),
        "epochs": int(group["epochs"].max()),
        "train_seconds": group["train_seconds"].mean(),
        "device": " + ".join(sorted(group["device"].unique())),
        "parameters": int(group["parameters"].max()),
        "marks": _marks(first, count),
        "guide": guide,
        "guide_seconds": None if trained is None else trained.get("train_seconds"),
    }


def _base(run: pd.Series) -> str | None:
    """Whose masks a run learned from; None of none, which pandas holds as NaN."""
    return None if pd.isna(run["masks"]) else sources.base_of(run["masks"])


def _guide(
    run: pd.Series, count: int | None, segmenters: Sequence[Mapping], detectors: Sequence[Mapping]
) -> tuple[str, Mapping | None]:
    """Which network's masks guide a run, segmenter or detector, and its measurements where they are given."""
    base = _base(run)
    if declared.methods()[run["family"]].guided_by == "regions" or base == sources.DETECTOR:
        name, guides = "detector", detectors
    elif base == sources.SEGMENTER:
        name, guides = "segmenter", segmenters
    else:
        return "", None
    count = labels.variant(run["method"]).options.get("annotated") or count
    fitting = [each for each in guides if each["dataset"] == run["dataset"]]
    fitting = [each for each in fitting if count in (None, each["num_annotated"])]
    return name, fitting[0] if len(fitting) == 1 else None


def _marks(run: pd.Series, count: int | None) -> str:
    """What people must draw for a run, besides the class labels."""
    base = _base(run)
    if declared.methods()[run["family"]].guided_by == "regions" or base == sources.DETECTOR:
        return "boxed images" if count is None else f"{count} boxed images"
    if base in (sources.TRUTH, sources.OUTLINE):
        return f"{run['num_train']} {'masks' if base == sources.TRUTH else 'outlines'}"
    if base in (None, sources.AUTO, sources.SILHOUETTE, sources.RECTANGLES):
        return NONE
    return "masks" if count is None else f"{count} masks"


def comparison_text(table: Table, frame: pd.DataFrame, measured: pd.DataFrame, tests: pd.DataFrame) -> str:
    """All methods for a reader; `measured` are the runs behind it, `tests` those of its differences."""

    def parts(dataset: str, group: pd.DataFrame) -> list[str]:
        twins = tests[(tests["dataset"] == dataset) & (tests["method_b"] != BASELINE)]
        return [
            text.protocol(measured, dataset),
            *text.by_role(table, group, lambda rows: _rows(frame, rows)),
            *(["Beside a twin that differs in one thing:", claims.test_rows(twins)] if len(twins) else []),
        ]

    return text.page(table, frame, _notes(table, frame, tests), parts)


def _rows(frame: pd.DataFrame, group: pd.DataFrame) -> str:
    """Rows of one data set, as a Markdown table with the columns that the page needs."""
    several = group["device"].nunique() > 1

    def seconds(row: pd.Series) -> str:
        words = markdown.number(row["train_seconds"], 0 if row["train_seconds"] >= 10 else 1)
        return f"{words} ({row['device']})" if several else words

    columns = [
        ("method", lambda row: claims.marked(labels.method_label(row["method"], row["backbone"]), row)),
        (text.RUNS, text.runs_of),
        *text.accuracies(),
        *claims.learning_columns(frame),
        (f"− baseline, {text.LAST} (95 % interval), p, p (Holm)", _difference),
        ("could have seen", lambda row: markdown.number(row["detectable"])),
        ("replicates for 2 points", claims.needed),
        ("reading", lambda row: NOT_THERE if pd.isna(row["verdict"]) else markdown.reading(row["verdict"])),
        *took_hold.columns(frame),
        ("marks needed", _drawn),
        ("networks", lambda row: str(row["networks"]) if row["epochs"] else NOT_THERE),
        ("epochs", lambda row: str(row["epochs"] or NOT_THERE)),
        ("training seconds", seconds),
        ("trained before", _trained_before),
        ("parameters, M", lambda row: markdown.number(row["parameters"] / 1e6, 2)),
    ]
    return markdown.table_of(group, columns)


def _difference(row: pd.Series) -> str:
    if pd.isna(row["difference"]):
        return NOT_THERE
    if pd.isna(row["p"]):
        return markdown.signed(row["difference"])
    chances = f"p {markdown.chance(row['p'])}, {markdown.chance(row['p_holm'])}"
    return f"{markdown.signed(row['difference'])} ({markdown.interval(row)}), {chances}"


def _drawn(row: pd.Series) -> str:
    """What people must draw, and where it came from here."""
    if _base(row) in (sources.TRUTH, sources.OUTLINE):
        tested = {*WHOLE} & {*labels.variant(row["method"]).options}
        return f"{row['marks']} (all training images{', and the test images' if tested else ''})"
    if row["marks"] == NONE or pd.isna(row["annotation"]):
        return row["marks"]
    return f"{row['marks']} ({markdown.conspicuous(row['annotation'])})"


def _trained_before(row: pd.Series) -> str:
    """What must be trained before the row itself."""
    if not row["guide"]:
        return NOT_THERE
    return row["guide"] if pd.isna(row["guide_seconds"]) else f"{row['guide']} {row['guide_seconds']:.0f} s"


def _notes(table: Table, frame: pd.DataFrame, tests: pd.DataFrame) -> list[str]:
    notes = text.accuracy_notes(table, frame)
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
        "Trained before: the network that learns from the marks and draws the masks; once for all seeds of a "
        "split, mean over splits.",
        "Marks needed: what people must draw besides naming classes.",
        *text.those_of(table.notes, frame),
    ]
    untested = frame[frame["difference"].isna() & (frame["method"] != BASELINE)]
    if len(untested):
        rows = untested[["method", "backbone"]].to_numpy()
        names = ", ".join(dict.fromkeys(labels.method_label(*row) for row in rows))
        notes.append(f"Not tested, for there is no baseline of the same backbone: {names}.")
    return notes + claims.test_notes(tests)
