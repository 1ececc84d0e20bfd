"""State of an interrupted training: saved whole, loaded only where the same options are asked for."""

from __future__ import annotations

import hashlib
import json
import logging
import pickle
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import torch

from maskguide.files import atomic_file

log = logging.getLogger("maskguide")
FILE_NAME = "checkpoint.pt"


def fingerprint(options: Mapping[str, Any]) -> str:
    """SHA-256 (hexadecimal) of the options that decide a training's result.

    The order of the keys does not count. Leave out what changes no number (output folder, device, …) and
    give files as their content's hash: a path may stay while its content changes.
    """
    text = json.dumps(dict(options), sort_keys=True, default=str)
    return hashlib.sha256(text.encode()).hexdigest()


def save(folder: str | Path | None, state: Mapping[str, Any], fingerprint: str) -> None:
    """Write `folder/checkpoint.pt` atomically; without a folder do nothing.

    `state` holds what `torch.load(weights_only=True)` may read: tensors, numbers, strings, None, and dicts,
    lists and tuples of them.
    """
    if folder is None:
        return
    with atomic_file(Path(folder) / FILE_NAME) as temporary:
        torch.save({"fingerprint": fingerprint, "state": dict(state)}, temporary)


def load(folder: str | Path | None, fingerprint: str) -> dict[str, Any] | None:
    """Read the state saved under the same fingerprint, its tensors on the CPU; None where there is none.

    A checkpoint of other options, or one that cannot be read, is left alone: a log line says so, and training
    starts afresh (the next `save` replaces it).
    """
    if folder is None:
        return None
    path = Path(folder) / FILE_NAME
    if not path.is_file():
        return None
    try:
        content = torch.load(path, map_location="cpu", weights_only=True)
        saved, state = content["fingerprint"], content["state"]
    except (
        OSError,
        EOFError,
        RuntimeError,
        ValueError,
        KeyError,
        TypeError,
        pickle.UnpicklingError,
    ) as error:
        log.info("%s cannot be read (%s): starting afresh", path, " ".join(str(error).split())[:200])
        return None
    if saved != fingerprint:
        log.info("%s belongs to other options: starting afresh", path)
        return None
    return state


def clear(folder: str | Path | None) -> None:
    """Delete the checkpoint, and its folder if that leaves it empty."""
    if folder is None:
        return
    folder = Path(folder)
    (folder / FILE_NAME).unlink(missing_ok=True)
    if folder.is_dir() and not any(folder.iterdir()):
        folder.rmdir()
