"""Methods of second order: moments, roots and descriptors in NumPy, heads, rates, what cannot work."""

import json

import numpy as np
import pandas as pd
import pytest
import torch
import train_classifier
from bad_input import matches, rows
from example_stores import CLASSES, make_squares
from maskguide import methods
from maskguide.learning import backbones, training
from maskguide.learning.interface import Batch
from maskguide.learning.looking import maps_of
from maskguide.methods import second_order
from maskguide.plan import declared
from maskguide.system.files import InputError
from scipy.linalg import sqrtm
from torch import nn

ALL = ("mpn-cov", "g2denet", "bcnn", "improved-bcnn")
OF_COVARIANCE = ("mpn-cov", "g2denet")


def features(shape=(2, 5, 4, 3), seed=0):
    """Not below 0, float64 [B, C, h, w]."""
    return torch.from_numpy(np.random.default_rng(seed).random(shape))


def create(method, backbone="small", classes=CLASSES):
    torch.manual_seed(0)
    return methods.create(method, backbones.create(backbone, None, classes), {}).train()


def a_batch(size, count=4):
    generator = torch.Generator().manual_seed(1)
    images = torch.randn(count, 3, size, size, generator=generator)
    return Batch(images, torch.arange(count) % CLASSES)


# By hand: one image, X [C, M]


def g_by_hand(x):
    channels, cells = x.shape
    return np.array([[sum(x[i] * x[j]) / cells for j in range(channels)] for i in range(channels)])


def sigma_by_hand(x):
    """X·(1/M − 11ᵀ/M²)·Xᵀ."""
    cells = x.shape[1]
    return x @ (np.eye(cells) / cells - np.ones((cells, cells)) / cells**2) @ x.T


def root_by_hand(matrix, norm, steps):
    """Coupled Newton–Schulz: Y ← Y·(3 − Z·Y)/2, Z ← (3 − Z·Y)/2·Z."""
    y, z = matrix / norm, np.eye(len(matrix))
    for _ in range(steps):
        t = (3 * np.eye(len(matrix)) - z @ y) / 2
        y, z = y @ t, t @ z
    return np.sqrt(norm) * y


def triangle_by_hand(matrix):
    return [matrix[i, j] for i in range(len(matrix)) for j in range(i, len(matrix))]


def described_by_hand(method, x):
    if method in OF_COVARIANCE:
        matrix = sigma_by_hand(x)
        if method == "g2denet":
            mean = x.mean(axis=1, keepdims=True)
            matrix = np.block([[matrix + mean @ mean.T, mean], [mean.T, np.ones((1, 1))]])
        return np.array(triangle_by_hand(root_by_hand(matrix, np.trace(matrix) + 1e-5, 5)))
    if method == "bcnn":
        g = g_by_hand(x)
        found = (np.where(g < 0, -1, 1) * np.sqrt(np.abs(g) + 1e-5)).ravel()
    else:
        g = g_by_hand(x)
        root = root_by_hand(g, np.sqrt((g**2).sum() + 1e-10), 10).ravel()
        found = np.sign(root) * np.sqrt(np.abs(root))
    return found / np.linalg.norm(found)


def test_moments_follow_the_formulas():
    maps = features()
    for found, image in zip(second_order.second_moment(maps), maps, strict=True):
        np.testing.assert_allclose(found, g_by_hand(image.flatten(1).numpy()), rtol=1e-12)
    sigma, mean = second_order.covariance(maps)
    for found, image in zip(sigma, maps, strict=True):
        np.testing.assert_allclose(found, sigma_by_hand(image.flatten(1).numpy()), atol=1e-14)
        np.testing.assert_allclose(found, np.cov(image.flatten(1).numpy(), bias=True), atol=1e-14)
    np.testing.assert_allclose(mean[:, :, 0], maps.mean(dim=(2, 3)))


