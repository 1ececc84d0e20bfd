"""Tables of marks as CSV: of VIA, of makesense, and TensorFlow's with xmin, ymin, xmax, ymax (Roboflow)."""

from __future__ import annotations

import csv
import json
from pathlib import Path
from typing import Any

from maskguide.marks.parsed import Entry, MarkedImage, Wanted, box_points, pairs, read_text, size_of
from maskguide.marks.via import read_via
from maskguide.system.files import InputError

VIA = ("filename", "region_shape_attributes", "region_attributes")
CORNERS = ("filename", "class", "xmin", "ymin", "xmax", "ymax")
MAKESENSE = ("label_name", "bbox_x", "bbox_y", "bbox_width", "bbox_height", "image_name")
MAKESENSE += ("image_width", "image_height")


def read_csv_marks(path: Path, wanted: Wanted, classes: list[str]) -> list[MarkedImage] | None:
    """The marked images of a table; None for a table of anything else."""
    lines = read_text(path).splitlines()
    table = csv.DictReader(lines)
    columns = table.fieldnames or []
    if set(VIA) <= set(columns):
        return _via(path, table, wanted, classes)
    if len(columns) == len(MAKESENSE) and not set(MAKESENSE) <= set(columns) and _numbers(columns):
        table = csv.DictReader(lines, MAKESENSE)  # makesense before 2022 wrote no names of columns
        columns = MAKESENSE
    if set(MAKESENSE) <= set(columns):
        return _boxes(path, table, wanted, "image_name", "label_name", MAKESENSE[1:5], "image_")
    if set(CORNERS) <= set(columns):
        return _boxes(path, table, wanted, "filename", "class", CORNERS[2:], "")
    return None


def _numbers(row: list[str]) -> bool:
    return all(row[place].strip().isdigit() for place in (1, 2, 3, 4, 6, 7))


def _boxes(
    path: Path,
    table: csv.DictReader,
    wanted: Wanted,
    image: str,
    name: str,
    numbers: tuple[str, ...],
    size: str,
) -> list[MarkedImage]:
    """The boxes of a table with a row each; `image`, `name`, `numbers` and prefix `size` are its columns."""
    found: dict[str, MarkedImage] = {}
    for row in table:
        place, reference = f"{path}: line {table.line_num}", row[image] or ""
        told = size_of(row.get(f"{size}height"), row.get(f"{size}width"))
        marks = found.setdefault(reference, MarkedImage(reference, told, []))
        if wanted(reference):
            given = [row[column] for column in numbers]
            points = pairs(place, given) if "xmin" in numbers else box_points(place, given)
            marks.entries.append(Entry(place, row[name], "box", points))
    return list(found.values())


def _via(path: Path, table: csv.DictReader, wanted: Wanted, classes: list[str]) -> list[MarkedImage]:
    """VIA's table: a row for each region, one with empty braces for an image without any."""
    images: dict[str, list[dict[str, Any]]] = {}
    for row in table:
        try:
            shape, attributes = (json.loads(row[column]) for column in VIA[1:])
        except (TypeError, ValueError) as error:
            raise InputError(
                f"{path}: line {table.line_num} holds no JSON ({error}); export it again"
            ) from error
        regions = images.setdefault(row["filename"], [])
        if shape:
            regions.append({"shape_attributes": shape, "region_attributes": attributes})
    content = {name: {"filename": name, "regions": regions} for name, regions in images.items()}
    return read_via(path, content, wanted, classes)
