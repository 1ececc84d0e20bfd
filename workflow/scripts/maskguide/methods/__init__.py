"""The methods by name: one file each, readable beside its paper, declared in `<name>.yaml` beside it."""

from __future__ import annotations

import importlib
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from maskguide.plan.options import check, method_called

if TYPE_CHECKING:  # a handcrafted method needs no torch
    from torch import nn

    from maskguide.learning import backbones


def create(method: str, backbone: backbones.Backbone, options: Mapping[str, Any]) -> nn.Module:
    """The method of that name around a backbone; options that are not given have their declared default.

    So a network is loaded that was trained before its method had some option.
    """
    declared = method_called(method)
    known = {name: each["default"] for name, each in declared.options.items() if "default" in each}
    options = {**known, **options}
    check(declared, options)
    module = importlib.import_module(f"{__name__}.{declared.module}")
    return getattr(module, declared.class_name)(backbone, options)


def load(path: Path) -> tuple[nn.Module, dict[str, Any]]:
    """The trained method, on the CPU in evaluation mode, and its info.

    That is: method, backbone, normalisation, classes, options.
    """
    import torch

    from maskguide.learning import backbones, weights

    with weights.refused(path, "is no trained classifier", "train it again"):
        info = torch.load(path, map_location="cpu", weights_only=True)
        state = info.pop("state_dict")
        normalisation = info.get("normalisation", "imagenet")
        backbone = backbones.create(info["backbone"], None, len(info["classes"]), normalisation=normalisation)
        model = create(info["method"], backbone, info["options"])
        model.load_state_dict(state)
    return model.eval(), info
