"""B-CNN: bilinear pooling, the products of any two channels of the last map, with a linear layer on top.

"Bilinear CNN Models for Fine-grained Visual Recognition" (Lin et al., ICCV 2015), its symmetric form: one
network in the place of two equal ones.
"""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.nn import functional

from maskguide.methods.second_order import EPSILON, Bilinear, second_moment


class BilinearPooling(Bilinear):
    """√G of VGG's 512 channels, or of 512 that more are reduced to, element by element, of length 1."""

    name = "bcnn"
    not_finite = "bcnn learns in two stages; lower --first-stage-rate, or in the second --learning-rate"

    @staticmethod
    def begin(weight: Tensor) -> None:
        """Kaiming's initial values."""
        nn.init.kaiming_normal_(weight)

    @staticmethod
    def describe(features: Tensor) -> Tensor:
        """features X [B, C, h, w] → sign(G)·√(|G| + ε) of each element, of length 1, [B, C²].

        Behind a ReLU nothing is below 0; behind a transformer's last norm, half of it is.
        """
        moments = second_moment(features)
        sign = torch.where(moments < 0, -1.0, 1.0)
        roots = sign * (sign * moments + EPSILON).sqrt()
        return functional.normalize(roots.flatten(start_dim=1))
