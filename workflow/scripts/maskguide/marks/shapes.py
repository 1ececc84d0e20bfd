"""Marks as shapes: their kinds, their checks against the image, painted as a label mask, written as boxes.

Points are (x, y) in pixels from the image's top left corner; pixel column i covers x from i to i + 1.
"""

from __future__ import annotations

import unicodedata
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
from PIL import Image, ImageDraw
from skimage.draw import disk, polygon

from maskguide.data.boxes import Box, boxes_text
from maskguide.system.files import InputError

TOLERANCE = 0.5  # px that a point may lie outside the image: programs round
SAME_OBJECT = 0.5  # intersection over union from which a rectangle and a drawing are one object


@dataclass(frozen=True)
class Shape:
    """One mark: kind "polygon", "line", "circle" (centre, point on the rim), "box" (two corners), "mask", or
    "frame": two corners of a rectangle that says where a drawn object lies, and is not painted.

    `points` is float [n, 2]; a "mask" is the bool array `stencil` with its top left corner at points[0].
    Shapes of one label with the same `thing` are parts of one object; those without are objects of their own.
    """

    label: int  # 1..K
    kind: str
    points: np.ndarray
    stencil: np.ndarray | None = None
    thing: str | None = None

    @property
    def drawn(self) -> bool:
        """Whether the object's own shape is drawn, rather than a rectangle around it."""
        return self.kind not in ("box", "frame")

    @property
    def corners(self) -> np.ndarray:
        """The rectangle around the shape: float [2, 2], (left, top) and (right, bottom)."""
        first, last = self.points.min(axis=0), self.points.max(axis=0)
        if self.kind == "circle":
            radius = np.linalg.norm(self.points[1] - self.points[0])
            first, last = self.points[0] - radius, self.points[0] + radius
        elif self.kind == "mask":
            rows, columns = np.nonzero(self.stencil)
            if rows.size == 0:
                return np.array([first, first])
            last = first + np.array([columns.max() + 1, rows.max() + 1])
            first = first + np.array([columns.min(), rows.min()])
        return np.array([first, last])


def paint(shapes: Iterable[Shape], size: tuple[int, int], line_width: int) -> np.ndarray:
    """Paint shapes in their order, later over earlier, on uint8 [H, W] of `size` = (H, W); 0 = background.

    A pixel belongs to a polygon when its centre does. Boxes are filled, frames are not painted.
    """
    labels = np.zeros(size, dtype=np.uint8)
    for shape in shapes:
        x, y = shape.points.T
        if shape.kind == "box":
            left, right, top, bottom = (round(float(v)) for v in (x.min(), x.max(), y.min(), y.max()))
            labels[max(top, 0) : max(bottom, top + 1), max(left, 0) : max(right, left + 1)] = shape.label
        elif shape.kind == "polygon":
            labels[polygon(y - 0.5, x - 0.5, size)] = shape.label
        elif shape.kind == "circle":
            radius = float(np.hypot(x[1] - x[0], y[1] - y[0]))
            labels[disk((y[0] - 0.5, x[0] - 0.5), radius, shape=size)] = shape.label
        elif shape.kind == "line":
            layer = Image.fromarray(labels)
            path = [(float(px) - 0.5, float(py) - 0.5) for px, py in shape.points]
            ImageDraw.Draw(layer).line(path, fill=shape.label, width=line_width, joint="curve")
            labels = np.array(layer)
        elif shape.kind == "mask":
            top, left = round(float(y[0])), round(float(x[0]))
            window = labels[top : top + shape.stencil.shape[0], left : left + shape.stencil.shape[1]]
            window[shape.stencil[: window.shape[0], : window.shape[1]]] = shape.label
    return labels


def with_frames(shapes: Iterable[Shape]) -> list[Shape]:
    """The shapes, each box that lies around drawings of its label turned into the frame of that object.

    It does where the rectangle around what is drawn inside it is much the same; else it is a mark of its own.
    """
    shapes = list(shapes)
    for place, box in enumerate(shapes):
        inside = [other for other in shapes if box.kind == "box" and other.drawn and within(other, box)]
        if not inside:
            continue
        around = np.array(
            [np.min([each.corners[0] for each in inside], 0), np.max([each.corners[1] for each in inside], 0)]
        )
        if overlap(around, box.corners) >= SAME_OBJECT:
            thing = f"frame {place}"
            shapes = [replace(s, thing=thing) if any(s is i for i in inside) else s for s in shapes]
            shapes[place] = replace(box, kind="frame", thing=thing)
    return shapes


