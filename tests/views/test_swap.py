"""Objects before other backgrounds: what is seen, who lends, what the rim tells, masks that follow."""

import json
import subprocess
import sys

import numpy as np
import pandas as pd
import pytest
import torch
import train_classifier
from example_stores import make_squares, without_times
from hypothesis import given
from hypothesis import strategies as st
from maskguide.data.store import ImageStore, MaskStore, build_masks
from maskguide.learning.batches import TrainingImages
from maskguide.plan import code
from maskguide.system.files import InputError
from maskguide.views import objects
from maskguide.views.swap import Swap, placement, transformed
from PIL import Image, ImageFilter
from scipy.ndimage import minimum_filter

HEIGHT, WIDTH = 48, 40


@pytest.fixture(scope="module")
def stores(tmp_path_factory):
    return make_squares(tmp_path_factory.mktemp("stores"))


@pytest.fixture(scope="module")
def masked(stores):
    return objects.Masked(ImageStore(stores / "store"), MaskStore(stores / "pooled"))


def rng(*seed):
    return np.random.default_rng(seed)


@given(st.integers(0, 10**6), st.integers(5, 24), st.integers(5, 24))
def test_the_soft_edge_is_the_distance_to_what_lies_outside(seed, height, width):
    mask = np.where(rng(seed).random((height, width)) < 0.9, 255, 0).astype(np.uint8)
    mask[0, 0] = 0
    outside = np.argwhere(mask < 128)
    expected = np.zeros((height, width))
    for row, column in np.argwhere(mask >= 128):
        distance = np.sqrt(((outside - [row, column]) ** 2).sum(axis=1).min())
        expected[row, column] = min(max((distance - 1) / 2, 0), 1)  # one pixel of edge in a small image
    if expected.any():
        np.testing.assert_array_equal(objects.soft_edge(mask), np.rint(255 * expected))
    else:  # nothing but threads
        np.testing.assert_array_equal(objects.soft_edge(mask), mask)


def test_a_filled_hole_shows_background_alone():
    background = rng(0).integers(90, 110, (60, 50, 3), dtype=np.uint8)
    mask = np.zeros((60, 50), np.uint8)
    mask[20:45, 10:35] = 255
    pixels = np.where(mask[..., None] > 0, 255, background).astype(np.uint8)
    found = objects.without_object(pixels, mask)
    assert found.min() >= 90 and found.max() < 110
    assert np.array_equal(found[:14], background[:14]) and np.array_equal(found[:, 42:], background[:, 42:])
    assert found[25:40, 15:30].std() == pytest.approx(background.std(), rel=0.25)  # the grain goes on
    full = np.full((60, 50), 255, np.uint8)
    full[0] = 0
    assert (objects.without_object(pixels, full) == background[:1]).mean() > 0.9  # all that there is


def test_the_object_is_the_old_one_and_the_background_the_new_one_to_the_bit(masked):
    swap = Swap({"swap": 1.0}, masked)
    others = set()
    for row in masked.rows:
        for epoch in range(8):
            image, mask = masked.images.image(row), masked.masks.mask(f"i{row}")
            found, moved = swap.changed(rng(epoch), row, image)
            assert moved is None and found.shape == image.shape
            share = objects.soft_edge(mask)
            assert np.array_equal(found[share == 255], image[share == 255]) and (share == 255).any()
            same = [
                each
                for each in masked.rows
                if np.array_equal(found[share == 0], masked.background(each)[share == 0])
            ]
            assert len(same) == 1 and same[0] != row
            assert (share[mask < 128] == 0).all()
            others.add((row, same[0]))
    assert len(others) > 80  # of 15 × 14, in 120 draws


def test_every_other_image_lends_its_background_as_often(masked):
    lent = {row: np.full((HEIGHT, WIDTH, 3), row, np.uint8) for row in masked.rows}
    swap = Swap({"swap": 0.6}, masked)
    counts = np.zeros(max(lent) + 1, int)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(masked, "background", lent.__getitem__)
        for draw in range(4000):
            found, _ = swap.changed(rng(draw), 4, np.full((HEIGHT, WIDTH, 3), 99, np.uint8))
            lender = found[0, 0, 0] if found[0, 0, 0] != 99 else None
            if lender is not None:
                counts[lender] += 1
    assert counts[4] == 0 and counts.sum() / 4000 == pytest.approx(0.6, abs=0.03)
    assert all(counts[row] == pytest.approx(0.6 * 4000 / 14, rel=0.3) for row in lent if row != 4)


