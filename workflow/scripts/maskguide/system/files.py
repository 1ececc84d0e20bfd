"""Files that are either whole or absent: everything is written beside its place and then renamed."""

from __future__ import annotations

import contextlib
import errno
import fcntl
import hashlib
import json
import os
import re
import shutil
import tempfile
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

import yaml

if TYPE_CHECKING:
    import pandas

ROOM = "make room on that disk and run it again: what is finished is kept"
RIGHTS = "make it writable for you and run it again"
WAYS_OUT = {
    errno.ENOSPC: ROOM,
    errno.EDQUOT: ROOM,
    errno.EFBIG: "raise the limit of a file's size (ulimit -f) and run it again",
    errno.EROFS: "mount it writable, or put the results elsewhere, and run it again",
    errno.EACCES: RIGHTS,
    errno.EPERM: RIGHTS,
}
# torch writes through C++ and tells a full disk by these words alone
TORCH_CANNOT_WRITE = re.compile("inline_container|iostream error|PytorchStreamWriter")
_temporaries: set[Path] = set()


class InputError(Exception):
    """What the user gave cannot be used. The message is one line: where, what is wrong, the way out."""


@contextmanager
def atomic_file(path: str | Path) -> Iterator[Path]:
    """Yield a temporary path with the same suffix beside `path`; it takes `path`'s place on success only.

    The content is on the disk before the name is: after a power cut the file is whole or absent too. Inside a
    folder of `atomic_directory` it is `path` itself, whole or absent with its folder.
    `InputError` where the disk is full or the folder may not be written.
    """
    path = Path(path)
    with explained(path):
        path.parent.mkdir(parents=True, exist_ok=True)
        if not _temporaries.isdisjoint(path.parents):
            yield path
            return
        remove_leftovers(path)
        handle, name = tempfile.mkstemp(prefix=f".{path.stem}-", suffix=path.suffix, dir=path.parent)
        with held(Path(name), handle) as temporary:
            yield temporary
            temporary.chmod(0o644)
            os.fsync(handle)
            temporary.replace(path)


@contextmanager
def atomic_directory(path: str | Path) -> Iterator[Path]:
    """Yield an empty temporary folder beside `path`; on success it takes `path`'s place.

    Its files are not forced to the disk one by one: there may be thousands, made again in minutes.
    `InputError` where the disk is full or the folder may not be written.
    """
    path = Path(path)
    with explained(path):
        path.parent.mkdir(parents=True, exist_ok=True)
        remove_leftovers(path)
        name = tempfile.mkdtemp(prefix=f".{path.stem}-", suffix=path.suffix, dir=path.parent)
        with held(Path(name), os.open(name, os.O_RDONLY)) as temporary:
            yield temporary
            temporary.chmod(0o755)
            if path.is_dir() and not path.is_symlink():
                shutil.rmtree(path)
            temporary.replace(path)


@contextmanager
def held(temporary: Path, handle: int) -> Iterator[Path]:
    """Hold the open `handle`'s lock, which dies with this process; in the end remove what is still there."""
    _temporaries.add(temporary)
    try:
        with contextlib.suppress(OSError):  # some network disks know no locks: leftovers then stay
            fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
        yield temporary
    finally:
        remove(temporary)
        _temporaries.discard(temporary)
        os.close(handle)


def reserve(path: Path) -> None:
    """Have the disk set room aside for the whole of a file that is mapped into memory.

    A page that finds no room later would end the process by SIGBUS; here it is an `OSError`.
    """
    with path.open("r+b") as file:
        os.posix_fallocate(file.fileno(), 0, path.stat().st_size)


def remove(temporary: Path) -> None:
    """Delete a file or a folder; absent or undeletable is no error."""
    if temporary.is_dir():
        shutil.rmtree(temporary, ignore_errors=True)
    else:
        with contextlib.suppress(OSError):
            temporary.unlink()


def remove_temporaries() -> None:
    """Delete what this process is writing at the moment: it ends at once."""
    for temporary in tuple(_temporaries):
        remove(temporary)


