"""MGA's siblings: what the attention reads, its loss, its learning rate; and attention as pooling weights."""

import numpy as np
import pandas as pd
import pytest
import torch
import train_classifier
from example_stops import stopped_once_saved
from example_stores import make_squares
from maskguide import methods
from maskguide.learning import backbones, training
from maskguide.learning.interface import Batch
from maskguide.plan import declared
from maskguide.system.files import InputError
from sklearn.metrics import roc_auc_score
from test_explanation import CLASSES, a_batch, tiny_backbone, toy
from torch import nn


def create(method, backbone=None, **options):
    torch.manual_seed(0)
    return methods.create(method, backbone or tiny_backbone(), options).train()


def sigmoid(values):
    return 1 / (1 + np.exp(-values))


def test_the_defaults_are_the_papers():
    options = {name: each["default"] for name, each in declared.methods()["mga"].options.items()}
    assert options == {
        **{"feature_weight": 0.5, "attention_weight": 0.5, "guidance_weight": 0.1, "mask_pooling": "parts"},
        **{"attention_input": "mean_max", "attention_rate": 1.0, "attention_loss": "squared"},
    }
    model = create("mga")
    assert model.attention.weight.shape == (1, 2, 1, 1) and model.attention.bias is None
    optimizer = training.Schedule(1, 0.1, 0.9, 0).create_optimizer(model)
    assert [len(group["params"]) for group in optimizer.param_groups] == [len(list(model.parameters()))]


@pytest.mark.parametrize("read", ["channels", "standardised"])
def test_what_the_attention_reads(read):
    model, images = create("attention", attention_input=read), a_batch().images
    f = model.backbone.features(images).detach().numpy().astype(float)
    maps = f
    if read == "standardised":
        maps = np.stack([f.mean(axis=1), f.max(axis=1)], axis=1)
        maps = (maps - maps.mean((2, 3), keepdims=True)) / maps.std((2, 3), keepdims=True)
    weight, bias = model.attention.weight.detach().numpy()[0, :, 0, 0], model.attention.bias.item()
    expected = sigmoid(np.einsum("c,bchw->bhw", weight, maps) + bias)
    np.testing.assert_allclose(model(images).attention.detach().numpy()[:, 0], expected, rtol=1e-4)


def test_a_constant_map_has_a_standardised_map_of_nothing():
    model = create("mga", attention_input="standardised")
    maps = torch.full((2, 6, 4, 4), 6.0, requires_grad=True)
    model.read(maps).sum().backward()
    assert (model.read(maps) == 0).all() and torch.isfinite(maps.grad).all()


def test_cross_entropy_of_attention_and_mask():
    batch = a_batch()
    model = create("mga", attention_loss="cross_entropy", guidance_weight=3.0)
    output = model(batch.images)
    a, m = output.attention.detach().numpy().astype(float), batch.masks.numpy().astype(float)
    expected = -3 * np.mean(m * np.log(a) + (1 - m) * np.log(1 - a))
    assert model.loss(output, batch)["attention"].item() == pytest.approx(expected, rel=1e-5)


def test_pooling_is_the_mean_weighed_by_the_attention():
    for first in ((), (nn.ReLU(),)):  # DenseNet's head begins with one
        model, images = create("attention-pooling", tiny_backbone(first)), a_batch().images
        f = model.backbone.features(images).detach().numpy().astype(float)
        weight, bias = model.attention.weight.detach().numpy()[0, :, 0, 0], model.attention.bias.item()
        a = sigmoid(np.einsum("c,bchw->bhw", weight, f) + bias)[:, None]
        pooled = (a * (np.maximum(f, 0) if first else f)).sum(axis=(2, 3)) / a.sum(axis=(2, 3))
        linear = model.backbone.head[-1]
        logits = pooled @ linear.weight.detach().numpy().T + linear.bias.detach().numpy()
        output = model(images)
        np.testing.assert_allclose(output.logits.detach().numpy(), logits, rtol=1e-4, atol=1e-6)
        np.testing.assert_allclose(output.attention.detach().numpy(), a, rtol=1e-4)
        model.attention.weight.data.zero_()  # the same everywhere: the backbone itself
        torch.testing.assert_close(model(images).logits, model.backbone(images))


def test_guided_pooling_is_the_same_network_and_a_cross_entropy():
    batch, guided, free = (
        a_batch(),
        create("guided-pooling", guidance_weight=2.0),
        create("attention-pooling"),
    )
    assert torch.equal(guided(batch.images).logits, free(batch.images).logits)
    terms = guided.loss(guided(batch.images), batch)
    a, m = guided(batch.images).attention.detach().numpy().astype(float), batch.masks.numpy()
    assert terms["attention"].item() == pytest.approx(
        -2 * np.mean(m * np.log(a) + (1 - m) * np.log(1 - a)), rel=1e-5
    )
    assert list(free.loss(free(batch.images), batch)) == ["cross_entropy"]
    sum(terms.values()).backward()
    assert all(value.grad is not None and value.grad.any() for value in guided.parameters())
    vgg = create("guided-pooling", backbones.create("vgg11", None, CLASSES)).eval()
    assert vgg(torch.randn(1, 3, 64, 64)).logits.shape == (1, CLASSES)


