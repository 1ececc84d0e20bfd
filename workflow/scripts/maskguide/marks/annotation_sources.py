"""Where marks come from: published with the data set, drawn by a person, or found automatically."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import NamedTuple

import numpy as np
import pandas as pd

from maskguide.data.boxes import Box
from maskguide.data.mask_values import Values
from maskguide.data.masks import IGNORE, read_labels
from maskguide.data.pictures import read_rgb
from maskguide.marks import drawn_masks, image_processing
from maskguide.marks.mark_folder import MarkFolder, Source, listed
from maskguide.marks.merging import Drawing, merged_boxes, merged_labels
from maskguide.marks.parsed import read_text
from maskguide.marks.shapes import Shape, check_size, paint, shapes_to_boxes, yolo_text
from maskguide.system.cli import log
from maskguide.system.files import InputError, write_text


class Mark(NamedTuple):
    """An image's marks: labels uint8 [H, W] (0 = background, 1..K) and YOLO lines ("" without boxes)."""

    labels: np.ndarray
    boxes: str = ""


def published_marks(chosen: pd.DataFrame, classes: Sequence[str], index: pd.DataFrame) -> Iterator[Mark]:
    """The masks (and boxes) that came with the data set of this index, one `Mark` per chosen image."""
    absent = [row.image_id for row in chosen.itertuples() if not row.mask]
    if absent:
        lack = f"{len(absent)} of {len(chosen)} chosen images have no published mask: {listed(absent)}"
        known = index.loc[index["split"] == "train", "mask"] != ""
        have = f"{known.sum()} of {len(known)} training images have masks"
        among = "choose among them (choose_annotation.py --masked), or " if known.any() else ""
        raise InputError(f"mode published: {lack}; {have}; {among}use mode manual or automatic")
    empty = 0
    for row in chosen.itertuples():
        labels = read_labels(row.mask, len(classes) + 1, read_rgb(row.path).shape[:2])
        if not labels.any():
            empty += 1
            log.warning("%s: the published mask is empty; kept", row.mask)
        yield Mark(labels, read_text(row.boxes) if row.boxes else "")
    if empty == len(chosen):
        all_are = f"is empty, as the published masks of all {empty} chosen images are"
        raise InputError(f"{chosen['mask'].iloc[0]}: {all_are}; choose more images, or use mode manual")


def automatic_marks(chosen: pd.DataFrame, classes: Sequence[str]) -> Iterator[Mark]:
    """Masks by threshold and ridge filter, one `Mark` per chosen image."""
    automatic = image_processing()
    automatic.check_automatic_classes(classes)
    for row in chosen.itertuples():
        labels = automatic.automatic_mask(read_rgb(row.path), classes)
        if not labels.any():
            log.warning("%s: nothing stands out; its automatic mask is empty", row.path)
        yield Mark(labels)


def manual_marks(
    chosen: pd.DataFrame,
    index: pd.DataFrame,
    classes: Sequence[str],
    folder: Path,
    list_file: Path,
    line_width: int,
    values: Values | None = None,
) -> Iterator[Mark]:
    """A person's marks in `folder` (or below it), one `Mark` per chosen image.

    Where marks are missing, an `InputError` says which and where to put them, `list_file` names all.
    values: what a person says that the values of label masks mean; None: what they agree upon.
    """
    found = MarkFolder(folder, chosen, index, classes)
    require_marks(found, folder, chosen, list_file)
    masks = [each.path for sources in found.sources.values() for each in sources if each.shapes is None]
    read_mask = drawn_masks.reader(masks, classes, found.colour_map, values)
    several: list[str] = []
    for row in chosen.itertuples():
        size, sources = found.sizes[row.image_id], found.sources[row.image_id]
        drawings = [drawing_of(source, size, read_mask, line_width) for source in sources]
        labels = merged_labels(row.image_id, drawings, classes)
        if not (labels[labels != IGNORE] > 0).any():
            raise InputError(f"{sources[0].path}: the mark of {row.image_id} is empty; mark the object")
        several += [row.image_id] if len(sources) > 1 else []
        yield Mark(labels, boxes_text_of(drawings, size))
    if several:
        log.info("marked in several files, which agree: %d image(s), %s", len(several), listed(several))


def manual_boxes(found: MarkFolder, image_id: str) -> list[Box]:
    """The rectangles around what a person marked in an image that `found` has."""
    size = found.sizes[image_id]
    boxes = [
        (source.path, shapes_to_boxes(source.path, source.shapes, size)) for source in found.sources[image_id]
    ]
    return merged_boxes(image_id, boxes, found.classes)


def drawing_of(
    source: Source, size: tuple[int, int], read_mask: drawn_masks.Reader, line_width: int
) -> Drawing:
    """What one file says of an image of `size` (H, W)."""
    if source.shapes is None:
        labels = read_mask(source.path)
        check_size(source.path, labels.shape, size)
        return Drawing(source.path, labels, [])
    return Drawing(source.path, paint(source.shapes, size, line_width), source.shapes)


def boxes_text_of(drawings: Sequence[Drawing], size: tuple[int, int]) -> str:
    """The rectangles of an image as YOLO lines: each class's of the first file that has some."""
    boxes: list[Shape] = []
    for drawing in drawings:
        labels = {shape.label for shape in boxes}
        boxes += [each for each in drawing.shapes if not each.drawn and each.label not in labels]
    return yolo_text(boxes, size)


def require_marks(found: MarkFolder, folder: Path, chosen: pd.DataFrame, list_file: Path) -> None:
    """Refuse to go on without a mark of every chosen image; `list_file` then names those that lack one.

    What lies in the folder and does not count is said in either case.
    """
    missing = [row.image_id for row in chosen.itertuples() if not found.has(row.image_id)]
    unused = found.left_out()
    if missing:
        write_text(list_file, "".join(f"{image_id}\n" for image_id in missing))
        there = f"; found there and not used: {'; '.join(unused)}" if unused else ""
        raise InputError(
            f"{folder}: {len(missing)} of {len(chosen)} images are not marked yet: {listed(missing)} (all in "
            f"{list_file}); mark them ({list_file.parent / 'export' / 'README.txt'} tells how), put the "
            f"results into {folder} and start again{there}"
        )
    list_file.unlink(missing_ok=True)
    found.say_classes_without_names()
    for line in unused:
        log.warning("%s: not used: %s", folder, line)
