"""What the methods of second order share: moments of the channels, roots of matrices, a head made of them.

Where a plain network averages each channel over the last map, these average the products of any two channels.
Everything from these products to the logits is computed in float32, whatever the network computes in.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional

from maskguide.learning.backbones import Backbone, last_linear
from maskguide.learning.interface import Batch, Output
from maskguide.learning.stages import FirstStage
from maskguide.system.files import InputError

LINEAR = "backbone.head.linear."  # how the names of the parameters of the last layer begin
EPSILON = 1e-5  # keeps roots of nothing from having an infinite gradient
DAMPING = 0.03  # of the gradient of the signed root
LINEAR_RATE = 5.0  # times the learning rate, of fast-MPN-COV and what follows it


class SecondOrder(nn.Module):
    """A backbone whose head describes the last map by products of its channels; cross-entropy.

    A pooling layer at the very end of `features` (VGG's, AlexNet's) is left out: moments want many cells. A
    method says its name, `most`, the channels that a 1×1 convolution reduces more to, the least number of
    `cells` of a map, and how features float32 [B, C, h, w] are described by [B, size(C)].
    """

    name: str
    most: int
    cells = 1
    not_finite = "lower --learning-rate"

    def __init__(self, backbone: Backbone, options: Mapping[str, Any]):
        super().__init__()
        if isinstance(backbone.features[-1], nn.MaxPool2d):
            backbone.features = backbone.features[:-1]
        before = backbone.head[:1] if isinstance(backbone.head[0], nn.ReLU) else nn.Sequential()  # DenseNet's
        classes = last_linear(backbone.head)[1].out_features
        channels = min(backbone.channels, self.most)
        if backbone.channels > self.most:
            before.extend(reduction(backbone.channels, channels))
        linear = nn.Linear(self.size(channels), classes)
        backbone.head = Head(self.name, before, self.describe, linear, self.cells)
        self.backbone = backbone

    @staticmethod
    def describe(features: Tensor) -> Tensor:
        raise NotImplementedError

    @staticmethod
    def size(channels: int) -> int:
        raise NotImplementedError

    def forward(self, images: Tensor) -> Output:
        """images [B, 3, H, W] float32 → logits [B, classes] float32."""
        return Output(self.backbone(images))

    def loss(self, output: Output, batch: Batch) -> dict[str, Tensor]:
        """Cross-entropy."""
        return {"cross_entropy": functional.cross_entropy(output.logits, batch.labels)}


class OfCovariance(SecondOrder):
    """Of at most 256 channels; a ResNet's last stage at stride 1, the linear layer at five times the rate."""

    most, cells = 256, 2

    def __init__(self, backbone: Backbone, options: Mapping[str, Any]):
        keep_resolution(backbone.features)
        super().__init__(backbone, options)

    def rate_factors(self) -> dict[str, float]:
        """The linear layer learns faster."""
        return {LINEAR: LINEAR_RATE}


class Bilinear(SecondOrder):
    """Of at most 512 channels, all their products; the linear layer learns alone at first.

    options: first_stage, the share of the epochs that this takes, first_stage_rate and first_stage_decay,
    learning rate and weight decay meanwhile. A method says how the linear layer begins.
    """

    most = 512

    def __init__(self, backbone: Backbone, options: Mapping[str, Any]):
        super().__init__(backbone, options)
        linear = self.backbone.head.linear
        self.begin(linear.weight)
        nn.init.zeros_(linear.bias)
        said = (options[key] for key in ("first_stage", "first_stage_rate", "first_stage_decay"))
        self.first_stage = FirstStage(LINEAR, *said)

    @staticmethod
    def begin(weight: Tensor) -> None:
        raise NotImplementedError

    @staticmethod
    def size(channels: int) -> int:
        return channels**2


