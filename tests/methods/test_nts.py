"""NTS-Net: anchors, the parts that are chosen and cut out, the losses in NumPy, a training by its script."""

from functools import partial

import numpy as np
import pytest
import torch
import train_classifier
from bad_input import rows
from example_stops import stopped_once_saved
from example_stores import make_squares
from hypothesis import given, settings
from hypothesis import strategies as st
from maskguide import methods
from maskguide.data.store import ImageStore
from maskguide.learning import backbones, evaluation, training
from maskguide.learning.interface import Batch
from maskguide.learning.loop import Learner
from maskguide.methods import nts
from maskguide.plan import declared
from maskguide.system.files import InputError
from torch import nn

CLASSES = 3


def tiny_backbone():
    """Two convolutions to a map of an eighth of the image's size; its head drops nothing."""
    features = nn.Sequential(nn.Conv2d(3, 8, 4, stride=4), nn.Tanh(), nn.Conv2d(8, 6, 2, stride=2), nn.Tanh())
    head = nn.Sequential(nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(6, CLASSES))
    return backbones.Backbone(features, head, channels=6, paper_frozen_children=0)


def create(backbone=None, **options):
    torch.manual_seed(0)
    return methods.create("nts", backbone or tiny_backbone(), options).train()


def a_batch(count=3, size=32):
    generator = torch.Generator().manual_seed(1)
    images = torch.randn(count, 3, size, size, generator=generator)
    return Batch(images, torch.arange(count) % CLASSES)


def cross_entropy(row, label):
    row = row.astype(float)
    return np.log(np.exp(row).sum()) - row[label]


def test_the_defaults_are_the_papers():
    options = {name: each["default"] for name, each in declared.methods()["nts"].options.items()}
    assert options == {"proposals": 6, "parts": 4}


