"""Attention from classifier activations (ACA), one scale, and the max-pooling baseline of its paper.

"Generating Attention from Classifier Activations for Fine-grained Recognition", equations 1–6. The way from
one scale's attention to the next scale's images is `maskguide.learning.attend`, their average
`combine_scales.py`.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional

from maskguide.learning import otsu
from maskguide.learning.backbones import Backbone, last_linear
from maskguide.learning.interface import Batch, Output


@dataclass
class ActivationOutput(Output):
    """What ACA says besides the average of its heads (`logits` are the logarithm of that probability).

    activations: A [B, L+1, h, w], the last category is the background. mask: M_b [B, 1, h, w], 0 or 1, of
    the activations' dtype. heads: logits [B, L] by name, "local" and "object"; the ones that were taught.
    """

    activations: Tensor | None = None
    mask: Tensor | None = None
    heads: dict[str, Tensor] | None = None


class AttentionFromActivations(nn.Module):
    """Local classifiers at every position; where they answer loudest, an object classifier looks.

    options: classifiers n, the number of local classifiers; losses, "both" (equation 6), "local" or "object":
    a head without its loss neither learns nor answers.
    """

    def __init__(self, backbone: Backbone, options: Mapping[str, Any]):
        super().__init__()
        self.num_classifiers, self.losses = options["classifiers"], options["losses"]
        self.num_classes = replace_head(backbone)  # L
        self.backbone = backbone
        self.local = nn.Conv2d(backbone.channels, self.num_classifiers * (self.num_classes + 1), 1)
        self.object = nn.Linear(backbone.channels, self.num_classes)
        self.local.requires_grad_(self.losses != "object")
        self.object.requires_grad_(self.losses != "local")

    def forward(self, images: Tensor) -> ActivationOutput:
        """images [B, 3, H, W] float32 → log-probabilities [B, L]; attention M scaled to 0…1 in each image."""
        features = self.backbone.features(images)  # f(X) [B, C, h, w]
        each = self.local(features).unflatten(1, (self.num_classifiers, self.num_classes + 1))
        activations = each.amax(dim=1)  # A, equation 1
        attention = activations[:, :-1].amax(dim=1, keepdim=True).detach()  # M, background left out
        mask = attended(attention)  # M_b
        heads = {}
        if self.losses != "object":
            heads["local"] = activations[:, :-1].mean(dim=(2, 3))
        if self.losses != "local":
            heads["object"] = self.object((mask * features).amax(dim=(2, 3)))
        probability = torch.stack([logits.float().softmax(dim=1) for logits in heads.values()]).mean(dim=0)
        logits = probability.clamp_min(torch.finfo(torch.float32).tiny).log()
        return ActivationOutput(logits, unit_range(attention), activations, mask, heads)

    def loss(self, output: ActivationOutput, batch: Batch) -> dict[str, Tensor]:
        """The terms of equation 6: ℓ_loc as "local" and ℓ_obj as "object"."""
        terms = {}
        if "local" in output.heads:
            terms["local"] = local_loss(output.activations.float(), output.mask.float(), batch.labels)
        if "object" in output.heads:
            terms["object"] = functional.cross_entropy(output.heads["object"].float(), batch.labels)  # eq. 5
        return terms


class MaxPooling(nn.Module):
    """The paper's baseline: spatial maximum of the backbone's last map, a linear layer, cross-entropy."""

    def __init__(self, backbone: Backbone, options: Mapping[str, Any]):
        super().__init__()
        num_classes = replace_head(backbone)
        self.backbone = backbone
        self.classifier = nn.Linear(backbone.channels, num_classes)

    def forward(self, images: Tensor) -> Output:
        """images [B, 3, H, W] float32 → logits [B, L]."""
        return Output(self.classifier(self.backbone.features(images).amax(dim=(2, 3))))

    def loss(self, output: Output, batch: Batch) -> dict[str, Tensor]:
        """Cross-entropy."""
        return {"cross_entropy": functional.cross_entropy(output.logits.float(), batch.labels)}


def replace_head(backbone: Backbone) -> int:
    """Take the backbone's own classifier away; how many classes L it had."""
    num_classes = last_linear(backbone.head)[1].out_features
    backbone.head = nn.Identity()
    return num_classes


def attended(attention: Tensor) -> Tensor:
    """M_b: 1 where M [B, 1, h, w] exceeds its Otsu threshold, else 0; everywhere 1 where M is constant.

    Nothing stands out of a constant map, and its threshold, which is its value, would hide all features.
    """
    limits = otsu.thresholds(attention).view(-1, 1, 1, 1)
    mask = attention.double() > limits
    return (mask | ~mask.any(dim=(2, 3), keepdim=True)).to(attention.dtype)


def unit_range(maps: Tensor) -> Tensor:
    """Each map [B, 1, h, w] scaled from its own extremes to 0…1; a constant one becomes 0."""
    lowest, highest = maps.amin(dim=(2, 3), keepdim=True), maps.amax(dim=(2, 3), keepdim=True)
    span = highest - lowest
    return (maps - lowest) / span.where(span > 0, 1)


def local_loss(activations: Tensor, mask: Tensor, labels: Tensor) -> Tensor:
    """ℓ_loc, equations 2–4, averaged over the batch.

    activations A [B, L+1, h, w]; mask M_b [B, 1, h, w], 0 or 1; labels t [B]. Attended positions must say t,
    the others background; each part is weighed by the other's share of the map (w: the attended share).
    """
    surprise = -activations.log_softmax(dim=1)
    mask = mask.squeeze(1)
    of_class = surprise[torch.arange(len(labels), device=labels.device), labels]  # −log p^t [B, h, w]
    share = mask.mean(dim=(1, 2))  # w
    inside = (mask * of_class).mean(dim=(1, 2))  # ℓ₁ / WH, equation 4
    outside = ((1 - mask) * surprise[:, -1]).mean(dim=(1, 2))  # ℓ₀ / WH, equation 3
    return ((1 - share) * inside + share * outside).mean()  # equation 2
