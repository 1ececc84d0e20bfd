"""Where the cells of a network's last map lie in an image: not where equal parts of the image do."""

from __future__ import annotations

import numpy as np


def cell_edges(count: int, length: int, start: float, stride: float) -> np.ndarray:
    """float [count + 1]: the edges between the cells of a map along a side of `length` pixels.

    Cell j is centred on pixel start + j·stride (`backbones.cell_grid`); the outermost reach to the sides.
    """
    edges = np.clip(start + 0.5 + (np.arange(count + 1) - 0.5) * stride, 0, length)
    edges[0], edges[-1] = 0, length
    return edges


def cell_spans(count: int, length: int, start: float, stride: float) -> tuple[np.ndarray, np.ndarray]:
    """Begin and end of those cells, int [count] each, to the nearest whole pixel.

    start, stride: taken to the nearest half pixel, as whole numbers of pixels and their halves are all that
    convolutions and pooling make, and `cell_grid` measures with small errors.
    """
    start, stride = round(2 * start) / 2, round(2 * stride) / 2
    edges = np.floor(cell_edges(count, length, start, stride) + 0.5).astype(int)
    return edges[:-1], edges[1:]
