"""Which meanings one mask's file fits, by what `mask_files.survey` found in it."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from maskguide.data.label_masks import COLOUR_TOLERANCE, read_figure_colours
from maskguide.data.mask_files import BLACK, WHITE, Colour, Facts
from maskguide.system.files import InputError

ALPHA = "alpha"  # what is opaque is the object
LABELS = "labels"  # 0, 1..K, and 255 for void
WHITE_OBJECT = "white"  # black and white, edges smoothed or not
NUMBERS = "numbers"  # each object has a number of its own
FIGURE = "figure"  # the paper's Figure 1
LEVELS = "levels"  # K grey levels in ascending order
ANY = "any"  # nothing is marked, which fits all
Name = str | Colour  # a colour: it alone is the object, on black

ENDS = 32  # how far from black and white noise and compression stray
BLURRED = 0.25  # share of a smoothed mask's pixels that may lie between them
FLAT = 0.002  # share that may lie in flat areas there, as no edge does
FEW = 8  # levels of a file up to which it is drawn in labels, not smoothed
ALL_FLAT = 0.9  # share of a file's levels; above, more of them are labels too
VOID_BESIDE = 64  # 255 is void beside levels below this one, as VOC's labels are
CUT_OUT = 16  # colours from which on what is not transparent is a photograph


def fits(facts: Facts, num_classes: int) -> Iterator[Name]:
    """The meanings that one file fits; none where it contradicts all of them."""
    if facts.empty:
        yield ANY
    elif facts.transparent:
        if num_classes == 1 and not 1 < len(facts.counts) <= CUT_OUT:
            yield ALPHA
    elif facts.coloured:
        if num_classes == 2 and is_figure(facts.path):
            yield FIGURE
        if num_classes == 1 and len(facts.marks) == 1 and len(facts.counts) <= 2:
            yield facts.marks[0]
    elif num_classes == 1:
        yield from fits_one_class(facts)
    elif num_classes == 2 and is_mostly_white(facts) and is_figure(facts.path):
        yield FIGURE
        if facts.palette is None:  # else its colours were counted, and its indices mean nothing
            yield LEVELS
    else:
        if facts.mode != "1" and is_labels(facts, num_classes):
            yield LABELS
        if is_drawn(facts) and len(facts.marks) <= num_classes and facts.marks[-1] < 256:
            yield LEVELS


def fits_one_class(facts: Facts) -> Iterator[Name]:
    """The meanings that a grey, palette or black-and-white file of one mask class fits."""
    if facts.alpha and len(facts.counts) == 1:
        yield ALPHA  # opaque all over
    if facts.palette:
        colours = set(facts.palette.values())
        if BLACK in colours and len(colours) > 1 and facts.palette.get(0) != BLACK:
            return  # by its colours it means one thing, by its indices another
        objects = {facts.palette[index] for index in facts.marks}
        if len(objects) == 1 and facts.palette.get(0, BLACK) == BLACK:
            yield WHITE_OBJECT if objects == {WHITE} else objects.pop()
    elif is_white(facts):
        yield WHITE_OBJECT
    if facts.mode == "1":
        yield from (LABELS, NUMBERS)
        return
    if is_labels(facts, 1):
        yield LABELS
    if is_drawn(facts):
        others = [level for level in facts.marks if level != 255]
        small = others and others[-1] < VOID_BESIDE and is_flat(facts, others)
        if facts.marks[-1] != 255 or small:
            yield NUMBERS


def is_flat(facts: Facts, levels: list[int]) -> bool:
    """Whether any of these levels covers an area, not only edges and single pixels."""
    return any(level in facts.inner for level in levels)


def is_drawn(facts: Facts) -> bool:
    """Whether a file's levels are areas, as labels and numbers are, and no smoothed edges."""
    flat = sum(level in facts.inner for level in facts.marks)
    return not facts.lossy and (len(facts.marks) <= FEW or 2 * flat >= len(facts.marks))


def is_labels(facts: Facts, num_classes: int) -> bool:
    """Whether a file holds labels 0..K, 255 being void beside them."""
    labels = [level for level in facts.marks if level <= num_classes]
    others = [level for level in facts.marks if level > num_classes]
    if facts.lossy or not labels:
        return False
    return not others or (others == [255] and is_flat(facts, labels))


def is_white(facts: Facts) -> bool:
    """Whether a grey file is black and white but for smoothed edges and what compression leaves."""
    scale, size = (257 if max(facts.counts) > 255 else 1), sum(facts.counts.values())
    between = [level for level in facts.counts if ENDS < level / scale < 255 - ENDS]
    if max(facts.counts) < (255 - ENDS) * scale or sum(map(facts.counts.get, between)) > BLURRED * size:
        return False
    if sum(facts.inner.get(level, 0) for level in between) > FLAT * size:
        return False
    dark = [level for level in facts.marks if level / scale <= ENDS]
    flat = sum(level in facts.inner for level in facts.marks)
    labels = len(facts.marks) <= FEW or flat > ALL_FLAT * len(facts.marks)  # as VOC's, with 255 around them
    return facts.lossy or not (labels and is_flat(facts, dark))


def is_mostly_white(facts: Facts) -> bool:
    """Whether more than half of a grey or palette file is white: the ground that a drawing is on."""
    levels = facts.palette or {level: (level,) * 3 for level in facts.counts}
    white = [level for level, colour in levels.items() if 255 - COLOUR_TOLERANCE < min(colour) < 256]
    return 2 * sum(facts.counts[level] for level in white) > sum(facts.counts.values())


def is_figure(path: Path) -> bool:
    """Whether a file is drawn in the colours of the paper's Figure 1, mostly in white."""
    try:
        labels = read_figure_colours(path)
    except InputError:
        return False
    return bool(2 * (labels == 0).sum() > labels.size)
