"""What a person says that a mask's values mean: `mask_values: {0: background, 255: leaf}`, `void: [254]`.

Keys are grey levels or indices of a palette; where one of them is a colour, "#ff0000" or "255,0,0", all are
read as colours and a level stands for its grey. `transparent` and `opaque` are keys too.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from maskguide.data.mask_files import NEAR, Colour, Decoded, decode, hexadecimal, packed
from maskguide.data.masks import BACKGROUND, IGNORE
from maskguide.plan.config_check import way_out
from maskguide.system.files import InputError

VOID = "void"
TRANSPARENT, OPAQUE = "transparent", "opaque"
HEX = re.compile(r"#([0-9a-fA-F]{2})([0-9a-fA-F]{2})([0-9a-fA-F]{2})")
TRIPLE = re.compile(r"[\[(]?\s*(\d{1,3})\s*[,; ]\s*(\d{1,3})\s*[,; ]\s*(\d{1,3})\s*[\])]?")
MANY = 8  # levels or colours from which on a file counts as smoothed, not as drawn with wrong values
STRAY_PIXELS = 0.05  # share of pixels of a smoothed file that may lie beyond it


@dataclass(frozen=True)
class Values:
    """The labels of values: 0 background, 1..K mask classes, IGNORE void.

    levels: of grey levels and palette indices. colours: of colours; where there is any, levels are greys
    among them. transparent, opaque: of such pixels, None where nothing is said.
    """

    levels: Mapping[int, int]
    colours: Mapping[Colour, int]
    transparent: int | None
    opaque: int | None
    words: str

    def read(self, path: str | Path) -> np.ndarray:
        """A mask's labels, uint8 [H, W]; `InputError` names a value that nothing is said of."""
        image = decode(path)
        if image.opaque is not None and self.transparent is None:
            name = f"mask_values: {{{TRANSPARENT}: {BACKGROUND}}}"
            raise InputError(f"{path}: has transparent pixels; say what they are, as by {name}")
        if self.opaque is not None:
            labels = np.full(image.values.shape[:2], self.opaque, np.uint8)
        else:
            labels = self._of_values(path, image)
        if image.opaque is not None:
            labels[~image.opaque] = self.transparent
        return labels

    def _of_values(self, path: str | Path, image: Decoded) -> np.ndarray:
        values, known = image.values, self.levels
        if image.mode == "1" and 255 not in known and 1 in known:
            values = values // 255  # black-and-white files have one bit, which either is the name of
        if self.colours:
            known = {int(packed(np.array(colour, np.uint8))): label for colour, label in self.colours.items()}
            values = packed(as_colours(path, image))
        elif values.ndim == 3:
            raise InputError(f"{path}: is coloured; name its colours in mask_values, as by '#ff0000': leaf")
        keys = np.array(sorted(known))
        labels = np.array([known[key] for key in keys.tolist()], np.uint8)
        place = np.searchsorted(keys, values).clip(max=len(keys) - 1)
        strange = keys[place] != values
        if image.opaque is not None:
            strange &= image.opaque
        found = labels[place]
        if strange.any():
            found[strange] = self._nearest(path, image, values[strange], keys, labels, values.size)
        return found

    def _nearest(
        self,
        path: str | Path,
        image: Decoded,
        values: np.ndarray,
        keys: np.ndarray,
        labels: np.ndarray,
        size: int,
    ) -> np.ndarray:
        """The labels of values that are not among the keys: the nearest one's, in a smoothed file alone."""
        different = np.unique(values)
        if image.palette is None and (image.lossy or len(different) > MANY):
            parts = [keys >> 16, keys >> 8 & 255, keys & 255] if self.colours else [keys]
            known = np.stack(parts, axis=-1)
            own = [different >> 16, different >> 8 & 255, different & 255] if self.colours else [different]
            apart = np.abs(np.stack(own, axis=-1)[:, None] - known)  # [different, keys, channels]
            far = apart.max(axis=2).min(axis=1) > NEAR
            place = np.searchsorted(different, values)
            if far[place].sum() <= STRAY_PIXELS * size:
                return labels[apart.sum(axis=2).argmin(axis=1)][place]
        first = different[0] if not self.colours else hexadecimal(np.array(split(int(different[0]))))
        raise InputError(
            f"{path}: holds {first} in {(values == different[0]).sum()} pixels, of which mask_values says "
            f"nothing; add it there, or to {VOID}"
        )


def split(code: int) -> Colour:
    """A packed colour's channels."""
    return code >> 16, code >> 8 & 255, code & 255


def as_colours(path: str | Path, image: Decoded) -> np.ndarray:
    """A file's pixels as colours, uint8 [H, W, 3]."""
    if image.palette is not None:
        return image.palette[image.values]
    if image.values.ndim == 3:
        return image.values
    if image.values.max(initial=0) > 255:
        raise InputError(f"{path}: has 16 bits and mask_values names colours; save it with 8 bits")
    return np.repeat(image.values.astype(np.uint8)[..., None], 3, axis=2)


def given(said: Mapping | None, void: Sequence | None, classes: Sequence[str], place: str) -> Values | None:
    """What `mask_values` and `void` of a data set's entry say; None where they say nothing.

    place: what an `InputError` calls the entry. It names a value that is none, a class that is unknown and
    one that is never named.
    """
    if not said and not void:
        return None
    if not said:
        raise InputError(f"{place}: {VOID} without mask_values; say there what the other values mean")
    numbers = {BACKGROUND: 0, VOID: IGNORE, **{name: 1 + each for each, name in enumerate(classes)}}
    named = [(key, name) for key, name in said.items()] + [(key, VOID) for key in void or ()]
    levels: dict[int, int] = {}
    colours: dict[Colour, int] = {}
    alpha: dict[str, int] = {}
    for key, name in named:
        if name not in numbers:
            raise InputError(f"{place}: mask_values: '{name}' is no mask class; {way_out(name, numbers)}")
        value = parsed(key, place)
        into = alpha if isinstance(value, str) else colours if isinstance(value, tuple) else levels
        if into.setdefault(value, numbers[name]) != numbers[name]:
            raise InputError(f"{place}: mask_values and {VOID} name {key} twice; leave one of them out")
    absent = [name for name in classes if name not in said.values()]
    if absent:
        raise InputError(f"{place}: mask_values names no value for {absent[0]}; add it")
    if colours:
        colours |= {(level, level, level): label for level, label in levels.items() if level < 256}
    if OPAQUE in alpha and (levels or colours or TRANSPARENT not in alpha):
        raise InputError(f"{place}: mask_values: {OPAQUE} stands beside {TRANSPARENT} alone; name no levels")
    words = ", ".join(f"{key} {name}" for key, name in named)
    return Values(levels, colours, alpha.get(TRANSPARENT), alpha.get(OPAQUE), f"mask_values: {words}")


def parsed(key: object, place: str) -> int | Colour | str:
    """A key of mask_values: a level, a colour, or what stands for transparency."""
    text = str(key).strip()
    if text in (TRANSPARENT, OPAQUE):
        return text
    if text.isdecimal() and int(text) <= 65535:
        return int(text)
    if found := HEX.fullmatch(text):
        return tuple(int(part, 16) for part in found.groups())
    if (found := TRIPLE.fullmatch(text)) and all(int(part) <= 255 for part in found.groups()):
        return tuple(int(part) for part in found.groups())
    raise InputError(f"{place}: mask_values: {text} is no value; give a level (0 to 65535) or '#rrggbb'")
