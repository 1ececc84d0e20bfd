"""Which image a file of marks speaks of: by the names that annotation programs make of an image's."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterable
from pathlib import Path, PurePosixPath
from urllib.parse import unquote, urlsplit

import pandas as pd

IMAGE_SUFFIXES = (".png", ".jpg", ".jpeg", ".tif", ".tiff", ".bmp", ".webp", ".gif")
UPLOADED = re.compile(r"^[0-9a-f]{8}-(?=.)")  # Label Studio: 1a2b3c4d-name.png
VERSIONED = re.compile(
    r"^(.+?)[_.](?:png|jpe?g|tiff?|bmp|webp|gif)\.rf\.[0-9A-Za-z]+$", re.IGNORECASE
)  # Roboflow
MASK_ENDING = re.compile(r"[-_. ](?:mask|masks|label|labels|seg|gt)$", re.IGNORECASE)


class Ambiguous(Exception):
    """A name that may be several images'; the message names two of them."""


class ImageNames:
    """Finds the image of an index that a name belongs to.

    A name may be the image_id or the image's own path, from its end as far as it is given (`elm/0.png`),
    with the additions of Label Studio and Roboflow, in Windows' or a URL's way of writing.
    """

    def __init__(self, index: pd.DataFrame):
        self.ids = {plain(image_id): image_id for image_id in index["image_id"]}
        self.paths: dict[str, list[tuple[str, tuple[str, ...]]]] = {}
        for image_id, path in zip(index["image_id"], index["path"], strict=True):
            self._add(image_id, Path(path).absolute())
        folders = {Path(path).absolute().parent for path in index["path"]}
        known = {str(Path(path).absolute()) for path in index["path"]}
        for folder in folders:  # images of the data set that its split leaves out are candidates as well
            for path in folder.iterdir() if folder.is_dir() else []:
                if path.suffix.lower() in IMAGE_SUFFIXES and str(path) not in known:
                    self._add("", path)
        self.slugs: dict[str, set[str]] = {}
        for image_id in index["image_id"]:
            self.slugs.setdefault(slug(image_id), set()).add(image_id)
        for stem, images in self.paths.items():
            self.slugs.setdefault(slug(stem), set()).update(image_id for image_id, _ in images)

    def _add(self, image_id: str, path: Path) -> None:
        parts = tuple(plain(part) for part in (*path.parent.parts, path.stem))
        self.paths.setdefault(parts[-1], []).append((image_id, parts))

    def find(self, reference: str, mask: bool = False) -> str | None:
        """The image_id, "" for an image that the index does not have, None for a stranger.

        `reference` ends in an image's suffix or is without any; `mask` allows a `_mask` after the name.
        Raises `Ambiguous`.
        """
        *folders, name = parts_of(reference)
        for each in variants(name, mask):
            if each in self.ids:
                return self.ids[each]
        for each in variants(name, mask):
            if each in self.paths and (found := self._by_path((*folders, each))) is not None:
                return found
        for each in list(variants(name, mask))[1:]:  # its program may have changed spaces and dots, too
            if alike := self.slugs.get(slug(each)):
                if len(alike) > 1:
                    raise Ambiguous(named(alike))
                return next(iter(alike))
        return None

    def _by_path(self, parts: tuple[str, ...]) -> str | None:
        """The image whose path agrees with `parts` furthest from the end."""
        lengths = []
        for image_id, path in self.paths[parts[-1]]:
            pairs = zip(reversed(parts), reversed(path), strict=False)
            lengths.append((next((n for n, (a, b) in enumerate(pairs) if a != b), len(parts)), image_id))
        longest = max(length for length, _ in lengths)
        best = [image_id for length, image_id in lengths if length == longest]
        if len(best) > 1:
            raise Ambiguous(named(best))
        return best[0]


def named(image_ids: Iterable[str]) -> str:
    """Two of several images, one of which may be missing in the index."""
    return " or ".join(each or "an image that the index does not have" for each in sorted(image_ids)[-2:])


def parts_of(reference: str) -> list[str]:
    """The folders and the name, without an image's suffix, of a path, a Windows path or a URL."""
    text = str(reference).strip()
    if "://" in text or "?" in text:
        address = urlsplit(text)
        wanted = re.search(r"(?:^|&)d=([^&]+)", address.query)  # Label Studio's local files
        text = unquote(wanted[1] if wanted else address.path)
    text = unquote(text) if re.search(r"%[0-9A-Fa-f]{2}", text) else text
    parts = [plain(part) for part in PurePosixPath(text.replace("\\", "/")).parts if part not in ("/", "..")]
    if not parts:
        return [""]
    stem, dot, suffix = parts[-1].rpartition(".")
    return [*parts[:-1], stem if dot and f".{suffix.lower()}" in IMAGE_SUFFIXES else parts[-1]]


def variants(name: str, mask: bool) -> Iterable[str]:
    """The name, and what it was before a program added to it."""
    yield name
    if mask and MASK_ENDING.search(name):
        yield MASK_ENDING.sub("", name)
    uploaded = UPLOADED.sub("", name)
    if uploaded != name:
        yield uploaded
    version = VERSIONED.match(uploaded)
    if version:
        yield version[1]
        yield UPLOADED.sub("", version[1])


def plain(name: str) -> str:
    """A name with its accents coded the one way in which the index has them."""
    return unicodedata.normalize("NFC", str(name))


def slug(name: str) -> str:
    """Letters and digits alone, as Roboflow keeps them."""
    return re.sub(r"[^0-9a-z]+", "-", name.lower())
