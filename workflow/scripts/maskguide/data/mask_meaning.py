"""What the masks of a data set mean: worked out file by file, and read only where all agree.

Each file fits some of the meanings of `mask_fits`. The masks are read by the first that all files fit. Where
there is none, the line names two files that differ and what a person writes to say what is meant.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple, NoReturn

import numpy as np

from maskguide.data.label_masks import Reader, read_figure_colours
from maskguide.data.mask_files import Facts, decode, hexadecimal
from maskguide.data.mask_fits import (
    ALPHA,
    ANY,
    CUT_OUT,
    FIGURE,
    LABELS,
    LEVELS,
    NUMBERS,
    WHITE_OBJECT,
    Name,
    fits,
)
from maskguide.data.mask_values import Values
from maskguide.data.masks import IGNORE
from maskguide.system.files import InputError

HALF = 128  # from here on a smoothed edge is the object
LISTED = 6  # levels that a line names
MASK_LIKE = 0.7  # share of a mask's pixels close to its few values; less is a photograph


class Meaning(NamedTuple):
    """How masks are read: `read` makes labels uint8 [H, W], 0, 1..K and IGNORE for void; `words` say it.

    settled: whether a person or a publisher says it, so that nothing was worked out.
    """

    words: str
    read: Reader
    settled: bool = False


def agreed(facts: Sequence[Facts], classes: Sequence[str], values: Values | None, entry: str) -> Meaning:
    """The meaning of the masks that these are the facts of.

    values: what a person says of them, which counts first. entry: what a way out calls the place to say it.
    `InputError` where files contradict each other, or one fits nothing.
    """
    if values:
        return Meaning(values.words, values.read, settled=True)
    found = [set(fits(each, len(classes))) for each in facts]
    if all(those == {ANY} for those in found):
        return Meaning("nothing is marked", read_labels)
    strange = next((number for number, those in enumerate(found) if not those), None)
    if strange is not None:
        like = [each for each, those in zip(facts, found, strict=True) if those - {ANY}]
        refuse([facts[strange], *like[:1]], classes, entry, why(facts[strange], len(classes)))
    first = [ALPHA, WHITE_OBJECT, LABELS, FIGURE, NUMBERS, LEVELS]
    colours = sorted({name for those in found for name in those if isinstance(name, tuple)})
    name = next(
        (each for each in (*first, *colours) if all({each, ANY} & those for those in found)),
        None,
    )
    if name == FIGURE and not any(each.coloured or each.palette for each in facts):
        name = LEVELS  # black lines on white alone: nothing says which class they are
    if name is None:
        refuse(differing(facts, found), classes, entry)
    if name in (LABELS, NUMBERS, LEVELS):
        check_palettes(facts, classes, entry)
    return of_levels(facts, classes, entry) if name == LEVELS else of_name(name, classes, facts)


def of_name(name: Name, classes: Sequence[str], facts: Sequence[Facts]) -> Meaning:
    """A meaning that needs no other file to read one by."""
    first = classes[0]
    if name == FIGURE:
        words = f"white is background, black {first}, red {classes[1]}, as in the paper's Figure 1"
        return Meaning(words, read_figure_colours)
    if name == ALPHA:
        return Meaning(f"transparent is background, opaque {first}", read_alpha)
    if name == WHITE_OBJECT:
        return Meaning(f"black is background, white {first}; smoothed edges from {HALF} on", read_white)
    if isinstance(name, tuple):
        return Meaning(f"black is background, {hexadecimal(name)} {first}", read_colour)
    void = any(255 in each.marks and each.marks[-1] == 255 and each.mode != "1" for each in facts)
    beside = ", 255 void (neither), as VOC has it" if void else ""
    if name == LABELS:
        pairs = ", ".join(f"{number} {each}" for number, each in enumerate(classes, 1))
        return Meaning(f"0 is background, {pairs}{beside}", read_labels)
    numbers = sorted({level for each in facts for level in each.marks} - ({255} if void else set()))
    return Meaning(
        f"0 is background, every number above it {first} ({listed(numbers)}){beside}", read_numbers
    )


def of_levels(facts: Sequence[Facts], classes: Sequence[str], entry: str) -> Meaning:
    """K grey levels above 0 over all files: the k-th is the k-th class.

    Not where some are labels 1..K: then the others are mistakes, or void.
    """
    levels = sorted({level for each in facts for level in each.marks})
    if levels[0] <= len(classes) or len(levels) != len(classes):
        most = max(facts, key=lambda each: len(each.marks))
        others = [each for each in facts if set(each.marks) - set(most.marks)]
        wrong = f"not background and {len(classes)} classes"
        text = f"the masks hold the grey levels {listed([0, *levels])}: {wrong}"
        refuse([most, *others[:1]], classes, entry, text)
    keys = np.array([0, *levels])
    pairs = ", ".join(f"{level} {name}" for level, name in zip(levels, classes, strict=True))

    def read(path: str | Path) -> np.ndarray:
        return np.searchsorted(keys, decode(path).values).astype(np.uint8)

    return Meaning(f"0 is background, {pairs}", read)


def read_alpha(path: str | Path) -> np.ndarray:
    """1 where the file is opaque."""
    image = decode(path)
    if image.opaque is None:  # covered all over, or without any mark
        return read_colour(path)
    return image.opaque.astype(np.uint8)


def read_white(path: str | Path) -> np.ndarray:
    """1 where the file is white, half of it at an edge."""
    image = decode(path)
    values = image.values if image.palette is None else image.palette[image.values][..., 0]
    scale = 257 if values.max(initial=0) > 255 else 1
    return (values >= HALF * scale).astype(np.uint8)


def read_colour(path: str | Path) -> np.ndarray:
    """1 where the file is not black."""
    image = decode(path)
    values = image.values if image.palette is None else image.palette[image.values]
    return (values.any(axis=2) if values.ndim == 3 else values > 0).astype(np.uint8)


def read_labels(path: str | Path) -> np.ndarray:
    """The values themselves; 255 is IGNORE, and white of a black-and-white file 1."""
    image = decode(path)
    return (image.values > 0 if image.mode == "1" else image.values).astype(np.uint8)


def read_numbers(path: str | Path) -> np.ndarray:
    """1 where a number stands, IGNORE where 255 is the largest and no object's."""
    image = decode(path)
    labels = (image.values > 0).astype(np.uint8)
    if image.mode != "1" and image.values.max(initial=0) == 255:
        labels[image.values == 255] = IGNORE
    return labels


