"""One training loop for all methods: a schedule, a checkpoint each epoch, resumed to the bit."""

from __future__ import annotations

import math
import time
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from functools import partial
from pathlib import Path
from typing import Any

import torch
from torch import nn

from maskguide.data.pooling import Spans, cells
from maskguide.learning import evaluation, optimizers, stages
from maskguide.learning.backbones import cell_grid
from maskguide.learning.batches import TrainingImages, part_of
from maskguide.learning.cells import cell_spans
from maskguide.learning.interface import Batch, MaskUse
from maskguide.learning.loop import Learner, Row
from maskguide.learning.memory import AtOnce
from maskguide.learning.precision import mixed_precision
from maskguide.system.files import InputError


@dataclass(frozen=True)
class Schedule:
    """Passes over the images, initial learning rate, momentum, weight decay (also of batch norms).

    learning_rate_steps: after each of these epochs the rate is divided by 10; none: cosine annealing.
    optimizer: "sgd", or "adam", which has no use for the momentum. test_every: k, the network is tested after
    epochs k, 2k, … and the last.
    """

    epochs: int
    learning_rate: float
    momentum: float
    weight_decay: float
    learning_rate_steps: tuple[int, ...] = ()
    optimizer: str = "sgd"
    test_every: int = 1

    def rate(self, epoch: float) -> float:
        """Of an epoch e (from 0): cosine annealing η_e = η₀·(1 + cos(π·e/epochs))/2, or η₀/10^(steps ≤ e).

        Of a training in stages see `stages.begin_epoch`.
        """
        if self.learning_rate_steps:
            return self.learning_rate / 10 ** sum(step <= epoch for step in self.learning_rate_steps)
        return self.learning_rate * (1 + math.cos(math.pi * epoch / self.epochs)) / 2

    def is_tested(self, epoch: int) -> bool:
        """Whether the network is tested after an epoch e (from 0)."""
        return (epoch + 1) % self.test_every == 0 or epoch + 1 == self.epochs

    def create_optimizer(self, model: nn.Module) -> torch.optim.Optimizer:
        """The optimizer of the parameters that learn; on CUDA as one kernel for all of them.

        Those whose rate the method multiplies (`rate_factors`) are groups of their own.
        """
        by_factor: dict[float, list[nn.Parameter]] = {}
        factors = model.rate_factors() if hasattr(model, "rate_factors") else {}
        for name, parameter in model.named_parameters():
            if parameter.requires_grad:
                factor = next((each for start, each in factors.items() if name.startswith(start)), 1.0)
                by_factor.setdefault(factor, []).append(parameter)
        learning = [{"params": each, "rate_factor": factor} for factor, each in by_factor.items()]
        on_cuda = any(each.is_cuda for group in learning for each in group["params"])
        options = {"weight_decay": self.weight_decay, "fused": on_cuda or None}
        if self.optimizer == "adam":
            return optimizers.Adam(learning, self.learning_rate, **options)
        return optimizers.SGD(learning, self.learning_rate, self.momentum, **options)


@dataclass
class Progress:
    """All that a finished training leaves besides its network, and an interrupted one needs.

    history: one row per epoch, in the end; those of tested epochs have a "test_top1". predicted_best belongs
    to the tested epoch of highest accuracy, the earliest of equals; that is the papers' protocol, which
    selects on the test set.
    """

    history: list[Row] = field(default_factory=list)
    best_epoch: int = 0
    best_top1: float = -1.0
    predicted_best: list[int] = field(default_factory=list)
    predicted_last: list[int] = field(default_factory=list)
    confidence_last: list[float] = field(default_factory=list)
    train_seconds: float = 0.0

    def state_dict(self) -> dict[str, Any]:
        return asdict(self)

    def load_state_dict(self, state: dict[str, Any]) -> None:
        vars(self).update(state)


