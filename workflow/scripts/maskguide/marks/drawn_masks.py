"""A person's label masks: they mean what all of them agree upon, or what somebody says."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np

from maskguide.data import mask_files, mask_meaning
from maskguide.data.label_masks import Reader
from maskguide.data.mask_values import Values
from maskguide.data.masks import BACKGROUND
from maskguide.data.pictures import open_upright
from maskguide.marks.parsed import read_text
from maskguide.marks.shapes import label_of
from maskguide.system.cli import log
from maskguide.system.files import InputError


def reader(
    paths: Sequence[Path], classes: Sequence[str], colour_map: Path | None, values: Values | None = None
) -> Reader:
    """The function path → labels uint8 [H, W] in 0..K, IGNORE for void, for these label masks of one folder.

    values: what the data set's entry says that their values mean; else `colour_map`, CVAT's labelmap.txt,
    names the colours of coloured masks; else they mean what they agree upon, and `InputError` names two that
    do not agree.
    """
    if colour_map is not None and values is None:
        colours = read_colour_map(colour_map)
        return lambda path: read_coloured(path, colours, classes)
    facts = mask_files.survey_all(paths)
    meaning = mask_meaning.agreed(facts, classes, values, "the data set's entry")
    if facts:
        log.info("%d label masks: %s", len(facts), meaning.words)
    return meaning.read


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
