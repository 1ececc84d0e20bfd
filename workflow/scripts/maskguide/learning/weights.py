"""Starting weights from files, read without running code from them."""

from __future__ import annotations

import pickle
from pathlib import Path

import torch
from torch import Tensor

from maskguide.files import InputError


def read_weights(path: Path) -> dict[str, Tensor]:
    """A plain state dict read without running code from the file."""
    try:
        state = torch.load(path, map_location="cpu", weights_only=True)
    except (OSError, RuntimeError, EOFError, pickle.UnpicklingError) as error:
        reason = " ".join(str(error).split())[:120]
        raise InputError(f"{path}: cannot be read as a PyTorch state dict ({reason})") from error
    if not isinstance(state, dict) or not all(isinstance(value, Tensor) for value in state.values()):
        raise InputError(f"{path}: is no plain state dict (tensor name → tensor); save `model.state_dict()`")
    return state
