"""Where the boxes of regions come from: published, derived from masks, drawn by a person, or automatic.

The chosen training images are what a detector learns from. Test images with known boxes judge it; these
boxes are never automatic, for a detector that repeats a threshold's mistakes would look perfect.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import NamedTuple

import numpy as np
import pandas as pd
from tqdm import tqdm

from maskguide.data import masks
from maskguide.data.boxes import Box, box_of_mask, trimmed_of
from maskguide.data.pictures import read_rgb
from maskguide.marks import image_processing
from maskguide.marks.annotation_sources import manual_boxes, require_marks
from maskguide.marks.boxes import read_yolo_boxes
from maskguide.marks.mark_folder import MarkFolder, listed
from maskguide.marks.shapes import check_size
from maskguide.marks.silhouette import silhouette
from maskguide.system.cli import log
from maskguide.system.files import InputError

OUTLINE = "outline"
Regions = dict[str, str | list[str]]  # region → OUTLINE, or mask classes ([]: no mask shows it)


class BoxedImage(NamedTuple):
    """An image and its boxes. `size` is (H, W); `source` is one of `boxes.SOURCES`."""

    image_id: str
    split: str
    path: str
    size: tuple[int, int]
    boxes: list[Box]
    source: str


def check_regions(regions: Sequence[str], made_of: Regions, classes: Sequence[str]) -> Regions:
    """What each region is made of, in the order of `regions`; a region that `made_of` leaves out gets []."""
    if len(set(regions)) < len(regions):
        raise InputError(f"regions {' '.join(regions)}: a name occurs twice; name each region once")
    if not isinstance(made_of, dict) or set(made_of) - set(regions):
        raise InputError(f"region masks {made_of}: must be an object with keys among {', '.join(regions)}")
    for region, parts in made_of.items():
        if parts == OUTLINE:
            continue
        if not isinstance(parts, list) or not all(part in classes for part in parts):
            neither = f"is neither '{OUTLINE}' nor a list of the mask classes {', '.join(classes)}"
            way_out = "correct regions or mask_classes of the data set"
            raise InputError(f"region masks: {region}: {parts} {neither}; {way_out}")
    return {region: made_of.get(region, []) for region in regions}


def published(rows: pd.DataFrame, regions: Regions) -> list[BoxedImage]:
    """The boxes that came with the data set; images without a file of boxes are left out."""
    found = []
    for row in rows[rows["boxes"] != ""].itertuples():
        size = read_rgb(row.path).shape[:2]
        boxes = read_yolo_boxes(row.boxes, list(regions), size)
        found.append(BoxedImage(row.image_id, row.split, row.path, size, boxes, "published"))
    return found


def from_masks(rows: pd.DataFrame, regions: Regions, classes: Sequence[str]) -> list[BoxedImage]:
    """The boxes of the published masks' classes and outlines; images that lack one of these are left out."""
    found = []
    for row in rows.itertuples():
        made = {region: parts for region, parts in regions.items() if parts}
        if not made or not all(row.mask or (parts == OUTLINE and row.outline) for parts in made.values()):
            continue
        size = read_rgb(row.path).shape[:2]
        labels = np.zeros(size, np.uint8)
        if row.mask:
            labels = masks.read_labels(row.mask, len(classes) + 1, size)
        shown = {region: region_mask(parts, labels, row.outline, classes) for region, parts in made.items()}
        found.append(BoxedImage(row.image_id, row.split, row.path, size, boxes_of(shown, regions), "masks"))
    return found


def region_mask(
    parts: str | list[str], labels: np.ndarray, outline: str, classes: Sequence[str]
) -> np.ndarray:
    """bool [H, W]: what a region is made of; the outline's PNG where there is one, else all mask classes."""
    if parts != OUTLINE:
        return np.isin(labels, [list(classes).index(part) + 1 for part in parts])
    if not outline:
        return masks.soft_of_labels(labels) > 0
    silhouette = masks.read_grey(outline)
    check_size(outline, silhouette.shape, labels.shape)
    return silhouette > 0


