"""The one loop of every training: steps that add up gradients, epochs that are kept and continued."""

from __future__ import annotations

import logging
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn
from tqdm import tqdm

from maskguide.learning import checkpoints
from maskguide.learning.allocation import keep_freed_memory
from maskguide.learning.memory import AtOnce, running_out_is_said
from maskguide.learning.precision import create_scaler

log = logging.getLogger("maskguide")
Terms = dict[str, Tensor]
Row = dict[str, float]


class Learner:
    """A network on its device and what it learns with.

    create_optimizer: of the network on its device. purpose: what lines about scarce GPU memory call it.
    """

    def __init__(
        self,
        model: nn.Module,
        create_optimizer: Callable[[nn.Module], torch.optim.Optimizer],
        device: str,
        purpose: str,
    ):
        self.purpose, self.device, self.at_once = purpose, device, AtOnce(purpose)
        with running_out_is_said(purpose):
            self.model = model.to(device, memory_format=torch.channels_last)
        self.optimizer, self.scaler = create_optimizer(self.model), create_scaler(device)

    def begin_epoch(self, seed: int, epoch: int) -> None:
        """Dropout depends on (seed, epoch) alone: a resumed training draws what an undisturbed one does."""
        torch.manual_seed(int(np.random.SeedSequence([seed, epoch]).generate_state(1)[0]))
        self.model.train()

    def step(
        self, count: int, terms_of: Callable[[slice], tuple[Terms, Any]], rate: float | None = None
    ) -> list[tuple[int, Terms, Any]]:
        """One step of the optimizer on a batch of `count` images, at the learning `rate` if one is given.

        That is multiplied by the `rate_factor` of those groups of parameters that have one.

        terms_of: of some of the images, the terms of their loss, and anything besides. Where memory is too
        small for all, fewer are computed at a time (see `memory`). Returns, of each part that was computed at
        once, its number of images, its "loss" and terms, and what came besides.
        """
        for group in self.optimizer.param_groups if rate is not None else ():
            group["lr"] = rate * group.get("rate_factor", 1.0)

        def compute(parts: list[slice]) -> list[tuple[int, Terms, Any]]:
            self.model.zero_grad(set_to_none=True)  # of the step before, or of a try that ran out of memory
            found = []
            for part in parts:
                terms, besides = terms_of(part)
                loss, size = torch.stack(list(terms.values())).sum(), part.stop - part.start
                self.scaler.scale(loss * (size / count) if len(parts) > 1 else loss).backward()
                values = {name: value.detach() for name, value in {"loss": loss, **terms}.items()}
                found.append((size, values, besides))
            return found

        found = self.at_once.compute(count, compute)
        self.scaler.step(self.optimizer)
        self.scaler.update()
        return found

    def epochs(
        self,
        number: int,
        one_epoch: Callable[[int], Row],
        checkpoint: Path | None,
        options: Mapping[str, Any],
        **others: Any,
    ) -> list[Row]:
        """Those of `number` epochs that are still to be done; the history, a row for each epoch (from 0).

        After each, the state of network, optimizer, scaler and `others` (by their `state_dict`) goes to the
        folder `checkpoint`; one found there under the same `options` is continued.
        """
        kept = {"model": self.model, "optimizer": self.optimizer, "scaler": self.scaler, **others}
        options = {**options, "kept": sorted(kept)}
        history: list[Row] = []
        state = checkpoints.load(checkpoint, options)
        if state is not None:
            for name, each in kept.items():
                each.load_state_dict(state[name])
            history = state["history"]
            log.info("continuing after epoch %d of %d", len(history), number)
        if self.device == "cpu":
            keep_freed_memory()
        with running_out_is_said(self.purpose):
            for epoch in tqdm(range(len(history), number), desc="epochs", disable=None):
                history.append(one_epoch(epoch))
                values = (f"{name} {value:.4g}" for name, value in history[-1].items() if name != "epoch")
                log.info("epoch %d/%d: %s", epoch + 1, number, ", ".join(values))
                saved = {name: each.state_dict() for name, each in kept.items()}
                checkpoints.save(checkpoint, {**saved, "history": history}, options, epoch + 1)
        return history
