"""YOLO's text files: a line is a box "class cx cy w h" or a polygon "class x y x y …", in shares of sides."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np

from maskguide.marks.parsed import Entry, read_text
from maskguide.system.files import InputError

LINE = "is not 'class cx cy w h', nor a polygon 'class x y x y x y …'"


def read_yolo(path: str | Path, names: Sequence[str]) -> list[Entry]:
    """The boxes and polygons of a YOLO txt, class k being names[k]; [] for an empty file."""
    entries = []
    for number, line in enumerate(read_text(path).splitlines(), 1):
        if not line.strip():
            continue
        place, shown = f"{path}: line {number}", repr(line.strip()[:60])
        try:
            index, *numbers = map(float, line.split())
        except ValueError as error:
            raise InputError(f"{place} {LINE}: {shown}") from error
        if len(numbers) == 5:
            way_out = "give what a person drew, without the sixth number"
            raise InputError(f"{place} ends in a confidence, as a detector's findings do: {shown}; {way_out}")
        if len(numbers) < 4 or len(numbers) % 2:
            raise InputError(f"{place} {LINE}: {shown}")
        if not index.is_integer() or not 0 <= index < len(names):
            numbered = ", ".join(f"{place} {name}" for place, name in enumerate(names))
            raise InputError(f"{place}: class {index:g} is unknown; they are {numbered}")
        kind, points = "polygon", np.reshape(numbers, (-1, 2))
        if len(numbers) == 4:
            (cx, cy), (w, h) = points
            if w <= 0 or h <= 0:
                raise InputError(f"{place}: width and height must be above 0: {shown}")
            kind, points = "box", np.array([[cx - w / 2, cy - h / 2], [cx + w / 2, cy + h / 2]])
        entries.append(Entry(place, names[int(index)], kind, points, shares=True))
    return entries
