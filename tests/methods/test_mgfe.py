"""The method against its equations in NumPy, and its training through the script."""

import json

import build_store
import numpy as np
import pandas as pd
import pytest
import torch
import train_classifier
from example_stores import make_squares, without_times
from maskguide import methods
from maskguide.learning import backbones
from maskguide.learning.interface import Batch, Output
from maskguide.system.files import InputError
from torch import nn

OPTIONS = {
    "regions": ["vein", "contour"],
    "activation": "softmax",
    "feature_weight": 0.3,
    "region_weights": [0.5, 0.2],
    "region_loss_weights": [0.1, 0.4],
    "reading": "printed",
    "classification_weight": 2.0,
}


@pytest.fixture(scope="module")
def stores(tmp_path_factory):
    return make_squares(tmp_path_factory.mktemp("stores"))


def tiny_backbone():
    """One convolution to four channels, and a head without a ReLU: negative features count too."""
    features = nn.Sequential(nn.Conv2d(3, 4, kernel_size=3, stride=2))
    head = nn.Sequential(nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(4, 3))
    return backbones.Backbone(features, head, channels=4, paper_frozen_children=0)


@pytest.mark.parametrize("activation", ["softmax", "sigmoid"])
def test_features_follow_equations_2_to_5(activation):
    torch.manual_seed(0)
    model = methods.create("mgfe", tiny_backbone(), {**OPTIONS, "activation": activation})
    images = torch.randn(2, 3, 9, 11)
    with torch.no_grad():
        output = model(images)
        m = model.backbone.features(images).numpy().astype(np.float64)
    linear = model.backbone.head[-1]
    weight, bias = model.attention.weight.detach().numpy()[..., 0, 0], model.attention.bias.detach().numpy()
    f = 0.3 * m  # the first term of equation 5
    for region, beta in enumerate([0.5, 0.2]):
        answer = np.empty((2, 4, 5))
        for i in range(4):
            for j in range(5):
                mean = m[:, :, i, j].sum(axis=1) / 4  # equation 2
                maximum = m[:, :, i, j].max(axis=1)  # equation 3
                answer[:, i, j] = weight[region, 0] * maximum + weight[region, 1] * mean + bias[region]
        if activation == "softmax":  # equation 4
            a = np.exp(answer) / np.exp(answer).sum(axis=(1, 2), keepdims=True)
            np.testing.assert_allclose(output.attention[:, region].sum(dim=(1, 2)).numpy(), 1, rtol=1e-5)
        else:
            a = 1 / (1 + np.exp(-answer))
        np.testing.assert_allclose(output.attention[:, region].numpy(), a, rtol=1e-5)
        f = f + beta * a[:, None] * m  # equation 5
    logits = f.mean(axis=(2, 3)) @ linear.weight.detach().numpy().T + linear.bias.detach().numpy()
    np.testing.assert_allclose(output.logits.numpy(), logits, rtol=1e-4, atol=1e-6)


def test_loss_follows_equations_7_and_8():
    rng = np.random.default_rng(0)
    attention, masks = rng.random((3, 2, 4, 5)), rng.random((3, 2, 4, 5))
    masks[1, 0] = 0  # image 1: no vein was found
    present = masks.max(axis=(2, 3)) > 0
    logits, labels = rng.standard_normal((3, 6)), np.array([5, 0, 2])
    model = methods.create("mgfe", tiny_backbone(), OPTIONS)
    batch = Batch(torch.empty(3), *map(torch.from_numpy, (labels, masks, present)))
    terms = model.loss(Output(torch.from_numpy(logits), torch.from_numpy(attention)), batch)
    cross_entropy = np.mean(
        [np.log(np.exp(row).sum()) - row[label] for row, label in zip(logits, labels, strict=True)]
    )
    vein = np.mean((attention[[0, 2], 0] - masks[[0, 2], 0]) ** 2)
    contour = np.mean((attention[:, 1] - masks[:, 1]) ** 2)
    assert list(terms) == ["cross_entropy", "attention_vein", "attention_contour"]
    expected = {
        "cross_entropy": 2 * cross_entropy,
        "attention_vein": 0.1 * vein,
        "attention_contour": 0.4 * contour,
    }
    for name, value in expected.items():
        assert terms[name].item() == pytest.approx(value, rel=1e-5)


def test_weights_add_up_to_1_whichever_regions_there_are():
    options = {**OPTIONS, "regions": ["vein"], "region_weights": [0.5], "region_loss_weights": [0.1]}
    model = methods.create("mgfe", tiny_backbone(), options)
    assert model.feature_weight == pytest.approx(0.3 / 0.8)
    assert model.region_weights == pytest.approx([0.5 / 0.8])


