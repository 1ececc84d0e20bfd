"""G²DeNet: each image is a Gaussian of its channels, embedded as the root of one matrix.

"G2DeNet: Global Gaussian Distribution Embedding Network and Its Application to Visual Recognition" (Wang et
al., CVPR 2017). Ours: the root by iteration, the reduction of channels and the faster linear layer, all as
fast-MPN-COV by the same group has them, in the place of a decomposition into eigenvalues.
"""

from __future__ import annotations

import torch
from torch import Tensor

from maskguide.methods.second_order import OfCovariance, covariance, matrix_root, trace, upper_triangle

STEPS = 5


class GaussianEmbedding(OfCovariance):
    """fast-MPN-COV's network; the matrix holds the mean beside the covariance."""

    name = "g2denet"
    not_finite = (
        "g2denet takes the root of a matrix, and there is none of numbers beyond all bounds; lower "
        "--learning-rate (in a config g2denet.learning_rate)"
    )

    @staticmethod
    def describe(features: Tensor) -> Tensor:
        """features X [B, C, h, w] → the upper triangle of the root, [B, (C + 1)·(C + 2)/2]."""
        return upper_triangle(matrix_root(gaussian(features), trace, STEPS))

    @staticmethod
    def size(channels: int) -> int:
        return (channels + 1) * (channels + 2) // 2


def gaussian(features: Tensor) -> Tensor:
    """[[Σ + μμᵀ, μ], [μᵀ, 1]], [B, C + 1, C + 1] of features [B, C, h, w]."""
    sigma, mean = covariance(features)
    upper = torch.cat([sigma + mean @ mean.mT, mean], dim=2)
    lower = torch.cat([mean.mT, torch.ones_like(mean[:, :1])], dim=2)
    return torch.cat([upper, lower], dim=1)