@pytest.mark.parametrize("steps", [1, 5, 10])
@pytest.mark.parametrize("norm", [second_order.trace, second_order.frobenius_norm])
def test_the_root_is_newtons_and_schulzs(steps, norm):
    sigma = second_order.covariance(features((3, 6, 5, 5)))[0]
    found = second_order.matrix_root(sigma, norm, steps)
    for root, matrix in zip(found, sigma.numpy(), strict=True):
        size = np.trace(matrix) if norm is second_order.trace else np.linalg.norm(matrix)
        np.testing.assert_allclose(root, root_by_hand(matrix, size, steps), rtol=1e-3)
    exact = np.stack([sqrtm(matrix) for matrix in sigma.numpy()])
    many = second_order.matrix_root(sigma, norm, 30).numpy()
    np.testing.assert_allclose(many, exact, atol=1e-9)
    assert np.abs(found.numpy() - exact).max() >= np.abs(many - exact).max()


def test_the_triangle_is_read_row_by_row():
    matrices = torch.arange(18.0).reshape(2, 3, 3)
    assert second_order.upper_triangle(matrices).tolist() == [[0, 1, 2, 4, 5, 8], [9, 10, 11, 13, 14, 17]]


def test_the_signed_root_has_a_damped_gradient():
    values = torch.tensor([-4.0, -1e-4, 0.0, 0.25, 9.0], dtype=torch.float64, requires_grad=True)
    weights = torch.tensor([1.0, 2.0, 3.0, 4.0, 5.0], dtype=torch.float64)
    root = second_order.signed_root(values)
    np.testing.assert_allclose(root.detach(), [-2, -0.01, 0, 0.5, 3], atol=1e-15)
    (weights * root).sum().backward()
    expected = weights.numpy() / (2 * (np.array([2, 0.01, 0, 0.5, 3]) + 0.03))
    np.testing.assert_allclose(values.grad, expected, rtol=1e-12)


@pytest.mark.parametrize("method", ALL)
def test_descriptors_follow_the_formulas(method):
    model, maps = create(method), features((2, 5, 4, 3))
    found = model.describe(maps)
    assert found.shape == (2, model.size(5))
    for described, image in zip(found, maps, strict=True):
        np.testing.assert_allclose(described, described_by_hand(method, image.flatten(1).numpy()), rtol=1e-9)


def test_bilinear_pooling_keeps_the_signs_of_a_transformers_map():
    """Its last norm makes values below 0, and then products; their roots have a gradient of their own."""
    describe, maps = create("bcnn").describe, (features() - 0.5).requires_grad_()
    found = describe(maps)
    assert 0.1 < (found < 0).double().mean() < 0.9
    for described, image in zip(found.detach(), maps.detach(), strict=True):
        np.testing.assert_allclose(described, described_by_hand("bcnn", image.flatten(1).numpy()), rtol=1e-9)
    assert torch.autograd.gradcheck(describe, maps)


@pytest.mark.parametrize("method", OF_COVARIANCE)
def test_the_gradient_of_a_descriptor_is_that_of_its_formula(method):
    maps = features((1, 3, 2, 3)).requires_grad_()
    assert torch.autograd.gradcheck(create(method).describe, maps)


# What the published code made of |sin(0, 1, …, 35)| as [2, 3, 2, 3]: jiangtaoxie/fast-MPN-COV,
# HaoMood/bilinear-cnn, DennisLeoUTS/improved-bilinear-pooling
PUBLISHED = {
    "mpn-cov": [
        [0.336782222971, 0.181060862927, 0.010916298344, 0.159367189334, 0.124978416804, 0.229084826232],
        [0.307192783098, 0.189927961220, 0.026160965825, 0.206193238866, 0.130159198467, 0.209682306561],
    ],
    "bcnn": [
        [0.347760911592, 0.338164563945, 0.314107636403, 0.342425622413, 0.332888931377, 0.337844936484],
        [0.339300064585, 0.334732177254, 0.319173063421, 0.339985197450, 0.334262895763, 0.343493835336],
    ],
    "improved-bcnn": [
        [0.387918418755, 0.337661846681, 0.261663781647, 0.342425814695, 0.333398940342, 0.380771900641],
        [0.378598410653, 0.330784482058, 0.276711585173, 0.352496323475, 0.324760858442, 0.386645839441],
    ],
}


