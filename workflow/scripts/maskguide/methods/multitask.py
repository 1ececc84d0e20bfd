"""Multitask: the last map must also tell where the object is. Nothing is multiplied, nothing left out."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from torch import Tensor, nn
from torch.nn import functional

from maskguide.learning.backbones import Backbone
from maskguide.learning.interface import Batch, MaskUse, Output, cells_cross_entropy


@dataclass
class SegmentedOutput(Output):
    """In training, segmentation: logits [B, 1, h, w] of "here is the object"."""

    segmentation: Tensor | None = None


class Multitask(nn.Module):
    """The backbone and its head, and beside the head a 1×1 convolution that predicts the mask, in training.

    options: guidance_weight, of its loss.
    """

    def __init__(self, backbone: Backbone, options: Mapping[str, Any]):
        super().__init__()
        self.guidance_weight = options["guidance_weight"]
        self.mask_use = MaskUse(pooling="cells")
        self.backbone = backbone
        self.segmentation = nn.Conv2d(backbone.channels, 1, kernel_size=1)

    def forward(self, images: Tensor) -> Output:
        """images [B, 3, H, W] float32 → logits [B, classes]; in training with the segmentation."""
        if not self.training:
            return Output(self.backbone(images))
        features = self.backbone.features(images)
        return SegmentedOutput(self.backbone.head(features), segmentation=self.segmentation(features))

    def loss(self, output: SegmentedOutput, batch: Batch) -> dict[str, Tensor]:
        """Cross-entropy, and "segmentation": binary cross-entropy of each cell to the mask."""
        cross_entropy = functional.cross_entropy(output.logits.float(), batch.labels)
        guidance = cells_cross_entropy(output.segmentation, batch.masks, batch.mask_present[:, 0])
        return {"cross_entropy": cross_entropy, "segmentation": self.guidance_weight * guidance}