def feature_grid(model: nn.Module, crop: int) -> tuple[int, int]:
    """Rows and columns of the backbone's last map for a training crop."""
    model.eval()
    with torch.no_grad():
        height, width = model.backbone.features(torch.zeros(1, 3, crop, crop)).shape[-2:]
    return height, width


def mask_use(model: nn.Module) -> MaskUse:
    """How the method uses masks."""
    return getattr(model, "mask_use", MaskUse())


def mask_spans(model: nn.Module, crop: int, grid: tuple[int, int]) -> tuple[Spans, Spans]:
    """What masks are averaged over: of rows and of columns of a crop, for each cell of the grid."""
    if mask_use(model).pooling == "parts":
        return cells(crop, grid[0]), cells(crop, grid[1])
    start, stride = cell_grid(model.backbone.features)
    return cell_spans(grid[0], crop, start, stride), cell_spans(grid[1], crop, start, stride)


def train(
    model: nn.Module,
    data: TrainingImages,
    schedule: Schedule,
    device: str,
    checkpoint: Path | None = None,
    options: Mapping[str, Any] | None = None,
) -> Progress:
    """Train `model` in place on `data`, testing on the store's test images after the epochs that are tested.

    After every epoch the state goes to the folder `checkpoint`; one found there under the same `options`
    is continued, on the CPU with the same result to the bit. `InputError` when the loss is no number.
    """
    learner, testing = Learner(model, schedule.create_optimizer, device, "training"), AtOnce("test")
    progress = Progress()
    test_rows = data.images.rows("test")
    if len(test_rows) == 0:
        raise InputError("the image store holds no test image; check the split")

    def one_epoch(epoch: int) -> Row:
        started = time.perf_counter()
        row = train_epoch(learner, data, stages.begin_epoch(learner, schedule, epoch), epoch)
        progress.train_seconds += time.perf_counter() - started
        if schedule.is_tested(epoch):
            predicted, confidence = evaluation.predict(model, data.images, test_rows, device, testing)
            row["test_top1"] = top1 = evaluation.top1(data.labels[test_rows], predicted)
            if top1 > progress.best_top1:
                progress.best_epoch, progress.best_top1 = epoch + 1, top1
                progress.predicted_best = predicted.tolist()
            progress.predicted_last, progress.confidence_last = predicted.tolist(), confidence.tolist()
        return {**row, "seconds": time.perf_counter() - started}

    kept = {"checkpoint": checkpoint, "options": options or {}, "progress": progress}
    progress.history = learner.epochs(schedule.epochs, one_epoch, **kept)
    return progress


def train_epoch(learner: Learner, data: TrainingImages, learning_rate: float, epoch: int) -> Row:
    """One pass over the training images (epoch from 0); the first columns of its row of the history."""
    learner.begin_epoch(data.seed, epoch)
    sums: dict[str, torch.Tensor] = {}
    seen = 0
    for batch in data.epoch(epoch, learner.device):
        terms_of = partial(batch_terms, learner, batch)
        for count, terms, right in learner.step(len(batch.labels), terms_of, learning_rate):
            seen += count
            for name, value in terms.items():
                sums[name] = sums.get(name, 0) + value * count
            sums["train_top1"] = sums.get("train_top1", 0) + 100 * right
    means = {name: (total / seen).item() for name, total in sums.items()}
    if not math.isfinite(means["loss"]):
        way_out = getattr(learner.model, "not_finite", "lower --learning-rate")
        raise InputError(f"the loss of epoch {epoch + 1} is {means['loss']}: {way_out}")
    return {"epoch": epoch + 1, "learning_rate": learning_rate, **means}


def batch_terms(learner: Learner, batch: Batch, part: slice) -> tuple[dict[str, torch.Tensor], torch.Tensor]:
    """The terms of the loss of a part of a batch, and how many of its images were right."""
    images = part_of(batch, part)
    with mixed_precision(learner.device):
        output = learner.model(images.images)
    return learner.model.loss(output, images), (output.logits.argmax(dim=1) == images.labels).sum()
