"""Open an image file once: does it decode, how large is it upright, what is its content's hash."""

from __future__ import annotations

import hashlib
import struct
import zlib
from collections.abc import Iterable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from PIL import ExifTags, Image, ImageOps
from tqdm import tqdm

from maskguide.files import InputError

EIGHT_BIT_MODES = {"1", "L", "LA", "P", "PA", "RGB", "RGBA", "RGBX", "CMYK", "YCbCr", "HSV", "LAB"}
# What Pillow raises, beside OSError, on files that are cut, garbled or absurdly large.
DECODE_ERRORS = (OSError, SyntaxError, ValueError, struct.error, zlib.error, Image.DecompressionBombError)


@dataclass
class Picture:
    """What `inspect` finds out: size (width, height) upright; `turned` where EXIF asks for a turn or flip."""

    size: tuple[int, int]
    stored_size: tuple[int, int]
    turned: bool
    content: str


def open_upright(path: str | Path) -> Image.Image:
    """The decoded image as a viewer shows it: EXIF orientation applied; `InputError` names a broken file."""
    try:
        with Image.open(path) as image:
            image.load()
            return ImageOps.exif_transpose(image)
    except DECODE_ERRORS as error:
        message = " ".join(str(error).split())
        raise InputError(f"{path}: does not decode as an image ({message}); replace or remove it") from error


def read_rgb(path: str | Path) -> np.ndarray:
    """The upright image as uint8 [height, width, 3]; images of more than 8 bits a channel are refused."""
    image = open_upright(path)
    if image.mode not in EIGHT_BIT_MODES:
        raise InputError(f"{path}: has pixels of mode {image.mode}; save it with 8 bits per channel")
    return np.asarray(image.convert("RGB"))


def inspect(path: str | Path) -> Picture:
    """Decode an image; its content's hash is that of the RGB pixels: a copy in another format is equal."""
    pixels = read_rgb(path)
    with Image.open(path) as image:
        turned = image.getexif().get(ExifTags.Base.Orientation, 1) not in (0, 1)
        stored_size = image.size
    height, width = pixels.shape[:2]
    digest = hashlib.sha256(struct.pack("<2I", width, height))
    digest.update(pixels.tobytes())
    return Picture((width, height), stored_size, turned, digest.hexdigest())


def inspect_all(paths: Iterable[str | Path], threads: int = 4) -> list[Picture]:
    """`inspect` for many images in order (Pillow decodes outside the interpreter's lock)."""
    paths = list(paths)
    with ThreadPoolExecutor(threads) as pool:
        return list(tqdm(pool.map(inspect, paths), total=len(paths), desc="images", disable=None))