def test_anchors_are_the_papers_at_448():
    """Strides 32, 64, 128; sizes 48, 96, 192; by scale, ratio, row, column."""
    kept, boxes = nts.anchors((448, 448), (14, 14))
    assert len(kept) == len(boxes) == 14 * 14 * 6 + 7 * 7 * 6 + 4 * 4 * 9 == 1614
    assert (kept == np.arange(1614)).all()
    expected = []
    for stride, size, scales in ((32, 48, (1, 2)), (64, 96, (1, 2)), (128, 192, (0, 1, 2))):
        for scale in scales:
            for ratio in (2 / 3, 1, 3 / 2):
                high, wide = (size * 2 ** (scale / 3) * ratio**power for power in (-0.5, 0.5))
                for row in range(-(-448 // stride)):
                    for column in range(-(-448 // stride)):
                        y, x = (stride / 2 + stride * each for each in (row, column))
                        corners = (x - wide / 2, y - high / 2, x + wide / 2, y + high / 2)
                        expected.append([np.floor(each) for each in corners])
    np.testing.assert_array_equal(boxes, expected)
    assert boxes.min() >= -224 and boxes.max() <= 448 + 224  # what the paper pads


@settings(max_examples=40, deadline=None)
@given(height=st.integers(4, 40), width=st.integers(4, 40), stride=st.sampled_from([8, 16, 32]))
def test_anchors_of_other_grids(height, width, stride):
    size = (height * stride, width * stride)
    kept, boxes = nts.anchors(size, (height, width))
    grids = [(-(-height // step), -(-width // step)) for step in (1, 2, 4)]
    scores = sum(rows * columns * count for (rows, columns), count in zip(grids, (6, 6, 9), strict=True))
    assert len(kept) == len(boxes) <= scores and kept.max() < scores
    assert len(kept) >= 6 * height * width  # the first level's all lie within
    found = nts.Navigator(4)(torch.zeros(1, 4, height, width))
    assert found.shape == (1, scores)
    middle = (boxes[:, :2] + boxes[:, 2:]) / 2
    assert (middle <= np.array(size[::-1]) + 1).all() and (boxes[:, 2:] > boxes[:, :2]).all()
    assert (boxes[:, :2] < np.array(size[::-1])).all() and (boxes[:, 2:] > 0).all()  # none sees zeros alone


def test_anchors_grow_with_the_image():
    whole, half = (nts.anchors((side, side), (14, 14))[1] for side in (448, 224))
    assert np.abs(whole / 2 - half).max() <= 1


def overlap(a, b):
    width = max(0, min(a[2], b[2]) - max(a[0], b[0]))
    height = max(0, min(a[3], b[3]) - max(a[1], b[1]))
    both = width * height
    return both / ((a[2] - a[0]) * (a[3] - a[1]) + (b[2] - b[0]) * (b[3] - b[1]) - both)


@settings(max_examples=30, deadline=None)
@given(seed=st.integers(0, 10**6), count=st.integers(1, 8))
def test_the_best_parts_overlap_little(seed, count):
    rng = np.random.default_rng(seed)
    boxes = nts.anchors((64, 64), (4, 4))[1]
    scores = rng.permutation(len(boxes)).astype(np.float32)
    expected = []
    for place in np.argsort(-scores):
        if all(overlap(boxes[place], boxes[other]) <= 0.25 for other in expected):
            expected.append(place)
    fill = [place for place in np.argsort(-scores) if place not in expected]
    found = nts.best(torch.from_numpy(scores), torch.from_numpy(boxes), count).tolist()
    assert found == [*expected, *fill][:count]


def test_too_few_parts_are_filled_with_the_next_best():
    boxes = torch.tensor([[0, 0, 10, 10], [0, 0, 10, 9], [20, 20, 30, 30], [0, 1, 10, 10]]).float()
    assert nts.best(torch.tensor([0.9, 0.8, 0.1, 0.85]), boxes, 4).tolist() == [0, 2, 3, 1]


def test_parts_are_cut_out_of_an_image_with_zeros_around():
    image = torch.arange(48.0).view(1, 1, 6, 8).expand(1, 3, 6, 8)
    boxes = torch.tensor([[[2.0, 1, 5, 4], [-2, -1, 1, 2], [6, 4, 9, 7]]])
    found = nts.cut_out(image, boxes, 3)  # of their own size: nothing is interpolated
    padded = np.pad(image[0, 0].numpy(), 4)
    for part, (left, top, right, bottom) in zip(found, boxes[0].int().tolist(), strict=True):
        expected = padded[top + 4 : bottom + 4, left + 4 : right + 4]
        np.testing.assert_allclose(part[1].numpy(), expected, atol=1e-4)
    larger = nts.cut_out(image, boxes[:, :1], 5)[0, 0].numpy()
    assert larger[0, 0] == image[0, 0, 1, 2] and larger[4, 4] == image[0, 0, 3, 4]  # corners on corners
    np.testing.assert_allclose(larger[2, 2], image[0, 0, 2, 3])


def test_anchors_and_ranking_are_the_published_codes():
    """Numbers of yangze0930/NTS-Net for 448×448 pixels, its ratio of 0.667 made 2/3; there y before x."""
    kept, boxes = nts.anchors((448, 448), (14, 14))
    boxes = boxes[:, [1, 0, 3, 2]].astype(int)
    assert kept.tolist() == list(range(1614)) and boxes.sum(axis=0).tolist() == [
        285980,
        285980,
        444710,
        444710,
    ]
    some = [[-22, -9, 53, 40], [225, -16, 318, 47], [149, 174, 298, 273], [323, 261, 572, 634]]
    assert boxes[[0, 700, 1200, 1613]].tolist() == some
    scores, losses = torch.sin(torch.arange(12.0)), torch.cos(3 * torch.arange(12.0))
    found = nts.ranking(scores.reshape(2, 6), losses.reshape(2, 6))
    assert found.item() == pytest.approx(14.421278, rel=1e-6)


def test_ranking_by_hand():
    """Parts that the teacher finds easier must have the higher score, by 1."""
    scores = torch.tensor([[0.5, 2.0, -1.0], [1.0, 1.0, 1.0]], requires_grad=True)
    losses = torch.tensor([[0.3, 0.1, 0.9], [0.2, 0.2, 0.2]])
    total = 0.0
    for s, ce in zip(scores.detach().numpy(), losses.numpy(), strict=True):
        for i in range(3):
            for j in range(3):
                if ce[j] > ce[i]:
                    total += max(0.0, 1 - s[i] + s[j])
    found = nts.ranking(scores, losses)
    assert found.item() == pytest.approx(total / 2) == 0  # pairs (1, 0), (1, 2), (0, 2) keep their distance
    worse = nts.ranking(torch.tensor([[2.0, 0.5, -1.0]], requires_grad=True), losses[:1])
    assert worse.item() == pytest.approx(2.5)  # part 1 is the easiest and 1.5 below part 0


def test_nts_follows_the_formulas():
    model, batch = create(), a_batch()
    model.dropout.p = 0.0
    output = model(batch.images)
    labels = batch.labels.numpy()
    with torch.no_grad():
        f = model.backbone.features(batch.images)
        kept, boxes = nts.anchors((32, 32), (4, 4))
        scores = model.navigator(f)[:, kept]
    raw, whole = [], f.numpy().mean(axis=(2, 3))
    weights = {
        name: [each.detach().numpy() for each in getattr(model, name).parameters()]
        for name in ("raw", "teacher", "scrutinizer")
    }
    parts, answers, found_scores = [], [], []
    for b in range(3):
        chosen = nts.best(scores[b], torch.from_numpy(boxes), 6)
        assert len(set(chosen.tolist())) == 6
        found_scores.append(scores[b, chosen].numpy())
        cut = nts.cut_out(batch.images[b : b + 1], torch.from_numpy(boxes)[None, chosen], 16)
        with torch.no_grad():
            read = model.backbone.features(cut).numpy().mean(axis=(2, 3))
        parts.append(read @ weights["teacher"][0].T + weights["teacher"][1])
        together = np.concatenate([*read[:4], whole[b]])
        answers.append(weights["scrutinizer"][0] @ together + weights["scrutinizer"][1])
        raw.append(weights["raw"][0] @ whole[b] + weights["raw"][1])
    np.testing.assert_allclose(output.logits.detach().numpy(), answers, rtol=1e-3, atol=1e-5)
    of_parts = np.array(
        [[cross_entropy(row, t) for row in rows] for rows, t in zip(parts, labels, strict=True)]
    )
    ranking = np.mean(
        [
            sum(max(0, 1 - s[i] + s[j]) for i in range(6) for j in range(6) if ce[j] > ce[i])
            for s, ce in zip(found_scores, of_parts, strict=True)
        ]
    )
    terms = model.loss(output, batch)
    expected = {
        "cross_entropy": np.mean(
            [cross_entropy(np.array(a), t) for a, t in zip(answers, labels, strict=True)]
        ),
        "raw": np.mean([cross_entropy(np.array(a), t) for a, t in zip(raw, labels, strict=True)]),
        "parts": of_parts.mean(),
        "ranking": ranking,
    }
    assert {name: each.item() for name, each in terms.items()} == pytest.approx(expected, rel=1e-3)


def test_the_ranking_alone_teaches_the_navigator_and_nothing_else():
    model, batch = create(), a_batch()
    terms = model.loss(model(batch.images), batch)
    terms.pop("ranking").backward(retain_graph=True)
    of_navigator = {id(each) for each in model.navigator.parameters()}
    taught = {id(each) for each in model.parameters() if each.grad is not None and each.grad.any()}
    assert taught and taught <= of_navigator
    model.zero_grad()
    sum(terms.values()).backward()
    taught = {id(each) for each in model.parameters() if each.grad is not None and each.grad.any()}
    assert taught == {id(each) for each in model.parameters()} - of_navigator


def test_nothing_is_dropped_at_test():
    model, images = create(), a_batch().images
    assert model.dropout.p == 0.5
    assert not torch.equal(model(images).logits, model(images).logits)
    model.eval()
    assert torch.equal(model(images).logits, model(images).logits)
    assert create(backbones.create("mobilenet_v2", None, CLASSES)).dropout.p == 0  # its head drops 0.2 itself


def test_a_batch_in_parts_has_the_gradients_of_the_whole():
    batch, found = a_batch(5), []
    for most in (None, 2):
        model = create()
        model.dropout.p = 0.0
        learner = Learner(model, lambda each: torch.optim.SGD(each.parameters(), 0.0), "cpu", "training")
        learner.at_once.most = most
        learner.step(5, partial(training.batch_terms, learner, batch))
        found.append(torch.cat([each.grad.flatten() for each in model.parameters()]))
    torch.testing.assert_close(*found, rtol=1e-3, atol=1e-6)


def test_what_cannot_be_done_is_refused():
    with pytest.raises(InputError) as refused:
        create()(torch.randn(2, 3, 24, 32))
    assert str(refused.value) == rows()["map-too-small-for-anchors"]
    with pytest.raises(InputError, match="--parts 4: more than --proposals 3; take fewer"):
        create(proposals=3)
    with pytest.raises(InputError, match="--proposals 65: must be at most 64"):
        create(proposals=65)


def test_a_training_by_its_script_and_its_answers(tmp_path, monkeypatch):
    """Stopped after an epoch and continued to the same; test images of another shape than the crop."""
    stores = make_squares(tmp_path / "stores")

    def run(name, *more):
        words = ["--dataset", "squares", "--store", str(stores / "store"), "--backbone", "small"]
        words += ["--method", "nts", "--epochs", "2", "--crop", "32", "--batch-size", "6", "--device", "cpu"]
        train_classifier.main(
            train_classifier.parse_args([*words, "--output-dir", str(tmp_path / name), *more])
        )
        return torch.load(tmp_path / name / "model.pt", weights_only=True)["state_dict"]

    whole = run("whole")
    with stopped_once_saved(monkeypatch):
        run("cut", "--checkpoint", str(tmp_path / "state"))
    cut = run("cut", "--checkpoint", str(tmp_path / "state"))
    assert all(torch.equal(whole[name], cut[name]) for name in whole)
    model, _ = methods.load(tmp_path / "cut" / "model.pt")
    images = ImageStore(stores / "store")
    predicted, confidence = evaluation.predict(model, images, images.rows("test"), "cpu")
    assert len(predicted) == 9 and (confidence >= 1 / 3 - 1e-6).all()
