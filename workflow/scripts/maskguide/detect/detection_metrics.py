"""How well detections agree with true boxes: mean average precision, and images without a detection."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np
import pandas as pd

THRESHOLDS = np.linspace(0.5, 0.95, 10)  # IoU, COCO's ten
MEASURES = ("map50", "map50_95", "precision", "recall")
TrueBox = tuple[int, float, float, float, float]  # region's number, left, top, right, bottom in pixels


def overlaps(first: np.ndarray, second: np.ndarray) -> np.ndarray:
    """IoU [N, M] of boxes [N, 4] and [M, 4], each left, top, right, bottom."""
    low = np.maximum(first[:, None, :2], second[None, :, :2])
    high = np.minimum(first[:, None, 2:], second[None, :, 2:])
    shared = np.clip(high - low, 0, None).prod(axis=2)
    areas = [(boxes[:, 2:] - boxes[:, :2]).prod(axis=1) for boxes in (first, second)]
    union = areas[0][:, None] + areas[1][None, :] - shared
    return np.divide(shared, union, out=np.zeros_like(shared), where=union > 0)


def hits(iou: np.ndarray) -> np.ndarray:
    """Which detections count as true, bool [N, 10], at each of `THRESHOLDS`.

    iou: [N, M] of detections, most confident first, and true boxes. Each detection takes the true box that it
    overlaps most among those not taken yet (COCO's rule).
    """
    counted = np.zeros((len(iou), len(THRESHOLDS)), dtype=bool)
    if iou.shape[1] == 0:
        return counted
    for place, threshold in enumerate(THRESHOLDS):
        free = np.ones(iou.shape[1], dtype=bool)
        for row, values in enumerate(iou):
            best = int(np.argmax(np.where(free, values, -1)))
            if free[best] and values[best] >= threshold:
                free[best], counted[row, place] = False, True
    return counted


def by_region(
    detections: pd.DataFrame, truth: Mapping[str, Sequence[TrueBox]], regions: Sequence[str]
) -> dict[str, dict[str, float | int | None]]:
    """mAP@0.5, mAP@0.5:0.95, precision and recall (percent) of each region, and how many true boxes it has.

    Precision and recall are those at the confidence where F1 is highest. Only images in `truth` (image id →
    its true boxes, maybe none) count; a region without a true box among them has None everywhere.
    """
    from ultralytics.utils.metrics import ap_per_class

    detections = detections[detections["image_id"].isin(truth)]
    result: dict[str, dict[str, float | int | None]] = {}
    for number, name in enumerate(regions):
        per_image = dict(list(detections[detections["region"] == name].groupby("image_id")))
        counted, confidences, total = [np.zeros((0, len(THRESHOLDS)), dtype=bool)], [np.zeros(0)], 0
        for image_id, boxes in truth.items():
            true = np.array([box[1:] for box in boxes if box[0] == number], dtype=float).reshape(-1, 4)
            total += len(true)
            if image_id in per_image:
                found = per_image[image_id].sort_values("confidence", ascending=False, kind="stable")
                corners = found[["left", "top", "right", "bottom"]].to_numpy(dtype=float)
                counted.append(hits(overlaps(corners, true)))
                confidences.append(found["confidence"].to_numpy(dtype=float))
        if total == 0:
            result[name] = {**dict.fromkeys(MEASURES), "num_boxes": 0}
            continue
        confidence = np.concatenate(confidences)
        _, _, precision, recall, _, precisions, *_ = ap_per_class(
            np.concatenate(counted), confidence, np.zeros(len(confidence)), np.zeros(total)
        )
        values = (precisions[0, 0], precisions[0].mean(), precision[0], recall[0])
        percent = {measure: 100 * float(value) for measure, value in zip(MEASURES, values, strict=True)}
        result[name] = {**percent, "num_boxes": total}
    return result


def means(regions: Mapping[str, Mapping[str, float | int | None]]) -> dict[str, float | None]:
    """Each measure's mean over the regions that have it; None where none has."""
    known = {
        measure: [each[measure] for each in regions.values() if each[measure] is not None]
        for measure in MEASURES
    }
    return {measure: float(np.mean(values)) if values else None for measure, values in known.items()}


def missing(
    index: pd.DataFrame, detections: pd.DataFrame, regions: Sequence[str], confidence: float
) -> dict[tuple[str, str], list[str]]:
    """(region, split) → the images without a detection of at least that confidence, sorted."""
    sure = detections[detections["confidence"] >= confidence].groupby("region")["image_id"].agg(set)
    images = index.groupby("split")["image_id"].agg(set)
    return {
        (region, split): sorted(images.get(split, set()) - sure.get(region, set()))
        for region in regions
        for split in ("train", "test")
    }
