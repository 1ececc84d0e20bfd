"""The MGFE paper's tables for a reader: detection of regions, and classification guided by them."""

from __future__ import annotations

from collections.abc import Mapping
from functools import partial

import pandas as pd

from maskguide.reporting import labels, region_variants
from maskguide.reporting.region_tables import shown_rows
from maskguide.reporting.runs import CELL
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
from maskguide.reporting.tables import PUBLISHED_ONLY

TITLES = {
    "mgfe_table1": "MGFE, Table I. Detection of regions in the test images, percent",
    "mgfe_table2": "MGFE, Table II. Accuracy on the test images, percent",
    "mgfe_table3": "MGFE, Table III. Ablation: what each region adds; accuracy on the test images, percent",
}
BEST_EPOCH = (
    "the epoch whose accuracy on the test images is highest. It is selected on the test set and so flatters "
    "every row; which epoch the paper reports, it does not say."
)
PUBLISHED = (
    "Published: printed in the paper (its images: resized to 512 pixels, crops of 448), not measured here; "
    "it stands only beside the same data set, method and backbone."
)
BENCHMARKS = (
    "Improved B-CNN, NTS-Net, fast-MPN-COV, DCL, MaskCOV: published, not measured here; the paper took their "
    "numbers, and those of the plain backbones, from the MaskCOV paper."
)
WEIGHTS = (
    "α weighs the backbone's map M, β and γ the maps that the regions' attention multiplies. Where a region "
    "is left out, the remaining weights are divided by their sum, α/(α+β) and β/(α+β) with the first alone, "
    "for they must add up to 1 (equation 6); the paper does not say what it did there."
)
ACTIVATION = (
    "Softmax (the paper's): the values of an attention map add up to 1, so they cannot reach a target whose "
    "maximum is 1; with sigmoid each value is free between 0 and 1."
)
NOT_DETECTED = (
    "An image without a detection of a region has no mask of it and no attention loss for it; how many there "
    "were stands in Table I."
)
ORIGINS = {
    "automatic": "**automatic**: what the detector (or MGA's segmenter) learnt from was drawn by image "
    "processing, not by a person.",
    "masks": "masks: the boxes that the detector learnt from were drawn around the publisher's masks.",
}
CONTROLS = "Variants and controls, which the paper did not run:"


def detection_text(table: pd.DataFrame) -> str:
    """Table I for a reader."""
    parts = [f"# {TITLES['mgfe_table1']}"]
    for dataset, group in table.groupby("dataset", sort=False):
        parts += [f"## {labels.dataset_label(dataset)}", _detector_protocol(group), _detection_rows(group)]
    notes = [
        "mAP@0.5, the paper's measure: average precision, a detection being right if its IoU with a true box "
        "is at least 0.5, averaged over the regions; mAP@0.5:0.95 averages over the IoU thresholds 0.5, "
        "0.55, …, 0.95. Precision and recall: at IoU 0.5 and the confidence where F1 is highest.",
        "Test images: those whose true boxes are known; the detector learnt from none of them.",
        "Not found: of all training and test images, those in which the detector saw no such region with at "
        "least the confidence named above the rows. They get no mask of it and no attention loss for it.",
        "Published: the paper's mAP@0.5 over its regions, not measured here.",
        *_origin_notes(table),
        *remarks(table),
    ]
    if table["map50"].isna().any():
        notes.append(f"{NOT_THERE}: no test image has a true box, so nothing can be measured.")
    return page([*parts, bullets(notes)])


def _detector_protocol(group: pd.DataFrame) -> str:
    """One sentence: which detector, and how it was trained."""
    words = []
    for column, form in {
        "architecture": "{}",
        "image_size": "images of {} pixels",
        "weights": "starting weights {}",
        "epochs": "{} epochs",
        "confidence": "confidence {}",
    }.items():
        values = " / ".join(str(value).rsplit("/", 1)[-1] for value in group[column].unique())
        words.append(form.format(values))
    seconds = " / ".join(f"{value:.0f}" for value in group["train_seconds"].dropna().unique())
    trained = f"; trained in {seconds} seconds" if seconds else ""
    truth = " / ".join(group["truth"].dropna().unique())
    return f"Detector: {', '.join(words)}{trained}." + (f" True boxes: {truth}." if truth else "")


