import numpy as np
import pandas as pd
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from maskguide.data.ahead import ahead
from maskguide.data.pooling import Rectangle
from maskguide.data.store import ImageStore, MaskStore, build_images, build_masks
from maskguide.learning.backbones import ImageNetToUnitRange
from maskguide.learning.batches import (
    ERASED_SHARE,
    TrainingImages,
    cut,
    draw_augmentation,
    finish_batch,
    normalised_mask,
)
from maskguide.learning.transforms import IMAGENET_MEAN, IMAGENET_STD
from maskguide.system.files import InputError
from PIL import Image
from torchvision.transforms import functional

CROP = 24
SIZES = [(40, 30), (20, 50), (18, 16), (30, 30), (33, 21)]


@pytest.fixture(scope="module")
def stores(tmp_path_factory):
    """Five images whose mask is their red channel: what happens to the one must happen to the other."""
    folder = tmp_path_factory.mktemp("stores")
    (folder / "soft").mkdir()
    rng = np.random.default_rng(0)
    rows = []
    for number, size in enumerate(SIZES):
        pixels = rng.integers(0, 256, (*size, 3), dtype=np.uint8)
        Image.fromarray(pixels).save(folder / f"i{number}.png")
        Image.fromarray(pixels[..., 0]).save(folder / "soft" / f"i{number}.png")
        rows.append((f"i{number}", str(folder / f"i{number}.png"), f"c{number % 2}", number % 2, "train"))
    index = pd.DataFrame(rows, columns=["image_id", "path", "class", "class_id", "split"])
    build_images(index, folder / "images")
    build_masks(index, folder, folder / "masks")
    return ImageStore(folder / "images"), MaskStore(folder / "masks")


@settings(max_examples=200, deadline=None)
@given(st.integers(1, 60), st.integers(1, 60), st.integers(2, 60), st.integers(0, 10**6))
def test_windows_stay_inside_or_hold_the_whole_image(height, width, crop, seed):
    draw = draw_augmentation(np.random.default_rng(seed), height, width, crop, 0.5)
    for start, length in ((draw.window.top, height), (draw.window.left, width)):
        assert min(0, length - crop) <= start <= max(0, length - crop)
    assert draw.shown == (min(height, crop), min(width, crop))
    if draw.erased is not None:
        top, left, rows, columns = draw.erased
        assert 0 <= top <= top + rows <= crop
        assert 0 <= left <= left + columns <= crop


def as_published(pixels, draw):
    """A training image as MGA's published code makes it, with torchvision: image float32 [3, crop, crop].

    Flip the picture, normalise, pad with zeros at the right and the bottom to the crop's side at least, crop,
    erase with zeros. Our window is given before the flip.
    """
    picture = Image.fromarray(pixels)
    if draw.flip:
        picture = picture.transpose(Image.Transpose.FLIP_LEFT_RIGHT)
    image = functional.normalize(functional.to_tensor(picture), IMAGENET_MEAN, IMAGENET_STD)
    height, width = image.shape[1:]
    image = torch.nn.ZeroPad2d((0, max(0, CROP - width), 0, max(0, CROP - height)))(image)
    left = draw.window.left
    if draw.flip:
        left = width - CROP - left
    image = functional.crop(image, max(0, draw.window.top), max(0, left), CROP, CROP)
    return image if draw.erased is None else functional.erase(image, *draw.erased, 0)


def test_crops_beyond_the_image_are_padded_as_in_the_published_code(stores):
    """Zeros after normalisation, at the right and the bottom, never black before it; the masks alike."""
    images, masks = stores
    data = TrainingImages(images, [masks], grid=(CROP, CROP), crop=CROP, batch_size=5, seed=4)
    padded = 0
    for epoch in range(12):
        pixels, draws, pooled, labels = data.assemble(range(5), epoch)
        batch = finish_batch(pixels, draws, pooled, labels, "cpu")
        for row, draw in enumerate(draws):
            image = images.image(row)
            expected = as_published(image, draw)
            np.testing.assert_allclose(batch.images[row].numpy(), expected.numpy(), atol=1e-6)
            assert (batch.images[row].half() == 0).equal(expected.half() == 0)  # zero in half precision too
            beyond = np.ones((CROP, CROP), dtype=bool)
            beyond[: image.shape[0], : image.shape[1]] = False
            assert (batch.images[row].numpy()[:, beyond] == 0).all()
            padded += beyond.any()
            # the mask is the red channel: zero where the image is padded or erased, else over its maximum
            red = expected[0].numpy() * IMAGENET_STD[0] + IMAGENET_MEAN[0]
            red[(expected == 0).all(dim=0).numpy()] = 0
            np.testing.assert_allclose(batch.masks[row, 0].numpy(), red / red.max(), atol=1e-5)
    assert padded == 12 * 3  # three of the five images are smaller than the crop


def test_flips_and_erasing_have_the_published_probabilities():
    rng = np.random.default_rng(0)
    draws = [draw_augmentation(rng, 300, 300, 224, 0.5) for _ in range(4000)]
    assert np.mean([draw.flip for draw in draws]) == pytest.approx(0.5, abs=0.03)
    erased = [draw.erased for draw in draws if draw.erased]
    assert len(erased) / 4000 == pytest.approx(0.5, abs=0.03)
    shares = [each.height * each.width / 224**2 for each in erased]
    ratios = [each.height / each.width for each in erased]
    assert ERASED_SHARE[0] - 0.005 < min(shares) < max(shares) < ERASED_SHARE[1] + 0.01
    assert 0.28 < min(ratios) < max(ratios) < 3.5
    assert np.mean([draw.window.top for draw in draws]) == pytest.approx(38, abs=2)
    never = [draw_augmentation(rng, 300, 300, 224, 0.0) for _ in range(50)]
    assert not any(draw.erased for draw in never)


