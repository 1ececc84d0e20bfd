"""A person's own files as inputs of jobs: one added, changed, removed or exchanged is seen.

Snakemake compares the names and times of a job's inputs. It cannot hold every name, and looks away from a
file that is replaced by an older one: `seen` is what a job states among its params besides.
"""

from __future__ import annotations

import hashlib
import os
import re
import zipfile
from collections.abc import Iterable, Mapping
from pathlib import Path

from maskguide.system.files import InputError

HIDDEN = (".", "__MACOSX")
MASK = re.compile(r"(^|[/ _.-])(masks?|seg|segmentation|gt)[ _.-]?\d*([/ _.-]|$)", re.IGNORECASE)
NO_INPUT = re.compile("[{}\ud800-\udfff]")  # wildcards to snakemake; what is no UTF-8 ends it


def files_in(roots: Iterable[str]) -> list[str]:
    """The files of folders, at any depth, sorted; links are followed, each folder once.

    No hidden ones, and no links that lead nowhere.
    """
    found: set[str] = set()
    seen: set[str] = set()
    for root in roots:
        for folder, below, names in os.walk(os.path.normpath(root), followlinks=True):
            real = os.path.realpath(folder)
            below[:] = () if real in seen else shown(below)
            if real not in seen:
                found.update(f"{folder}/{name}" for name in shown(names))
            seen.add(real)
    return sorted(path for path in found if Path(path).exists())


def shown(names: Iterable[str]) -> list[str]:
    """Without hidden names and a Mac's leftovers."""
    return [name for name in names if not name.startswith(HIDDEN)]


def held(paths: Iterable[str]) -> list[str]:
    """Those of the paths that snakemake can hold as inputs."""
    return [path for path in paths if not NO_INPUT.search(path)]


def seen(paths: Iterable[str]) -> str | None:
    """A digest of files' names and sizes, and of the times of those that `held` leaves out; None of none."""
    said = ""
    for path in paths:
        found = Path(path).stat()
        time = found.st_mtime_ns if NO_INPUT.search(path) else 0
        said += f"{path}\0{found.st_size}\0{time}\n"
    return hashlib.sha256(said.encode(errors="surrogateescape")).hexdigest() if said else None


def names_in(archive: str) -> list[str] | None:
    """The names in a zip; None where they are not to be had at once."""
    if not zipfile.is_zipfile(archive):
        return None
    with zipfile.ZipFile(archive) as opened:
        return opened.namelist()


def may_be_mask(path: str) -> bool:
    """Whether a file may be a mask by its path: more than are read as such, none that is read is missed."""
    return bool(MASK.search(path.replace("\\", "/")))


def check_named(paths: Mapping[str, str]) -> None:
    """`InputError` for the first path of a config, by its key, where nothing lies.

    Snakemake looks for inputs of jobs that are to run alone: of what is made already it would miss none.
    """
    for key, path in paths.items():
        if not Path(path).exists():
            raise InputError(f"config: {key}: {path} does not exist; correct the path")


def check_holdable(paths: Mapping[str, str]) -> None:
    """`InputError` for the first path of a config, by its key, that snakemake would take for a pattern."""
    for key, path in paths.items():
        if NO_INPUT.search(path):
            raise InputError(
                f"config: {key}: {path!r} holds a brace or is no UTF-8, which no input may; rename the file"
            )
