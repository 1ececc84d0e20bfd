"""Tint: the background of a training image in other colours, so that colour cannot give the class away.

Test images stay as they are. Together with swap: images whose background is not swapped are tinted.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
from PIL import Image

from maskguide.learning.batches import Moved
from maskguide.views.objects import Objects, composed

SATURATION = (0.5, 1.5)  # factor
COLOURED = (0.0, 0.4)  # added to the saturation, so that white paper too becomes coloured
BRIGHTNESS = (0.6, 1.4)  # factor


class Tint:
    """With probability `tint`; hue, saturation and brightness outside of the object are drawn.

    It is the background without the object that is recoloured: no rim of the object in other colours remains.
    """

    def __init__(self, options: Mapping[str, Any], objects: Objects):
        self.probability, self.objects, self.untouched = options["tint"], objects, objects.untouched

    def changed(
        self, rng: np.random.Generator, row: int, pixels: np.ndarray
    ) -> tuple[np.ndarray, Moved | None]:
        """The image uint8 [h, w, 3] with another background; masks stay."""
        if rng.random() >= self.probability:
            return pixels, None
        share = self.objects.share(rng, row, pixels.shape[:2])
        if share is None:
            return pixels, None
        return composed(pixels, recoloured(rng, self.objects.background(row)), share), None


def recoloured(rng: np.random.Generator, pixels: np.ndarray) -> np.ndarray:
    """The image uint8 [h, w, 3] in other colours: of one hue, any; saturation and brightness in their ranges.

    Hues that are turned would tell by how much wherever a part of the object is seen that its mask lacks.
    """
    hsv = np.array(Image.fromarray(np.ascontiguousarray(pixels)).convert("HSV"), dtype=np.float32)
    hsv[..., 0] = rng.integers(256)
    hsv[..., 1] = hsv[..., 1] * rng.uniform(*SATURATION) + 255 * rng.uniform(*COLOURED)
    hsv[..., 2] *= rng.uniform(*BRIGHTNESS)
    return np.asarray(Image.fromarray(hsv.clip(0, 255).astype(np.uint8), mode="HSV").convert("RGB"))
