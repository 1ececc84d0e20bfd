"""Averages of masks over cells of a crop, exact and at four reads each, by summed-area tables."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

Spans = tuple[np.ndarray, np.ndarray]  # begin and end of each cell along a side, int [cells], in pixels


class Rectangle(NamedTuple):
    """Rows top … top + height − 1, columns left … left + width − 1, in pixels; may exceed the image."""

    top: int
    left: int
    height: int
    width: int


def summed_area_table(mask: np.ndarray, dtype: type) -> np.ndarray:
    """S [h+1, w+1] of a mask [h, w]: S[i, j] is the sum over rows < i and columns < j."""
    table = np.zeros((mask.shape[0] + 1, mask.shape[1] + 1), dtype=dtype)
    table[1:, 1:] = mask.cumsum(axis=0, dtype=dtype).cumsum(axis=1, dtype=dtype)
    return table


def pooled(
    table: np.ndarray,
    window: Rectangle,
    spans: tuple[Spans, Spans],
    flip: bool = False,
    erased: Rectangle | None = None,
) -> np.ndarray:
    """A mask's averages over cells of a window, by its table [h+1, w+1]: see `MaskStore.pool`."""
    (tops, bottoms), (lefts, rights) = spans
    areas = np.outer(bottoms - tops, rights - lefts)
    if flip:  # work in the unflipped window
        lefts, rights = window.width - rights, window.width - lefts
        erased = erased and erased._replace(left=window.width - erased.left - erased.width)
    edges = tops, bottoms, lefts, rights
    sums = window_sums(table, window, *edges)
    if erased is not None:
        clipped = [np.clip(each, erased.top, erased.top + erased.height) for each in (tops, bottoms)]
        clipped += [np.clip(each, erased.left, erased.left + erased.width) for each in (lefts, rights)]
        sums = sums - window_sums(table, window, *clipped)
    return (sums / (255.0 * areas)).astype(np.float32)


def cells(length: int, count: int) -> Spans:
    """Begin and end of each of `count` pooling cells of a side: ⌊i·length/count⌋ and ⌈(i+1)·length/count⌉."""
    i = np.arange(count)
    return i * length // count, -(-(i + 1) * length // count)


def window_sums(table: np.ndarray, window: Rectangle, *edges: np.ndarray) -> np.ndarray:
    """Mask sums over all pairs of row span and column span in window coordinates; zero beyond the image.

    edges: tops and bottoms of the row spans, lefts and rights of the column spans, int [spans] each. Exact in
    unsigned arithmetic: what wraps around in between wraps back, as every sum itself fits.
    """
    height, width = table.shape[0] - 1, table.shape[1] - 1
    tops, bottoms = (np.clip(each + window.top, 0, height)[:, None] for each in edges[:2])
    lefts, rights = (np.clip(each + window.left, 0, width)[None, :] for each in edges[2:])
    return table[bottoms, rights] - table[tops, rights] - table[bottoms, lefts] + table[tops, lefts]
