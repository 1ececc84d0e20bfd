"""The list of class names that a program writes beside its YOLO files, by which their numbers are read."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import yaml

from maskguide.marks.parsed import as_exported, read_json, read_text
from maskguide.system.files import InputError

# classes.txt of YOLO, LabelImg, Label Studio; labels.txt of makesense and others; also obj.names of CVAT,
# _darknet.labels of Roboflow, data.yaml of both and of ultralytics, notes.json of Label Studio
TEXT_NAMES = re.compile(r"(predefined_)?class(es|[-_]?names)?|labels|names", re.IGNORECASE)


def may_list_classes(path: Path) -> bool:
    """Whether a file's name is one that lists of classes have."""
    suffix = path.suffix.lower()
    if suffix == ".txt":
        return TEXT_NAMES.fullmatch(path.stem) is not None
    return suffix in (".names", ".labels", ".yaml", ".yml") or path.name.lower() == "notes.json"


class ClassLists:
    """The lists among files that may be some."""

    def __init__(self, paths: list[Path]):
        self.lists: dict[Path, list[str]] = {}
        for path in paths:
            with as_exported(path):
                if (names := read_class_list(path)) is not None:
                    self.lists[path] = names

    def names_of(self, path: Path) -> list[str] | None:
        """The names for a YOLO file: of the lists in the folders above it, else of all that there are.

        None where no list is to be had; `InputError` where these lists differ.
        """
        above = [each for each in self.lists if each.parent in path.parents]
        found = above or list(self.lists)
        for other in found[1:]:
            if self.lists[other] != self.lists[found[0]]:
                lists = [f"{each} ({', '.join(self.lists[each])})" for each in (other, found[0])]
                way_out = "correct one, or move it elsewhere"
                raise InputError(
                    f"{path}: which classes its numbers are, {' and '.join(lists)} differ; {way_out}"
                )
        return self.lists[found[0]] if found else None


def read_class_list(path: Path) -> list[str] | None:
    """The class names of a list, by class number; None for a file that holds none after all."""
    if path.suffix.lower() in (".yaml", ".yml"):
        return _from_yaml(path)
    if path.suffix.lower() == ".json":
        content = read_json(path)
        categories = content.get("categories") if isinstance(content, dict) else None
        return _in_order(path, {each["id"]: each["name"] for each in categories}) if categories else None
    lines = [line.strip() for line in read_text(path).splitlines()]
    while lines and not lines[-1]:
        lines.pop()
    if not lines:
        return None
    if "" in lines:
        number = lines.index("") + 1
        raise InputError(f"{path}: line {number} is empty, so that the classes after it would shift; name it")
    return lines


def _from_yaml(path: Path) -> list[str] | None:
    try:
        content = yaml.safe_load(read_text(path))
    except yaml.YAMLError as error:
        message = " ".join(str(error).split())
        raise InputError(f"{path}: cannot be read as YAML ({message}); correct it") from error
    names = content.get("names") if isinstance(content, dict) else None
    if names is None:
        return None
    if "kpt_shape" in content:
        raise InputError(
            f"{path}: is of YOLO for poses, whose lines look like polygons; export boxes or polygons"
        )
    return _in_order(path, names if isinstance(names, dict) else dict(enumerate(names)))


def _in_order(path: Path, names: dict[Any, Any]) -> list[str]:
    """Names by their numbers, which run from 0 without a gap."""
    try:
        numbered = {int(number): str(name) for number, name in names.items()}
        return [numbered[number] for number in range(len(names))]
    except (KeyError, TypeError, ValueError) as error:
        raise InputError(
            f"{path}: its class numbers do not run from 0 to {len(names) - 1}; correct it"
        ) from error
