"""Masks that need no network: the true ones, outlines, and image processing's."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import numpy as np
import pandas

from maskguide.data import masks
from maskguide.data.masks import MaskOfImage, read_labels, soft_of_labels
from maskguide.marks import image_processing
from maskguide.system.files import InputError


def truth_masks(index: pandas.DataFrame, classes: Sequence[str]) -> Iterator[MaskOfImage]:
    """The true masks: of every training image, and of the test images that have one.

    Raises `InputError` when a training image has none.
    """
    present = those_with(index, "mask", "true mask", "leave the mask source truth out for this data set")
    for image_id, path in zip(present["image_id"], present["mask"], strict=True):
        labels = read_labels(path, len(classes) + 1)
        yield image_id, soft_of_labels(labels), labels


def automatic_masks(index: pandas.DataFrame, classes: Sequence[str]) -> Iterator[MaskOfImage]:
    """Masks by image processing, of every image."""
    index = masks.training_first(index)
    for image_id, path in zip(index["image_id"], index["path"], strict=True):
        labels = image_processing().automatic_mask(masks.read_image(path), classes)
        yield image_id, soft_of_labels(labels), labels


def outlines(index: pandas.DataFrame) -> Iterator[MaskOfImage]:
    """The outlines that came with the images, 255 inside; of training images, and of test images with one.

    Raises `InputError` when a training image has none.
    """
    way_out = "take objects: auto for this data set, by image processing"
    present = those_with(index, "outline", "outline", way_out)
    for image_id, path in zip(present["image_id"], present["outline"], strict=True):
        yield image_id, np.where(masks.read_grey(path) > 0, 255, 0).astype(np.uint8), None


def those_with(index: pandas.DataFrame, column: str, called: str, way_out: str) -> pandas.DataFrame:
    """The images that have one, training images first; `InputError` where a training image has none."""
    missing = index["image_id"][(index[column] == "") & (index["split"] == "train")]
    if len(missing):
        raise InputError(
            f"{len(missing)} training images have no {called}, {missing.iloc[0]} first; {way_out}"
        )
    return masks.training_first(index[index[column] != ""])
