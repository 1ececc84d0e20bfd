"""DCL and MaskCOV: tiles, their places, the formulas in NumPy, and trainings that are resumed."""

from functools import partial

import numpy as np
import pandas as pd
import pytest
import torch
import train_classifier
from bad_input import rows
from example_stops import stopped_once_saved
from example_stores import make_squares
from hypothesis import given, settings
from hypothesis import strategies as st
from maskguide import methods
from maskguide.learning import backbones, training
from maskguide.learning.evaluation import for_inference
from maskguide.learning.interface import Batch
from maskguide.learning.loop import Learner
from maskguide.learning.transforms import IMAGENET_MEAN, IMAGENET_STD, normalise
from maskguide.methods import dcl, maskcov, tiles
from maskguide.plan import declared
from maskguide.system.files import InputError
from torch import nn

CLASSES = 3
NEW = {
    "dcl": ("classifier", "discriminator", "aligner"),
    "maskcov": ("classifier", "shuffled", "covariances"),
}


def tiny_backbone(first=(), width=6):
    """Two convolutions to a map of half the image's size, then average pooling and a linear layer."""
    features = nn.Sequential(
        *(nn.Conv2d(3, 8, 3, stride=2, padding=1), nn.Tanh(), nn.Conv2d(8, width, 3, padding=1), nn.Tanh())
    )
    head = nn.Sequential(*first, nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(width, CLASSES))
    return backbones.Backbone(features, head, channels=width, paper_frozen_children=0)


def create(method, backbone=None, **options):
    torch.manual_seed(0)
    return methods.create(method, backbone or tiny_backbone(), options).train()


def a_batch(count=4, size=16):
    generator = torch.Generator().manual_seed(1)
    images = torch.randn(count, 3, size, size, generator=generator)
    return Batch(images, torch.arange(count) % CLASSES)


def cross_entropy(logits, labels):
    logits = logits.astype(float)
    return np.mean([np.log(np.exp(row).sum()) - row[t] for row, t in zip(logits, labels, strict=True)])


def pasted_by_hand(image, order, n):
    """Tile by tile, of an image [3, H, W] whose sides n divides."""
    made = np.empty_like(image)
    h, w = image.shape[1] // n, image.shape[2] // n
    for place, tile in enumerate(order):
        (to_y, to_x), (y, x) = divmod(place, n), divmod(int(tile), n)
        own = image[:, y * h : (y + 1) * h, x * w : (x + 1) * w]
        made[:, to_y * h : (to_y + 1) * h, to_x * w : (to_x + 1) * w] = own
    return made


# Tiles


@settings(max_examples=60, deadline=None)
@given(n=st.integers(2, 12), seed=st.integers(0, 10**6))
def test_tiles_move_within_their_neighbourhood(n, seed):
    torch.manual_seed(seed)
    order = tiles.jittered(n).numpy()
    assert sorted(order) == list(range(n * n)) and (order != np.arange(n * n)).any()
    to, of = np.divmod(np.arange(n * n), n), np.divmod(order, n)
    assert max(abs(a - b).max() for a, b in zip(to, of, strict=True)) < 2 * tiles.NEIGHBOURHOOD


@settings(max_examples=20, deadline=None)
@given(n=st.integers(2, 5), h=st.integers(1, 3), w=st.integers(1, 3), seed=st.integers(0, 99))
def test_tiles_are_cut_moved_and_pasted_as_by_hand(n, h, w, seed):
    torch.manual_seed(seed)
    images = torch.randn(2, 3, n * h, n * w)
    orders = torch.stack([tiles.jittered(n), tiles.jittered(n)])
    pieces = tiles.cut(images, n)
    assert torch.equal(tiles.paste(pieces, images.shape[2:]), images)
    found = tiles.paste(tiles.rearranged(pieces, orders), images.shape[2:])
    for image, order, made in zip(images.numpy(), orders.numpy(), found.numpy(), strict=True):
        assert (made == pasted_by_hand(image, order, n)).all()


