"""Improved B-CNN: bilinear pooling normalised by the root of the matrix, then by that of each element.

"Improved Bilinear Pooling with CNNs" (Lin and Maji, BMVC 2017), with the root by Newton–Schulz iteration.
"""

from __future__ import annotations

from torch import Tensor, nn
from torch.nn import functional

from maskguide.methods.second_order import (
    Bilinear,
    frobenius_norm,
    matrix_root,
    second_moment,
    signed_root,
)

STEPS = 10


class ImprovedBilinearPooling(Bilinear):
    """B-CNN's network and stages; another descriptor, another beginning of the linear layer."""

    name = "improved-bcnn"
    not_finite = (
        "improved-bcnn takes the root of a matrix, and there is none of numbers beyond all bounds; lower "
        "--first-stage-rate, or in the second stage --learning-rate"
    )

    @staticmethod
    def begin(weight: Tensor) -> None:
        """Xavier's initial values."""
        nn.init.xavier_uniform_(weight)

    @staticmethod
    def describe(features: Tensor) -> Tensor:
        """features X [B, C, h, w] → the signed roots of the elements of √G, of length 1, [B, C²]."""
        root = matrix_root(second_moment(features), frobenius_norm, STEPS)
        return functional.normalize(signed_root(root).flatten(start_dim=1))
