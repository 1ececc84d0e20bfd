"""Twins of masks: what is left of a gain where masks lie elsewhere, are coarser, or are missing in part."""

from __future__ import annotations

import zlib
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path

import numpy as np
import pandas
from scipy import ndimage

from maskguide.data import masks
from maskguide.data.masks import MaskOfImage, read_grey, read_labels, resize_grey
from maskguide.data.pictures import image_size

WIDTH = 0.04  # of the longer side: by so much masks are eroded and dilated
THIRD = 3  # every third mask is missing
SHIFTS = (0.25, 0.75)  # of each side, round the border


def twin_masks(
    twin: str, index: pandas.DataFrame, folder: str | Path, classes: Sequence[str], seed: int
) -> Iterator[MaskOfImage]:
    """Twins of the masks in `folder`, of every image that has one there, training images first.

    twin: a key of `TWINS`, or "shuffled": the mask of another image of the same part of the split, resized.
    Labels are None but of shuffled masks that have them. `InputError` where a training image has no mask.
    """
    found = masks.training_first(index)
    there = [(Path(folder) / "soft" / f"{image_id}.png").is_file() for image_id in found["image_id"]]
    found = found[np.array(there) | (found["split"] == "train")]
    for _, part in found.groupby("split", sort=False):
        if twin == "shuffled":
            yield from shuffled_masks(part, folder, classes, seed)
            continue
        for place, image_id in enumerate(sorted(part["image_id"])):
            soft = read_grey(Path(folder) / "soft" / f"{image_id}.png")
            rng = np.random.default_rng([seed, zlib.crc32(image_id.encode())])
            yield image_id, TWINS[twin](soft, rng, place), None


def shuffled_masks(
    part: pandas.DataFrame, folder: str | Path, classes: Sequence[str], seed: int
) -> Iterator[MaskOfImage]:
    """To each image the mask of another one in `folder`, resized to it; none of a single test image."""
    if len(part) == 1 and part["split"].iloc[0] == "test":
        return
    giver = masks.derangement(list(part["image_id"]), seed)
    labelled = (Path(folder) / "labels").is_dir()
    for image_id, path in zip(part["image_id"], part["path"], strict=True):
        other = f"{giver[image_id]}.png"
        size = image_size(path)
        soft = resize_grey(read_grey(Path(folder) / "soft" / other), size, smooth=True)
        labels = None
        if labelled:
            labels = read_labels(Path(folder) / "labels" / other, len(classes) + 1)
            labels = resize_grey(labels, size, smooth=False)
        yield image_id, soft, labels


def elsewhere(soft: np.ndarray, rng: np.random.Generator, place: int) -> np.ndarray:
    """Mirrored left to right and moved by a quarter to three quarters of each side, round the border.

    As large and of the same shape, but in another place. soft: uint8 [h, w], as what all of these give.
    """
    shifts = [round(float(rng.uniform(*SHIFTS)) * side) for side in soft.shape]
    return np.roll(soft[:, ::-1], shifts, axis=(0, 1))


def width_of(soft: np.ndarray) -> int:
    """The side of the square by which a mask is eroded and dilated, in pixels; odd."""
    return 2 * max(1, round(WIDTH * max(soft.shape))) + 1


def eroded(soft: np.ndarray, rng: np.random.Generator, place: int) -> np.ndarray:
    """Smaller by `WIDTH` all around; what is thinner than twice that vanishes."""
    return ndimage.minimum_filter(soft, width_of(soft))


def dilated(soft: np.ndarray, rng: np.random.Generator, place: int) -> np.ndarray:
    """Larger by `WIDTH` all around."""
    return ndimage.maximum_filter(soft, width_of(soft))


def boxed(soft: np.ndarray, rng: np.random.Generator, place: int) -> np.ndarray:
    """The smallest box around what is at least half sure."""
    found = np.zeros_like(soft)
    rows, columns = (np.flatnonzero((soft >= 128).any(axis=axis)) for axis in (1, 0))
    if len(rows):
        found[rows[0] : rows[-1] + 1, columns[0] : columns[-1] + 1] = 255
    return found


def thirds(soft: np.ndarray, rng: np.random.Generator, place: int) -> np.ndarray:
    """Zero everywhere for every third image, in the order of their names."""
    return np.zeros_like(soft) if place % THIRD == THIRD - 1 else soft


TWINS: dict[str, Callable[[np.ndarray, np.random.Generator, int], np.ndarray]] = {
    "elsewhere": elsewhere,
    "eroded": eroded,
    "dilated": dilated,
    "boxes": boxed,
    "thirds": thirds,
}