def test_a_side_that_no_tiles_fill_is_resized_back():
    images = torch.randn(1, 3, 17, 16)
    pieces = tiles.cut(images, 7)
    assert pieces.shape == (1, 49, 3, 2, 2)
    inner = images[:, :, 1:15, 1:15]
    expected = nn.functional.interpolate(inner, (17, 16), mode="bilinear")
    torch.testing.assert_close(tiles.paste(pieces, (17, 16)), expected)


def test_most_tiles_change_their_column_and_no_two_images_are_alike():
    torch.manual_seed(0)
    orders = torch.stack([tiles.jittered(7) for _ in range(400)])
    changed = (orders.view(-1, 7, 7) % 7 != torch.arange(7)).float().mean()
    assert 0.5 < changed < 0.9
    assert len({tuple(each.tolist()) for each in orders}) == 400


def test_the_defaults_are_the_papers():
    options = {
        method: {name: each["default"] for name, each in declared.methods()[method].options.items()}
        for method in NEW
    }
    assert options["dcl"] == {"tiles": 7, "adversarial_weight": 1.0, "position_weight": 1.0}
    assert options["maskcov"] == {"tiles": 2, "shuffle_weight": 1.0, "covariance_weight": 1.0}


# DCL


def test_positions_are_the_true_ones():
    torch.manual_seed(3)
    orders = torch.stack([tiles.jittered(7) for _ in range(2)])
    found = dcl.positions(orders).numpy()
    own = (np.arange(49) - 24) / 49
    np.testing.assert_allclose(found[0], own, rtol=1e-6)
    np.testing.assert_allclose(found[3], (orders[1].numpy() - 24) / 49, rtol=1e-6)
    assert found.shape == (4, 49) and found.min() == -found.max()


@pytest.mark.parametrize("first", [(), (nn.ReLU(),)])  # DenseNet's head begins with one
def test_dcl_follows_the_formulas(first):
    model = create("dcl", tiny_backbone(first), tiles=4, adversarial_weight=0.5, position_weight=2.0)
    batch = a_batch()
    output = model(batch.images)
    orders = output.orders.numpy()
    confused = np.stack(
        [pasted_by_hand(image, order, 4) for image, order in zip(batch.images.numpy(), orders, strict=True)]
    )
    both = np.concatenate([batch.images.numpy(), confused])
    f = model.backbone.features(torch.from_numpy(both)).detach().numpy().astype(float)
    pooled = (np.maximum(f, 0) if first else f).mean(axis=(2, 3))
    weights = {name: getattr(model, name).weight.detach().numpy() for name in NEW["dcl"]}
    classes, copies = pooled @ weights["classifier"].T, pooled @ weights["discriminator"].T
    answer = classes + copies[:, :3] + copies[:, 3:]
    np.testing.assert_allclose(output.logits.detach().numpy(), answer[:4], rtol=1e-4, atol=1e-6)
    one = np.tensordot(f, weights["aligner"][0, :, 0, 0], (1, 0)) + model.aligner.bias.item()
    cells = one.reshape(8, 4, 2, 4, 2).mean(axis=(2, 4))  # 2×2 of the 8×8 cells
    places = np.tanh(cells).reshape(8, 16)
    targets = (np.concatenate([np.tile(np.arange(16), (4, 1)), orders]) - 8) / 16
    labels = batch.labels.numpy()
    expected = {
        "cross_entropy": cross_entropy(classes, np.tile(labels, 2)),
        "adversarial": 0.5 * cross_entropy(copies, np.concatenate([labels, labels + 3])),
        "position": 2 * np.abs(places - targets).mean(),
    }
    terms = model.loss(output, batch)
    assert {name: each.item() for name, each in terms.items()} == pytest.approx(expected, rel=1e-4)
    sum(terms.values()).backward()
    assert all(value.grad is not None and value.grad.any() for value in model.parameters())
    model.eval()
    np.testing.assert_allclose(model(batch.images).logits.detach().numpy(), answer[:4], rtol=1e-4, atol=1e-6)


