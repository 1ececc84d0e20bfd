"""What the readers of annotation files hand over, and how it becomes shapes on an image."""

from __future__ import annotations

import codecs
import json
import re
import xml.etree.ElementTree as ElementTree
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from maskguide.marks.shapes import Shape, check_points, check_size, label_of
from maskguide.system.files import InputError

LEAST_POINTS = {"polygon": 3, "line": 2, "circle": 2, "box": 2, "frame": 2, "mask": 1}
Wanted = Callable[[str], bool]  # whether the marks of an image, as a file names it, are asked for


@dataclass(frozen=True)
class Entry:
    """One mark as a file has it. `place` is its name in errors, `name` its class's, None without any.

    kind, points, stencil and thing: see `Shape`; with `shares`, points are shares of the image's sides.
    A stencil that is `whole` must have the image's size.
    """

    place: str
    name: str | None
    kind: str
    points: np.ndarray
    stencil: np.ndarray | None = None
    thing: str | None = None
    shares: bool = False
    whole: bool = False


class MarkedImage(NamedTuple):
    """The marks that a file has of one image; `reference` is the image's name there, `size` (H, W) if told.

    `left_out` is what of it does not count: pairs of a reason and what it is of, "" for all of the file.
    """

    reference: str
    size: tuple[int, int] | None
    entries: list[Entry]
    left_out: Sequence[tuple[str, str]] = ()


def shapes_of(entries: Iterable[Entry], classes: Sequence[str], size: tuple[int, int]) -> list[Shape]:
    """Entries as shapes on an image of `size` (H, W); `InputError` names what does not fit it."""
    shapes = []
    for entry in entries:
        label = label_of(entry.place, entry.name, classes)
        points = entry.points * np.array([size[1], size[0]]) if entry.shares else entry.points
        least = LEAST_POINTS[entry.kind]
        if len(points) < least:
            few = f"a {entry.kind} of {entry.name!r} has {len(points)} points; it needs {least}"
            raise InputError(f"{entry.place}: {few}")
        name = entry.name or classes[label - 1]
        check_points(entry.place, name, points, size)
        if entry.whole:
            check_size(entry.place, entry.stencil.shape, size)
        elif entry.stencil is not None:
            check_points(entry.place, name, points[:1] + entry.stencil.shape[::-1] - 1.0, size)
        shapes.append(Shape(label, entry.kind, points, entry.stencil, entry.thing))
    return shapes


@contextmanager
def as_exported(path: Path) -> Iterator[None]:
    """Refuse a file whose parts are not of the kinds that its program writes, whatever else is wrong."""
    try:
        yield
    except (AttributeError, LookupError, OverflowError, TypeError, ValueError) as error:
        wrong = (
            f"is not as annotation programs write it ({type(error).__name__}: {' '.join(str(error).split())})"
        )
        raise InputError(f"{path}: {wrong}; export it again") from error


def pairs(place: str, numbers: Any) -> np.ndarray:
    """Points float [n, 2] of a list of pairs, or of a flat list x, y, x, y, …"""
    try:
        points = np.array(numbers, dtype=float)
        if points.ndim == 2 and points.shape[1] == 2:
            return points
        if points.ndim == 1 and points.size % 2 == 0:
            return points.reshape(-1, 2)
    except (TypeError, ValueError):
        pass
    raise InputError(f"{place}: holds no list of points [x, y]; export it again, or correct that mark")


def box_points(place: str, numbers: Sequence[Any]) -> np.ndarray:
    """The two corners of left, top, width, height."""
    try:
        left, top, width, height = map(float, numbers)
    except (TypeError, ValueError) as error:
        raise InputError(f"{place}: its box is not four numbers x, y, width, height; draw it anew") from error
    return np.array([[left, top], [left + width, top + height]])


def ellipse_points(cx: float, cy: float, rx: float, ry: float, degrees: float = 0.0) -> np.ndarray:
    """A polygon of 72 points on an ellipse, turned clockwise about its centre."""
    angles, turn = np.linspace(0, 2 * np.pi, 72, endpoint=False), np.radians(degrees)
    x, y = rx * np.cos(angles), ry * np.sin(angles)
    turned = [x * np.cos(turn) - y * np.sin(turn), x * np.sin(turn) + y * np.cos(turn)]
    return np.stack(turned, axis=1) + np.array([cx, cy])


def turned_box(corner: Sequence[float], sides: Sequence[float], degrees: float, pivot: Sequence[float]):
    """The four corners, float [4, 2], of a rectangle turned clockwise about `pivot` (x, y)."""
    (left, top), (width, height), turn = corner, sides, np.radians(degrees)
    points = np.array([[left, top], [left + width, top], [left + width, top + height], [left, top + height]])
    matrix = np.array([[np.cos(turn), np.sin(turn)], [-np.sin(turn), np.cos(turn)]])
    return (points - pivot) @ matrix + pivot


def size_of(height: Any, width: Any) -> tuple[int, int] | None:
    """(H, W) of what a file says, None where it says nothing that counts: absent, 0, no number."""
    try:
        size = int(float(height)), int(float(width))
    except (TypeError, ValueError):
        return None
    return size if min(size) > 0 else None


def read_text(path: str | Path) -> str:
    """A person's UTF-8 text file, without the byte order mark that Windows puts first."""
    try:
        content = Path(path).read_bytes()
    except OSError as error:
        raise InputError(f"{path}: cannot be read ({error.strerror})") from error
    if content.startswith((codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)):
        raise InputError(f"{path}: is no UTF-8 but UTF-16; save it as UTF-8")
    try:
        return content.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        wrong = f"is no UTF-8 (byte {error.start}, perhaps GBK or Latin-1)"
        raise InputError(f"{path}: {wrong}; save it as UTF-8, or export it again") from error


def read_json(path: str | Path) -> Any:
    """A person's JSON file."""
    try:
        return json.loads(read_text(path))
    except (ValueError, RecursionError) as error:
        way_out = "save it again in the program that made it, or correct that place"
        raise InputError(f"{path}: cannot be read as JSON ({error}); {way_out}") from error


def read_xml(path: str | Path) -> ElementTree.Element:
    """The root of a person's XML file.

    A document type is refused unread: it alone can declare entities, which fetch files or fill the memory.
    """
    text = read_text(path)
    if re.search(r"<!\s*(DOCTYPE|ENTITY)", text, re.IGNORECASE):
        raise InputError(f"{path}: declares a document type (DOCTYPE), which is not read; take that line out")
    try:
        return ElementTree.fromstring(text)
    except (ElementTree.ParseError, ValueError) as error:
        way_out = "save it again in the program that made it, or correct that place"
        raise InputError(f"{path}: cannot be read as XML ({error}); {way_out}") from error
