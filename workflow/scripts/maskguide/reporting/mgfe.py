"""What only the MGFE paper's tables have: Table I, detection of regions; notes on what the regions guide."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path

import pandas as pd

from maskguide.plan.tables import Table
from maskguide.reporting import labels, markdown, text
from maskguide.reporting.measures import AGAIN, check, read_measures, split_of_path
from maskguide.reporting.published import read_published, with_published
from maskguide.reporting.runs import CELL
from maskguide.system.files import InputError

NETWORK = ["dataset", "architecture", "image_size", "weights", "epochs", "annotation", "num_annotated"]
SCORES = ["map50", "map50_95", "precision", "recall"]
MISSING = ["missing_train", "missing_test"]
MEAN = "mean of regions"  # no region's name has a space
NOT_DETECTED = (
    "An image without a detection of a region has no mask of it and no attention loss for it; how many there "
    "were stands in Table I."
)
# What an option of a variant means, for a reader.
MEANINGS = {
    "reading": "as coded: by what the authors' published code means where it contradicts the paper, one 1×1 "
    "convolution for all maps, other weights; with its slips: by what that code does, masks cut apart from "
    "their images, the first mask the target of every map",
    "content": "binarised masks: inside the boxes the binarised image; filled masks: the whole boxes",
    "counterparts": "masked counterparts: training images black outside the boxes, as extra training images",
    "shuffled": "boxes of other images: each training image with the region masks of another",
    "annotated": "so many annotated: the detector learnt from that many images",
}
PIXELS = "MGA: guided by masks of pixels instead of boxes"


def read_detectors(paths: Iterable[str | Path]) -> list[dict]:
    """The `metrics.json` of each detector, with `split` and `judged_on` by its folder (`split_of_path`).

    `InputError` if one is missing or broken, has a score that is no percentage, or stands for the same data
    set, split and number of annotated images as another.
    """
    detectors: list[dict] = []
    seen: dict[tuple, str | Path] = {}
    for path in paths:
        keys = [*NETWORK, "num_test", "num_images_train", "num_images_test", "confidence", "regions"]
        metrics = read_measures(path, keys, SCORES)
        if not isinstance(metrics["regions"], dict) or not metrics["regions"]:
            raise InputError(f"{path}: names no regions; {AGAIN}")
        for name, region in metrics["regions"].items():
            region = region if isinstance(region, dict) else {}
            check(path, region, ["num_boxes", *MISSING], SCORES, where=f"{name}: ")
        split, judged_on = split_of_path(path)
        dataset, count, _ = cell = metrics["dataset"], metrics["num_annotated"], split
        if cell in seen:
            raise InputError(
                f"{path}: {seen[cell]} is also of {dataset}, split {split}, with {count} annotated images; "
                "give one"
            )
        seen[cell] = path
        detectors.append(metrics | {"split": split, "judged_on": judged_on})
    return detectors


def detection_table(detectors: Sequence[Mapping]) -> pd.DataFrame:
    """Table I: for each detector a row per region, then one for their mean, as `region` says.

    Those of several splits are one. With dataset, architecture, image_size, weights, epochs, annotation,
    num_annotated, region, splits (how many), judged_on ("test" or "validation"), num_test (test images
    whose true boxes are known), truth (where those come from, as annotation says it of the training
    images), num_boxes (true boxes in them), map50, map50_95, precision, recall (percent, mean over splits;
    empty without true boxes), map50_std (over splits, n - 1), confidence, missing (images in which the
    region was not found above this confidence; empty for the mean), missing_train, missing_test (its two
    parts), num_images, train_seconds (mean over splits), published (mAP@0.5, percent, beside the mean)
    published_how and published_note. Images and boxes are counted over all splits together. Detectors of a
    data set stand together, fewer annotated images first.
    """
    first, last = (
        [*NETWORK, "region", "splits", "judged_on", "num_test", "truth"],
        ["num_images", "train_seconds"],
    )
    rows, order = [], list(dict.fromkeys(detector["dataset"] for detector in detectors))
    for detector in sorted(detectors, key=lambda each: (order.index(each["dataset"]), each["num_annotated"])):
        regions = detector["regions"]
        boxes = sum(region["num_boxes"] for region in regions.values())
        images = detector["num_images_train"] + detector["num_images_test"]
        same = {**detector, **dict.fromkeys(MISSING), "num_images": images}
        for name, measured in {**regions, MEAN: {"num_boxes": boxes}}.items():
            rows.append({**same, "region": name, **measured})
    same = ["dataset", "num_annotated", "region"]
    columns = [*first, "num_boxes", *SCORES, "map50_std", "confidence", "missing", *MISSING, *last]
    frame = pd.DataFrame(rows).reindex(columns=columns)
    frame = frame.astype(
        {**dict.fromkeys([*SCORES, "train_seconds"], float), **dict.fromkeys(MISSING, "Int64")}
    )
    groups = frame.groupby(same, sort=False)
    counted = groups[["num_test", "num_boxes", *MISSING, "num_images"]].sum(min_count=1)
    means = groups[[*SCORES, "train_seconds"]].mean()
    of_splits = {"splits": groups.size(), "map50_std": groups["map50"].std()}
    frame = frame.drop_duplicates(same).set_index(same)
    frame = frame.assign(**counted, **means, **of_splits).reset_index()[columns]
    frame["missing"] = frame[MISSING[0]] + frame[MISSING[1]]
    return with_published(frame, read_published("mgfe_table1").assign(region=MEAN), ["dataset", "region"])


def shown_rows(table: pd.DataFrame) -> pd.DataFrame:
    """Rows of `detection_table` to show: the mean of a single region only beside a published number."""
    regions = table.groupby(["dataset", "num_annotated"])["region"].transform("size") - 1
    return table[(table["region"] != MEAN) | (regions > 1) | table["published"].notna()]


def detection_text(table: Table, frame: pd.DataFrame) -> str:
    """Table I for a reader."""
    missing = "{missing} of {num_images}"
    columns = [
        ("region", lambda row: row["region"].replace("_", " ")),
        ("boxes by", lambda row: markdown.conspicuous(row["annotation"])),
        *text.of_splits(frame),
        ("images annotated", "num_annotated"),
        ("test images", "num_test"),
        ("true boxes", "num_boxes"),
        ("mAP@0.5", lambda row: markdown.mean_std(row["map50"], row["map50_std"])),
        ("mAP@0.5:0.95", lambda row: markdown.number(row["map50_95"])),
        ("precision", lambda row: markdown.number(row["precision"])),
        ("recall", lambda row: markdown.number(row["recall"])),
        ("not found", lambda row: markdown.NOT_THERE if pd.isna(row["missing"]) else missing.format(**row)),
        ("published mAP@0.5", lambda row: markdown.number(row["published"])),
    ]
    notes = [*text.those_of(table.notes, frame), *text.split_notes(frame), *text.remarks(frame)]
    if frame["map50"].isna().any():
        notes.append(f"{markdown.NOT_THERE}: no test image has a true box, so nothing can be measured.")
    rows = shown_rows(frame)
    return text.page(
        table, rows, notes, lambda _, each: [_detector_protocol(each), markdown.table_of(each, columns)]
    )


def _detector_protocol(group: pd.DataFrame) -> str:
    """One sentence: which detector, and how it was trained."""
    forms = {"architecture": "{}", "image_size": "images of {} pixels", "weights": "starting weights {}"}
    words = []
    for column, form in {**forms, "epochs": "{} epochs", "confidence": "confidence {}"}.items():
        values = " / ".join(str(value).rsplit("/", 1)[-1] for value in group[column].unique())
        words.append(form.format(values))
    seconds = " / ".join(f"{value:.0f}" for value in group["train_seconds"].dropna().unique())
    trained = f"; trained in {seconds} seconds" if seconds else ""
    truth = " / ".join(group["truth"].dropna().unique())
    return f"Detector: {', '.join(words)}{trained}." + (f" True boxes: {truth}." if truth else "")


def accuracy_text(
    table: Table, frame: pd.DataFrame, measured: pd.DataFrame, tests: pd.DataFrame | None
) -> str:
    """Table II or III for a reader: the ablation calls the paper's rows by the regions that guided."""
    regions = measured.drop_duplicates(CELL).set_index(CELL)["regions"]

    def called(table: Table, row: pd.Series) -> str:
        guiding = regions.get(tuple(row[CELL]))
        if table.kind == "ablation" and row["role"] == "paper" and not pd.isna(guiding):
            backbone = labels.backbone_label(row["backbone"])
            return " + ".join([backbone, *(f"M_{region}" for region in guiding.split())])
        return text.row_name(table, row)

    return text.accuracy_page(table, frame, measured, tests, called, _notes(frame, measured))


def _notes(frame: pd.DataFrame, measured: pd.DataFrame) -> list[str]:
    """What the variants in the table are."""
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
    return notes
