"""The loss against the published facts in NumPy, class by class and channel by channel."""

from pathlib import Path

import numpy as np
import pytest
import torch
from maskguide import methods
from maskguide.learning import backbones, weights
from maskguide.learning.backbones import stage_ends
from maskguide.learning.evaluation import for_inference
from maskguide.learning.interface import Batch
from maskguide.learning.training import Schedule
from maskguide.methods import tdsa
from maskguide.system.files import InputError, read_yaml
from torch import nn

CLASSES = 4
OPTIONS = {"terms": "attention", "discriminality_weight": 1.5, "diversity_weight": 15.0}


def create(backbone="small", **others):
    torch.manual_seed(0)
    return methods.create("tdsa", backbones.create(backbone, None, CLASSES), {**OPTIONS, **others})


def cross_entropy(scores, labels):
    return np.mean([np.log(np.exp(row).sum()) - row[t] for row, t in zip(scores, labels, strict=True)])


def terms_by_hand(stage, kept, labels):
    """Discriminality and diversity of one stage [B, ξ·L, h, w] with kept channels [L, ξ]."""
    images, channels, height, width = stage.shape
    size = channels // CLASSES
    scores, spread = np.zeros((images, CLASSES)), []
    for b in range(images):
        for c in range(CLASSES):
            group = stage[b, c * size : (c + 1) * size]
            strongest, places = np.zeros((height, width)), np.zeros((height, width))
            for number, channel in enumerate(group):
                strongest = np.maximum(strongest, channel if kept[c, number] else 0)
                powers = np.exp(channel - channel.max())
                places = np.maximum(places, powers / powers.sum())
            scores[b, c] = strongest.mean()
            spread.append(places.sum())
    return cross_entropy(scores, labels), 1 - np.mean(spread) / size


