"""What a folder of images holds, in lines for a person who begins: before any config is written."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Sequence
from pathlib import Path

import numpy as np
from PIL import Image

from maskguide.data import mask_files, mask_meaning
from maskguide.data.layout_files import Entry
from maskguide.data.pictures import Picture, open_upright, read_rgb
from maskguide.data.splits import LIKELY_GROUP
from maskguide.system.files import InputError

CLOSE = 4  # of 64 bits of `fingerprint`: two photographs of one thing at once, or one saved anew
MOST_CLASSES = 5  # of masks that mean classes by their grey levels
PLACE = "datasets.mine"  # where a config may say what masks mean
LISTED = 3  # of things that a line names before "and N more"


def listed(names: Sequence[str], most: int = LISTED) -> str:
    more = f" and {len(names) - most} more" if len(names) > most else ""
    return ", ".join(names[:most]) + more


def of_classes(entries: Sequence[Entry]) -> str:
    """How many images each class has, the smallest classes first."""
    counted = sorted(
        Counter(entry.class_name for entry in entries).items(), key=lambda item: (item[1], item[0])
    )
    return f"{len(counted)}: " + listed([f"{name} {count}" for name, count in counted], 12)


def of_sizes(pictures: Sequence[Picture]) -> str:
    """The smallest and the largest size, and how many there are."""
    sizes = sorted({each.size for each in pictures}, key=lambda size: (size[0] * size[1], size))
    shown = [f"{width}×{height}" for width, height in sizes]
    return shown[0] if len(shown) == 1 else f"{len(shown)} sizes, {shown[0]} to {shown[-1]}"


def of_parts(entries: Sequence[Entry]) -> str:
    counted = Counter(entry.split for entry in entries)
    if not counted["train"]:
        return "none in the folders; one is drawn"
    return f"the folders': {counted['train']} training and {counted['test']} test images"


def duplicates(entries: Sequence[Entry], pictures: Sequence[Picture]) -> list[tuple[Entry, Entry]]:
    """Each image whose pixels are those of one before it, with that one."""
    first: dict[str, Entry] = {}
    pairs = [
        (first.setdefault(each.content, entry), entry) for entry, each in zip(entries, pictures, strict=True)
    ]
    return [pair for pair in pairs if pair[0] is not pair[1]]


def fingerprint(path: str | Path) -> np.uint64:
    """64 bits: where an image of 9×8 grey pixels gets brighter from left to right (a difference hash)."""
    grey = np.asarray(Image.fromarray(read_rgb(path)).convert("L").resize((9, 8)), dtype=np.int16)
    return np.packbits(grey[:, 1:] > grey[:, :-1]).view(np.uint64)[0]


def near_duplicates(entries: Sequence[Entry], contents: Sequence[str]) -> list[tuple[Entry, Entry]]:
    """Pairs of images of two classes that look alike: `CLOSE` bits of their fingerprints apart, or fewer."""
    prints = np.array([fingerprint(entry.path) for entry in entries], dtype=np.uint64)
    found = []
    for one, bits in enumerate(prints):
        for other in one + 1 + np.flatnonzero(np.bitwise_count(prints[one + 1 :] ^ bits) <= CLOSE):
            apart = entries[one].class_name != entries[other].class_name
            if apart and contents[one] != contents[other]:
                found.append((entries[one], entries[other]))
    return found


def of_pairs(pairs: Sequence[tuple[Entry, Entry]]) -> str:
    return listed([f"{one.path} = {other.path}" for one, other in pairs]) if pairs else "none"


def groups(entries: Sequence[Entry]) -> dict[str, int]:
    """Images by what most of their names share (CRE1 of CRE1_a, CRE1_b); {} where names do not look so."""
    matches = [(entry, re.match(LIKELY_GROUP, entry.path.name)) for entry in entries]
    counted = Counter((entry.class_name, match[1]) for entry, match in matches if match)
    several = {key: count for key, count in counted.items() if count > 1}
    per_class = Counter(name for name, _ in counted)
    spread = all(per_class[entry.class_name] > 1 for entry in entries)
    alike = 2 * sum(several.values()) >= len(entries) and all(match for _, match in matches)
    return {f"{name}/{group}": count for (name, group), count in counted.items()} if alike and spread else {}


def classes_in_names(entries: Sequence[Entry]) -> dict[str, int]:
    """Classes that the first letters of file names may mean, each of two images at least."""
    starts = (re.match(r"[^\W\d_]+", entry.path.stem) for entry in entries)
    counted = Counter(match[0] for match in starts if match)
    return dict(counted) if len(counted) > 1 and min(counted.values()) > 1 else {}


def mask_classes(entries: Sequence[Entry]) -> tuple[list[str], str]:
    """Names for the classes that the masks hold, and what their values mean, as the index reads them.

    As many as there are grey levels but one, where all masks fit that, else one; [] without masks.
    `InputError` where they fit neither.
    """
    facts = mask_files.survey_all(entry.mask for entry in entries if entry.mask)
    if not facts:
        return [], ""
    levels = {level for each in facts for level in each.marks} - {0, 255}
    several = [f"part{number}" for number in range(1, len(levels) + 1)]
    if 1 < len(levels) <= MOST_CLASSES:
        try:
            return several, mask_meaning.agreed(facts, several, None, PLACE).words
        except InputError:
            pass  # one object by several numbers, perhaps
    return ["object"], mask_meaning.agreed(facts, ["object"], None, PLACE).words


def of_masks(entries: Sequence[Entry]) -> str:
    """How many images have masks, which values these hold, and the least and most that they cover."""
    masked = [entry for entry in entries if entry.mask]
    if not masked:
        return "none"
    levels: set[int] = set()
    covered = []
    for entry in masked:
        pixels = np.asarray(open_upright(entry.mask).convert("L"))
        levels |= set(np.unique(pixels).tolist())
        covered.append(((pixels > 0).mean(), entry.mask))
    least, most = min(covered), max(covered)
    values = listed([str(level) for level in sorted(levels)], 8)
    return (
        f"{len(masked)} of {len(entries)} images, grey levels {values}; not 0 are {least[0]:.0%} "
        f"({least[1]}) to {most[0]:.0%} ({most[1]}) of the pixels"
    )
