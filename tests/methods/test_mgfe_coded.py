"""MGFE as its published code has it, beside that code's own steps written down again."""

import numpy as np
import pytest
import torch
import train_classifier
from example_stores import make_squares
from maskguide import methods
from maskguide.data.store import ImageStore, MaskStore
from maskguide.learning import backbones
from maskguide.learning.batches import TrainingImages, cut, draw_augmentation
from maskguide.learning.interface import Batch
from maskguide.system.files import InputError
from test_mgfe import arguments
from torch import nn
from torch.nn import functional


def model_of(regions, reading="coded"):
    """A network whose last map also has values below 0, so that the ReLU after the mix is seen."""
    torch.manual_seed(0)
    features = nn.Sequential(nn.Conv2d(3, 4, kernel_size=3, stride=2))
    head = nn.Sequential(nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(4, 3))
    # the paper's weights must count for nothing here
    options = {
        "feature_weight": 0.9,
        "region_weights": [5.0] * regions,
        "region_loss_weights": [7.0] * regions,
    }
    options |= {"regions": ["vein", "contour", "tip"][:regions], "reading": reading, "activation": "sigmoid"}
    options["classification_weight"] = 1.0
    backbone = backbones.Backbone(features, head, channels=4, paper_frozen_children=0)
    return methods.create("mgfe", backbone, options)


def published_code(model, images, masks):
    """(logits, [(attention, target)]) as `models/LoadModel.py` computes them; masks: full size [B, R, H, W].

    One convolution answers for both maps; its two inputs stand in our order. Each target is its own mask.
    """
    x = model.backbone.features(images)
    weight = model.attention.weight
    two = torch.cat((torch.max(x, dim=1)[0].unsqueeze(1), torch.mean(x, dim=1).unsqueeze(1)), dim=1)
    maps = [torch.sigmoid(functional.conv2d(two, weight)) for _ in range(masks.shape[1])]
    if len(maps) == 1:
        features = 0.65 * x + 0.35 * (maps[0] * x)
    else:
        features = 0.2 * x + 0.7 * (maps[0] * x) + 0.1 * (maps[1] * x)
    pooled = functional.adaptive_avg_pool2d(functional.relu(features), (1, 1)).flatten(1)
    logits = pooled @ model.backbone.head[-1].weight.T
    pairs = []
    for place, attention in enumerate(maps):
        target = functional.adaptive_avg_pool2d(masks[:, place], attention.shape[2:]).flatten(1) + 1e-12
        pairs.append((attention.flatten(1), target / target.max(dim=1)[0].unsqueeze(1)))
    return logits, pairs


@pytest.mark.parametrize("regions", [1, 2])
@pytest.mark.parametrize("reading", ["coded", "slips"])
def test_forward_and_loss_are_those_of_the_published_code(regions, reading):
    model = model_of(regions, reading)
    assert list(model.attention.weight.shape) == [1, 2, 1, 1]  # one convolution, however many maps
    assert model.attention.bias is None and model.backbone.head[-1].bias is None
    images, labels = torch.randn(5, 3, 9, 11), torch.tensor([0, 2, 1, 1, 0])
    masks = (torch.rand(5, regions, 8, 10) > 0.6).float()
    output = model(images)
    logits, pairs = published_code(model, images, masks)
    torch.testing.assert_close(output.logits, logits)
    targets = torch.stack([target.view(5, 4, 5) for _, target in pairs], dim=1)
    terms = model.loss(output, Batch(images, labels, targets, torch.ones(5, regions, dtype=torch.bool)))
    if reading == "slips":  # sec_mask = mask.view(…): the second is overwritten by the first
        pairs = [(attention, pairs[0][1]) for attention, _ in pairs]
    weights = [0.2] if regions == 1 else [0.1, 0.1]
    expected = functional.cross_entropy(logits, labels) + sum(
        weight * functional.mse_loss(*pair) for weight, pair in zip(weights, pairs, strict=True)
    )
    torch.testing.assert_close(sum(terms.values()), expected)
    if regions == 2:
        differ = not torch.equal(terms["attention_vein"], terms["attention_contour"])
        assert differ == (reading == "coded")  # one map; two targets as meant, one by the slip


def test_the_weights_by_hand():
    """A map of ones, attended with 0.5 everywhere: 0.65 + 0.35/2 = 0.825, 0.2 + (0.7 + 0.1)/2 = 0.6."""
    for regions, expected in {1: 0.825, 2: 0.6}.items():
        model = model_of(regions)
        nn.init.zeros_(model.attention.weight)
        nn.init.zeros_(model.backbone.features[0].weight)
        nn.init.ones_(model.backbone.features[0].bias)
        logits = model(torch.zeros(1, 3, 9, 9)).logits[0]
        torch.testing.assert_close(logits, expected * model.backbone.head[-1].weight.sum(dim=1))


def test_the_published_code_has_two_regions_at_most():
    with pytest.raises(InputError, match="--reading coded: the published code has one or two regions, not 3"):
        model_of(3)


@pytest.fixture(scope="module")
def stores(tmp_path_factory):
    return make_squares(tmp_path_factory.mktemp("squares"))


def test_slips_cut_each_mask_apart_from_its_image(stores):
    """As `transforms.RandomCrop` and `RandomHorizontalFlip` called once for the image, again for the mask."""
    images, masks = ImageStore(stores / "store"), MaskStore(stores / "pooled")
    crop = 24
    kinds = {"with": {}, "apart": {"own_crops": True}}
    made = {
        name: TrainingImages(images, [masks], (crop, crop), crop, 15, 1, erasing=0.5, **options)
        for name, options in kinds.items()
    }
    moved = 0
    for epoch in range(4):
        found = {name: each.assemble(range(15), epoch) for name, each in made.items()}
        np.testing.assert_array_equal(found["with"][0], found["apart"][0])  # the images stay as they are
        for row, draw in enumerate(found["apart"][1]):
            name = images.layout["image_id"][row]
            height, width = images.image(row).shape[:2]
            rng = np.random.default_rng([1, epoch, row])
            assert draw_augmentation(rng, height, width, crop, 0.5) == draw
            again = draw_augmentation(rng, height, width, crop, 0.0)  # the mask's own
            table = masks.table(name).astype(int)
            whole = np.diff(np.diff(table, axis=0), axis=1).astype(np.uint8)
            expected = cut(np.repeat(whole[..., None], 3, axis=2), again.window, again.flip)[..., 0] / 255
            expected = expected / max(expected.max(), 1e-9)
            np.testing.assert_allclose(found["apart"][2][row, 0], expected, atol=1e-6)
            moved += (again.window, again.flip) != (draw.window, draw.flip)
    assert moved > 50  # of 60


@pytest.mark.parametrize("reading", ["coded", "slips"])
def test_it_trains_and_is_read_back(stores, tmp_path, reading):
    more = ["--reading", reading, "--activation", "sigmoid", "--epochs", "2"]
    train_classifier.main(arguments(stores, tmp_path, *more))
    model, info = methods.load(tmp_path / "model.pt")
    assert info["options"]["reading"] == reading and model.mask_use.own_crops == (reading == "slips")
    attention = model(torch.rand(2, 3, 32, 32)).attention
    assert attention.shape[1] == 2 and torch.equal(attention[:, 0], attention[:, 1])
