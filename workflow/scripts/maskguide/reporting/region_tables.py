"""The MGFE paper's Tables I–III as tidy numbers: detection of regions, and classification guided by them.

Tables II and III are `tables.accuracy_table`s named mgfe_table2 and mgfe_table3; what only they have is here.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import replace
from pathlib import Path

import pandas as pd

from maskguide.reporting import labels, region_variants
from maskguide.reporting.published import read_published
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
    return table.assign(published_note=table["published_note"].fillna(""))


def shown_rows(table: pd.DataFrame) -> pd.DataFrame:
    """Rows of `detection_table` to show: the mean of a single region only beside a published number."""
    regions = table.groupby(["dataset", "num_annotated"])["region"].transform("size") - 1
    return table[(table["region"] != MEAN) | (regions > 1) | table["published"].notna()]


def _scores(record: Mapping) -> dict:
    return {key: record[key] for key in SCORES}


def comparisons(methods: Iterable[str]) -> list[tuple[str, str]]:
    """Which differences Table III tests, the first minus the second; not all of them need be there.

    Each variant of MGFE against the baseline; each with an activation of its own against the configured one;
    true boxes against those of other images; MGFE against MGA.
    """
    names = labels.sort_methods(methods)
    variants = {name: variant for name in names if (variant := region_variants.parse(name)) is not None}
    return [
        *((name, "baseline") for name in variants),
        *(
            (name, replace(variant, activation=None).name)
            for name, variant in variants.items()
            if variant.activation
        ),
        *(
            (replace(variant, shuffled=False).name, name)
            for name, variant in variants.items()
            if variant.shuffled
        ),
        ("mgfe", "mga"),
    ]