def within(shape: Shape, box: Shape) -> bool:
    """Whether the middle of a shape lies in a box of the same label."""
    middle = shape.corners.mean(axis=0)
    first, last = box.corners
    return shape.label == box.label and bool((middle >= first).all() and (middle <= last).all())


def overlap(one: np.ndarray, other: np.ndarray) -> float:
    """Intersection over union of two rectangles [[left, top], [right, bottom]]; 0 without any area."""
    sides = np.minimum(one[1], other[1]) - np.maximum(one[0], other[0])
    common = float(np.prod(np.clip(sides, 0, None)))
    union = float(np.prod(one[1] - one[0]) + np.prod(other[1] - other[0])) - common
    return common / union if union > 0 else 0.0


def shapes_to_boxes(path: str | Path, shapes: Iterable[Shape], size: tuple[int, int]) -> list[Box]:
    """The rectangles around objects on an image of `size` (H, W), cut at its edges; errors name `path`.

    The frame of an object, where it has one, is its box.
    """
    things: dict[tuple, list[Shape]] = {}
    for number, shape in enumerate(shapes):
        things.setdefault((shape.label, shape.thing or number), []).append(shape)
    boxes = []
    for (label, _), parts in things.items():
        frames = [part for part in parts if part.kind == "frame"] or parts
        first = np.min([part.corners[0] for part in frames], axis=0)
        last = np.max([part.corners[1] for part in frames], axis=0)
        (left, top), (right, bottom) = np.clip([first, last], 0, [size[1], size[0]]).tolist()
        if right <= left or bottom <= top:
            raise InputError(f"{path}: a mark has no area, at ({left:g}, {top:g}) px; draw it anew")
        boxes.append(Box(label - 1, left, top, right, bottom))
    return boxes


def yolo_text(shapes: Iterable[Shape], size: tuple[int, int]) -> str:
    """The rectangles among `shapes` as YOLO lines "class cx cy w h": label - 1, then shares of the sides."""
    boxes = [shape for shape in shapes if not shape.drawn]
    return boxes_text([Box(shape.label - 1, *shape.corners.ravel()) for shape in boxes], size)


def label_of(place: str | Path, name: str | None, classes: Sequence[str]) -> int:
    """The label 1..K of a class name; case, spaces, hyphens and underscores may differ.

    A mark without a name is of the only class where there is one alone. Errors name `place`.
    """
    if name in classes:
        return list(classes).index(name) + 1
    if not name and len(classes) == 1:
        return 1
    alike = [number for number, known in enumerate(classes, 1) if name and plain(known) == plain(name)]
    if len(alike) == 1:
        return alike[0]
    what = f"label {name!r} is unknown" if name else "has no label"
    way_out = "correct the label, or name it in the data set's classes"
    raise InputError(f"{place}: {what}; known are {', '.join(classes)}; {way_out}")


def plain(name: str) -> str:
    """A class name without what programs change in it."""
    return unicodedata.normalize("NFC", str(name)).strip().casefold().replace("-", "_").replace(" ", "_")


def check_size(path: str | Path, found: Sequence[int], size: tuple[int, int]) -> None:
    """Refuse a mark made on an image of another size; both are (H, W)."""
    if tuple(found) != tuple(size):
        differ = f"is {found[1]} × {found[0]} pixels, its image {size[1]} × {size[0]}"
        raise InputError(f"{path}: {differ}; mark that image, or export it unchanged")


def check_points(place: str | Path, name: str, points: np.ndarray, size: tuple[int, int]) -> None:
    """Refuse points that are no numbers or lie outside the image."""
    limits = np.array([size[1], size[0]])
    if not np.isfinite(points).all() or (points < -TOLERANCE).any() or (points > limits + TOLERANCE).any():
        outside = f"lies outside the image ({size[1]} × {size[0]} pixels)"
        raise InputError(f"{place}: a mark of {name!r} {outside}; redraw it")
