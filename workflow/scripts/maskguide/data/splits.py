"""The split of a data set into training and test images: published, drawn, or from a file."""

from __future__ import annotations

import re
from dataclasses import replace
from pathlib import Path

import numpy as np

from maskguide.data.layout_files import Entry
from maskguide.system.cli import log
from maskguide.system.files import InputError, read_csv


def split(entries: list[Entry], rule: str, seed: int = 0) -> list[Entry]:
    """The used images, each with its part of the split; their order in `entries` plays no role.

    rule: "a:b", ratio of training to test images within each class (all images used); "a/b", images per class
    (the others are left out); "published", the publisher's own. seed: of the permutation within each class.
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
    in_order, used = sorted(entries, key=lambda entry: entry.image_id), []
    for name in sorted({entry.class_name for entry in entries}):
        members = [entry for entry in in_order if entry.class_name == name]
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
    table = read_csv(path, [], "give one with the columns image and split")
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
            none = "no image of the data set; correct or remove the line"
            several = f"{len(found)} images; give class/file name"
            raise InputError(f"{path}: {image} names {several if found else none}")
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
    present = {(entry.class_name, entry.split) for entry in entries}
    classes = sorted({name for name, _ in present})
    for name in classes:
        for part in ("train", "test"):
            if (name, part) not in present:
                raise InputError(f"class {name}: has no image in the {part} part; every class needs both")
    if len(classes) < 2:
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
