"""Which images to mark, what a person gets to mark them, and what comes back: masks, or boxes of regions.

`annotated.csv` holds image_id, mask and boxes (paths from the folder of the CSV, "" where absent) and
source: "published" with the data set, "manual" by a person, or "automatic" without either. `boxes.csv` is
described in `maskguide.marks.boxes`.
"""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterable, Sequence
from pathlib import Path

import numpy as np
import pandas as pd
from PIL import Image

from maskguide.data.boxes import boxes_text, trimmed_of
from maskguide.data.pictures import image_size
from maskguide.marks.annotation_sources import Mark
from maskguide.marks.box_sources import BoxedImage
from maskguide.marks.boxes import COLUMNS as BOX_COLUMNS
from maskguide.system.cli import log
from maskguide.system.files import InputError, atomic_directory, read_csv, write_csv, write_json, write_text

LABELME_VERSION = "5.5.0"  # the file format; LabelMe reads its older ones

README = """\
{title}
{underline}
images/            the images, each with an empty LabelMe file (.json) beside it
contact_sheet.png  all of them on one picture
classes.txt        the names of the {names}, in their order

{how}
With LabelMe:   labelme images --labels classes.txt --nodata --output <FOLDER>

{test}Where to put the result: {place}.
Do not leave it in here: this folder is made anew when the choice of images changes.
Then start the workflow again.
"""

MASKS = """\
What to mark, in every image:
{classes}
What is not marked is background. Where marks overlap, the later one covers the earlier.

How, whichever suits you (names in <> stand for the image's file name without its ending):
  <image>.json  LabelMe: polygon, linestrip or line (for veins; painted {line_width} pixels wide), rectangle,
                circle, mask
  <image>.png   label mask, 8-bit grey, the image's size: 0 = background, {values}
  any name.json COCO: boxes, polygons; its categories bear the names above
  <image>.txt   YOLO: lines "class cx cy w h"; class 0 is {first}, or what a classes.txt beside it says
If an image has several, the label mask counts first, then LabelMe, COCO, YOLO. A box alone is read as
the filled rectangle.
"""

BOXES = """\
In every image, draw a rectangle around each of these regions, wherever it shows:
{classes}
Rectangles may overlap. Several of one region are allowed, none as well, but every image must be marked.

How, whichever suits you (names in <> stand for the image's file name without its ending):
  <image>.txt   YOLO: lines "class cx cy w h"; class 0 is {first}, or what a classes.txt beside it says.
                An empty file says: this image shows none of the regions
  any name.json COCO: bbox (or polygons); its categories bear the names above
  <image>.json  LabelMe: rectangle; of any other shape, the rectangle around it is taken
If an image has several, YOLO counts first, then COCO, then LabelMe.
"""

TEST_BOXES = """\
Test images (split test in index.csv) may be marked in the same folder, under their image_id. The detector
is judged by them and learns nothing from them.

"""


def choose(index: pd.DataFrame, count: int, seed: int) -> pd.DataFrame:
    """The rows of `count` training images, spread over the classes as evenly as these allow.

    Each class's images get a seeded random order; the first of every class come first, then the second,
    and so on, the classes in random order within each round. A larger count with the same seed contains
    the smaller one. All training images when `count` reaches their number.
    """
    if count < 1:
        raise InputError(f"count {count}: choose at least one image to mark")
    train = index[index["split"] == "train"].sort_values("image_id", kind="stable")
    if train.empty:
        raise InputError("the index has no training image to mark; check the split")
    if count >= len(train):
        log.info("count %d reaches the %d training images: all are chosen", count, len(train))
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


def export(
    chosen: pd.DataFrame,
    classes: Sequence[str],
    folder: str | Path,
    marks: str,
    line_width: int | None,
    sheet: Image.Image,
) -> None:
    """Write what a person needs to mark the chosen images; `marks` says where the result shall be put.

    `classes` are mask classes, painted with lines `line_width` pixels wide; where that is None, they are
    regions to draw boxes around. `sheet` shows all of the images.
    """
    with atomic_directory(folder) as temporary:
        (temporary / "images").mkdir()
        for row in chosen.itertuples():
            name = row.image_id + Path(row.path).suffix.lower()
            shutil.copyfile(row.path, temporary / "images" / name)
            beside = temporary / "images" / f"{row.image_id}.json"
            write_json(beside, labelme_file(name, image_size(row.path)))
        sheet.save(temporary / "contact_sheet.png")
        write_text(temporary / "classes.txt", "".join(f"{name}\n" for name in classes))
        write_text(temporary / "README.txt", readme(len(chosen), classes, marks, line_width))


def readme(count: int, names: Sequence[str], place: str, line_width: int | None) -> str:
    """How to mark mask classes, or, without `line_width`, how to draw the boxes of regions."""
    if line_width is None:
        title, kind, test = f"{count} images to draw boxes on", "regions", TEST_BOXES
        thin = "around the central part of the veins, without their outer ends"
        hints = [thin if trimmed_of(region) > 0 else "around all of it" for region in names]
        pairs = enumerate(zip(names, hints, strict=True))
        width = max(len(region) for region in names)
        listed = "".join(f"  {number}  {region:{width}}  {hint}\n" for number, (region, hint) in pairs)
        how = BOXES.format(classes=listed, first=names[0])
    else:
        title, kind, test = f"{count} images to mark", "mask classes", ""
        listed = "".join(f"  {label}  {name}\n" for label, name in enumerate(names, 1))
        values = ", ".join(f"{label} = {name}" for label, name in enumerate(names, 1))
        values += " (or 255)" if len(names) == 1 else ""
        how = MASKS.format(classes=listed, values=values, first=names[0], line_width=line_width)
    underline = "=" * len(title)
    return README.format(title=title, underline=underline, names=kind, how=how, test=test, place=place)


def labelme_file(name: str, size: tuple[int, int]) -> dict:
    """A LabelMe file without marks for the image file `name` of `size` (H, W) beside it."""
    empty = {"version": LABELME_VERSION, "flags": {}, "shapes": [], "imagePath": name, "imageData": None}
    return {**empty, "imageHeight": size[0], "imageWidth": size[1]}


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