def test_gradients_reach_every_parameter():
    model = methods.create("mgfe", tiny_backbone(), {**OPTIONS, "activation": "sigmoid"})
    images, labels = torch.randn(2, 3, 9, 9), torch.tensor([0, 2])
    batch = Batch(images, labels, torch.rand(2, 2, 4, 4), torch.ones(2, 2, dtype=torch.bool))
    sum(model.loss(model(images), batch).values()).backward()
    assert all(parameter.grad.abs().max() > 0 for parameter in model.parameters())


def test_softmax_cannot_reach_a_target_whose_maximum_is_1_and_sigmoid_can():
    """The least mean squared distance to a filled box: 0 for sigmoid, far from it for softmax."""
    target = torch.zeros(1, 1, 6, 6)
    target[..., 1:4, 1:4] = 1
    answers = torch.zeros(1, 1, 6, 6, requires_grad=True)
    least = {}
    for name in ("softmax", "sigmoid"):
        with torch.no_grad():
            answers.zero_()
        optimizer = torch.optim.Adam([answers], lr=0.2)
        for _ in range(300):
            attention = (
                answers.flatten().softmax(0).view_as(answers) if name == "softmax" else answers.sigmoid()
            )
            loss = (attention - target).square().mean()
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
        least[name] = loss.item()
    # each of the 9 cells at 1/9: 9·(8/9)²/36
    assert least["softmax"] == pytest.approx(9 * (8 / 9) ** 2 / 36, rel=0.02)
    assert least["sigmoid"] < 0.001


@pytest.mark.parametrize(
    ("change", "complaint"),
    [
        ({"activation": "tanh"}, "--activation tanh: choose one of softmax, sigmoid"),
        ({"regions": []}, "--regions : name at least one region"),
        ({"regions": ["vein", "vein"]}, "name at least one region, each once"),
        ({"region_weights": [0.5]}, "--region-weights: 1 given for 2 regions"),
        ({"region_loss_weights": [0.1] * 3}, "--region-loss-weights: 3 given for 2 regions"),
        ({"region_weights": [-0.5, 0.2]}, "--region-weights .*: must not be below 0"),
        ({"feature_weight": 0, "region_weights": [0, 0]}, "their sum must be above 0"),
    ],
)
def test_wrong_options_are_refused(change, complaint):
    with pytest.raises(InputError, match=complaint):
        methods.create("mgfe", tiny_backbone(), {**OPTIONS, **change})


def arguments(folder, output, *more):
    return train_classifier.parse_args(
        [
            *(
                "--dataset",
                "squares",
                "--store",
                str(folder / "store"),
                "--method",
                "mgfe",
                "--backbone",
                "small",
            ),
            *("--mask-store", str(folder / "pooled"), str(folder / "pooled"), "--regions", "vein", "contour"),
            *(
                "--region-weights",
                "0.5",
                "0.2",
                "--region-loss-weights",
                "0.1",
                "0.1",
                "--feature-weight",
                "0.3",
            ),
            *(
                "--epochs",
                "4",
                "--batch-size",
                "6",
                "--crop",
                "32",
                "--freeze",
                "1",
                "--learning-rate",
                "0.05",
            ),
            *("--learning-rate-steps", "2", "--erasing", "0", "--device", "cpu", "--output-dir", str(output)),
            *more,
        ]
    )


def test_it_trains_with_masked_counterparts_and_is_read_back(stores, tmp_path):
    masked = tmp_path / "masked"
    masked.mkdir()
    for name in ("i0", "i4"):  # of the fifteen training images, two have a counterpart
        (masked / f"{name}.png").write_bytes((stores / f"{name}.png").read_bytes())
    build_store.main(
        build_store.parse_args(
            [
                "--index",
                str(stores / "index.csv"),
                "--masked",
                str(masked),
                "--output",
                str(tmp_path / "more"),
            ]
        )
    )
    run = tmp_path / "squares" / "mgfe" / "small" / "seed1"
    train_classifier.main(arguments(stores, run, "--counterparts", str(tmp_path / "more")))
    metrics = json.loads((run / "metrics.json").read_text())
    assert (metrics["num_train"], metrics["num_counterparts"]) == (15, 2)
    history = pd.read_csv(run / "history.csv")
    assert {"attention_vein", "attention_contour"} < set(history)
    np.testing.assert_allclose(history["learning_rate"], [0.05, 0.05, 0.005, 0.005])
    model, info = methods.load(run / "model.pt")
    assert (info["method"], info["options"]["regions"], model.activation) == (
        "mgfe",
        ["vein", "contour"],
        "softmax",
    )
    assert model(torch.zeros(1, 3, 32, 32)).attention.shape[1] == 2

    plain = tmp_path / "plain"
    train_classifier.main(arguments(stores, plain))
    assert without_times(plain)[1] != without_times(run)[1]


def test_a_missing_mask_store_is_named(stores, tmp_path):
    args = arguments(stores, tmp_path / "run")
    args.mask_store = args.mask_store[:1]
    with pytest.raises(InputError, match=r"--method mgfe: needs 2 --mask-store, .*; 1 given"):
        train_classifier.main(args)
    assert not (tmp_path / "run").exists()
