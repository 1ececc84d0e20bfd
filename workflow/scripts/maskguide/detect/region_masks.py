"""From boxes to masks: what lies inside the detected boxes of a region."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np
import pandas
from skimage.color import rgb2gray
from skimage.filters import threshold_otsu

from maskguide.data.masks import derangement
from maskguide.data.pictures import image_size

Box = tuple[float, ...]  # left, top, right, bottom in pixels


def inside(boxes: Sequence[Box], size: tuple[int, int]) -> np.ndarray:
    """bool [H, W] of `size` (H, W): the pixels whose centres lie in a box; at least one pixel per box."""
    height, width = size
    mask = np.zeros(size, dtype=bool)
    for left, top, right, bottom in boxes:
        first_row, first_column = min(round(top), height - 1), min(round(left), width - 1)
        last_row, last_column = max(round(bottom), first_row + 1), max(round(right), first_column + 1)
        mask[max(first_row, 0) : last_row, max(first_column, 0) : last_column] = True
    return mask


def soft_mask(image: np.ndarray, inside: np.ndarray, content: str) -> np.ndarray:
    """uint8 [H, W], 255 where the classifier shall look and 0 elsewhere.

    content "filled": everywhere `inside` (bool [H, W]); "binarised": where the grey image [H, W, 3] inside is
    brighter than Otsu's threshold of its pixels there, the masked image "converted … to binary format"; an
    image of one grey inside is filled.
    """
    mask = inside
    if content == "binarised" and inside.any():
        grey = rgb2gray(image)
        if np.ptp(grey[inside]) > 0:
            mask = inside & (grey > threshold_otsu(grey[inside]))
    return np.where(mask, 255, 0).astype(np.uint8)


def masked_image(image: np.ndarray, inside: np.ndarray) -> np.ndarray:
    """The image uint8 [H, W, 3], black outside."""
    return image * inside[..., None]


def shuffled(boxes: Mapping[str, list[Box]], index: pandas.DataFrame, seed: int) -> dict[str, list[Box]]:
    """To each training image the boxes of another one (maybe none), brought to its size."""
    training = index[index["split"] == "train"]
    giver = derangement(list(training["image_id"]), seed)
    sizes = {row.image_id: image_size(row.path) for row in training.itertuples()}
    given = {}
    for taker, other in giver.items():
        if other in boxes:
            (height, width), (from_height, from_width) = sizes[taker], sizes[other]
            scale = np.array([width / from_width, height / from_height] * 2)
            given[taker] = [tuple((np.array(box) * scale).tolist()) for box in boxes[other]]
    return given
