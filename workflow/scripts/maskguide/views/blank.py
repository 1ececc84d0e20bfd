"""Blank: grey in the place of the background, in training and in test."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd

from maskguide.data.store import MaskStore
from maskguide.learning.transforms import PADDING_COLOUR
from maskguide.views.objects import Kept, check_sizes, composed, is_object, soft_edge

GREY = np.array(PADDING_COLOUR, dtype=np.uint8)  # 0 after normalisation, as what is erased or beyond an image


def blanked(pixels: np.ndarray, mask: np.ndarray) -> np.ndarray:
    """An image uint8 [h, w, 3] whose background, by its mask uint8 [h, w], is grey; as it is where the mask
    covers all or nothing."""
    return composed(pixels, GREY, soft_edge(mask)) if is_object(mask) else pixels


class Blank:
    """Images whose background, by a store of masks, is of the grey that normalises to 0.

    untouched: how many of its images stay as they are, as their masks cover all or nothing.
    """

    def __init__(self, path: Path):
        self.masks = MaskStore(path)
        self.content = self.masks.content
        names = self.masks.layout["image_id"].tolist()
        self.objects = {name for name in names if is_object(self.masks.mask(name))}
        self.untouched = len(names) - len(self.objects)
        self._share = Kept(lambda name: soft_edge(self.masks.mask(name)))

    def check(self, layout: pd.DataFrame) -> None:
        """`InputError` unless it has a mask of the size of each of a store's images."""
        check_sizes(layout, self.masks)

    def image(self, image_id: str, pixels: np.ndarray) -> np.ndarray:
        """uint8 [h, w, 3], of the same size."""
        return composed(pixels, GREY, self._share(image_id)) if image_id in self.objects else pixels

    def mask(self, image_id: str, mask: np.ndarray) -> np.ndarray:
        """Masks that guide stay as they are."""
        return mask
