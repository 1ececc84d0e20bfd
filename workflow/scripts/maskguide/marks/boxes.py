"""Boxes of regions: the box of a mask, YOLO files in pixels, and the table boxes.csv.

A region is a named kind of box of a data set; YOLO class k is the k-th region. `boxes.csv` holds image_id,
split, boxes (path from the CSV's folder of a YOLO txt) and source: "published" with the data set, from its
"masks", "manual" by a person, or "automatic" without any of them. An empty YOLO file says that the image
shows no region.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import pandas as pd

from maskguide.data.boxes import Box
from maskguide.marks.parsed import shapes_of
from maskguide.marks.shapes import shapes_to_boxes
from maskguide.marks.yolo import read_yolo
from maskguide.system.files import InputError, read_csv

COLUMNS = ["image_id", "split", "boxes", "source"]
SOURCES = ("published", "masks", "manual", "automatic")


def read_yolo_boxes(path: str | Path, regions: Sequence[str], size: tuple[int, int]) -> list[Box]:
    """The boxes of a YOLO txt in the pixels of its image of `size` (H, W); [] for an empty file.

    `InputError` names the file and line of a class number beyond the regions, of a box outside the image.
    """
    return shapes_to_boxes(path, shapes_of(read_yolo(path, regions), regions, size), size)


def read_boxes_table(path: str | Path) -> pd.DataFrame:
    """Read `boxes.csv`: a DataFrame of str; `boxes` are usable paths of files that are there.

    The rows of split train are what a detector learns from, those of split test what it is judged by.
    """
    path = Path(path)
    table = read_csv(path, COLUMNS, "import the boxes again")[COLUMNS]
    if not table["split"].isin(["train", "test"]).all() or not table["source"].isin(SOURCES).all():
        raise InputError(f"{path}: split must be train or test, source one of {', '.join(SOURCES)}")
    if table["image_id"].duplicated().any() or not (table["split"] == "train").any():
        raise InputError(f"{path}: names an image twice or has no row of split train")
    table["boxes"] = [str(path.parent / name) for name in table["boxes"]]
    absent = next((name for name in table["boxes"] if not Path(name).is_file()), None)
    if absent:
        raise InputError(f"{absent}: is missing, {path} lists it; import the boxes again")
    return table
