"""What every reader of a layout needs: an image as published, and finding files in a folder of theirs."""

from __future__ import annotations

import hashlib
import re
import unicodedata
from dataclasses import dataclass
from pathlib import Path

from maskguide.system.files import InputError

IMAGE_SUFFIXES = {".png", ".jpg", ".jpeg", ".bmp", ".tif", ".tiff", ".webp", ".gif"}
MASK_SUFFIXES = IMAGE_SUFFIXES - {".gif"}
LONGEST_ID = 120  # characters; a file name has 255 bytes, and temporary ones are longer
UNPRINTABLE = {"Cc", "Cs", "Zl", "Zp"}  # Unicode categories: controls, broken encoding, ends of lines
DEEPEST = 3  # folders that an archive may put around the data set

Corners = tuple[float, float, float, float]  # left, top, right, bottom in pixels: pixel 0 spans 0 to 1


@dataclass
class Entry:
    """One image as published; `split` is "" where the publisher gives none, masks keep their own format.

    `boxes` is a YOLO file; `corners`, of publishers who give one box per image in pixels, becomes one.
    Images of one `group`, a plant or a session, belong on one side of a split; "" where nothing is known.
    """

    image_id: str
    path: Path
    class_name: str
    split: str = ""
    mask: Path | None = None
    outline: Path | None = None
    boxes: Path | None = None
    corners: Corners | None = None
    group: str = ""


def plain_id(name: str) -> str:
    """`name` in the letters an image_id may have; where letters are lost, a hash tells the names apart."""
    plain = re.sub(r"[^A-Za-z0-9_.-]", "_", name)[:LONGEST_ID]
    digest = hashlib.sha256(name.encode(errors="surrogateescape")).hexdigest()[:8]
    return plain if plain == name else f"{plain}-{digest}"


def alike(name: str) -> str:
    """What names have in common that a Mac or Windows takes for one: Unicode form and case aside."""
    return unicodedata.normalize("NFC", unicodedata.normalize("NFC", name).casefold())


def check_name(name: str, place: str | Path) -> None:
    """Refuse a name with a line break, a tab, another control character, or bytes that are no UTF-8."""
    if any(unicodedata.category(character) in UNPRINTABLE for character in name):
        shown = ascii(name)
        raise InputError(f"{place}: the name {shown} holds a control character or is no UTF-8; rename it")


def visible(folder: Path) -> list[Path]:
    """What lies in `folder`, sorted, without hidden files and a Mac's leftovers."""
    names = (path for path in folder.iterdir() if not path.name.startswith((".", "__MACOSX")))
    return sorted(path for path in names if path.name != "Thumbs.db")


def images_in(folder: Path) -> list[Path]:
    """The image files directly in `folder`, sorted."""
    return [path for path in visible(folder) if path.suffix.lower() in IMAGE_SUFFIXES and path.is_file()]


def by_stem(folder: Path, suffixes: set[str]) -> dict[str, Path]:
    """The files of `folder` by their name without suffix, in Unicode NFC; empty without such a folder."""
    if not folder.is_dir():
        return {}
    found: dict[str, Path] = {}
    for path in visible(folder):
        if path.suffix.lower() in suffixes:
            other = found.setdefault(unicodedata.normalize("NFC", path.stem), path)
            if other is not path:
                raise InputError(f"{path}: bears the name of {other.name} beside it; keep one of them")
    return found


def mask_of(image: Path, masks: dict[str, Path]) -> Path | None:
    """The mask among `by_stem`'s that bears an image's name."""
    return masks.get(unicodedata.normalize("NFC", image.stem))


def find_root(files: Path, needed: list[str], folder: str | None = None) -> Path:
    """The shallowest folder that holds all names in `needed`; `folder` chooses among several."""
    level = [files]
    for _ in range(DEEPEST + 1):
        found = [path for path in level if all((path / name).exists() for name in needed)]
        if len(found) > 1 and folder:
            found = [path for path in found if path.name == folder]
        if len(found) == 1:
            return found[0]
        if len(found) > 1:
            names = ", ".join(path.name for path in found)
            raise InputError(f"{files}: holds several data sets ({names}); give the folder of one of them")
        level = [child for path in level if path.is_dir() for child in visible(path) if child.is_dir()]
    raise InputError(f"{files}: no folder holds {', '.join(needed)}; is it the right archive?")


def lines_of(path: Path) -> list[str]:
    """The lines of a UTF-8 text file; tabs count as blanks."""
    try:
        return path.read_text(encoding="utf-8-sig").replace("\t", " ").splitlines()
    except (OSError, ValueError) as error:
        raise InputError(f"{path}: cannot be read as text ({error}); is it the right archive?") from error
