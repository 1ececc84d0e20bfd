"""The methods by name: one file each, readable beside its paper."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from torch import nn

from maskguide.files import InputError
from maskguide.learning.backbones import Backbone
from maskguide.methods.aca import AttentionFromActivations, MaxPooling
from maskguide.methods.baseline import Baseline
from maskguide.methods.mga import Attention, MaskGuidedAttention
from maskguide.methods.mgfe import MaskGuidedFeatureExtraction
from maskguide.methods.tdsa import TopDownSpatialAttention

METHODS: dict[str, type[nn.Module]] = {
    "baseline": Baseline,
    "attention": Attention,
    "mga": MaskGuidedAttention,
    "mgfe": MaskGuidedFeatureExtraction,
    "aca": AttentionFromActivations,
    "maxpool": MaxPooling,
    "tdsa": TopDownSpatialAttention,
}


def create(method: str, backbone: Backbone, options: Mapping[str, Any]) -> nn.Module:
    """The method of that name around a backbone; `options` holds at least those it names itself."""
    if method not in METHODS:
        raise InputError(f"--method {method}: unknown; choose one of {', '.join(METHODS)}")
    return METHODS[method](backbone, options)
