"""A person's label masks: images whose grey levels or palette indices are labels."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path

import numpy as np

from maskguide.data.pictures import open_upright
from maskguide.marks.shapes import check_size
from maskguide.system.files import InputError

Reader = Callable[[Path], np.ndarray]


def reader(paths: Sequence[Path], class_count: int) -> Reader:
    """The function path → labels uint8 [H, W] for these label masks of one folder."""
    return lambda path: read_label_mask(path, class_count)


def read_label_mask(path: str | Path, class_count: int, size: tuple[int, int] | None = None) -> np.ndarray:
    """A label PNG as uint8 [H, W] with values 0..K; 0/255 is read as 0/1 when K is 1.

    Palette images give their indices; a colour image passes if its three channels are equal.
    """
    image = open_upright(path)
    values = np.asarray(image.convert("L") if image.mode in ("1", "LA") else image)
    if values.ndim == 3:
        if (values[..., 0] != values[..., 1]).any() or (values[..., 0] != values[..., 2]).any():
            raise InputError(f"{path}: is a colour image; save the label mask as 8-bit grey")
        values = values[..., 0]
    if size is not None:
        check_size(path, values.shape, size)
    found = np.unique(values)
    if class_count == 1 and np.isin(found, [0, 255]).all():
        return (values > 0).astype(np.uint8)
    strange = found[(found < 0) | (found > class_count) | (found != np.floor(found))]
    if len(strange):
        listed = ", ".join(str(value) for value in strange[:5])
        raise InputError(f"{path}: holds the value {listed}; a label mask holds 0 to {class_count} only")
    return values.astype(np.uint8)
