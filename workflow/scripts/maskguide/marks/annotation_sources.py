"""Where marks come from: published with the data set, drawn by a person, or found automatically."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import NamedTuple

import numpy as np
import pandas as pd

from maskguide.data.boxes import Box
from maskguide.data.pictures import EIGHT_BIT_MODES, open_upright, read_rgb
from maskguide.marks import annotation_formats as formats
from maskguide.marks import image_processing
from maskguide.marks.annotation_formats import Shape, read_label_mask, read_text
from maskguide.marks.boxes import shapes_to_boxes
from maskguide.system.cli import log
from maskguide.system.files import InputError, read_json, write_text

LISTED = 10  # image ids that an error line names before "and N more"


class Mark(NamedTuple):
    """An image's marks: labels uint8 [H, W] (0 = background, 1..K) and YOLO lines ("" without boxes)."""

    labels: np.ndarray
    boxes: str = ""


def published_marks(chosen: pd.DataFrame, classes: Sequence[str]) -> Iterator[Mark]:
    """The masks (and boxes) that came with the data set, one `Mark` per chosen image."""
    absent = [row.image_id for row in chosen.itertuples() if not row.mask]
    if absent:
        lack = f"{len(absent)} of {len(chosen)} chosen images have no published mask: {listed(absent)}"
        raise InputError(f"mode published: {lack}; use mode manual or automatic")
    empty = 0
    for row in chosen.itertuples():
        labels = read_label_mask(row.mask, len(classes), read_rgb(row.path).shape[:2])
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
    chosen: pd.DataFrame, classes: Sequence[str], folder: Path, list_file: Path, line_width: int
) -> Iterator[Mark]:
    """A person's marks in `folder` (or below it), one `Mark` per chosen image.

    Where marks are missing, an `InputError` says which and where to put them, `list_file` names all.
    """
    found = MarkFolder(folder, chosen, classes, line_width)
    require_marks(found, folder, chosen, list_file)
    for row in chosen.itertuples():
        yield found.mark(row.image_id)


def require_marks(found: MarkFolder, folder: Path, chosen: pd.DataFrame, list_file: Path) -> None:
    """Refuse to go on without a mark of every chosen image; `list_file` then names those that lack one."""
    missing = [row.image_id for row in chosen.itertuples() if not found.has(row.image_id)]
    if missing:
        write_text(list_file, "".join(f"{image_id}\n" for image_id in missing))
        raise InputError(
            f"{folder}: {len(missing)} of {len(chosen)} images are not marked yet: {listed(missing)} (all in "
            f"{list_file}); mark them ({list_file.parent / 'export' / 'README.txt'} tells how), put the "
            f"results into {folder} and start again"
        )
    list_file.unlink(missing_ok=True)
    found.warn_of_strangers()


class MarkFolder:
    """What lies in a folder of marks, by file name: <image_id>.png, .json, .txt; COCO under any name.

    With `boxes_only`, label PNGs are passed over, and an empty YOLO file is a mark: it says that there is
    nothing to mark in the image.
    """

    def __init__(
        self,
        folder: Path,
        chosen: pd.DataFrame,
        classes: Sequence[str],
        line_width: int = 1,
        boxes_only: bool = False,
    ):
        self.classes, self.line_width, self.boxes_only = list(classes), line_width, boxes_only
        self.paths = dict(zip(chosen["image_id"], chosen["path"], strict=True))
        self.sizes = {image_id: read_rgb(path).shape[:2] for image_id, path in self.paths.items()}
        self.files = self._files(folder)
        names = read_text(path) if (path := self.files.pop("classes.txt", None)) else ""
        self.names = [line.strip() for line in names.splitlines() if line.strip()] or None
        images = [] if boxes_only else self.paths
        self.label_masks = {image_id: path for image_id in images if (path := self._label_mask(image_id))}
        # image id → (file, its shapes), the more exact format first
        self.shapes: dict[str, list[tuple[Path, list[Shape]]]] = {image_id: [] for image_id in self.paths}
        self._read_shapes()

    def has(self, image_id: str) -> bool:
        """Whether any mark of the image is there."""
        return image_id in self.label_masks or bool(self.shapes[image_id])

    def mark(self, image_id: str) -> Mark:
        """The image's mark: the label mask, else the first format's shapes; the last format's boxes."""
        size, found = self.sizes[image_id], self.shapes[image_id]
        if image_id in self.label_masks:
            source = self.label_masks[image_id]
            labels = read_label_mask(source, len(self.classes), size)
        else:
            source, shapes = found[0]
            labels = formats.paint(shapes, size, self.line_width)
        if not labels.any():
            raise InputError(f"{source}: the mark of {image_id} is empty; mark the object")
        boxes = (formats.yolo_text(shapes, size) for _, shapes in reversed(found))
        return Mark(labels, next((text for text in boxes if text), ""))

    def boxes(self, image_id: str) -> list[Box]:
        """The rectangles around the marks of an image that `has` one: of YOLO, else COCO, else LabelMe."""
        source, shapes = self.shapes[image_id][-1]
        return shapes_to_boxes(source, shapes, self.sizes[image_id])

    def warn_of_strangers(self) -> None:
        """Name files that belong to no chosen image: a typing error in a name would go unseen."""
        strange = [path.name for path in self.files.values() if path.stem not in self.paths]
        if strange:
            log.warning("%d of the marks belong to no chosen image: %s", len(strange), listed(strange))

    def _files(self, folder: Path) -> dict[str, Path]:
        """Name → path of the PNG, JSON and text files in the folder and below it."""
        files: dict[str, Path] = {}
        for path in sorted(folder.rglob("*")) if folder.is_dir() else []:
            name = path.stem + path.suffix.lower()
            if path.suffix.lower() in (".png", ".json", ".txt") and path.is_file() and name != "README.txt":
                if name in files:
                    raise InputError(f"{path}: {files[name]} bears the same name; keep one of them")
                files[name] = path
        return files

    def _label_mask(self, image_id: str) -> Path | None:
        """The image's label PNG; a copy of the image itself, as the export holds, is none."""
        path = self.files.get(f"{image_id}.png")
        if path is None:
            return None
        mask = open_upright(path)
        if mask.mode not in EIGHT_BIT_MODES:
            return path
        is_the_image = np.array_equal(np.asarray(mask.convert("RGB")), read_rgb(self.paths[image_id]))
        return None if is_the_image else path

    def _read_shapes(self) -> None:
        for image_id, size in self.sizes.items():
            path = self.files.get(f"{image_id}.json")
            if path and (shapes := formats.read_labelme(path, self.classes, size)):
                self.shapes[image_id].append((path, shapes))
        for name, path in list(self.files.items()):
            if path.suffix.lower() == ".json" and path.stem not in self.paths:
                content = read_json(path)
                if isinstance(content, dict) and "annotations" in content:
                    del self.files[name]
                    marks = formats.read_coco(path, self.classes, self.sizes, self.boxes_only)
                    for image_id, shapes in marks.items():
                        self.shapes[image_id].append((path, shapes))
        for image_id, size in self.sizes.items():
            if path := self.files.get(f"{image_id}.txt"):
                shapes = formats.read_yolo(path, self.classes, size, self.names)
                if not shapes and not self.boxes_only:
                    raise InputError(f"{path}: holds no box; mark the object or delete the file")
                self.shapes[image_id].append((path, shapes))


def listed(names: Sequence[str]) -> str:
    """The first names, and how many more there are."""
    more = len(names) - LISTED
    return ", ".join(names[:LISTED]) + (f" and {more} more" if more > 0 else "")
