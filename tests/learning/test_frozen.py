"""Features of a network that learns nothing: means of its last map over the cells of masks."""

import numpy as np
import pytest
import torch
from example_stores import make_squares
from hypothesis import given
from hypothesis import strategies as st
from maskguide.data.store import ImageStore
from maskguide.learning import backbones, frozen
from maskguide.learning.batches import images_on


@given(st.integers(0, 10_000))
def test_means_are_those_by_hand(seed):
    rng = np.random.default_rng(seed)
    maps, masks = rng.normal(size=(2, 3, 4, 5)), rng.random((2, 4, 5))
    found = frozen.place_means(torch.tensor(maps), torch.tensor(masks, dtype=torch.float32)).numpy()
    assert found.shape == (2, 3, 3)
    for image in range(2):
        for channel in range(3):
            values, weights = maps[image, channel], masks[image]
            expected = [
                values.mean(),
                (values * weights).sum() / weights.sum(),
                (values * (1 - weights)).sum() / (1 - weights).sum(),
            ]
            np.testing.assert_allclose(found[image, :, channel], expected, rtol=1e-4, atol=1e-5)


@pytest.mark.parametrize("value", [0.0, 1.0])
def test_a_mask_of_nothing_or_all_tells_no_inside_from_an_outside(value):
    masks = torch.full((1, 4, 4), value)
    found = frozen.place_means(torch.ones(1, 2, 4, 4), masks)
    assert found[0, 0].tolist() == [1, 1]
    assert found[0, 1:].isnan().all()


@pytest.fixture(scope="module")
def squares(tmp_path_factory):
    return make_squares(tmp_path_factory.mktemp("squares"))


def test_the_whole_is_the_mean_that_the_networks_head_sees(squares):
    torch.manual_seed(0)
    images = ImageStore(squares / "store")
    backbone = backbones.create("small", None, 3).eval()
    rows = [2, 0, 1]
    found = frozen.features(backbone, images, rows, lambda name: None, "cpu")
    for place, row in enumerate(rows):
        with torch.inference_mode():
            maps = backbone.features(images_on(images.image(row)[None].copy(), "cpu"))
        np.testing.assert_allclose(found[place, 0], maps.mean(dim=(2, 3))[0], rtol=1e-3, atol=1e-4)
    assert np.isnan(found[:, 1:]).all()


def test_inside_is_what_the_cells_under_the_mask_say(squares):
    torch.manual_seed(0)
    images = ImageStore(squares / "store")
    backbone = backbones.create("small", None, 3).eval()
    height, width = images.image(0).shape[:2]
    start, stride = backbones.cell_grid(backbone.features)
    mask = np.zeros((height, width), np.uint8)
    mask[: round(start + stride / 2) + 1] = (
        255  # the first row of cells, whose pixels end half way to the next
    )
    found = frozen.features(backbone, images, [0], lambda name: mask, "cpu")
    with torch.inference_mode():
        maps = backbone.features(images_on(images.image(0)[None].copy(), "cpu"))[0]
    np.testing.assert_allclose(found[0, 1], maps[:, 0].mean(dim=1), rtol=1e-3, atol=1e-4)
    np.testing.assert_allclose(found[0, 2], maps[:, 1:].mean(dim=(1, 2)), rtol=1e-3, atol=1e-4)
