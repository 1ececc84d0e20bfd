"""Names in zips of Windows: folders parted by backslashes, letters in a coding that the zip does not name.

A member's name is UTF-8 where the zip says so, else of IBM's code page 437 (APPNOTE.TXT 4.4.4, appendix D).
Many programs write UTF-8 without saying it, and Windows in its country's own code page.
"""

from __future__ import annotations

import re
import zipfile
from collections.abc import Sequence
from pathlib import Path

from maskguide.system.cli import log
from maskguide.system.files import InputError

SAYS_UTF8 = 0x800  # flag of a member
UNNAMED = "cp437"
# A single letter of Western Europe, the same in the code pages 437 and 850, between letters of ASCII.
WESTERN = re.compile("[\\x00-\\x7f]*(?:[äöüÄÖÜßéèêëàâåÅæÆçÇñÑîïìôòûùúíóáÿ][\\x00-\\x7f]+)*[äöüßéèêëàâåæçñ]?")
LIKELY = ("gb18030", "shift_jis", "euc_kr", "big5", "cp1251", "cp1252")  # for the line that refuses


def mend(path: Path, members: Sequence[zipfile.ZipInfo]) -> None:
    """Give the members of the zip `path` the names that they were given where they were packed, in place.

    `InputError` for names in a coding that nobody can tell.
    """
    western = ""
    for member in members:
        if not member.flag_bits & SAYS_UTF8 and not member.filename.isascii():
            read, member.filename = member.filename, decoded(path, member.filename)
            western = western or (read if read == member.filename else "")
    if western:
        log.warning(
            "%s: names a coding for no name; those such as %r are read as Western letters", path, western
        )
    names = [member.filename for member in members]
    if any("\\" in name for name in names) and not any("/" in name for name in names):
        log.info("%s: has backslashes between folders, as Windows' programs write them; read so", path)
        for member in members:
            member.filename = member.filename.replace("\\", "/")


def decoded(path: Path, name: str) -> str:
    """The name in UTF-8 if its bytes are that, or as it is read if that is plain Western text."""
    stored = name.encode(UNNAMED)
    try:
        return stored.decode("utf-8")
    except UnicodeDecodeError:
        if WESTERN.fullmatch(name):
            return name
    readings = []
    for coding in LIKELY:
        try:
            readings.append(f"{stored.decode(coding)!r} in {coding}")
        except UnicodeDecodeError:
            continue
    raise InputError(
        f"{path}: the name {name!r} is in a coding that the zip does not name ({', '.join(readings)}?); pack "
        "it again with names in UTF-8 (7-Zip: parameter cu=on), or unpack it by hand and give the folder"
    )
