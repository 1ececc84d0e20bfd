"""The list of class names that a program writes beside its YOLO files, by which their numbers are read."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import yaml

from maskguide.marks.parsed import read_json, read_text
from maskguide.system.files import InputError

# YOLO's own and LabelImg's, CVAT's, Roboflow's Darknet, makesense's and others'; Label Studio's notes.json
TEXT_NAMES = ("classes.txt", "obj.names", "_darknet.labels", "labels.txt", "predefined_classes.txt")
NAMES = (*TEXT_NAMES, "data.yaml", "data.yml", "dataset.yaml", "notes.json")


def is_class_list(path: Path) -> bool:
    """Whether a file's name is that of a list of classes."""
    return path.name.lower() in NAMES or path.suffix.lower() in (".names", ".labels")


class ClassLists:
    """The lists among `paths`; a YOLO file has that of the nearest folder above it, up to `folder`."""

    def __init__(self, folder: Path, paths: list[Path]):
        self.folder = folder
        self.lists = {path: names for path in paths if (names := read_class_list(path)) is not None}

    def names_of(self, path: Path) -> list[str] | None:
        """The names for a YOLO file; None where no list is to be had. Lists that differ are refused."""
        for parent in path.parents:
            here = [each for each in self.lists if each.parent == parent]
            for other in here[1:]:
                if self.lists[other] != self.lists[here[0]]:
                    raise InputError(
                        f"{other}: names {', '.join(self.lists[other])}, but {here[0].name} beside it "
                        f"{', '.join(self.lists[here[0]])}; make them agree"
                    )
            if here:
                return self.lists[here[0]]
            if parent == self.folder:
                break
        alike = list(self.lists.values())
        if alike and all(names == alike[0] for names in alike):
            return alike[0]  # CVAT and others put the list into a folder beside that of the labels
        return None


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
