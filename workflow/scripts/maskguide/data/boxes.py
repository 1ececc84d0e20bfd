"""Boxes in pixels, the box of a mask, and the text of a YOLO file."""

from __future__ import annotations

from collections.abc import Iterable
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

THIN_TRIMMED = 0.15  # share of a thin structure's pixels beyond each side of its box


class Box(NamedTuple):
    """One box in pixels: 0 <= left < right <= width, 0 <= top < bottom <= height; `region` counts from 0."""

    region: int
    left: float
    top: float
    right: float
    bottom: float


def trimmed_of(region: str) -> float:
    """How much of a mask `box_of_mask` shall leave out for this region: THIN_TRIMMED for veins, else 0.

    The tips of veins reach the object's edge: a box around all their pixels would be the object's own box.
    """
    return THIN_TRIMMED if "vein" in region else 0.0


def box_of_mask(mask: NDArray, trimmed: float) -> tuple[float, float, float, float] | None:
    """The box of a mask, bool [H, W], less the share `trimmed` (below 0.5) of its pixels at each side.

    (left, top, right, bottom) in pixels: a single pixel in column 3 spans 3 to 4. None for an empty mask.
    """
    rows, columns = np.nonzero(mask)
    if rows.size == 0:
        return None
    left, right = np.quantile(columns, [trimmed, 1.0 - trimmed])
    top, bottom = np.quantile(rows, [trimmed, 1.0 - trimmed])
    return float(left), float(top), float(right) + 1, float(bottom) + 1


def boxes_text(boxes: Iterable[Box], size: tuple[int, int]) -> str:
    """YOLO lines "class cx cy w h", of boxes on an image of `size` (H, W); "" for none.

    The four are shares of the image's sides; what of a box lies outside of its image is cut off.
    """
    height, width = size
    lines = []
    for box in boxes:
        left, right = np.clip([box.left, box.right], 0, width) / width
        top, bottom = np.clip([box.top, box.bottom], 0, height) / height
        numbers = ((left + right) / 2, (top + bottom) / 2, right - left, bottom - top)
        lines.append(" ".join([str(box.region), *(f"{number:.6f}" for number in numbers)]))
    return "".join(line + "\n" for line in lines)
