"""The method against its equations in NumPy, position by position."""

import numpy as np
import pytest
import torch
from maskguide import methods
from maskguide.learning import backbones
from maskguide.learning.interface import Batch
from maskguide.methods.aca import local_loss
from maskguide.system.files import InputError
from skimage.filters import threshold_otsu
from torch import nn

CLASSES = 3


def tiny_backbone():
    """One convolution to four channels, without a ReLU: what the mask hides counts as 0 among negatives."""
    features = nn.Sequential(nn.Conv2d(3, 4, kernel_size=3, stride=2))
    head = nn.Sequential(nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(4, CLASSES))
    return backbones.Backbone(features, head, channels=4, paper_frozen_children=0)


def create(losses="both", classifiers=5):
    torch.manual_seed(0)
    return methods.create("aca", tiny_backbone(), {"losses": losses, "classifiers": classifiers})


def softmax(values):
    powers = np.exp(values - values.max())
    return powers / powers.sum()


def by_hand(model, images):
    """A, M_b and both heads' logits of each image, from the weights, in float64."""
    f = model.backbone.features(images).detach().numpy().astype(np.float64)
    weight = model.local.weight.detach().numpy()[:, :, 0, 0].reshape(5, CLASSES + 1, 4)
    bias = model.local.bias.detach().numpy().reshape(5, CLASSES + 1)
    found = []
    for image in f:
        _, rows, columns = image.shape
        a = np.empty((CLASSES + 1, rows, columns))
        for i in range(rows):
            for j in range(columns):
                each = np.array([weight[k] @ image[:, i, j] + bias[k] for k in range(5)])  # A_1 … A_n
                a[:, i, j] = each.max(axis=0)  # equation 1
        m = a[:CLASSES].max(axis=0)
        mask = m > threshold_otsu(m)
        local = a[:CLASSES].mean(axis=(1, 2))
        pooled = (mask * image).max(axis=(1, 2))
        logits = model.object.weight.detach().numpy() @ pooled + model.object.bias.detach().numpy()
        found.append((a, mask, local, logits))
    return found


def test_forward_follows_equation_1_and_section_4():
    model = create()
    images = torch.randn(4, 3, 15, 13)
    with torch.no_grad():
        output = model(images)
    for place, (a, mask, local, logits) in enumerate(by_hand(model, images)):
        np.testing.assert_allclose(output.activations[place].numpy(), a, rtol=1e-4, atol=1e-5)
        assert np.array_equal(output.mask[place, 0].numpy() > 0, mask)
        np.testing.assert_allclose(output.heads["local"][place].numpy(), local, rtol=1e-4, atol=1e-5)
        np.testing.assert_allclose(output.heads["object"][place].numpy(), logits, rtol=1e-4, atol=1e-5)
        averaged = (softmax(local) + softmax(logits)) / 2
        np.testing.assert_allclose(output.logits[place].softmax(dim=0).numpy(), averaged, rtol=1e-4)
    assert output.attention.shape == (4, 1, 7, 6)
    assert (output.attention.amin(), output.attention.amax()) == (0, 1)


def test_loss_follows_equations_2_to_6():
    model = create()
    images, labels = torch.randn(4, 3, 15, 13), [2, 0, 1, 1]
    terms = model.loss(model(images), Batch(images, torch.tensor(labels)))
    of_local, of_object = [], []
    for (a, mask, _, logits), t in zip(by_hand(model, images), labels, strict=True):
        wh = mask.size
        w = mask.sum() / wh
        l0 = l1 = 0.0
        for i, j in np.ndindex(mask.shape):
            p = softmax(a[:, i, j])
            if mask[i, j]:
                l1 -= np.log(p[t])  # equation 4
            else:
                l0 -= np.log(p[CLASSES])  # equation 3
        of_local.append(((1 - w) * l1 + w * l0) / wh)  # equation 2
        of_object.append(-np.log(softmax(logits)[t]))  # equation 5
    assert list(terms) == ["local", "object"]  # equation 6 is their sum
    assert terms["local"].item() == pytest.approx(np.mean(of_local), rel=1e-4)
    assert terms["object"].item() == pytest.approx(np.mean(of_object), rel=1e-4)


