"""Swap: behind the object of a training image stands the background of another one.

After "Noise or Signal" (Xiao et al., ICLR 2021) and ForAug (2025): a background that changes with every epoch
cannot give the class away. Test images stay as they are.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
from PIL import Image

from maskguide.data.store import resized
from maskguide.learning.batches import Moved
from maskguide.views.objects import Objects, composed

Affine = tuple[float, float, float, float, float, float]  # of a place x, y seen: a·x + b·y + c, d·x + e·y + f


class Swap:
    """With probability `swap`; the object moved by up to `swap_shift` of the image's sides, and enlarged or
    made smaller by up to `swap_scale` of its size.

    The background is drawn uniformly among those of all other training images, of whatever class.
    """

    def __init__(self, options: Mapping[str, Any], objects: Objects):
        self.probability, self.objects, self.untouched = options["swap"], objects, objects.untouched
        self.shift, self.scale = options.get("swap_shift", 0.0), options.get("swap_scale", 0.0)
        self.place = {row: place for place, row in enumerate(objects.rows)}

    def changed(
        self, rng: np.random.Generator, row: int, pixels: np.ndarray
    ) -> tuple[np.ndarray, Moved | None]:
        """The image uint8 [h, w, 3] before another background, and what becomes of its masks."""
        size = pixels.shape[:2]
        if rng.random() >= self.probability or len(self.place) < 2:
            return pixels, None
        share = self.objects.share(rng, row, size)
        if share is None:
            return pixels, None
        other = int(rng.integers(len(self.place) - 1))
        background = self.objects.background(self.objects.rows[other + (other >= self.place[row])])
        moved = None
        if self.shift or self.scale:
            affine = placement(rng, share, self.shift, self.scale)
            pixels, share = transformed(pixels, affine), transformed(share, affine)

            def moved(mask: np.ndarray) -> np.ndarray:
                return transformed(mask, affine)

        return composed(pixels, resized(np.ascontiguousarray(background), size), share), moved


def placement(rng: np.random.Generator, share: np.ndarray, shift: float, scale: float) -> Affine:
    """Where each place of the new image is in the old one, for an object that is moved and scaled.

    It moves within the image, where it fits: an object that touches the border is not cut off further.
    share: uint8 [h, w], not 0 where the object is.
    """
    factor = 1 + rng.uniform(-scale, scale)
    found = []
    for axis, side in ((1, share.shape[1]), (0, share.shape[0])):
        there = np.flatnonzero(share.any(axis=1 - axis))
        old, half = (there[0] + there[-1] + 1) / 2, factor * (there[-1] + 1 - there[0]) / 2
        new = old + rng.uniform(-shift, shift) * side
        new = float(np.clip(new, half, side - half)) if 2 * half <= side else side / 2
        found.append(float(old - new / factor))
    return (1 / factor, 0.0, found[0], 0.0, 1 / factor, found[1])


def transformed(pixels: np.ndarray, affine: Affine) -> np.ndarray:
    """uint8 [h, w, 3] or [h, w], moved; 0 where the old image has nothing; bilinear."""
    size = pixels.shape[1::-1]
    picture = Image.fromarray(np.ascontiguousarray(pixels))
    return np.asarray(picture.transform(size, Image.Transform.AFFINE, affine, Image.Resampling.BILINEAR))
