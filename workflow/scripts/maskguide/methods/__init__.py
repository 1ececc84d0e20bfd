"""The methods by name: one file each, readable beside its paper, declared in `<name>.yaml` beside it."""

from __future__ import annotations

import importlib
import pickle
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from maskguide.plan.options import check, method_called
from maskguide.system.files import InputError, atomic_file

if TYPE_CHECKING:  # a handcrafted method needs no torch
    from torch import nn

    from maskguide.learning import backbones


def create(method: str, backbone: backbones.Backbone, options: Mapping[str, Any]) -> nn.Module:
    """The method of that name around a backbone; `options` holds at least those that it declares."""
    declared = method_called(method)
    check(declared, options)
    module = importlib.import_module(f"{__name__}.{declared.module}")
    return getattr(module, declared.class_name)(backbone, options)


def save(path: Path, model: nn.Module, info: Mapping[str, Any]) -> None:
    """Write model.pt: a plain dict of `info` (method, backbone, classes, options) and the state dict."""
    import torch

    state = {name: tensor.cpu() for name, tensor in model.state_dict().items()}
    with atomic_file(path) as temporary:
        torch.save({**info, "state_dict": state}, temporary)


def load(path: Path) -> tuple[nn.Module, dict[str, Any]]:
    """The trained method, on the CPU in evaluation mode, and its info: method, backbone, classes, options."""
    import torch

    from maskguide.learning import backbones
    from maskguide.learning.weights import reason

    try:
        info = torch.load(path, map_location="cpu", weights_only=True)
        state = info.pop("state_dict")
        backbone = backbones.create(info["backbone"], None, len(info["classes"]))
        model = create(info["method"], backbone, info["options"])
        model.load_state_dict(state)
    except (OSError, EOFError, RuntimeError, KeyError, AttributeError, pickle.UnpicklingError) as error:
        raise InputError(f"{path}: is no trained classifier ({reason(error)}); train it again") from error
    return model.eval(), info