def _detection_rows(group: pd.DataFrame) -> str:
    """The rows of one data set, as a Markdown table."""
    header = ["region", "boxes by", "images annotated", "test images", "true boxes"]
    header += ["mAP@0.5", "mAP@0.5:0.95", "precision", "recall", "not found", "published mAP@0.5"]
    rows = [
        [
            row["region"].replace("_", " "),
            conspicuous(row["annotation"]),
            str(row["num_annotated"]),
            str(row["num_test"]),
            str(row["num_boxes"]),
            *(number(row[score]) for score in ("map50", "map50_95", "precision", "recall")),
            NOT_THERE if pd.isna(row["missing"]) else f"{row['missing']} of {row['num_images']}",
            number(row["published"]),
        ]
        for _, row in shown_rows(group).iterrows()
    ]
    return markdown_table(rows, header)


def accuracy_text(
    table: pd.DataFrame, measured: pd.DataFrame, name: str, tests: pd.DataFrame | None = None
) -> str:
    """Table II or III for a reader; `measured` are the runs behind it, `tests` those of Table III."""
    regions = {tuple(row[key] for key in CELL): row["regions"] for _, row in measured.iterrows()}
    row_name = partial(_row_name, name, regions)
    sections = accuracy_sections(table, measured, tests, 2, row_name, CONTROLS)
    return page([f"# {TITLES[name]}", *sections, bullets(_notes(table, measured, name, tests))])


def _row_name(name: str, regions: Mapping[tuple, str | None], row: pd.Series) -> str:
    """How a row is called: by its regions in the ablation, by its backbone among baselines, by its method.

    `regions` has, for each data set, method and backbone that was run, the names of the guiding regions.
    """
    backbone = labels.BACKBONES.get(row["backbone"], row["backbone"])
    if row["method"] == "baseline":
        return backbone
    label = labels.method_label(row["method"], row["backbone"])
    if not row["seeds"]:
        return f"{label}, published, not measured here"
    variant = region_variants.parse(row["method"])
    if name == "mgfe_table3" and variant is not None and not variant.control:
        guiding = regions[tuple(row[key] for key in CELL)]
        return (
            label if pd.isna(guiding) else " + ".join([backbone, *(f"M_{each}" for each in guiding.split())])
        )
    return label


def _notes(table: pd.DataFrame, measured: pd.DataFrame, name: str, tests: pd.DataFrame | None) -> list[str]:
    notes = accuracy_notes(table, BEST_EPOCH, PUBLISHED)
    variants = {method: region_variants.parse(method) for method in table["method"].unique()}
    guided = [variant for variant in variants.values() if variant is not None]
    if table["method"].isin(PUBLISHED_ONLY["mgfe_table2"]).any():
        notes.append(BENCHMARKS)
    if guided:
        notes += [*([WEIGHTS] if name == "mgfe_table3" else []), ACTIVATION]
        plain = measured["method"].isin(
            [method for method, each in variants.items() if each and not each.activation]
        )
        configured = sorted(measured.loc[plain, "activation"].dropna().unique())
        if configured:
            notes.append(f"Rows of MGFE that name no activation have {' / '.join(configured)}.")
        notes.append(NOT_DETECTED)
    notes += _variant_notes(table, guided)
    notes += [*_origin_notes(table), *remarks(table), *not_run_notes(table, name)]
    if tests is not None and len(tests):
        notes += test_notes(tests)
    return notes


def _origin_notes(table: pd.DataFrame) -> list[str]:
    """What the kinds of annotation in the table mean, where the word does not say it."""
    kinds = {kind for origin in table["annotation"].dropna() for kind in origin.split("+")}
    return [note for kind, note in ORIGINS.items() if kind in kinds]


def _variant_notes(table: pd.DataFrame, guided: list[region_variants.RegionVariant]) -> list[str]:
    """What the variants and controls in the table are."""
    meanings = {
        "binarised masks: inside the boxes the binarised image; filled masks: the whole boxes": any(
            variant.content for variant in guided
        ),
        "masked counterparts: training images black outside the boxes, as extra training images": any(
            variant.counterparts for variant in guided
        ),
        "boxes of other images: each training image with the region masks of another": any(
            variant.shuffled for variant in guided
        ),
        "so many annotated: the detector learnt from that many images": any(
            variant.count is not None for variant in guided
        ),
        "MGA: guided by masks of pixels instead of boxes": table["method"].str.startswith("mga").any(),
    }
    there = [meaning for meaning, is_there in meanings.items() if is_there]
    return [f"Variants and controls: {'; '.join(there)}."] if there else []
