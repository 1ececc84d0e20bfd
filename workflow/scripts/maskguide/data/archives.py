"""Archives: recognise, find the one that a user put in place, unpack without trusting it."""

from __future__ import annotations

import lzma
import os
import shutil
import stat
import tarfile
import zipfile
import zlib
from collections.abc import Collection
from pathlib import Path, PurePosixPath

from tqdm import tqdm

from maskguide.data import zip_names
from maskguide.system.files import InputError

WEB_PAGE_STARTS = (b"<!doctype html", b"<html", b"<head", b"<script", b"<?xml")
UNFINISHED = (".part", ".part.json", ".crdownload")
ARCHIVE_SUFFIXES = {".zip", ".tar", ".gz", ".tgz", ".bz2", ".xz", ".rar", ".7z"}
PACKED_AS = {b"7z\xbc\xaf": "7z", b"Rar!": "rar"}
# Images hardly shrink: what grows a hundredfold beyond a gigabyte is made to fill disks.
MOST_GROWTH = 100
ALWAYS_ALLOWED = 2**30  # bytes
ENCRYPTED = 0x1  # flag of a zip's member
# What the readers of zip and tar raise on cut or garbled files; zipfile's RuntimeError means encrypted,
# its subclass NotImplementedError an unknown compression.
BROKEN = (zipfile.BadZipFile, tarfile.TarError, zlib.error, lzma.LZMAError, EOFError, OSError)
BROKEN += (RuntimeError, ValueError)


def is_archive(path: str | Path) -> bool:
    """Whether a file is a zip or a (compressed) tar, by its content."""
    return Path(path).is_file() and (tarfile.is_tarfile(path) or zipfile.is_zipfile(path))


def check_no_web_page(path: Path, name: str) -> None:
    """Refuse, under the name that the user knows, a web page, such as a host's notice of a used-up quota."""
    with path.open("rb") as file:
        start = file.read(512).removeprefix(b"\xef\xbb\xbf").lstrip().lower()
    if start.startswith(WEB_PAGE_STARTS):
        raise InputError(f"{name}: is a web page, not the file (a used-up quota?); fetch it later or by hand")


def check_archive(path: str | Path, name: str | None = None, read_through: bool = True) -> None:
    """Refuse a file that is no archive, and with `read_through` one that is cut or garbled anywhere.

    `name` is what the error calls the file, for files that do not yet bear their final name.
    """
    path = Path(path)
    name = name or str(path)
    check_no_web_page(path, name)
    if not is_archive(path):
        with path.open("rb") as file:
            kind = PACKED_AS.get(file.read(4))
        if kind:
            way_out = "unpack it and give the folder, or pack a zip or tar"
            raise InputError(f"{name}: is a {kind} archive; {way_out}")
        raise InputError(f"{name}: is neither a zip nor a tar archive, or it is cut short; fetch it again")
    if read_through:
        try:
            _read_through(path, name)
        except BROKEN as error:
            raise InputError(f"{name}: broken archive ({error}); fetch it again") from error


def _read_through(path: Path, name: str) -> None:
    """Read every member, so that checksums and ends of streams are checked."""
    total = 0
    if tarfile.is_tarfile(path):
        with tarfile.open(path) as archive:
            for member in archive:
                check_growth(path, name, total := total + member.size)
                file = archive.extractfile(member) if member.isfile() else None
                while file and file.read(2**20):
                    pass
    else:
        with zipfile.ZipFile(path) as archive:
            for member in archive.infolist():
                _check_unencrypted(name, member)
                check_growth(path, name, total := total + member.file_size)
            if broken := archive.testzip():
                raise zipfile.BadZipFile(f"{broken!r} has a wrong checksum")


def check_growth(path: Path, name: str, total: int) -> None:
    """Refuse an archive whose members, so far, say that they hold bytes out of proportion to the file.

    No member gives more than it says: Python's readers of zip and tar stop there.
    """
    packed = path.stat().st_size
    if total > max(ALWAYS_ALLOWED, MOST_GROWTH * packed):
        raise InputError(
            f"{name}: {packed / 1e6:.2f} MB would unpack to {total / 1e9:.1f} GB or more, over {MOST_GROWTH} "
            "times as much; not to be trusted: unpack it by hand and give the folder"
        )


def _check_unencrypted(name: str, member: zipfile.ZipInfo) -> None:
    if member.flag_bits & ENCRYPTED:
        raise InputError(f"{name}: is encrypted; unpack it with its password and give the folder")


