"""XML of Pascal VOC (LabelImg, Roboflow, CVAT, makesense), one file an image, and of "CVAT for images"."""

from __future__ import annotations

import re
from pathlib import Path
from xml.etree.ElementTree import Element

import numpy as np

from maskguide.marks.parsed import (
    Entry,
    MarkedImage,
    Wanted,
    box_points,
    ellipse_points,
    pairs,
    size_of,
    turned_box,
)
from maskguide.marks.run_lengths import fill_runs
from maskguide.system.files import InputError

XML_ROOTS = ("annotation", "annotations")  # of Pascal VOC, of CVAT


def read_xml_marks(path: Path, root: Element, wanted: Wanted) -> list[MarkedImage]:
    """The marked images of an XML file of either kind; `InputError` for any other."""
    if root.tag == "annotation":
        return [read_voc(path, root)]
    if root.tag == "annotations":
        return read_cvat(path, root, wanted)
    wrong = f"is neither Pascal VOC nor CVAT for images (its root is <{root.tag}>)"
    raise InputError(f"{path}: {wrong}; export one of these, or COCO")


def read_voc(path: Path, root: Element) -> MarkedImage:
    """A Pascal VOC file: a box of each object, or its polygon and the box around that.

    Corners count as edges in pixels: xmin 5, xmax 15 is ten pixels wide. The file's own name is the image's
    where <filename> is absent.
    """
    entries = []
    for number, item in enumerate(root.findall("object"), 1):
        name, place = text_of(item, "name"), f"{path}: object {number}"
        polygon, box = item.find("polygon"), item.find("bndbox")
        thing = f"object {number}"
        if polygon is not None:
            entries.append(Entry(place, name, "polygon", _voc_polygon(place, polygon), thing=thing))
        if box is not None:
            corners = [text_of(box, side) for side in ("xmin", "ymin", "xmax", "ymax")]
            kind = "box" if polygon is None else "frame"
            entries.append(Entry(place, name, kind, pairs(place, corners), thing=thing))
        if box is None and polygon is None:
            raise InputError(f"{place} has neither <bndbox> nor <polygon>; draw it anew")
    size = size_of(root.findtext("size/height"), root.findtext("size/width"))
    return MarkedImage(text_of(root, "filename") or "", size, entries)


def text_of(item: Element, tag: str) -> str | None:
    """A child's text without blanks around it; None where it is absent or empty."""
    return (item.findtext(tag) or "").strip() or None


def _voc_polygon(place: str, polygon: Element) -> np.ndarray:
    """<x1>, <y1>, <x2>, … as Roboflow writes them, or <pt><x/><y/></pt>, …"""
    points = [(point.findtext("x"), point.findtext("y")) for point in polygon.findall("pt")]
    numbers = sorted(int(tag[1:]) for each in polygon if re.fullmatch(r"x\d+", tag := str(each.tag)))
    return pairs(place, points or [(polygon.findtext(f"x{n}"), polygon.findtext(f"y{n}")) for n in numbers])


def read_cvat(path: Path, root: Element, wanted: Wanted) -> list[MarkedImage]:
    """A file "CVAT for images": boxes, polygons, polylines, ellipses, masks; a higher z_order comes later.

    Shapes of one label with the same group_id (0 is none) are parts of one object.
    """
    if root.find("track") is not None:
        raise InputError(f"{path}: is of CVAT for video, with marks between frames; export COCO from CVAT")
    found = []
    for image in root.findall("image"):
        reference = image.get("name") or ""
        place = f"{path}: image {reference}"
        shapes = [each for each in image if each.tag != "tag"] if wanted(reference) else []
        shapes.sort(key=lambda shape: float(shape.get("z_order", 0)))
        entries = [_cvat_entry(place, shape) for shape in shapes]
        found.append(MarkedImage(reference, size_of(image.get("height"), image.get("width")), entries))
    return found


def _cvat_entry(place: str, shape: Element) -> Entry:
    name, group = shape.get("label"), shape.get("group_id") or "0"
    place = f"{place}: {shape.tag} of {name!r}"
    try:
        kind, points, stencil = _cvat_shape(place, shape)
    except (TypeError, ValueError) as error:
        raise InputError(f"{place}: cannot be read ({error}); export it again") from error
    return Entry(place, name, kind, points, stencil, None if group == "0" else f"group {group}")


def _cvat_shape(place: str, shape: Element) -> tuple[str, np.ndarray, np.ndarray | None]:
    """Kind, points and stencil of one shape; `TypeError` or `ValueError` for numbers that are none."""

    def number(*names: str) -> list[float]:
        return [float(shape.attrib.get(name, "nothing")) for name in names]

    if shape.tag in ("polygon", "polyline"):
        points = pairs(place, [point.split(",") for point in shape.get("points", "").split(";")])
        return ("polygon" if shape.tag == "polygon" else "line"), points, None
    degrees = float(shape.get("rotation", 0))
    if shape.tag == "box":
        left, top, right, bottom = number("xtl", "ytl", "xbr", "ybr")
        middle = [(left + right) / 2, (top + bottom) / 2]
        if degrees % 360:
            return "polygon", turned_box((left, top), (right - left, bottom - top), degrees, middle), None
        return "box", np.array([[left, top], [right, bottom]]), None
    if shape.tag == "ellipse":
        return "polygon", ellipse_points(*number("cx", "cy", "rx", "ry"), degrees), None
    if shape.tag == "mask":
        left, top, width, height = number("left", "top", "width", "height")
        runs = [int(run) for run in shape.get("rle", "").split(",")]
        stencil = fill_runs(runs, int(width) * int(height)).reshape(int(height), int(width))
        return "mask", box_points(place, [left, top, width, height])[:1], stencil
    raise ValueError("shapes of this kind are not read; use polygon, polyline, box, ellipse or mask")
