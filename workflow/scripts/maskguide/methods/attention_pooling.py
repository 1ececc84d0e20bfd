"""Attention pooling: the attention is the weight of the mean over the last map, guided by masks or not.

A = σ(f¹ˣ¹(F)) of all channels of the last map F, with a bias; the head gets Σ A·F / Σ A instead of the plain
mean. No paper stands behind it: it is the control of attention that multiplies, for such pooling may help
without any guidance.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional

from maskguide.learning.backbones import Backbone
from maskguide.learning.interface import Batch, MaskUse, Output, cells_cross_entropy


@dataclass
class WeightsOutput(Output):
    """attention_logits: of the attention, [B, 1, h, w]."""

    attention_logits: Tensor | None = None


class AttentionPooling(nn.Module):
    """Weighted mean of the last map; the weights are learnt from the classes alone."""

    def __init__(self, backbone: Backbone, options: Mapping[str, Any]):
        super().__init__()
        self.backbone = backbone
        self.attention = nn.Conv2d(backbone.channels, 1, kernel_size=1)

    def forward(self, images: Tensor) -> WeightsOutput:
        """images [B, 3, H, W] float32 → logits [B, classes] and attention A [B, 1, h, w] in 0…1.

        The head sees F·A / mean(A): its average is the weighted mean, also where a ReLU comes before it, for
        no weight is negative. A head that averages parts of the map (VGG) gets the same map.
        """
        features = self.backbone.features(images)
        logits = self.attention(features).float()
        attention = logits.sigmoid()
        mean = attention.mean(dim=(2, 3), keepdim=True).clamp_min(torch.finfo(torch.float32).tiny)
        return WeightsOutput(self.backbone.head(features * (attention / mean)), attention, logits)

    def loss(self, output: WeightsOutput, batch: Batch) -> dict[str, Tensor]:
        """Cross-entropy."""
        return {"cross_entropy": functional.cross_entropy(output.logits.float(), batch.labels)}


class GuidedPooling(AttentionPooling):
    """The weights learn to be the mask; masks are not used at test time.

    options: guidance_weight, of the binary cross-entropy of the attention to the mask.
    """

    def __init__(self, backbone: Backbone, options: Mapping[str, Any]):
        super().__init__(backbone, options)
        self.guidance_weight = options["guidance_weight"]
        self.mask_use = MaskUse(pooling="cells")

    def loss(self, output: WeightsOutput, batch: Batch) -> dict[str, Tensor]:
        """Cross-entropy, and "attention", the guidance."""
        guidance = cells_cross_entropy(output.attention_logits, batch.masks, batch.mask_present[:, 0])
        return {**super().loss(output, batch), "attention": self.guidance_weight * guidance}
