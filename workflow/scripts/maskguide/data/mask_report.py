"""What was read of each mask, as a table for a person to check, and a warning where they look inverted."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import NamedTuple

import numpy as np
import pandas as pd

from maskguide.data.mask_files import Facts
from maskguide.data.masks import IGNORE
from maskguide.system.cli import log
from maskguide.system.files import InputError

COLUMNS = ["image_id", "mask", "mode", "levels", "meaning", "covered", "border", "void"]
MOST = 0.5  # of the border; of the masks
ALL_OF_IT, HARDLY = 0.9, 0.1  # of the border
NOT_ALL = 0.999  # of an image: above, nothing is left out
SEVERAL, SOME = 2, 0.1  # masks, and their share, that are no chance


class Shares(NamedTuple):
    """Of a label mask: the marked share of its pixels and of its outermost ring, and that of void."""

    covered: float
    border: float
    void: float


def shares(labels: np.ndarray) -> Shares:
    """Of labels uint8 [H, W], IGNORE being void; all in 0…1."""
    marked = (labels > 0) & (labels != IGNORE)
    ring = np.concatenate([marked[0], marked[-1], marked[1:-1, 0], marked[1:-1, -1]])
    return Shares(marked.mean(), ring.mean(), (labels == IGNORE).mean())


def table(
    masks: Mapping[str, tuple[Path, Shares]], facts: Mapping[Path, Facts], meaning: str
) -> pd.DataFrame:
    """A row per mask (image_id → its file and shares), sorted by image_id; the columns are `COLUMNS`.

    mask: the file as published. levels: the grey levels, indices or colours that it holds.
    """
    rows = [
        (image_id, path.as_posix(), facts[path].mode, facts[path].shown, meaning, *map(rounded, each))
        for image_id, (path, each) in sorted(masks.items())
    ]
    return pd.DataFrame(rows, columns=COLUMNS)


def rounded(share: float) -> float:
    """A share to one hundredth of a percent."""
    return round(float(share), 4)


def check_borders(report: pd.DataFrame, dataset: str, settled: bool, entry: str) -> None:
    """Say where masks mark most of the border, as an object seldom does: all inverted, or some of them.

    Where several mark nearly all of it around a hole, and others hardly any, `InputError` names two, unless
    what values mean is `settled`. entry: what the way out calls the place to say so.
    """
    marked = report[report["covered"] > 0]
    over, inside = marked[marked["border"] >= MOST], marked[marked["border"] <= HARDLY]
    holed = marked[(marked["border"] >= ALL_OF_IT) & marked["covered"].between(MOST, NOT_ALL)]
    both = f"{len(holed)} of {len(marked)} masks mark the whole border around a hole, and others, such as"
    if not settled and len(inside) and len(holed) >= max(SEVERAL, SOME * len(marked)):
        raise InputError(
            f"{holed['mask'].iloc[0]}: {both} {inside['mask'].iloc[0]}, hardly any of it: some are inverted; "
            f"redo them alike, or, if all are right, say so in {entry} with mask_values"
        )
    if len(over) > MOST * len(marked):
        log.warning(
            "%s: %d of %d masks mark most of their image's border, %s first: are they inverted? look at the "
            "report of the masks; if they are, say with mask_values which value is background",
            *(dataset, len(over), len(marked), over["mask"].iloc[0]),
        )
    elif len(over) and len(inside):
        log.warning(
            "%s: %d of %d masks mark most of their image's border, %s first, and others, such as %s, hardly "
            "any of it: are some inverted? look at the report of the masks",
            *(dataset, len(over), len(marked), over["mask"].iloc[0], inside["mask"].iloc[0]),
        )
