"""A person's label masks: images whose grey levels or palette indices are labels."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

import numpy as np

from maskguide.data.masks import BACKGROUND
from maskguide.data.pictures import open_upright
from maskguide.marks.parsed import read_text
from maskguide.marks.shapes import check_size, label_of
from maskguide.system.files import InputError

Reader = Callable[[Path], np.ndarray]


def reader(paths: Sequence[Path], classes: Sequence[str], colour_map: Path | None) -> Reader:
    """The function path → labels uint8 [H, W] for these label masks of one folder.

    `colour_map` is CVAT's labelmap.txt, which names the colours of coloured masks.
    """
    if colour_map is None:
        return lambda path: read_label_mask(path, len(classes))
    colours = read_colour_map(colour_map)
    return lambda path: read_coloured(path, colours, classes)


def read_colour_map(path: Path) -> dict[tuple[int, ...], str]:
    """The class names of CVAT's labelmap.txt by their colours (R, G, B), "background" included."""
    colours = {}
    for number, line in enumerate(read_text(path).splitlines(), 1):
        if line.strip() and not line.startswith("#"):
            name, _, rest = line.partition(":")
            colour = rest.split(":")[0].split(",")
            if len(colour) != 3 or not all(part.strip().isdigit() for part in colour):
                raise InputError(f"{path}: line {number} is not 'class:red,green,blue::'; export it again")
            colours[tuple(int(part) for part in colour)] = name.strip()
    return colours


def read_coloured(path: Path, colours: Mapping[tuple[int, ...], str], classes: Sequence[str]) -> np.ndarray:
    """A coloured mask as labels, uint8 [H, W], by the names of its colours."""
    pixels = np.asarray(open_upright(path).convert("RGB"))
    found, places = np.unique(pixels.reshape(-1, 3), axis=0, return_inverse=True)
    labels = []
    for colour in map(tuple, found.tolist()):
        if colour not in colours:
            known = ", ".join(f"{name} {','.join(map(str, key))}" for key, name in colours.items())
            raise InputError(f"{path}: holds the colour {colour}, labelmap.txt says {known}; export it again")
        name = colours[colour]
        labels.append(0 if name == BACKGROUND else label_of(path, name, classes))
    return np.array(labels, dtype=np.uint8)[places.reshape(pixels.shape[:2])]


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
