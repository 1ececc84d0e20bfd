"""Read a pickle of plain containers, strings and numbers without running what a stranger put into it."""

from __future__ import annotations

import collections
import io
import pickle
from pathlib import Path
from typing import Any

from maskguide.system.files import InputError

LARGEST = 64 * 2**20  # bytes; the published label files hold some tens of kilobytes
# What a pickle must import even for plain content: the classes of these containers.
SETS = (set, frozenset)
CONTAINERS = {(module, each.__name__): each for module in ("builtins", "__builtin__") for each in SETS}
CONTAINERS["collections", "OrderedDict"] = collections.OrderedDict
# A broken pickle may raise nearly anything; whatever it is, the file is no label file.
BROKEN = (pickle.UnpicklingError, EOFError, ValueError, TypeError, LookupError, AttributeError)
BROKEN += (MemoryError, OverflowError, ImportError, RecursionError)


class PlainUnpickler(pickle.Unpickler):
    """An unpickler that imports nothing but `CONTAINERS`: loading calls no function of a stranger."""

    def find_class(self, module: str, name: str) -> type:
        try:
            return CONTAINERS[module, name]
        except KeyError:
            raise pickle.UnpicklingError(f"it wants to import {module}.{name}") from None


def load_plain(path: str | Path) -> Any:
    """The content of a pickle that holds only dict, list, tuple, set, str, bytes, numbers, bool and None."""
    path = Path(path)
    allowed = "only plain containers, strings and numbers are read; save the labels as such"
    try:
        if path.stat().st_size > LARGEST:
            raise InputError(f"{path}: larger than {LARGEST // 2**20} MiB; {allowed}")
        return PlainUnpickler(io.BytesIO(path.read_bytes())).load()
    except OSError as error:
        raise InputError(f"{path}: cannot be read ({error.strerror})") from error
    except BROKEN as error:
        raise InputError(f"{path}: refused, {str(error) or type(error).__name__}; {allowed}") from error


def load_labels(path: str | Path) -> dict[str, int]:
    """A pickled dict {image id or file name: class from 1 up} as {str: int}."""
    content = load_plain(path)
    if not isinstance(content, dict) or not content:
        raise InputError(f"{path}: holds a {type(content).__name__}, expected a dict of image id to class")
    labels = {}
    for key, value in content.items():
        if not isinstance(key, str | int) or isinstance(value, bool) or not isinstance(value, int | str):
            raise InputError(f"{path}: entry {key!r}: {value!r} is not an image id with its class")
        try:
            labels[str(key)] = int(value)
        except ValueError as error:
            raise InputError(f"{path}: class {value!r} of image {key} is no whole number") from error
        if labels[str(key)] < 1:
            raise InputError(f"{path}: class {value} of image {key}; classes count from 1")
    return labels
