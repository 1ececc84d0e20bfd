"""Mask guided attention (MGA), and the same attention without guidance.

"Mask Guided Attention For Fine-Grained Patchy Image Classification", equations 1–9. The options' defaults are
the paper's; what differs from it (another input of the attention, its loss, its rate) is marked as ours.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional

from maskguide.learning.backbones import Backbone
from maskguide.learning.interface import Batch, MaskUse, Output, cells_cross_entropy, mean_where
from maskguide.system.files import InputError


@dataclass
class AttendedOutput(Output):
    """attention_logits: what the sigmoid makes the attention of, [B, 1, h, w]."""

    attention_logits: Tensor | None = None


class Attention(nn.Module):
    """Spatial attention after the backbone's last map, learnt from the classes alone.

    options: feature_weight λ, attention_weight μ, with λ + μ = 1 (equation 3). Ours: attention_input, what
    f¹ˣ¹ reads, "mean_max" as published, "standardised", these two maps brought to mean 0 and deviation 1 in
    each image, or "channels", all of them; with a bias but for the published one, as nothing else sets its
    level. attention_rate, a factor of its learning rate.
    """

    def __init__(self, backbone: Backbone, options: Mapping[str, Any]):
        super().__init__()
        self.feature_weight = options["feature_weight"]
        self.attention_weight = options["attention_weight"]
        if abs(self.feature_weight + self.attention_weight - 1) > 1e-6:
            total = f"{self.feature_weight} + {self.attention_weight}"
            raise InputError(f"--feature-weight + --attention-weight = {total}: λ and μ must add up to 1")
        self.backbone = backbone
        self.attention_input, self.attention_rate = options["attention_input"], options["attention_rate"]
        inputs = backbone.channels if self.attention_input == "channels" else 2
        self.attention = nn.Conv2d(inputs, 1, kernel_size=1, bias=self.attention_input != "mean_max")  # f¹ˣ¹

    def rate_factors(self) -> dict[str, float]:
        """Of the learning rate, by how parameters' names begin."""
        return {"attention.": self.attention_rate}

    def forward(self, images: Tensor) -> Output:
        """images [B, 3, H, W] float32 → logits [B, classes] and attention A [B, 1, h, w] in 0…1."""
        features = self.backbone.features(images)  # f_img [B, C, h, w]
        logits = self.attention(self.read(features))
        attention = torch.sigmoid(logits)  # equation 7
        attended = features * attention  # f_att, equation 1
        final = self.feature_weight * features + self.attention_weight * attended  # equation 2
        return AttendedOutput(self.backbone.head(final), attention, logits)

    def read(self, features: Tensor) -> Tensor:
        """What f¹ˣ¹ reads of the last map [B, C, h, w]: [B, 2 or C, h, w]."""
        if self.attention_input == "channels":
            return features
        mean = features.mean(dim=1, keepdim=True)  # A_mn, equation 4
        maximum = features.amax(dim=1, keepdim=True)  # A_max, equations 5 and 6
        maps = torch.cat([mean, maximum], dim=1)
        if self.attention_input == "mean_max":
            return maps
        centred = maps.float() - maps.float().mean(dim=(2, 3), keepdim=True)
        deviation = centred.square().mean(dim=(2, 3), keepdim=True).add(1e-10).sqrt()
        return centred / deviation  # a constant map stays 0

    def loss(self, output: Output, batch: Batch) -> dict[str, Tensor]:
        """Cross-entropy L_ce."""
        return {"cross_entropy": functional.cross_entropy(output.logits.float(), batch.labels)}


class MaskGuidedAttention(Attention):
    """The attention learns to look where the mask is; masks are not used at test time.

    options: as `Attention`, guidance_weight τ, and, ours, mask_pooling, "parts" as published or "cells", and
    attention_loss, "squared" as published or "cross_entropy".
    """

    def __init__(self, backbone: Backbone, options: Mapping[str, Any]):
        super().__init__(backbone, options)
        self.guidance_weight, self.attention_loss = options["guidance_weight"], options["attention_loss"]
        self.mask_use = MaskUse(pooling=options["mask_pooling"])

    def loss(self, output: Output, batch: Batch) -> dict[str, Tensor]:
        """The terms of equation 9: L_ce, and τ·L_att as "attention"."""
        present = batch.mask_present[:, 0]
        if self.attention_loss == "squared":
            guidance = attention_loss(output.attention.float(), batch.masks, present)
        else:
            guidance = cells_cross_entropy(output.attention_logits, batch.masks, present)
        return {**super().loss(output, batch), "attention": self.guidance_weight * guidance}


def attention_loss(attention: Tensor, masks: Tensor, present: Tensor) -> Tensor:
    """L_att, equation 8: the squared distance of A and M, averaged over positions and images with a mask.

    attention A, masks M: [B, 1, h, w] in 0…1; present: [B] bool; without any such image, 0.
    """
    distance = (masks - attention).square().flatten(start_dim=1).mean(dim=1)  # [B]
    return mean_where(distance, present)