def photographed(seed, colour, blur):
    """A grey disk before a coloured background, its rim mixed with it as by a lens; and its mask."""
    random = rng(seed)
    rows, columns = np.indices((64, 64))
    radius = random.uniform(14, 20)
    inside = np.hypot(rows - random.uniform(28, 36), columns - random.uniform(28, 36)) <= radius
    noise = random.normal(0, 12, (64, 64, 3))
    picture = np.where(inside[..., None], 128 + noise, np.array(colour) + noise / 2)
    picture = Image.fromarray(picture.clip(0, 255).astype(np.uint8)).filter(ImageFilter.GaussianBlur(blur))
    return np.asarray(picture), np.where(inside, 255, 0).astype(np.uint8)


RED, BLUE, GREEN = (220, 60, 60), (60, 60, 220), (90, 160, 90)


def halo(share_of, seed, old):
    """Red minus blue, mean over the rim: within 3 pixels of the mask's border; before a green background."""
    pixels, mask = photographed(seed, old, 0.7)
    back, _ = photographed(seed + 1000, GREEN, 0.7)
    seen = objects.composed(pixels, back, share_of(mask)).astype(float)
    border = Image.fromarray(mask)
    rim = np.asarray(border.filter(ImageFilter.MaxFilter(7))) != np.asarray(
        border.filter(ImageFilter.MinFilter(7))
    )
    return (seen[..., 0] - seen[..., 2])[rim].mean(), seen


def told_by_halo(share_of):
    """How often the halo alone tells the old background's colour: half of 80 images set the threshold."""
    colours = [(RED, BLUE)[seed % 2] for seed in range(80)]
    found = np.array([halo(share_of, seed, colour)[0] for seed, colour in enumerate(colours)])
    red = np.array([colour == RED for colour in colours])
    threshold = (found[:40][red[:40]].mean() + found[:40][~red[:40]].mean()) / 2
    return np.mean((found[40:] > threshold) == red[40:])


def test_the_halo_alone_does_not_tell_the_old_background():
    """Cut out along the mask, the rim tells it; with the soft edge it is chance."""
    assert told_by_halo(lambda mask: mask) > 0.95
    assert 0.3 <= told_by_halo(objects.soft_edge) <= 0.7
    for seed in range(6):  # the same object before either background
        hard = halo(lambda mask: mask, seed, RED)[1] - halo(lambda mask: mask, seed, BLUE)[1]
        soft = halo(objects.soft_edge, seed, RED)[1] - halo(objects.soft_edge, seed, BLUE)[1]
        assert np.abs(hard).max() > 40
        assert np.abs(soft).max() <= 4 and np.abs(soft).mean() < 0.05


@given(st.integers(0, 10**6), st.floats(0, 1), st.floats(0, 0.9))
def test_a_moved_object_stays_inside_and_keeps_its_proportions(seed, shift, scale):
    share = np.zeros((40, 60), np.uint8)
    share[10:22, 20:38] = 255
    a, b, c, d, e, f = placement(rng(seed), share, shift, scale)
    assert (b, d) == (0, 0) and a == e and 1 - scale - 1e-9 <= 1 / a <= 1 + scale + 1e-9
    edges = [(20 - c) / a, (38 - c) / a, (10 - f) / a, (22 - f) / a]  # where the box's sides come to lie
    assert edges[0] >= -1e-6 and edges[1] <= 60 + 1e-6 and edges[2] >= -1e-6 and edges[3] <= 40 + 1e-6
    centre = [(edges[0] + edges[1]) / 2, (edges[2] + edges[3]) / 2]
    assert abs(centre[0] - 29) <= shift * 60 + 15 and abs(centre[1] - 16) <= shift * 40 + 15
    assert np.array_equal(transformed(share, (1.0, 0.0, 0.0, 0.0, 1.0, 0.0)), share)


