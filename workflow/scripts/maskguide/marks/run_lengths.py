"""Masks as run lengths: COCO's, written out or compressed; CVAT's; Label Studio's brush."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from maskguide.data.pictures import MOST_PIXELS


def fill_runs(counts: Sequence[int], pixels: int) -> np.ndarray:
    """bool [pixels] of runs that are in turn 0 and 1, 0 first; `ValueError` unless they fill it exactly."""
    if pixels > MOST_PIXELS:
        raise ValueError(f"it has more than {MOST_PIXELS // 10**6} million pixels")
    try:
        counts = np.asarray(counts, dtype=np.int64)
    except OverflowError as error:
        raise ValueError("its runs are no lengths") from error
    if counts.ndim != 1 or (counts < 0).any() or counts.sum() != pixels:
        raise ValueError(f"its runs do not sum up to its {pixels} pixels")
    return np.repeat(np.arange(len(counts)) % 2 == 1, counts)


def coco_mask(counts: Sequence[int] | str, size: tuple[int, int]) -> np.ndarray:
    """bool [H, W] of COCO's `counts`, column by column; `ValueError` where they do not fit `size` (H, W)."""
    height, width = size
    numbers = decompressed(counts) if isinstance(counts, str) else counts
    return fill_runs(numbers, height * width).reshape(width, height).T


def decompressed(text: str) -> list[int]:
    """The runs of COCO's compressed text (`rleFrString` in its maskApi.c).

    Each character holds five bits, the lowest first, and whether more follow; from the fourth run on a number
    is the difference to the run two before it.
    """
    runs: list[int] = []
    place = 0
    while place < len(text):
        number, shift, more = 0, 0, True
        while more:
            if place == len(text) or not 0 <= (code := ord(text[place]) - 48) < 64:
                raise ValueError("its run lengths are cut off or garbled")
            number |= (code & 31) << shift
            more, shift, place = bool(code & 32), shift + 5, place + 1
        if code & 16:
            number -= 1 << shift
        runs.append(number + runs[-2] if len(runs) > 2 else number)
    return runs


def brush_mask(coded: Sequence[int], size: tuple[int, int]) -> np.ndarray:
    """bool [H, W] of Label Studio's brush: bytes of RGBA pixels, of which alpha counts, run-length coded.

    Its format is that of thi.ng's rle-pack: 32 bits number of values, 5 their width - 1, four times 4 the
    widths of lengths - 1; then of each run one bit "same value", two bits which of the widths, its
    length - 1, and one value or as many as it is long. `ValueError` where this does not fit `size`.
    """
    bits = np.unpackbits(np.asarray(coded, dtype=np.uint8))
    weights = 1 << np.arange(32, dtype=np.int64)[::-1]
    place = 0

    def take(width: int) -> int:
        nonlocal place
        chunk = bits[place : place + width]
        if len(chunk) < width:
            raise ValueError("its brush is cut off")
        place += width
        return int(chunk @ weights[32 - width :])

    values, width = take(32), take(5) + 1
    if values != size[0] * size[1] * 4 or values > 4 * MOST_PIXELS or width > 16:
        raise ValueError(f"its brush has {values} values, not four for each pixel of {size[1]} × {size[0]}")
    lengths = [take(4) + 1 for _ in range(4)]
    found = np.empty(values, dtype=np.uint16)
    done = 0
    while done < values:
        same = take(1)
        run = 1 + take(lengths[take(2)])
        for part in [slice(done, done + run)] if same else [slice(i, i + 1) for i in range(done, done + run)]:
            found[part] = take(width)
        done += run
    return found.reshape(*size, 4)[..., 3] > 0
