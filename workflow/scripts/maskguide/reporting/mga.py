"""The MGA paper's Table 1, segmentation: tidy numbers, and the page for a reader."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from pathlib import Path

import pandas as pd

from maskguide.plan.tables import Table
from maskguide.reporting import markdown, text
from maskguide.reporting.measures import check_single, read_measures, split_of_path
from maskguide.reporting.published import read_published, with_published

TEXTS = ["dataset", "architecture", "encoder"]
COUNTS = ["num_annotated", "annotation", "num_test"]


def read_segments(paths: Iterable[str | Path]) -> list[dict]:
    """The `metrics.json` of each segmenter, with `split` and `judged_on` by its folder (`split_of_path`).

    `InputError` where one is missing or broken.
    """
    return [
        read_measures(path, [*TEXTS, "scales", *COUNTS, "iou", "miou"])
        | dict(zip(("split", "judged_on"), split_of_path(path), strict=True))
        for path in paths
    ]


def segment_table(segments: Iterable[Mapping]) -> pd.DataFrame:
    """Table 1, one row per segmenter; those of several splits are one row, their mean.

    With dataset, architecture, encoder, scales ("0.5 1.0"), splits (how many), judged_on ("test" or
    "validation"), num_annotated, annotation, num_test (of all splits together), iou_<class> (percent; empty
    where the class is not the data set's), miou (percent; empty without true masks), miou_std (over splits,
    n - 1), published, published_how and published_note. `InputError` for two of one split.
    """
    same = [*TEXTS, "scales", "judged_on", "num_annotated", "annotation"]
    rows = [
        {key: segment[key] for key in [*same, "split", "num_test"]}
        | {"scales": " ".join(map(str, segment["scales"]))}
        | {f"iou_{name}": value for name, value in segment["iou"].items()}
        | {"miou": segment["miou"]}
        for segment in segments
    ]
    frame = pd.DataFrame(rows)
    check_single(frame, [*same, "split"], "{dataset}: two segmenters of split {split}; give one")
    ious = [*(column for column in frame if column.startswith("iou_")), "miou"]
    frame = frame.astype(dict.fromkeys(ious, float))
    groups = frame.groupby(same, sort=False, dropna=False)
    means = groups[ious].mean().assign(miou_std=groups["miou"].std())
    means.insert(0, "splits", groups.size())
    means.insert(1, "num_test", groups["num_test"].sum())
    frame = means.reset_index()[[*TEXTS, "scales", "splits", "judged_on", *COUNTS, *ious, "miou_std"]]
    return with_published(frame, read_published("table1"), ["dataset"])


def segment_text(table: Table, frame: pd.DataFrame) -> str:
    """Table 1 for a reader, a part for each data set."""

    def parts(_: str, group: pd.DataFrame) -> list[str]:
        ious = [name for name in group if name.startswith("iou_") and group[name].notna().any()]
        columns = [
            ("network", lambda row: f"{row['architecture']} ({row['encoder']})"),
            ("scales", lambda row: str(row["scales"]).replace(" ", ", ")),
            ("annotation", lambda row: markdown.conspicuous(row["annotation"])),
            *text.of_splits(frame),
            ("images annotated", "num_annotated"),
            ("test images", "num_test"),
            *(
                (
                    name.removeprefix("iou_").replace("_", " "),
                    lambda row, name=name: markdown.number(row[name]),
                )
                for name in ious
            ),
            ("mIoU", lambda row: markdown.mean_std(row["miou"], row["miou_std"])),
            ("published mIoU", lambda row: markdown.number(row["published"], table.decimals)),
        ]
        return [markdown.table_of(group, columns)]

    notes = [*text.those_of(table.notes, frame), *text.split_notes(frame), *text.remarks(frame)]
    if frame["miou"].isna().any():
        notes.append(f"{markdown.NOT_THERE}: no test image has a true mask, so nothing can be measured.")
    return text.page(table, frame, [*notes, *text.those_of(table.last_notes, frame)], parts)
