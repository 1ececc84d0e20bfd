"""Top-down spatial attention loss (TDSA): channels that belong to classes, at two stages of the backbone.

"Fine-Grained Visual Classification via Simultaneously Learning of Multi-regional Multi-grained Features"; the
terms are those of the authors' published code, which the abstract leaves unsaid.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional

from maskguide.learning.backbones import Backbone, last_linear, stage_ends
from maskguide.learning.interface import Batch, Output

LOWER_CHANNELS, UPPER_CHANNELS = 9, 3  # per class


@dataclass
class StagesOutput(Output):
    """In training, the maps that the loss reads.

    lower [B, 9·L, h, w] and upper [B, 3·L, h', w'], not below 0: channels ξ·c … ξ·(c+1)−1 are class c's.
    """

    lower: Tensor | None = None
    upper: Tensor | None = None


class TopDownSpatialAttention(nn.Module):
    """Cross-entropy, and at two stages terms that give each class channels of its own, unlike each other.

    On a VGG with batch norm the stages' last convolutions have 9 and 3 channels per class and the head is the
    published one; on any other backbone 1×1 adapters make those channels from its last map and from the
    last one larger than that, and the backbone keeps its head. Nothing is added at test time.

    options: terms, "attention" (all), "channels" (without top-down attention) or "cross_entropy" (alone);
    discriminality_weight α and diversity_weight β, the same at both stages.
    """

    def __init__(self, backbone: Backbone, options: Mapping[str, Any]):
        super().__init__()
        self.terms = options["terms"]
        self.discriminality_weight = options["discriminality_weight"]
        self.diversity_weight = options["diversity_weight"]
        self.num_classes = last_linear(backbone.head)[1].out_features  # L
        self.backbone = backbone
        channels = LOWER_CHANNELS * self.num_classes, UPPER_CHANNELS * self.num_classes
        if is_vgg_with_batch_norm(backbone.features):
            rebuild(backbone, *channels, self.num_classes)
            adapters = (nn.Identity(), nn.Identity())
            self.ends = [end for end, _ in stage_ends(backbone.features)]
        else:
            (lower, lower_inputs), (upper, upper_inputs) = stage_ends(backbone.features)
            adapters = (adapter(lower_inputs, channels[0]), adapter(upper_inputs, channels[1]))
            self.ends = [lower, upper]
        self.adapters = nn.ModuleList(adapters if self.terms != "cross_entropy" else ())

    def forward(self, images: Tensor) -> Output:
        """images [B, 3, H, W] float32 → logits [B, L]; in training with the two stages' maps."""
        if not self.training or self.terms == "cross_entropy":
            return Output(self.backbone(images))
        features, found = images, []
        for place, child in enumerate(self.backbone.features):
            features = child(features)
            if place in self.ends:
                found.append(features)
        lower, upper = (adapt(stage) for adapt, stage in zip(self.adapters, found, strict=True))
        return StagesOutput(self.backbone.head(features), lower=lower, upper=upper)

    def loss(self, output: Output, batch: Batch) -> dict[str, Tensor]:
        """L_ce and, for each stage, α·discriminality and β·diversity."""
        terms = {"cross_entropy": functional.cross_entropy(output.logits.float(), batch.labels)}
        if self.terms == "cross_entropy":
            return terms
        lower, upper = output.lower.float(), output.upper.float()
        if self.terms == "attention":
            lower = lower * top_down_attention(upper, lower.shape)
        for name, stage in (("lower", lower), ("upper", upper)):
            groups = stage.unflatten(1, (self.num_classes, -1))  # [B, L, ξ, h, w]
            kept = random_channels(*groups.shape[1:3], stage.device)
            discriminality = functional.cross_entropy(class_scores(groups, kept), batch.labels)
            terms[f"discriminality_{name}"] = self.discriminality_weight * discriminality
            terms[f"diversity_{name}"] = self.diversity_weight * diversity(groups)
        return terms


def top_down_attention(upper: Tensor, shape: torch.Size) -> Tensor:
    """In 0…1, of the lower map's shape: the sigmoid of the upper map [B, 3·L, h', w'], enlarged to its grid,
    each channel repeated so that every class attends to its own channels."""
    attention = functional.interpolate(upper.sigmoid(), size=shape[-2:], mode="nearest")
    return attention.repeat_interleave(shape[1] // upper.shape[1], dim=1)


def random_channels(num_classes: int, channels: int, device: torch.device) -> Tensor:
    """float32 [L, ξ]: 1 for the more than half of each class's channels (2 of 3, 5 of 9) drawn at random."""
    order = torch.rand(num_classes, channels, device=device).argsort(dim=1)
    return (order < channels // 2 + 1).float()


def class_scores(groups: Tensor, kept: Tensor) -> Tensor:
    """[B, L] from maps [B, L, ξ, h, w]: the maximum over a class's kept [L, ξ] channels, averaged over
    positions. Whoever is left out counts as 0."""
    return (groups * kept[None, :, :, None, None]).amax(dim=2).mean(dim=(2, 3))


def diversity(groups: Tensor) -> Tensor:
    """0 where the channels of a class look at places of their own, 1 − 1/ξ where all look at the same.

    groups [B, L, ξ, h, w]. Softmax over positions for each channel, the maximum over the class's channels,
    summed over positions: between 1 and ξ; averaged over classes and images, divided by ξ, taken from 1.
    """
    places = groups.flatten(start_dim=3).softmax(dim=3)  # [B, L, ξ, h·w]
    return 1 - places.amax(dim=2).sum(dim=2).mean() / groups.shape[2]


def adapter(inputs: int, outputs: int) -> nn.Sequential:
    """A stage's map to the channels of the classes; not below 0, as the published network's own maps."""
    return nn.Sequential(nn.Conv2d(inputs, outputs, 1, bias=False), nn.BatchNorm2d(outputs), nn.ReLU())


def is_vgg_with_batch_norm(features: nn.Sequential) -> bool:
    """Whether the published network can be made of it: five stages of convolution, batch norm, ReLU."""
    pools = sum(isinstance(layer, nn.MaxPool2d) for layer in features)
    return pools == 5 and isinstance(features[1], nn.BatchNorm2d)


def rebuild(backbone: Backbone, lower: int, upper: int, num_classes: int) -> None:
    """The published network: `lower` channels at the end of stage 4, `upper` at that of stage 5, its head."""
    features = backbone.features
    convolutions = [i for i, layer in enumerate(features) if isinstance(layer, nn.Conv2d)]
    pools = [i for i, layer in enumerate(features) if isinstance(layer, nn.MaxPool2d)]
    fourth = max(i for i in convolutions if i < pools[3])
    fifth = max(convolutions)
    after = min(i for i in convolutions if i > pools[3])
    features[fourth] = convolution(features[fourth].in_channels, lower)
    features[fourth + 1] = nn.BatchNorm2d(lower)
    features[after] = convolution(lower, features[after].out_channels)
    features[fifth] = convolution(features[fifth].in_channels, upper)
    features[fifth + 1] = nn.BatchNorm2d(upper)
    backbone.channels = upper
    flat = upper * 7 * 7
    backbone.head = nn.Sequential(
        *(nn.AdaptiveMaxPool2d(7), nn.Flatten(), nn.BatchNorm1d(flat), nn.Linear(flat, 512)),
        *(nn.BatchNorm1d(512), nn.ELU(), nn.Linear(512, num_classes)),
    )


def convolution(inputs: int, outputs: int) -> nn.Conv2d:
    return nn.Conv2d(inputs, outputs, kernel_size=3, padding=1)
