"""Destruction and construction learning (DCL): what is left of an image whose tiles are moved about.

"Destruction and Construction Learning for Fine-grained Image Recognition". Ours: the target of a tile is
where it really came from; the published code looks for the tile of the nearest mean intensity, which a plain
background makes ambiguous. Its rotation by ±15° is not among our augmentations.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional

from maskguide.learning.backbones import Backbone, last_linear
from maskguide.learning.interface import Batch, Output
from maskguide.methods import tiles
from maskguide.system.files import InputError

HEAD_RATE = 10.0  # of the new layers, as published


@dataclass
class ConfusedOutput(Output):
    """In training, of the originals and then of their confused copies.

    classes: logits [2B, C]. copies: logits [2B, 2C], class c as itself and, at C + c, confused. places:
    [2B, N²] in −1…1, where each tile comes from. orders: [B, N²] int64, the tiles of the confused copies.
    """

    classes: Tensor | None = None
    copies: Tensor | None = None
    places: Tensor | None = None
    orders: Tensor | None = None


class DestructionConstruction(nn.Module):
    """In training each image is seen twice, as it is and confused: the batch doubles. At test, once.

    Three heads: the classes; the classes of either copy (adversarial); where each tile comes from. The first
    two read what the backbone's own last layer read. Their answer: the classes' logits and both halves of the
    second head's, added up.

    options: tiles N; adversarial_weight β, position_weight γ.
    """

    def __init__(self, backbone: Backbone, options: Mapping[str, Any]):
        super().__init__()
        self.tiles = options["tiles"]
        self.adversarial_weight, self.position_weight = (
            options["adversarial_weight"],
            options["position_weight"],
        )
        last = last_linear(backbone.head)[1]
        backbone.head[-1] = nn.Identity()
        self.backbone = backbone
        self.classifier = nn.Linear(last.in_features, last.out_features, bias=False)
        self.discriminator = nn.Linear(last.in_features, 2 * last.out_features, bias=False)
        self.aligner = nn.Conv2d(backbone.channels, 1, kernel_size=1)

    def rate_factors(self) -> dict[str, float]:
        """Of the learning rate, by how parameters' names begin."""
        return dict.fromkeys(("classifier.", "discriminator.", "aligner."), HEAD_RATE)

    def forward(self, images: Tensor) -> Output:
        """images [B, 3, H, W] float32 → logits [B, C]; in training what the loss needs besides."""
        count, orders = len(images), None
        if self.training:
            orders = torch.stack([tiles.jittered(self.tiles) for _ in range(count)]).to(images.device)
            moved = tiles.rearranged(tiles.cut(images, self.tiles), orders)
            images = torch.cat([images, tiles.paste(moved, images.shape[2:])])
        features = self.backbone.features(images)
        read = self.backbone.head(features)
        classes, copies = self.classifier(read), self.discriminator(read)
        answer = (classes + copies.unflatten(1, (2, -1)).sum(dim=1))[:count]
        if orders is None:
            return Output(answer)
        return ConfusedOutput(answer, None, classes, copies, self.places(features), orders)

    def places(self, features: Tensor) -> Tensor:
        """[B, N²] in −1…1 from the last map: one channel, the mean of N×N parts, tanh."""
        height, width = features.shape[2:]
        if min(height, width) < self.tiles:
            raise InputError(
                f"--tiles {self.tiles}: the last map has {height}×{width} cells, fewer than tiles; take "
                "fewer, or a larger --crop"
            )
        return functional.adaptive_avg_pool2d(self.aligner(features), self.tiles).tanh().flatten(1)

    def loss(self, output: ConfusedOutput, batch: Batch) -> dict[str, Tensor]:
        """Cross-entropy of both copies; β·"adversarial", which copy of which class; γ·"position", L1."""
        labels, num_classes = batch.labels, output.logits.shape[1]
        cross_entropy = functional.cross_entropy(output.classes.float(), labels.repeat(2))
        of_copies = torch.cat([labels, labels + num_classes])
        adversarial = functional.cross_entropy(output.copies.float(), of_copies)
        position = functional.l1_loss(output.places.float(), positions(output.orders))
        return {
            "cross_entropy": cross_entropy,
            "adversarial": self.adversarial_weight * adversarial,
            "position": self.position_weight * position,
        }


def positions(orders: Tensor) -> Tensor:
    """The targets float32 [2B, N²] of B images in their own order and in `orders` [B, N²].

    Of a tile t, counted row by row: (t − ⌊N²/2⌋)/N².
    """
    count = orders.shape[1]
    own = torch.arange(count, device=orders.device).expand_as(orders)
    return (torch.cat([own, orders]).float() - count // 2) / count
