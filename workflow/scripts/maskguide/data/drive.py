"""Download from Google Drive: one file, or what bears a name inside a folder."""

from __future__ import annotations

import sys
from pathlib import Path, PurePosixPath

import gdown
import requests
from gdown.exceptions import DownloadError
from tqdm import tqdm

from maskguide.data.archives import check_no_web_page
from maskguide.data.downloads import accept
from maskguide.system.cli import log
from maskguide.system.files import InputError

FILE_ADDRESS = "https://drive.google.com/uc?id={id}"
FOLDER_ADDRESS = "https://drive.google.com/drive/folders/{id}"


def download_file(
    drive_id: str,
    target: str | Path,
    checksums: dict[str, str] | None = None,
    timeout: float = 60.0,
    attempts: int = 5,
    must_be_archive: bool = True,
) -> None:
    """Download a file of Google Drive to `target`; gdown passes Drive's warning page, resumes and retries."""
    target = Path(target)
    target.parent.mkdir(parents=True, exist_ok=True)
    # gdown names its unfinished file after this one, hidden from `find_placed`, and continues it.
    arrived = target.with_name(f".{target.name}.drive")
    try:
        place = {"url": FILE_ADDRESS.format(id=drive_id), "output": str(arrived), "use_cookies": False}
        patience = {"resume": True, "timeout": timeout, "retries": attempts - 1}
        gdown.download(quiet=not sys.stderr.isatty(), **place, **patience)
    except (DownloadError, requests.RequestException) as error:
        raise refused(target, f"did not give the file {drive_id}", error) from error
    if must_be_archive:
        accept(arrived, target, checksums or {})
        return
    try:
        check_no_web_page(arrived, target.name)
    except InputError:
        arrived.unlink()
        raise
    arrived.replace(target)


def refused(target: Path, what: str, error: Exception) -> InputError:
    """The line for what Google Drive did not do."""
    message = " ".join(str(error).split())
    way_out = f"try again later, or fetch it in a browser and put it at {target}"
    return InputError(f"{target.name}: Google Drive {what} ({message}); {way_out}")


def download_folder(drive_id: str, target: str | Path, timeout: float = 60.0, attempts: int = 5) -> Path:
    """Download what is called like `target` in a folder of Google Drive: an archive, or a folder of files.

    Returns the archive (its own suffix added to `target`) or the folder, complete.
    """
    target = Path(target)
    try:
        quietly = {"quiet": True, "use_cookies": False, "skip_download": True}
        listing = gdown.download_folder(id=drive_id, timeout=timeout, output=str(target), **quietly)
    except (DownloadError, requests.RequestException) as error:
        raise refused(target, f"did not list its folder {drive_id}", error) from error
    members = choose_members({str(file.path): str(file.id) for file in listing}, target.name)
    log.info("%s: %d files in Google Drive's folder %s", target.name, len(members), drive_id)
    name, member_id = next(iter(members.items()))
    if len(members) == 1 and len(PurePosixPath(name).parts) == 1:
        archive = target.with_name(name)
        download_file(member_id, archive, timeout=timeout, attempts=attempts)
        return archive
    unfinished = target.with_name(target.name + ".part")
    for name, member_id in tqdm(sorted(members.items()), desc=target.name, disable=None):
        file = unfinished / PurePosixPath(name).relative_to(target.name)
        if not file.exists():
            download_file(member_id, file, timeout=timeout, attempts=attempts, must_be_archive=False)
    unfinished.replace(target)
    return target


def choose_members(listing: dict[str, str], wanted: str) -> dict[str, str]:
    """Of a folder's files {path: Drive id} those under the folder `wanted`, or the archive `wanted`.*."""
    inside = {path: member for path, member in listing.items() if path.split("/")[0] == wanted}
    archives = {path: member for path, member in listing.items() if path.split(".")[0] == wanted}
    archives = {path: member for path, member in archives.items() if "/" not in path}
    if any(".." in PurePosixPath(path).parts for path in inside):
        raise InputError(f"{wanted}: Google Drive lists a path that leaves the folder; not to be trusted")
    if inside:
        return inside
    if len(archives) == 1:
        return archives
    tops = ", ".join(sorted({path.split("/")[0] for path in listing})) or "nothing"
    raise InputError(f"{wanted}: is not in Google Drive's folder, which holds {tops}; has it moved?")