def found_automatically(rows: pd.DataFrame, regions: Regions) -> list[BoxedImage]:
    """Boxes of what image processing finds: the veins for regions named so, else the silhouette."""
    found = []
    for row in tqdm(rows.itertuples(), total=len(rows), desc="boxes", disable=None):
        image = read_rgb(row.path)
        whole = silhouette(image)
        shown = dict.fromkeys(regions, whole)
        if any(trimmed_of(region) for region in regions):
            veins = np.logical_or(*image_processing().veins(image, whole))
            shown |= {region: veins for region in regions if trimmed_of(region)}
        boxes, size = boxes_of(shown, regions), image.shape[:2]
        found.append(BoxedImage(row.image_id, row.split, row.path, size, boxes, "automatic"))
    return found


def drawn_by_hand(
    chosen: pd.DataFrame, index: pd.DataFrame, regions: Regions, folder: Path, list_file: Path
) -> list[BoxedImage]:
    """A person's boxes in `folder` (or below it): of all chosen images and of those test images there are.

    Where chosen images are not marked yet, an `InputError` says which and where to put the marks;
    `list_file` then names all of them.
    """
    rows = pd.concat([chosen, index[index["split"] == "test"]])
    marks = MarkFolder(folder, rows, index, list(regions), boxes_only=True)
    require_marks(marks, folder, chosen, list_file)
    found = []
    for row in rows[rows["image_id"].map(marks.has)].itertuples():
        size, boxes = marks.sizes[row.image_id], manual_boxes(marks, row.image_id)
        found.append(BoxedImage(row.image_id, row.split, row.path, size, boxes, "manual"))
    return found


def boxes_of(shown: dict[str, np.ndarray], regions: Regions) -> list[Box]:
    """One box for each region whose mask (bool [H, W]) is not empty."""
    order = list(regions)
    found = {region: box_of_mask(mask, trimmed_of(region)) for region, mask in shown.items()}
    return [Box(order.index(region), *box) for region, box in found.items() if box]


def known_boxes(
    test: pd.DataFrame, regions: Regions, classes: Sequence[str], first: Iterable[BoxedImage] = ()
) -> list[BoxedImage]:
    """The test images whose true boxes are known: from `first`, else published, else from masks."""
    found = list(first)
    found += published(others(test, found), regions)
    found += from_masks(others(test, found), regions, classes)
    return sorted(found, key=lambda image: image.image_id)


def others(rows: pd.DataFrame, found: Iterable[BoxedImage]) -> pd.DataFrame:
    """The rows whose images are not among `found`."""
    return rows[~rows["image_id"].isin([image.image_id for image in found])]


def require_all(found: list[BoxedImage], chosen: pd.DataFrame, what: str) -> list[BoxedImage]:
    """The boxed images in the order of `chosen`; `InputError` names those that are not among them."""
    by_id = {image.image_id: image for image in found}
    absent = [image_id for image_id in chosen["image_id"] if image_id not in by_id]
    if absent:
        lack = f"{len(absent)} of {len(chosen)} chosen images have no published {what}: {listed(absent)}"
        raise InputError(f"{lack}; use another mode: manual or automatic")
    return [by_id[image_id] for image_id in chosen["image_id"]]


def check_every_region(found: list[BoxedImage], regions: Regions, mode: str) -> None:
    """Refuse a region that no chosen image shows, for a detector cannot learn it; name what looks wrong."""
    for number, region in enumerate(regions):
        if not any(box.region == number for image in found for box in image.boxes):
            derived = mode == "masks" and not regions[region]
            reason = " (no mask class is named for it)" if derived else ""
            raise InputError(
                f"region {region}: mode {mode} gives no box of it in any of the {len(found)} chosen images"
                f"{reason}; mark it, use another mode, or leave it out of the data set's regions"
            )
    empty = [image.image_id for image in found if not image.boxes]
    if empty:
        log.warning("without any region, and kept as such: %d image(s), %s", len(empty), listed(empty))


def counts(found: list[BoxedImage], regions: Regions) -> str:
    """How many boxes in how many images: "vein 30 boxes in 30 images, contour 29 in 28"."""
    parts = []
    for number, region in enumerate(regions):
        per_image = np.array([sum(box.region == number for box in image.boxes) for image in found])
        words = ("", "") if number else (" boxes", " images")
        parts.append(f"{region} {per_image.sum()}{words[0]} in {(per_image > 0).sum()}{words[1]}")
    return ", ".join(parts)
