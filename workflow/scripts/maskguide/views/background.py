"""Background: the object's whole box filled from around it, in training and in test.

What a network names that learned so, the background could tell. The box is filled, not the object's place: a
hole of the object's shape would tell its class. After "Noise or Signal" (Xiao et al., ICLR 2021).
"""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd

from maskguide.data.store import MaskStore
from maskguide.learning.transforms import PADDING_COLOUR
from maskguide.views.objects import KEPT_BYTES, box_of, check_sizes, is_object, without_object


def without_box(pixels: np.ndarray, mask: np.ndarray) -> np.ndarray | None:
    """An image uint8 [h, w, 3] whose object's box, by its mask uint8 [h, w], shows what is around it.

    None where the mask covers all or nothing, or its box leaves no background.
    """
    left, top, right, bottom = (round(side) for side in box_of(mask, 0.0))
    box = np.zeros_like(mask)
    box[top:bottom, left:right] = 255
    return without_object(pixels, box) if is_object(mask) and is_object(box) else None


class Background:
    """Backgrounds alone, by a store of masks; grey all over where no background is known, so that nothing
    of an object is ever seen."""

    def __init__(self, path: Path):
        self.masks = MaskStore(path)
        self.content = self.masks.content
        self._kept: dict[str, np.ndarray] = {}
        self._bytes = 0

    def check(self, layout: pd.DataFrame) -> None:
        """`InputError` unless it has a mask of the size of each of a store's images."""
        check_sizes(layout, self.masks)

    def image(self, image_id: str, pixels: np.ndarray) -> np.ndarray:
        """uint8 [h, w, 3], of the same size."""
        found = self._kept.get(image_id)
        if found is None:
            filled = without_box(pixels, self.masks.mask(image_id))
            grey = np.array(PADDING_COLOUR, dtype=np.uint8)
            found = np.broadcast_to(grey, pixels.shape) if filled is None else filled
            if self._bytes + found.nbytes <= KEPT_BYTES:
                self._kept[image_id], self._bytes = found, self._bytes + found.nbytes
        return found

    def mask(self, image_id: str, mask: np.ndarray) -> np.ndarray:
        """Masks that guide stay as they are."""
        return mask
