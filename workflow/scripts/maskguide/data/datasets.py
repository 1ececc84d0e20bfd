"""Data sets: `index.csv`, the only thing later stages read to find files."""

from __future__ import annotations

import os
import re
from pathlib import Path

import pandas as pd

from maskguide.system.files import InputError, read_csv

COLUMNS = ["image_id", "path", "class", "class_id", "split", "mask", "outline", "boxes"]
# Hashes of an image's pixels, and of its mask, outline and boxes: without them a file that was edited would
# leave the index as it was, and what is made of it would stay.
TRACES = ["content", "marks"]
PATH_COLUMNS = ["path", "mask", "outline", "boxes"]
IMAGE_ID = re.compile(r"[A-Za-z0-9_.-]+")


def read_index(path: str | Path) -> pd.DataFrame:
    """Read `index.csv` with its paths turned into usable ones (the index's folder put before them).

    A DataFrame with the columns `COLUMNS`: all str ("" where absent) but class_id (int, 0..C-1). image_id is
    unique; split is "train" or "test".
    """
    return _read(Path(path), COLUMNS, ("train", "test"))


def _read(path: Path, columns: list[str], parts: tuple[str, ...]) -> pd.DataFrame:
    index = read_csv(path, columns, "delete it and run again")[columns]
    _check_rows(path, index, parts)
    index["class_id"] = index["class_id"].astype(int)
    for column in PATH_COLUMNS:
        index[column] = [str(path.parent / value) if value else "" for value in index[column]]
    return index


def read_images(path: str | Path) -> pd.DataFrame:
    """`images.csv`, all images of a data set: the columns of `read_index`, and three besides.

    `group` is what images of one plant or session share ("" where none is known), `content` and `marks` are
    hashes, of the pixels and of the files of masks and boxes; `split` is "" where a split is to be drawn.
    """
    return _read(Path(path), [*COLUMNS, "group", *TRACES], ("train", "test", ""))


def relative(path: str | Path, folder: Path) -> str:
    """`path` as seen from `folder`, with slashes, links not followed; empty for "".

    A whole path stays one where `folder` is none: a project that moves still finds the images.
    """
    if path == "":
        return ""
    path = Path(path)
    stays = path.is_absolute() and not folder.is_absolute()
    return path.as_posix() if stays else Path(os.path.relpath(path, folder)).as_posix()


def _check_rows(path: Path, index: pd.DataFrame, parts: tuple[str, ...]) -> None:
    """Refuse an index whose rows contradict each other."""
    if index.empty:
        raise InputError(f"{path}: holds no image")
    for image_id in index["image_id"]:
        if not IMAGE_ID.fullmatch(image_id):
            raise InputError(f"{path}: image_id {image_id!r} may hold letters, digits, '_', '.', '-' only")
    doubled = index["image_id"][index["image_id"].duplicated()]
    if len(doubled):
        raise InputError(f"{path}: image_id {doubled.iloc[0]} occurs twice")
    if not index["split"].isin(parts).all():
        raise InputError(f"{path}: split must be train or test in every row")
    if not index["class_id"].str.fullmatch(r"[0-9]+").all():
        raise InputError(f"{path}: class_id must be a whole number from 0 in every row")
    classes = index[["class", "class_id"]].drop_duplicates()
    if classes["class"].duplicated().any() or classes["class_id"].duplicated().any():
        raise InputError(f"{path}: class and class_id do not match one to one")
    if sorted(classes["class_id"].astype(int)) != list(range(len(classes))):
        raise InputError(f"{path}: class_id must run from 0 to {len(classes) - 1} without gaps")
    if (index["path"] == "").any():
        raise InputError(f"{path}: a row has no path")
