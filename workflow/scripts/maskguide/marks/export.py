"""What a person gets to mark images: the images, empty LabelMe files, and what to do with them, in words."""

from __future__ import annotations

import shutil
from collections.abc import Sequence
from pathlib import Path

import pandas as pd
from PIL import Image

from maskguide.data.boxes import trimmed_of
from maskguide.data.pictures import image_size
from maskguide.system.files import atomic_directory, write_json, write_text

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

How, with whatever program you like; docs/marks.md says for each what to export. Among others:
  LabelMe, X-AnyLabeling   the .json beside each image: polygon, linestrip or line (for veins; painted
                           {line_width} pixels wide), rectangle, circle, mask
  a paint program          <image>.png, 8-bit grey, the image's size: 0 = background, {values}
  CVAT, Label Studio,      CVAT for images, COCO or Pascal VOC; JSON; COCO or YOLO; annotations as JSON;
  Roboflow, VIA, makesense COCO or VOC: under the names that the program gives
Labels are read by their names, which must be those above. A rectangle is filled, unless it lies around
something drawn of the same label. An image may be marked in several files if they do not contradict.
"""

BOXES = """\
In every image, draw a rectangle around each of these regions, wherever it shows:
{classes}
Rectangles may overlap. Several of one region are allowed, none as well, but every image must be marked.

How, with whatever program you like; docs/marks.md says for each what to export. Among others:
  LabelImg, makesense,     <image>.txt, lines "class cx cy w h", with the program's list of class names
  any program of YOLO      (classes.txt, data.yaml); without one, class 0 is {first}.
                           An empty file says: this image shows none of the regions
  CVAT, Label Studio,      COCO, Pascal VOC; JSON; annotations as JSON: under the names that the
  Roboflow, VIA            program gives
  LabelMe                  the .json beside each image: rectangle; of any other shape, or shapes of one
                           group_id, the rectangle around them is taken
Labels are read by their names, which must be those above. An image may be marked in several files if they
do not contradict.
"""

TEST_BOXES = """\
Test images (split test in index.csv) may be marked in the same folder, under their image_id. The detector
is judged by them and learns nothing from them.

"""


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
