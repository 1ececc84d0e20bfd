"""Starting weights from files, read without running code from them."""

from __future__ import annotations

import pickle
import re
from pathlib import Path

import torch
from torch import Tensor

from maskguide.system.files import InputError


def reason(error: Exception) -> str:
    """Why `torch.load(weights_only=True)` refused a file, without its advice to run what is in there."""
    code = re.search(r"GLOBAL:? (?:GLOBAL )?(\S+)", str(error))
    if code:
        return f"it holds code, {code[1]}, and none is run"
    if "Unsupported operand" in str(error):
        return "it is no file of plain tensors"
    return " ".join(str(error).split())[:120]


def read_weights(path: Path) -> dict[str, Tensor]:
    """A plain state dict read without running code from the file."""
    try:
        state = torch.load(path, map_location="cpu", weights_only=True)
    except (OSError, RuntimeError, EOFError, pickle.UnpicklingError) as error:
        raise InputError(
            f"{path}: cannot be read as a PyTorch state dict ({reason(error)}); save `model.state_dict()`"
        ) from error
    if not isinstance(state, dict) or not all(isinstance(value, Tensor) for value in state.values()):
        raise InputError(f"{path}: is no plain state dict (tensor name → tensor); save `model.state_dict()`")
    return state