@pytest.mark.parametrize("everywhere", [0.0, 1.0])
def test_a_map_wholly_in_or_out_of_attention_has_no_local_loss(everywhere):
    """w is 0 or 1, so that each part is weighed by nothing: finite, 0, and no gradient."""
    activations = torch.randn(2, CLASSES + 1, 3, 3, requires_grad=True)
    loss = local_loss(activations, torch.full((2, 1, 3, 3), everywhere), torch.tensor([0, 2]))
    loss.backward()
    assert loss.item() == 0
    assert (activations.grad == 0).all()


def test_a_constant_map_is_attended_everywhere():
    model = create()
    images = torch.ones(2, 3, 9, 9)
    output = model(images)
    assert (output.mask == 1).all() and (output.attention == 0).all()
    terms = model.loss(output, Batch(images, torch.tensor([0, 1])))
    assert all(torch.isfinite(term) for term in terms.values())


@pytest.mark.parametrize("losses", ["both", "local", "object"])
def test_gradients_reach_what_should_learn_and_nothing_else(losses):
    model = create(losses)
    images = torch.randn(4, 3, 15, 13)
    output = model(images)
    torch.stack(list(model.loss(output, Batch(images, torch.tensor([0, 1, 2, 0]))).values())).sum().backward()
    reached = {
        name for name, value in model.named_parameters() if value.grad is not None and value.grad.any()
    }
    learning = {name for name, value in model.named_parameters() if value.requires_grad}
    expected = {"backbone.features.0.weight", "backbone.features.0.bias"}
    if losses != "object":
        expected |= {"local.weight", "local.bias"}
    if losses != "local":
        expected |= {"object.weight", "object.bias"}
    assert reached == learning == expected
    assert set(output.heads) == ({"local", "object"} if losses == "both" else {losses})


def test_max_pooling_is_the_maximum_and_a_linear_layer():
    torch.manual_seed(0)
    model = methods.create("maxpool", tiny_backbone(), {})
    images = torch.randn(2, 3, 9, 11)
    output = model(images)
    f = model.backbone.features(images).detach().numpy()
    linear = model.classifier
    expected = f.max(axis=(2, 3)) @ linear.weight.detach().numpy().T + linear.bias.detach().numpy()
    np.testing.assert_allclose(output.logits.detach().numpy(), expected, rtol=1e-4, atol=1e-6)
    loss = model.loss(output, Batch(images, torch.tensor([0, 2])))["cross_entropy"]
    expected = -np.mean([np.log(softmax(row)[t]) for row, t in zip(expected, (0, 2), strict=True)])
    assert loss.item() == pytest.approx(expected, rel=1e-5)
    loss.backward()
    assert all(value.grad is not None for value in model.parameters())


@pytest.mark.parametrize("backbone", ["small", "vgg16_bn", "densenet121", "mobilenet_v2"])
def test_every_family_of_backbones_can_attend(backbone):
    options = {"losses": "both", "classifiers": 2}
    model = methods.create("aca", backbones.create(backbone, None, CLASSES), options).eval()
    with torch.no_grad():
        output = model(torch.randn(2, 3, 96, 64))
    assert output.logits.shape == (2, CLASSES)
    assert output.activations.shape[:2] == (2, CLASSES + 1)


@pytest.mark.parametrize(
    ("options", "complaint"),
    [
        ({"losses": "none", "classifiers": 2}, "--losses none: choose one of both, local, object"),
        ({"losses": "both", "classifiers": 0}, "--classifiers 0: must be at least 1"),
    ],
)
def test_wrong_options_are_refused(options, complaint):
    with pytest.raises(InputError, match=complaint):
        methods.create("aca", tiny_backbone(), options)
