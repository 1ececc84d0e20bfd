"""Label masks and soft masks: files, sources and intersection over union.

A folder of masks holds `soft/<image_id>.png` (mode L, 255 × probability of foreground) and
`labels/<image_id>.png` (mode L, 0 = background, 1..K = mask classes, 255 = void: neither, never counted),
both of the image's size.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pandas
from PIL import Image

from maskguide.data.pictures import open_upright, read_rgb
from maskguide.system.files import InputError, atomic_file, read_csv

IGNORE = 255
BACKGROUND = "background"
# image_id, soft mask uint8 [H, W], labels uint8 [H, W]; None of masks that nobody asks for the labels of
MaskOfImage = tuple[str, np.ndarray, np.ndarray | None]


def check_classes(classes: Sequence[str]) -> tuple[str, ...]:
    """The mask classes, background excluded, as a tuple; `InputError` for none, doubles or "background"."""
    names = tuple(classes)
    if not names or "" in names:
        raise InputError("classes: name at least one mask class, background excluded")
    if len(set(names)) < len(names):
        raise InputError(f"classes {' '.join(names)}: a name occurs twice; name each class once")
    if BACKGROUND in names:
        raise InputError("classes: background is always there; leave it out")
    if len(names) >= IGNORE:
        raise InputError(f"classes: {len(names)} are too many for one byte; at most {IGNORE - 1}")
    return names


def read_grey(path: str | Path) -> np.ndarray:
    """Read a mode L (or 1-bit) image as uint8 [H, W]; `InputError` names a missing or other file."""
    image = open_upright(path)
    if image.mode not in ("L", "1"):
        raise InputError(f"{path}: mode {image.mode}, not one grey channel (L); convert it")
    return np.array(image.convert("L"))


def read_image(path: str | Path) -> np.ndarray:
    """Read an image as uint8 RGB [H, W, 3], writable; `InputError` names a missing or broken file."""
    return np.array(read_rgb(path))


def read_labels(path: str | Path, num_classes: int, size: Sequence[int] | None = None) -> np.ndarray:
    """Read a label mask, uint8 [H, W], values below `num_classes` (background counted), or IGNORE for void.

    Raises `InputError` for other values and, where `size` (height, width) is given, for another size.
    """
    labels = read_grey(path)
    if size is not None and labels.shape != tuple(size):
        height, width = labels.shape
        raise InputError(f"{path}: {width}×{height} pixels, its image {size[1]}×{size[0]}; redo it")
    largest = labels[labels != IGNORE].max(initial=0)
    if largest >= num_classes:
        few = f"there are {num_classes - 1} mask classes; name all of them in classes"
        raise InputError(f"{path}: holds label {largest}, but {few}")
    return labels


def write_grey(path: str | Path, pixels: np.ndarray) -> None:
    """Write uint8 [H, W] atomically as a mode L PNG."""
    with atomic_file(path) as temporary:
        Image.fromarray(pixels).save(temporary, format="PNG")


def write_masks(folder: str | Path, image_id: str, soft: np.ndarray, labels: np.ndarray | None) -> None:
    """Write an image's soft mask (uint8) and label mask (uint8), if any, into a folder of masks."""
    write_grey(Path(folder) / "soft" / f"{image_id}.png", soft)
    if labels is not None:
        write_grey(Path(folder) / "labels" / f"{image_id}.png", labels)


def soft_of_probability(probability: np.ndarray) -> np.ndarray:
    """Probability of foreground, float 0..1 → uint8 0..255, rounded."""
    return np.rint(255 * np.clip(probability, 0, 1)).astype(np.uint8)


def soft_of_labels(labels: np.ndarray) -> np.ndarray:
    """Label mask → soft mask: 255 on every mask class, 0 on background and void."""
    return np.where((labels > 0) & (labels != IGNORE), 255, 0).astype(np.uint8)


def resize_grey(pixels: np.ndarray, size: Sequence[int], smooth: bool) -> np.ndarray:
    """Resize uint8 [h, w] to `size` (height, width): smooth (bilinear) for soft masks, nearest for labels."""
    if pixels.shape == tuple(size):
        return pixels
    method = Image.Resampling.BILINEAR if smooth else Image.Resampling.NEAREST
    return np.array(Image.fromarray(pixels).resize((size[1], size[0]), method))


def read_annotated(path: str | Path) -> pandas.DataFrame:
    """Read `annotated.csv` (image_id, mask, boxes, source); `mask` becomes a usable path, "" where absent."""
    frame = read_csv(path, ["image_id", "mask", "source"], "run import_annotation.py again")
    frame["mask"] = [str(Path(path).parent / mask) if mask else "" for mask in frame["mask"]]
    return frame


def confusion_matrix(truth: np.ndarray, predicted: np.ndarray, num_classes: int) -> np.ndarray:
    """Pixel counts int64 [num_classes (truth), num_classes (predicted)]; truth IGNORE does not count."""
    counted = truth != IGNORE
    pairs = truth[counted].astype(np.int64) * num_classes + predicted[counted]
    return np.bincount(pairs, minlength=num_classes**2).reshape(num_classes, num_classes)


def intersection_over_union(confusion: np.ndarray) -> np.ndarray:
    """IoU per class, float [num_classes]: `TP / (TP + FP + FN)`; NaN for a class nowhere in either mask."""
    intersection = np.diag(confusion).astype(float)
    union = confusion.sum(axis=0) + confusion.sum(axis=1) - intersection
    return np.divide(intersection, union, out=np.full_like(intersection, np.nan), where=union > 0)


def training_first(index: pandas.DataFrame) -> pandas.DataFrame:
    """The index with its training images first, otherwise in its own order."""
    return index.sort_values("split", key=lambda split: split != "train", kind="stable")


def derangement(image_ids: Sequence[str], seed: int) -> dict[str, str]:
    """For each image another one, each taken once, none its own: one cycle through a seeded random order."""
    if len(image_ids) < 2:
        raise InputError(f"{len(image_ids)} training image: no other to take a mask from; use more images")
    order = np.random.default_rng(seed).permutation(len(image_ids))
    giver = dict(zip(order, np.roll(order, -1), strict=True))
    return {image_id: image_ids[giver[place]] for place, image_id in enumerate(image_ids)}
