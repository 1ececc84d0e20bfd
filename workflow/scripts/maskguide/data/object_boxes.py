"""One published box per image, in pixels, → a YOLO txt beside the masks."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

from maskguide.data.boxes import Box, boxes_text
from maskguide.data.layout_files import Corners, Entry
from maskguide.system.cli import log
from maskguide.system.files import InputError

LEAST_INSIDE = 0.5  # share of a box's area; with less of it in the image, it belongs to another one
FIRST_REGION = 0


def write_boxes(entries: Sequence[Entry], sizes: Sequence[tuple[int, int]], folder: Path) -> list[Entry]:
    """The entries with their box as a file `<folder>/<image_id>.txt`, of YOLO class 0; others as they are.

    sizes: (width, height) of each entry's image, upright or as stored: as its box is meant.
    """
    written, beyond = [], []
    for entry, size in zip(entries, sizes, strict=True):
        if entry.corners is None:
            written.append(entry)
            continue
        inside, excess = cut(entry.corners, size, entry.path)
        if excess > 0:
            beyond.append((excess, entry.path))
        folder.mkdir(exist_ok=True)
        path = folder / f"{entry.image_id}.txt"
        path.write_text(boxes_text([Box(FIRST_REGION, *inside)], size[::-1]), encoding="utf-8")
        written.append(replace(entry, boxes=path))
    if beyond:
        most, path = max(beyond)
        log.info("boxes cut at their image's edge: %d, at most by %g px (%s)", len(beyond), most, path)
    return written


def cut(corners: Corners, size: tuple[int, int], name: str | Path) -> tuple[Corners, float]:
    """A box (left, top, right, bottom) cut at the edges of its image, and how many pixels stuck out at most.

    `InputError` names the image whose box is empty or lies mostly outside of it.
    """
    left, top, right, bottom = corners
    width, height = size
    area = (right - left) * (bottom - top)
    if right <= left or bottom <= top:
        raise InputError(f"{name}: its published box {corners} is empty; are the lists of this data set?")
    inside = max(left, 0), max(top, 0), min(right, width), min(bottom, height)
    shown = max(inside[2] - inside[0], 0) * max(inside[3] - inside[1], 0)
    if shown < LEAST_INSIDE * area:
        outside = f"its published box {corners} lies outside of its {width}×{height} pixels"
        raise InputError(f"{name}: {outside}; are image and lists of the same version of the data set?")
    return inside, float(max(-left, -top, right - width, bottom - height, 0))
