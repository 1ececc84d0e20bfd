"""Backbones by name, torchvision's and timm's, cut into `features` (images → last map) and `head` (→ logits).

The children of `features` are those the authors' published code counts when it freezes "the first k", and the
head does what the original network does after its last map, so that a method can stand between the two.
"""

from __future__ import annotations

import copy
from collections.abc import Sequence
from itertools import chain
from pathlib import Path

import torch
from torch import Tensor, nn

from maskguide.learning.weights import read_weights
from maskguide.system.files import InputError

SMALL = "small"
FAMILIES = ("alexnet", "densenet", "inception_v3", "mobilenet_v2", "resnet", "resnext", "vgg", "wide_resnet")


class Backbone(nn.Module):
    """A network in two parts.

    `features`: nn.Sequential, images [B, 3, H, W] float32 (ImageNet-normalised) → map [B, `channels`, h, w].
    `head`: map → logits [B, classes]; its last linear layer is the only one that knows the classes.
    `paper_frozen_children`: how many leading children of `features` the paper freezes. `stages`: the
    parameters of each child; of timm's networks, which are one child, those of stem, stages or blocks.
    """

    def __init__(
        self,
        features: nn.Sequential,
        head: nn.Module,
        channels: int,
        paper_frozen_children: int,
        stages: list[list[nn.Parameter]] | None = None,
    ):
        super().__init__()
        self.features, self.head = features, head
        self.channels, self.paper_frozen_children = channels, paper_frozen_children
        self.stages = [list(child.parameters()) for child in features] if stages is None else stages

    def forward(self, images: Tensor) -> Tensor:
        """Logits [B, classes] of images [B, 3, H, W]."""
        return self.head(self.features(images))

    def freeze(self, children: int) -> None:
        """Stop the parameters of the first `children` children from learning; batch norms still update."""
        most = len(self.stages)
        if not 0 <= children <= most:
            raise InputError(f"--freeze {children}: this backbone has 0 to {most} children to freeze")
        for parameter in chain.from_iterable(self.stages[:children]):
            parameter.requires_grad_(False)


class ImageNetToUnitRange(nn.Module):
    """From ImageNet's normalisation to mean and standard deviation 0.5, as InceptionV3's weights expect."""

    def forward(self, images: Tensor) -> Tensor:
        """x·std + mean lies in 0…1, then 2x − 1; per channel, as torchvision's `transform_input`."""
        deviation = images.new_tensor([0.229, 0.224, 0.225]).view(1, 3, 1, 1)
        mean = images.new_tensor([0.485, 0.456, 0.406]).view(1, 3, 1, 1)
        return (images * deviation + mean) * 2 - 1


def names() -> list[str]:
    """All backbones that `create` knows."""
    from torchvision import models  # seconds of a job that trains `small` need not wait for

    known = models.list_models(module=models)
    return [SMALL, *(name for name in known if name.startswith(FAMILIES))]


def create(
    name: str,
    weights: Path | None,
    num_classes: int,
    new_layers: str = "last",
    normalisation: str = "imagenet",
) -> Backbone:
    """The backbone `name` with a new last layer for `num_classes` classes.

    `weights`: a plain state dict with torchvision's names, or with ours (what `pretrain_backbone.py` writes);
    every tensor must fit, except those of the last layer. None: random initial values, torchvision's own.
    `new_layers`: see `start_anew`; `normalisation`: "imagenet", or "half", see `ImageNetToUnitRange`.
    """
    if new_layers == "all" and weights is not None:
        raise InputError(f"--new-layers all: leaves nothing of --weights {weights}; leave one of them out")
    if name != SMALL and name not in names():
        return of_timm(name, weights, num_classes, new_layers, normalisation)
    state = {} if weights is None else read_weights(weights)
    ours = name == SMALL or any(key.startswith("head.") for key in state)
    network = None if name == SMALL else torchvision_network(name)
    complaint = f"{weights}: does not fit the backbone {name}"
    if weights is not None and not ours:
        load_all_but_last(network, state, complaint)
    backbone = small(num_classes) if network is None else cut(network, name, num_classes)
    if weights is not None and ours:
        load_all_but_last(backbone, state, complaint)
    start_anew(backbone, new_layers)
    if normalisation == "half" and name != "inception_v3":  # which has it always
        backbone.features[0] = nn.Sequential(ImageNetToUnitRange(), backbone.features[0])
    return backbone


