"""Masks in their publishers' formats → canonical label masks: mode L, 0 = background, 1..K = mask classes.

How grey levels map to labels is decided for a data set as a whole: a single mask may lack a class. What masks
of anybody's own mean is another matter: `mask_meaning`.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
from PIL import Image

from maskguide.data.pictures import open_upright
from maskguide.system.files import InputError

PNG_START = b"\x89PNG\r\n\x1a\n"
Reader = Callable[[str | Path], np.ndarray]

BUTTERFLY_FOREGROUND = (1, 3)  # palette values, from the data set's README
# The paper's Figure 1: white background, main vein black, second-order vein red.
FIGURE_COLOURS = np.array([[255, 255, 255], [0, 0, 0], [255, 0, 0]])
COLOUR_TOLERANCE = 64  # of 255 in each channel; compression and smoothed edges stray that far
STRAY_PIXELS = 0.05  # share of pixels that may lie beyond it


def reader(layout: str, paths: Iterable[str | Path], num_classes: int) -> Reader:
    """The function path → labels uint8 [height, width] in 0..num_classes for these masks of a data set."""
    if layout in OWN_READERS:
        return OWN_READERS[layout]
    paths = list(paths)
    with ThreadPoolExecutor(4) as pool:
        surveys = dict(zip(paths, pool.map(survey, paths), strict=True))
    coloured = [path for path, levels in surveys.items() if levels is None]
    if coloured and num_classes != 2:
        limit = f"for two mask classes only, here are {num_classes}; save grey labels 0..{num_classes}"
        raise InputError(f"{coloured[0]}: coloured masks (Figure 1 of the paper) are read {limit}")
    if coloured:
        return read_figure_colours
    levels = np.unique(np.concatenate([np.zeros(1, np.uint8), *surveys.values()]))
    if levels.max() <= num_classes:
        return read_grey
    if len(levels) - 1 == num_classes:
        return lambda path: np.searchsorted(levels, read_grey(path)).astype(np.uint8)
    if num_classes == 1:
        return lambda path: (read_grey(path) >= 128).astype(np.uint8)
    first = next(path for path, found in surveys.items() if found.max() > num_classes)
    shown = ", ".join(map(str, levels[:6])) + (f", … ({len(levels)} of them)" if len(levels) > 6 else "")
    wrong = f"not background and {num_classes} classes; save labels 0..{num_classes}"
    raise InputError(f"{first}: the masks hold the grey levels {shown}: {wrong}")


def survey(path: str | Path) -> np.ndarray | None:
    """The distinct grey levels (or palette indices) of a mask; None where it is coloured."""
    return None if is_coloured(open_upright(path)) else np.unique(read_grey(path))


def is_coloured(image: Image.Image) -> bool:
    """Whether a mask is drawn in colours, not in labels.

    A mostly white palette file is a drawing whose colours were counted; any other's indices are labels.
    """
    if image.mode in ("1", "L", "LA", "F") or image.mode.startswith("I"):
        return False
    pixels = np.asarray(image.convert("RGB"))
    if image.mode == "P":
        return bool((pixels.min(axis=2) > 255 - COLOUR_TOLERANCE).mean() > 0.5)
    return bool((pixels != pixels[..., :1]).any())


def read_grey(path: str | Path) -> np.ndarray:
    """Grey levels, or palette indices, as uint8 [height, width]; black-and-white files give 0 and 1."""
    image = open_upright(path)
    if image.mode in ("1", "L", "P"):
        return np.asarray(image).astype(np.uint8)
    if image.mode == "F" or image.mode.startswith("I"):
        levels = np.asarray(image)
        if levels.min() < 0 or levels.max() > 255 or (levels != levels.astype(np.uint8)).any():
            raise InputError(f"{path}: grey levels outside 0..255; save the mask with 8 bits")
        return levels.astype(np.uint8)
    return np.asarray(image.convert("RGB"))[..., 0]


def read_butterfly(path: str | Path) -> np.ndarray:
    """Leeds Butterfly, both formats: 1 where the butterfly is.

    In palette files the values 1 (white) and 3 (green) are foreground, 0 (black) and 2 (red: the border and
    what the segmentation left open) are not. The RGB files show the same colours, smoothed; their green
    channel is 255 for foreground and 0 for the rest, red border included, so that its half is the edge.
    """
    image = open_upright(path)
    if image.mode == "P":
        return np.isin(np.asarray(image), BUTTERFLY_FOREGROUND).astype(np.uint8)
    return (np.asarray(image.convert("RGB"))[..., 1] >= 128).astype(np.uint8)


def read_majority(path: str | Path) -> np.ndarray:
    """CUB-200-2011: grey levels say how many of the annotators saw the bird; 1 where more than half did."""
    return (np.asarray(open_upright(path).convert("L")) > 127).astype(np.uint8)


def read_figure_colours(path: str | Path) -> np.ndarray:
    """Colours of the paper's Figure 1 → 0 background, 1 main vein (black), 2 second-order vein (red)."""
    pixels = np.asarray(open_upright(path).convert("RGB")).astype(int)
    differences = np.abs(pixels[:, :, None] - FIGURE_COLOURS)
    strays = (differences.max(axis=3).min(axis=2) > COLOUR_TOLERANCE).mean()
    if strays > STRAY_PIXELS:
        neither = "neither white (background), black (main vein) nor red (second-order vein)"
        raise InputError(f"{path}: {strays:.0%} of the mask is {neither}; save grey labels 0, 1, 2")
    return differences.sum(axis=3).argmin(axis=2).astype(np.uint8)


def is_canonical(path: str | Path, labels: np.ndarray) -> bool:
    """Whether the file already is a PNG of mode L with exactly these labels."""
    with Path(path).open("rb") as file:
        if file.read(len(PNG_START)) != PNG_START:
            return False
    image = open_upright(path)
    return image.mode == "L" and bool(np.array_equal(np.asarray(image), labels))


OWN_READERS: dict[str, Reader] = {"btfpis": read_butterfly, "cub200": read_majority}
MEANINGS = {
    "btfpis": "white and green are the butterfly, black and red background",
    "cub200": "the bird is where more than half of the annotators saw it",
}