def test_masks_that_guide_move_with_the_object(stores, masked):
    """The square is bright in its class's channel wherever the mask is, whatever lies behind."""
    images, masks = ImageStore(stores / "store"), MaskStore(stores / "pooled")
    swap = Swap({"swap": 1.0, "swap_shift": 0.3, "swap_scale": 0.3}, masked)
    data = TrainingImages(images, [masks], (WIDTH, WIDTH), WIDTH, 15, seed=0, erasing=0.0, changes=[swap])
    plain = TrainingImages(images, [masks], (WIDTH, WIDTH), WIDTH, 15, seed=0, erasing=0.0)
    for epoch in range(3):
        pixels, _, pooled, labels = data.assemble(range(15), epoch)
        for image, mask, label in zip(pixels, pooled[:, 0], labels, strict=True):
            inside = minimum_filter(mask, 7, mode="constant") > 0.99  # but for its soft edge
            assert (image[..., label][inside] > 235).all() and inside.any()
            assert (image[..., label][mask < 0.01] < 150).mean() > 0.9
        same = np.isclose(pooled, plain.assemble(range(15), epoch)[2]).all(axis=(1, 2, 3))
        assert same.mean() < 0.3


def test_a_batch_depends_on_seed_epoch_and_image_alone(stores, masked):
    images, swap = ImageStore(stores / "store"), Swap({"swap": 0.5}, masked)

    def batches(epoch, **others):
        given = {"batch_size": 6, "seed": 3, "changes": [swap], **others}
        data = TrainingImages(images, [], (2, 2), 32, **given)
        return torch.cat([batch.images for batch in data.epoch(epoch, "cpu")])

    assert torch.equal(batches(2), batches(2, workers=3))
    assert not torch.equal(batches(2), batches(1))
    never = batches(2, changes=[Swap({"swap": 0.0}, masked)])
    assert torch.equal(never, batches(2, changes=()))  # crops and flips are those of the baseline
    assert not torch.equal(never, batches(2))


def with_masks(stores, tmp_path, edits):
    """A mask store in which some images have other masks."""
    index = pd.read_csv(stores / "index.csv").assign(
        path=lambda each: [str(stores / path) for path in each["path"]]
    )
    (tmp_path / "soft").mkdir()
    for row in index[index["split"] == "train"].itertuples():
        mask = np.array(Image.open(stores / "masks" / "soft" / f"{row.image_id}.png"))
        Image.fromarray(edits.get(row.image_id, lambda each: each)(mask)).save(
            tmp_path / "soft" / f"{row.image_id}.png"
        )
    build_masks(index, tmp_path, tmp_path / "pooled")
    return tmp_path / "pooled"


def test_images_whose_mask_covers_all_or_nothing_stay_and_lend_nothing(stores, tmp_path):
    edits = {"i1": lambda mask: np.full_like(mask, 255), "i2": np.zeros_like}
    images = ImageStore(stores / "store")
    found = objects.Masked(images, MaskStore(with_masks(stores, tmp_path, edits)))
    assert found.untouched == 2 and len(found.rows) == 13 and not {1, 2} & {*found.rows}
    swap = Swap({"swap": 1.0}, found)
    for row in (1, 2):
        assert np.array_equal(swap.changed(rng(0), row, images.image(row))[0], images.image(row))
    (tmp_path / "two").mkdir()
    two = {f"i{number}": np.zeros_like for number in range(13)}
    pair = objects.Masked(images, MaskStore(with_masks(stores, tmp_path / "two", two)))
    found = Swap({"swap": 1.0}, pair).changed(rng(0), 13, images.image(13))[
        0
    ]  # the one other, of another class
    assert np.array_equal(found[0, 0], pair.background(14)[0, 0])
    few = {f"i{number}": np.zeros_like for number in range(14)}
    (tmp_path / "few").mkdir()
    alone = objects.Masked(images, MaskStore(with_masks(stores, tmp_path / "few", few)))
    assert alone.rows == [14]  # nobody lends to it
    assert np.array_equal(
        Swap({"swap": 1.0}, alone).changed(rng(0), 14, images.image(14))[0], images.image(14)
    )


