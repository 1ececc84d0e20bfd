"""fast-MPN-COV: the root of the covariance of the last map's channels, by iteration (iSQRT-COV).

"Towards Faster Training of Global Covariance Pooling Networks by Iterative Matrix Square Root Normalization"
(Li et al., CVPR 2018): division by the trace, Newton–Schulz iteration, compensation. Ours: the mean of an
image and its mirror image at test time, which the published code offers, is left out.
"""

from __future__ import annotations

from torch import Tensor

from maskguide.methods.second_order import OfCovariance, covariance, matrix_root, trace, upper_triangle

STEPS = 5  # N of the paper; the last is the closing half step


class MatrixPowerCovariance(OfCovariance):
    """√Σ, of that the upper triangle."""

    name = "mpn-cov"
    not_finite = (
        "mpn-cov takes the root of a matrix, and there is none of numbers beyond all bounds; lower "
        "--learning-rate (in a config mpn_cov.learning_rate)"
    )

    @staticmethod
    def describe(features: Tensor) -> Tensor:
        """features X [B, C, h, w] → the upper triangle of √Σ, [B, C·(C + 1)/2]."""
        sigma, _ = covariance(features)
        return upper_triangle(matrix_root(sigma, trace, STEPS))

    @staticmethod
    def size(channels: int) -> int:
        return channels * (channels + 1) // 2
