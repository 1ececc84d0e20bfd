"""Images as N×N tiles: cut, moved about within a neighbourhood, pasted. DCL and MaskCOV destroy images so.

Drawn by torch's generator, one image after another, so that a batch in parts draws what a whole one does.
"""

from __future__ import annotations

import math

import torch
from torch import Tensor
from torch.nn import functional

NEIGHBOURHOOD = 2  # k


def cut(images: Tensor, tiles: int) -> Tensor:
    """[B, 3, H, W] → [B, N², 3, ⌊H/N⌋, ⌊W/N⌋], row by row.

    Of a side that N does not divide the edges are left out.
    """
    height, width = (side // tiles for side in images.shape[2:])
    top, left = (side % tiles // 2 for side in images.shape[2:])
    inner = images[:, :, top : top + tiles * height, left : left + tiles * width]
    grid = inner.unflatten(3, (tiles, width)).unflatten(2, (tiles, height))  # [B, 3, N, h, N, w]
    return grid.permute(0, 2, 4, 1, 3, 5).flatten(1, 2)


def paste(tiles: Tensor, size: tuple[int, int]) -> Tensor:
    """[B, N², 3, h, w] → [B, 3, *size], resized bilinearly where that is not N·h × N·w."""
    side = math.isqrt(tiles.shape[1])
    images = tiles.unflatten(1, (side, side)).permute(0, 3, 1, 4, 2, 5).flatten(4, 5).flatten(2, 3)
    if images.shape[2:] != tuple(size):
        images = functional.interpolate(images, size=tuple(size), mode="bilinear")
    return images


def rearranged(tiles: Tensor, orders: Tensor) -> Tensor:
    """Of each image the tiles [B, N², …] in its order [B, N²]."""
    return tiles[torch.arange(len(tiles), device=tiles.device)[:, None], orders]


def jittered(tiles: int) -> Tensor:
    """An order [N²], int64, on the CPU: which tile is shown at each place of the N×N, N at least 2.

    In each row the tiles are sorted by i + r with r uniform in (−k, k), then so in each column: no tile moves
    by 2k or more along either. An order that moves nothing is drawn again (ours).
    """
    still = torch.arange(tiles * tiles)
    while True:
        shift = NEIGHBOURHOOD * (2 * torch.rand(2, tiles, tiles) - 1)
        columns = (torch.arange(tiles) + shift[0]).argsort(dim=1)
        rows = (torch.arange(tiles)[:, None] + shift[1]).argsort(dim=0)
        order = still.view(tiles, tiles).gather(1, columns).gather(0, rows).flatten()
        if not torch.equal(order, still):
            return order
