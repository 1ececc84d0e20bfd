"""Where images, classes, splits and masks lie in each publisher's folder: one reader per layout."""

from __future__ import annotations

import re
from collections.abc import Callable
from pathlib import Path

from maskguide.data import layout_files
from maskguide.data.benchmark_layouts import read_aircraft, read_cars, read_cub200
from maskguide.data.layout_files import IMAGE_SUFFIXES, Entry, by_stem, images_in, mask_of, plain_id
from maskguide.data.own_folders import read_folder
from maskguide.data.pickles import load_labels
from maskguide.system.files import InputError, read_csv

BUTTERFLIES = (  # 001 to 010
    *("Danaus plexippus", "Heliconius charitonius", "Heliconius erato", "Junonia coenia", "Lycaena phlaeas"),
    *("Nymphalis antiopa", "Papilio cresphontes", "Pieris rapae", "Vanessa atalanta", "Vanessa cardui"),
)
# Masks and boxes of these mean the pixels as stored: their annotators' tools knew nothing of EXIF's turns.
AS_STORED = {"cub200", "aircraft", "cars"}


def read(layout: str, files: Path, folder: str | None = None, own_masks: Path | None = None) -> list[Entry]:
    """All images of the data set under `files`, sorted by image_id.

    layout: a key of `READERS`. files: the unpacked archive; folders that only wrap the data set are looked
    through. folder: name of the data set's own folder, for archives that hold several. own_masks: where the
    masks of the layout `folder` lie, if not beside its images.
    """
    if own_masks and layout != "folder":
        raise InputError(f"{own_masks}: the layout {layout!r} says where masks lie; leave --own-masks out")
    entries = read_folder(files, folder, own_masks) if own_masks else READERS[layout](files, folder)
    if not entries:
        raise InputError(
            f"{files}: holds no image in the layout {layout!r}; is it the right folder or archive?"
        )
    seen: dict[str, Path] = {}
    for entry in entries:
        other = seen.setdefault(entry.image_id, entry.path)
        if other is not entry.path:
            raise InputError(f"{entry.path}: same image id {entry.image_id!r} as {other}; rename one")
    check_names(entries, files)
    return sorted(entries, key=lambda entry: entry.image_id)


def check_names(entries: list[Entry], files: Path) -> None:
    """Refuse names of images or classes that a table cannot hold, or that not every system tells apart."""
    classes: dict[str, str] = {}
    places: dict[str, str] = {}
    for entry in entries:
        path = str(entry.path.relative_to(files))
        layout_files.check_name(path, files)
        layout_files.check_name(entry.class_name, files)
        way_out = "make one of them, or rename one"
        check_told_apart(f"{files}: the classes ", entry.class_name, classes, way_out)
        check_told_apart(f"{files}: ", path, places, "rename one")


def check_told_apart(start: str, name: str, others: dict[str, str], way_out: str) -> None:
    """Refuse a name that is `alike` another; shown so that a reader sees the difference."""
    other = others.setdefault(layout_files.alike(name), name)
    if other != name:
        show = ascii if other.casefold() != name.casefold() else repr
        what = "differ in case or in how accents are coded alone"
        raise InputError(f"{start}{show(other)} and {show(name)} {what}; {way_out}")


def read_leaves(files: Path, folder: str | None) -> list[Entry]:
    """Generated leaves: labels.csv (image_id, class, split), images/, masks/, outlines/, boxes/, each with a
    folder per class."""
    root = layout_files.find_root(files, ["labels.csv", "images"], folder)
    table = root / "labels.csv"
    labels = read_csv(table, ["image_id", "class", "split"], "unpack it again")
    entries = []
    for row in labels.to_dict("records"):
        image = root / "images" / row["class"] / f"{row['image_id']}.png"
        if not image.is_file():
            raise InputError(f"{image}: is missing, {table.name} lists it")
        kinds = [("masks", ".png"), ("outlines", ".png"), ("boxes", ".txt")]
        beside = [root / kind / row["class"] / f"{row['image_id']}{suffix}" for kind, suffix in kinds]
        present = [path if path.is_file() else None for path in beside]
        entries.append(Entry(plain_id(row["image_id"]), image, row["class"], row["split"], *present))
    return entries


def read_soycultivarvein(files: Path, folder: str | None) -> list[Entry]:
    """SoyCultivarVein and HainanLeaf: train/ and test/ with images, l2_mask/<id>.png, labels.pkl (image id or
    file name → class from 1 up)."""
    root = layout_files.find_root(files, ["train", "test", "labels.pkl"], folder)
    labels = load_labels(root / "labels.pkl")
    digits = len(str(max(labels.values())))
    masks = by_stem(root / "l2_mask", IMAGE_SUFFIXES)
    entries = []
    for split in ("train", "test"):
        for image in images_in(root / split):
            label = labels.get(image.stem, labels.get(image.name))
            if label is None:
                raise InputError(f"{image}: {root / 'labels.pkl'} gives no class for it")
            name = f"{label:0{digits}d}"
            entries.append(Entry(plain_id(image.stem), image, name, split, mask_of(image, masks)))
    return entries


def read_btfpis(files: Path, folder: str | None) -> list[Entry]:
    """Leeds Butterfly: images/0010001.png, segmentations/0010001_seg0.png; three digits name the class."""
    root = layout_files.find_root(files, ["images", "segmentations"], folder)
    masks = by_stem(root / "segmentations", {".png"})
    entries = []
    for image in images_in(root / "images"):
        number = re.match("0(0[1-9]|10)", image.stem)
        if not number:
            raise InputError(f"{image}: its name starts with no class 001 … 010 of Leeds Butterfly")
        name = BUTTERFLIES[int(number[0]) - 1]
        entries.append(Entry(plain_id(image.stem), image, name, mask=masks.get(f"{image.stem}_seg0")))
    return entries


def read_ultrafgvc(files: Path, folder: str | None) -> list[Entry]:
    """CottonCultivar and SoyCultivarLocal: images/, and anno/train.txt and anno/test.txt with a line
    "<file> <class from 1 up>" per image. Images that no line names belong to neither part."""
    root = layout_files.find_root(files, ["images", "anno"], folder)
    found: list[tuple[str, str, int]] = []
    first: dict[str, str] = {}
    for split in ("train", "test"):
        table = root / "anno" / f"{split}.txt"
        for number, line in enumerate(layout_files.lines_of(table), 1):
            if not line.strip():
                continue
            place = f"{table}: line {number}"
            name, _, label = line.strip().rpartition(" ")
            if not name or not re.fullmatch("[1-9][0-9]*", label):
                raise InputError(f"{place} is not '<file> <class from 1 up>': {line.strip()[:60]!r}")
            name = name.strip()
            if name in first:
                raise InputError(f"{place}: {name} stands in {first[name]} already; keep one of the lines")
            first[name] = f"{table.name}, line {number},"
            if not (root / "images" / name).is_file():
                raise InputError(f"{place}: the image {root / 'images' / name} is missing; unpack it again")
            found.append((split, name, int(label)))
    digits = len(str(max((label for _, _, label in found), default=0)))
    return [
        Entry(plain_id(str(Path(name).with_suffix(""))), root / "images" / name, f"{label:0{digits}d}", split)
        for split, name, label in found
    ]


READERS: dict[str, Callable[[Path, str | None], list[Entry]]] = {
    "leaves": read_leaves,
    "soycultivarvein": read_soycultivarvein,
    "btfpis": read_btfpis,
    "ultrafgvc": read_ultrafgvc,
    "cub200": read_cub200,
    "aircraft": read_aircraft,
    "cars": read_cars,
    "folder": read_folder,
}