@pytest.mark.parametrize("method", PUBLISHED)
def test_descriptors_are_the_published_codes(method):
    maps = torch.sin(torch.arange(36, dtype=torch.float64)).abs().reshape(2, 3, 2, 3)
    found = create(method).describe(maps)
    if method != "mpn-cov":  # all products; here the upper triangle
        found = second_order.upper_triangle(found.unflatten(1, (3, 3)))
    # ours keeps the trace from 0 by 1e-5, which the published code does not
    np.testing.assert_allclose(found, PUBLISHED[method], rtol=2e-4 if method == "mpn-cov" else 1e-10)


# On backbones


def parameters(module):
    return sum(each.numel() for each in module.parameters())


@pytest.mark.parametrize(
    ("method", "backbone", "before", "size", "grid"),
    [
        # as published: 512×28×28 of VGG-16 before its last pooling, ResNet-50 with its last stage at stride 1
        ("bcnn", "vgg16", 0, 262144, (28, 28)),
        ("mpn-cov", "resnet50", 2048 * 256 + 2 * 256, 32896, (28, 28)),
        ("g2denet", "resnet50", 2048 * 256 + 2 * 256, 33153, (28, 28)),
        # ours
        ("bcnn", "resnet50", 2048 * 512 + 2 * 512, 262144, (14, 14)),
        ("mpn-cov", "vgg11_bn", 512 * 256 + 2 * 256, 32896, (28, 28)),
        ("g2denet", "densenet121", 1024 * 256 + 2 * 256, 33153, (14, 14)),
        ("improved-bcnn", "small", 0, 128 * 128, (56, 56)),
    ],
)
def test_heads_have_the_papers_sizes_and_their_parameters_are_counted(method, backbone, before, size, grid):
    with torch.device("meta"):  # shapes alone
        model = methods.create(method, backbones.create(backbone, None, 80), {}).eval()
        found = model.backbone.features(torch.empty(1, 3, 448, 448))
        assert model.describe(model.backbone.head.before(found)).shape == (1, size)
    assert found.shape[2:] == grid
    assert model.backbone.head.linear.weight.shape == (80, size)
    assert parameters(model) == parameters(model.backbone.features) + before + 80 * size + 80
    first = model.backbone.head.before[:1]
    assert isinstance(first[0] if len(first) else None, nn.ReLU) == backbone.startswith("densenet")


@pytest.mark.parametrize(
    ("method", "backbone", "size", "count"),
    [*((method, "small", 32, 4) for method in ALL), ("mpn-cov", "resnet18", 64, 2)],
)
def test_a_step_teaches_every_layer(method, backbone, size, count):
    model, batch = create(method, backbone), a_batch(size, count)
    optimizer = training.Schedule(1, 0.001, 0.9, 0).create_optimizer(model)
    losses = []
    for _ in range(2):
        optimizer.zero_grad()
        terms = model.loss(model(batch.images), batch)
        assert list(terms) == ["cross_entropy"]
        terms["cross_entropy"].backward()
        assert all(value.grad is not None and value.grad.isfinite().all() for value in model.parameters())
        assert all(value.grad.any() for name, value in model.named_parameters() if name.endswith("weight"))
        optimizer.step()
        losses.append(terms["cross_entropy"].item())
    assert losses[-1] < losses[0]


def test_the_linear_layer_learns_five_times_as_fast_as_published():
    for method, factors in (("mpn-cov", [1, 5]), ("g2denet", [1, 5]), ("bcnn", [1])):
        model = create(method)
        groups = training.Schedule(1, 0.1, 0.9, 0).create_optimizer(model).param_groups
        assert [group["rate_factor"] for group in groups] == factors
        if len(factors) == 2:
            linear = model.backbone.head.linear.parameters()
            assert list(map(id, groups[1]["params"])) == list(map(id, linear))


