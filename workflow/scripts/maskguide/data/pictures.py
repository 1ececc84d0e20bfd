"""The one reader of image files: upright, 8 bits a channel, on white; and what their content's hash is.

What an image file may be and how it is read (docs/bad-input.md says what is refused):

- EXIF's orientation is applied, all eight of them.
- Grey, black-and-white, palette, CMYK, YCbCr, LAB: turned into RGB by Pillow; colour profiles are unused.
- Transparent pixels lie on white, as on a page.
- 16 bits a channel become 8: 65535 is 255, so that a camera's 12 bits stay dark rather than being stretched.
- Of a JPEG with further pictures in it (MPO: a phone's depth map, a preview) the first is the photograph.
"""

from __future__ import annotations

import hashlib
import struct
import zlib
from collections.abc import Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path
from typing import BinaryIO, NamedTuple

import numpy as np
from PIL import ExifTags, Image, ImageOps
from tqdm import tqdm

from maskguide.system.files import InputError

EIGHT_BIT_MODES = {"1", "L", "LA", "P", "PA", "RGB", "RGBA", "RGBX", "CMYK", "YCbCr", "HSV", "LAB"}
SIXTEEN_BIT_MODES = {"I;16", "I;16L", "I;16B", "I;16N"}
# Others that Pillow knows are refused whatever a file is called: its reader of EPS runs a program.
FORMATS = ("PNG", "JPEG", "TIFF", "WEBP", "BMP", "GIF")
MOST_PIXELS = 200_000_000  # A3 at 800 dpi has 120 million; decoded they take 3 bytes each
TURNED_SIDEWAYS = (5, 6, 7, 8)  # EXIF orientations that swap width and height
# What Pillow raises, beside OSError, on files that are cut, garbled or absurdly large.
DECODE_ERRORS = (OSError, SyntaxError, ValueError, struct.error, zlib.error, Image.DecompressionBombError)
DECODE_ERRORS += (OverflowError, EOFError, IndexError, KeyError, TypeError)

Image.MAX_IMAGE_PIXELS = None  # `check_header` refuses what is too large, before a pixel is decoded


class Picture(NamedTuple):
    """What `inspect` finds out: size (width, height) upright; `turned` where EXIF asks for a turn or flip."""

    size: tuple[int, int]
    stored_size: tuple[int, int]
    turned: bool
    content: str


def open_upright(path: str | Path, file: BinaryIO | None = None) -> Image.Image:
    """The decoded image as a viewer shows it, EXIF orientation applied, in the file's own mode.

    `file` is read instead where given; `path` is then only its name. `InputError` names a file that is
    missing, empty, broken, of another format, too large, or holds several pictures.
    """
    with readable(path, file) as image:
        image.load()
        return ImageOps.exif_transpose(image)


@contextmanager
def readable(path: str | Path, file: BinaryIO | None = None) -> Iterator[Image.Image]:
    """The image file, its header checked; what Pillow cannot read of it inside is an `InputError` too."""
    try:
        with Image.open(file or path, formats=FORMATS) as image:
            check_header(path, image)
            yield image
    except DECODE_ERRORS as error:
        if not file and not Path(path).is_file():
            line = "is missing or no file; put the image there or take it off the list"
        elif not file and Path(path).stat().st_size == 0:
            line = "is empty (0 bytes); replace it or move it elsewhere"
        else:
            message = "no image in " + ", ".join(FORMATS) if "cannot identify" in str(error) else str(error)
            line = (
                f"does not decode as an image ({' '.join(message.split())}); replace it or move it elsewhere"
            )
        raise InputError(f"{path}: {line}") from error


def check_header(path: str | Path, image: Image.Image) -> None:
    """Refuse, before decoding, more pixels than fit and files of several pictures."""
    width, height = image.size
    if width * height > MOST_PIXELS:
        raise InputError(
            f"{path}: has {width}×{height} pixels, more than {MOST_PIXELS // 10**6} million; scale it down"
        )
    frames = 1 if image.format in ("JPEG", "MPO") else getattr(image, "n_frames", 1)
    if frames > 1:
        raise InputError(f"{path}: holds {frames} pictures (animation or pages); save the one that is meant")


def read_rgb(path: str | Path, as_stored: bool = False) -> np.ndarray:
    """The image as uint8 [height, width, 3], upright, or `as_stored` without EXIF's turn.

    `InputError` names a file that `open_upright` refuses, or whose pixels have neither 8 nor 16 bits.
    """
    if not as_stored:
        return to_rgb(path, open_upright(path))
    with readable(path) as image:
        return to_rgb(path, image)


def no_longer(pixels: np.ndarray, longest: int) -> np.ndarray:
    """An image uint8 [h, w, 3], made smaller where its longest side has more than `longest` pixels."""
    size = pixels.shape[1::-1]
    if max(size) <= longest:
        return pixels
    smaller = tuple(max(1, round(side * longest / max(size))) for side in size)
    return np.asarray(Image.fromarray(pixels).resize(smaller, Image.Resampling.LANCZOS))


def to_rgb(path: str | Path, image: Image.Image) -> np.ndarray:
    """A decoded image's pixels as uint8 [height, width, 3]; `path` is its name in errors."""
    if image.mode in SIXTEEN_BIT_MODES:
        levels = (np.asarray(image).astype(np.uint32) + 128) // 257  # rounded: 65535 is 255
        return np.repeat(levels.astype(np.uint8)[..., None], 3, axis=2)
    if image.mode not in EIGHT_BIT_MODES:
        raise InputError(
            f"{path}: has pixels of mode {image.mode}, of 32 bits or fractions; save it with 8 or 16 bits"
        )
    if image.has_transparency_data:
        image = Image.alpha_composite(Image.new("RGBA", image.size, "white"), image.convert("RGBA"))
    return np.asarray(image.convert("RGB"))


def image_size(path: str | Path) -> tuple[int, int]:
    """Height and width, upright, from an image file's header."""
    with readable(path) as image:
        width, height = image.size
        sideways = image.format != "TIFF" and orientation(image) in TURNED_SIDEWAYS  # Pillow swaps TIFF's
    return (width, height) if sideways else (height, width)


def orientation(image: Image.Image) -> int:
    """EXIF's orientation, 1 (upright) to 8; 1 where the file says nothing that counts."""
    found = image.getexif().get(ExifTags.Base.Orientation, 1)
    return found if found in range(1, 9) else 1


def inspect(path: str | Path) -> Picture:
    """Decode an image; its content's hash is that of the RGB pixels: a copy in another format is equal."""
    pixels = read_rgb(path)
    with Image.open(path, formats=FORMATS) as image:
        turned, stored_size = orientation(image) != 1, image.size
    height, width = pixels.shape[:2]
    digest = hashlib.sha256(struct.pack("<2I", width, height) + pixels.tobytes())
    return Picture((width, height), stored_size, turned, digest.hexdigest())


def inspect_all(paths: Iterable[str | Path], threads: int = 4) -> list[Picture]:
    """`inspect` for many images in order (Pillow decodes outside the interpreter's lock)."""
    paths = list(paths)
    with ThreadPoolExecutor(threads) as pool:
        return list(tqdm(pool.map(inspect, paths), total=len(paths), desc="images", disable=None))
