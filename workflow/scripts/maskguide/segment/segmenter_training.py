"""Training of a segmenter on the annotated images: data, loss, schedule, loop, resume."""

from __future__ import annotations

import logging
import math
import time
from argparse import Namespace
from collections.abc import Mapping, Sequence
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import torch
from segmentation_models_pytorch.losses import DiceLoss
from torch import Tensor, nn
from torch.nn import functional
from torch.utils.data import DataLoader, Dataset

from maskguide.data import masks
from maskguide.learning import optimizers
from maskguide.learning.loop import Learner, Row
from maskguide.learning.precision import mixed_precision
from maskguide.learning.transforms import IGNORE, Augmentation, normalise
from maskguide.segment.segmenters import HierarchicalSegmenter, Prediction, resize
from maskguide.system.files import InputError

log = logging.getLogger("maskguide")
Pair = tuple[np.ndarray, np.ndarray]


class AnnotatedImages(Dataset):
    """One epoch's augmented pairs: image uint8 [3, crop, crop] and labels int64 [crop, crop].

    What an item holds depends on (seed, epoch, position) alone, not on what was drawn before it. The last
    batch is filled up from the epoch's beginning, so that all are of one size.
    """

    def __init__(self, pairs: Sequence[Pair], augmentation: Augmentation, seed: int, epoch: int, size: int):
        self.pairs, self.augmentation, self.seed, self.epoch = pairs, augmentation, seed, epoch
        order = np.random.default_rng([seed, epoch]).permutation(len(pairs))
        self.order = np.resize(order, math.ceil(len(pairs) / size) * size)

    def __len__(self) -> int:
        return len(self.order)

    def __getitem__(self, position: int) -> tuple[Tensor, Tensor]:
        rng = np.random.default_rng([self.seed, self.epoch, position])
        image, labels = self.augmentation(*self.pairs[self.order[position]], rng)
        return torch.from_numpy(image).permute(2, 0, 1), torch.from_numpy(labels).long()


class SegmentationLoss(nn.Module):
    """Class-weighted cross-entropy and Dice on the joint prediction, cross-entropy on each scale's own.

    `L = CE(P, y) + dice_weight · Dice(P, y) + scale_loss_weight · Σ_s CE(up(p_s), y)`. HMSANet's primary loss
    is RMI; Dice takes its place here: it too judges regions, at a fraction of the cost.
    """

    def __init__(self, weights: Tensor, dice_weight: float, scale_loss_weight: float) -> None:
        super().__init__()
        self.register_buffer("weights", weights)
        self.dice = DiceLoss("multiclass", from_logits=True, ignore_index=IGNORE)
        self.dice_weight, self.scale_loss_weight = dice_weight, scale_loss_weight

    def forward(self, logits: Tensor, predictions: Sequence[Prediction], labels: Tensor) -> dict[str, Tensor]:
        """Named terms, weighted; their sum is L. labels: int64 [B, H, W], IGNORE for padding and void."""
        terms = {"cross_entropy": self.cross_entropy(logits, labels)}
        if self.dice_weight:
            terms["dice"] = self.dice_weight * self.dice(logits, labels)
        if self.scale_loss_weight and len(predictions) > 1:
            maps = [resize(each.logits, labels.shape[-2:]) for each in predictions]
            parts = torch.stack([self.cross_entropy(each, labels) for each in maps])
            terms["scales"] = self.scale_loss_weight * parts.sum()
        return terms

    def cross_entropy(self, logits: Tensor, labels: Tensor) -> Tensor:
        if logits.is_cuda and torch.are_deterministic_algorithms_enabled():
            # CUDA's kernel for maps adds up in any order, that for rows does not
            logits, labels = as_rows(logits, labels)
        return functional.cross_entropy(logits, labels, self.weights, ignore_index=IGNORE)


def as_rows(logits: Tensor, labels: Tensor) -> tuple[Tensor, Tensor]:
    """Maps [B, C, H, W] and their labels [B, H, W] as one row for each pixel, [B·H·W, C] and [B·H·W]."""
    return logits.movedim(1, -1).flatten(0, -2), labels.flatten()


def class_weights(labels: Sequence[np.ndarray], num_classes: int, balance: float) -> Tensor:
    """Weights w_c ∝ f_c^(−balance) of the classes' pixel frequencies f_c, scaled to Σ f_c · w_c = 1.

    balance 0: all 1; 0.5: inverse square root; 1: inverse. A class without pixels gets 1. Void does not
    count.
    """
    counts = sum(np.bincount(mask[mask != IGNORE], minlength=num_classes) for mask in labels)
    frequency = counts / counts.sum()
    weights = np.where(frequency > 0, np.maximum(frequency, 1e-12) ** -balance, 0)
    weights /= (frequency * weights).sum()
    return torch.tensor(np.where(frequency > 0, weights, 1), dtype=torch.float32)


