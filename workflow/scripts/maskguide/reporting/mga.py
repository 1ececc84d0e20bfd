"""The MGA paper's Table 1, segmentation: tidy numbers, and the page for a reader."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from pathlib import Path

import pandas as pd

from maskguide.plan.tables import Table
from maskguide.reporting import text
from maskguide.reporting.measures import read_measures
from maskguide.reporting.published import read_published, with_published

TEXTS = ["dataset", "architecture", "encoder"]
COUNTS = ["num_annotated", "annotation", "num_test"]


def read_segments(paths: Iterable[str | Path]) -> list[dict]:
    """The `metrics.json` of each segmenter; `InputError` where one is missing or broken."""
    return [read_measures(path, [*TEXTS, "scales", *COUNTS, "iou", "miou"]) for path in paths]


def segment_table(segments: Iterable[Mapping]) -> pd.DataFrame:
    """Table 1, one row per segmenter.

    With dataset, architecture, encoder, scales ("0.5 1.0"), num_annotated, annotation, num_test, iou_<class>
    (percent; empty where the class is not the data set's), miou (percent; empty without true masks),
    published and published_note.
    """
    same = [*TEXTS, "scales", *COUNTS]
    rows = [
        {key: segment[key] for key in same}
        | {"scales": " ".join(map(str, segment["scales"]))}
        | {f"iou_{name}": value for name, value in segment["iou"].items()}
        | {"miou": segment["miou"]}
        for segment in segments
    ]
    frame = pd.DataFrame(rows)
    ious = [*(column for column in frame if column.startswith("iou_")), "miou"]
    frame = frame[[*same, *ious]].astype(dict.fromkeys(ious, float))
    return with_published(frame, read_published("table1"), ["dataset"])


def segment_text(table: Table, frame: pd.DataFrame) -> str:
    """Table 1 for a reader, a part for each data set."""

    def parts(_: str, group: pd.DataFrame) -> list[str]:
        ious = [name for name in group if name.startswith("iou_") and group[name].notna().any()]
        columns = [
            ("network", lambda row: f"{row['architecture']} ({row['encoder']})"),
            ("scales", lambda row: str(row["scales"]).replace(" ", ", ")),
            ("annotation", lambda row: text.conspicuous(row["annotation"])),
            ("images annotated", "num_annotated"),
            ("test images", "num_test"),
            *(
                (name.removeprefix("iou_").replace("_", " "), lambda row, name=name: text.number(row[name]))
                for name in ious
            ),
            ("mIoU", lambda row: text.number(row["miou"])),
            ("published mIoU", lambda row: text.number(row["published"], table.decimals)),
        ]
        return [text.table_of(group, columns)]

    notes = [*text.those_of(table.notes, frame), *text.remarks(frame)]
    if frame["miou"].isna().any():
        notes.append(f"{text.NOT_THERE}: no test image has a true mask, so nothing can be measured.")
    return text.page(table, frame, [*notes, *text.those_of(table.last_notes, frame)], parts)
