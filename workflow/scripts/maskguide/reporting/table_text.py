"""The MGA paper's tables for a reader: Markdown with protocol above and notes below."""

from __future__ import annotations

import pandas as pd

from maskguide.reporting import labels
from maskguide.reporting.table_parts import (
    NOT_THERE,
    accuracy_notes,
    accuracy_sections,
    bullets,
    conspicuous,
    markdown_table,
    not_run_notes,
    number,
    page,
    remarks,
    test_notes,
)

TITLES = {
    "table1": "Table 1. Segmentation of the test images: intersection over union (IoU), percent",
    "table2": "Table 2. Accuracy on the test images, percent",
    "table3": "Table 3. Accuracy beside handcrafted contour features, percent",
    "table4": "Table 4. Ablation: what attention adds, and what guiding it by a mask adds; accuracy, percent",
}
ABLATION_ROWS = {
    "baseline": "baseline",
    "attention": "+ attention",
    "mga": "+ attention + mask guidance (MGA)",
}
BEST_EPOCH = (
    "the epoch whose accuracy on the test images is highest, the paper's protocol. It is selected on the "
    "test set and so flatters every row."
)
PUBLISHED = (
    "Published: printed in the paper (its code: 448-pixel crops, 150 epochs, best epoch), not measured "
    "here; it stands only beside the same data set, method and backbone."
)
AUTOMATIC = (
    "**automatic** marks (what the segmenter learnt from) and **auto** masks were drawn by image processing, "
    "not by a person."
)


def segment_text(table: pd.DataFrame) -> str:
    """Table 1 for a reader, a part for each data set."""
    parts = [f"# {TITLES['table1']}"]
    for dataset, group in table.groupby("dataset", sort=False):
        ious = [name for name in table.columns if name.startswith("iou_") and group[name].notna().any()]
        classes = [name.removeprefix("iou_").replace("_", " ") for name in ious]
        header = [
            "network",
            "scales",
            "annotation",
            "images annotated",
            "test images",
            *classes,
            "mIoU",
            "published mIoU",
        ]
        rows = [
            [
                f"{row['architecture']} ({row['encoder']})",
                str(row["scales"]).replace(" ", ", "),
                conspicuous(row["annotation"]),
                str(row["num_annotated"]),
                str(row["num_test"]),
                *(number(row[name]) for name in ious),
                number(row["miou"]),
                number(row["published"], 2),
            ]
            for _, row in group.iterrows()
        ]
        parts += [f"## {labels.dataset_label(dataset)}", markdown_table(rows, header)]
    notes = [
        "mIoU: mean over the classes, background among them; pixels are counted over all test images that "
        "have a true mask.",
        "Published: printed in the paper for its HMSANet, a far larger network; not measured here.",
        *remarks(table),
    ]
    if table["miou"].isna().any():
        notes.append(f"{NOT_THERE}: no test image has a true mask, so nothing can be measured.")
    if table["annotation"].str.contains("automatic", na=False).any():
        notes.append(AUTOMATIC)
    return page([*parts, bullets(notes)])


def accuracy_text(
    table: pd.DataFrame, measured: pd.DataFrame, name: str, tests: pd.DataFrame | None = None
) -> str:
    """Table 2, 3 or 4 for a reader; `measured` are the runs behind it, `tests` those of Table 4."""
    sections = accuracy_sections(
        table,
        measured,
        tests,
        decimals=1 if name == "table3" else 2,
        row_name=lambda row: _row_name(row, name),
        controls_heading="Controls, which the paper did not run:",
    )
    return page([f"# {TITLES[name]}", *sections, bullets(_accuracy_notes(table, name, tests))])


def _row_name(row: pd.Series, name: str) -> str:
    """How a row is called: by its step in the ablation, by its backbone among baselines, by its method."""
    backbone = labels.BACKBONES.get(row["backbone"], row["backbone"])
    if name == "table4" and row["method"] in ABLATION_ROWS:
        return f"{backbone}, {ABLATION_ROWS[row['method']]}"
    if name == "table2" and row["method"] == "baseline":
        return backbone
    return labels.method_label(row["method"], row["backbone"])


def _accuracy_notes(table: pd.DataFrame, name: str, tests: pd.DataFrame | None) -> list[str]:
    notes = accuracy_notes(table, BEST_EPOCH, PUBLISHED)
    if (table["backbone"] == "contour").any():
        notes.append(
            "MDM compares contours with the nearest neighbour: no training, so no epochs and no seeds."
        )
    notes += remarks(table)
    notes += not_run_notes(table, name)
    if table["annotation"].str.contains("automatic", na=False).any() or (table["masks"] == "auto").any():
        notes.append(AUTOMATIC)
    if (table["role"] == "control").any():
        notes.append(
            "Controls: truth, the true masks of the training images; shuffled, each image with another's "
            "mask; auto, masks without a segmenter; segmenter, masks inferred by the segmenter."
        )
    if tests is not None and len(tests):
        notes += test_notes(tests)
    return notes
