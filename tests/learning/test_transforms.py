import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from maskguide.learning.transforms import IGNORE, PADDING_COLOUR, Augmentation, constants, normalise


def picture(height, width):
    """An image whose pixels tell their place, and a mask cut from it: foreground where red > 100."""
    rows, columns = np.mgrid[:height, :width]
    image = np.stack([rows * 4 % 256, columns * 4 % 256, np.full_like(rows, 30)], -1).astype(np.uint8)
    return image, (image[..., 0] > 100).astype(np.uint8)


def test_without_change_the_window_is_a_piece_of_the_image():
    image, labels = picture(40, 50)
    still = Augmentation(24, (1.0, 1.0), rotation=0, flip=0, jitter=0)
    window, mask = still(image, labels, np.random.default_rng(0))
    assert window.shape == (24, 24, 3) and mask.shape == (24, 24)
    assert window.dtype == mask.dtype == np.uint8
    assert (mask != IGNORE).all()
    places = window[..., :2].astype(int)
    assert (np.diff(places[..., 0], axis=0) == 4).all() and (np.diff(places[..., 1], axis=1) == 4).all()
    np.testing.assert_array_equal(mask, window[..., 0] > 100)


def test_flip_mirrors_image_and_mask():
    image, labels = picture(32, 32)
    labels[:, :5] = 2
    turned = Augmentation(32, (1.0, 1.0), rotation=0, flip=1, jitter=0)
    window, mask = turned(image, labels, np.random.default_rng(0))
    np.testing.assert_array_equal(window, image[:, ::-1])
    np.testing.assert_array_equal(mask, labels[:, ::-1])


def test_scale_two_doubles_the_picture():
    image, labels = picture(16, 16)
    doubled = Augmentation(32, (2.0, 2.0), rotation=0, flip=0, jitter=0)
    window, mask = doubled(image, labels, np.random.default_rng(0))
    np.testing.assert_array_equal(mask, labels.repeat(2, 0).repeat(2, 1))
    assert abs(window[::2, ::2].astype(int) - image).max() <= 2


def test_small_images_are_padded_with_ignored_pixels():
    image, labels = picture(20, 30)
    larger = Augmentation(48, (1.0, 1.0), rotation=0, flip=0, jitter=0.3)
    window, mask = larger(image, labels, np.random.default_rng(1))
    assert (mask != IGNORE).sum() == 20 * 30
    assert (window[mask == IGNORE] == PADDING_COLOUR).all()
    zero = normalise(torch.tensor(PADDING_COLOUR, dtype=torch.uint8).view(1, 3, 1, 1))
    assert zero.abs().max() < 0.02  # half a grey value


def test_rotation_turns_image_and_mask_alike():
    rows, columns = np.mgrid[:65, :65]
    labels = ((abs(rows - 32) < 6) & (columns > 8)).astype(np.uint8)
    image = np.repeat(labels[..., None] * 200, 3, -1)
    for seed in range(5):
        turned = Augmentation(65, (1.0, 1.0), rotation=40, flip=0.5, jitter=0)
        window, mask = turned(image, labels, np.random.default_rng(seed))
        inside = mask != IGNORE
        agree = (window[..., 0] > 100) == (mask == 1)
        assert agree[inside].mean() > 0.98
        assert not np.array_equal(mask, labels)


@settings(max_examples=40, deadline=None)
@given(
    height=st.integers(5, 60),
    width=st.integers(5, 60),
    crop=st.sampled_from([16, 33, 64]),
    seed=st.integers(0, 2**16),
)
def test_labels_stay_labels_and_follow_the_image(height, width, crop, seed):
    rng = np.random.default_rng(seed)
    labels = np.repeat(np.repeat(rng.integers(0, 3, (2, 2), np.uint8), height, 0), width, 1)
    image = np.repeat(labels[..., None] * 100, 3, -1).astype(np.uint8)
    window, mask = Augmentation(crop, jitter=0)(image, labels, np.random.default_rng(seed))
    assert set(np.unique(mask)) <= {*np.unique(labels), IGNORE}
    assert (mask != IGNORE).any()
    inside = mask != IGNORE
    assert (np.rint(window[..., 0][inside] / 100) == mask[inside]).mean() > 0.7


def test_same_seed_same_window():
    image, labels = picture(40, 40)
    first, again, other = (Augmentation(32)(image, labels, np.random.default_rng(seed)) for seed in (3, 3, 4))
    np.testing.assert_array_equal(first[0], again[0])
    np.testing.assert_array_equal(first[1], again[1])
    assert not np.array_equal(first[0], other[0])


def test_jitter_touches_colours_not_labels():
    image, labels = picture(32, 32)
    plain, coloured = (
        Augmentation(32, (1.0, 1.0), rotation=0, flip=0, jitter=jitter)(
            image, labels, np.random.default_rng(0)
        )
        for jitter in (0, 0.4)
    )
    np.testing.assert_array_equal(plain[1], coloured[1])
    assert not np.array_equal(plain[0], coloured[0])


def test_normalise_against_numpy():
    pixels = np.random.default_rng(0).integers(0, 256, (2, 3, 4, 5), np.uint8)
    mean, std = np.array([0.485, 0.456, 0.406]), np.array([0.229, 0.224, 0.225])
    expected = (pixels / 255 - mean[:, None, None]) / std[:, None, None]
    normalised = normalise(torch.from_numpy(pixels))
    assert normalised.dtype == torch.float32
    assert normalised.numpy() == pytest.approx(expected, abs=1e-5)


def test_normalisation_is_the_formula_to_the_bit_in_the_images_memory_order():
    values = torch.arange(256, dtype=torch.uint8).view(1, 1, 16, 16).repeat(2, 3, 1, 1)
    mean, deviation = (
        torch.tensor(each).view(1, 3, 1, 1) for each in ([0.485, 0.456, 0.406], [0.229, 0.224, 0.225])
    )
    expected = (values.float() / 255 - mean) / deviation
    for memory_format in (torch.contiguous_format, torch.channels_last):
        images = values.contiguous(memory_format=memory_format)
        normalised = normalise(images)
        assert torch.equal(normalised, expected)
        assert normalised.is_contiguous(memory_format=memory_format)
        assert torch.equal(images, values)
        assert torch.equal(normalise(images[:, :, 3:9, 2:7]), expected[:, :, 3:9, 2:7])


def test_constants_first_needed_in_inference_serve_training_too():
    constants.cache_clear()
    with torch.inference_mode():
        normalise(torch.zeros(1, 3, 4, 4, dtype=torch.uint8))
    images = torch.zeros(1, 3, 4, 4, requires_grad=True)
    (images / constants(images.device)[1].view(1, 3, 1, 1)).sum().backward()
    assert images.grad is not None


def test_void_is_no_padding():
    """A void pixel is not learned from, but the network sees what the image shows there."""
    image = np.random.default_rng(0).integers(0, 256, (20, 30, 3), dtype=np.uint8)
    labels = np.zeros((20, 30), np.uint8)
    void = labels.copy()
    void[5:9] = IGNORE
    change = Augmentation(crop=40, scale=(1, 1), rotation=20, flip=0.5, jitter=0)
    seen, moved = change(image, labels, np.random.default_rng(3))
    same, ignored = change(image, void, np.random.default_rng(3))
    assert np.array_equal(seen, same)
    assert (ignored == IGNORE).sum() > (moved == IGNORE).sum() > 0
