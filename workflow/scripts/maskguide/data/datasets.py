"""Data sets: the split and `index.csv`, the only thing later stages read to find files."""

from __future__ import annotations

import logging
import re
from dataclasses import replace
from pathlib import Path

import numpy as np
import pandas as pd

from maskguide.data.layouts import Entry
from maskguide.system.files import InputError

log = logging.getLogger("maskguide")

COLUMNS = ["image_id", "path", "class", "class_id", "split", "mask", "outline", "boxes"]
PATH_COLUMNS = ["path", "mask", "outline", "boxes"]
IMAGE_ID = re.compile(r"[A-Za-z0-9_.-]+")


def read_index(path: str | Path) -> pd.DataFrame:
    """Read `index.csv` with its paths turned into usable ones (the index's folder put before them).

    Returns
    -------
    DataFrame with the columns `COLUMNS`: all str ("" where absent) but class_id (int, 0..C-1). Row i's
    image_id is unique; split is "train" or "test".
    """
    path = Path(path)
    try:
        index = pd.read_csv(path, dtype=str, keep_default_na=False)
    except (OSError, ValueError) as error:
        raise InputError(f"{path}: cannot be read as CSV ({error}); delete it and run again") from error
    missing = [column for column in COLUMNS if column not in index.columns]
    if missing:
        raise InputError(f"{path}: column {missing[0]} is missing; index_dataset.py writes all of {COLUMNS}")
    index = index[COLUMNS]
    _check_rows(path, index)
    index["class_id"] = index["class_id"].astype(int)
    for column in PATH_COLUMNS:
        index[column] = [str(path.parent / value) if value else "" for value in index[column]]
    return index


def _check_rows(path: Path, index: pd.DataFrame) -> None:
    """Refuse an index whose rows contradict each other."""
    if index.empty:
        raise InputError(f"{path}: holds no image")
    for image_id in index["image_id"]:
        if not IMAGE_ID.fullmatch(image_id):
            raise InputError(f"{path}: image_id {image_id!r} may hold letters, digits, '_', '.', '-' only")
    doubled = index["image_id"][index["image_id"].duplicated()]
    if len(doubled):
        raise InputError(f"{path}: image_id {doubled.iloc[0]} occurs twice")
    if not index["split"].isin(["train", "test"]).all():
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


def split(entries: list[Entry], rule: str, seed: int = 0) -> list[Entry]:
    """The used images, each with its part of the split.

    Parameters
    ----------
    rule: "a:b", ratio of training to test images within each class (all images used); "a/b", images per class
        (the others are left out); "published", the publisher's own
    seed: of the permutation within each class; the order of `entries` plays no role
    """
    if rule == "published":
        missing = next((entry for entry in entries if entry.split not in ("train", "test")), None)
        if missing:
            raise InputError(f"{missing.path}: its publisher gives no split; give a ratio such as 2:1")
        return entries
    match = re.fullmatch(r"([1-9][0-9]*)([:/])([1-9][0-9]*)", rule)
    if not match:
        raise InputError(
            f"--split {rule}: is no split; give a ratio (2:1), images per class (10/40) or published"
        )
    first, second = int(match[1]), int(match[3])
    generator = np.random.default_rng(seed)
    used = []
    for name in sorted({entry.class_name for entry in entries}):
        members = sorted(
            (entry for entry in entries if entry.class_name == name), key=lambda each: each.image_id
        )
        if match[2] == "/":
            num_train, num_used = first, first + second
        else:
            num_train, num_used = round_half_up(len(members) * first, first + second), len(members)
            num_train = min(max(num_train, 1), num_used - 1)
        if num_used > len(members) or num_train < 1:
            least = max(num_used, 2)
            raise InputError(
                f"class {name}: has {len(members)} image(s), the split {rule} needs {least}; add images, "
                "leave the class out, or split otherwise"
            )
        for position, index in enumerate(generator.permutation(len(members))[:num_used]):
            used.append(replace(members[index], split="train" if position < num_train else "test"))
    return sorted(used, key=lambda entry: entry.image_id)


def round_half_up(numerator: int, denominator: int) -> int:
    """numerator / denominator to the nearest whole number, halves up (`round` takes the even one)."""
    return (2 * numerator + denominator) // (2 * denominator)


def split_by_file(entries: list[Entry], path: str | Path) -> list[Entry]:
    """The images that a CSV lists in `image` (image_id, file name, or class/file name), with its `split`."""
    try:
        table = pd.read_csv(path, dtype=str, keep_default_na=False)
    except (OSError, ValueError) as error:
        raise InputError(f"{path}: cannot be read as CSV ({error})") from error
    if not {"image", "split"} <= set(table.columns):
        raise InputError(f"{path}: needs the columns image and split; name them in its first line")
    names: dict[str, list[Entry]] = {}
    for entry in entries:
        for name in {entry.image_id, entry.path.name, f"{entry.class_name}/{entry.path.name}"}:
            names.setdefault(name, []).append(entry)
    used: dict[str, Entry] = {}
    for image, part in zip(table["image"], table["split"], strict=True):
        found = names.get(image, [])
        if len(found) != 1:
            what = (
                "no image of the data set; correct or remove the line"
                if not found
                else f"{len(found)} images; give class/file name"
            )
            raise InputError(f"{path}: {image} names {what}")
        if part not in ("train", "test"):
            raise InputError(f"{path}: split of {image} is {part!r}; it must be train or test")
        if found[0].image_id in used:
            raise InputError(f"{path}: {image} is listed twice")
        used[found[0].image_id] = replace(found[0], split=part)
    return [used[image_id] for image_id in sorted(used)]


def check_split(entries: list[Entry], contents: list[str], published: bool = False) -> None:
    """Every class in both parts, no image in both; `contents` are the hashes of the entries' pixels.

    An image in both parts of a `published` split is only warned of: the papers' numbers are of this split.
    """
    if not entries:
        raise InputError("the split uses no image")
    for name in sorted({entry.class_name for entry in entries}):
        for part in ("train", "test"):
            if not any(entry.class_name == name and entry.split == part for entry in entries):
                raise InputError(f"class {name}: has no image in the {part} part; every class needs both")
    if len({entry.class_name for entry in entries}) < 2:
        raise InputError(f"class {entries[0].class_name}: is the only one; add images of another class")
    first: dict[str, Entry] = {}
    for entry, content in zip(entries, contents, strict=True):
        other = first.setdefault(content, entry)
        if other.split != entry.split and not published:
            raise InputError(
                f"{entry.path}: same content as {other.path}, one for training and one for test; remove one"
            )
        if other is not entry:
            where = "" if other.split == entry.split else f" ({entry.split} and {other.split}, as published)"
            log.warning("%s: same content as %s%s", entry.path, other.path, where)
