"""What lies in a folder of a person's marks: which files count, of which images, and which do not and why."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

import pandas as pd

from maskguide.data.pictures import image_size
from maskguide.marks.class_lists import ClassLists, may_list_classes
from maskguide.marks.coco import is_coco, read_coco
from maskguide.marks.copies import is_colourful, is_photograph
from maskguide.marks.csv_tables import read_csv_marks
from maskguide.marks.image_names import IMAGE_SUFFIXES, Ambiguous, ImageNames
from maskguide.marks.label_studio import is_label_studio, read_label_studio
from maskguide.marks.labelme import is_labelme, read_labelme
from maskguide.marks.parsed import MarkedImage, as_exported, read_json, read_xml, shapes_of
from maskguide.marks.shapes import Shape, check_size, with_frames
from maskguide.marks.via import is_via, read_via
from maskguide.marks.xml_files import XML_ROOTS, read_xml_marks
from maskguide.marks.yolo import read_yolo
from maskguide.system.cli import log
from maskguide.system.files import InputError

COLOUR_MAP = "labelmap.txt"  # of CVAT: which class a mask's colour is
INSTANCES = "SegmentationObject"  # its folder of masks whose colours number the objects
LISTED = 10  # names that a line lists before "and N more"
BACKUPS = (".bak", ".orig", ".old", ".tmp", ".swp", ".save")
LISTS_OF_IMAGES = ("train.txt", "val.txt", "valid.txt", "test.txt", "trainval.txt", "default.txt")
NO_MARKS = {".md", ".html", ".htm", ".pdf", ".docx", ".log", ".data", ".cfg", ".ini", ".db"}


class Source(NamedTuple):
    """Marks of one image in one file: `shapes`, or a label mask to read, where `shapes` is None."""

    path: Path
    shapes: list[Shape] | None


class MarkFolder:
    """The marks in a folder and below it, by image.

    `index` has all images of the data set, `asked` those whose marks count. With `boxes_only`, label masks
    are passed over, and an empty YOLO file is a mark: it says that there is nothing to mark in the image.
    `sources` holds, for each image asked for, what marks it.
    """

    def __init__(
        self,
        folder: Path,
        asked: pd.DataFrame,
        index: pd.DataFrame,
        classes: Sequence[str],
        boxes_only: bool = False,
    ):
        self.folder, self.classes, self.boxes_only = folder, list(classes), boxes_only
        self.paths = dict(zip(asked["image_id"], asked["path"], strict=True))
        self.sizes = {image_id: image_size(path) for image_id, path in self.paths.items()}
        self.images = ImageNames(index)
        self.sources: dict[str, list[Source]] = {image_id: [] for image_id in self.paths}
        self.not_read: dict[str, list[str]] = {}  # reason → files, or what in them
        self.strangers: dict[str, str] = {}  # file → the first of its names that no image bears
        files = self._files()
        lists = [path for path in files if may_list_classes(path) and self._of_file(path) is None]
        self.class_lists = ClassLists(lists)
        self.colour_map = next((path for path in files if path.name.lower() == COLOUR_MAP), None)
        self._unlisted: list[Path] = []  # YOLO files whose numbers no list names
        self._unnamed: dict[str, None] = {}  # files with marks that bear no label
        for path in files:
            if path not in lists:
                with as_exported(path):
                    self._read(path)

    def has(self, image_id: str) -> bool:
        """Whether any mark of the image is there."""
        return bool(self.sources[image_id])

    def _skip(self, reason: str, what: str) -> None:
        self.not_read.setdefault(reason, []).append(what)

    def _files(self) -> list[Path]:
        """The files that may hold marks, those of images last; hidden ones and backups never."""
        found = []
        for path in sorted(self.folder.rglob("*")) if self.folder.is_dir() else []:
            inside = path.relative_to(self.folder)
            if path.is_symlink() and not path.exists():
                self._skip("link(s) to nothing", str(inside))
            if not path.is_file():
                continue
            if any(part.startswith(".") or part == "__MACOSX" for part in inside.parts):
                self._skip("hidden file(s)", str(inside))
            elif INSTANCES in inside.parts and len(inside.parts) > 1:
                self._skip(f"mask(s) that number the objects ({INSTANCES})", path.name)
            elif path.name.endswith("~") or path.suffix.lower() in BACKUPS:
                self._skip("backup(s)", str(inside))
            else:
                found.append(path)
        return sorted(found, key=lambda path: path.suffix.lower() in IMAGE_SUFFIXES)

    def _read(self, path: Path) -> None:
        """Read one file by what it is."""
        suffix, name = path.suffix.lower(), path.name.lower()
        if suffix in IMAGE_SUFFIXES:
            self._read_image(path)
        elif suffix == ".json":
            self._read_json(path)
        elif suffix == ".xml":
            root = read_xml(path)
            if root.tag not in XML_ROOTS and self._of_file(path) is None:
                self._skip("XML of another kind than Pascal VOC and CVAT for images", path.name)
            else:
                self._add_all(path, read_xml_marks(path, root, self._wanted(path)))
        elif suffix == ".csv":
            found = read_csv_marks(path, self._wanted(path), self.classes)
            if found is None:
                self._skip("table(s) without marks", path.name)
            self._add_all(path, found or [])
        elif (
            suffix == ".txt" and name not in (*LISTS_OF_IMAGES, COLOUR_MAP) and not name.startswith("readme")
        ):
            self._read_yolo(path)
        elif suffix in (".zip", ".7z", ".rar", ".gz", ".tar"):
            self._skip("packed file(s), to be unpacked", path.name)
        elif suffix != ".txt" and suffix not in NO_MARKS:
            self._skip(f"file(s) of a kind that is not read ({suffix or 'no suffix'})", path.name)

    def _read_json(self, path: Path) -> None:
        content = read_json(path)
        wanted = self._wanted(path)
        if is_labelme(content):
            self._add_one(path, read_labelme(path, content, wanted)[0])
        elif is_coco(content):
            self._add_all(path, read_coco(path, content, wanted))
        elif is_label_studio(content):
            self._add_all(path, read_label_studio(path, content, wanted))
        elif is_via(content):
            self._add_all(path, read_via(path, content, wanted, self.classes))
        else:
            self._skip("JSON of another kind than LabelMe, COCO, VIA, Label Studio", path.name)

    def _read_yolo(self, path: Path) -> None:
        image_id = self._of_file(path)
        if image_id is None:
            self.strangers.setdefault(path.name, path.stem)
        elif image_id in self.sizes:
            names = self.class_lists.names_of(path)
            if names is None:
                self._unlisted.append(path)
            shapes = shapes_of(read_yolo(path, names or self.classes), self.classes, self.sizes[image_id])
            if not shapes and not self.boxes_only:
                raise InputError(f"{path}: holds no box; mark the object, or move the file elsewhere")
            self.sources[image_id].append(Source(path, shapes))

    def _read_image(self, path: Path) -> None:
        """A label mask; a copy of the photograph, as exports hold, is none."""
        image_id = self._of_file(path, mask=True)
        if image_id is None:
            self.strangers.setdefault(path.name, path.stem)
        elif image_id in self.paths and not is_photograph(path, self.paths[image_id]):
            if is_colourful(path):
                other = f"shows another picture than {self.paths[image_id]}"
                altered = "a copy that was turned, cut or padded? Export without augmentation and resizing"
                raise InputError(f"{path}: {other}: {altered}")
            if self.boxes_only:
                self._skip("label mask(s), which give no boxes here", path.name)
            else:
                self.sources[image_id].append(Source(path, None))

    def _of_file(self, path: Path, mask: bool = False) -> str | None:
        """The image that a file of its own is named like."""
        inside = path.relative_to(self.folder).with_suffix("").as_posix()
        return self._find(path, inside, mask)

    def _find(self, path: Path, reference: str, mask: bool = False) -> str | None:
        try:
            return self.images.find(reference, mask)
        except Ambiguous as images:
            way_out = "name it with the class's folder (class/file), or like the exported images"
            raise InputError(f"{path}: {reference!r} may be {images}; {way_out}") from None

    def _wanted(self, path: Path):
        return lambda reference: self._find(path, reference) in self.sizes

    def _add_one(self, path: Path, marked: MarkedImage) -> None:
        """The marks of a file for one image: that of the file's own name, else that which it says inside."""
        image_id = self._of_file(path)
        inside = self._inside(marked.reference)
        if image_id and inside and image_id != inside:
            raise InputError(
                f"{path}: is named like {image_id}, but says that it is of {inside}; correct one"
            )
        self._add(path, marked, image_id if image_id is not None else inside)

    def _inside(self, reference: str) -> str | None:
        try:
            return self.images.find(reference) if reference else None
        except Ambiguous:
            return None

    def _add_all(self, path: Path, found: list[MarkedImage]) -> None:
        """The marks of a file for any number of images."""
        if path.suffix.lower() == ".xml" and len(found) == 1:
            return self._add_one(path, found[0])
        before = set(self.strangers)
        belongs = False
        for marked in found:
            image_id = self._find(path, marked.reference)
            belongs |= image_id is not None
            self._add(path, marked, image_id)
        if belongs and path.name not in before:
            self.strangers.pop(path.name, None)  # of other images as well, as exports are

    def _add(self, path: Path, marked: MarkedImage, image_id: str | None) -> None:
        for reason, what in marked.left_out:
            self._skip(reason, f"{path.name} {what}".strip())
        if image_id is None:
            self.strangers.setdefault(path.name, marked.reference or path.stem)
        elif image_id in self.sizes:
            size = self.sizes[image_id]
            if marked.size is not None:
                check_size(path, marked.size, size)
            if any(not entry.name for entry in marked.entries):
                self._unnamed[path.name] = None
            if shapes := shapes_of(marked.entries, self.classes, size):
                settled = with_frames(shapes)
                if any(one is not other for one, other in zip(shapes, settled, strict=True)):
                    self._skip("file(s) with a rectangle around what is drawn: one object", path.name)
                self.sources[image_id].append(Source(path, settled))

    def say_classes_without_names(self) -> None:
        """Say of which marks no name told the class: it is by position in the config, or the only one."""
        if self._unnamed:
            only = "marks without a label are of the only class"
            log.warning("%s: %s, %s: %s", self.folder, only, self.classes[0], listed(list(self._unnamed)))
        if self._unlisted:
            numbered = ", ".join(f"{number} is {name}" for number, name in enumerate(self.classes))
            log.warning(
                "%s: no list of class names (classes.txt, data.yaml, obj.names) lies with the YOLO files, "
                "whose classes are therefore numbered as in the config: %s",
                self._unlisted[0].parent,
                numbered,
            )

    def left_out(self) -> list[str]:
        """In words, what in the folder does not count: reasons with names, strangers with theirs."""
        said = [
            f"{len(what)} {reason}: {listed(list(dict.fromkeys(what)))}"
            for reason, what in self.not_read.items()
        ]
        if self.strangers:
            named = [
                f"{name} ({inside!r})" if Path(name).stem != inside else name
                for name, inside in self.strangers.items()
            ]
            said.append(f"{len(named)} of no image of the data set: {listed(named)}")
        return said


def listed(names: Sequence[str]) -> str:
    """The first names, and how many more there are."""
    more = len(names) - LISTED
    return ", ".join(names[:LISTED]) + (f" and {more} more" if more > 0 else "")
