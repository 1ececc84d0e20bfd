"""Segmenters: any segmentation-models-pytorch network inside hierarchical multi-scale attention.

After Tao, Sapra, Catanzaro, "Hierarchical Multi-Scale Attention for Semantic Segmentation" (HMSANet, arXiv
2005.10821), with the encoder and decoder of any segmentation-models-pytorch architecture as the trunk.
"""

from __future__ import annotations

import inspect
import logging
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import NamedTuple

import numpy as np
import segmentation_models_pytorch as smp
import torch
from segmentation_models_pytorch.base.initialization import initialize_decoder
from torch import Tensor, nn
from torch.nn import functional

from maskguide.learning import weights
from maskguide.learning.precision import mixed_precision
from maskguide.learning.transforms import normalise
from maskguide.system.files import InputError

log = logging.getLogger("maskguide")
ATTENTION_CHANNELS = 256


@dataclass(frozen=True)
class Architecture:
    """What a segmenter is built from; stored beside its weights.

    `classes` are the mask classes without background; the network has one channel more, background first.
    `encoder_depth` and `decoder_channels` None: the architecture's own defaults.
    """

    architecture: str
    encoder: str
    classes: tuple[str, ...]
    encoder_depth: int | None = None
    decoder_channels: tuple[int, ...] | None = None


class Prediction(NamedTuple):
    """One scale's prediction: logits p [B, 1 + K, h, w] and attention a [B, 1, h, w] in 0..1."""

    scale: float
    logits: Tensor
    attention: Tensor


class Heads(nn.Module):
    """Segmentation head and attention head on the same decoder features, stacked: [B, 1 + K + 1, h, w]."""

    def __init__(self, segmentation: nn.Module) -> None:
        super().__init__()
        channels = next(layer.in_channels for layer in segmentation.modules() if isinstance(layer, nn.Conv2d))
        hidden = min(channels, ATTENTION_CHANNELS)
        self.segmentation = segmentation
        self.attention = nn.Sequential(
            *(nn.Conv2d(channels, hidden, 3, padding=1, bias=False), nn.BatchNorm2d(hidden), nn.ReLU(True)),
            *(nn.Conv2d(hidden, hidden, 3, padding=1, bias=False), nn.BatchNorm2d(hidden), nn.ReLU(True)),
            *(nn.Conv2d(hidden, 1, 1), nn.Sigmoid()),
        )
        initialize_decoder(self.attention)

    def forward(self, features: Tensor) -> Tensor:
        logits = self.segmentation(features).float()
        attention = resize(self.attention(features).float(), logits.shape[-2:])
        return torch.cat([logits, attention], dim=1)


class HierarchicalSegmenter(nn.Module):
    """Shared trunk, segmentation head and attention head, run at several scales and combined per pixel."""

    def __init__(self, architecture: Architecture) -> None:
        super().__init__()
        self.architecture = architecture
        self.network = create_network(architecture)
        self.network.segmentation_head = Heads(self.network.segmentation_head)

    def forward(self, images: Tensor, scales: Sequence[float]) -> tuple[Tensor, list[Prediction]]:
        """Logits [B, 1 + K, H, W] of normalised images [B, 3, H, W], and the predictions they combine."""
        predictions = [self.predict_at(images, scale) for scale in scales]
        return combine(predictions, images.shape[-2:]), predictions

    def predict_at(self, images: Tensor, scale: float) -> Prediction:
        """Prediction on the images resized by `scale`: padded to the encoder's stride, then cut back."""
        height, width = (max(1, round(side * scale)) for side in images.shape[-2:])
        stride = self.network.encoder.output_stride
        scaled = functional.pad(resize(images, (height, width)), (0, -width % stride, 0, -height % stride))
        stacked = resize(self.network(scaled), scaled.shape[-2:])[..., :height, :width]
        return Prediction(scale, stacked[:, :-1], stacked[:, -1:])


def combine(predictions: Sequence[Prediction], size: Sequence[int]) -> Tensor:
    """Combine neighbouring scales by the attention of the coarser one (the paper's section 3.2).

    From the finest scale down to the coarsest, with the joint prediction P so far:
    `P ← up(a_s · p_s) + (1 − up(a_s)) · P`, where up() brings the coarser scale s to P's size; for s ≥ 1 it
    is P that is brought down to the coarser scale's size. The finest scale's own attention is not used.
    The weights of the scales sum to 1 at every pixel. Returns logits of `size` (height, width).
    """
    finest, *coarser = sorted(predictions, key=lambda prediction: prediction.scale, reverse=True)
    joint = finest.logits
    for scale, logits, attention in coarser:
        if scale >= 1:
            joint = resize(joint, logits.shape[-2:])
        target = joint.shape[-2:]
        joint = resize(attention * logits, target) + (1 - resize(attention, target)) * joint
    return resize(joint, size)