def find_placed(folder: str | Path, filename: str | None, others: Collection[str] = ()) -> Path | None:
    """What a user put into `resources/<data set>/`: archive or folder; None where nothing usable lies there.

    `filename` comes first. Else a single archive that is none of `others`, else a single folder, else, with
    several folders, the place itself is the data set's folder.
    """
    folder = Path(folder)
    if filename and (folder / filename).exists():
        return folder / filename
    if not folder.is_dir():
        return None
    inside = [path for path in sorted(folder.iterdir()) if path.name not in others]
    inside = [path for path in inside if not path.name.startswith(".") and not path.name.endswith(UNFINISHED)]
    archives = [path for path in inside if is_archive(path)]
    folders = [path for path in inside if path.is_dir()]
    if len(archives) > 1:
        names = ", ".join(path.name for path in archives)
        raise InputError(f"{folder}: holds several archives ({names}); leave one, or name it in `archives`")
    if archives:
        return archives[0]
    if folders:
        return folders[0] if len(folders) == 1 else folder
    for path in inside:
        if path.suffix.lower() in ARCHIVE_SUFFIXES:
            check_archive(path, read_through=False)  # says why it cannot be the archive
    return None


def unpack(path: str | Path, target: str | Path) -> None:
    """Unpack a zip or tar into the existing folder `target`.

    Refused as a whole, before the first file is written: absolute paths, paths that leave the folder, links
    that leave it, devices and pipes, encrypted files, more content than the disk has room for or than a file
    of its size can hold.
    """
    path, target = Path(path), Path(target)
    try:
        # A tar that ends with a zip looks like a zip as well; a zip never looks like a tar.
        if tarfile.is_tarfile(path):
            with tarfile.open(path) as archive:
                _unpack_tar(path, archive, target)
        else:
            with zipfile.ZipFile(path) as archive:
                _unpack_zip(path, archive, target)
    except BROKEN as error:
        raise InputError(f"{path}: cannot be unpacked ({error}); fetch it again") from error


def _unpack_zip(path: Path, archive: zipfile.ZipFile, target: Path) -> None:
    zip_names.mend(path, archive.infolist())
    members = [member for member in archive.infolist() if not _is_litter(member.filename)]
    total = 0
    for member in members:
        _check_name(path, member.filename)
        _check_unencrypted(str(path), member)
        check_growth(path, str(path), total := total + member.file_size)
        kind = stat.S_IFMT(member.external_attr >> 16)
        if kind not in (0, stat.S_IFREG, stat.S_IFDIR):
            raise InputError(f"{path}: {member.filename!r} is a link or device; unpack and check it by hand")
    check_room(path, total, target)
    for member in tqdm(members, desc=path.name, disable=None):
        archive.extract(member, target)


def _unpack_tar(path: Path, archive: tarfile.TarFile, target: Path) -> None:
    total, members = 0, []
    for member in archive:  # one after another: a member that is too large is refused before it is read
        check_growth(path, str(path), total := total + member.size)
        if _is_litter(member.name):
            continue
        members.append(member)
        _check_name(path, member.name)
        if not (member.isfile() or member.isdir() or member.issym() or member.islnk()):
            raise InputError(f"{path}: {member.name!r} is a device or pipe; unpack and check it by hand")
        if member.issym() or member.islnk():
            _check_link(path, member)
    check_room(path, total, target)
    archive.extractall(target, tqdm(members, desc=path.name, disable=None), filter="data")


def _is_litter(name: str) -> bool:
    """Files that a Mac puts beside the real ones."""
    parts = PurePosixPath(name).parts
    return "__MACOSX" in parts or (bool(parts) and parts[-1] == ".DS_Store")


def _check_name(path: Path, name: str) -> None:
    """Refuse a member whose name leaves the folder, on this or another system."""
    pure = PurePosixPath(name.replace("\\", "/"))
    if pure.is_absolute() or ".." in pure.parts or (pure.parts and pure.parts[0].endswith(":")):
        raise InputError(
            f"{path}: {name!r} would lie outside the folder; not to be trusted: get it from its publisher"
        )


def _check_link(path: Path, member: tarfile.TarInfo) -> None:
    """Refuse a link out of the folder (a symbolic one starts where it lies, a hard one at the top)."""
    start = PurePosixPath(member.name).parent if member.issym() else PurePosixPath()
    end = os.path.normpath(start / member.linkname)
    if PurePosixPath(member.linkname).is_absolute() or end == ".." or end.startswith("../"):
        raise InputError(
            f"{path}: {member.name!r} links out of the folder, to {member.linkname!r}; not to be trusted: "
            "get it from its publisher"
        )


def check_room(path: Path, size: int, folder: Path) -> None:
    """Refuse an archive or download that needs more than the free bytes of the disk that `folder` is on."""
    free = shutil.disk_usage(folder).free
    if size > free:
        raise InputError(f"{path}: needs {size / 1e9:.1f} GB, {free / 1e9:.1f} GB are free; make room")
