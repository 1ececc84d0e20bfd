"""What a mask's file holds, before anybody says what it means: levels, colours of a palette, transparency.

`decode` gives a file's values, `survey` the facts by which the files of a data set are compared.
"""

from __future__ import annotations

from collections.abc import Iterable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import NamedTuple

import numpy as np
from PIL import Image

from maskguide.data.pictures import EIGHT_BIT_MODES, SIXTEEN_BIT_MODES, open_upright, readable
from maskguide.system.files import InputError

Colour = tuple[int, int, int]

BLACK, WHITE = (0, 0, 0), (255, 255, 255)
OPAQUE = 128  # alpha from here on shows the pixel
NEAR = 64  # of 255 in each channel; compression and smoothed edges stray that far
CLOSE = 16  # how far most pixels of a smoothed area stray
MAIN = 4  # values of a smoothed file that are told apart
LEAST = 0.02  # share of its pixels that one of them has at least
SHOWN = 6  # levels or colours of a file that a line names
LOSSY = ("JPEG", "MPO")
TINTED = (*LOSSY, "WEBP")  # formats whose compression may tint a grey pixel
SPREAD = 24  # how far its channels then part
KEPT = 256  # colours of a file that are remembered; a photograph has many more


class Decoded(NamedTuple):
    """A mask's file, upright.

    values: levels or palette indices, int32 [H, W] in 0..65535 (black-and-white files: 0 and 255), or, of a
    coloured file, colours uint8 [H, W, 3]. palette: uint8 [256, 3], None where there is none or it is that
    of the greys. opaque: bool [H, W], None where no pixel is transparent.
    """

    mode: str
    values: np.ndarray
    palette: np.ndarray | None
    opaque: np.ndarray | None
    lossy: bool


@dataclass(frozen=True)
class Facts:
    """What is known of a file: its levels (or colours, where `coloured`) with the pixels of each.

    Transparent pixels are not among them, and of many colours only the commonest. inner: pixels of a level
    whose eight neighbours are of it too: an edge that was smoothed has none.
    """

    path: Path
    mode: str
    coloured: bool
    lossy: bool
    counts: dict[int | Colour, int]
    size: int  # pixels that are not transparent
    inner: dict[int, int] = field(default_factory=dict)
    palette: dict[int, Colour] | None = None
    alpha: bool = False  # has the channel
    transparent: bool = False  # has transparent pixels

    @cached_property
    def marks(self) -> list[int | Colour]:
        """The levels above 0, or the colours other than black, sorted."""
        return sorted(each for each in self.counts if each not in (0, BLACK))

    @property
    def empty(self) -> bool:
        """Whether nothing at all is marked, by whatever meaning."""
        return not self.marks and not self.transparent

    @cached_property
    def main(self) -> tuple[list[int | Colour], float]:
        """The values that a smoothed file was likely drawn with, and the share of pixels close to them."""
        common = sorted(self.counts, key=self.counts.get, reverse=True)[:KEPT]
        scale = 257 if not self.coloured and max(self.counts, default=0) > 255 else 1
        chosen: list[int | Colour] = []
        covered = 0
        for value in common:
            if len(chosen) == MAIN or any(distance(value, other) <= NEAR * scale for other in chosen):
                continue
            close = sum(self.counts[other] for other in common if distance(value, other) <= CLOSE * scale)
            if close >= LEAST * self.size:
                chosen.append(value)
                covered += close
        return sorted(chosen), covered / max(1, self.size)

    @property
    def shown(self) -> str:
        """The levels or colours as one reads them: "0, 255", or "0…255 (193)"."""
        found = sorted(self.counts)
        if self.coloured:
            listed = found if len(found) <= SHOWN else self.main[0]
            return ", ".join(map(hexadecimal, listed)) + (", …" if len(found) > SHOWN else "")
        if len(found) <= SHOWN:
            return ", ".join(map(str, found))
        return f"{found[0]}…{found[-1]} ({len(found)})"

    @property
    def words(self) -> str:
        """What the file holds, as a line says it."""
        if self.palette:
            pairs = [f"{index} {hexadecimal(self.palette[index])}" for index in sorted(self.palette)[:SHOWN]]
            said = f"holds the palette's {', '.join(pairs)}" + (", …" if len(self.palette) > SHOWN else "")
        else:
            said = f"holds the {'colours' if self.coloured else 'levels'} {self.shown}"
        if self.transparent:
            others = f"has transparent pixels; the others hold {self.shown}"
            said = others if self.counts else "is transparent"
        return said + (", blurred (JPEG)" if self.lossy and not self.empty else "")


def distance(one: int | Colour, other: int | Colour) -> int:
    """How far two levels, or the channels of two colours, are apart at most."""
    if isinstance(one, int):
        return abs(one - other)
    return max(abs(mine - its) for mine, its in zip(one, other, strict=True))


