"""What every method takes and gives; the training loop knows nothing else about a method.

Besides `forward` and `loss` a method may have `mask_use` (`MaskUse`); `rate_factors()`, factors of the
learning rate by how parameters' names begin, such as {"attention.": 10.0}; `first_stage`
(`stages.FirstStage`), epochs in which its head learns alone; and `not_finite`, what to do where its loss is
no number.
"""

from __future__ import annotations

from dataclasses import dataclass

from torch import Tensor
from torch.nn import functional


@dataclass
class Batch:
    """Training images and what is known of them.

    images: [B, 3, H, W] float32, ImageNet-normalised. labels: [B] int64, class ids. masks: [B, R, h, w]
    float32 in 0…1, one for each mask store, pooled to the feature grid and divided by their own maximum, or
    None. mask_present: [B, R] bool, False where the mask is zero everywhere.
    """

    images: Tensor
    labels: Tensor
    masks: Tensor | None = None
    mask_present: Tensor | None = None


@dataclass
class Output:
    """What a method says of images: logits [B, classes]; attention [B, R, h, w] in 0…1, or None."""

    logits: Tensor
    attention: Tensor | None = None


@dataclass(frozen=True)
class MaskUse:
    """How masks become targets, of a method that is guided: its attribute `mask_use`.

    pooling: over "parts", equal parts of the crop, or "cells", where the cells of the last map look
    (`backbones.cell_grid`). own_crops: each mask is cut and flipped by itself instead of as its image.
    """

    pooling: str = "parts"
    own_crops: bool = False


def mean_where(values: Tensor, present: Tensor) -> Tensor:
    """The mean of `values` [B] over the images that are `present` [B] bool; 0 where none is.

    An image without a mask says nothing about where to look: it counts neither in the sum nor in the number.
    """
    return (values * present).sum() / present.sum().clamp(min=1)


def cells_cross_entropy(logits: Tensor, masks: Tensor, present: Tensor) -> Tensor:
    """Binary cross-entropy of each cell to its mask, averaged over cells and images with a mask.

    logits: [B, 1, h, w], of any float type. masks: [B, R, h, w] in 0…1, of which the first counts. present:
    [B] bool.
    """
    cells = functional.binary_cross_entropy_with_logits(logits.float(), masks[:, :1], reduction="none")
    return mean_where(cells.mean(dim=(1, 2, 3)), present)
