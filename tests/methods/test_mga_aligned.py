"""MGA's masks pooled where the cells of the last map look, and the control that scales features."""

import io
import zipfile

import numpy as np
import pytest
import torch
import train_classifier
from example_stores import make_squares
from maskguide import methods
from maskguide.data.pictures import open_upright, to_rgb
from maskguide.data.store import ImageStore, MaskStore
from maskguide.learning import backbones, training
from maskguide.learning.batches import TrainingImages, cut, images_on, normalised_mask
from maskguide.learning.interface import Batch
from torch.nn import functional

OPTIONS = {"feature_weight": 0.5, "attention_weight": 0.5, "guidance_weight": 0.1}


@pytest.fixture(scope="module")
def stores(tmp_path_factory):
    return make_squares(tmp_path_factory.mktemp("squares"))


def model_of(pooling, backbone="small"):
    return methods.create("mga", backbones.create(backbone, None, 3), {**OPTIONS, "mask_pooling": pooling})


def test_cells_lie_around_the_pixels_that_they_look_at():
    """MobileNetV2 at 224: cells 32 pixels apart, the first centred on pixel 0, not on 15.5."""
    for pooling, ends in {"parts": [32, 64, 96], "cells": [17, 49, 81]}.items():
        model = model_of(pooling, "mobilenet_v2")
        grid = training.feature_grid(model, 224)
        assert grid == (7, 7)
        for begin, end in training.mask_spans(model, 224, grid):
            assert end[:3].tolist() == ends and begin.tolist() == [0, *end[:-1]] and end[-1] == 224
    # VGG's pooling layers halve without an offset: there both are the same
    same = [training.mask_spans(model_of(each, "vgg11"), 224, (7, 7)) for each in ("parts", "cells")]
    np.testing.assert_array_equal(*same)


@pytest.mark.parametrize("pooling", ["parts", "cells"])
def test_targets_are_means_over_those_cells_after_crop_flip_and_erasing(stores, pooling):
    images, masks = ImageStore(stores / "store"), MaskStore(stores / "pooled")
    crop, model = 44, model_of(pooling)  # higher than the images are wide: some of each crop is padding
    grid = training.feature_grid(model, crop)
    spans = training.mask_spans(model, crop, grid)
    data = TrainingImages(images, [masks], grid, crop, 15, seed=0, spans=spans)
    for epoch in range(3):
        _, draws, targets, _ = data.assemble(range(15), epoch)
        for row, draw in enumerate(draws):
            table = masks.table(images.layout["image_id"][row]).astype(int)
            whole = np.diff(np.diff(table, axis=0), axis=1).astype(np.uint8)
            seen = cut(np.repeat(whole[..., None], 3, axis=2), draw.window, draw.flip)[..., 0] / 255
            if draw.erased:
                top, left, height, width = draw.erased
                seen[top : top + height, left : left + width] = 0
            if pooling == "parts":  # as published
                expected = functional.adaptive_avg_pool2d(torch.from_numpy(seen)[None], grid)[0].numpy()
            else:  # every pixel counts for the nearest cell's centre, pixels 0, 8, 16, … of this backbone
                nearest = np.abs(np.arange(crop)[:, None] - 8 * np.arange(grid[0])).argmin(axis=1)
                expected = np.zeros(grid)
                for i, j in np.ndindex(grid):
                    expected[i, j] = seen[np.ix_(nearest == i, nearest == j)].mean()
            np.testing.assert_allclose(targets[row, 0], normalised_mask(expected), atol=1e-5)


def test_aligned_guidance_trains_and_says_so(stores, tmp_path):
    losses = {}
    for pooling in ("parts", "cells"):
        command = [
            *("--dataset", "squares", "--store", str(stores / "store"), "--backbone", "small"),
            *("--mask-store", str(stores / "pooled"), "--mask-pooling", pooling, "--epochs", "1"),
            *("--batch-size", "5", "--crop", "32", "--freeze", "1", "--device", "cpu"),
        ]
        train_classifier.main(
            train_classifier.parse_args([*command, "--output-dir", str(tmp_path / pooling)])
        )
        model, info = methods.load(tmp_path / pooling / "model.pt")
        assert info["options"]["mask_pooling"] == model.mask_use.pooling == pooling
        losses[pooling] = (tmp_path / pooling / "history.csv").read_text().split()[1].split(",")[3:5]
    assert losses["parts"] != losses["cells"]


def test_mobilenets_maximum_over_channels_is_a_constant(shared):
    """What docs/results.md says: ReLU6's cap in most cells, so that MGA's second input is a bias there."""
    weights = shared / "weights" / "mobilenet_v2_imagenet.pth"
    backbone = backbones.create("mobilenet_v2", weights, 10).eval()
    capped = []
    with zipfile.ZipFile(shared / "data" / "leedsbutterfly_288px.zip") as archive, torch.inference_mode():
        names = sorted(each for each in archive.namelist() if "/images/" in each and each.endswith(".png"))
        for name in names[::25]:
            image = to_rgb(name, open_upright(name, io.BytesIO(archive.read(name))))
            maximum = backbone.features(images_on(image[None].copy(), "cpu")).amax(dim=1)
            assert maximum.max() == 6
            capped.append((maximum == 6).double().mean().item())
    assert len(names) == 550 and np.mean(capped) > 0.85


def test_scaled_features_are_the_head_of_a_smaller_map():
    torch.manual_seed(0)
    backbone = backbones.create("small", None, 3).eval()
    images, labels = torch.randn(2, 3, 48, 48), torch.tensor([0, 2])
    model = methods.create("baseline", backbone, {"feature_scale": 0.3})
    pooled = backbone.features(images).mean(dim=(2, 3))
    linear = backbone.head[-1]
    expected = 0.3 * pooled @ linear.weight.T + linear.bias
    torch.testing.assert_close(model(images).logits, expected)
    terms = model.loss(model(images), Batch(images, labels))
    torch.testing.assert_close(terms["cross_entropy"], functional.cross_entropy(expected, labels))
    plain = methods.create("baseline", backbone, {"feature_scale": 1.0})
    assert torch.equal(plain(images).logits, backbone(images))