@pytest.mark.parametrize("method", ALL)
def test_an_image_of_nothing_has_a_finite_gradient(method):
    model, batch = create(method), a_batch(32)
    batch.images[:2] = 0
    model.loss(model(batch.images), batch)["cross_entropy"].backward()
    assert all(value.grad.isfinite().all() for value in model.parameters())
    maps = torch.zeros(2, 5, 3, 3, requires_grad=True)
    model.describe(maps).square().sum().backward()
    assert maps.grad.isfinite().all()


@pytest.mark.parametrize("method", ALL)
def test_moments_and_roots_are_computed_in_full_precision(method):
    model, batch, seen = create(method).eval(), a_batch(32), []
    describe = model.backbone.head.describe

    def kept(maps):
        seen.append((maps.dtype, torch.is_autocast_enabled("cpu"), (maps @ maps.mT).dtype))
        return describe(maps)

    model.backbone.head.describe = kept
    with torch.autocast("cpu", torch.bfloat16):
        half = model(batch.images).logits
        assert model.backbone.features(batch.images).dtype == torch.bfloat16
    assert half.dtype == torch.float32 and seen == [(torch.float32, False, torch.float32)]
    torch.testing.assert_close(half, model(batch.images).logits, rtol=0.1, atol=0.05)


def test_where_they_look_is_told_as_of_any_network():
    for method in ALL:
        model, batch = create(method).eval(), a_batch(32)
        maps, what = maps_of(model, batch.images, batch.labels)
        assert maps.shape == (4, 1, 4, 4) and maps.isfinite().all() and what == "class activation"


# What cannot work


@pytest.mark.parametrize("method", OF_COVARIANCE)
def test_a_map_of_one_cell_is_refused_in_one_line(method):
    with pytest.raises(InputError) as refused:
        create(method)(torch.zeros(2, 3, 8, 8))
    assert str(refused.value) == rows()["map-of-one-cell"].replace("mpn-cov", method)


def test_products_of_one_cell_are_products():
    for method in ("bcnn", "improved-bcnn"):
        assert create(method)(torch.randn(2, 3, 8, 8)).logits.isfinite().all()


@pytest.fixture(scope="module")
def stores(tmp_path_factory):
    return make_squares(tmp_path_factory.mktemp("stores"))


def run(stores, folder, method, *more):
    words = ["--dataset", "squares", "--store", str(stores / "store"), "--backbone", "small"]
    words += ["--crop", "32", "--batch-size", "6", "--device", "cpu", "--freeze", "0", *more]
    words += ["--method", method, "--output-dir", str(folder), "--precision", "full"]
    train_classifier.main(train_classifier.parse_args(words))
    return json.loads((folder / "metrics.json").read_text())


@pytest.mark.parametrize("method", ["mpn-cov", "improved-bcnn"])
def test_a_training_whose_root_is_no_number_names_the_method(stores, tmp_path, method):
    more = ["--first-stage-rate", "1e30"] if method == "improved-bcnn" else ["--learning-rate", "1e30"]
    with pytest.raises(InputError, match=rf"the loss of epoch \d is .*: {method} takes the root") as refused:
        run(stores, tmp_path, method, "--epochs", "3", *more)
    line = rows()["root-of-no-number"].split("; lower")[0].replace("mpn-cov", method)
    assert matches(line + "; lower …", str(refused.value))
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("method", ["g2denet", "bcnn"])
def test_it_learns_and_its_network_is_read_again(stores, tmp_path, method):
    said = declared.methods()[method].settings["learning_rate"]["default"]
    metrics = run(stores, tmp_path, method, "--epochs", "8", "--learning-rate", str(said))
    assert metrics["top1_last"] > 60  # chance is 33
    model, info = methods.load(tmp_path / "model.pt")
    assert info["method"] == method
    assert metrics["parameters"] == parameters(model)
    rates = pd.read_csv(tmp_path / "history.csv")["learning_rate"]
    assert rates[0] == (1.0 if method == "bcnn" else said)
