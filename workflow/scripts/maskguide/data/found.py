"""What a data set's folders hold: how each file was read, and which were left out, in one table."""

from __future__ import annotations

import os
from collections.abc import Iterable
from functools import cache
from pathlib import Path

import pandas as pd

from maskguide.data.layout_files import IMAGE_SUFFIXES, Entry
from maskguide.plan.inputs import shown
from maskguide.system.cli import log

COLUMNS = ["folder", "read_as", "class", "split", "files", "example"]
LEFT_OUT, NOWHERE, OTHER = "image left out", "link that leads nowhere", "other file"
SAID = {
    LEFT_OUT: "is left out: images of this layout lie elsewhere",
    NOWHERE: "is a link that leads nowhere, and left out",
}
KINDS = {"path": "image", "mask": "mask", "outline": "outline", "boxes": "boxes"}


def table(roots: Iterable[Path], entries: list[Entry], parts: dict[str, str]) -> pd.DataFrame:
    """One row for the files of a folder that were read alike; columns `COLUMNS`, all str but files (int).

    roots: the folders that were looked through, hidden files aside. parts: image_id → train or test; images
    without have "" as split: they are read, and used by no part.
    """
    read: dict[str, tuple[str, str, str]] = {}
    for entry in entries:
        for name, kind in KINDS.items():
            if path := getattr(entry, name):
                read[place(path)] = (kind, entry.class_name, parts.get(entry.image_id, ""))
    counted: dict[tuple[str, ...], list[str]] = {}
    for path in files_below(roots):
        row = read.get(place(Path(path))) or (kind_of(path), "", "")
        counted.setdefault((str(Path(path).parent), *row), []).append(Path(path).name)
    rows = [[*key, len(names), names[0]] for key, names in sorted(counted.items())]
    return pd.DataFrame(rows, columns=COLUMNS)


def place(path: Path) -> str:
    """A file's name in the real place of its folder, whichever link led there."""
    return f"{_real(str(path.parent))}/{path.name}"


@cache
def _real(folder: str) -> str:
    return os.path.realpath(folder)


def files_below(roots: Iterable[Path]) -> list[str]:
    """The visible files of folders at any depth, sorted, links followed and those that lead nowhere too."""
    found, seen = set(), set()
    for root in roots:
        for folder, below, names in os.walk(root, followlinks=True):
            real = os.path.realpath(folder)
            nowhere = [name for name in below if not Path(folder, name).exists()]
            below[:] = () if real in seen else sorted(shown(below))
            if real not in seen:
                found.update(str(Path(folder, name)) for name in shown([*names, *nowhere]))
            seen.add(real)
    return sorted(found)


def kind_of(path: str) -> str:
    """What a file is that was not read."""
    if not Path(path).exists():
        return NOWHERE
    return LEFT_OUT if Path(path).suffix.lower() in IMAGE_SUFFIXES else OTHER


def warn(rows: pd.DataFrame) -> None:
    """Say how many images and links were left out, and name the first."""
    for kind, words in SAID.items():
        left = rows[rows["read_as"] == kind]
        if len(left):
            first = f"{left['folder'].iloc[0]}/{left['example'].iloc[0]}"
            log.warning("%s: %s; so are %d files in all", first, words, left["files"].sum())
