"""What only the MGFE paper's tables have: Table I, detection of regions; notes on what the regions guide."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from pathlib import Path

import pandas as pd

from maskguide.plan.tables import Table
from maskguide.reporting import labels
from maskguide.reporting.published import read_published
from maskguide.reporting.runs import CELL
from maskguide.reporting.tables import with_notes
from maskguide.reporting.text import (
    NOT_THERE,
    accuracy_page,
    bullets,
    conspicuous,
    markdown_table,
    number,
    page,
    remarks,
    row_name,
    those_of,
)
from maskguide.system.files import InputError, read_json

DETECTOR_TEXTS = ["dataset", "architecture", "weights", "annotation"]
DETECTOR_COUNTS = [
    "image_size",
    "epochs",
    "num_annotated",
    "num_test",
    "num_images_train",
    "num_images_test",
]
DETECTOR_KEYS = [*DETECTOR_TEXTS, *DETECTOR_COUNTS, "confidence", "regions"]
OPTIONAL_KEYS = ["truth", "train_seconds"]
SCORES = ["map50", "map50_95", "precision", "recall"]
REGION_COUNTS = ["num_boxes", "missing_train", "missing_test"]
MEAN = "mean of regions"  # no region's name has a space
AGAIN = "delete it and run again"
ORIGINS = {
    "automatic": "**automatic**: what the detector (or MGA's segmenter) learnt from was drawn by image "
    "processing, not by a person.",
    "masks": "masks: the boxes that the detector learnt from were drawn around the publisher's masks.",
}
NOT_DETECTED = (
    "An image without a detection of a region has no mask of it and no attention loss for it; how many there "
    "were stands in Table I."
)
# What an option of a variant means, for a reader.
MEANINGS = {
    "content": "binarised masks: inside the boxes the binarised image; filled masks: the whole boxes",
    "counterparts": "masked counterparts: training images black outside the boxes, as extra training images",
    "shuffled": "boxes of other images: each training image with the region masks of another",
    "annotated": "so many annotated: the detector learnt from that many images",
}
PIXELS = "MGA: guided by masks of pixels instead of boxes"


def read_detectors(paths: Iterable[str | Path]) -> list[dict]:
    """The `metrics.json` of each detector.

    Raises
    ------
    InputError
        If one is missing or broken, has a score that is no percentage, or stands for the same data set and
        number of annotated images as another.
    """
    detectors: list[dict] = []
    seen: dict[tuple, str] = {}
    for path in paths:
        metrics = read_json(path)
        if not isinstance(metrics, dict):
            raise InputError(f"{path}: holds no measurements; {AGAIN}")
        _check(path, metrics, [*DETECTOR_KEYS, *SCORES], "")
        if not isinstance(metrics["regions"], dict) or not metrics["regions"]:
            raise InputError(f"{path}: names no regions; {AGAIN}")
        for name, region in metrics["regions"].items():
            _check(path, region if isinstance(region, dict) else {}, [*SCORES, *REGION_COUNTS], f"{name}: ")
        cell = (metrics["dataset"], metrics["num_annotated"])
        if cell in seen:
            raise InputError(
                f"{path}: {seen[cell]} is also of {cell[0]} with {cell[1]} annotated images; give one"
            )
        seen[cell] = str(path)
        detectors.append(metrics)
    return detectors


def _check(path: str | Path, record: Mapping, keys: Iterable[str], where: str) -> None:
    """`InputError` where a key is missing or a score is neither null nor a percentage."""
    for key in keys:
        if key not in record:
            raise InputError(f"{path}: {where}{key} is missing; {AGAIN}")
        value = record[key]
        if key in SCORES and value is not None and not (isinstance(value, int | float) and 0 <= value <= 100):
            raise InputError(f"{path}: {where}{key} is {value}, not a percentage; {AGAIN}")


def detection_table(detectors: Iterable[Mapping]) -> pd.DataFrame:
    """Table I: for each detector a row per region, then one for their mean, as `region` says.

    Returns
    -------
    DataFrame with dataset, architecture, image_size, weights, epochs, annotation, num_annotated, region,
    num_test (test images whose true boxes are known), truth (where those come from, as annotation says it of
    the training images), num_boxes (true boxes in them), map50, map50_95,
    precision, recall (percent; empty without true boxes), confidence, missing (images in which the region
    was not found above this confidence; empty for the mean), missing_train, missing_test (its two parts),
    num_images, train_seconds, published (mAP@0.5, percent, beside the mean) and published_note. Detectors
    of a data set stand together, fewer annotated images first.
    """
    rows = []
    for detector in detectors:
        same = {
            key: detector[key] for key in [*DETECTOR_TEXTS, *DETECTOR_COUNTS, "confidence", "train_seconds"]
        }
        same |= {key: detector.get(key) for key in OPTIONAL_KEYS}
        same["num_images"] = same.pop("num_images_train") + same.pop("num_images_test")
        for name, region in detector["regions"].items():
            missing = region["missing_train"] + region["missing_test"]
            counts = {key: region[key] for key in REGION_COUNTS}
            rows.append({**same, "region": name, **_scores(region), **counts, "missing": missing})
        boxes = sum(region["num_boxes"] for region in detector["regions"].values())
        rows.append({**same, "region": MEAN, **_scores(detector), "num_boxes": boxes})
    first = ["dataset", "architecture", "image_size", "weights", "epochs", "annotation", "num_annotated"]
    counted = ["confidence", "missing", "missing_train", "missing_test", "num_images", "train_seconds"]
    table = pd.DataFrame(rows)[[*first, "region", "num_test", "truth", "num_boxes", *SCORES, *counted]]
    table[SCORES] = table[SCORES].astype(float)
    missing = ["missing", "missing_train", "missing_test"]
    table[missing] = table[missing].astype("Int64")
    order = table["dataset"].drop_duplicates().tolist()
    table["place"] = table["dataset"].map(order.index)
    table = table.sort_values(["place", "num_annotated"], kind="stable", ignore_index=True)
    printed = read_published("mgfe_table1")[["dataset", "published", "published_note"]].copy()
    table = table.drop(columns="place").merge(
        printed.assign(region=MEAN), on=["dataset", "region"], how="left"
    )
    return with_notes(table)


def shown_rows(table: pd.DataFrame) -> pd.DataFrame:
    """Rows of `detection_table` to show: the mean of a single region only beside a published number."""
    regions = table.groupby(["dataset", "num_annotated"])["region"].transform("size") - 1
    return table[(table["region"] != MEAN) | (regions > 1) | table["published"].notna()]


def _scores(record: Mapping) -> dict:
    return {key: record[key] for key in SCORES}


def detection_text(table: Table, frame: pd.DataFrame) -> str:
    """Table I for a reader."""
    parts = [f"# {table.title}"]
    for dataset, group in frame.groupby("dataset", sort=False):
        parts += [f"## {labels.dataset_label(dataset)}", _detector_protocol(group), _detection_rows(group)]
    notes = [*those_of(table.notes, frame), *_origin_notes(frame), *remarks(frame)]
    if frame["map50"].isna().any():
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
    table: Table, frame: pd.DataFrame, measured: pd.DataFrame, tests: pd.DataFrame | None
) -> str:
    """Table II or III for a reader: the ablation calls the paper's rows by the regions that guided."""
    regions = {tuple(row[key] for key in CELL): row["regions"] for _, row in measured.iterrows()}

    def called(table: Table, row: pd.Series) -> str:
        guiding = regions.get(tuple(row[key] for key in CELL))
        if table.kind == "ablation" and row["role"] == "paper" and not pd.isna(guiding):
            return " + ".join(
                [labels.backbone_label(row["backbone"]), *(f"M_{each}" for each in guiding.split())]
            )
        return row_name(table, row)

    return accuracy_page(table, frame, measured, tests, called, _notes(frame, measured))


def _notes(frame: pd.DataFrame, measured: pd.DataFrame) -> list[str]:
    """What the variants in the table are, and where their regions come from."""
    guided = [labels.variant(name) for name in frame["method"].unique()]
    guided = [variant for variant in guided if variant.method == "mgfe"]
    notes = []
    if guided:
        plain = measured["method"].isin([each.name for each in guided if "activation" not in each.options])
        configured = sorted(measured.loc[plain, "activation"].dropna().unique())
        if configured:
            notes.append(f"Rows of MGFE that name no activation have {' / '.join(configured)}.")
        notes.append(NOT_DETECTED)
    there = [MEANINGS[option] for option in MEANINGS if any(option in each.options for each in guided)]
    there += [PIXELS] if any(labels.variant(name).method == "mga" for name in frame["method"]) else []
    notes += [f"Variants and controls: {'; '.join(there)}."] if there else []
    return notes + _origin_notes(frame)


def _origin_notes(frame: pd.DataFrame) -> list[str]:
    """What the kinds of annotation in the table mean, where the word does not say it."""
    kinds = {kind for origin in frame["annotation"].dropna() for kind in origin.split("+")}
    return [note for kind, note in ORIGINS.items() if kind in kinds]
