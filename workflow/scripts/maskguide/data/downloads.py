"""Download an archive so that it is either whole and checked under its name, or not there at all.

What has arrived is kept as `<name>.part` and continued where the host allows it. A quota page, a wrong
checksum or a broken archive is refused and thrown away.
"""

from __future__ import annotations

import re
import time
from pathlib import Path
from urllib.parse import urlsplit

import pooch
import requests
from tqdm import tqdm

from maskguide.data.archives import check_archive, check_room
from maskguide.system.cli import log
from maskguide.system.files import InputError, read_json, write_json

CHUNK = 2**16  # bytes; what is lost at most when the connection breaks
LONGEST_WAIT = 60.0  # seconds between two attempts
TEMPORARY_STATUS = {408, 425, 429, 500, 502, 503, 504}


class Interrupted(Exception):
    """The transfer broke off or the host asked to wait: worth another attempt."""


BROKEN_OFF = (requests.exceptions.ChunkedEncodingError, requests.exceptions.ContentDecodingError)
RETRIED = (Interrupted, requests.ConnectionError, requests.Timeout, *BROKEN_OFF)


def download(
    url: str,
    target: str | Path,
    checksums: dict[str, str] | None = None,
    timeout: float = 60.0,
    attempts: int = 5,
    wait: float = 2.0,
) -> None:
    """Download the archive at `url` to `target`.

    checksums: {"md5" or "sha256": hexadecimal digits}; without one the archive is read through instead.
    timeout: seconds without a byte after which a connection counts as broken. attempts: how often in a row it
    may fail without having got further. wait: seconds before the second attempt; doubled each time.
    """
    target = Path(target)
    target.parent.mkdir(parents=True, exist_ok=True)
    part = target.with_name(target.name + ".part")
    failures, reached = 0, 0
    with requests.Session() as session:
        while True:
            try:
                _receive(session, url, part, timeout)
                break
            except RETRIED as error:
                size = part.stat().st_size if part.exists() else 0
                failures = 1 if size > reached else failures + 1
                reached = max(size, reached)
                if failures >= attempts:
                    raise InputError(
                        f"{target.name}: download from {urlsplit(url).hostname} failed {failures} times "
                        f"({error}); run again to continue it, or put the file at {target}"
                    ) from error
                pause = min(wait * 2 ** (failures - 1), LONGEST_WAIT)
                log.warning("%s: %s; again in %.0f s", target.name, error, pause)
                time.sleep(pause)
            except requests.RequestException as error:
                raise InputError(f"{target.name}: cannot be downloaded from {url} ({error})") from error
    accept(part, target, checksums or {})


def _receive(session: requests.Session, url: str, part: Path, timeout: float) -> None:
    """One attempt: everything that `part` still lacks, or `Interrupted`."""
    state = _state(part, url)
    offset = part.stat().st_size if state else 0
    headers = {"Accept-Encoding": "identity"}
    if offset:
        headers["Range"] = f"bytes={offset}-"
        if state["validator"]:
            headers["If-Range"] = state["validator"]
    with session.get(url, headers=headers, stream=True, timeout=timeout) as response:
        _keep_compressed(response, part)
        if offset and response.status_code == 416:
            if response.headers.get("Content-Range") == f"bytes */{offset}":
                return
            _discard(part)
            raise Interrupted("the host's file is not the one begun; starting afresh")
        _check_response(response, part)
        start, total = _extent(response)
        other = start != offset or (state and state["total"] not in (None, total))
        if response.status_code == 206 and other:
            _discard(part)
            raise Interrupted("the host continues another file; starting afresh")
        check_room(part, total or 0, part.parent)
        write_json(_state_path(part), {"url": url, "validator": _validator(response), "total": total})
        _write(response, part, start, total)


