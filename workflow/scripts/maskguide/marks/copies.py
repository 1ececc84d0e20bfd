"""Copies of the images that exports hold beside the marks: they are no label masks."""

from __future__ import annotations

from pathlib import Path

import numpy as np
from PIL import Image

from maskguide.data.pictures import EIGHT_BIT_MODES, open_upright, read_rgb

MANY_COLOURS = 256  # more than any mask has; a smoothed one is grey, or mostly black or white
LIKE_PHOTOGRAPH = 0.95  # correlation of grey levels from which an image file is a copy, not a mask


def is_photograph(path: Path, image: str) -> bool:
    """Whether an image file shows the image itself, perhaps saved anew or at another size."""
    picture = open_upright(path)
    if picture.mode not in EIGHT_BIT_MODES:
        return False
    photograph = Image.fromarray(read_rgb(image))
    copy = picture.convert("RGB").resize(photograph.size)
    if np.array_equal(copy, photograph):
        return True
    grey, original = (np.asarray(each.convert("L"), dtype=float).ravel() for each in (copy, photograph))
    if grey.std() == 0 or original.std() == 0 or len(np.unique(grey)) < 32:
        return False
    return bool(np.corrcoef(grey, original)[0, 1] >= LIKE_PHOTOGRAPH)


def is_colourful(path: Path) -> bool:
    """Whether an image file has the many colours of a photograph, not the few of a mask."""
    picture = open_upright(path)
    if picture.mode not in ("RGB", "RGBA", "CMYK", "YCbCr"):
        return False
    red, green, blue = np.moveaxis(np.asarray(picture.convert("RGB")).astype(np.uint32), 2, 0)
    grey = ((red == green) & (red == blue)).mean()
    return bool(grey < 0.5 and len(np.unique(red << 16 | green << 8 | blue)) > MANY_COLOURS)
