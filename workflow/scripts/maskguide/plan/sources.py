"""Whose masks: where they come from, and the twins made of them to ask what the masks' places are worth.

The folder of masks and the value in a config have the same name. A twin without a word before it is of the
segmenter's masks.
"""

from __future__ import annotations

import re
from dataclasses import dataclass

SEGMENTER, TRUTH, AUTO, DETECTOR = "segmenter", "truth", "auto", "detector"
OUTLINE, SILHOUETTE = "outline", "silhouette"  # of the whole object, where mask classes are parts of it
RECTANGLES = "rectangles"  # no masks at all
TWINS = {
    "shuffled": "masks of other images",
    "elsewhere": "own masks, mirrored and moved to another place",
    "eroded": "own masks, made smaller",
    "dilated": "own masks, made larger",
    "boxes": "boxes instead of outlines",
    "thirds": "every third mask missing",
}


@dataclass(frozen=True)
class Source:
    """base: whose masks. twin: what is made of them, "" nothing."""

    base: str
    twin: str = ""

    @property
    def name(self) -> str:
        return "-".join(
            filter(None, [self.base if not self.twin or self.base != SEGMENTER else "", self.twin])
        )


KNOWN = {
    each.name: each
    for base in (SEGMENTER, TRUTH, AUTO, OUTLINE, SILHOUETTE)
    for each in (Source(base), *(Source(base, twin) for twin in TWINS))
}
MADE = [name for name, each in KNOWN.items() if name != SEGMENTER]  # by make_masks.py
GUIDES = [name for name, each in KNOWN.items() if each.base not in (OUTLINE, SILHOUETTE)]
OBJECTS = [*GUIDES, DETECTOR, RECTANGLES]


FEWER = r"-n\d+"  # after the segmenter's name and in its folders: it learned from another number of images


def fewer(count: int | str) -> str:
    """What tells a segmenter that learned from so many images from the one that is configured."""
    return f"-n{count}"


def fewer_of(name: str) -> str:
    """The same of the name of its masks; "" of all others."""
    found = re.fullmatch(f"{SEGMENTER}({FEWER})", name)
    return found[1] if found else ""


def base_of(name: str | None) -> str | None:
    """Whose masks those of a source are."""
    if name and fewer_of(name):
        return SEGMENTER
    return KNOWN[name].base if name in KNOWN else name


def twin_of(name: str | None) -> str:
    """What is made of a source's masks, "" nothing."""
    return KNOWN[name].twin if name in KNOWN else ""


def of_parts(name: str, outlined: bool) -> str | None:
    """What shows the whole object, on a data set whose mask classes are parts of it such as veins.

    The outlines that came with the images instead of masks of parts, of which the segmenter and the truth
    know no more; image processing finds the silhouette. None where there is no outline.
    """
    source = KNOWN.get(name)
    if source is None:
        return name
    if source.base == AUTO:
        return Source(SILHOUETTE, source.twin).name
    return Source(OUTLINE, source.twin).name if outlined else None
