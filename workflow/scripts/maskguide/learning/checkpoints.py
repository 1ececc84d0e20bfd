"""State of an interrupted training: saved whole, loaded only where the same options are asked for.

Two are kept, the newest and the one before, so that one is whole whatever happened to the other. A
checkpoint is an ordinary torch file, whose zip archive has a checksum of every part.
"""

from __future__ import annotations

import json
import logging
import os
import zipfile
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import torch

from maskguide.learning.weights import UNREADABLE
from maskguide.system import interruption
from maskguide.system.files import InputError, atomic_file, remove_leftovers

log = logging.getLogger("maskguide")
FILE_NAME = "checkpoint.pt"
BEFORE = "checkpoint-before.pt"


def plain(options: Mapping[str, Any]) -> dict[str, Any]:
    """Options as a checkpoint holds and compares them: sorted, in JSON's types, paths as text."""
    return json.loads(json.dumps(dict(options), sort_keys=True, default=str))


def save(folder: Path | None, state: Mapping[str, Any], options: Mapping[str, Any], epoch: int) -> None:
    """Write `folder/checkpoint.pt` after `epoch` epochs; the one before stays beside it. No folder: nothing.

    `state` holds what `torch.load(weights_only=True)` may read: tensors, numbers, strings, None, and dicts,
    lists and tuples of them. `options` decide the training's result: leave out what changes no number
    (output folder, device, …) and give files as their content's hash: a path may stay, its content change.
    `InputError` where the disk is full; both checkpoints are then as they were.
    """
    if folder is None:
        return
    newest = folder / FILE_NAME
    with atomic_file(newest) as temporary:
        torch.save({"options": plain(options), "epoch": epoch, "state": dict(state)}, temporary)
        sync(temporary)
        if newest.is_file():  # killed here, `load` finds it under its new name
            newest.replace(folder / BEFORE)
    sync(folder)
    interruption.keep(f"epoch {epoch}")


def sync(path: Path) -> None:
    """Bring a file's content, or a folder's names, to the disk: a power cut then costs one epoch at most."""
    handle = os.open(path, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)


def load(folder: Path | None, options: Mapping[str, Any]) -> dict[str, Any] | None:
    """The newest whole state saved under the same options, its tensors on the CPU; None where there is none.

    A checkpoint that cannot be read is deleted and the one before serves; one of other options is left alone
    (the next `save` replaces it). A log line says so, and which options differ.
    """
    for path in () if folder is None else (folder / FILE_NAME, folder / BEFORE):
        remove_leftovers(folder / FILE_NAME)
        content = read(path) if path.is_file() else None
        if content is None:
            continue
        differing = differences(content["options"], plain(options))
        if differing:
            log.info("%s belongs to other options (%s): starting afresh", path, "; ".join(differing))
            return None
        interruption.keep(f"epoch {content['epoch']}")
        return content["state"]
    return None


def read(path: Path) -> dict[str, Any] | None:
    """A checkpoint whose checksums are right; a broken one is deleted, and a log line says so."""
    try:
        with zipfile.ZipFile(path) as archive:
            broken = archive.testzip()
        if broken is not None:
            raise ValueError(f"wrong checksum of {broken}")
        content = torch.load(path, map_location="cpu", weights_only=True)
        return {name: content[name] for name in ("options", "epoch", "state")}
    except PermissionError as error:
        raise InputError(f"{path}: permission denied; make it readable for you and run it again") from error
    except UNREADABLE as error:
        reason = " ".join(str(error).split())[:200]
        log.info("%s cannot be read (%s): looking for the one before, else starting afresh", path, reason)
        path.unlink(missing_ok=True)  # kept, it would take the place of the whole one before
        return None


def differences(saved: Mapping[str, Any], asked: Mapping[str, Any]) -> list[str]:
    """The options that differ, as "epochs 3 → 5"; long values (hashes, lists) by their name alone."""
    lines = []
    for name in sorted({*saved, *asked}):
        old, new = (str(options.get(name, "absent")) for options in (saved, asked))
        if saved.get(name) != asked.get(name) or (name in saved) != (name in asked):
            lines.append(name if max(len(old), len(new)) > 30 else f"{name} {old} → {new}")
    return lines


def clear(folder: Path | None) -> None:
    """Delete the checkpoints, and their folder if that leaves it empty."""
    if folder is None:
        return
    for name in (FILE_NAME, BEFORE):
        (folder / name).unlink(missing_ok=True)
    remove_leftovers(folder / FILE_NAME)
    if folder.is_dir() and not any(folder.iterdir()):
        folder.rmdir()
