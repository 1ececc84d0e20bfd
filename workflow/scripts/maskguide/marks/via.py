"""VGG Image Annotator (VIA 1 and 2): project or annotations as JSON (as CSV: `csv_tables`)."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np

from maskguide.marks.parsed import Entry, MarkedImage, Wanted, box_points, ellipse_points, pairs
from maskguide.system.files import InputError

KINDS = "polygon, polyline, rect, circle or ellipse"


def is_via(content: Any) -> bool:
    """Whether a JSON file's content is VIA's: a project, or its annotations alone."""
    if not isinstance(content, dict):
        return False
    images = content.get("_via_img_metadata", content)
    return bool(images) and all(
        isinstance(image, dict) and {"filename", "regions"} <= image.keys() for image in images.values()
    )


def read_via(path: Path, content: dict[str, Any], wanted: Wanted, classes: list[str]) -> list[MarkedImage]:
    """The images of a VIA file. A region's class is that attribute's value which is one of `classes`."""
    found = []
    for image in content.get("_via_img_metadata", content).values():
        reference, regions = str(image.get("filename")), image.get("regions") or []
        regions = list(regions.values()) if isinstance(regions, dict) else regions
        entries = [_entry(f"{path}: {reference}", region, classes) for region in regions if wanted(reference)]
        found.append(MarkedImage(reference, None, entries))
    return found


def _entry(place: str, region: Any, classes: list[str]) -> Entry:
    try:
        shape, attributes = region["shape_attributes"], region.get("region_attributes") or {}
        kind = shape["name"]
        name = class_name(place, attributes, classes)
        place = f"{place}: {kind} of {name!r}"
        if kind in ("polygon", "polyline"):
            points = pairs(place, list(zip(shape["all_points_x"], shape["all_points_y"], strict=True)))
            return Entry(place, name, "polygon" if kind == "polygon" else "line", points)
        if kind == "rect":
            numbers = [shape[side] for side in ("x", "y", "width", "height")]
            return Entry(place, name, "box", box_points(place, numbers))
        if kind == "circle":
            cx, cy, radius = (float(shape[side]) for side in ("cx", "cy", "r"))
            return Entry(place, name, "circle", np.array([[cx, cy], [cx + radius, cy]]))
        if kind == "ellipse":
            cx, cy, rx, ry = (float(shape[side]) for side in ("cx", "cy", "rx", "ry"))
            points = ellipse_points(cx, cy, rx, ry, np.degrees(float(shape.get("theta", 0))))
            return Entry(place, name, "polygon", points)
    except (AttributeError, KeyError, TypeError, ValueError) as error:
        message = f"a region cannot be read ({type(error).__name__}: {error})"
        raise InputError(f"{place}: {message}; export it again") from error
    raise InputError(f"{place}: a region of kind {kind!r} is not read; use {KINDS}")


def class_name(place: str, attributes: dict[str, Any], classes: list[str]) -> str | None:
    """The class among a region's attributes: a value (or a ticked option) that is one of the classes.

    With none such, the only value, whatever it is; None where there is no attribute.
    """
    values = []
    for value in attributes.values():
        ticked = [option for option, on in value.items() if on] if isinstance(value, dict) else [value]
        values += [str(each).strip() for each in ticked if str(each).strip()]
    known = [value for value in values if value in classes] or values
    if len(set(known)) > 1:
        way_out = "leave one attribute that says the class"
        raise InputError(f"{place}: a region may be {' or '.join(map(repr, known))}; {way_out}")
    return known[0] if known else None
