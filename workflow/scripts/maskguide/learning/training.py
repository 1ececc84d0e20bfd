"""One training loop for all methods: a schedule, a checkpoint each epoch, resumed to the bit."""

from __future__ import annotations

import logging
import math
import time
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import nn
from tqdm import tqdm

from maskguide.learning import checkpoints, evaluation
from maskguide.learning.allocation import keep_freed_memory
from maskguide.learning.batches import TrainingImages, part_of
from maskguide.learning.interface import Batch
from maskguide.learning.memory import AtOnce, running_out_is_said
from maskguide.learning.precision import create_scaler, mixed_precision
from maskguide.system.files import InputError

log = logging.getLogger("maskguide")


@dataclass(frozen=True)
class Schedule:
    """Passes over the images, initial learning rate, momentum, weight decay (also of batch norms).

    learning_rate_steps: after each of these epochs the rate is divided by 10; none: cosine annealing.
    optimizer: "sgd", or "adam", which has no use for the momentum.
    """

    epochs: int
    learning_rate: float
    momentum: float
    weight_decay: float
    learning_rate_steps: tuple[int, ...] = ()
    optimizer: str = "sgd"

    def rate(self, epoch: int) -> float:
        """Of an epoch e (from 0): cosine annealing η_e = η₀·(1 + cos(π·e/epochs))/2, or η₀/10^(steps ≤ e)."""
        if self.learning_rate_steps:
            return self.learning_rate / 10 ** sum(step <= epoch for step in self.learning_rate_steps)
        return self.learning_rate * (1 + math.cos(math.pi * epoch / self.epochs)) / 2

    def create_optimizer(self, model: nn.Module) -> torch.optim.Optimizer:
        """The optimizer of the parameters that learn; on CUDA as one kernel for all of them."""
        learning = [parameter for parameter in model.parameters() if parameter.requires_grad]
        options = {"weight_decay": self.weight_decay, "fused": any(each.is_cuda for each in learning) or None}
        if self.optimizer == "adam":
            return torch.optim.Adam(learning, self.learning_rate, **options)
        return torch.optim.SGD(learning, self.learning_rate, self.momentum, **options)


@dataclass
class Progress:
    """All that a finished training leaves, and an interrupted one needs.

    history: one row per epoch. predicted_best belongs to the epoch of highest test accuracy, the earliest of
    equals; that is the papers' protocol, which selects on the test set.
    """

    history: list[dict[str, float]] = field(default_factory=list)
    best_epoch: int = 0
    predicted_best: list[int] = field(default_factory=list)
    predicted_last: list[int] = field(default_factory=list)
    confidence_last: list[float] = field(default_factory=list)
    train_seconds: float = 0.0
    total_seconds: float = 0.0


def feature_grid(model: nn.Module, crop: int) -> tuple[int, int]:
    """Rows and columns of the backbone's last map for a training crop."""
    model.eval()
    with torch.no_grad():
        height, width = model.backbone.features(torch.zeros(1, 3, crop, crop)).shape[-2:]
    return height, width


def train(
    model: nn.Module,
    data: TrainingImages,
    schedule: Schedule,
    device: str,
    checkpoint: Path | None = None,
    options: Mapping[str, Any] | None = None,
) -> Progress:
    """Train `model` in place on `data`, testing after every epoch on the store's test images.

    After every epoch the state goes to the folder `checkpoint`; one found there under the same `options`
    is continued, on the CPU with the same result to the bit. Where a GPU's memory is too small for a batch,
    fewer images are computed at a time (see `memory`). `InputError` when the loss is no number.
    """
    if device == "cpu":
        keep_freed_memory()
    with running_out_is_said("training"):
        return train_epochs(model, data, schedule, device, checkpoint, options or {})


