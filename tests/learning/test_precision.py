"""Half precision, on the CPU: bfloat16 is computed everywhere, fast or not."""

import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import torch
from maskguide import methods
from maskguide.learning import backbones, precision
from maskguide.learning.interface import Batch
from maskguide.segment import segmenter_training, segmenters
from torch import nn

CPU = Path("/proc/cpuinfo")
OPTIONS = {
    **{"feature_weight": 0.5, "attention_weight": 0.5, "guidance_weight": 1.0},
    **{"mask_pooling": "parts", "reading": "printed", "feature_scale": 1.0},
    **{"classifiers": 2, "losses": "both"},
    **{"terms": "attention", "discriminality_weight": 1.0, "diversity_weight": 1.0},
}
REGIONS = {
    **{"regions": ["vein", "contour"], "feature_weight": 0.6, "region_weights": [0.2, 0.2]},
    **{"region_loss_weights": [1.0, 1.0], "classification_weight": 1.0, "activation": "softmax"},
    **{"reading": "printed"},
}


@pytest.fixture(autouse=True)
def nothing_chosen(monkeypatch):
    monkeypatch.setattr(precision, "_chosen", None)


def machine(monkeypatch, **instructions: bool) -> None:
    monkeypatch.setattr(torch.cpu, "get_capabilities", lambda: {"avx2": True, **instructions})


def type_of_products() -> torch.dtype:
    with precision.mixed_precision("cpu"):
        return nn.Linear(2, 2)(torch.ones(1, 2)).dtype


@pytest.mark.parametrize(
    ("chosen", "instructions", "dtype"),
    [
        (None, {"avx512_bf16": True}, torch.float32),
        ("full", {"avx512_bf16": True}, torch.float32),
        ("auto", {"avx512_bf16": True}, torch.bfloat16),
        ("auto", {"avx512_bf16": False, "amx_bf16": True}, torch.bfloat16),
        ("auto", {"avx512_bf16": False}, torch.float32),
        ("auto", {}, torch.float32),
    ],
)
def test_a_cpu_computes_in_half_precision_where_chosen_and_where_it_can(
    monkeypatch, chosen, instructions, dtype
):
    machine(monkeypatch, **instructions)
    if chosen:
        precision.choose(chosen, "cpu")
    assert type_of_products() == dtype


@pytest.mark.parametrize("bfloat16", [True, False])
def test_a_gpu_computes_in_bfloat16_or_else_in_scaled_float16(monkeypatch, bfloat16):
    monkeypatch.setattr(torch.cuda, "is_bf16_supported", lambda including_emulation: bfloat16)
    assert precision.half_type("cuda") == (torch.bfloat16 if bfloat16 else torch.float16)
    precision.choose("full", "cuda")
    assert precision.half_type("cuda") is None
    assert not precision.create_scaler("cuda").is_enabled()


@pytest.mark.skipif(not CPU.is_file(), reason="needs Linux's list of instructions")
def test_this_machine_is_asked_what_it_can(root):
    command = [
        sys.executable,
        "-c",
        "from maskguide.learning import precision as p; print(p.computes_in_bfloat16())",
    ]
    environment = {**os.environ, "PYTHONPATH": str(root / "workflow" / "scripts")}
    said = subprocess.run(command, env=environment, capture_output=True, text=True, check=True).stdout
    instructions = CPU.read_text().split()
    assert said.strip() == str("avx512_bf16" in instructions or "amx_bf16" in instructions)


@pytest.mark.parametrize(
    ("method", "backbone"),
    [
        *((method, "small") for method in ("baseline", "attention", "mga", "mgfe", "aca", "maxpool", "tdsa")),
        ("tdsa", "vgg11_bn"),
    ],
)
def test_every_method_learns_in_half_precision_what_it_learns_in_full(monkeypatch, method, backbone):
    """Gradients of float32 weights, close to those of float32 products; probabilities that add up to 1."""
    torch.manual_seed(0)
    options = REGIONS if method == "mgfe" else OPTIONS
    model = methods.create(method, backbones.create(backbone, None, 4), options).train()
    if method == "tdsa":  # which channels count is drawn at random
        monkeypatch.setattr(
            "maskguide.methods.tdsa.random_channels",
            lambda classes, channels, _: torch.ones(classes, channels),
        )
    for module in model.modules():
        if isinstance(module, nn.Dropout):
            module.p = 0.0
    images, regions = torch.randn(6, 3, 64, 64), 2 if method == "mgfe" else 1
    with torch.no_grad():
        grid = model.backbone.features(images).shape[-2:]
    batch = Batch(
        *(images, torch.arange(6) % 4, torch.rand(6, regions, *grid)),
        torch.ones(6, regions, dtype=torch.bool),
    )
    machine(monkeypatch, avx512_bf16=True)
    gradients, losses = {}, {}
    for chosen in ("full", "auto"):
        precision.choose(chosen, "cpu")
        model.zero_grad()
        with precision.mixed_precision("cpu"):
            output = model(batch.images)
        terms = model.loss(output, batch)
        assert all(term.dtype == torch.float32 for term in terms.values())
        sum(terms.values()).backward()
        losses[chosen] = sum(terms.values()).item()
        found = [parameter.grad for parameter in model.parameters() if parameter.grad is not None]
        assert all(gradient.dtype == torch.float32 for gradient in found)
        gradients[chosen] = torch.cat([gradient.flatten() for gradient in found])
    # ACA's mask is 0 or 1: where a position lies on the threshold, rounding decides
    assert losses["auto"] == pytest.approx(losses["full"], rel=0.1 if method == "aca" else 0.02)
    assert losses["auto"] != losses["full"]
    alike = nn.functional.cosine_similarity(gradients["full"], gradients["auto"], dim=0)
    assert alike > (0.8 if method == "aca" else 0.95)


def test_the_segmenter_predicts_in_half_precision_what_it_does_in_full(monkeypatch):
    torch.manual_seed(0)
    architecture = segmenters.Architecture("Unet", "resnet18", ("vein",), 3, (16, 8, 8))
    model = segmenters.HierarchicalSegmenter(architecture)
    image = np.random.default_rng(0).integers(0, 256, (64, 48, 3), dtype=np.uint8)
    machine(monkeypatch, amx_bf16=True)
    found = {}
    for chosen in ("full", "auto"):
        precision.choose(chosen, "cpu")
        found[chosen] = segmenters.predict(model, image, (0.5, 1.0))
        assert found[chosen].dtype == np.float32
        np.testing.assert_allclose(found[chosen].sum(axis=0), 1, atol=1e-5)
    assert 0 < np.abs(found["full"] - found["auto"]).max() < 0.05


def test_the_segmenters_loss_is_float32(monkeypatch):
    torch.manual_seed(0)
    architecture = segmenters.Architecture("Unet", "resnet18", ("vein",), 3, (16, 8, 8))
    model = segmenters.HierarchicalSegmenter(architecture).train()
    criterion = segmenter_training.SegmentationLoss(torch.ones(2), 1.0, 0.4)
    machine(monkeypatch, amx_bf16=True)
    precision.choose("auto", "cpu")
    with precision.mixed_precision("cpu"):
        logits, predictions = model(torch.randn(2, 3, 64, 64), (0.5, 1.0))
    terms = criterion(logits, predictions, torch.randint(0, 2, (2, 64, 64)))
    assert {term.dtype for term in terms.values()} == {torch.float32}