def check_palettes(facts: Sequence[Facts], classes: Sequence[str], entry: str) -> None:
    """Refuse palettes that give an index another colour, or a colour another index, than one before."""
    first: dict[tuple, tuple[object, Facts]] = {}
    for each in facts:
        colours = list((each.palette or {}).values())
        for index, colour in (each.palette or {}).items():
            said = {("of index", index): colour}
            if colours.count(colour) == 1:
                said["of colour", colour] = index
            for key, value in said.items():
                other, where = first.setdefault(key, (value, each))
                if other != value:
                    refuse([where, each], classes, entry)


def differing(facts: Sequence[Facts], found: Sequence[set[Name]]) -> list[Facts]:
    """Two files that share no meaning; where each two share one, the first and that which ends it."""
    marked = [(each, those) for each, those in zip(facts, found, strict=True) if ANY not in those]
    common = set(marked[0][1])
    for number, (each, those) in enumerate(marked):
        other = next((before for before, its in marked[:number] if not its & those), None)
        common &= those
        if other or not common:
            return [other or marked[0][0], each]
    raise AssertionError("all files share a meaning")


def why(facts: Facts, num_classes: int) -> str | None:
    """Why a file fits no meaning, where more is to be said than what it holds."""
    if facts.lossy and not facts.coloured and (num_classes > 1 or max(facts.counts) < HALF):
        return "is a JPEG, which blurs labels; save it as PNG"
    if is_photograph(facts):
        return "holds many colours or levels: a photograph?"
    return None


def is_photograph(facts: Facts) -> bool:
    """Whether no few values make up a file."""
    return len(facts.counts) > CUT_OUT and not facts.transparent and facts.main[1] < MASK_LIKE


def refuse(files: Sequence[Facts], classes: Sequence[str], entry: str, text: str | None = None) -> NoReturn:
    """Refuse the masks: the file, or two, what they hold, and what to write to say what it means."""
    first, *second = files
    said = text or first.words
    said += "".join(f", but {each.path} {each.words}" for each in second)
    if is_photograph(first):
        raise InputError(f"{first.path}: {said}; leave masks alone in the masks' folder")
    example = ", ".join(f"{value}: {name}" for value, name in proposed(files, classes).items())
    way_out = "redo them alike"
    if example:
        way_out += f", or say what is meant in {entry}: mask_values: {{{example}}}"
    raise InputError(f"{first.path}: {said}; {way_out}")


def proposed(files: Sequence[Facts], classes: Sequence[str]) -> dict[str, str]:
    """What an entry may say of the commonest values of these files; for a person to correct.

    Empty where black is an object in one file, cut out before transparent pixels, and background in another.
    """
    coloured = any(each.coloured or each.palette for each in files)
    ground = ["transparent"] if any(each.transparent for each in files) else []
    marked: list[str] = []
    for each in files:
        for value in sorted(each.counts) if len(each.counts) <= LISTED else each.main[0]:
            colour = value if isinstance(value, tuple) else (each.palette or {}).get(value, (value,) * 3)
            key = f"'{hexadecimal(colour)}'" if coloured and max(colour) < 256 else str(value)
            cut_out = each.transparent and len(each.counts) == 1
            (ground if key in ("0", "'#000000'") and not cut_out else marked).append(key)
    if set(ground) & set(marked):
        return {}
    return dict.fromkeys(ground, "background") | dict.fromkeys(marked, " or ".join(classes))


def listed(levels: Sequence[int]) -> str:
    """The first levels, and how many there are."""
    more = f", … ({len(levels)} of them)" if len(levels) > LISTED else ""
    return ", ".join(map(str, levels[:LISTED])) + more
