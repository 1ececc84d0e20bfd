"""One image marked in several files: merged where they cannot contradict, refused where they do."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple, NoReturn

import numpy as np

from maskguide.data.boxes import Box
from maskguide.data.masks import IGNORE
from maskguide.marks.shapes import SAME_OBJECT, Shape, overlap
from maskguide.system.files import InputError

AGREE = 0.9  # intersection over union from which two files say the same of a class


class Drawing(NamedTuple):
    """What one file says of an image: painted uint8 [H, W] labels; its shapes, [] of a label mask."""

    path: Path
    labels: np.ndarray
    shapes: list[Shape]

    def draws(self, label: int) -> bool:
        """Whether the outline of an object of the class is drawn, not just a box around it."""
        if self.shapes:
            return any(shape.drawn for shape in self.shapes if shape.label == label)
        return bool((self.labels == label).any())

    def boxes(self, label: int) -> list[Shape]:
        """The boxes of a class."""
        return [shape for shape in self.shapes if shape.label == label and shape.kind == "box"]


def merged_labels(image_id: str, drawings: Sequence[Drawing], names: Sequence[str]) -> np.ndarray:
    """Label mask uint8 [H, W] of all drawings of an image.

    Each class is that of the first file that draws it; label masks go first. Further files with the class
    must agree: as masks, or with boxes around what is drawn. Where classes of different files overlap, the
    later one of `names` counts.
    """
    drawings = sorted(drawings, key=lambda drawing: bool(drawing.shapes))
    if len(drawings) == 1:
        return drawings[0].labels
    empty = [each for each in drawings if is_empty(each)]
    if empty and len(empty) < len(drawings):
        refuse_empty(image_id, empty[0].path, next(each.path for each in drawings if not is_empty(each)))
    owners: dict[int, Drawing] = {}
    for label in range(1, len(names) + 1):
        drawn = [each for each in drawings if each.draws(label)]
        boxed = [each for each in drawings if not each.draws(label) and each.boxes(label)]
        for other in (drawn or boxed)[1:]:
            if mask_overlap(*(each.labels == label for each in ((drawn or boxed)[0], other))) < AGREE:
                refuse(image_id, names[label - 1], (drawn or boxed)[0].path, other.path)
        for other in boxed if drawn else []:
            if not all(is_around(box, drawn[0].labels == label) for box in other.boxes(label)):
                refuse(image_id, names[label - 1], drawn[0].path, other.path)
        if drawn or boxed:
            owners[label] = (drawn or boxed)[0]
    labels = np.zeros_like(drawings[0].labels)
    if len({id(owner) for owner in owners.values()}) == 1:
        return owners[min(owners)].labels
    for label, owner in owners.items():
        labels[owner.labels == label] = label
    for drawing in drawings:
        labels[(drawing.labels == IGNORE) & (labels == 0)] = IGNORE
    return labels


def is_empty(drawing: Drawing) -> bool:
    """Whether a file marks nothing in the image."""
    return not drawing.shapes and not (drawing.labels[drawing.labels != IGNORE] > 0).any()


def mask_overlap(one: np.ndarray, other: np.ndarray) -> float:
    """Intersection over union of two bool [H, W]; 0 where both are empty."""
    return float((one & other).sum() / max((one | other).sum(), 1))


def is_around(box: Shape, mask: np.ndarray) -> bool:
    """Whether a box is much the same as the rectangle around what a mask (bool [H, W]) has inside it."""
    (left, top), (right, bottom) = np.round(box.corners).astype(int).clip(0)
    rows, columns = np.nonzero(mask[top:bottom, left:right])
    if rows.size == 0:
        return False
    across, down = columns + left, rows + top
    around = np.array([[across.min(), down.min()], [across.max() + 1, down.max() + 1]], dtype=float)
    return overlap(around, box.corners) >= SAME_OBJECT


def merged_boxes(image_id: str, sources: Sequence[tuple[Path, list[Box]]], names: Sequence[str]) -> list[Box]:
    """The boxes of an image from all files that mark it: each region's of the first file that has it.

    Further files with the region must have the same boxes; an empty one contradicts any other.
    """
    path, boxes = sources[0]
    for other, more in sources[1:]:
        if bool(boxes) != bool(more):
            refuse_empty(image_id, *((path, other) if more else (other, path)))
        regions = {box.region for box in boxes}
        for region in regions & {box.region for box in more}:
            if not same_boxes(*([box for box in each if box.region == region] for each in (boxes, more))):
                refuse(image_id, names[region], path, other)
        boxes = boxes + [box for box in more if box.region not in regions]
    return boxes


def same_boxes(one: list[Box], other: list[Box]) -> bool:
    """Whether each box has its like among the others."""
    left = [np.reshape(box[1:], (2, 2)) for box in other]
    for box in one:
        corners = np.reshape(box[1:], (2, 2))
        best = max(range(len(left)), key=lambda k: overlap(corners, left[k]), default=None)
        if best is None or overlap(corners, left[best]) < AGREE:
            return False
        left.pop(best)
    return not left


def refuse_empty(image_id: str, empty: Path, marked: Path) -> NoReturn:
    """One file says that there is nothing to mark, another one marks it."""
    way_out = "move the one that is wrong out of this folder"
    raise InputError(f"{empty}: says that {image_id} shows nothing, but {marked} marks it; {way_out}")


def refuse(image_id: str, what: str, one: Path, other: Path) -> NoReturn:
    """Two files of one image contradict, or one that has the image twice."""
    if one == other:
        often = f"marks {what!r} in {image_id} twice and differently (by two people, or on an altered copy)"
        raise InputError(f"{one}: {often}; export it without the other")
    way_out = "move the one that is wrong out of this folder"
    raise InputError(f"{other}: marks {what!r} in {image_id} otherwise than {one}; {way_out}")
