"""Guidance through the loss: what the network explains its answer by must lie inside the mask.

S is an attribution map of the true class, m the mask in 0…1, S⁺ what of S is positive. `Energy`, `L1` (both
Rao et al., "Studying How to Efficiently and Effectively Guide Models with Explanations", ICCV 2023) and
`RightReasons` (Ross et al., "Right for the Right Reasons", IJCAI 2017) differ in one line each. The network
is the backbone's own: nothing is added, nothing changes at test time.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional

from maskguide.learning.backbones import Backbone, cell_grid
from maskguide.learning.cells import cell_spans
from maskguide.learning.interface import Batch, MaskUse, Output, mean_where
from maskguide.system.files import InputError

NOTHING = 1e-7  # what a sum of S⁺ must reach to be divided by


@dataclass
class ExplainedOutput(Output):
    """In training, what the explanation is made of.

    features: the last map [B, C, h, w], as it is averaged; images: [B, 3, H, W], whose gradient is known.
    """

    features: Tensor | None = None
    images: Tensor | None = None


class Explained(nn.Module):
    """Cross-entropy, and `penalty` of the explanation, averaged over the images that have a mask.

    options: guidance_weight; explain, what S is. "cam": class activation map, S = w_y·F / (h·w) with the last
    map F and the true class's weights w_y, so that S adds up to the class's logit but for its bias; only for
    heads of average pooling and one linear layer. "input": gradients with respect to the pixels, see
    `of_pixels`; each pixel then has the mask of the cell that it lies in.
    """

    def __init__(self, backbone: Backbone, options: Mapping[str, Any]):
        super().__init__()
        self.guidance_weight, self.explain = options["guidance_weight"], options["explain"]
        self.mask_use = MaskUse(pooling="cells")
        self.backbone = backbone
        if self.explain == "cam":
            check_head(backbone.head)
        else:
            self.cells = cell_grid(backbone.features)

    def forward(self, images: Tensor) -> Output:
        """images [B, 3, H, W] float32 → logits [B, classes]; in training with what explains them."""
        if not self.training:
            return Output(self.backbone(images))
        if self.explain == "input":
            images = images.detach().requires_grad_()
            return ExplainedOutput(self.backbone(images), images=images)
        features = self.backbone.features(images)
        first = self.backbone.head[0]  # DenseNet's head begins with a ReLU
        pooled = first(features) if isinstance(first, nn.ReLU) else features
        return ExplainedOutput(self.backbone.head(features), features=pooled)

    def loss(self, output: ExplainedOutput, batch: Batch) -> dict[str, Tensor]:
        """Cross-entropy, and "explanation"."""
        terms = {"cross_entropy": functional.cross_entropy(output.logits.float(), batch.labels)}
        masks = batch.masks[:, 0]
        if self.explain == "cam":
            maps = class_activation(output.features, self.backbone.head[-1].weight, batch.labels)
        else:
            maps = self.of_pixels(output, batch.labels)
            masks = over_pixels(masks, maps.shape[-2:], self.cells)
        penalties = mean_where(self.penalty(maps, masks), batch.mask_present[:, 0])
        return {**terms, "explanation": self.guidance_weight * penalties}

    def of_pixels(self, output: ExplainedOutput, labels: Tensor) -> Tensor:
        """S [B, H, W]: the gradient of the true class's logit times the pixel, summed over the colours."""
        logits = output.logits.float().gather(1, labels[:, None])
        return (input_gradient(logits, output.images) * output.images).sum(dim=1)

    def penalty(self, maps: Tensor, masks: Tensor) -> Tensor:
        """[B] of S and m, both [B, h, w]."""
        raise NotImplementedError


class Energy(Explained):
    """The share of S⁺ that lies outside the mask."""

    def penalty(self, maps: Tensor, masks: Tensor) -> Tensor:
        """1 − Σ m·S⁺ / Σ S⁺, or 1 − Σ m·S⁺ where there is next to nothing to divide by."""
        positive = maps.relu()
        total, inside = (each.sum(dim=(1, 2)) for each in (positive, masks * positive))
        return 1 - inside / total.where(total >= NOTHING, 1)


class L1(Explained):
    """S⁺ is drawn towards the mask itself, so that it fills it too."""

    def penalty(self, maps: Tensor, masks: Tensor) -> Tensor:
        """Mean over positions of |S⁺ / max S⁺ − m|."""
        positive = maps.relu()
        highest = positive.amax(dim=(1, 2), keepdim=True)
        return (positive / highest.where(highest > 0, 1) - masks).abs().mean(dim=(1, 2))


class RightReasons(Explained):
    """RRR: outside the mask nothing may speak for or against anything."""

    def of_pixels(self, output: ExplainedOutput, labels: Tensor) -> Tensor:
        """|S| [B, H, W]: the length, over the colours, of the gradient of Σ log p over the classes."""
        surprise = output.logits.float().log_softmax(dim=1)
        squares = input_gradient(surprise, output.images).square().sum(dim=1)
        return (squares + torch.finfo(squares.dtype).tiny).sqrt()  # a root has no gradient at 0

    def penalty(self, maps: Tensor, masks: Tensor) -> Tensor:
        """Σ (1 − m)·S²."""
        return ((1 - masks) * maps.square()).sum(dim=(1, 2))


def class_activation(features: Tensor, weight: Tensor, labels: Tensor) -> Tensor:
    """S [B, h, w] float32 of features F [B, C, h, w], weights [classes, C] and labels [B]."""
    spoken = (weight.float()[labels, :, None, None] * features.float()).sum(dim=1)
    return spoken / (features.shape[-2] * features.shape[-1])


def input_gradient(answers: Tensor, images: Tensor) -> Tensor:
    """∂ Σ answers / ∂ images, float32 [B, 3, H, W], itself with a gradient, for it is learnt from."""
    return torch.autograd.grad(answers.sum(), images, create_graph=True)[0].float()


def over_pixels(masks: Tensor, size: tuple[int, int], cells: tuple[float, float]) -> Tensor:
    """Masks [B, h, w] stretched over an image of `size`: each pixel has the value of its cell.

    cells: start and stride, as in `cell_grid`.
    """
    for axis, length in zip((1, 2), size, strict=True):
        begin, end = cell_spans(masks.shape[axis], length, *cells)
        widths = torch.as_tensor(end - begin, device=masks.device)
        masks = masks.repeat_interleave(widths, dim=axis, output_size=length)
    return masks


def check_head(head: nn.Module) -> None:
    """`InputError` for a head that is not average pooling and one linear layer."""
    *before, last = head
    pooling = [each for each in before if isinstance(each, nn.AdaptiveAvgPool2d)]
    others = (nn.AdaptiveAvgPool2d, nn.ReLU, nn.Flatten, nn.Dropout)
    plain = isinstance(last, nn.Linear) and all(isinstance(each, others) for each in before)
    if not plain or [each.output_size in (1, (1, 1)) for each in pooling] != [True]:
        raise InputError(
            "--explain cam: this backbone's head is not average pooling and one linear layer; take --explain "
            "input, or another backbone"
        )
