"""How the published benchmarks of whole objects lie: CUB-200-2011, FGVC-Aircraft, Stanford Cars.

Each comes with its split and one box per image. Their annotators saw the pixels as they are stored, without
EXIF's turns. Their lists are read here and not by torchvision, whose readers neither give boxes nor say
which line of a list is wrong.
"""

from __future__ import annotations

import re
import struct
import zlib
from collections.abc import Sequence
from pathlib import Path

import numpy as np

from maskguide.data.layout_files import Corners, Entry, find_root, lines_of, plain_id, visible
from maskguide.system.cli import log
from maskguide.system.files import InputError

# What scipy raises, beside its own MatReadError, on files that are cut, garbled or of MATLAB 7.3.
MAT_ERRORS = (OSError, ValueError, TypeError, LookupError, NotImplementedError, EOFError, MemoryError)


def read_cub200(files: Path, folder: str | None) -> list[Entry]:
    """CUB-200-2011: lists by image number (images.txt, image_class_labels.txt, train_test_split.txt,
    bounding_boxes.txt), classes.txt, images/<class>/<name>.jpg; from an archive of their own, or beside the
    images, segmentations/<class>/<name>.png."""
    lists = ["images.txt", "image_class_labels.txt", "classes.txt", "train_test_split.txt"]
    root = find_root(files, [*lists, "images"], folder)
    names, labels, classes, parts = (numbered(root / name) for name in lists)
    boxes = numbered(root / "bounding_boxes.txt")
    masks = segmentations(files, root)
    entries, without_mask = [], []
    for number, name in names.items():
        label = value_of(labels, number, root / "image_class_labels.txt", "class")
        part = value_of(parts, number, root / "train_test_split.txt", "part")
        if part not in ("0", "1"):
            neither = f"image {number} has {part!r}, neither 1 (training) nor 0 (test)"
            raise InputError(f"{root / 'train_test_split.txt'}: {neither}; unpack it again")
        left, top, width, height = numbers_of(boxes, number, root / "bounding_boxes.txt")
        mask = masks / Path(name).with_suffix(".png") if masks else None
        if mask and not mask.is_file():
            without_mask.append(mask)
        entry = Entry(
            plain_id(Path(name).stem),
            existing(root / "images" / name, root / "images.txt"),
            value_of(classes, label, root / "classes.txt", "name", "class"),
            "train" if part == "1" else "test",
            mask=mask if mask and mask.is_file() else None,
            corners=(left, top, left + width, top + height),
        )
        entries.append(entry)
    if without_mask:
        log.warning("%s: is missing; %d images have no mask", without_mask[0], len(without_mask))
    return entries


def segmentations(files: Path, root: Path) -> Path | None:
    """The folder of CUB's masks: with the images' lists, beside their folder, or anywhere in the archives."""
    places = [root, root.parent, files, *(path for path in visible(files) if path.is_dir())]
    return next((path / "segmentations" for path in places if (path / "segmentations").is_dir()), None)


def read_aircraft(files: Path, folder: str | None) -> list[Entry]:
    """FGVC-Aircraft: data/images_variant_{trainval,test}.txt with a line "<image> <variant>", images_box.txt
    with "<image> <xmin> <ymin> <xmax> <ymax>" (pixels from 1, both ends inside), images/<image>.jpg."""
    lists = {"train": "images_variant_trainval.txt", "test": "images_variant_test.txt"}
    root = find_root(files, [*lists.values(), "images_box.txt", "images"], folder)
    boxes = numbered(root / "images_box.txt")
    entries = []
    first: dict[str, str] = {}
    for split, name in lists.items():
        for image, variant in numbered(root / name).items():
            if image in first:
                raise InputError(f"{root / name}: image {image} stands in {first[image]} already")
            first[image] = name
            left, top, right, bottom = numbers_of(boxes, image, root / "images_box.txt")
            path, corners = root / "images" / f"{image}.jpg", (left - 1, top - 1, right, bottom)
            path = existing(path, root / name)
            entries.append(Entry(plain_id(image), path, variant, split, corners=corners))
    return entries