def of_timm(
    name: str, weights: Path | None, num_classes: int, new_layers: str, normalisation: str
) -> Backbone:
    """A backbone that timm has; half of its stages count as those that a paper freezes."""
    from maskguide.learning import timm_backbones  # importing timm takes seconds

    if normalisation != "imagenet":
        raise InputError(f"--normalisation {normalisation}: {name} normalises pixels as its own weights want")
    features, head, stages = timm_backbones.create(name, weights, num_classes)
    backbone = Backbone(nn.Sequential(features), head, features.channels, len(stages) // 2, stages)
    start_anew(backbone, new_layers)
    return backbone


def start_anew(backbone: Backbone, layers: str) -> None:
    """Give layers PyTorch's default initialisation: "head", its linear ones; "all"; "last" has it already."""
    chosen = {"last": (), "head": backbone.head.modules(), "all": backbone.modules()}[layers]
    for module in chosen:
        if hasattr(module, "reset_parameters"):
            module.reset_parameters()


def load_all_but_last(
    network: nn.Module, state: dict[str, Tensor], complaint: str, last: Sequence[str] = ()
) -> None:
    """Load `state` strictly, but for the last layers: they stay new, whatever the file says of them.

    last: their names; none: the last linear layer.
    """
    own, left = network.state_dict(), tuple(f"{name}." for name in last or [last_linear(network)[0]])
    # inception's auxiliary head is not used, whether or not the file has it
    kept = {key: value for key, value in state.items() if not key.startswith((*left, "AuxLogits."))}
    missing = [key for key in own if key not in kept and not key.startswith(left)]
    missing = [key for key in missing if not key.endswith("num_batches_tracked")]  # as before PyTorch 0.4.1
    extra = [key for key in kept if key not in own]
    shapes = [key for key, value in kept.items() if key in own and value.shape != own[key].shape]
    for what, keys in (("lacks", missing), ("has unknown", extra), ("has of another shape", shapes)):
        if keys:
            such = f"{keys[0]!r} ({len(keys)} such)"
            raise InputError(f"{complaint}: it {what} {such}; give the file of this backbone")
    network.load_state_dict(kept, strict=False)


def last_linear(network: nn.Module) -> tuple[str, nn.Linear]:
    """Name and module of the last linear layer: the final classification layer."""
    return [(name, module) for name, module in network.named_modules() if isinstance(module, nn.Linear)][-1]


def stage_ends(features: nn.Sequential) -> tuple[tuple[int, int], tuple[int, int]]:
    """Where the last two stages end: (child, channels) of the last larger map, and of the last map.

    A pooling layer at the very end belongs to neither. `InputError` where no child makes a larger map.
    """
    training, maps = features.training, []
    stage = torch.zeros(1, 3, 128, 128)
    features.eval()
    with torch.no_grad():
        for child in features:
            stage = child(stage)
            maps.append(tuple(stage.shape[1:3]))  # channels, rows
    features.train(training)
    upper = max(place for place, child in enumerate(features) if not isinstance(child, nn.MaxPool2d))
    larger = [place for place in range(upper) if maps[place][1] > maps[upper][1]]
    if not larger:
        raise InputError(
            "this backbone has one stage; a method that needs two cannot use it; take small, or a --backbone "
            "of torchvision"
        )
    return (larger[-1], maps[larger[-1]][0]), (upper, maps[upper][0])


_grids: dict[str, tuple[float, float]] = {}  # by what PyTorch prints of the layers


def cell_grid(features: nn.Sequential) -> tuple[float, float]:
    """(start, stride) of the last map, along both axes: cell j looks at the pixels around start + j·stride.

    A cell does not cover the j-th part of the image: padded convolutions of stride 2, as most backbones have,
    centre the first cell on pixel 0. Made to average what it sees, the network answers a ramp with the centre
    of each cell's receptive field; the mean over both directions of the ramp undoes what maxima shift.
    No weight counts: it is worked out once, in a second for a large network, for all of the same layers.
    """
    if hasattr(features[0], "cells"):
        return features[0].cells()
    layers = repr(features)
    if layers not in _grids:
        _grids[layers] = _answered_grid(features)
    return _grids[layers]


def _answered_grid(features: nn.Sequential) -> tuple[float, float]:
    """What the network's answers to a ramp say of `cell_grid`."""
    network, height, width = copy.deepcopy(features).eval().double(), 96, 768
    small = 1e-7  # below the limit of every ReLU6
    ramp = torch.arange(width, dtype=torch.float64)
    lines = small * torch.stack([torch.ones_like(ramp), ramp, ramp.flip(0)])
    with torch.no_grad():
        for module in network.modules():
            if isinstance(module, nn.Conv2d):
                module.weight.fill_(1 / module.weight[0].numel())
            elif isinstance(module, nn.BatchNorm2d):
                module.reset_running_stats()
                module.weight.fill_(1)
            if getattr(module, "bias", None) is not None:
                module.bias.zero_()
        for block in network:
            if isinstance(block, nn.Sequential) and isinstance(block[0], ImageNetToUnitRange):
                block[0] = nn.Identity()
        answers = network(lines[:, None, None, :].expand(3, 3, height, width)).sum(dim=1)
    weight, rising, falling = answers[:, answers.shape[1] // 2]
    centres = (rising / weight + width - 1 - falling / weight) / 2
    middle = len(centres) // 2
    stride = (centres[middle] - centres[middle - 1]).item()
    return centres[middle].item() - middle * stride, stride


def torchvision_network(name: str) -> nn.Module:
    """The torchvision network of that name with random values, without an auxiliary head."""
    from torchvision import models

    if name not in names():
        families = ", ".join((SMALL, *FAMILIES))
        raise InputError(f"--backbone {name}: unknown; choose a torchvision name of the families {families}")
    if name == "inception_v3":
        # torchvision's truncated-normal initialisation takes most of a minute; the default is as good here
        return models.inception_v3(weights=None, aux_logits=False, init_weights=False)
    return models.get_model(name, weights=None)


def cut(network: nn.Module, name: str, num_classes: int) -> Backbone:
    """Cut a torchvision network after its last map and give it a new last layer."""
    channels = last_linear(network)[1].in_features
    new = nn.Linear(channels, num_classes)
    children = list(network.children())
    if name.startswith("densenet"):
        features, frozen = network.features, 8
        head: list[nn.Module] = [nn.ReLU(), nn.AdaptiveAvgPool2d(1), nn.Flatten(), new]
    elif name == "mobilenet_v2":
        features, frozen = network.features, 10
        head = [nn.AdaptiveAvgPool2d(1), nn.Flatten(), network.classifier[0], new]
    elif name.startswith(("vgg", "alexnet")):
        features = network.features
        channels = [layer for layer in features if isinstance(layer, nn.Conv2d)][-1].out_channels
        head = [network.avgpool, nn.Flatten(), *network.classifier[:-1], new]
        frozen = third_pool_and_one_convolution(features)
    elif name == "inception_v3":
        first, *others = children[: children.index(network.avgpool)]
        features = nn.Sequential(nn.Sequential(ImageNetToUnitRange(), first), *others)
        head, frozen = [network.avgpool, network.dropout, nn.Flatten(), new], 13
    else:
        features = nn.Sequential(*children[: children.index(network.avgpool)])
        head, frozen = [network.avgpool, nn.Flatten(), new], 6
    return Backbone(features, nn.Sequential(*head), channels, frozen)


def third_pool_and_one_convolution(features: nn.Sequential) -> int:
    """VGG19's 21 children, meaning the same in its sisters: up to pool 3, conv 4.1 and its ReLU.

    AlexNet's third pool is its last layer: there it is the second pool that counts.
    """
    pools = [index for index, layer in enumerate(features) if isinstance(layer, nn.MaxPool2d)]
    start = pools[2] if len(pools) > 3 else pools[1]
    return next(i for i in range(start, len(features)) if isinstance(features[i], nn.ReLU)) + 1


def small(num_classes: int) -> Backbone:
    """Our own small network, stride 8, for the CPU demonstration: 160 px → 20×20 map of 128 channels."""
    sizes = ((3, 32, 2), (32, 64, 2), (64, 96, 2), (96, 128, 1), (128, 128, 1))
    features = nn.Sequential(*(convolution_block(*each) for each in sizes))
    head = nn.Sequential(nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(128, num_classes))
    return Backbone(features, head, channels=128, paper_frozen_children=2)


def convolution_block(inputs: int, outputs: int, stride: int) -> nn.Sequential:
    """3×3 convolution, batch norm, ReLU."""
    convolution = nn.Conv2d(inputs, outputs, kernel_size=3, stride=stride, padding=1, bias=False)
    return nn.Sequential(convolution, nn.BatchNorm2d(outputs), nn.ReLU(inplace=True))
