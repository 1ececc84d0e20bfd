"""Training in two stages, the head alone and then everything, of methods that have a `first_stage`.

A large new head would send noise into a backbone that has learnt before. How long the first stage is, is said
beforehand: a schedule that waits for the test accuracy to stand still would choose by the test images.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from maskguide.learning.loop import Learner
    from maskguide.learning.training import Schedule


@dataclass(frozen=True)
class FirstStage:
    """The epochs in which the head alone learns. Batch norms elsewhere go on counting, as of frozen layers.

    head: how the names of its parameters begin. share: of all epochs, rounded, in 0…1; below 1 at least the
    last epoch is everything's. learning_rate, weight_decay: in place of the schedule's.
    """

    head: str
    share: float
    learning_rate: float
    weight_decay: float

    def length(self, epochs: int) -> int:
        """Its epochs, of so many in all."""
        return epochs if self.share == 1 else min(round(self.share * epochs), epochs - 1)


def begin_epoch(learner: Learner, schedule: Schedule, epoch: int) -> float:
    """Let learn what learns in an epoch (from 0), and nothing else; its learning rate.

    In each stage the rate falls as it would over a whole training: cosine annealing, or the steps, brought to
    the stage's length. The second stage begins as a training does, without momenta. All depends on the number
    of the epoch alone, so that a training continues in the stage in which it stopped.
    """
    first = getattr(learner.model, "first_stage", None)
    if first is None:
        return schedule.rate(epoch)
    length = first.length(schedule.epochs)
    alone = epoch < length
    own, done, of = schedule, epoch - length, schedule.epochs - length
    if alone:
        said = {"learning_rate": first.learning_rate, "weight_decay": first.weight_decay}
        own, done, of = replace(schedule, **said), epoch, length
    if epoch == length:
        learner.optimizer.state.clear()
    learning = set()  # not what is frozen for good
    for group in learner.optimizer.param_groups:
        group["weight_decay"] = own.weight_decay
        learning.update(map(id, group["params"]))
    for name, parameter in learner.model.named_parameters():
        if id(parameter) in learning:
            parameter.requires_grad_(not alone or name.startswith(first.head))
    return own.rate(done * schedule.epochs / of)
