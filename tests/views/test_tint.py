"""Backgrounds in other colours: the object stays, to the bit."""

import colorsys

import numpy as np
import pytest
from example_stores import make_squares
from maskguide.data.store import ImageStore, MaskStore
from maskguide.plan import declared
from maskguide.views import objects
from maskguide.views.tint import COLOURED, Tint, recoloured
from PIL import Image


@pytest.fixture(scope="module")
def masked(tmp_path_factory):
    stores = make_squares(tmp_path_factory.mktemp("stores"))
    return objects.Masked(ImageStore(stores / "store"), MaskStore(stores / "pooled"))


def test_the_object_stays_and_the_background_has_another_colour_in_each_epoch(masked):
    tint, seen = Tint({"tint": 1.0}, masked), []
    for epoch in range(6):
        image, share = masked.images.image(3), objects.soft_edge(masked.masks.mask("i3"))
        found, moved = tint.changed(np.random.default_rng(epoch), 3, image)
        assert moved is None and np.array_equal(found[share == 255], image[share == 255])
        again, _ = tint.changed(np.random.default_rng(epoch), 3, image)
        assert np.array_equal(found, again)
        seen.append(found[share == 0].mean(axis=0))
    assert np.abs(np.diff(seen, axis=0)).max(axis=1).min() > 5


def test_recolouring_against_colorsys():
    """One pixel's hue, saturation and value by hand; white paper becomes coloured."""
    for seed in range(20):
        pixels = np.random.default_rng(seed).integers(0, 256, (1, 1, 3), dtype=np.uint8)
        _, saturation, value = colorsys.rgb_to_hsv(*(pixels[0, 0] / 255))
        rng = np.random.default_rng(seed)
        hue = rng.integers(256) / 256
        saturation = min(1, saturation * rng.uniform(0.5, 1.5) + rng.uniform(*COLOURED))
        value = min(1, value * rng.uniform(0.6, 1.4))
        expected = 255 * np.array(colorsys.hsv_to_rgb(hue, saturation, value))
        found = recoloured(np.random.default_rng(seed), pixels)[0, 0]
        np.testing.assert_allclose(found, expected, atol=12)  # Pillow's bytes
    white = recoloured(np.random.default_rng(1), np.full((2, 2, 3), 250, np.uint8))
    assert np.ptp(white[0, 0].astype(int)) > 10


def test_no_rim_of_the_object_is_recoloured(masked):
    """Outside of the object there is one hue; the same pixels recoloured with the object would show two."""
    image, mask = masked.images.image(3), masked.masks.mask("i3")
    found, _ = Tint({"tint": 1.0}, masked).changed(np.random.default_rng(4), 3, image)
    outside = Image.fromarray(found).convert("HSV")
    hues = np.asarray(outside)[..., 0][(mask < 128)].astype(int)
    apart = np.abs(hues - np.median(hues))
    assert (np.minimum(apart, 256 - apart) <= 20).mean() > 0.95


def test_an_image_is_swapped_or_else_tinted(masked):
    """In this order: what is swapped after it was tinted stands before another image's own background."""
    assert [name for name, each in declared.views().items() if each.training_only] == ["tint", "swap"]


def test_probability_and_rectangles(masked):
    image = masked.images.image(3)
    half = Tint({"tint": 0.5}, masked)
    changed = [half.changed(np.random.default_rng(draw), 3, image)[0] is not image for draw in range(400)]
    assert np.mean(changed) == pytest.approx(0.5, abs=0.1)
    rectangle = Tint({"tint": 1.0}, objects.Rectangles(masked.images))
    found = rectangle.changed(np.random.default_rng(0), 3, image)[0]
    assert 0 < (found != image).any(axis=2).mean() < 0.4
