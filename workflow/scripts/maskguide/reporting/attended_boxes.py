"""How well the attended boxes match the true ones: intersection over union, in shares of the image's sides.

Shares, because the attended boxes are known in pixels of the stored image and the true ones in pixels of the
original; the intersection over union is the same in both.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from maskguide.data import masks
from maskguide.data.boxes import box_of_mask
from maskguide.data.pictures import image_size
from maskguide.marks.boxes import read_yolo_boxes
from maskguide.marks.shapes import check_size
from maskguide.system.files import InputError

# Column of the index → what the true box is made of, the best first.
TRUTHS = {"boxes": "published boxes", "outline": "outlines", "mask": "masks"}
ANY_REGION = [str(number) for number in range(100)]  # whatever a box shows, it belongs to the object
IDENTITY = ["dataset", "method", "backbone", "seed"]
BOX = ["left", "top", "right", "bottom"]


def true_boxes(rows: pd.DataFrame) -> tuple[pd.DataFrame, str | None]:
    """The object's true box of each of these rows of the index: the smallest around what shows it there.

    By image_id with left, top, right, bottom (0…1, shares of the sides), without the images whose box is not
    known; and what all of them are made of, the first of `TRUTHS` that any row has, None without any.
    """
    column = next((column for column in TRUTHS if (rows[column] != "").any()), None)
    shown = rows[rows[column] != ""] if column else rows[:0]
    found = {row["image_id"]: _true_box(row, column) for row in shown.to_dict("records")}
    found = {image_id: box for image_id, box in found.items() if box is not None}
    boxes = pd.DataFrame.from_dict(found, orient="index", columns=BOX)
    return boxes.rename_axis("image_id"), TRUTHS[column] if found else None


def _true_box(row: dict[str, Any], column: str) -> NDArray | None:
    """One image's box in shares; None where the file shows nothing."""
    height, width = image_size(row["path"])
    if column == "boxes":
        boxes = [box[1:] for box in read_yolo_boxes(row["boxes"], ANY_REGION, (height, width))]
        box = (*np.min(boxes, axis=0)[:2], *np.max(boxes, axis=0)[2:]) if boxes else None
    else:
        mask = masks.read_grey(row[column])
        check_size(row[column], mask.shape, (height, width))
        box = box_of_mask(mask > 0, 0)
    return None if box is None else np.array(box) / [width, height, width, height]


def attended_shares(attended: pd.DataFrame, image_ids: Sequence[str], path: str | Path) -> NDArray:
    """float [n, 4]: the attended boxes of these images in shares; errors name `path`, their file."""
    by_id = attended.set_index("image_id")
    missing = [image_id for image_id in image_ids if image_id not in by_id.index]
    if missing:
        raise InputError(
            f"{path}: has no row for the image {missing[0]}; it is of another split, delete it and run again"
        )
    rows = by_id.loc[list(image_ids)]
    sides = rows[["width", "height", "width", "height"]].to_numpy(float)
    return rows[BOX].to_numpy(float) / sides


def intersection_over_union(one: NDArray, other: NDArray) -> NDArray:
    """IoU [n] of boxes float [n, 4] (left, top, right, bottom), row by row: |A ∩ B| / |A ∪ B|, in 0…1."""
    sides = np.minimum(one[:, 2:], other[:, 2:]) - np.maximum(one[:, :2], other[:, :2])
    shared = sides.clip(min=0).prod(axis=1)
    areas = [(boxes[:, 2:] - boxes[:, :2]).prod(axis=1) for boxes in (one, other)]
    return shared / (areas[0] + areas[1] - shared)


def compare(rows: pd.DataFrame, attended: pd.DataFrame, path: str | Path) -> dict[str, Any]:
    """IoU of attended and true box over images of the index, and that of the whole image's box.

    mean_iou, mean_iou_whole_image (0…1; what a network that attends to everything gets) and std_iou over the
    images (None for less than two), num_images, truth, nothing_attended (images with none or all of their
    cells attended). Without any true box the numbers are None, but for num_images 0.
    """
    truth, made_of = true_boxes(rows)
    if truth.empty:
        numbers = dict.fromkeys(["mean_iou", "std_iou", "mean_iou_whole_image"])
        return {**numbers, "num_images": 0, "truth": None, "nothing_attended": None}
    boxes = truth.to_numpy()
    found = intersection_over_union(attended_shares(attended, list(truth.index), path), boxes)
    whole = intersection_over_union(np.broadcast_to([0.0, 0.0, 1.0, 1.0], boxes.shape), boxes)
    shares = attended.set_index("image_id").loc[truth.index, "share"]
    return {
        "mean_iou": float(found.mean()),
        "std_iou": float(found.std(ddof=1)) if len(found) > 1 else None,
        "mean_iou_whole_image": float(whole.mean()),
        "num_images": len(found),
        "truth": made_of,
        "nothing_attended": int(shares.isin([0.0, 1.0]).sum()),
    }
