"""The MGA paper's Table 1, segmentation: tidy numbers, and the page for a reader."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from pathlib import Path

import pandas as pd

from maskguide.plan.tables import Table
from maskguide.reporting import labels
from maskguide.reporting.published import read_published
from maskguide.reporting.tables import with_notes
from maskguide.reporting.text import (
    NOT_THERE,
    bullets,
    conspicuous,
    markdown_table,
    number,
    page,
    remarks,
    those_of,
)
from maskguide.system.files import InputError, read_json

SEGMENT_TEXTS = ["dataset", "architecture", "encoder"]
SEGMENT_COUNTS = ["num_annotated", "annotation", "num_test"]
SEGMENT_KEYS = [*SEGMENT_TEXTS, "scales", *SEGMENT_COUNTS, "iou", "miou"]


def read_segments(paths: Iterable[str | Path]) -> list[dict]:
    """The `metrics.json` of each segmenter; `InputError` where one is missing or broken."""
    segments = []
    for path in paths:
        metrics = read_json(path)
        missing = [key for key in SEGMENT_KEYS if not isinstance(metrics, dict) or key not in metrics]
        if missing:
            raise InputError(f"{path}: {missing[0]} is missing; delete it and run again")
        segments.append(metrics)
    return segments


def segment_table(segments: Iterable[Mapping]) -> pd.DataFrame:
    """Table 1, one row per segmenter.

    Returns
    -------
    DataFrame with dataset, architecture, encoder, scales ("0.5 1.0"), num_annotated, annotation, num_test,
    iou_<class> (percent; empty where the class is not the data set's), miou (percent; empty without true
    masks), published and published_note.
    """
    rows = [
        {
            **{key: segment[key] for key in [*SEGMENT_TEXTS, *SEGMENT_COUNTS]},
            "scales": " ".join(str(scale) for scale in segment["scales"]),
            **{f"iou_{name}": value for name, value in segment["iou"].items()},
            "miou": segment["miou"],
        }
        for segment in segments
    ]
    table = pd.DataFrame(rows)
    ious = [column for column in table.columns if column.startswith("iou_")]
    table[[*ious, "miou"]] = table[[*ious, "miou"]].astype(float)
    printed = read_published("table1")[["dataset", "published", "published_note"]]
    return with_notes(
        table[[*SEGMENT_TEXTS, "scales", *SEGMENT_COUNTS, *ious, "miou"]].merge(
            printed, on="dataset", how="left"
        )
    )


def segment_text(table: Table, frame: pd.DataFrame) -> str:
    """Table 1 for a reader, a part for each data set."""
    parts = [f"# {table.title}"]
    for dataset, group in frame.groupby("dataset", sort=False):
        ious = [name for name in frame.columns if name.startswith("iou_") and group[name].notna().any()]
        classes = [name.removeprefix("iou_").replace("_", " ") for name in ious]
        header = ["network", "scales", "annotation", "images annotated", "test images"]
        header += [*classes, "mIoU", "published mIoU"]
        rows = [
            [
                f"{row['architecture']} ({row['encoder']})",
                str(row["scales"]).replace(" ", ", "),
                conspicuous(row["annotation"]),
                str(row["num_annotated"]),
                str(row["num_test"]),
                *(number(row[name]) for name in ious),
                number(row["miou"]),
                number(row["published"], table.decimals),
            ]
            for _, row in group.iterrows()
        ]
        parts += [f"## {labels.dataset_label(dataset)}", markdown_table(rows, header)]
    notes = [*those_of(table.notes, frame), *remarks(frame)]
    if frame["miou"].isna().any():
        notes.append(f"{NOT_THERE}: no test image has a true mask, so nothing can be measured.")
    return page([*parts, bullets([*notes, *those_of(table.last_notes, frame)])])
