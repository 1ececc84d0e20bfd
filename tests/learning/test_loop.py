"""The loop of epochs on its own: what it keeps, and what it does not continue."""

import logging

import pytest
import torch
from maskguide.learning import checkpoints
from maskguide.learning.loop import Learner
from torch import nn


def train(folder, epochs, stop_after=None, **others):
    """A line through noise, with dropout and momentum; the history and the network."""
    torch.manual_seed(0)
    model = nn.Sequential(nn.Linear(3, 4), nn.Dropout(0.5), nn.Linear(4, 1), nn.Flatten(0))
    points, values = torch.randn(8, 3), torch.randn(8)
    learner = Learner(model, lambda model: torch.optim.SGD(model.parameters(), 0.1, 0.9), "cpu", "line")

    def terms_of(part):
        return {"squares": (model(points[part]) - values[part]).square().mean()}, None

    def one_epoch(epoch):
        if epoch == stop_after:
            raise KeyboardInterrupt
        learner.begin_epoch(7, epoch)
        return {"epoch": epoch + 1, "loss": learner.step(8, terms_of, rate=0.1)[0][1]["loss"].item()}

    return learner.epochs(epochs, one_epoch, folder, {"seed": 7}, **others), model


def test_a_training_that_was_stopped_ends_like_one_that_was_not(tmp_path, caplog):
    caplog.set_level(logging.INFO, "maskguide")
    whole, one = train(None, 4)
    with pytest.raises(KeyboardInterrupt):
        train(tmp_path, 4, stop_after=2)
    caplog.clear()
    again, other = train(tmp_path, 4)
    assert again == whole and [row["epoch"] for row in again] == [1, 2, 3, 4]
    assert all(map(torch.equal, one.state_dict().values(), other.state_dict().values()))
    assert caplog.messages[0] == "continuing after epoch 2 of 4"
    assert caplog.messages[1] == f"epoch 3/4: loss {whole[2]['loss']:.4g}"


def test_what_keeps_other_parts_is_not_continued(tmp_path, caplog):
    """Of an older version, or of a training with a schedule of its own."""
    caplog.set_level(logging.INFO, "maskguide")
    checkpoints.save(tmp_path, {"model": {}, "epoch": 1}, {"seed": 7}, 1)
    assert train(tmp_path, 2)[0] == train(None, 2)[0]
    assert "belongs to other options (kept): starting afresh" in caplog.text