def learning_rate(training: Namespace, progress: float) -> float:
    """Rate at `progress` (0..1) of the training: polynomial `(1 − progress)^power` or cosine decay."""
    if training.schedule == "cosine":
        return training.learning_rate * (1 + math.cos(math.pi * progress)) / 2
    return training.learning_rate * (1 - progress) ** training.power


def create_optimizer(training: Namespace, model: nn.Module) -> torch.optim.Optimizer:
    """SGD with momentum, or AdamW."""
    rate, decay = training.learning_rate, {"weight_decay": training.weight_decay}
    if training.optimizer == "adamw":
        return optimizers.AdamW(model.parameters(), rate, **decay)
    return optimizers.SGD(model.parameters(), rate, training.momentum, **decay)


def train(
    model: HierarchicalSegmenter,
    pairs: Sequence[Pair],
    augmentation: Augmentation,
    training: Namespace,
    device: str,
    resume: Path | None = None,
    options: Mapping[str, Any] | None = None,
) -> list[dict[str, float]]:
    """Train `model` in place on pairs of image uint8 [H, W, 3] and labels uint8 [H, W]; return the history.

    training: the options of train_segmenter.py. After every epoch the state goes to `resume`; one found there
    under the same `options` is continued, on the CPU with the same result to the bit. `InputError` if the
    loss diverges.
    """
    learner = Learner(model, partial(create_optimizer, training), device, "segmenter")
    num_classes = len(model.architecture.classes) + 1
    weights = class_weights([labels for _, labels in pairs], num_classes, training.class_balance)
    log.info("class weights: %s", ", ".join(f"{weight:.3g}" for weight in weights))
    criterion = SegmentationLoss(weights, training.dice_weight, training.scale_loss_weight).to(device)
    one_epoch = partial(train_epoch, learner, criterion, pairs, augmentation, training)
    return learner.epochs(training.epochs, one_epoch, resume, options or {})


def train_epoch(
    learner: Learner,
    criterion: SegmentationLoss,
    pairs: Sequence[Pair],
    augmentation: Augmentation,
    training: Namespace,
    epoch: int,
) -> Row:
    """One pass over the annotated images (epoch counted from 0); returns the history's row."""
    started = time.perf_counter()
    learner.begin_epoch(training.seed, epoch)
    dataset = AnnotatedImages(pairs, augmentation, training.seed, epoch, training.batch_size)
    pinned = learner.device != "cpu"
    loader = DataLoader(dataset, training.batch_size, num_workers=training.workers, pin_memory=pinned)
    sums: dict[str, Tensor] = {}
    confusion: Tensor | int = 0  # stays on the device, as the sums do: no step waits for the one before
    for step, batch in enumerate(loader):
        images, labels = (each.to(learner.device, non_blocking=True) for each in batch)
        images = normalise(images).contiguous(memory_format=torch.channels_last)
        rate = learning_rate(training, (epoch + step / len(loader)) / training.epochs)
        terms_of = partial(batch_terms, learner, criterion, images, labels, training.scales)
        found = learner.step(len(labels), terms_of, rate)
        for count, terms, _ in found:
            for name, term in terms.items():
                sums[name] = sums.get(name, 0) + term.double() * (count / len(labels))
        predicted = torch.cat([each for *_, each in found])
        confusion = confusion + confusion_matrix(labels, predicted, criterion.weights.numel())
    means = {name: value.item() / len(loader) for name, value in sums.items()}
    if not math.isfinite(means["loss"]):
        raise InputError(f"the loss of epoch {epoch + 1} is {means['loss']}: lower the learning rate")
    return {
        "epoch": epoch + 1,
        "learning_rate": learning_rate(training, epoch / training.epochs),
        **means,
        "train_miou": 100 * float(np.nanmean(masks.intersection_over_union(confusion.cpu().numpy()))),
        "seconds": round(time.perf_counter() - started, 3),
    }


def batch_terms(
    learner: Learner,
    criterion: SegmentationLoss,
    images: Tensor,
    labels: Tensor,
    scales: Sequence[float],
    part: slice,
) -> tuple[dict[str, Tensor], Tensor]:
    """The terms of the loss of a part of a batch, and its predicted classes, int64 [b, H, W]."""
    with mixed_precision(learner.device):
        logits, predictions = learner.model(images[part], scales)
    return criterion(logits, predictions, labels[part]), logits.argmax(1)


def confusion_matrix(labels: Tensor, predicted: Tensor, num_classes: int) -> Tensor:
    """`masks.confusion_matrix` on the device: int64 [num_classes, num_classes]; IGNORE does not count."""
    pairs = torch.where(labels == IGNORE, num_classes**2, labels * num_classes + predicted).flatten()
    counts = pairs.new_zeros(num_classes**2 + 1).scatter_add_(0, pairs, torch.ones_like(pairs))
    return counts[:-1].view(num_classes, num_classes)
