"""Readers of what annotation programs write: LabelMe, COCO, YOLO, label PNGs; and the painter of masks.

Every reader checks what it reads and names the file in its one-line `InputError`. Points are (x, y) in
pixels from the image's top left corner; pixel column i covers x from i to i + 1.
"""

from __future__ import annotations

import base64
import io
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image, ImageDraw
from skimage.draw import disk, polygon

from maskguide.data.boxes import Box, boxes_text
from maskguide.data.pictures import open_upright
from maskguide.system.files import InputError, read_json

TOLERANCE = 0.5  # px that a point may lie outside the image: programs round


@dataclass(frozen=True)
class Shape:
    """One mark: kind "polygon", "line", "circle" (centre, point on the rim), "box" (two corners) or "mask".

    `points` is float [n, 2]; a "mask" is the bool array `stencil` with its top left corner at points[0].
    """

    label: int  # 1..K
    kind: str
    points: np.ndarray
    stencil: np.ndarray | None = None


def paint(shapes: Sequence[Shape], size: tuple[int, int], line_width: int) -> np.ndarray:
    """Paint shapes in their order, later over earlier, on uint8 [H, W] of `size` = (H, W); 0 = background.

    A pixel belongs to a polygon when its centre does. A box is filled only where its label has no drawn
    shape, for then it is the only mark of the object.
    """
    labels = np.zeros(size, dtype=np.uint8)
    drawn = {shape.label for shape in shapes if shape.kind != "box"}
    for shape in shapes:
        x, y = shape.points.T
        if shape.kind == "box" and shape.label not in drawn:
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


def yolo_text(shapes: Sequence[Shape], size: tuple[int, int]) -> str:
    """The boxes among `shapes` as YOLO lines "class cx cy w h": label - 1, then shares of the sides."""
    boxes = [shape for shape in shapes if shape.kind == "box"]
    corners = [(*shape.points.min(axis=0), *shape.points.max(axis=0)) for shape in boxes]
    return boxes_text([Box(shape.label - 1, *each) for shape, each in zip(boxes, corners, strict=True)], size)


def read_label_mask(path: str | Path, class_count: int, size: tuple[int, int]) -> np.ndarray:
    """A label PNG as uint8 [H, W] with values 0..K; 0/255 is read as 0/1 when K is 1.

    Palette images give their indices; a colour image passes if its three channels are equal.
    """
    image = open_upright(path)
    values = np.asarray(image.convert("L") if image.mode in ("1", "LA") else image)
    if values.ndim == 3:
        if (values[..., 0] != values[..., 1]).any() or (values[..., 0] != values[..., 2]).any():
            raise InputError(f"{path}: is a colour image; save the label mask as 8-bit grey")
        values = values[..., 0]
    check_size(path, values.shape, size)
    found = np.unique(values)
    if class_count == 1 and np.isin(found, [0, 255]).all():
        return (values > 0).astype(np.uint8)
    strange = found[(found < 0) | (found > class_count) | (found != np.floor(found))]
    if len(strange):
        listed = ", ".join(str(value) for value in strange[:5])
        raise InputError(f"{path}: holds the value {listed}; a label mask holds 0 to {class_count} only")
    return values.astype(np.uint8)


def read_labelme(path: str | Path, classes: Sequence[str], size: tuple[int, int]) -> list[Shape]:
    """The shapes of a LabelMe JSON; [] when nothing is marked in it yet."""
    content = read_json(path)
    if not isinstance(content, dict) or not isinstance(content.get("shapes"), list):
        raise InputError(f"{path}: is no LabelMe file (it has no list 'shapes')")
    if content.get("imageHeight") and content.get("imageWidth"):
        check_size(path, (content["imageHeight"], content["imageWidth"]), size)
    shapes = []
    for entry in content["shapes"]:
        try:
            name, kind = entry["label"], entry.get("shape_type") or "polygon"
            points = np.array(entry["points"], dtype=float).reshape(-1, 2)
        except (AttributeError, KeyError, TypeError, ValueError) as error:
            raise InputError(f"{path}: a shape has no label or no list of points [x, y]") from error
        label = label_of(path, name, classes)
        check_points(path, name, points, size)
        if kind == "mask":
            shapes.append(Shape(label, kind, points, _stencil(path, entry)))
            continue
        known = {"polygon": ("polygon", 3), "rectangle": ("box", 2), "circle": ("circle", 2)}
        known |= {"line": ("line", 2), "linestrip": ("line", 2)}
        if kind not in known:
            use = f"use {', '.join(known)} or mask"
            raise InputError(f"{path}: shape type {kind!r} of {name!r} is not read; {use}")
        kind, least = known[kind]
        if len(points) < least:
            raise InputError(f"{path}: a {kind} of {name!r} has {len(points)} points; it needs {least}")
        shapes.append(Shape(label, kind, points))
    return shapes