def decode(path: str | Path) -> Decoded:
    """Decode a mask's file; `InputError` names one that does not decode, or that holds fractions."""
    image = open_upright(path)
    with readable(path) as file:
        lossy, tinted = file.format in LOSSY, file.format in TINTED
    mode, opaque = image.mode, None
    if image.has_transparency_data:
        alpha = np.asarray(image.convert("RGBA"))[..., 3]
        opaque = alpha >= OPAQUE if (alpha < OPAQUE).any() else None
    if mode == "P":
        palette = np.zeros((256, 3), np.uint8)
        given = np.array(image.getpalette("RGB"), np.uint8).reshape(-1, 3)
        palette[: len(given)] = given
        values = np.asarray(image).astype(np.int32)
        greys = (palette[values] == values[..., None]).all()  # each index has its own grey: no palette at all
        return Decoded(mode, values, None if greys else palette, opaque, lossy)
    if mode == "1":
        return Decoded(mode, np.asarray(image).astype(np.int32) * 255, None, opaque, lossy)
    if mode in ("I", "F", *SIXTEEN_BIT_MODES):
        return Decoded(mode, whole_levels(path, image), None, opaque, lossy)
    if mode not in EIGHT_BIT_MODES:
        raise InputError(f"{path}: has pixels of mode {mode}; save the mask as 8-bit grey")
    if mode in ("L", "LA"):
        grey = image if mode == "L" else image.getchannel("L")
        return Decoded(mode, np.asarray(grey).astype(np.int32), None, opaque, lossy)
    pixels = np.asarray(image.convert("RGB"))
    shown = pixels if opaque is None else pixels[opaque]
    spread = int(np.ptp(shown, axis=-1).max(initial=0))
    if spread <= (SPREAD if tinted else 0):
        return Decoded(mode, pixels[..., 0].astype(np.int32), None, opaque, lossy)
    return Decoded(mode, pixels, None, opaque, lossy)


def whole_levels(path: str | Path, image: Image.Image) -> np.ndarray:
    """The levels of a file of 16 or 32 bits, int32; `InputError` for fractions and above 65535."""
    levels = np.asarray(image)
    found = levels.astype(np.int32)
    if (found != levels).any() or found.min(initial=0) < 0 or found.max(initial=0) > 65535:
        raise InputError(f"{path}: holds fractions, or levels outside 0..65535; save the mask with 8 bits")
    return found


def survey(path: str | Path) -> Facts:
    """The facts of one file."""
    image = decode(path)
    coloured = image.values.ndim == 3
    shown = image.values if image.opaque is None else image.values[image.opaque]
    if coloured:
        codes, numbers = np.unique(packed(shown), return_counts=True)
        common = np.argsort(-numbers, kind="stable")[:KEPT]
        codes, numbers = codes[common], numbers[common]
        keys = [(code >> 16, code >> 8 & 255, code & 255) for code in codes.tolist()]
    else:
        codes, numbers = np.unique(shown, return_counts=True)
        keys = codes.tolist()
    counts = dict(zip(keys, numbers.tolist(), strict=True))
    palette = None
    if image.palette is not None:
        palette = {index: tuple(image.palette[index].tolist()) for index in counts}
    return Facts(
        *(Path(path), image.mode, coloured, image.lossy, counts, len(shown) if coloured else shown.size),
        inner={} if coloured else inner(image.values),
        palette=palette,
        alpha=image.mode in ("LA", "PA", "RGBA") or image.opaque is not None,
        transparent=image.opaque is not None,
    )


def survey_all(paths: Iterable[str | Path], threads: int = 4) -> list[Facts]:
    """`survey` for many files in order (Pillow decodes outside the interpreter's lock)."""
    with ThreadPoolExecutor(threads) as pool:
        return list(pool.map(survey, paths))


def packed(colours: np.ndarray) -> np.ndarray:
    """Colours uint8 [..., 3] as one number each, int32 [...]."""
    wide = colours.astype(np.int32)
    return wide[..., 0] << 16 | wide[..., 1] << 8 | wide[..., 2]


def inner(values: np.ndarray) -> dict[int, int]:
    """Of each level of int32 [H, W] the pixels whose eight neighbours are of it too, where there are any."""
    height, width = values.shape
    if min(height, width) < 3:
        return {}
    centre = values[1:-1, 1:-1]
    alike = np.ones(centre.shape, bool)
    for row in range(3):
        for column in range(3):
            alike &= values[row : row + height - 2, column : column + width - 2] == centre
    levels, numbers = np.unique(centre[alike], return_counts=True)
    return dict(zip(levels.tolist(), numbers.tolist(), strict=True))


def hexadecimal(colour: Iterable[int]) -> str:
    """A colour as #rrggbb."""
    return "#" + "".join(f"{channel:02x}" for channel in colour)
