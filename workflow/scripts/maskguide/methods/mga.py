"""Mask guided attention (MGA), and the same attention without guidance.

"Mask Guided Attention For Fine-Grained Patchy Image Classification", equations 1–9.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional

from maskguide.learning.backbones import Backbone
from maskguide.learning.interface import Batch, MaskUse, Output, mean_where
from maskguide.system.files import InputError


class Attention(nn.Module):
    """Spatial attention after the backbone's last map, learnt from the classes alone.

    options: feature_weight λ, attention_weight μ, with λ + μ = 1 (equation 3).
    """

    def __init__(self, backbone: Backbone, options: Mapping[str, Any]):
        super().__init__()
        self.feature_weight = options["feature_weight"]
        self.attention_weight = options["attention_weight"]
        if abs(self.feature_weight + self.attention_weight - 1) > 1e-6:
            total = f"{self.feature_weight} + {self.attention_weight}"
            raise InputError(f"--feature-weight + --attention-weight = {total}: λ and μ must add up to 1")
        self.backbone = backbone
        self.attention = nn.Conv2d(2, 1, kernel_size=1, bias=False)  # f¹ˣ¹

    def forward(self, images: Tensor) -> Output:
        """images [B, 3, H, W] float32 → logits [B, classes] and attention A [B, 1, h, w] in 0…1."""
        features = self.backbone.features(images)  # f_img [B, C, h, w]
        mean = features.mean(dim=1, keepdim=True)  # A_mn, equation 4
        maximum = features.amax(dim=1, keepdim=True)  # A_max, equations 5 and 6
        attention = torch.sigmoid(self.attention(torch.cat([mean, maximum], dim=1)))  # equation 7
        attended = features * attention  # f_att, equation 1
        final = self.feature_weight * features + self.attention_weight * attended  # equation 2
        return Output(self.backbone.head(final), attention)

    def loss(self, output: Output, batch: Batch) -> dict[str, Tensor]:
        """Cross-entropy L_ce."""
        return {"cross_entropy": functional.cross_entropy(output.logits.float(), batch.labels)}


class MaskGuidedAttention(Attention):
    """The attention learns to look where the mask is; masks are not used at test time.

    options: as `Attention`, guidance_weight τ, and mask_pooling, "parts" as published or "cells".
    """

    def __init__(self, backbone: Backbone, options: Mapping[str, Any]):
        super().__init__(backbone, options)
        self.guidance_weight = options["guidance_weight"]
        self.mask_use = MaskUse(pooling=options["mask_pooling"])

    def loss(self, output: Output, batch: Batch) -> dict[str, Tensor]:
        """The terms of equation 9: L_ce, and τ·L_att as "attention"."""
        guidance = attention_loss(output.attention.float(), batch.masks, batch.mask_present[:, 0])
        return {**super().loss(output, batch), "attention": self.guidance_weight * guidance}


def attention_loss(attention: Tensor, masks: Tensor, present: Tensor) -> Tensor:
    """L_att, equation 8: the squared distance of A and M, averaged over positions and images with a mask.

    attention A, masks M: [B, 1, h, w] in 0…1; present: [B] bool; without any such image, 0.
    """
    distance = (masks - attention).square().flatten(start_dim=1).mean(dim=1)  # [B]
    return mean_where(distance, present)