@pytest.mark.parametrize("terms", ["attention", "channels"])
def test_loss_follows_the_published_code(terms):
    model = create(terms=terms).train()
    images, labels = torch.randn(3, 3, 48, 40), [3, 0, 2]
    output = model(images)
    torch.manual_seed(5)
    found = model.loss(output, Batch(images, torch.tensor(labels)))
    torch.manual_seed(5)  # the channels left out are drawn for the lower stage, then for the upper
    kept = [tdsa.random_channels(CLASSES, size, torch.device("cpu")).numpy() for size in (9, 3)]
    lower, upper = (stage.detach().numpy().astype(np.float64) for stage in (output.lower, output.upper))
    assert lower.shape == (3, 36, 12, 10) and upper.shape == (3, 12, 6, 5)
    if terms == "attention":
        attended = np.empty_like(lower)
        for channel in range(36):  # class c's channels 9c … 9c+8 look where its channels 3c … 3c+2 do
            for i, j in np.ndindex(12, 10):
                attention = 1 / (1 + np.exp(-upper[:, channel // 3, i // 2, j // 2]))
                attended[:, channel, i, j] = lower[:, channel, i, j] * attention
        lower = attended
    for name, stage, channels in (("lower", lower, kept[0]), ("upper", upper, kept[1])):
        discriminality, diversity = terms_by_hand(stage, channels, labels)
        assert found[f"discriminality_{name}"].item() == pytest.approx(1.5 * discriminality, rel=1e-4)
        assert found[f"diversity_{name}"].item() == pytest.approx(15 * diversity, rel=1e-4)
    expected = cross_entropy(output.logits.detach().numpy().astype(np.float64), labels)
    assert found["cross_entropy"].item() == pytest.approx(expected, rel=1e-4)
    assert len(found) == 5


@pytest.mark.parametrize(("channels", "kept"), [(3, 2), (9, 5)])
def test_more_than_half_of_each_class_is_kept_by_chance(channels, kept):
    torch.manual_seed(0)
    draws = torch.stack([tdsa.random_channels(6, channels, torch.device("cpu")) for _ in range(300)])
    assert (draws.sum(dim=2) == kept).all()
    assert draws.mean(dim=0).numpy() == pytest.approx(np.full((6, channels), kept / channels), abs=0.13)


def test_diversity_is_0_for_places_of_their_own_and_greatest_for_the_same_place():
    apart = torch.zeros(1, 1, 3, 2, 2)
    apart.view(3, 4)[[0, 1, 2], [0, 1, 2]] = 1000
    same = torch.zeros(1, 1, 3, 2, 2)
    same[..., 0, 0] = 1000
    assert tdsa.diversity(apart).item() == pytest.approx(0)
    assert tdsa.diversity(same).item() == pytest.approx(2 / 3)


@pytest.mark.parametrize("terms", ["attention", "channels", "cross_entropy"])
@pytest.mark.parametrize("backbone", ["small", "vgg11_bn"])
def test_gradients_reach_every_parameter(backbone, terms):
    model = create(backbone, terms=terms).train()
    images = torch.randn(4, 3, 64, 64)
    terms = model.loss(model(images), Batch(images, torch.arange(4)))
    torch.stack(list(terms.values())).sum().backward()
    silent = {name for name, value in model.named_parameters() if value.grad is None}
    assert silent == set()


def test_the_published_network_has_channels_for_the_classes():
    model = create("vgg16_bn").train()
    convolutions = [layer for layer in model.backbone.features if isinstance(layer, nn.Conv2d)]
    outputs = [layer.out_channels for layer in convolutions]
    assert outputs == [64, 64, 128, 128, 256, 256, 256, 512, 512, 9 * CLASSES, 512, 512, 3 * CLASSES]
    assert not any(True for _ in model.adapters.parameters())
    output = model(torch.randn(2, 3, 224, 224))
    assert output.lower.shape == (2, 9 * CLASSES, 28, 28) and output.upper.shape == (2, 3 * CLASSES, 14, 14)
    assert (output.lower >= 0).all() and (output.upper >= 0).all()
    head = [type(layer).__name__ for layer in model.backbone.head]
    assert head == [
        *("AdaptiveMaxPool2d", "Flatten", "BatchNorm1d", "Linear", "BatchNorm1d", "ELU", "Linear")
    ]


def test_the_rate_is_that_of_the_published_schedule():
    """÷10 takes effect in epochs 150 and 225, counted from 0, of 300: as PyTorch's own MultiStepLR has it."""
    config = read_yaml(Path(__file__).parents[2] / "config" / "tdsa.yaml")["classify"]
    rate, steps = config["learning_rate"]["default"], config["learning_rate_steps"]
    schedule = Schedule(config["epochs"], rate, 0.9, 5e-4, tuple(steps))
    optimizer = torch.optim.SGD([nn.Parameter(torch.zeros(1))], lr=0.1)
    published = torch.optim.lr_scheduler.MultiStepLR(optimizer, [150, 225], gamma=0.1)
    for epoch in range(300):
        by_hand = 0.1 if epoch < 150 else 0.01 if epoch < 225 else 0.001
        assert schedule.rate(epoch) == pytest.approx(by_hand)
        assert schedule.rate(epoch) == pytest.approx(optimizer.param_groups[0]["lr"])
        optimizer.step()
        published.step()
    protocol = {"padding": 4, "normalisation": "half", "new_layers": "all", "weights": "none"}
    assert protocol | {"crop": 224, "batch_size": 32, "erasing": 0.0} == {
        key: config[key] for key in (*protocol, "crop", "batch_size", "erasing")
    }


def test_the_published_network_with_its_normalisation_folds_and_is_read_back(tmp_path):
    torch.manual_seed(0)
    backbone = backbones.create("vgg11_bn", None, CLASSES, "all", "half")
    model = methods.create("tdsa", backbone, OPTIONS).eval()
    info = {"method": "tdsa", "backbone": "vgg11_bn", "classes": list("abcd"), "options": OPTIONS}
    weights.write(tmp_path / "model.pt", model, {**info, "normalisation": "half"})
    again, _ = methods.load(tmp_path / "model.pt")
    images = torch.randn(2, 3, 64, 64)
    with torch.no_grad():
        expected = model(images).logits
        assert torch.equal(again(images).logits, expected)
        torch.testing.assert_close(for_inference(model)(images).logits, expected, rtol=1e-3, atol=1e-5)
    weights.write(tmp_path / "model.pt", model, info)
    with pytest.raises(InputError, match="is no trained classifier"):
        methods.load(tmp_path / "model.pt")


@pytest.mark.parametrize(
    ("backbone", "lower", "upper"),
    [
        ("small", (1, 64), (4, 128)),
        ("resnet18", (6, 256), (7, 512)),
        ("mobilenet_v2", (13, 96), (18, 1280)),
        ("densenet121", (8, 1024), (11, 1024)),
        ("vgg19", (26, 512), (35, 512)),
        ("alexnet", (4, 192), (11, 256)),
        ("inception_v3", (14, 768), (17, 2048)),
    ],
)
def test_stages_end_before_the_map_shrinks(backbone, lower, upper):
    features = backbones.create(backbone, None, 2).features
    before = {name: value.clone() for name, value in features.state_dict().items()}
    assert stage_ends(features) == (lower, upper)
    assert features.training  # looked at without moving batch norms
    assert all(torch.equal(value, before[name]) for name, value in features.state_dict().items())


def test_adapters_serve_any_number_of_classes_and_cost_nothing_at_test_time():
    for classes in (2, 7):
        model = methods.create("tdsa", backbones.create("resnet18", None, classes), OPTIONS).train()
        output = model(torch.randn(2, 3, 64, 64))
        assert output.lower.shape == (2, 9 * classes, 4, 4) and output.upper.shape == (2, 3 * classes, 2, 2)
    model.eval()
    images = torch.randn(2, 3, 64, 64)
    with torch.no_grad():
        assert torch.equal(model(images).logits, model.backbone(images))
        assert not hasattr(model(images), "lower")


def test_wrong_options_are_refused():
    with pytest.raises(InputError, match="--terms some: choose one of attention, channels, cross_entropy"):
        create(terms="some")
    features = nn.Sequential(nn.Conv2d(3, 4, 3, padding=1))
    head = nn.Sequential(nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(4, 2))
    backbone = backbones.Backbone(features, head, channels=4, paper_frozen_children=0)
    with pytest.raises(InputError, match="this backbone has one stage"):
        methods.create("tdsa", backbone, OPTIONS)