def test_tiles_that_the_map_cannot_hold_are_refused():
    model = create("dcl")
    with pytest.raises(InputError) as refused:
        model(torch.randn(2, 3, 12, 12))
    assert str(refused.value) == rows()["map-fewer-cells-than-tiles"]
    with pytest.raises(InputError, match="--tiles 1: must be at least 2"):
        create("dcl", tiles=1)
    assert model(torch.randn(2, 3, 14, 14)).places.shape == (4, 49)
    assert model.eval()(torch.randn(1, 3, 12, 12)).logits.shape == (1, CLASSES)  # tests need no tiles


# MaskCOV


def covariance_by_hand(tile):
    """The 3×3 of a tile [3, h, w], entry by entry."""
    pixels = tile.reshape(3, -1).astype(float)
    n = pixels.shape[1]
    means = pixels.sum(axis=1) / n
    return [
        sum((pixels[a, p] - means[a]) * (pixels[b, p] - means[b]) for p in range(n)) / (n - 1)
        for a in range(3)
        for b in range(3)
    ]


def test_maskcov_follows_the_formulas():
    model = create("maskcov", shuffle_weight=0.5, covariance_weight=2.0)
    colours = np.random.default_rng(0).integers(0, 256, (3, 3, 8, 12), dtype=np.uint8)
    batch = Batch(normalise(torch.from_numpy(colours)), torch.tensor([2, 0, 1]))
    output = model(batch.images)
    orders, hidden = output.orders.numpy(), output.hidden.numpy()
    pixels = colours / 255
    views, targets = [[], [], []], [[], [], []]
    for image, order, place in zip(pixels, orders, hidden, strict=True):
        y, x = divmod(int(place), 2)
        window = (slice(None), slice(4 * y, 4 * y + 4), slice(6 * x, 6 * x + 6))
        masked, shuffled = image.copy(), pasted_by_hand(image, order, 2)
        masked[window] = shuffled[window] = 0
        for kind, view in enumerate((image, masked, shuffled)):
            views[kind].append(view)
            parts = [view[:, 4 * (k // 2) :][:, :4, 6 * (k % 2) :][:, :, :6] for k in range(4)]
            targets[kind].append(np.concatenate([covariance_by_hand(part) for part in parts]))
    seen = np.concatenate([np.stack(each) for each in views])
    targets = np.concatenate([np.stack(each) for each in targets])
    assert targets.shape == (9, 36)
    found = model.targets(batch.images, output.orders, output.hidden).numpy()
    np.testing.assert_allclose(found, targets, rtol=1e-4, atol=1e-6)
    as_numpy = np.reshape(IMAGENET_MEAN, (3, 1, 1)), np.reshape(IMAGENET_STD, (3, 1, 1))
    normalised = torch.from_numpy(((seen - as_numpy[0]) / as_numpy[1]).astype(np.float32))
    pooled = model.backbone.features(normalised).detach().numpy().mean(axis=(2, 3))
    answers = [pooled @ getattr(model, name).weight.detach().numpy().T for name in NEW["maskcov"]]
    np.testing.assert_allclose(output.logits.detach().numpy(), answers[0][:3], rtol=1e-3, atol=1e-5)
    expected = {
        "cross_entropy": cross_entropy(answers[0], [2, 0, 1] * 3),
        "shuffle": 0.5 * cross_entropy(answers[1], [0] * 6 + [1] * 3),
        "covariance": 2 * np.abs(answers[2] - targets).mean(),
    }
    terms = model.loss(output, batch)
    assert {name: each.item() for name, each in terms.items()} == pytest.approx(expected, rel=1e-4)
    sum(terms.values()).backward()
    assert all(value.grad is not None and value.grad.any() for value in model.parameters())
    logits = model.eval()(batch.images).logits.detach().numpy()
    np.testing.assert_allclose(logits, answers[0][:3], rtol=1e-3, atol=1e-5)


def test_covariances_are_numpys():
    tiles_of_two = torch.rand(2, 4, 3, 5, 6)
    found = maskcov.covariances(tiles_of_two).numpy().reshape(8, 3, 3)
    for tile, matrix in zip(tiles_of_two.flatten(0, 1).numpy(), found, strict=True):
        np.testing.assert_allclose(matrix, np.cov(tile.reshape(3, -1)), rtol=1e-4, atol=1e-6)


def test_covariances_are_not_taken_in_half_precision():
    """Losses are computed outside of it; the targets come from the images, not from what `forward` made."""
    model, batch = create("maskcov"), a_batch()
    with torch.autocast("cpu", torch.bfloat16):
        output = model(batch.images)
    assert output.covariances.dtype == torch.bfloat16
    targets = model.targets(batch.images, output.orders, output.hidden)
    assert targets.dtype == torch.float32
    assert all(torch.isfinite(term) for term in model.loss(output, batch).values())


def test_tiles_without_pixels_are_refused():
    with pytest.raises(InputError) as refused:
        create("maskcov")(torch.randn(2, 3, 3, 3))
    assert str(refused.value) == rows()["crop-of-small-tiles"]


# Both


@pytest.mark.parametrize("method", NEW)
def test_new_layers_learn_ten_times_faster(method):
    model = create(method, tiles=2)
    optimizer = training.Schedule(1, 0.1, 0.9, 0).create_optimizer(model)
    old, new = ([id(each) for each in group["params"]] for group in optimizer.param_groups)
    assert [group["rate_factor"] for group in optimizer.param_groups] == [1, 10]
    assert set(old) == {id(each) for each in model.backbone.parameters()}
    assert set(new) == {id(each) for name in NEW[method] for each in getattr(model, name).parameters()}


@pytest.mark.parametrize("method", NEW)
def test_a_batch_in_parts_has_the_gradients_of_the_whole(method):
    batch, found = a_batch(5), []
    for most in (None, 2):
        model = create(method, tiles=2)
        learner = Learner(model, lambda each: torch.optim.SGD(each.parameters(), 0.0), "cpu", "training")
        learner.at_once.most = most
        learner.begin_epoch(1, 0)
        learner.step(5, partial(training.batch_terms, learner, batch))
        found.append(torch.cat([each.grad.flatten() for each in model.parameters()]))
    torch.testing.assert_close(*found, rtol=1e-4, atol=1e-6)


@pytest.mark.parametrize("method", NEW)
@pytest.mark.parametrize("name", ["small", "mobilenet_v2"])
def test_other_backbones(method, name):
    torch.manual_seed(0)
    model = methods.create(method, backbones.create(name, None, CLASSES), {"tiles": 2}).train()
    batch = a_batch(2, 64)
    terms = model.loss(model(batch.images), batch)
    assert all(torch.isfinite(term) for term in terms.values())
    logits = model.eval()(batch.images).logits
    assert logits.shape == (2, CLASSES)
    torch.testing.assert_close(for_inference(model)(batch.images).logits, logits, rtol=1e-3, atol=1e-4)


@pytest.fixture(scope="module")
def stores(tmp_path_factory):
    return make_squares(tmp_path_factory.mktemp("stores"))


@pytest.mark.parametrize("method", NEW)
def test_a_stopped_training_continues_to_the_same(method, stores, tmp_path, monkeypatch):
    """The tiles are drawn by torch's generator, which each epoch seeds anew."""

    def run(name, *more):
        words = ["--dataset", "squares", "--store", str(stores / "store"), "--backbone", "small"]
        words += ["--method", method, "--tiles", "2", "--epochs", "2", "--crop", "32", "--batch-size", "6"]
        words += ["--normalisation", "half", "--device", "cpu", "--output-dir", str(tmp_path / name), *more]
        train_classifier.main(train_classifier.parse_args(words))
        state = torch.load(tmp_path / name / "model.pt", weights_only=True)["state_dict"]
        return state, pd.read_csv(tmp_path / name / "history.csv").drop(columns="seconds")

    whole = run("whole")
    with stopped_once_saved(monkeypatch):
        run("cut", "--checkpoint", str(tmp_path / "state"))
    torch.rand(7)  # another state of the generator than the whole training had here
    cut = run("cut", "--checkpoint", str(tmp_path / "state"))
    assert all(torch.equal(whole[0][name], cut[0][name]) for name in whole[0])
    pd.testing.assert_frame_equal(whole[1], cut[1])
    model, _ = methods.load(tmp_path / "cut" / "model.pt")
    assert model(torch.zeros(1, 3, 32, 32)).logits.shape == (1, CLASSES)
