"""What every method takes and gives; the training loop knows nothing else about a method."""

from __future__ import annotations

from dataclasses import dataclass

from torch import Tensor


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
