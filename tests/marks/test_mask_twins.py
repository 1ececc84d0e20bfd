"""Twins of masks: as large elsewhere, smaller, larger, boxes, a third missing; outlines and silhouettes."""

import make_masks
import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st
from maskguide.data import masks
from maskguide.marks import mask_twins
from maskguide.plan import sources
from maskguide.system.files import InputError
from PIL import Image

COLUMNS = ["image_id", "path", "class", "class_id", "split", "mask", "outline", "boxes"]
SIZE = (40, 50)


@pytest.fixture
def dataset(tmp_path):
    """Seven training images and two test images, of a bright disk; masks of all, outlines of all but one."""
    rows, columns = np.indices(SIZE)
    table = []
    (tmp_path / "base" / "soft").mkdir(parents=True)
    for number in range(9):
        inside = np.hypot(rows - 18 - number % 3, columns - 22 - number) <= 8
        Image.fromarray(np.where(inside[..., None], [250, 240, 30], [40, 40, 60]).astype(np.uint8)).save(
            tmp_path / f"i{number}.png"
        )
        Image.fromarray(np.where(inside, 200, 0).astype(np.uint8)).save(tmp_path / f"base/soft/i{number}.png")
        Image.fromarray(np.where(inside, 255, 0).astype(np.uint8)).save(tmp_path / f"outline{number}.png")
        split, outline = "test" if number > 6 else "train", f"outline{number}.png" if number < 8 else ""
        table.append((f"i{number}", f"i{number}.png", "ab"[number % 2], number % 2, split, "", outline, ""))
    pd.DataFrame(table, columns=COLUMNS).to_csv(tmp_path / "index.csv", index=False)
    return tmp_path


def make(folder, source, *more):
    argv = ["--source", source, "--index", folder / "index.csv", "--classes", "main_vein", *more]
    argv += ["--output", folder / source]
    make_masks.main(make_masks.parse_args([*map(str, argv)]))
    return {path.stem: masks.read_grey(path) for path in (folder / source / "soft").iterdir()}


def test_each_twin_of_each_image(dataset):
    base = {path.stem: masks.read_grey(path) for path in (dataset / "base" / "soft").iterdir()}
    made = {twin: make(dataset, twin, "--masks", dataset / "base") for twin in sources.TWINS}
    for twin, found in made.items():
        assert sorted(found) == sorted(base), twin
        assert all(found[name].shape == SIZE for name in base)
    for name, mask in base.items():
        rows, columns = np.nonzero(mask)
        box = np.zeros(SIZE, np.uint8)
        box[rows.min() : rows.max() + 1, columns.min() : columns.max() + 1] = 255
        assert np.array_equal(made["boxes"][name], box)
        padded = np.pad(mask, 2, mode="edge")  # 4 % of 50 pixels
        windows = np.lib.stride_tricks.sliding_window_view(padded, (5, 5))
        assert np.array_equal(made["eroded"][name], windows.min(axis=(2, 3)))
        assert np.array_equal(made["dilated"][name], windows.max(axis=(2, 3)))
        assert made["elsewhere"][name].sum() == mask.sum()
        assert not np.array_equal(made["elsewhere"][name], mask)
        same = np.array_equal(made["thirds"][name], mask)
        assert same or not made["thirds"][name].any()
    missing = sorted(name for name, mask in made["thirds"].items() if not mask.any())
    assert missing == ["i2", "i5"]  # of seven training images two; of two test images none
    again = make(dataset, "elsewhere", "--masks", dataset / "base")
    assert all(np.array_equal(again[name], mask) for name, mask in made["elsewhere"].items())


@given(st.integers(0, 10**6), st.integers(8, 40), st.integers(8, 40))
def test_elsewhere_is_the_mirror_image_moved(seed, height, width):
    """Undone by hand: moved back and mirrored, by a quarter to three quarters of the sides."""
    soft = np.random.default_rng(seed).integers(0, 256, (height, width), np.uint8)
    found = mask_twins.elsewhere(soft, np.random.default_rng(seed), 0)
    places = [
        (down, right)
        for down in range(height)
        for right in range(width)
        if np.array_equal(np.roll(found, (-down, -right), axis=(0, 1))[:, ::-1], soft)
    ]
    assert len(places) == 1
    assert all(
        side / 4 - 1 <= place <= 3 * side / 4 + 1 for place, side in zip(places[0], soft.shape, strict=True)
    )


def test_elsewhere_seldom_meets_the_object(dataset):
    base = {path.stem: masks.read_grey(path) > 0 for path in (dataset / "base" / "soft").iterdir()}
    found = make(dataset, "elsewhere", "--masks", dataset / "base")
    shared = np.mean([(base[name] & (found[name] > 0)).sum() / base[name].sum() for name in base])
    assert shared < 0.25


def test_outlines_and_silhouettes_are_of_whole_objects(dataset):
    found = make(dataset, "outline")
    assert sorted(found) == [f"i{number}" for number in range(8)]  # a test image may lack it
    assert all(set(np.unique(mask)) == {0, 255} for mask in found.values())
    silhouettes = make(dataset, "silhouette")
    assert len(silhouettes) == 9
    for name, mask in found.items():
        assert (mask == silhouettes[name]).mean() > 0.95


def test_what_a_twin_or_an_outline_lacks_is_named(dataset):
    with pytest.raises(InputError, match="--masks: elsewhere needs the masks of another source"):
        make(dataset, "elsewhere")
    (dataset / "base/soft/i3.png").unlink()
    with pytest.raises(InputError, match=r"soft/i3\.png: is missing"):
        make(dataset, "boxes", "--masks", dataset / "base")
    index = pd.read_csv(dataset / "index.csv", keep_default_na=False)
    index.loc[index["image_id"] == "i4", "outline"] = ""
    index.to_csv(dataset / "index.csv", index=False)
    with pytest.raises(InputError, match="1 training images have no outline, i4 first; take objects: auto"):
        make(dataset, "outline")


def test_names_of_sources_say_whose_masks_they_are():
    assert sources.KNOWN["shuffled"] == sources.Source("segmenter", "shuffled")
    assert sources.KNOWN["truth-boxes"] == sources.Source("truth", "boxes")
    assert [sources.base_of(each) for each in ("elsewhere", "outline-thirds", "rectangles", None)] == [
        *("segmenter", "outline", "rectangles", None)
    ]
    assert all(name == each.name for name, each in sources.KNOWN.items())
    assert (
        sources.of_parts("shuffled", True) == "outline-shuffled"
        and sources.of_parts("truth", True) == "outline"
    )
    assert sources.of_parts("auto-boxes", False) == "silhouette-boxes"
    assert sources.of_parts("segmenter", False) is None
    assert sources.of_parts("rectangles", False) == "rectangles"
    assert set(sources.TWINS) == {*mask_twins.TWINS, "shuffled"}
