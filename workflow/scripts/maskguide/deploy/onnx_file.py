"""A run's networks as one ONNX file, pixels in, probabilities out, compared with them before it is kept."""

from __future__ import annotations

import io
import json
import logging
import re
import warnings
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import Any, NamedTuple

import numpy as np
import onnx
import onnxruntime
import torch
from torch import Tensor, nn

from maskguide.deploy.calibration import SMALLEST
from maskguide.learning.transforms import IMAGENET_MEAN, IMAGENET_STD
from maskguide.system.files import InputError

MOST = 1e-4  # difference of a probability from the networks'
BATCHES = (1, 3)
STEP = 32  # pixels: sizes to compare at are multiples of it


class Exported(NamedTuple):
    """model: the file's content. dynamic: whether it takes images of any size, not of one alone. difference:
    the largest of a probability from the networks'."""

    model: onnx.ModelProto
    dynamic: bool
    difference: float


class Probabilities(nn.Module):
    """Networks as one: images uint8 [B, h, w, 3] → the mean of their probabilities, float32 [B, classes].

    temperature: of `calibration.tempered`, if they are calibrated.
    """

    def __init__(self, networks: Sequence[nn.Module], temperature: float | None):
        super().__init__()
        self.networks, self.temperature = nn.ModuleList(networks), temperature
        for name, values in (("mean", IMAGENET_MEAN), ("std", IMAGENET_STD)):
            self.register_buffer(name, torch.tensor(values)[:, None, None])

    def forward(self, images: Tensor) -> Tensor:
        pixels = (images.permute(0, 3, 1, 2).float() / 255 - self.mean) / self.std
        found = [network(pixels).logits.softmax(dim=1) for network in self.networks]
        mean = torch.stack(found).mean(dim=0)
        if self.temperature is None:
            return mean
        return (mean.clamp(min=SMALLEST).log() / self.temperature).softmax(dim=1)


def export(network: Probabilities, size: tuple[int, int]) -> Exported:
    """The network in evaluation mode as ONNX, for images of any size where it can be, else of `size` alone.

    size: height and width of an image as the networks see it. `InputError` where the file would not say what
    the network says, to `MOST`, or none can be written.
    """
    reason = ""
    for dynamic in (False,) if bound_to_size(network) else (True, False):
        try:
            model = converted(network, size, dynamic)
            difference = compared(network, model, sizes_around(size) if dynamic else [size])
        # whatever PyTorch's exporter and the runtime raise: the next way is tried, the last is said
        except Exception as error:
            reason = re.sub(r"\x1b\[[0-9;]*m", "", " ".join(str(error).split()))[:200]  # no colours
            continue
        if difference <= MOST:
            return Exported(model, dynamic, difference)
        reason = f"its probabilities differ by {difference:.2g} from the network's"
    raise InputError(f"this network cannot be written as ONNX ({reason}); use predict.py, or another method")


def bound_to_size(network: nn.Module) -> bool:
    """Whether layers pad by the size of what they see: as TensorFlow (EfficientNet), or to windows (Swin).

    PyTorch's exporter did not come to an end with such layers within seven minutes where the size is free.
    """
    kinds = {type(module).__name__ for module in network.modules()}
    return any(kind.endswith("Same") or kind == "SwinTransformerBlock" for kind in kinds)


def converted(network: Probabilities, size: tuple[int, int], dynamic: bool) -> onnx.ModelProto:
    """The network as ONNX, its number of images free, their height and width too if `dynamic`."""
    axes: dict[int, Any] = {0: torch.export.Dim("batch")}
    if dynamic:
        axes |= {1: torch.export.Dim.AUTO, 2: torch.export.Dim.AUTO}
    with quiet():
        program = torch.onnx.export(
            network,
            (random_images(2, size),),
            input_names=["images"],
            output_names=["probabilities"],
            dynamic_shapes=(axes,),
            dynamo=True,
            verbose=False,
        )
    return program.model_proto


@contextmanager
def quiet() -> Iterator[None]:
    """Without the exporter's warnings, which speak of its own insides."""
    before = logging.root.manager.disable
    logging.disable(logging.ERROR)
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            yield
    finally:
        logging.disable(before)


def compared(network: Probabilities, model: onnx.ModelProto, sizes: Sequence[tuple[int, int]]) -> float:
    """The largest difference of a probability, over random images of these sizes and several batches."""
    session = onnxruntime.InferenceSession(model.SerializeToString(), providers=["CPUExecutionProvider"])
    worst = 0.0
    for size in sizes:
        for count in BATCHES:
            images = random_images(count, size)
            with torch.inference_mode():
                expected = network(images).numpy()
            (found,) = session.run(None, {"images": images.numpy()})
            if found.shape != expected.shape:
                raise ValueError(f"it answers {found.shape}, not {expected.shape}")
            worst = max(worst, float(np.abs(found - expected).max()))
    return worst


def random_images(count: int, size: tuple[int, int]) -> Tensor:
    """Noise, smooth and fine, uint8 [count, h, w, 3]."""
    rng = np.random.default_rng([count, *size])
    coarse = rng.integers(0, 256, (count, *(-(-side // 8) for side in size), 3))
    smooth = coarse.repeat(8, axis=1).repeat(8, axis=2)[:, : size[0], : size[1]]
    return torch.from_numpy(((smooth + rng.integers(0, 64, smooth.shape)) * 0.8).astype(np.uint8))


def sizes_around(size: tuple[int, int]) -> list[tuple[int, int]]:
    """The size itself, a larger one, and one of another aspect ratio."""
    height, width = size
    return [size, (height + STEP, width + STEP), (height, width + 2 * STEP)]


def described(model: onnx.ModelProto, facts: Mapping[str, Any]) -> None:
    """Write facts into a model's metadata, each as JSON."""
    for name, value in facts.items():
        entry = model.metadata_props.add()
        entry.key, entry.value = name, json.dumps(value, ensure_ascii=False)


def content(model: onnx.ModelProto) -> bytes:
    """The file's bytes."""
    held = io.BytesIO()
    onnx.save_model(model, held)
    return held.getvalue()