def read_cars(files: Path, folder: str | None) -> list[Entry]:
    """Stanford Cars as torchvision wants it: cars_train/, cars_test/, devkit/cars_meta.mat,
    devkit/cars_train_annos.mat, cars_test_annos_withlabels.mat (or in devkit/); classes and pixels count
    from 1. An image number occurs in both parts, so that the part belongs to the image_id."""
    root = find_root(files, ["cars_train", "cars_test", "devkit"], folder)
    devkit, test = root / "devkit", "cars_test_annos_withlabels.mat"
    tables = {"train": devkit / "cars_train_annos.mat"}
    tables["test"] = root / test if (root / test).is_file() else devkit / test
    classes = [str(name) for name in mat_field(devkit / "cars_meta.mat", "class_names")]
    entries = []
    for split, table in tables.items():
        for name, label, corners in car_annotations(table):
            if not 1 <= label <= len(classes):
                known = f"{devkit / 'cars_meta.mat'} names 1 to {len(classes)}"
                raise InputError(f"{table}: {name} has class {label}, {known}")
            image_id, path = plain_id(f"{split}-{Path(name).stem}"), root / f"cars_{split}" / name
            entries.append(Entry(image_id, existing(path, table), classes[label - 1], split, corners=corners))
    return entries


def car_annotations(table: Path) -> list[tuple[str, int, Corners]]:
    """File name, class from 1 and box of each image that a list of the cars names."""
    needed = ("fname", "class", "bbox_x1", "bbox_y1", "bbox_x2", "bbox_y2")
    annotations = mat_field(table, "annotations")
    for field in needed:
        if field not in (annotations.dtype.names or ()):
            raise InputError(f"{table}: its annotations have no {field}; is it the file with labels?")
    try:
        return [
            (str(each["fname"]), int(each["class"]), (int(x1) - 1, int(y1) - 1, int(x2), int(y2)))
            for each in annotations
            for x1, y1, x2, y2 in [[each[field] for field in needed[2:]]]
        ]
    except (TypeError, ValueError) as error:
        raise InputError(f"{table}: an annotation is no number ({error}); get the file again") from error


def mat_field(path: Path, name: str) -> np.ndarray:
    """One variable of a MATLAB file as an array of one axis."""
    from scipy.io import loadmat
    from scipy.io.matlab import MatReadError

    try:
        content = loadmat(path, squeeze_me=True, appendmat=False, variable_names=[name])
    except (*MAT_ERRORS, MatReadError, zlib.error, struct.error) as error:
        line = f"cannot be read as a MATLAB file up to version 7 ({' '.join(str(error).split())})"
        raise InputError(f"{path}: {line}; get it again") from error
    if name not in content:
        raise InputError(f"{path}: holds no {name}; is it the right file?")
    return np.atleast_1d(content[name])


def numbered(table: Path) -> dict[str, str]:
    """The lines "<number> <rest>" of a list, by their number as it is written; empty lines do not count."""
    found: dict[str, str] = {}
    for line_number, line in enumerate(lines_of(table), 1):
        number, _, rest = line.strip().partition(" ")
        if not number:
            continue
        if not re.fullmatch("[0-9]+", number) or not rest.strip():
            raise InputError(f"{table}: line {line_number} is not '<number> <value>': {line.strip()[:60]!r}")
        if number in found:
            raise InputError(f"{table}: line {line_number}: {number} stands above already; keep one line")
        found[number] = rest.strip()
    return found


def value_of(values: dict[str, str], number: str, table: Path, what: str, of: str = "image") -> str:
    if number not in values:
        raise InputError(f"{table}: gives no {what} for {of} {number}; unpack it again")
    return values[number]


def numbers_of(boxes: dict[str, str], number: str, table: Path) -> Sequence[float]:
    """The four numbers of an image's box."""
    text = value_of(boxes, number, table, "box")
    try:
        values = [float(word) for word in text.split()]
    except ValueError:
        values = []
    if len(values) != 4 or not np.isfinite(values).all():
        raise InputError(f"{table}: the box of image {number} is not four numbers: {text[:60]!r}")
    return values


def existing(image: Path, table: Path) -> Path:
    if not image.is_file():
        raise InputError(f"{image}: is missing, {table.name} lists it; unpack it again")
    return image
