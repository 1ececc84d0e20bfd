"""Attended boxes: what an image's attention leaves to look at, `attended.csv`, and how it is read.

The way from one scale of ACA to the next ("Generating Attention from Classifier Activations for Fine-grained
Recognition", section 4.4); the view `zoom` shows these parts. Boxes are left, top, right, bottom in pixels of
the stored image at any scale.
"""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd

from maskguide.learning.cells import cell_edges
from maskguide.system.files import InputError, read_csv

BOX = ["left", "top", "right", "bottom"]
COLUMNS = ["image_id", "split", "height", "width", *BOX, "share"]


def read_attended(path: str | Path) -> pd.DataFrame:
    """`attended.csv` of attend_regions.py, one row per image: COLUMNS, sizes and boxes in stored pixels.

    `InputError` where it is missing or broken, or a box has no area or leaves its image.
    """
    again = "delete it and run again"
    table = read_csv(path, COLUMNS, again, dtype={"image_id": str, "split": str}, keep_default_na=True)
    if table.empty:
        raise InputError(f"{path}: every row is missing; {again}")
    inside = (table["left"] >= 0) & (table["top"] >= 0)
    inside &= (table["right"] <= table["width"]) & (table["bottom"] <= table["height"])
    inside &= (table["left"] < table["right"]) & (table["top"] < table["bottom"])
    if not inside.all():
        raise InputError(f"{path}: the box of {table['image_id'][~inside].iloc[0]} is none; {again}")
    return table


def attended_boxes(
    masks: np.ndarray, seen: np.ndarray, size: tuple[int, int], start: float, stride: float
) -> np.ndarray:
    """The smallest boxes around the attended cells.

    masks: bool [B, h, w], of images of one `size` (height, width). seen: [B, 4], the part of the stored image
    that each of them shows. start, stride: of the cells, as in `cell_edges`. Returns float [B, 4]; the seen
    part where nothing is attended.
    """
    boxes = np.array(seen, dtype=float)
    down = cell_edges(masks.shape[1], size[0], start, stride) / size[0]
    across = cell_edges(masks.shape[2], size[1], start, stride) / size[1]
    for place, mask in enumerate(masks):
        if not mask.any():
            continue
        rows, columns = np.flatnonzero(mask.any(axis=1)), np.flatnonzero(mask.any(axis=0))
        left, top, right, bottom = seen[place]
        boxes[place] = (
            *(left + across[columns[0]] * (right - left), top + down[rows[0]] * (bottom - top)),
            *(left + across[columns[-1] + 1] * (right - left), top + down[rows[-1] + 1] * (bottom - top)),
        )
    return boxes
