import numpy as np
import pytest
import torch
from maskguide import methods
from maskguide.learning import backbones
from maskguide.learning.interface import Batch, Output
from maskguide.methods.mga import attention_loss
from maskguide.system.files import InputError
from torch import nn

OPTIONS = {"feature_weight": 0.3, "attention_weight": 0.7, "guidance_weight": 0.1, "mask_pooling": "parts"}


def tiny_backbone():
    """One convolution to four channels, and DenseNet's kind of head: a ReLU, global average, linear."""
    features = nn.Sequential(nn.Conv2d(3, 4, kernel_size=3, stride=2))
    head = nn.Sequential(nn.ReLU(), nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(4, 3))
    return backbones.Backbone(features, head, channels=4, paper_frozen_children=0)


def test_attention_follows_equations_1_to_7():
    torch.manual_seed(0)
    model = methods.create("mga", tiny_backbone(), OPTIONS)
    images = torch.randn(2, 3, 9, 11)
    with torch.no_grad():
        output = model(images)
        f = model.backbone.features(images).numpy().astype(np.float64)
        w_mean, w_max = model.attention.weight.numpy().ravel()
        linear = model.backbone.head[-1]
    assert model.attention.bias is None
    a = np.empty((2, 4, 5))
    for i in range(4):
        for j in range(5):
            a_mn = f[:, :, i, j].sum(axis=1) / 4  # equation 4
            a_max = f[:, :, i, j].max(axis=1)  # equations 5 and 6
            a[:, i, j] = 1 / (1 + np.exp(-(w_mean * a_mn + w_max * a_max)))  # equation 7
    f_att = f * a[:, None]  # equation 1
    f_final = 0.3 * f + 0.7 * f_att  # equation 2
    pooled = np.maximum(f_final, 0).mean(axis=(2, 3))
    logits = pooled @ linear.weight.detach().numpy().T + linear.bias.detach().numpy()
    np.testing.assert_allclose(output.attention.numpy()[:, 0], a, rtol=1e-5)
    np.testing.assert_allclose(output.logits.numpy(), logits, rtol=1e-4, atol=1e-6)


def test_loss_follows_equations_8_and_9():
    rng = np.random.default_rng(0)
    attention, masks = rng.random((3, 1, 4, 5)), rng.random((3, 1, 4, 5))
    logits, labels = rng.standard_normal((3, 6)), np.array([5, 0, 2])
    model = methods.create("mga", tiny_backbone(), OPTIONS)
    output = Output(torch.from_numpy(logits), torch.from_numpy(attention))
    batch = Batch(
        torch.empty(3), torch.from_numpy(labels), torch.from_numpy(masks), torch.ones(3, 1, dtype=torch.bool)
    )
    terms = model.loss(output, batch)
    cross_entropy = np.mean(
        [np.log(np.exp(row).sum()) - row[label] for row, label in zip(logits, labels, strict=True)]
    )
    assert list(terms) == ["cross_entropy", "attention"]
    assert terms["cross_entropy"].item() == pytest.approx(cross_entropy, rel=1e-5)
    assert terms["attention"].item() == pytest.approx(0.1 * np.mean((attention - masks) ** 2), rel=1e-5)


def test_images_without_mask_contribute_no_attention_loss():
    attention = torch.rand(3, 1, 2, 2, requires_grad=True)
    masks = torch.rand(3, 1, 2, 2)
    masks[1] = 0
    present = masks.flatten(1).amax(dim=1) > 0
    loss = attention_loss(attention, masks, present)
    expected = (attention[[0, 2]] - masks[[0, 2]]).square().mean()
    assert loss.item() == pytest.approx(expected.item())
    loss.backward()
    assert attention.grad[1].abs().max() == 0
    assert attention.grad[0].abs().max() > 0


def test_a_batch_without_any_mask_has_no_attention_loss():
    attention = torch.rand(2, 1, 2, 2, requires_grad=True)
    loss = attention_loss(attention, torch.zeros(2, 1, 2, 2), torch.zeros(2, dtype=torch.bool))
    loss.backward()
    assert loss.item() == 0
    assert attention.grad.abs().max() == 0


def test_attention_is_the_same_module_without_guidance():
    torch.manual_seed(1)
    guided = methods.create("mga", tiny_backbone(), OPTIONS)
    free = methods.create("attention", tiny_backbone(), OPTIONS)
    free.load_state_dict(guided.state_dict())
    images = torch.randn(2, 3, 9, 9)
    assert torch.equal(guided(images).logits, free(images).logits)
    batch = Batch(images, torch.tensor([0, 1]))
    assert list(free.loss(free(images), batch)) == ["cross_entropy"]


def test_without_attention_weight_mga_is_the_baseline():
    torch.manual_seed(2)
    backbone = tiny_backbone()
    images = torch.randn(2, 3, 9, 9)
    options = {
        "feature_weight": 1.0,
        "attention_weight": 0.0,
        "guidance_weight": 0.0,
        "mask_pooling": "parts",
    }
    mga = methods.create("mga", backbone, options)(images)
    baseline = methods.create("baseline", backbone, {"feature_scale": 1.0})
    output = baseline(images)
    assert torch.allclose(mga.logits, output.logits)
    assert output.attention is None
    assert baseline.loss(output, Batch(images, torch.tensor([0, 1])))["cross_entropy"] > 0


def test_wrong_options_are_refused():
    with pytest.raises(InputError, match="must add up to 1"):
        methods.create("attention", tiny_backbone(), {**OPTIONS, "feature_weight": 0.5})
    with pytest.raises(InputError, match="--method cam: unknown; choose one of baseline, "):
        methods.create("cam", tiny_backbone(), OPTIONS)
