"""MaskCOV: how the colours vary together within each part of an image, also of a hidden and of a moved part.

"MaskCOV: A random mask covariance network for ultra-fine-grained visual categorization". The tiles are moved
as in DCL (`tiles`). Ours: the target of a moved tile is its own covariance; the published code takes that of
the tile of the nearest mean intensity. Its rotation by ±15° is not among our augmentations.
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
from maskguide.learning.transforms import constants
from maskguide.methods import tiles
from maskguide.system.files import InputError

HEAD_RATE = 10.0  # of the new layers, as published


@dataclass
class ViewsOutput(Output):
    """In training, of the originals, then of those with a hidden tile, then of those also shuffled.

    classes: logits [3B, C]. shuffled: logits [3B, 2] of "as it was" and "shuffled". covariances: [3B, 9·N²].
    orders: [B, N²] int64, the tiles of the shuffled views. hidden: [B] int64, the place that is black in the
    second and third view.
    """

    classes: Tensor | None = None
    shuffled: Tensor | None = None
    covariances: Tensor | None = None
    orders: Tensor | None = None
    hidden: Tensor | None = None


class MaskedCovariance(nn.Module):
    """In training each image is seen three times; the batch triples. At test it is seen once.

    Three heads read what the backbone's own last layer read: the classes, which answer; shuffled or not; the
    covariances of the colours in each tile.

    options: tiles N; shuffle_weight β, covariance_weight γ.
    """

    def __init__(self, backbone: Backbone, options: Mapping[str, Any]):
        super().__init__()
        self.tiles = options["tiles"]
        self.shuffle_weight, self.covariance_weight = options["shuffle_weight"], options["covariance_weight"]
        last = last_linear(backbone.head)[1]
        backbone.head[-1] = nn.Identity()
        self.backbone = backbone
        self.classifier = nn.Linear(last.in_features, last.out_features, bias=False)
        self.shuffled = nn.Linear(last.in_features, 2, bias=False)
        self.covariances = nn.Linear(last.in_features, 9 * self.tiles**2, bias=False)

    def rate_factors(self) -> dict[str, float]:
        """Of the learning rate, by how parameters' names begin."""
        return dict.fromkeys(("classifier.", "shuffled.", "covariances."), HEAD_RATE)

    def forward(self, images: Tensor) -> Output:
        """images [B, 3, H, W] float32 → logits [B, C]; in training what the loss needs besides."""
        if not self.training:
            return Output(self.classifier(self.backbone(images)))
        drawn = [(tiles.jittered(self.tiles), torch.randint(self.tiles**2, ())) for _ in range(len(images))]
        orders, hidden = (torch.stack(each).to(images.device) for each in zip(*drawn, strict=True))
        read = self.backbone(torch.cat([images, *self.views(images, orders, hidden)]))
        classes, shuffled = self.classifier(read), self.shuffled(read)
        covariances = self.covariances(read)
        return ViewsOutput(classes[: len(images)], None, classes, shuffled, covariances, orders, hidden)

    def views(self, images: Tensor, orders: Tensor, hidden: Tensor) -> tuple[Tensor, Tensor]:
        """The images with a black tile at the place `hidden` [B], as they are and in `orders` [B, N²]."""
        size, least = images.shape[2:], 2 * self.tiles
        if min(size) < least:
            raise InputError(
                f"--tiles {self.tiles}: needs a --crop of at least {least}, 2 pixels for each tile"
            )
        mean, deviation = constants(images.device)
        black = (-mean / deviation).view(3, 1, 1)
        covered = (torch.arange(self.tiles**2, device=images.device) == hidden[:, None])[
            ..., None, None, None
        ]
        own = tiles.cut(images, self.tiles)
        seen = (own, tiles.rearranged(own, orders))
        masked, shuffled = (tiles.paste(torch.where(covered, black, each), size) for each in seen)
        return masked, shuffled

    def loss(self, output: ViewsOutput, batch: Batch) -> dict[str, Tensor]:
        """Cross-entropy of all views; β·"shuffle", which views are shuffled; γ·"covariance", L1."""
        cross_entropy = functional.cross_entropy(output.classes.float(), batch.labels.repeat(3))
        views = torch.tensor([0, 0, 1], device=batch.labels.device).repeat_interleave(len(batch.labels))
        shuffle = functional.cross_entropy(output.shuffled.float(), views)
        targets = self.targets(batch.images, output.orders, output.hidden)
        covariance = functional.l1_loss(output.covariances.float(), targets)
        return {
            "cross_entropy": cross_entropy,
            "shuffle": self.shuffle_weight * shuffle,
            "covariance": self.covariance_weight * covariance,
        }

    def targets(self, images: Tensor, orders: Tensor, hidden: Tensor) -> Tensor:
        """float32 [3B, 9·N²]: each tile's covariances, row by row; zeros of a hidden one, a moved one's own.

        Images come with ImageNet's normalisation, whatever `normalisation` says (a backbone's first layer
        sees to that); it is undone, for the covariances are of colours in 0…1.
        """
        mean, deviation = (each.view(1, 3, 1, 1) for each in constants(images.device))
        own = covariances(tiles.cut(images.float() * deviation + mean, self.tiles))
        seen = (torch.arange(self.tiles**2, device=images.device) != hidden[:, None])[..., None]
        return torch.cat([own, own * seen, tiles.rearranged(own, orders) * seen]).flatten(1)


def covariances(tiles: Tensor) -> Tensor:
    """[B, T, 9] of tiles [B, T, 3, h, w]: X·Xᵀ/(n − 1), X the n = h·w pixels of a tile less their mean."""
    pixels = tiles.flatten(3)
    centred = pixels - pixels.mean(dim=3, keepdim=True)
    return (centred @ centred.transpose(2, 3) / (pixels.shape[3] - 1)).flatten(2)
