"""Where a trained network looks, and whether that is where the mask is: map against mask, cell by cell.

A map is the method's attention, or, where it has none, the class activation map of the true class. A mask is
averaged over the pixels that each cell of the map looks at and divided by its maximum, as guidance does it.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
import pandas as pd
import torch
from torch import Tensor, nn

from maskguide.data.pooling import Spans
from maskguide.learning.batches import normalised_mask
from maskguide.learning.cells import cell_spans

INSIDE = 0.5  # from here on a cell is one of the mask's


class Agreement(NamedTuple):
    """Of one map and one mask, all from 0 to 1.

    roc_area: the probability that a cell of the mask has a higher value than another cell; 0.5 is blind,
    below that the map looks away; NaN where all cells are of one kind. energy: the share of the map's
    positive part that lies in the mask, Σ m·S⁺ / Σ S⁺; NaN where nothing is positive. share: the mask's share
    of all cells, which a map that is the same everywhere has as its energy.
    """

    roc_area: float
    energy: float
    share: float


def agreement(map_: np.ndarray, mask: np.ndarray) -> Agreement:
    """Of a map [h, w] and a mask [h, w] in 0…1."""
    inside = (mask >= INSIDE).ravel()
    within, without = inside.sum(), (~inside).sum()
    area = np.nan
    # Mann and Whitney: by the ranks, equal values sharing theirs; pandas would leave out what is no number.
    if within and without and not np.isnan(map_).any():
        ranks = pd.Series(map_.ravel()).rank().to_numpy()[inside].sum()
        area = (ranks - within * (within + 1) / 2) / (within * without)
    positive = np.maximum(map_, 0)
    total = positive.sum()
    energy = (mask * positive).sum() / total if total > 0 else np.nan
    return Agreement(float(area), float(energy), float(mask.mean()))


def over_cells(mask: np.ndarray, grid: tuple[int, int], cells: tuple[float, float]) -> np.ndarray:
    """A mask [H, W] of a whole image as its cells see it, [h, w] of `grid`, in 0…1 with 1 as its maximum.

    cells: start and stride (`backbones.cell_grid`). A mask that is zero everywhere stays zero.
    """
    return normalised_mask(cell_means(mask, grid, cells))


def cell_means(mask: np.ndarray, grid: tuple[int, int], cells: tuple[float, float]) -> np.ndarray:
    """Its means over the pixels that each cell looks at, float [h, w] of `grid`, in the mask's own units."""
    rows, columns = (cell_spans(*side, *cells) for side in zip(grid, mask.shape, strict=True))
    return means(means(mask.astype(float), rows).T, columns).T


def means(values: np.ndarray, spans: Spans) -> np.ndarray:
    """Means [n, …] over spans of the first axis."""
    begin, end = spans
    sums = np.concatenate([np.zeros((1, *values.shape[1:])), values.cumsum(axis=0)])
    return (sums[end] - sums[begin]) / np.maximum(end - begin, 1)[:, None]


def maps_of(model: nn.Module, images: Tensor, labels: Tensor) -> tuple[Tensor, str]:
    """Where a method looks, float32 [B, R, h, w], and what that is, "attention" or "class activation".

    The latter, where there is no attention, is Σ over channels of F · ∂(logit of the label) / ∂F of the last
    map F: where the head is average pooling and one linear layer, the class activation map. images: [B, 3, H,
    W], labels: [B]. The model in evaluation mode.
    """
    kept: list[Tensor] = []

    def keep(*call: Tensor) -> Tensor:
        kept.append(call[-1].detach().requires_grad_())
        return kept[-1]

    hook = model.backbone.features.register_forward_hook(keep)
    try:
        output = model(images)
    finally:
        hook.remove()
    if output.attention is not None:
        return output.attention.detach().float(), "attention"
    said = output.logits.gather(1, labels[:, None]).sum()
    gradient = torch.autograd.grad(said, kept[0])[0]
    return (gradient * kept[0]).sum(dim=1, keepdim=True).detach().float(), "class activation"
