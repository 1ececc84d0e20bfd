"""A split that a person gives: a CSV with the columns image and split, as spreadsheets and tools write it.

Separators are commas, semicolons (Excel where the comma is decimal) or tabs; the text is UTF-8 or, with its
mark, UTF-16 (Excel's "Unicode text"). An image is named by its image_id, its file's name, or a path to it of
this system or another: the end of the path decides, from class/file on. Case and Unicode form play no role.
"""

from __future__ import annotations

import codecs
from collections.abc import Iterable
from dataclasses import replace
from pathlib import Path

import pandas as pd

from maskguide.data.layout_files import Entry, alike
from maskguide.system.cli import log
from maskguide.system.files import InputError, read_csv

SEPARATORS = (",", ";", "\t")
NEEDED = ("image", "split")
LABELS = ("class", "class_id")  # what a file may say of an image's class
LEAST_PARTS = 2  # of a path's end: class/file


def split_by_file(entries: list[Entry], path: str | Path) -> list[Entry]:
    """The images that a file lists, with its `split`, sorted by image_id; the others are left out.

    `InputError` for a file without its columns, a name of no image or several, a split that is neither train
    nor test, an image that is listed twice, and labels that contradict the images' classes.
    """
    table = read_table(path)
    names = names_of(entries)
    used: dict[str, Entry] = {}
    for image, part in zip(table["image"], table["split"], strict=True):
        found = find(image, names)
        if len(found) != 1:
            none = "no image of the data set; correct or remove the line"
            several = f"{len(found)} images; give class/file name"
            raise InputError(f"{path}: {image} names {several if found else none}")
        if part.casefold() not in ("train", "test"):
            raise InputError(f"{path}: split of {image} is {part!r}; it must be train or test")
        if found[0].image_id in used:
            raise InputError(f"{path}: {image} is listed twice")
        used[found[0].image_id] = replace(found[0], split=part.casefold())
    for column in set(LABELS) & set(table.columns):
        check_labels(path, column, table, list(used.values()), entries)
    if len(used) < len(entries):
        left = next(entry.path for entry in entries if entry.image_id not in used)
        log.info("%s: leaves %d images out: %s", path, len(entries) - len(used), left)
    return [used[image_id] for image_id in sorted(used)]


def read_table(path: str | Path) -> pd.DataFrame:
    """The file's rows, all columns str without blanks around, their names in lower case."""
    way_out = "give one with the columns image and split"
    encoding = "utf-8-sig"
    try:
        start = Path(path).read_bytes()
        if start.startswith((codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)):
            encoding = "utf-16"
        lines = start.decode(encoding).splitlines()
    except OSError as error:
        raise InputError(f"{path}: cannot be read as CSV ({error}); {way_out}") from error
    except UnicodeDecodeError as error:
        raise InputError(f"{path}: is no text in UTF-8; save it as such (Excel: CSV UTF-8)") from error
    said = len(lines) > 0 and lines[0].lower().startswith("sep=")  # Excel's own first line
    header = lines[said] if len(lines) > said else ""
    fitting = (each for each in SEPARATORS if set(NEEDED) <= set(columns_of(header.split(each))))
    separator = next(fitting, None)
    if separator is None:
        raise InputError(
            f"{path}: needs the columns image and split; name them in its first line, with commas between"
        )
    options = {"sep": separator, "encoding": encoding, "skiprows": int(said), "index_col": False}
    table = read_csv(path, [], way_out, **options)
    table.columns = columns_of(table.columns)
    table = table.apply(lambda column: column.str.strip())
    return table[(table["image"] != "") | (table["split"] != "")]


def columns_of(names: Iterable[str]) -> list[str]:
    return [name.strip().strip('"').strip().lower() for name in names]


def names_of(entries: list[Entry]) -> dict[str, list[Entry]]:
    """What each image may be called, as `alike` has it."""
    names: dict[str, list[Entry]] = {}
    for entry in entries:
        parts = entry.path.parts
        ends = {"/".join(parts[start:]) for start in range(len(parts))}
        for name in {alike(each) for each in ends | {entry.image_id, f"{entry.class_name}/{parts[-1]}"}}:
            names.setdefault(name, []).append(entry)
    return names


def find(image: str, names: dict[str, list[Entry]]) -> list[Entry]:
    """The images that a name or a path may mean: those of its longest end that any image has."""
    parts = [part for part in alike(image).replace("\\", "/").split("/") if part not in ("", ".")]
    for start in range(max(1, len(parts) - LEAST_PARTS + 1)):
        if found := names.get("/".join(parts[start:])):
            return found
    return []


def check_labels(
    path: str | Path, column: str, table: pd.DataFrame, used: list[Entry], entries: list[Entry]
) -> None:
    """`InputError` where the file's labels and the images' classes are not one to one.

    Numbers that differ from ours are said: ours are the classes' places in the order of their names.
    """
    known = {alike(name): place for place, name in enumerate(sorted({each.class_name for each in entries}))}
    label_of: dict[str, tuple[str, str]] = {}
    class_of: dict[str, tuple[str, str]] = {}
    for image, label, entry in zip(table["image"], table[column], used, strict=True):
        name = entry.class_name
        label_before, first = label_of.setdefault(name, (label, image))
        class_before, other = class_of.setdefault(label, (name, image))
        if label != label_before or name != class_before or alike(label) in known.keys() - {alike(name)}:
            said = f"{path}: {column} of {image} is {label!r}, its class {name}"
            if label != label_before:
                said += f", of which {first} has {label_before!r}"
            elif name != class_before:
                said += f", though {other} of {class_before} has the same"
            raise InputError(f"{said}; correct the file, or move the image")
    differ = [name for name, (label, _) in label_of.items() if label != str(known[alike(name)])]
    if column == "class_id" and differ:
        name = min(differ)
        log.warning(
            "%s: its class_id is compared with the classes, not taken over: %s is %s there, %d here, where "
            "classes are counted in the order of their names",
            *(path, name, label_of[name][0], known[alike(name)]),
        )