class Head(nn.Module):
    """Last map [B, C, h, w] → logits [B, classes]: `before`, in float32 a descriptor, a linear layer.

    `InputError` where the map has fewer than so many cells.
    """

    def __init__(
        self,
        method: str,
        before: nn.Sequential,
        describe: Callable[[Tensor], Tensor],
        linear: nn.Linear,
        cells: int,
    ):
        super().__init__()
        self.method, self.cells, self.describe = method, cells, describe
        self.before, self.linear = before, linear

    def forward(self, features: Tensor) -> Tensor:
        height, width = features.shape[-2:]
        if height * width < self.cells:
            raise InputError(
                f"--method {self.method}: the last map of this backbone is {height}×{width}, and a "
                f"covariance needs {self.cells} cells; take larger images (--crop, and larger test images)"
            )
        features = self.before(features)
        with torch.autocast(features.device.type, enabled=False):
            return self.linear(self.describe(features.float()))


def reduction(channels: int, most: int) -> nn.Sequential:
    """Fewer channels, not below 0: a 1×1 convolution without bias, batch norm, ReLU."""
    return nn.Sequential(nn.Conv2d(channels, most, 1, bias=False), nn.BatchNorm2d(most), nn.ReLU())


def keep_resolution(features: nn.Sequential) -> None:
    """The last stage of a ResNet, or of a relative, at stride 1; other backbones stay as they are."""
    stage = features[-1]
    if isinstance(stage, nn.Sequential) and hasattr(stage[0], "downsample"):
        for module in stage.modules():
            if isinstance(module, nn.Conv2d):
                module.stride = (1, 1)


def second_moment(features: Tensor) -> Tensor:
    """G = X·Xᵀ/M [B, C, C] of features X [B, C, h, w] with M = h·w cells."""
    cells = features.flatten(start_dim=2)
    return cells @ cells.mT / cells.shape[2]


def covariance(features: Tensor) -> tuple[Tensor, Tensor]:
    """Σ = X·(1/M − 11ᵀ/M²)·Xᵀ [B, C, C] and the mean μ [B, C, 1] of features X [B, C, h, w]."""
    cells = features.flatten(start_dim=2)
    mean = cells.mean(dim=2, keepdim=True)
    centred = cells - mean
    return centred @ centred.mT / cells.shape[2], mean


def trace(matrices: Tensor) -> Tensor:
    """[B] of matrices [B, n, n], kept from 0 by ε."""
    return matrices.diagonal(dim1=1, dim2=2).sum(dim=1) + EPSILON


def frobenius_norm(matrices: Tensor) -> Tensor:
    """[B] of matrices [B, n, n], kept from 0 by ε."""
    return (matrices.square().sum(dim=(1, 2)) + EPSILON**2).sqrt()


def matrix_root(matrices: Tensor, norm: Callable[[Tensor], Tensor], steps: int) -> Tensor:
    """Square roots of matrices [B, n, n], symmetric and not below 0, by coupled Newton–Schulz steps.

    Divided by its norm (trace or Frobenius), so that the eigenvalues lie in 0…1, a matrix is Y₀; Z₀ = 1. In
    each step T = (3·1 − Z·Y)/2, Y ← Y·T, Z ← T·Z; of the last, Z is not needed. Y times the root of the norm
    is the answer, the nearer to the root the more steps; of small eigenvalues it falls short.
    """
    scale = norm(matrices)[:, None, None]
    identity = torch.eye(matrices.shape[1], dtype=matrices.dtype, device=matrices.device)
    y, z = matrices / scale, identity
    for step in range(steps):
        t = 1.5 * identity - 0.5 * (z @ y if step else y)
        y = y @ t
        if step + 1 < steps:
            z = t @ z if step else t
    return y * scale.sqrt()


def upper_triangle(matrices: Tensor) -> Tensor:
    """[B, n·(n + 1)/2] of matrices [B, n, n]: with the diagonal, row by row."""
    size = matrices.shape[1]
    rows, columns = torch.triu_indices(size, size, device=matrices.device)
    return matrices[:, rows, columns]


def signed_root(values: Tensor) -> Tensor:
    """y = sign(x)·√|x|, with the damped gradient 1 / (2·(|y| + 0.03)), which is finite at 0."""
    root = (values.sign() * values.abs().sqrt()).detach()
    return root + (values - values.detach()) / (2 * (root.abs() + DAMPING))
