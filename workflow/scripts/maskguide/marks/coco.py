"""COCO's JSON in the dialects of CVAT, Roboflow, Label Studio, VIA, RectLabel, makesense, COCO Annotator."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np

from maskguide.marks.parsed import Entry, MarkedImage, Wanted, box_points, pairs, size_of
from maskguide.marks.run_lengths import coco_mask
from maskguide.system.files import InputError


def is_coco(content: Any) -> bool:
    """Whether a JSON file's content is COCO's."""
    return isinstance(content, dict) and "annotations" in content


def read_coco(path: Path, content: dict[str, Any], wanted: Wanted) -> list[MarkedImage]:
    """The images of a COCO file and their polygons, masks and boxes.

    Ids may be numbers or text, polygons flat lists. An annotation's polygons or mask are its object, its box
    only where that is; without them the box is the object. Annotations of images that the file does not list
    count nowhere; `left_out` of the first image has them.
    """
    images = {key(image.get("id")): image for image in listed(path, content, "images")}
    names = {key(each.get("id")): each.get("name") for each in listed(path, content, "categories")}
    by_image: dict[str, list[dict[str, Any]]] = {}
    for entry in listed(path, content, "annotations"):
        by_image.setdefault(key(entry.get("image_id")), []).append(entry)
    lost = [entry for number in by_image if number not in images for entry in by_image[number]]
    found = []
    for number, image in images.items():
        reference = image.get("file_name") or image.get("path")
        if not isinstance(reference, str):
            raise InputError(f"{path}: image {number} has no file_name; export it again")
        entries = by_image.get(number, []) if wanted(reference) else []
        marks = [mark for entry in entries for mark in _entries(path, entry, names)]
        found.append(MarkedImage(reference, size_of(image.get("height"), image.get("width")), marks))
    if lost and found:
        reason = "annotation(s) of an image that their file does not list"
        strays = [f"annotation {entry.get('id')} of image {entry.get('image_id')}" for entry in lost]
        found[0] = found[0]._replace(left_out=[(reason, stray) for stray in strays])
    return found


def listed(path: Path, content: dict[str, Any], what: str) -> list[dict[str, Any]]:
    """One of the lists of a COCO file; none of categories may be absent."""
    entries = content.get(what, [] if what == "categories" else None)
    if not isinstance(entries, list) or not all(isinstance(entry, dict) for entry in entries):
        raise InputError(f"{path}: is no COCO file (it has no list of {what}); export it again")
    return entries


def key(number: Any) -> str:
    """An id as text: 1, 1.0 and "1" are the same."""
    return str(int(number) if isinstance(number, float) and number.is_integer() else number)


def _entries(path: Path, entry: dict[str, Any], names: dict[str, Any]) -> list[Entry]:
    """The polygons, mask and box of one annotation."""
    place, thing = f"{path}: annotation {entry.get('id')}", f"annotation {entry.get('id')}"
    category = entry.get("category_id")
    if category is not None and key(category) not in names:
        known = ", ".join(f"{number} {name}" for number, name in names.items()) or "none"
        raise InputError(
            f"{place}: category {category} is not among its categories ({known}); export it again"
        )
    name = None if category is None else names[key(category)]
    drawn = _drawn(place, entry.get("segmentation"), name, thing)
    box = entry.get("bbox")
    if box and (drawn or len(box) != 4 or any(box[2:])):
        kind = "frame" if drawn else "box"
        drawn.append(Entry(place, name, kind, box_points(place, box), thing=thing))
    if not drawn:
        raise InputError(f"{place} has neither a bbox nor a polygon; draw it anew in the program it is of")
    return drawn


def _drawn(place: str, segmentation: Any, name: str | None, thing: str) -> list[Entry]:
    """An annotation's polygons, or its mask of run lengths."""
    if not segmentation:
        return []
    if isinstance(segmentation, dict):
        size = segmentation.get("size") or [None, None]
        size = size_of(*size) if len(size) == 2 else None
        try:
            if size is None:
                raise ValueError("it has no size [height, width]")
            stencil = coco_mask(segmentation.get("counts", []), size)
        except (TypeError, ValueError) as error:
            raise InputError(f"{place}: its mask cannot be read ({error}); export it again") from error
        return [Entry(place, name, "mask", np.zeros((1, 2)), stencil, thing, whole=True)]
    parts = segmentation if isinstance(segmentation[0], list) else [segmentation]
    if parts[0] and isinstance(parts[0][0], list) and len(parts[0][0]) == 2 and parts is segmentation:
        parts = [[number for point in part for number in point] for part in parts]
    return [Entry(place, name, "polygon", pairs(place, part), None, thing) for part in parts if part]