def resize(maps: Tensor, size: Sequence[int]) -> Tensor:
    """Maps [B, C, h, w] resized bilinearly to `size` (height, width)."""
    if tuple(maps.shape[-2:]) == tuple(size):
        return maps
    return functional.interpolate(maps, size=tuple(size), mode="bilinear", align_corners=False)


def create_network(architecture: Architecture) -> nn.Module:
    """The segmentation-models-pytorch network, random weights; `InputError` if there is none of that kind."""
    name = architecture.architecture
    builder = smp.MODEL_ARCHITECTURES_MAPPING.get(name.lower())
    if builder is None:
        known = ", ".join(model.__name__ for model in smp.MODEL_ARCHITECTURES_MAPPING.values())
        raise InputError(f"architecture {name}: unknown to segmentation-models-pytorch; choose among {known}")
    depth, channels = architecture.encoder_depth, architecture.decoder_channels
    options: dict[str, object] = {} if depth is None else {"encoder_depth": depth}
    parameter = inspect.signature(builder).parameters.get("decoder_channels")
    by_stage = parameter is not None and isinstance(parameter.default, tuple)
    if channels is not None and not by_stage:
        raise InputError(f"decoder_channels: {name} has no such stages; leave it out")
    if channels is not None:
        options["decoder_channels"] = list(channels)
    elif depth is not None and by_stage:
        options["decoder_channels"] = parameter.default[-depth:]  # one per encoder stage, the finest kept
    options |= {"encoder_weights": None, "classes": len(architecture.classes) + 1}
    try:
        return builder(architecture.encoder, **options)
    except (KeyError, ValueError, TypeError, RuntimeError) as error:
        message, chosen = " ".join(str(error).split())[:300], f"{name} with encoder {architecture.encoder}"
        raise InputError(f"{chosen}: cannot be built ({message}); choose other segmenter options") from error


def load_encoder_weights(model: HierarchicalSegmenter, path: str | Path) -> None:
    """Load a torchvision state dict into the encoder: every tensor, the classifier head left out.

    Raises `InputError` when the file cannot be read or does not fit the encoder.
    """
    state, encoder, name = read_checkpoint(path), model.network.encoder, model.architecture.encoder
    way_out = "give torchvision's weights of that very network"
    with weights.refused(path, f"does not fit encoder {name}", way_out):
        encoder.load_state_dict(dict(state))
    told = "%s: %d of its %d tensors loaded into all of encoder %s (the rest: classifier head)"
    log.info(told, path, len(encoder.state_dict()), len(state), name)


def load_segmenter_weights(model: HierarchicalSegmenter, path: str | Path) -> None:
    """Start from another data set's segmenter; the segmentation head is kept only for the same classes.

    Raises `InputError` when that segmenter has another architecture.
    """
    source = load(path)
    for key, wanted in asdict(model.architecture).items():
        found = getattr(source.architecture, key)
        if key != "classes" and found != wanted:
            raise InputError(f"{path}: its {key} is {found}, not {wanted}; use the same segmenter options")
    same, state = source.architecture.classes == model.architecture.classes, source.state_dict()
    if not same:
        state = {name: each for name, each in state.items() if ".segmentation_head.segmentation." not in name}
    model.load_state_dict(state, strict=same)
    log.info("%s: %d tensors taken over, segmentation head %s", path, len(state), "kept" if same else "new")


def save(path: Path, model: HierarchicalSegmenter) -> None:
    """Write `model.pt`: a plain dict of the architecture's options and the state dict."""
    weights.write(path, model, asdict(model.architecture))


def load(path: str | Path) -> HierarchicalSegmenter:
    """Read a segmenter written by `save`, on the CPU; `InputError` when the file is none."""
    content = read_checkpoint(path)
    with weights.refused(path, "is no segmenter", "run train_segmenter.py again"):
        state = content.pop("state_dict")
        options = {key: tuple(each) if isinstance(each, list) else each for key, each in content.items()}
        model = HierarchicalSegmenter(Architecture(**options))
        model.load_state_dict(state)
    return model


def read_checkpoint(path: str | Path) -> dict:
    """Read a dict of tensors and plain values, on the CPU, running none of the file's code."""
    content = weights.read(path, "cannot be read as PyTorch weights", "give a state dict")
    if not isinstance(content, dict):
        raise InputError(f"{path}: holds a {type(content).__name__}, not a dict; give a state dict")
    return content


@torch.inference_mode()
def predict(
    model: HierarchicalSegmenter, image: np.ndarray, scales: Sequence[float], device: str = "cpu"
) -> np.ndarray:
    """Class probabilities, float32 [1 + K, H, W], of a whole image, uint8 [H, W, 3]."""
    model.to(device).eval()
    pixels = torch.from_numpy(image).permute(2, 0, 1)[None].to(device)
    with mixed_precision(device):
        logits, _ = model(normalise(pixels), scales)
    return logits[0].float().softmax(dim=0).cpu().numpy()
