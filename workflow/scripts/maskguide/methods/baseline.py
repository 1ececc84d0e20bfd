"""Baseline: the backbone, fine-tuned with cross-entropy and nothing else."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from torch import Tensor, nn
from torch.nn import functional

from maskguide.learning.backbones import Backbone
from maskguide.learning.interface import Batch, Output


class Baseline(nn.Module):
    """The backbone as it is, or with its last map multiplied by a constant: what a mix does that shrinks it.

    options: feature_scale, that constant.
    """

    def __init__(self, backbone: Backbone, options: Mapping[str, Any]):
        super().__init__()
        self.backbone, self.feature_scale = backbone, options["feature_scale"]

    def forward(self, images: Tensor) -> Output:
        """images [B, 3, H, W] float32 → logits [B, classes]."""
        if self.feature_scale == 1:
            return Output(self.backbone(images))
        return Output(self.backbone.head(self.feature_scale * self.backbone.features(images)))

    def loss(self, output: Output, batch: Batch) -> dict[str, Tensor]:
        """Cross-entropy L_ce."""
        return {"cross_entropy": functional.cross_entropy(output.logits.float(), batch.labels)}