def test_guidance_of_pooling_takes_hold():
    """The mean ROC area of the attention against the masks."""
    batch, model = toy(), create("guided-pooling", guidance_weight=5.0)
    optimizer = torch.optim.Adam(model.parameters(), 0.02)
    for _ in range(100):
        optimizer.zero_grad()
        sum(model.loss(model(batch.images), batch).values()).backward()
        optimizer.step()
    inside, attention = (batch.masks >= 0.5).numpy(), model(batch.images).attention.detach().numpy()
    pairs = zip(inside, attention, strict=True)
    assert np.mean([roc_auc_score(m.ravel(), a.ravel()) for m, a in pairs]) > 0.9


def test_the_rate_of_the_attention_is_a_multiple_of_the_others():
    model, batch = create("mga", attention_rate=10.0), a_batch()

    def terms(part):
        return model.loss(model(batch.images), batch), None

    for optimizer in ("sgd", "adam"):
        schedule = training.Schedule(4, 0.1, 0.9, 1e-4, optimizer=optimizer)
        learner = training.Learner(model, schedule.create_optimizer, "cpu", "training")
        assert [group["lr"] for group in learner.optimizer.param_groups] == [0.1, 0.1]
        for epoch in range(4):
            learner.step(4, terms, schedule.rate(epoch))
            rates = [group["lr"] for group in learner.optimizer.param_groups]
            assert rates == pytest.approx([schedule.rate(epoch), 10 * schedule.rate(epoch)])
        assert [id(each) for each in learner.optimizer.param_groups[1]["params"]] == [
            id(each) for each in model.attention.parameters()
        ]


def test_a_stopped_training_with_two_rates_continues_to_the_same(tmp_path, monkeypatch):
    stores = make_squares(tmp_path / "stores")

    def run(name, *more):
        words = ["--dataset", "squares", "--store", str(stores / "store"), "--backbone", "small"]
        words += ["--mask-store", str(stores / "pooled"), "--attention-rate", "10", "--epochs", "3"]
        words += ["--crop", "32", "--batch-size", "6", "--device", "cpu", *more]
        words += ["--output-dir", str(tmp_path / name)]
        train_classifier.main(train_classifier.parse_args(words))
        state = torch.load(tmp_path / name / "model.pt", weights_only=True)["state_dict"]
        return state, pd.read_csv(tmp_path / name / "history.csv").drop(columns="seconds")

    whole = run("whole")
    with stopped_once_saved(monkeypatch):
        run("cut", "--checkpoint", str(tmp_path / "state"))
    cut = run("cut", "--checkpoint", str(tmp_path / "state"))
    assert all(torch.equal(whole[0][name], cut[0][name]) for name in whole[0])
    pd.testing.assert_frame_equal(whole[1], cut[1])
    slow = run("slow", "--attention-rate", "1")[0]
    assert not torch.equal(whole[0]["attention.weight"], slow["attention.weight"])


def test_networks_of_before_an_option_was_there_are_loaded():
    options = {"feature_weight": 0.5, "attention_weight": 0.5, "guidance_weight": 0.1}
    assert methods.create("mga", tiny_backbone(), options).attention_input == "mean_max"


@pytest.mark.parametrize(
    ("method", "options", "complaint"),
    [
        (
            "attention",
            {"attention_input": "some"},
            "--attention-input some: choose one of mean_max, standard",
        ),
        ("mga", {"attention_loss": "l2"}, "--attention-loss l2: choose one of squared, cross_entropy"),
        ("mga", {"attention_rate": 0}, "--attention-rate 0: must be above 0"),
        ("guided-pooling", {"guidance_weight": -1}, "--guidance-weight -1: must not be below 0"),
    ],
)
def test_wrong_options_are_refused(method, options, complaint):
    with pytest.raises(InputError, match=complaint):
        create(method, **options)


def test_every_method_is_made_and_called_by_its_defaults():
    images = a_batch(16).images
    for name in ("attention-pooling", "guided-pooling", "energy", "l1", "rrr", "multitask"):
        model = create(name)
        batch = Batch(images, torch.tensor([0, 1, 2, 0]), torch.rand(4, 1, 8, 8), torch.ones(4, 1) > 0)
        assert all(torch.isfinite(term) for term in model.loss(model(images), batch).values())
