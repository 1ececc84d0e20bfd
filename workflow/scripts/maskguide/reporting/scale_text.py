"""The ACA paper's tables for a reader: accuracies, each scale and head, and attended boxes."""

from __future__ import annotations

import pandas as pd

from maskguide.reporting import labels
from maskguide.reporting.runs import CELL
from maskguide.reporting.scale_tables import ALL, HEADS
from maskguide.reporting.table_parts import (
    NOT_THERE,
    ORIGINS,
    accuracy_notes,
    accuracy_sections,
    bullets,
    markdown_table,
    not_run_notes,
    number,
    page,
    protocol,
    remarks,
    test_notes,
)

TITLES = {
    "aca_table2": "ACA, Table 2 (the paper's data set: CUB-200-2011). Accuracy on the test images, percent",
    "aca_table3": "ACA, Table 3 (the paper's data set: Stanford Cars). Accuracy on the test images, percent",
    "aca_table4": "ACA, Table 4 (the paper's data set: FGVC-Aircraft). Accuracy on the test images, percent",
    "aca_table5": "ACA, Table 5. One loss alone: accuracy on the test images, percent",
    "aca_table6": "ACA, Table 6. Each scale and each classifier: accuracy on the test images, percent",
    "aca_boxes": "ACA, Figure 7. Attended and true boxes in the test images: intersection over union (IoU)",
}
BEST_EPOCH = (
    "the epoch whose accuracy on the test images is highest. It is selected on the test set and so flatters "
    "its row. A row that averages networks has none: both columns show the networks' last epochs."
)
PUBLISHED = (
    "Published: printed in the paper (ResNet50, short edge of 448 pixels, 16 local classifiers, 40 epochs at "
    "each scale), not measured here; it stands only beside the same data set, method and backbone. Which "
    "epoch the paper reports, it does not say."
)
STRUCTURED = (
    "Structured annotation: whether people drew more than a class label for the training images, such as "
    "parts or boxes; of published rows as the paper says it."
)
SINGLE, MULTI = "max pooling, single scale", "max pooling, multi-scale*"
TRAINED_ON = (
    "*: trained on the images that ACA cut out. At scale 1 they are the whole images, at each further scale "
    "what ACA attended to one scale before, enlarged."
)
NETWORKS = (
    "A row of all scales averages one network for each scale, each trained for all the epochs named above; "
    "a row of one scale is one network."
)
CONTROLS = "Variants and controls, which the paper's table does not have:"
HEAD_NAMES = {"local": "local classifiers", "object": "object classifier", "average": "average"}


def accuracy_text(
    table: pd.DataFrame, measured: pd.DataFrame, name: str, tests: pd.DataFrame | None = None
) -> str:
    """Table 2, 3, 4 or 5 for a reader; `measured` are the runs behind it."""
    origins = ORIGINS if measured["masks"].notna().any() else {}
    if "structured_annotation" in table:
        origins = {
            "structured annotation": lambda row: row["structured_annotation"].replace("-", NOT_THERE),
            **origins,
        }
    sections = accuracy_sections(table, measured, tests, 1, _row_name, CONTROLS, origins)
    return page([f"# {TITLES[name]}", *sections, bullets(_accuracy_notes(table, name, tests))])


def _row_name(row: pd.Series) -> str:
    """How a row is called: the paper's baselines by their backbone, all others by their method."""
    if row["method"] in ("maxpool-s1", "maxpool"):
        backbone = labels.BACKBONES.get(row["backbone"], row["backbone"])
        return f"{backbone}, {SINGLE if row['method'] == 'maxpool-s1' else MULTI}"
    label = labels.method_label(row["method"], row["backbone"])
    return label if row["seeds"] else f"{label}, published, not measured here"


def _accuracy_notes(table: pd.DataFrame, name: str, tests: pd.DataFrame | None) -> list[str]:
    notes = accuracy_notes(table, BEST_EPOCH, PUBLISHED)
    if (table["method"] == "maxpool").any():
        notes.append(TRAINED_ON)
    notes.append(NETWORKS)
    if "structured_annotation" in table:
        notes.append(STRUCTURED)
    if name == "aca_table5":
        notes.append(
            "Local loss alone: the local classifiers learn and answer; object loss alone: the classifier of "
            "the whole attended region does. ACA without an addition has both losses, its answer is their "
            "average."
        )
    notes += [*remarks(table), *not_run_notes(table, name, decimals=1)]
    if tests is not None and len(tests):
        notes += test_notes(tests)
    return notes


