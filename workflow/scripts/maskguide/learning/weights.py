"""Files of weights: written whole, read without running code from them."""

from __future__ import annotations

import pickle
import re
import zipfile
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn

from maskguide.system.files import InputError, atomic_file, sha256

UNREADABLE = (
    *(OSError, EOFError, RuntimeError, ValueError, KeyError, TypeError, IndexError, AttributeError),
    *(pickle.UnpicklingError, zipfile.BadZipFile),
)


def write(path: Path, network: nn.Module, info: Mapping[str, Any] | None = None, half: bool = False) -> None:
    """Write the plain state dict of a network, or a plain dict of `info` and of that as "state_dict".

    half: matrices and kernels in float16; vectors (biases, batch norms) stay as they are.
    """
    state = {name: tensor.cpu() for name, tensor in network.state_dict().items()}
    if half:
        state = {name: tensor.half() if tensor.ndim > 1 else tensor for name, tensor in state.items()}
    with atomic_file(path) as temporary:
        torch.save(state if info is None else {**info, "state_dict": state}, temporary)


@contextmanager
def refused(path: str | Path, problem: str, way_out: str) -> Iterator[None]:
    """Turn what a file raises that is not as it should be into an `InputError`: "path: problem (…); way out".

    Of what `torch.load(weights_only=True)` says, its advice to run what is in there is left out.
    """
    try:
        yield
    except UNREADABLE as error:
        reason = " ".join(str(error).split())[:200]
        if code := re.search(r"GLOBAL:? (?:GLOBAL )?(\S+)", str(error)):
            reason = f"it holds code, {code[1]}, and none is run"
        elif "Unsupported operand" in reason:
            reason = "it is no file of plain tensors"
        raise InputError(f"{path}: {problem} ({reason}); {way_out}") from error


def read(path: str | Path, problem: str, way_out: str) -> Any:
    """What a file of tensors and plain values holds, on the CPU."""
    with refused(path, problem, way_out):
        return torch.load(path, map_location="cpu", weights_only=True)


def read_weights(path: Path) -> dict[str, Tensor]:
    """A plain state dict.

    `InputError` if it is none, or if a file `<path>.sha256` (of `sha256sum`) beside it tells another content.
    """
    told = path.with_name(f"{path.name}.sha256")
    if told.is_file() and path.is_file() and told.read_text().split()[:1] != [sha256(path)]:
        raise InputError(f"{path}: is not the file whose SHA-256 stands in {told.name}; get both again")
    way_out = "save `model.state_dict()`"
    state = read(path, "cannot be read as a PyTorch state dict", way_out)
    if not isinstance(state, dict) or not all(isinstance(value, Tensor) for value in state.values()):
        raise InputError(f"{path}: is no plain state dict (tensor name → tensor); {way_out}")
    return state