def test_padding_is_black_before_normalisation_as_torchvisions_random_crop_has_it(stores):
    """TDSA's protocol: 4 pixels on each side, mean and standard deviation 0.5; a mask is zero in them."""
    images, masks = stores
    places = {"top": set(), "left": set()}
    to_unit_range = ImageNetToUnitRange()
    data = TrainingImages(images, [masks], (30, 30), 30, 5, seed=1, erasing=0.0, padding=4)
    row = SIZES.index((30, 30))
    for epoch in range(200):
        pixels, (draw,), pooled, labels = data.assemble([row], epoch)
        batch = finish_batch(pixels, [draw], pooled, labels, "cpu")
        assert draw.shown == (30, 30)
        padded = functional.pad(Image.fromarray(images.image(row)), 4)  # RandomCrop(30, padding=4)
        crop = functional.crop(padded, draw.window.top + 4, draw.window.left + 4, 30, 30)
        crop = functional.hflip(crop) if draw.flip else crop
        expected = functional.normalize(functional.to_tensor(crop), [0.5] * 3, [0.5] * 3)
        np.testing.assert_allclose(to_unit_range(batch.images)[0].numpy(), expected.numpy(), atol=1e-5)
        red = functional.to_tensor(crop)[0].numpy()
        np.testing.assert_allclose(batch.masks[0, 0].numpy(), red / red.max(), atol=1e-5)
        places["top"].add(draw.window.top + 4)
        places["left"].add(draw.window.left + 4)
    assert places == {"top": set(range(9)), "left": set(range(9))}  # of torchvision's get_params: 0 … 8


@settings(max_examples=100, deadline=None)
@given(st.integers(-30, 30), st.integers(-30, 30), st.integers(1, 30), st.integers(1, 30), st.booleans())
def test_cut_pads_with_black(top, left, height, width, flip):
    image = np.random.default_rng(1).integers(1, 256, (17, 13, 3), dtype=np.uint8)
    padded = np.pad(image, ((60, 60), (60, 60), (0, 0)))
    expected = padded[top + 60 : top + 60 + height, left + 60 : left + 60 + width]
    window = Rectangle(top, left, height, width)
    assert np.array_equal(cut(image, window, flip), expected[:, ::-1] if flip else expected)


def test_mask_and_image_are_moved_alike(stores):
    """With a grid as fine as the crop, the pooled mask is the red channel, erased, over its maximum."""
    data = TrainingImages(stores[0], [stores[1]], grid=(CROP, CROP), crop=CROP, batch_size=5, seed=3)
    for epoch in range(6):
        (batch,) = data.epoch(epoch, "cpu")
        red = (batch.images[:, 0] * 0.229 + 0.485).numpy()
        erased = (batch.images == 0).all(dim=1).numpy()
        red[erased] = 0
        red = red.clip(min=0) / red.max(axis=(1, 2), keepdims=True)
        np.testing.assert_allclose(batch.masks[:, 0].numpy(), red, atol=1e-5)
        assert batch.mask_present.all()


def test_each_epoch_takes_every_image_once_in_another_order(stores):
    data = TrainingImages(stores[0], [], grid=(3, 3), crop=CROP, batch_size=3, seed=0)
    sizes = [[len(batch.labels) for batch in data.epoch(epoch, "cpu")] for epoch in range(2)]
    assert sizes == [[3, 2], [3, 2]]
    first, second, again = (
        torch.cat([batch.images for batch in data.epoch(epoch, "cpu")]) for epoch in (0, 1, 0)
    )
    assert torch.equal(first, again)
    assert not torch.equal(first, second)
    assert first.is_contiguous(memory_format=torch.channels_last)


def test_a_last_batch_of_one_image_is_left_out(stores):
    data = TrainingImages(stores[0], [], grid=(3, 3), crop=CROP, batch_size=2, seed=0)
    assert [len(batch.labels) for batch in data.epoch(0, "cpu")] == [2, 2]


def test_what_is_made_ahead_keeps_its_order():
    jobs = list(range(50))
    for workers in (0, 1, 4):
        assert list(ahead(lambda job: job * job, jobs, workers)) == [job * job for job in jobs]


def test_errors_of_threads_arrive():
    with pytest.raises(ZeroDivisionError):
        list(ahead(lambda job: 1 // job, [1, 0], workers=2))


def test_an_empty_mask_stays_empty():
    assert normalised_mask(np.zeros((2, 2), dtype=np.float32)).tolist() == [[0, 0], [0, 0]]
    assert normalised_mask(np.array([[0.25, 0.5]], dtype=np.float32)).tolist() == [[0.5, 1.0]]


def test_missing_masks_are_named(stores, tmp_path):
    images, masks = stores
    (tmp_path / "soft").mkdir()
    Image.new("L", (30, 40)).save(tmp_path / "soft" / "i0.png")
    path = str(masks.folder.parent / "i0.png")
    build_masks(
        pd.DataFrame({"image_id": ["i0"], "path": [path], "split": ["train"]}), tmp_path, tmp_path / "some"
    )
    with pytest.raises(InputError, match=r"some: has no mask of image i1"):
        TrainingImages(images, [MaskStore(tmp_path / "some")], (3, 3), CROP, 2, 0)
    with pytest.raises(InputError, match="--batch-size 1"):
        TrainingImages(images, [], (3, 3), CROP, 1, 0)