def read_yolo(
    path: str | Path, classes: Sequence[str], size: tuple[int, int], names: Sequence[str] | None = None
) -> list[Shape]:
    """The boxes of a YOLO txt, lines "class cx cy w h" in image sizes.

    Class numbers count in `names` (the program's own classes.txt) where given, else in `classes`, from 0.
    [] for an empty file.
    """
    names = classes if names is None else names
    shapes = []
    for number, line in enumerate(read_text(path).splitlines(), 1):
        if not line.strip():
            continue
        shown = repr(line.strip()[:60])
        try:
            index, *box = line.split()
            index, (cx, cy, w, h) = int(index), map(float, box)
        except ValueError as error:
            raise InputError(f"{path}: line {number} is not 'class cx cy w h': {shown}") from error
        if not 0 <= index < len(names):
            numbered = ", ".join(f"{place} {name}" for place, name in enumerate(names))
            raise InputError(f"{path}: line {number}: class {index} is unknown; they are {numbered}")
        label = label_of(path, names[index], classes)
        if w <= 0 or h <= 0:
            raise InputError(f"{path}: line {number}: width and height must be above 0: {shown}")
        scale = np.array([size[1], size[0]])
        points = np.array([[cx - w / 2, cy - h / 2], [cx + w / 2, cy + h / 2]]) * scale
        check_points(f"{path}: line {number}", names[index], points, size)
        shapes.append(Shape(label, "box", points))
    return shapes


def read_coco(
    path: str | Path, classes: Sequence[str], sizes: dict[str, tuple[int, int]], boxes_only: bool = False
) -> dict[str, list[Shape]]:
    """Boxes and polygons of a COCO JSON by image id (the file name without its ending).

    Images that are not in `sizes` (image id → (H, W)) are passed over. With `boxes_only` every annotation is
    one shape, its box (without one, all points of its polygons).
    """
    content = read_json(path)
    shapes: dict[str, list[Shape]] = {}
    try:
        names = {category["id"]: category["name"] for category in content["categories"]}
        images = {image["id"]: (Path(image["file_name"]).stem, image) for image in content["images"]}
        for image_id, image in images.values():
            if image_id in sizes and "height" in image and "width" in image:
                check_size(path, (image["height"], image["width"]), sizes[image_id])
        for entry in content["annotations"]:
            image_id, _ = images[entry["image_id"]]
            if image_id in sizes:
                name, size = names[entry["category_id"]], sizes[image_id]
                found = _coco_shapes(path, entry, name, classes, size, boxes_only)
                shapes.setdefault(image_id, []).extend(found)
    except (KeyError, TypeError, ValueError, AttributeError) as error:
        raise InputError(f"{path}: is no COCO file ({type(error).__name__}: {error})") from error
    return shapes


def _coco_shapes(
    path: str | Path,
    entry: dict[str, Any],
    name: str,
    classes: Sequence[str],
    size: tuple[int, int],
    boxes_only: bool,
) -> list[Shape]:
    """Polygons and box of one COCO annotation; or the box alone, else its polygons in one shape."""
    label, place = label_of(path, name, classes), f"{path}: annotation {entry.get('id')}"
    segmentation = entry.get("segmentation") or []
    if boxes_only and entry.get("bbox"):
        segmentation = []
    if isinstance(segmentation, dict):
        raise InputError(f"{place} is run-length coded; export polygons or label PNGs")
    if boxes_only and not segmentation and not entry.get("bbox"):
        raise InputError(f"{place} has neither a bbox nor a polygon")
    parts = [np.array(part, dtype=float).reshape(-1, 2) for part in segmentation]
    if boxes_only and parts:
        parts = [np.concatenate(parts)]
    shapes = [Shape(label, "polygon", part) for part in parts]
    if entry.get("bbox"):
        left, top, width, height = map(float, entry["bbox"])
        shapes.append(Shape(label, "box", np.array([[left, top], [left + width, top + height]])))
    for shape in shapes:
        check_points(path, name, shape.points, size)
    return shapes


def label_of(path: str | Path, name: str, classes: Sequence[str]) -> int:
    """The label 1..K of a class name."""
    if name not in classes:
        raise InputError(f"{path}: label {name!r} is unknown; known are {', '.join(classes)}")
    return list(classes).index(name) + 1


def check_size(path: str | Path, found: Sequence[int], size: tuple[int, int]) -> None:
    """Refuse a mark made on an image of another size; both are (H, W)."""
    if tuple(found) != tuple(size):
        its = f"its image {size[1]} × {size[0]}"
        raise InputError(f"{path}: is {found[1]} × {found[0]} pixels, {its}; mark that image")


def check_points(path: str | Path, name: str, points: np.ndarray, size: tuple[int, int]) -> None:
    """Refuse points that are no numbers or lie outside the image."""
    limits = np.array([size[1], size[0]])
    if not np.isfinite(points).all() or (points < -TOLERANCE).any() or (points > limits + TOLERANCE).any():
        outside = f"lies outside the image ({size[1]} × {size[0]} pixels)"
        raise InputError(f"{path}: a mark of {name!r} {outside}; redraw it")


def _stencil(path: str | Path, entry: dict[str, Any]) -> np.ndarray:
    """The bool array of a LabelMe "mask" shape: a PNG in base64."""
    try:
        coded = base64.b64decode(entry["mask"], validate=True)
    except (KeyError, TypeError, ValueError) as error:
        raise InputError(f"{path}: the mask of {entry['label']!r} cannot be read ({error})") from error
    return np.asarray(open_upright(f"{path}: mask of {entry['label']!r}", io.BytesIO(coded)).convert("L")) > 0


def read_text(path: str | Path) -> str:
    """A UTF-8 text file's content."""
    try:
        return Path(path).read_text(encoding="utf-8")
    except (OSError, ValueError) as error:
        raise InputError(f"{path}: cannot be read as text ({error})") from error