def test_rectangles_of_other_images_need_no_masks(stores):
    images = ImageStore(stores / "store")
    swap, areas = Swap({"swap": 1.0}, objects.Rectangles(images)), []
    for draw in range(200):
        found, moved = swap.changed(rng(draw), 3, images.image(3))
        changed = (found != images.image(3)).any(axis=2)
        rows, columns = np.flatnonzero(changed.any(axis=1)), np.flatnonzero(changed.any(axis=0))
        box = slice(rows[0], rows[-1] + 1), slice(columns[0], columns[-1] + 1)
        assert moved is None
        assert any(np.array_equal(found[box], images.image(row)[box]) for row in range(15) if row != 3)
        areas.append(changed[box].size / changed.size)
    assert min(areas) > 0.01 and max(areas) < 0.4 and np.std(areas) > 0.05


def train(stores, output, *more):
    command = [
        "--dataset",
        "squares",
        "--store",
        stores / "store",
        "--method",
        "baseline",
        "--backbone",
        "small",
    ]
    command += ["--epochs", 1, "--batch-size", 6, "--crop", 32, "--freeze", 0, "--device", "cpu"]
    command += ["--precision", "full", "--output-dir", output, *more]
    train_classifier.main(train_classifier.parse_args([*map(str, command)]))


def test_a_training_swaps_counts_what_stays_and_says_whose_masks(stores, tmp_path):
    pooled = with_masks(stores, tmp_path, {"i1": np.zeros_like})
    train(stores, tmp_path / "plain")
    train(stores, tmp_path / "swap", "--swap", 1, "--objects", pooled, "--mask-source", "truth")
    train(stores, tmp_path / "never", "--swap", 0)
    metrics, history, _ = without_times(tmp_path / "swap")
    assert (metrics["masks"], metrics["num_untouched"]) == ("truth", 1)
    plain = without_times(tmp_path / "plain")
    assert history != plain[1] and plain == without_times(tmp_path / "never")
    assert plain[0]["masks"] is None and "num_untouched" not in plain[0]
    assert "swap" not in json.dumps(plain[0])


@pytest.mark.parametrize(
    ("words", "complaint"),
    [
        (["--swap", "1"], "--swap 1.0: needs --objects, made by pool_masks.py"),
        (["--swap", "1.5", "--objects", "rectangles"], "--swap 1.5: must be at most 1"),
        (["--swap-shift", "0.1"], "--swap-shift 0.1: does nothing without --swap"),
        (["--swap", "1", "--objects", "nowhere"], "nowhere: is no store"),
    ],
)
def test_bad_options_are_one_line(stores, tmp_path, words, complaint):
    with pytest.raises(InputError) as refused:
        train(stores, tmp_path / "run", *words)
    assert str(refused.value).startswith(complaint) and "\n" not in str(refused.value)


def test_masks_of_another_size_or_missing_are_named(stores, tmp_path):
    images, masks = ImageStore(stores / "store"), MaskStore(stores / "pooled")
    masks.layout.loc[3, "height"] = 20
    with pytest.raises(InputError, match="pooled: the mask of i3 is not of its size; pool them again"):
        objects.Masked(images, masks)
    masks.layout = masks.layout.iloc[1:]
    with pytest.raises(InputError, match="pooled: has no mask of image i0"):
        objects.Masked(images, masks)


def test_what_is_changed_is_an_input_of_the_runs_that_use_it_alone(root):
    script = root / "workflow/scripts/train_classifier.py"
    without, swapping = set(code.of_job(script)), set(code.of_job(script, ("views/swap",)))
    more = {each.split("/maskguide/")[1] for each in swapping - without}
    assert more == {"views/swap.py", "views/objects.py"}


def test_help_says_what_swap_is(root):
    done = subprocess.run(
        [sys.executable, train_classifier.__file__, "--help"], capture_output=True, text=True
    )
    said = " ".join(done.stdout.split())
    assert "--swap SWAP swap: probability that the object of a training image" in said and "--objects" in said
