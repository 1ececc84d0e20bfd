"""LabelMe's JSON, one file an image; X-AnyLabeling and AnyLabeling write it too."""

from __future__ import annotations

import base64
import io
from pathlib import Path
from typing import Any

import numpy as np

from maskguide.data.pictures import open_upright
from maskguide.marks.parsed import Entry, MarkedImage, Wanted, pairs, size_of
from maskguide.system.files import InputError

KINDS = {
    "polygon": "polygon",
    "rotation": "polygon",  # X-AnyLabeling: a turned rectangle, four corners
    "rectangle": "box",
    "circle": "circle",
    "line": "line",
    "linestrip": "line",
    "mask": "mask",
}


def is_labelme(content: Any) -> bool:
    """Whether a JSON file's content is LabelMe's."""
    return isinstance(content, dict) and "shapes" in content


def read_labelme(path: Path, content: dict[str, Any], wanted: Wanted) -> list[MarkedImage]:
    """The image of a LabelMe file, under the name of its `imagePath`; no entries while nothing is marked.

    Shapes of one label with the same group_id are parts of one object.
    """
    if not isinstance(content["shapes"], list):
        raise InputError(f"{path}: is no LabelMe file (its 'shapes' are no list); export it again")
    size = size_of(content.get("imageHeight"), content.get("imageWidth"))
    entries = [_entry(path, shape) for shape in content["shapes"]]
    return [MarkedImage(str(content.get("imagePath") or ""), size, entries)]


def _entry(path: Path, shape: Any) -> Entry:
    try:
        name, kind, group = shape["label"], shape.get("shape_type") or "polygon", shape.get("group_id")
        points = pairs(f"{path}: a shape of {name!r}", shape["points"])
    except (AttributeError, KeyError, TypeError) as error:
        raise InputError(f"{path}: a shape has no label or no list of points [x, y]; draw it anew") from error
    if kind not in KINDS:
        use = f"use {', '.join(KINDS)}"
        raise InputError(f"{path}: shape type {kind!r} of {name!r} is not read; {use}")
    stencil = _stencil(path, shape) if kind == "mask" else None
    thing = None if group is None else f"group {group}"
    return Entry(str(path), name, KINDS[kind], points, stencil, thing)


def _stencil(path: Path, shape: dict[str, Any]) -> np.ndarray:
    """The bool array of a "mask" shape: a PNG in base64."""
    try:
        coded = base64.b64decode(shape["mask"], validate=True)
    except (KeyError, TypeError, ValueError) as error:
        raise InputError(
            f"{path}: the mask of {shape['label']!r} cannot be read ({error}); draw it anew"
        ) from error
    place = f"{path}: mask of {shape['label']!r}"
    return np.asarray(open_upright(place, io.BytesIO(coded)).convert("L")) > 0
