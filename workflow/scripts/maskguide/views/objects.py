"""Where the object is in an image: its soft edge, and the background without it; for several views."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import numpy as np
import pandas as pd
from scipy.ndimage import distance_transform_edt

from maskguide.data.store import ImageStore, MaskStore
from maskguide.learning.batches import ERASED_RATIO, ERASED_SHARE
from maskguide.system.files import InputError

LEAST, MOST = (
    0.005,
    0.995,
)  # share of an image: a mask that covers less or more shows no object in front of anything
PIXELS_AN_EDGE = 160  # of an image's shorter side, for each pixel that its edges are wide
KEPT_BYTES = 2**29  # of what is worked out once: half a gibibyte


def is_object(mask: np.ndarray) -> bool:
    """Whether a mask uint8 [h, w] covers neither all nor nothing of its image."""
    return LEAST <= (mask >= 128).mean() <= MOST


def edge_of(size: tuple[int, ...]) -> int:
    """How many pixels of an object's rim may show the background it was photographed before."""
    return max(1, round(min(size[:2]) / PIXELS_AN_EDGE))


def soft_edge(mask: np.ndarray) -> np.ndarray:
    """How much of each pixel is the object's, uint8 [h, w]: 0 outside of the mask uint8 [h, w], 255 inside.

    Of a pixel whose distance to the outside is d, with an edge e: 255 · (d − e) / (e + 1), so that the
    outermost e pixels of the mask, which are mixed with the background, count as outside. What is so thin
    that nothing would be left keeps its hard edge.
    """
    inside, edge = mask >= 128, edge_of(mask.shape)
    share = np.clip((distance_transform_edt(inside) - edge) / (edge + 1), 0, 1)
    return np.rint(255 * (share if share.any() else inside)).astype(np.uint8)


def without_object(pixels: np.ndarray, mask: np.ndarray) -> np.ndarray:
    """The background of an image alone, uint8 [h, w, 3]: the object's place is filled from around it.

    A pixel of the hole shows what lies as far beyond its nearest background pixel, as in a mirror, so that
    the grain goes on; where the mirror shows the hole itself, that nearest pixel. The hole is wider than the
    mask uint8 [h, w] by four edges and a pixel: little of the object's rim and its shadow is left.
    """
    hole = distance_transform_edt(mask < 64) <= 4 * edge_of(mask.shape) + 1
    if hole.all():
        hole = mask >= 128
    nearest = distance_transform_edt(hole, return_distances=False, return_indices=True)
    place = np.indices(hole.shape)
    last = np.array(hole.shape)[:, None, None] - 1
    mirrored = np.clip(last - np.abs(last - np.abs(2 * nearest - place)), 0, last)
    seen = np.where(hole[tuple(mirrored)], nearest, mirrored)
    return np.where(hole[..., None], pixels[tuple(seen)], pixels)


def composed(front: np.ndarray, back: np.ndarray, share: np.ndarray) -> np.ndarray:
    """uint8 [h, w, 3]: `share` (uint8 [h, w], 255 all) of the front, the rest of the back; exact at both."""
    weight = share[..., None].astype(np.float32) / 255
    return np.rint(front * weight + back * (1 - weight)).astype(np.uint8)


def check_sizes(images: pd.DataFrame, masks: MaskStore) -> None:
    """`InputError` unless a mask store has a mask of the size of each image of a layout."""
    sizes = {row.image_id: (row.height, row.width) for row in masks.layout.itertuples()}
    for row in images.itertuples():
        if row.image_id not in sizes:
            raise InputError(f"{masks.folder}: has no mask of image {row.image_id}; pool them again")
        if sizes[row.image_id] != (row.height, row.width):
            raise InputError(
                f"{masks.folder}: the mask of {row.image_id} is not of its size; pool them again"
            )


def box_of(mask: np.ndarray, margin: float) -> tuple[float, float, float, float]:
    """The object's box in a mask uint8 [h, w]: left, top, right, bottom, with a margin on each side.

    margin: a share of the sides. Not beyond the image; all of an image whose mask shows no object.
    """
    found = []
    for axis in (1, 0):
        side = mask.shape[axis]
        there = (
            np.flatnonzero((mask >= 128).any(axis=1 - axis)) if is_object(mask) else np.array([0, side - 1])
        )
        more = margin * (there[-1] + 1 - there[0])
        found.append((max(0.0, float(there[0] - more)), min(float(side), float(there[-1] + 1 + more))))
    (left, right), (top, bottom) = found
    return left, top, right, bottom


class Kept:
    """What a function of an image's row or name gives, kept while there is room."""

    def __init__(self, made: Callable[[Any], np.ndarray]):
        self.made, self.kept, self.bytes = made, {}, 0

    def __call__(self, key: Any) -> np.ndarray:
        found = self.kept.get(key)
        if found is None:
            found = self.made(key)
            if self.bytes + found.nbytes <= KEPT_BYTES:
                self.kept[key], self.bytes = found, self.bytes + found.nbytes
        return found


class Masked:
    """The objects of the training images, by their masks.

    rows: of the images whose mask shows an object, which alone are changed and lend their background.
    untouched: the number of the others, whose mask covers all or nothing.
    """

    def __init__(self, images: ImageStore, masks: MaskStore):
        training = images.rows("train")
        check_sizes(images.layout.iloc[training], masks)
        self.images, self.masks, self.names = images, masks, images.layout["image_id"].tolist()
        self.rows = [row for row in training.tolist() if is_object(masks.mask(self.names[row]))]
        self.untouched = len(training) - len(self.rows)
        self._edges = Kept(lambda row: soft_edge(masks.mask(self.names[row])))
        self.background = Kept(lambda row: without_object(images.image(row), masks.mask(self.names[row])))
        self._changed = frozenset(self.rows)

    def share(self, rng: np.random.Generator, row: int, size: tuple[int, int]) -> np.ndarray | None:
        """How much of each pixel is the object's (`soft_edge`); None of an image that stays as it is."""
        return self._edges(row) if row in self._changed else None


class Rectangles:
    """In the place of masks nobody drew: all but a random rectangle counts as the object, the control."""

    untouched = 0

    def __init__(self, images: ImageStore):
        self.background, self.rows = images.image, images.rows("train").tolist()

    def share(self, rng: np.random.Generator, row: int, size: tuple[int, int]) -> np.ndarray:
        """uint8 [h, w]: 0 in a rectangle of the area and ratio that are erased from images too, else 255."""
        height, width = size
        side, ratio = (rng.uniform(*ERASED_SHARE)) ** 0.5, math.exp(rng.uniform(*np.log(ERASED_RATIO)) / 2)
        rows = min(height, max(1, round(height * side * ratio)))
        columns = min(width, max(1, round(width * side / ratio)))
        top, left = rng.integers(0, [height - rows, width - columns], endpoint=True)
        found = np.full(size, 255, dtype=np.uint8)
        found[top : top + rows, left : left + columns] = 0
        return found


Objects = Masked | Rectangles
