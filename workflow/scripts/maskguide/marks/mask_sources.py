"""Masks that need no network: the true ones, image processing's, and those of other images."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path

import pandas

from maskguide.data import masks
from maskguide.data.masks import MaskOfImage, read_grey, read_labels, resize_grey, soft_of_labels
from maskguide.data.pictures import image_size
from maskguide.marks import image_processing
from maskguide.system.files import InputError


def truth_masks(index: pandas.DataFrame, classes: Sequence[str]) -> Iterator[MaskOfImage]:
    """The true masks: of every training image, and of the test images that have one.

    Raises `InputError` when a training image has none.
    """
    missing = index["image_id"][(index["mask"] == "") & (index["split"] == "train")]
    if len(missing):
        raise InputError(
            f"{len(missing)} training images have no true mask, {missing.iloc[0]} first; "
            "leave the mask source truth out for this data set"
        )
    present = masks.training_first(index[index["mask"] != ""])
    for image_id, path in zip(present["image_id"], present["mask"], strict=True):
        labels = read_labels(path, len(classes) + 1)
        yield image_id, soft_of_labels(labels), labels


def automatic_masks(index: pandas.DataFrame, classes: Sequence[str]) -> Iterator[MaskOfImage]:
    """Masks by image processing, of every image."""
    index = masks.training_first(index)
    for image_id, path in zip(index["image_id"], index["path"], strict=True):
        labels = image_processing().automatic_mask(masks.read_image(path), classes)
        yield image_id, soft_of_labels(labels), labels


def shuffled_masks(
    index: pandas.DataFrame, folder: str | Path, classes: Sequence[str], seed: int
) -> Iterator[MaskOfImage]:
    """To each training image the mask of another training image in `folder`, resized to it."""
    training = index[index["split"] == "train"]
    giver = masks.derangement(list(training["image_id"]), seed)
    for image_id, path in zip(training["image_id"], training["path"], strict=True):
        other = f"{giver[image_id]}.png"
        size = image_size(path)
        soft = resize_grey(read_grey(Path(folder) / "soft" / other), size, smooth=True)
        labels = read_labels(Path(folder) / "labels" / other, len(classes) + 1)
        yield image_id, soft, resize_grey(labels, size, smooth=False)