def scale_text(table: pd.DataFrame, measured: pd.DataFrame) -> str:
    """Table 6 for a reader: a row per head, a column per scale; `measured` are the runs behind it."""
    parts = [f"# {TITLES['aca_table6']}"]
    for dataset, of_dataset in table.groupby("dataset", sort=False):
        parts += [
            f"## {labels.dataset_label(dataset)}",
            protocol(measured[measured["dataset"] == dataset]),
            _scale_rows(of_dataset),
        ]
    notes = [
        "Measured cells: the last epoch, mean ± sample standard deviation (n − 1) over seeds.",
        "All scales: the answers of the networks of all scales averaged.",
        "Average: of the answers of the local classifiers (averaged over classifiers and places) and of the "
        "object classifier. A row that names none has a single one.",
        PUBLISHED,
    ]
    if (table["seeds"] == 1).any():
        notes.append("Rows with one seed have no standard deviation.")
    return page([*parts, bullets(notes + remarks(table))])


def _scale_rows(of_dataset: pd.DataFrame) -> str:
    """Table 6 of one data set, as a Markdown table."""
    scales = of_dataset["scale"].drop_duplicates().tolist()
    scales = sorted(scales, key=lambda scale: (scale == ALL, scale))
    names = ["all scales" if scale == ALL else f"scale {scale}" for scale in scales]
    printed = of_dataset["published"].notna().any()
    rows = []
    for cell, group in of_dataset.groupby(CELL, sort=False):
        method = labels.method_label(cell[1], cell[2]).replace(", all scales", "")
        both = set(HEADS) <= set(group["head"])
        for head in HEADS if both else ["average"]:
            by_scale = group[group["head"] == head].set_index("scale")
            found = by_scale.reindex(scales)
            cells = [
                number(row["mean"]) if pd.isna(row["std"]) else f"{row['mean']:.1f} ± {row['std']:.1f}"
                for _, row in found.iterrows()
            ]
            published = [number(value) for value in found["published"]] if printed else []
            name = f"{method}, {HEAD_NAMES[head]}" if both else method
            rows.append([name, str(by_scale["seeds"].iloc[0]), *cells, *published])
    header = ["answer", "seeds", *names, *(f"published, {name}" for name in names if printed)]
    return markdown_table(rows, header)


def box_text(table: pd.DataFrame) -> str:
    """Attended boxes for a reader."""
    parts = [f"# {TITLES['aca_boxes']}"]
    for dataset, group in table.groupby("dataset", sort=False):
        header = ["method", "true boxes", "test images", "seeds", "mean IoU", "whole image's IoU"]
        header += ["nothing or all attended", "published"]
        rows = [
            [
                labels.method_label(row["method"], row["backbone"]),
                NOT_THERE if pd.isna(row["truth"]) else str(row["truth"]),
                str(row["num_images"]),
                str(row["seeds"]),
                number(row["iou_mean"], 3)
                + ("" if pd.isna(row["iou_std"]) else f" ± {number(row['iou_std'], 3)}"),
                number(row["iou_whole_image"], 3),
                number(row["nothing_attended"]),
                number(row["published"], 2),
            ]
            for _, row in group.iterrows()
        ]
        parts += [f"## {labels.dataset_label(dataset)}", markdown_table(rows, header)]
    notes = [
        "IoU, from 0 to 1, of the smallest box around the attended cells and the smallest box around the "
        "true object, averaged over the test images that have a true box; ± sample standard deviation "
        "(n − 1) over seeds. Boxes of every scale are compared in the whole image.",
        "Whole image's IoU: what a box around the whole image gets, without any attention.",
        "Nothing or all attended: test images whose attention map is nowhere, or everywhere, above its "
        "threshold; a mean over seeds. Their attended box is the whole part of the image that was seen.",
        "Published: printed in the paper (CUB-200-2011, scale 1), not measured here.",
        *remarks(table),
    ]
    if (table["seeds"] == 1).any():
        notes.append("Rows with one seed have no standard deviation.")
    if table["iou_mean"].isna().any():
        notes.append(f"{NOT_THERE}: no test image has a true box, so nothing can be measured.")
    return page([*parts, bullets(notes)])
