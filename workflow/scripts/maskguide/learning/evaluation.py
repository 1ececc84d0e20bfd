"""Predictions for the test images, and the metrics drawn from them."""

from __future__ import annotations

import copy
from collections.abc import Callable, Iterator, Sequence
from contextlib import AbstractContextManager, nullcontext
from functools import partial
from itertools import groupby
from typing import Protocol

import numpy as np
import pandas as pd
import torch
from torch import nn
from torch.fx.experimental.optimization import fuse

from maskguide.data.ahead import ahead
from maskguide.data.store import ImageStore
from maskguide.learning.batches import WORKERS, images_on, pinned
from maskguide.learning.interface import Output
from maskguide.learning.memory import AtOnce
from maskguide.learning.precision import mixed_precision

# Images of equal size go through the network together, up to so many pixels: on a CPU larger batches are
# slower per image (they leave the cache), on a GPU smaller ones.
PIXELS_AT_ONCE = {"cpu": 300_000, "cuda": 8_000_000}
SIZES_PLANNED = 4  # image sizes for which a GPU's convolutions are planned; with more, planning costs more


class Images(Protocol):
    """Images that a network can be asked about: `ImageStore`s are.

    layout: a row for each, with its height and width. image: of a row, uint8 [h, w, 3].
    """

    layout: pd.DataFrame

    def image(self, i: int) -> np.ndarray: ...


# The next two give scikit-learn's numbers to the bit; importing it would take each training a second.
def top1(labels: Sequence[int], predicted: Sequence[int]) -> float:
    """Share of right answers, percent."""
    return 100 * float(np.mean(np.asarray(labels) == np.asarray(predicted)))


def macro_f1(labels: Sequence[int], predicted: Sequence[int], num_classes: int) -> float:
    """Mean over all classes of 2·precision·recall / (precision + recall), percent; 0 for one never right."""
    labels, predicted = np.asarray(labels), np.asarray(predicted)
    right = np.bincount(labels[labels == predicted], minlength=num_classes)
    named = np.bincount(labels, minlength=num_classes) + np.bincount(predicted, minlength=num_classes)
    return 100 * float(np.mean(2.0 * right / np.maximum(named, 1)))


def for_inference(model: nn.Module) -> nn.Module:
    """A copy of a method in evaluation mode, its batch norms folded into the convolutions before them.

    The same function to rounding, at about half the time on a CPU.
    """
    model = copy.deepcopy(model).eval()
    model.backbone.features = folded(model.backbone.features)
    return model.to(memory_format=torch.channels_last)


def folded(features: nn.Module) -> nn.Module:
    """A backbone's features for inference, their batch norms folded where they can be, in place."""
    features = features.eval()
    if all(getattr(child, "foldable", True) for child in features):
        features = fuse(features, inplace=True)
    return features.to(memory_format=torch.channels_last)


def predict(
    model: nn.Module, images: ImageStore, rows: Sequence[int], device: str, at_once: AtOnce | None = None
) -> tuple[np.ndarray, np.ndarray]:
    """Predicted class ids (int) and their probabilities (float) for whole images, in the order of `rows`.

    at_once: remembers from one call to the next how many images the GPU's memory holds.
    """
    predicted = np.zeros(len(rows), dtype=np.int64)
    confidence = np.zeros(len(rows))
    for positions, output in outputs(model, images, rows, device, at_once):
        highest = output.logits.float().softmax(dim=1).cpu().max(dim=1)
        predicted[positions], confidence[positions] = highest.indices.numpy(), highest.values.numpy()
    return predicted, confidence


def head_probabilities(
    model: nn.Module, images: ImageStore, rows: Sequence[int], device: str
) -> dict[str, np.ndarray]:
    """Probabilities float [rows, classes] of each head of the method, if it has several, and "average", its
    prediction."""
    found: dict[str, np.ndarray] = {}
    for positions, output in outputs(model, images, rows, device):
        for name, logits in {**(getattr(output, "heads", None) or {}), "average": output.logits}.items():
            probabilities = logits.float().softmax(dim=1).cpu().numpy()
            of_head = found.setdefault(name, np.zeros((len(rows), logits.shape[1]), dtype=np.float32))
            of_head[positions] = probabilities
    return found


def outputs(
    model: nn.Module, images: ImageStore, rows: Sequence[int], device: str, at_once: AtOnce | None = None
) -> Iterator[tuple[list[int], Output]]:
    """What a method says of whole images, in batches of one size: positions in `rows`, and the output.

    Batches become smaller where the GPU's memory is too small (see `memory`); `InputError` where it does not
    hold a single image.
    """
    yield from outputs_of(for_inference(model), images, rows, device, at_once)


def outputs_of(
    model: nn.Module, images: Images, rows: Sequence[int], device: str, at_once: AtOnce | None = None
) -> Iterator[tuple[list[int], Output]]:
    """The same of a network that is `for_inference` already."""
    at_once = at_once or AtOnce("prediction")
    batches, computing = in_batches(images, rows, device)

    def read(positions: list[int]) -> torch.Tensor:
        return pinned(np.stack([images.image(rows[i]) for i in positions]), device)

    loaded = ahead(read, batches, WORKERS[device])
    for positions, pixels in zip(batches, loaded, strict=True):
        done = 0
        while done < len(positions):
            part = at_once.parts(len(positions) - done)[0]
            part = slice(done + part.start, done + part.stop)
            try:
                with torch.inference_mode(), mixed_precision(device), computing():
                    output = model(images_on(pixels[part], device))
            except torch.OutOfMemoryError:
                output = None
            if output is None:  # tried again out here, where what the try held is freed
                at_once.halve(part.stop - part.start)
                continue
            yield positions[part], output
            done = part.stop


def in_batches(
    images: Images, rows: Sequence[int], device: str
) -> tuple[list[list[int]], Callable[[], AbstractContextManager]]:
    """How inference goes over whole images: positions in `rows` in batches of one size, and a context that
    each of them is computed in (`convolutions`)."""
    sizes = number_of_sizes(images, rows)
    return equal_sizes(images, rows, PIXELS_AT_ONCE[device]), partial(convolutions, device, sizes)


def convolutions(device: str, sizes: int) -> AbstractContextManager:
    """Inference on images of so many sizes goes in here: it chooses who computes the convolutions.

    On a GPU cuDNN is fastest, but plans each convolution anew for each image size, which takes longer than
    computing it; with many sizes PyTorch's own kernels do it, which plan nothing.
    """
    own = device != "cpu" and sizes > SIZES_PLANNED
    return torch.backends.cudnn.flags(enabled=False) if own else nullcontext()


def number_of_sizes(images: Images, rows: Sequence[int]) -> int:
    """How many image sizes these rows have."""
    return len(images.layout[["height", "width"]].iloc[list(rows)].drop_duplicates())


def equal_sizes(images: Images, rows: Sequence[int], pixels: int) -> list[list[int]]:
    """Positions in `rows`, in groups of equal image size that hold at most `pixels` pixels (or one image)."""
    sizes = images.layout[["height", "width"]].to_numpy()[rows].tolist()
    groups, by_size = [], sorted(range(len(rows)), key=sizes.__getitem__)
    for (height, width), positions in groupby(by_size, sizes.__getitem__):
        members, most = list(positions), max(1, pixels // (height * width))
        groups += [members[start : start + most] for start in range(0, len(members), most)]
    return groups
