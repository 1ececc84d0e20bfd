"""Backbones by timm's names: ConvNeXt, EfficientNet, TinyViT, Swin, ViT, DINOv2 and DINOv3.

Of a network that works on tokens the map is the grid of its patches; class and register tokens stay apart,
and no method sees them.
"""

from __future__ import annotations

import difflib
import sys
from contextlib import AbstractContextManager, nullcontext
from pathlib import Path

import torch
from torch import Tensor, nn
from torch.nn import functional
from torch.nn.attention import SDPBackend, sdpa_kernel

from maskguide.learning import backbones
from maskguide.learning.weights import read_weights
from maskguide.system.files import InputError

CHECKED = 448  # pixels: a multiple of 14, 16 and 32, the side of the image by which a stride is measured

EVEN = 32  # sides that stay even through all stages


class TimmMap(nn.Module):
    """A timm network up to its last map: images [B, 3, H, W], ImageNet-normalised → [B, channels, h, w].

    mean, deviation: what the network's own pixels were normalised by, three numbers each.
    """

    foldable = False  # its batch norms stay: it has branches that cannot be traced

    def __init__(self, network: nn.Module, mean: tuple[float, ...], deviation: tuple[float, ...]):
        super().__init__()
        self.network, self.channels = network, network.num_features
        self.mean, self.deviation = mean, deviation
        self.patch = getattr(getattr(network, "patch_embed", None), "patch_size", (1, 1))
        if any(_is_same(module) for module in network.modules()):
            # TensorFlow's padding lies elsewhere for each size, and with it the cells: even sizes alone
            self.patch = (EVEN, EVEN)

    def forward(self, images: Tensor) -> Tensor:
        """Sides that are no multiple of the patch are filled up with the mean colour, right and bottom."""
        attention = attention_for(images)
        images = self._normalised(images)
        below, right = (-side % each for side, each in zip(images.shape[2:], self.patch, strict=True))
        images = functional.pad(images, (0, right, 0, below))
        with attention:
            maps = self.network.forward_features(images)
        forget_positions(self.network)
        if maps.ndim == 3:
            grid = [side // each for side, each in zip(images.shape[2:], self.patch, strict=True)]
            tokens = maps[:, self.network.num_prefix_tokens :]
            return tokens.transpose(1, 2).reshape(len(maps), -1, *grid)
        return maps if maps.shape[1] == self.channels else maps.permute(0, 3, 1, 2).contiguous()

    def _normalised(self, images: Tensor) -> Tensor:
        """From ImageNet's normalisation to the network's own."""
        mean, deviation, own_mean, own_deviation = (
            images.new_tensor(each).view(1, 3, 1, 1)
            for each in ((0.485, 0.456, 0.406), (0.229, 0.224, 0.225), self.mean, self.deviation)
        )
        return (images * deviation + mean - own_mean) / own_deviation

    def cells(self) -> tuple[float, float]:
        """(start, stride) of the map's cells, in pixels, as `backbones.cell_grid` has it.

        By the layers that make the map smaller, in their order: one with kernel k, stride s and p pixels of
        padding at the left moves the first cell by (k − 1)/2 − p cells of the map before it.
        """
        start, stride = 0.0, 1
        for module in self.network.modules():
            kernel, step, left = _reduction(module)
            if step > 1:
                start += stride * ((kernel - 1) / 2 - left)
                stride *= step
        training = self.training
        with torch.no_grad():
            found = CHECKED / self.eval()(torch.zeros(1, 3, CHECKED, CHECKED)).shape[-1]
        self.train(training)
        if found != stride:
            raise InputError(
                f"--backbone: where the cells of {type(self.network).__name__}'s map look is not known; take "
                "another backbone, or mask_pooling: parts"
            )
        return start, float(stride)


def attention_for(images: Tensor) -> AbstractContextManager:
    """A forward pass on `images` goes in here: it chooses who computes the attention.

    Who asks for gradients with respect to pixels may learn from them, that is, differentiate them once more.
    Fused attention has no second derivative; attention computed step by step has.
    """
    twice = images.requires_grad and torch.is_grad_enabled()
    return sdpa_kernel(SDPBackend.MATH) if twice else nullcontext()


def forget_positions(network: nn.Module) -> None:
    """Drop the weights of relative positions that some networks (TinyViT) keep from one pass to the next.

    In evaluation mode they are looked up once and kept with all that hangs on them: with a gradient nothing
    can be copied, without one none can be asked for, and weights loaded later would not count.
    """
    for module in network.modules():
        if getattr(module, "attention_bias_cache", None):
            module.attention_bias_cache = {}


def _is_same(module: nn.Module) -> bool:
    """Whether a layer pads as TensorFlow does ("SAME")."""
    return type(module).__name__.endswith("Same")


def _reduction(module: nn.Module) -> tuple[int, int, int]:
    """Kernel, stride and padding at the left of a layer that makes a map smaller; (1, 1, 0) of all others.

    1×1 convolutions of stride 2 stand beside another path that is counted.
    """
    if isinstance(module, (nn.Conv2d, nn.MaxPool2d)):
        kernel, step, padding = (
            each[0] if isinstance(each, tuple) else each
            for each in (module.kernel_size, module.stride, module.padding)
        )
        if kernel == 1 or step == 1:
            return 1, 1, 0
        if _is_same(module):  # of even sides: the odd pixel lies at the right
            padding = max(kernel - step, 0) // 2
        return kernel, step, padding
    if type(module).__name__ == "PatchMerging" and hasattr(module, "reduction"):  # Swin's
        return 2, 2, 0
    return 1, 1, 0


def stages_of(network: nn.Module) -> list[list[nn.Parameter]]:
    """The parameters of each part that can be frozen, in timm's order: the stem, then stages or blocks."""
    from timm.models import group_parameters

    named = dict(network.named_parameters())
    groups = group_parameters(network, network.group_matcher(coarse=True))
    return [[named[name] for name in names if name in named] for _, names in sorted(groups.items())]


def create(name: str, weights: Path | None, num_classes: int) -> tuple[TimmMap, nn.Sequential, list]:
    """The map, the head (pooling, the network's own norm if one comes after it, a new linear layer), stages.

    weights: a state dict in timm's names, or in those of the network's authors where timm converts them; each
    tensor must fit, but for the classifier.
    """
    network = _network(name, num_classes)
    if weights is not None:
        _load(network, weights, name)
    mean, deviation = network.pretrained_cfg["mean"], network.pretrained_cfg["std"]
    network.reset_classifier(0, "")
    pooling, flatten, norm = nn.AdaptiveAvgPool2d(1), nn.Flatten(), _norm_after_pooling(network)
    head = [pooling, flatten]
    if norm is not None:  # of maps [B, C, 1, 1], or of their channels alone
        head = [pooling, norm, flatten] if type(norm).__name__.endswith("2d") else [pooling, flatten, norm]
    head.append(nn.Linear(network.num_features, num_classes))
    return TimmMap(network, mean, deviation), nn.Sequential(*head), stages_of(network)


def _norm_after_pooling(network: nn.Module) -> nn.Module | None:
    """The norm that stands between pooling and classifier, taken out; None where the map is normalised."""
    for part, name in ((getattr(network, "head", None), "norm"), (network, "fc_norm")):
        norm = getattr(part, name, None)
        if norm is not None and not isinstance(norm, nn.Identity):
            setattr(part, name, nn.Identity())
            return norm
    return None


def _network(name: str, num_classes: int) -> nn.Module:
    """timm's network with random values, one that takes images of any size.

    A name may end in that of its weights (`vit_small_patch16_224.dino`), which say how pixels are normalised.
    """
    import timm

    plain = name.partition(".")[0]
    if not timm.is_model(plain):
        near = difflib.get_close_matches(plain, timm.list_models(), n=3)
        nearest = f"; the nearest are {', '.join(near)}" if near else ""
        raise InputError(f"--backbone {name}: unknown; neither torchvision nor timm has it{nearest}")
    tags = timm.list_pretrained(f"{plain}.*")
    if name not in (plain, *tags):
        known = f"those of {plain} are {', '.join(tags)}" if tags else f"there are none of {plain}"
        raise InputError(f"--backbone {name}: timm knows no such weights; {known}")
    for options in ({"dynamic_img_size": True}, {"strict_img_size": False}, {}):
        try:
            network = timm.create_model(name, pretrained=False, num_classes=num_classes, **options)
        except TypeError:  # of another family
            continue
        if not (hasattr(network, "forward_features") and hasattr(network, "num_features")):
            break
        return network
    raise InputError(f"--backbone {name}: has no last map that timm gives out; take another one")


def _load(network: nn.Module, path: Path, name: str) -> None:
    """Load a file strictly, but for the classifier, converted by timm where its authors' names differ."""
    state = read_weights(path)
    convert = getattr(sys.modules[type(network).__module__], "checkpoint_filter_fn", None)
    if convert is not None:
        state = convert(state, network)
    classifier = network.pretrained_cfg.get("classifier") or "head"
    last = (classifier,) if isinstance(classifier, str) else tuple(classifier)
    backbones.load_all_but_last(network, state, f"{path}: does not fit the backbone {name}", last)
