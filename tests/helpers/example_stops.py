"""Trainings that stop in this process as soon as they have saved a checkpoint."""

from contextlib import contextmanager

import pytest
from maskguide.learning import checkpoints


class Stopped(Exception):
    pass


@contextmanager
def stopped_once_saved(monkeypatch, look=None):
    """Within it a training must end at its first checkpoint. look: called with what was saved."""
    save = checkpoints.save

    def save_and_stop(*place):
        save(*place)
        if look:
            look(*place)
        raise Stopped

    with monkeypatch.context() as patch, pytest.raises(Stopped):
        patch.setattr(checkpoints, "save", save_and_stop)
        yield
