"""Zoom: the part of an image that a network attended to, enlarged to the image's own size."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd
from PIL import Image

from maskguide.learning.attend import BOX, read_attended
from maskguide.system.files import InputError, sha256

AGAIN = "delete it and run again"


class Zoom:
    """The parts that an `attended.csv` names, grown to their images' aspect ratio: nothing is distorted.

    boxes: of each image by its name, float [4] left, top, right, bottom in pixels of the stored image.
    untouched: of objects' boxes, how many images stay as they are, as their masks cover all or nothing.
    """

    def __init__(self, path: Path):
        table = read_attended(path)
        self.path, self.content = path, sha256(path)
        if "shown" in table:  # by box_objects.py
            self.untouched = int((table["shown"] == 0).sum())
        sizes = table[["height", "width"]].to_numpy()
        self.sizes = dict(zip(table["image_id"], sizes.tolist(), strict=True))
        self.boxes = dict(zip(table["image_id"], grown(table[BOX].to_numpy(dtype=float), sizes), strict=True))

    def check(self, layout: pd.DataFrame) -> None:
        """`InputError` unless it has a box of each of a store's images, made of images of these sizes."""
        for row in layout.itertuples():
            if row.image_id not in self.boxes:
                raise InputError(f"{self.path}: has no box of image {row.image_id}; {AGAIN}")
            if self.sizes[row.image_id] != [row.height, row.width]:
                raise InputError(f"{self.path}: its images have other sizes than the store's; {AGAIN}")

    def image(self, image_id: str, pixels: np.ndarray) -> np.ndarray:
        """uint8 [H, W, 3], of the same size."""
        return enlarged(pixels, self.boxes[image_id])

    def mask(self, image_id: str, mask: np.ndarray) -> np.ndarray:
        """uint8 [H, W], as its image."""
        return enlarged(mask, self.boxes[image_id])


def grown(boxes: np.ndarray, sizes: np.ndarray) -> np.ndarray:
    """Boxes [B, 4] grown to the aspect ratio of their images (sizes [B, 2]: height, width), still inside.

    About the same centre, but for what would leave the image: an enlarged part is not distorted.
    """
    height, width = sizes[:, 0].astype(float), sizes[:, 1].astype(float)
    left, top, right, bottom = boxes.T
    share = np.minimum(1, np.maximum((right - left) / width, (bottom - top) / height))
    wide, high = share * width, share * height
    left = np.clip((left + right - wide) / 2, 0, width - wide)
    top = np.clip((top + bottom - high) / 2, 0, height - high)
    return np.stack([left, top, left + wide, top + high], axis=1)


def enlarged(pixels: np.ndarray, box: np.ndarray) -> np.ndarray:
    """The part `box` of uint8 [H, W, 3] or [H, W], enlarged to its own size; bilinear."""
    size, part = pixels.shape[1::-1], tuple(map(float, box))
    return np.asarray(Image.fromarray(pixels).resize(size, Image.Resampling.BILINEAR, box=part))