def _keep_compressed(response: requests.Response, part: Path) -> None:
    """Some hosts announce a .tar.gz as a tar in transit under gzip; it must arrive as the file it is."""
    if part.name.removesuffix(".part").endswith((".gz", ".tgz")):
        response.headers.pop("Content-Encoding", None)
        response.raw.headers.pop("Content-Encoding", None)


def _check_response(response: requests.Response, part: Path) -> None:
    """Refuse what no second attempt will mend: a missing file, a web page instead of the archive."""
    name, host = part.name.removesuffix(".part"), urlsplit(response.url).hostname
    answer = f"{host} answered {response.status_code} {response.reason}"
    by_hand = f"fetch it by hand and put it at {part.with_name(name)}"
    if response.status_code in TEMPORARY_STATUS:
        raise Interrupted(answer)
    if response.status_code not in (200, 206):
        raise InputError(f"{name}: {answer} for {response.url}; {by_hand}")
    if response.headers.get("Content-Type", "").lower().startswith("text/html"):
        raise InputError(
            f"{name}: {host} sent a web page instead of the file (its quota may be used up); try again "
            f"later, or {by_hand}"
        )


def _extent(response: requests.Response) -> tuple[int, int | None]:
    """Where the response's bytes start in the file, and the whole file's length (None: not said)."""
    if response.status_code == 206:
        match = re.fullmatch(r"bytes (\d+)-\d+/(\d+|\*)", response.headers.get("Content-Range", ""))
        return (int(match[1]), None if match[2] == "*" else int(match[2])) if match else (-1, None)
    length = response.headers.get("Content-Length", "")
    encoded = response.headers.get("Content-Encoding", "identity") != "identity"
    return 0, int(length) if length.isdigit() and not encoded else None


def _validator(response: requests.Response) -> str | None:
    """What `If-Range` may name: a strong ETag, else the date."""
    tag = response.headers.get("ETag")
    return tag if tag and not tag.startswith("W/") else response.headers.get("Last-Modified")


def _write(response: requests.Response, part: Path, start: int, total: int | None) -> None:
    """Append the body to `part` (or begin it), with a bar on a terminal and a line per tenth elsewhere."""
    name = part.name.removesuffix(".part")
    done, tenth = start, 0
    with (
        part.open("ab" if start else "wb") as file,
        tqdm(total=total, initial=start, unit="B", unit_scale=True, desc=name, disable=None) as bar,
    ):
        for chunk in response.iter_content(CHUNK):
            file.write(chunk)
            done += len(chunk)
            bar.update(len(chunk))
            if total and bar.disable and 10 * done // total > tenth:
                tenth = 10 * done // total
                log.info("%s: %d %% of %.0f MB", name, 10 * tenth, total / 1e6)
    if total is not None and done != total:
        if done > total:
            _discard(part)
        raise Interrupted(f"{done} of {total} bytes arrived")


def _state_path(part: Path) -> Path:
    return part.with_name(part.name + ".json")


def _state(part: Path, url: str) -> dict | None:
    """What is known of the file begun; None where there is none or it comes from elsewhere."""
    if not part.exists() or not _state_path(part).exists():
        return None
    state = read_json(_state_path(part))
    return state if state["url"] == url else None


def _discard(part: Path) -> None:
    part.unlink(missing_ok=True)
    _state_path(part).unlink(missing_ok=True)


def accept(part: Path, target: Path, checksums: dict[str, str]) -> None:
    """Give a complete download its name if it is what the registry says; else throw it away and refuse."""
    try:
        for algorithm, expected in checksums.items():
            found = pooch.file_hash(str(part), alg=algorithm)
            if found != expected:
                check_archive(part, target.name)  # says more where it is a web page or cut short
                raise InputError(
                    f"{target.name}: its {algorithm} is {found}, the registry says {expected}; it was thrown "
                    f"away, run again or put the right file at {target}"
                )
        if not checksums:
            check_archive(part, target.name)
    except InputError:
        _discard(part)
        raise
    part.replace(target)
    _state_path(part).unlink(missing_ok=True)
