"""Guidance through the loss: the formulas in NumPy, pixel by pixel, and what they move."""

import numpy as np
import pytest
import torch
from maskguide import methods
from maskguide.learning import backbones, training
from maskguide.learning.interface import Batch
from maskguide.methods.explanation import class_activation, over_pixels
from maskguide.system.files import InputError
from sklearn.metrics import roc_auc_score
from torch import nn

CLASSES = 3
LOSSES = ("energy", "l1", "rrr")


def tiny_backbone(first=()):
    """Two convolutions to a map of half the image's size, then average pooling and a linear layer."""
    features = nn.Sequential(
        *(nn.Conv2d(3, 8, 3, stride=2, padding=1), nn.Tanh(), nn.Conv2d(8, 6, 3, padding=1), nn.Tanh())
    )
    head = nn.Sequential(*first, nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(6, CLASSES))
    return backbones.Backbone(features, head, channels=6, paper_frozen_children=0)


def create(method, explain="cam", weight=1.0, backbone=None):
    torch.manual_seed(0)
    options = {"guidance_weight": weight, "explain": explain}
    return methods.create(method, backbone or tiny_backbone(), options).train()


def a_batch(size=8, masks=None):
    generator = torch.Generator().manual_seed(1)
    masks = torch.rand(4, 1, size // 2, size // 2, generator=generator) if masks is None else masks
    images = torch.randn(4, 3, size, size, generator=generator)
    return Batch(images, torch.tensor([2, 0, 1, 1]), masks, masks.flatten(2).amax(dim=2) > 0)


def by_hand(method, maps, masks):
    """The mean over images of the loss of S and m, float64."""
    found = []
    for s, m in zip(maps, masks, strict=True):
        total = inside = distance = squares = 0.0
        highest = max(0.0, s.max())
        for place in np.ndindex(s.shape):
            positive = max(s[place], 0.0)
            total, inside = total + positive, inside + m[place] * positive
            distance += abs((positive / highest if highest else 0.0) - m[place]) / s.size
            squares += (1 - m[place]) * s[place] ** 2
        energy = 1 - (inside / total if total >= 1e-7 else inside)
        found.append({"energy": energy, "l1": distance, "rrr": squares}[method])
    return np.mean(found)


@pytest.mark.parametrize("method", LOSSES)
@pytest.mark.parametrize("first", [(), (nn.ReLU(),)])
def test_losses_on_class_activation_maps_follow_the_formulas(method, first):
    model, batch = create(method, weight=0.5, backbone=tiny_backbone(first)), a_batch()
    output = model(batch.images)
    f = model.backbone.features(batch.images).detach().numpy().astype(float)
    f = np.maximum(f, 0) if first else f
    w, b = (each.detach().numpy() for each in (model.backbone.head[-1].weight, model.backbone.head[-1].bias))
    maps = np.stack([np.tensordot(w[y], image, 1) / 16 for y, image in zip(batch.labels, f, strict=True)])
    logits = output.logits.detach().numpy()
    np.testing.assert_allclose(maps.sum(axis=(1, 2)), logits[range(4), batch.labels] - b[batch.labels], 1e-4)
    terms = model.loss(output, batch)
    assert list(terms) == ["cross_entropy", "explanation"]
    expected = 0.5 * by_hand(method, maps, batch.masks[:, 0].numpy())
    assert terms["explanation"].item() == pytest.approx(expected, rel=1e-4)


@pytest.mark.parametrize("method", LOSSES)
def test_losses_on_input_gradients_follow_the_formulas(method):
    """Gradients by finite differences, one pixel and colour at a time."""
    model, batch = create(method, "input").double(), a_batch(6)
    batch.images, batch.masks = batch.images.double(), batch.masks.double()
    rows = torch.arange(4)

    def answers(images):
        with torch.no_grad():
            logits = model.backbone(images)
        return logits.log_softmax(dim=1).sum(dim=1) if method == "rrr" else logits[rows, batch.labels]

    gradient, step = np.zeros(batch.images.shape), 1e-5
    for place in np.ndindex(batch.images.shape[1:]):
        moved = batch.images.clone()
        moved[(slice(None), *place)] += step
        gradient[(slice(None), *place)] = (answers(moved) - answers(batch.images)).numpy() / step
    pixels = batch.images.numpy()
    maps = np.sqrt((gradient**2).sum(axis=1)) if method == "rrr" else (gradient * pixels).sum(axis=1)
    of_pixel = [0, 0, 1, 1, 2, 2]  # cells are centred on pixels 0, 2 and 4
    masks = batch.masks[:, 0].numpy()[:, of_pixel][:, :, of_pixel]
    found = model.loss(model(batch.images), batch)["explanation"].item()
    assert found == pytest.approx(by_hand(method, maps, masks), rel=1e-3)


def test_each_pixel_has_the_mask_of_the_cell_that_it_lies_in():
    masks = torch.rand(2, 3, 4)
    wide = over_pixels(masks, (24, 32), (0.0, 8.0))  # centred on 0, 8, 16, …
    nearest = [np.abs(np.arange(n)[:, None] - 8 * np.arange(n // 8)).argmin(axis=1) for n in (24, 32)]
    assert torch.equal(wide, masks[:, nearest[0]][:, :, nearest[1]])


def test_nothing_positive_is_an_energy_of_one_and_not_an_error():
    model = create("energy")
    maps = torch.stack([-torch.ones(2, 2), torch.full((2, 2), 1e-9)]).requires_grad_()
    penalty = model.penalty(maps, torch.ones(2, 2, 2))
    penalty.sum().backward()
    assert penalty.tolist() == [1, pytest.approx(1 - 4e-9)] and torch.isfinite(maps.grad).all()
    assert create("l1").penalty(-torch.ones(1, 2, 2), torch.ones(1, 2, 2)).item() == 1


@pytest.mark.parametrize("explain", ["cam", "input"])
@pytest.mark.parametrize("method", LOSSES)
def test_the_gradient_reaches_features_and_classifier_and_images_without_mask_say_nothing(method, explain):
    masks = torch.rand(4, 1, 4, 4)
    masks[2] = 0
    model, batch = create(method, explain), a_batch(masks=masks)
    some = Batch(*(each[[0, 1, 3]] for each in (batch.images, batch.labels, masks, batch.mask_present)))
    whole, part = (model.loss(model(each.images), each)["explanation"] for each in (batch, some))
    assert whole.item() == pytest.approx(part.item(), rel=1e-5)
    whole.backward()
    learn = [model.backbone.features[0].weight, model.backbone.head[-1].weight]
    assert all(value.grad.abs().max() > 0 for value in learn)
    batch.masks, batch.mask_present = torch.zeros(4, 1, 4, 4), torch.zeros(4, 1, dtype=torch.bool)
    assert model.loss(model(batch.images), batch)["explanation"].item() == 0


@pytest.mark.parametrize("method", [*LOSSES, "multitask"])
def test_at_test_time_it_is_the_backbone(method):
    model, images = create(method).eval(), torch.randn(2, 3, 8, 8)
    with torch.inference_mode():
        output = model(images)
        assert torch.equal(output.logits, model.backbone(images)) and output.attention is None


def test_multitask_is_a_cross_entropy_of_each_cell():
    model, batch = create("multitask", weight=2.0), a_batch()
    output = model(batch.images)
    f = model.backbone.features(batch.images).detach().numpy()
    weight, bias = model.segmentation.weight.detach().numpy()[0, :, 0, 0], model.segmentation.bias.item()
    p = 1 / (1 + np.exp(-(np.einsum("c,bchw->bhw", weight, f) + bias)))
    m = batch.masks[:, 0].numpy()
    terms = model.loss(output, batch)
    assert terms["segmentation"].item() == pytest.approx(
        -2 * np.mean(m * np.log(p) + (1 - m) * np.log(1 - p)), rel=1e-5
    )
    torch.testing.assert_close(output.logits, model.backbone(batch.images))  # nothing is multiplied
    terms["segmentation"].backward()
    assert model.backbone.features[0].weight.grad.abs().max() > 0
    assert model.backbone.head[-1].weight.grad is None


@pytest.mark.parametrize(
    ("method", "explain"), [("energy", "cam"), ("l1", "input"), ("rrr", "input"), ("multitask", "cam")]
)
def test_in_half_precision_losses_are_float32_and_every_gradient_is_finite(method, explain):
    """As training does it: the network in bfloat16, its loss outside."""
    model = create(method, explain, backbone=backbones.create("small", None, CLASSES))
    batch = Batch(torch.randn(3, 3, 32, 32), torch.arange(3), torch.rand(3, 1, 4, 4), torch.ones(3, 1) > 0)
    with torch.autocast("cpu", torch.bfloat16):
        output = model(batch.images)
    terms = model.loss(output, batch)
    sum(terms.values()).backward()
    assert all(term.dtype == torch.float32 and torch.isfinite(term) for term in terms.values())
    assert all(value.grad is not None and torch.isfinite(value.grad).all() for value in model.parameters())


def toy(number=24, size=16):
    """Two squares of the class's colour in each picture, apart; the mask is of the first alone."""
    rng = np.random.default_rng(0)
    images, masks = 0.1 * rng.standard_normal((number, 3, size, size)), np.zeros((number, 1, size, size))
    labels = np.arange(number) % CLASSES
    for image, mask, label in zip(images, masks, labels, strict=True):
        top, left = rng.integers(0, size - 6), rng.integers(0, size // 2 - 5)
        image[label, top : top + 6, left : left + 6] += 1  # the object, left
        mask[0, top : top + 6, left : left + 6] = 1
        image[label, -8:, -6:] += 2  # what tells the class as well, and better
    pooled = masks.reshape(number, 1, size // 2, 2, size // 2, 2).mean(axis=(3, 5))
    tensors = (torch.from_numpy(each).float() for each in (images, pooled))
    images, pooled = tensors
    return Batch(images, torch.from_numpy(labels), pooled, torch.ones(number, 1, dtype=torch.bool))


def taught(model, batch, steps=100):
    """The share of right answers; of its class activation maps the mean ROC area, and the maps themselves."""
    optimizer = torch.optim.Adam(model.parameters(), 0.02)
    for _ in range(steps):
        optimizer.zero_grad()
        sum(model.loss(model(batch.images), batch).values()).backward()
        optimizer.step()
    with torch.no_grad():
        features = model.backbone.features(batch.images)
        maps = class_activation(features, model.backbone.head[-1].weight, batch.labels)
        right = (model.backbone(batch.images).argmax(dim=1) == batch.labels).double().mean().item()
    inside = batch.masks[:, 0] >= 0.5
    pairs = zip(inside.flatten(1).numpy(), maps.flatten(1).numpy(), strict=True)
    return right, np.mean([roc_auc_score(*pair) for pair in pairs]), maps


def test_a_large_weight_moves_the_map_to_the_mask():
    """L1 fills the mask; energy asks that nothing speaks for the class outside; RRR makes it small there."""
    batch = toy()

    def inside(values):
        shares = (batch.masks[:, 0] * values).sum(dim=(1, 2)) / values.sum(dim=(1, 2))
        return shares.nanmean().item()

    def outside(maps):
        return ((1 - batch.masks[:, 0]) * maps.square()).sum(dim=(1, 2)).mean().item()

    right, area, plain = taught(create("energy", weight=0.0), batch)
    assert right == 1 and area < 0.9 and inside(plain.relu()) < 0.5
    right, area, maps = taught(create("l1", weight=5.0), batch)
    assert right == 1 and area > 0.9 and inside(maps.relu()) > 0.8
    right, _, maps = taught(create("energy", weight=5.0), batch)
    assert right == 1 and inside(maps.relu()) > 0.8
    right, _, maps = taught(create("rrr", weight=100.0), batch)
    assert right == 1 and outside(maps) < 0.1 * outside(plain)


def test_heads_that_have_no_class_activation_map_are_refused():
    for name in ("small", "densenet121", "mobilenet_v2", "resnet18"):
        create("energy", backbone=backbones.create(name, None, CLASSES))
    vgg = backbones.create("vgg11", None, CLASSES)
    with pytest.raises(
        InputError, match="--explain cam: this backbone's head is not average pooling and one"
    ):
        create("energy", backbone=vgg)
    assert create("rrr", "input", backbone=vgg).cells == pytest.approx((15.5, 32))


@pytest.mark.parametrize(
    ("options", "complaint"),
    [
        ({"explain": "pixels", "guidance_weight": 1}, "--explain pixels: choose one of cam, input"),
        ({"explain": "cam", "guidance_weight": -1}, "--guidance-weight -1: must not be below 0"),
    ],
)
def test_wrong_options_are_refused(options, complaint):
    with pytest.raises(InputError, match=complaint):
        methods.create("l1", tiny_backbone(), options)


def test_masks_are_pooled_where_cells_look():
    for method in (*LOSSES, "multitask"):
        assert training.mask_use(create(method)).pooling == "cells"
