"""Which images to mark, and what comes back: masks, or boxes of regions.

`annotated.csv` holds image_id, mask and boxes (paths from the folder of the CSV, "" where absent) and
source: "published" with the data set, "manual" by a person, or "automatic" without either. `boxes.csv` is
described in `maskguide.marks.boxes`.
"""

from __future__ import annotations

import os
from collections.abc import Iterable
from pathlib import Path

import numpy as np
import pandas as pd
from PIL import Image

from maskguide.data.boxes import boxes_text
from maskguide.marks.annotation_sources import Mark
from maskguide.marks.box_sources import BoxedImage
from maskguide.marks.boxes import COLUMNS as BOX_COLUMNS
from maskguide.system.cli import log
from maskguide.system.files import InputError, atomic_directory, read_csv, write_csv, write_text


def choose(index: pd.DataFrame, count: int, seed: int, masked: bool = False) -> pd.DataFrame:
    """The rows of `count` training images, spread over the classes as evenly as these allow.

    masked: of those that have a mask alone, for marks that are published with the images.
    Each class's images get a seeded random order; the first of every class come first, then the second,
    and so on, the classes in random order within each round. A larger count with the same seed contains
    the smaller one. All training images when `count` reaches their number.
    """
    if count < 1:
        raise InputError(f"count {count}: choose at least one image to mark")
    train = index[index["split"] == "train"].sort_values("image_id", kind="stable")
    if train.empty:
        raise InputError("the index has no training image to mark; check the split")
    kind = "training images"
    if masked:
        kind, every, train = "training images with a mask", len(train), train[train["mask"] != ""]
        if train.empty:
            raise InputError(
                f"mode published: none of the {every} training images has a mask; give masks, or use mode "
                "manual or automatic"
            )
        if len(train) < every:
            log.info("%d of %d training images have masks; chosen among them", len(train), every)
    if count >= len(train):
        log.info("count %d reaches the %d %s: all are chosen", count, len(train), kind)
    random = np.random.default_rng(seed)
    shuffled = train.iloc[random.permutation(len(train))]
    turn = shuffled.groupby("class").cumcount()
    order = np.lexsort([random.random(len(train)), turn])
    return shuffled.iloc[order[:count]].sort_values(["class_id", "image_id"], kind="stable")


def write_chosen(path: str | Path, chosen: pd.DataFrame) -> None:
    """Write `chosen.csv`: image_id, class, path (from the CSV's folder)."""
    frame = chosen[["image_id", "class", "path"]].copy()
    frame["path"] = [relative(image, Path(path).parent) for image in frame["path"]]
    write_csv(path, frame)


def read_chosen(path: str | Path, index: pd.DataFrame) -> pd.DataFrame:
    """The rows of the index that `chosen.csv` names, in its order; training images only."""
    ids = read_csv(path, ["image_id"], "choose again")["image_id"]
    rows = index.set_index("image_id", drop=False)
    for image_id in ids:
        if image_id not in rows.index or rows.loc[image_id, "split"] != "train":
            raise InputError(f"{path}: {image_id} is no training image of the index; choose again")
    if ids.empty or ids.duplicated().any():
        raise InputError(f"{path}: is empty or names an image twice; choose again")
    return rows.loc[ids].reset_index(drop=True)


def write_annotated(
    chosen: pd.DataFrame, marks: Iterable[Mark], source: str, output: Path, folder: Path
) -> None:
    """Write `folder` (<image_id>.png, and .txt where there are boxes) and `output`.

    `marks` are taken one at a time, in the order of `chosen`; if one of them is refused nothing is
    written.
    """
    rows = []
    with atomic_directory(folder) as temporary:
        for image, mark in zip(chosen.itertuples(), marks, strict=True):
            Image.fromarray(mark.labels).save(temporary / f"{image.image_id}.png")
            if mark.boxes:
                write_text(temporary / f"{image.image_id}.txt", mark.boxes)
            prefix = relative(folder / image.image_id, output.parent)
            boxes = f"{prefix}.txt" if mark.boxes else ""
            rows.append((image.image_id, f"{prefix}.png", boxes, source))
    write_csv(output, pd.DataFrame(rows, columns=["image_id", "mask", "boxes", "source"]))


def write_boxes(images: Iterable[BoxedImage], output: Path, folder: Path) -> None:
    """Write `folder` (<image_id>.txt in YOLO's format) and `output`."""
    rows = []
    with atomic_directory(folder) as temporary:
        for image in images:
            write_text(temporary / f"{image.image_id}.txt", boxes_text(image.boxes, image.size))
            path = relative(folder / f"{image.image_id}.txt", output.parent)
            rows.append((image.image_id, image.split, path, image.source))
    write_csv(output, pd.DataFrame(rows, columns=BOX_COLUMNS))


def relative(path: str | Path, folder: Path) -> str:
    """`path` as seen from `folder`, with forward slashes."""
    return Path(os.path.relpath(path, folder)).as_posix()