def train_epochs(
    model: nn.Module,
    data: TrainingImages,
    schedule: Schedule,
    device: str,
    checkpoint: Path | None,
    options: Mapping[str, Any],
) -> Progress:
    """The epochs that are still to be done, see `train`."""
    training, testing = AtOnce("training"), AtOnce("test")
    model.to(device, memory_format=torch.channels_last)
    optimizer = schedule.create_optimizer(model)
    scaler = create_scaler(device)
    progress = Progress()
    state = checkpoints.load(checkpoint, options)
    if state is not None:
        model.load_state_dict(state["model"])
        optimizer.load_state_dict(state["optimizer"])
        scaler.load_state_dict(state["scaler"])
        progress = Progress(**state["progress"])
        log.info("continuing after epoch %d of %d", len(progress.history), schedule.epochs)
    test_rows = data.images.rows("test")
    if len(test_rows) == 0:
        raise InputError("the image store holds no test image; check the split")
    for epoch in tqdm(range(len(progress.history), schedule.epochs), desc="epochs", disable=None):
        started = time.perf_counter()
        row = train_epoch(model, data, optimizer, scaler, schedule.rate(epoch), epoch, device, training)
        trained = time.perf_counter()
        predicted, confidence = evaluation.predict(model, data.images, test_rows, device, testing)
        row["test_top1"] = evaluation.top1(data.labels[test_rows], predicted)
        row["seconds"] = time.perf_counter() - started
        if not progress.history or row["test_top1"] > max(each["test_top1"] for each in progress.history):
            progress.best_epoch, progress.predicted_best = epoch + 1, predicted.tolist()
        progress.history.append(row)
        progress.predicted_last, progress.confidence_last = predicted.tolist(), confidence.tolist()
        progress.train_seconds += trained - started
        progress.total_seconds += row["seconds"]
        log.info(
            "epoch %d/%d: loss %.4f, training %.2f %%, test %.2f %%, %.1f s",
            *(epoch + 1, schedule.epochs, row["loss"], row["train_top1"], row["test_top1"], row["seconds"]),
        )
        saved = {"model": model.state_dict(), "optimizer": optimizer.state_dict()}
        saved |= {"scaler": scaler.state_dict(), "progress": asdict(progress)}
        checkpoints.save(checkpoint, saved, options, epoch + 1)
    return progress


def train_epoch(
    model: nn.Module,
    data: TrainingImages,
    optimizer: torch.optim.Optimizer,
    scaler: torch.amp.GradScaler,
    learning_rate: float,
    epoch: int,
    device: str,
    at_once: AtOnce,
) -> dict[str, float]:
    """One pass over the training images (epoch from 0); the first columns of its row of the history."""
    for group in optimizer.param_groups:
        group["lr"] = learning_rate
    # dropout depends on (seed, epoch) alone, so that a resumed training draws what an undisturbed one does
    torch.manual_seed(int(np.random.SeedSequence([data.seed, epoch]).generate_state(1)[0]))
    model.train()
    sums: dict[str, torch.Tensor] = {}
    seen = 0
    for batch in data.epoch(epoch, device):
        found = add_gradients(model, batch, scaler, device, at_once)
        scaler.step(optimizer)
        scaler.update()
        for count, values in found:
            seen += count
            for name, value in values.items():
                sums[name] = sums.get(name, 0) + value
    means = {name: (total / seen).item() for name, total in sums.items()}
    if not math.isfinite(means["loss"]):
        raise InputError(f"the loss of epoch {epoch + 1} is {means['loss']}: lower --learning-rate")
    return {"epoch": epoch + 1, "learning_rate": learning_rate, **means}


def add_gradients(
    model: nn.Module, batch: Batch, scaler: torch.amp.GradScaler, device: str, at_once: AtOnce
) -> list[tuple[int, dict[str, torch.Tensor]]]:
    """Make the model's gradients those of the batch's loss.

    Returns, of each part that was computed at once, its number of images and their sums of the loss, of its
    terms and of "train_top1" (100 for a right answer).
    """

    def compute(parts: list[slice]) -> list[tuple[int, dict[str, torch.Tensor]]]:
        model.zero_grad(set_to_none=True)  # of the step before, or of a try that ran out of memory
        found = []
        for part in parts:
            images = batch if len(parts) == 1 else part_of(batch, part)
            with mixed_precision(device):
                output = model(images.images)
            terms = model.loss(output, images)
            loss = torch.stack(list(terms.values())).sum()
            count = len(images.labels)
            share = count / len(batch.labels)
            scaler.scale(loss * share if len(parts) > 1 else loss).backward()
            values = {name: value.detach() * count for name, value in {"loss": loss, **terms}.items()}
            right = (output.logits.argmax(dim=1) == images.labels).sum()
            found.append((count, {**values, "train_top1": 100 * right}))
        return found

    return at_once.compute(len(batch.labels), compute)