def remove_leftovers(path: str | Path) -> None:
    """Delete what killed processes left half-written beside `path`; what a living one writes is locked."""
    path = Path(path)
    pattern = re.compile(re.escape(f".{path.stem}-") + "[a-z0-9_]{8}" + re.escape(path.suffix))
    if not path.parent.is_dir():
        return
    for leftover in [each for each in path.parent.iterdir() if pattern.fullmatch(each.name)]:
        with contextlib.suppress(OSError):
            handle = os.open(leftover, os.O_RDONLY)
            try:
                fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
                remove(leftover)
            finally:
                os.close(handle)


@contextmanager
def explained(path: Path) -> Iterator[None]:
    """Turn the disk's refusals to write `path` into an `InputError`; what concerns other files passes."""
    try:
        yield
    except OSError as error:
        own = error.filename is None or str(path.parent) in str(error.filename)
        message = refusal(error, path) if own else None
        if message is None:
            raise
        raise InputError(message) from error
    except RuntimeError as error:
        if not TORCH_CANNOT_WRITE.search(str(error)):
            raise
        raise InputError(f"{path}: cannot be written whole; {WAYS_OUT[errno.ENOSPC]}") from error


def refusal(error: OSError, path: str | Path | None = None) -> str | None:
    """One line for a full or read-only disk or a missing right, about `path` or the error's own file.

    None for any other error.
    """
    place = path or error.filename or "a file"
    if error.errno not in WAYS_OUT:
        return None
    return f"{place}: {os.strerror(error.errno).lower()}; {WAYS_OUT[error.errno]}"


def write_text(path: str | Path, text: str) -> None:
    """Write `text` atomically as UTF-8."""
    with atomic_file(path) as temporary:
        temporary.write_text(text, encoding="utf-8")


def write_json(path: str | Path, content: Any) -> None:
    """Write `content` atomically as indented JSON; a NaN is refused (it is no JSON)."""
    write_text(path, json.dumps(content, indent=2, allow_nan=False) + "\n")


def read_json(path: str | Path) -> Any:
    """Read a JSON file; `InputError` names the file when it is missing or broken."""
    try:
        return json.loads(Path(path).read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise InputError(f"{path}: cannot be read as JSON ({error}); delete it and run again") from error


def write_yaml(path: str | Path, content: Any) -> None:
    """Write `content` atomically as YAML, keys in their own order."""
    write_text(path, yaml.safe_dump(content, sort_keys=False, allow_unicode=True))


def read_yaml(path: str | Path) -> Any:
    """Read a YAML file safely, in C where PyYAML was built with it (ten times as fast).

    `InputError` names the file when it is missing or broken.
    """
    try:
        with Path(path).open(encoding="utf-8") as file:
            return getattr(yaml, "CSafeLoader", yaml.SafeLoader)(file).get_single_data()
    except (OSError, UnicodeDecodeError, yaml.YAMLError) as error:
        message = " ".join(str(error).split())
        raise InputError(f"{path}: cannot be read as YAML ({message})") from error


def write_csv(path: str | Path, frame: Any) -> None:
    """Write a pandas `DataFrame` atomically as CSV without its index."""
    with atomic_file(path) as temporary:
        frame.to_csv(temporary, index=False, lineterminator="\n")


def read_csv(path: str | Path, columns: Iterable[str], way_out: str, **options: Any) -> pandas.DataFrame:
    """Read a CSV that has at least these columns; all are str, "" where empty, but for pandas' `options`.

    `InputError` names the file and what is wrong, before the `way_out`.
    """
    import pandas  # only now: a Snakefile reads no tables

    try:
        table = pandas.read_csv(path, **{"dtype": str, "keep_default_na": False, **options})
    except (OSError, ValueError) as error:
        raise InputError(f"{path}: cannot be read as CSV ({error}); {way_out}") from error
    missing = [column for column in columns if column not in table]
    if missing:
        raise InputError(f"{path}: column {missing[0]} is missing; {way_out}")
    return table


def sha256(path: str | Path) -> str:
    """SHA-256 of a file's content, hexadecimal."""
    with Path(path).open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()
