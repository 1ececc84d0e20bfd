import numpy as np
import pandas as pd
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from maskguide.data.pooling import Rectangle, cells, summed_area_table, window_sums
from maskguide.data.store import ImageStore, MaskStore, build_images, build_masks, resize_option
from maskguide.system.files import InputError
from PIL import Image

SIZES = [(11, 17), (23, 9), (16, 16)]


@pytest.fixture(scope="module")
def dataset(tmp_path_factory):
    """Three images of different sizes with soft masks, and an index as `read_index` returns it."""
    folder = tmp_path_factory.mktemp("dataset")
    (folder / "masks" / "soft").mkdir(parents=True)
    rng = np.random.default_rng(0)
    rows = []
    for number, (height, width) in enumerate(SIZES):
        image_id = f"image{number}"
        pixels = rng.integers(0, 256, (height, width, 3), dtype=np.uint8)
        Image.fromarray(pixels).save(folder / f"{image_id}.png")
        mask = rng.integers(0, 256, (height, width), dtype=np.uint8)
        Image.fromarray(mask).save(folder / "masks" / "soft" / f"{image_id}.png")
        rows.append([image_id, str(folder / f"{image_id}.png"), "leaf", 0, "train" if number < 2 else "test"])
    index = pd.DataFrame(rows, columns=["image_id", "path", "class", "class_id", "split"])
    build_images(index, folder / "images")
    index["split"] = "train"  # so that the mask store holds all three
    build_masks(index, folder / "masks", folder / "tables")
    return folder


def test_images_are_stored_as_they_are(dataset):
    store = ImageStore(dataset / "images")
    for number in range(3):
        assert np.array_equal(store.image(number), np.asarray(Image.open(dataset / f"image{number}.png")))
    assert store.rows("train").tolist() == [0, 1]
    assert store.rows("test").tolist() == [2]
    assert store.classes() == ["leaf"]
    with pytest.raises(ValueError, match="read-only"):
        store.image(0)[0, 0, 0] = 1


def test_images_and_their_masks_are_brought_to_squares(dataset, tmp_path):
    """Training images and masks to one side, test images to another, by Pillow's bilinear filter."""
    index = pd.read_csv(dataset / "images" / "layout.csv", dtype={"image_id": str})
    index["path"] = [str(dataset / f"{image_id}.png") for image_id in index["image_id"]]
    resize = resize_option(12, 8)
    build_images(index, tmp_path / "images", resize)
    build_masks(index, dataset / "masks", tmp_path / "tables", resize)
    images, masks = ImageStore(tmp_path / "images"), MaskStore(tmp_path / "tables")
    for number, side in enumerate((12, 12, 8)):
        with Image.open(dataset / f"image{number}.png") as image:
            expected = np.asarray(image.resize((side, side), Image.Resampling.BILINEAR))
        np.testing.assert_array_equal(images.image(number), expected)
    with Image.open(dataset / "masks" / "soft" / "image1.png") as mask:
        expected = np.asarray(mask.resize((12, 12), Image.Resampling.BILINEAR)) / 255
    pooled = masks.pool("image1", Rectangle(0, 0, 12, 12), (12, 12))
    np.testing.assert_allclose(pooled, expected, atol=1e-6)


@pytest.mark.parametrize(
    ("sides", "complaint"),
    [
        ((0, None), "--resize 0: must be at least 1"),
        ((None, 8), "--test-resize 8: give --resize too"),
        ((8, None, 8), "--short-edge 8: squares have none"),
    ],
)
def test_wrong_sides_are_refused(sides, complaint):
    with pytest.raises(InputError, match=complaint):
        resize_option(*sides)
    assert resize_option(None) == (None, None, None)
    assert resize_option(512) == (512, 512, None)


def test_the_short_edge_gets_its_length_and_shapes_stay(dataset, tmp_path):
    index = pd.read_csv(dataset / "images" / "layout.csv", dtype={"image_id": str})
    index["path"] = [str(dataset / f"{image_id}.png") for image_id in index["image_id"]]
    build_images(index, tmp_path / "images", resize_option(None, None, 20))
    images = ImageStore(tmp_path / "images")
    for number, (height, width) in enumerate(index[["height", "width"]].to_numpy()):
        found = images.image(number).shape[:2]
        assert min(found) == 20
        assert max(found) == round(20 * max(height, width) / min(height, width))
        assert (found[0] < found[1]) == (height < width)
        with Image.open(dataset / f"image{number}.png") as image:
            expected = np.asarray(image.resize(found[::-1], Image.Resampling.BILINEAR))
        np.testing.assert_array_equal(images.image(number), expected)


def crop_then_pool(mask, window, grid, flip, erased):
    """The long way round: cut, flip and erase the full-resolution mask, then let PyTorch pool it."""
    padded = np.pad(mask, 200)
    top, left = window.top + 200, window.left + 200
    cut = padded[top : top + window.height, left : left + window.width] / 255.0
    if flip:
        cut = cut[:, ::-1]
    cut = cut.copy()
    if erased is not None:
        cut[erased.top : erased.top + erased.height, erased.left : erased.left + erased.width] = 0
    return torch.nn.functional.adaptive_avg_pool2d(torch.from_numpy(cut)[None], grid)[0].numpy()


@settings(max_examples=300, deadline=None)
@given(data=st.data())
def test_pooling_from_the_store_equals_pooling_the_cropped_mask(dataset, data):
    number = data.draw(st.integers(0, 2))
    height, width = data.draw(st.integers(1, 40)), data.draw(st.integers(1, 40))
    window = Rectangle(data.draw(st.integers(-45, 30)), data.draw(st.integers(-45, 30)), height, width)
    grid = (data.draw(st.integers(1, 9)), data.draw(st.integers(1, 9)))
    erased = None
    if data.draw(st.booleans()):
        top, left = data.draw(st.integers(0, height - 1)), data.draw(st.integers(0, width - 1))
        erased = Rectangle(
            top, left, data.draw(st.integers(1, height - top)), data.draw(st.integers(1, width - left))
        )
    flip = data.draw(st.booleans())
    pooled = MaskStore(dataset / "tables").pool(f"image{number}", window, grid, flip, erased)
    mask = np.asarray(Image.open(dataset / "masks" / "soft" / f"image{number}.png"))
    assert pooled.dtype == np.float32
    np.testing.assert_allclose(pooled, crop_then_pool(mask, window, grid, flip, erased), atol=1e-6)


def test_pooling_is_exact_where_the_answer_is_known(tmp_path):
    Image.fromarray(np.full((4, 6), 255, dtype=np.uint8)).save(tmp_path / "white.png")
    (tmp_path / "soft").mkdir()
    Image.fromarray(np.full((4, 6), 255, dtype=np.uint8)).save(tmp_path / "soft" / "a.png")
    index = pd.DataFrame({"image_id": ["a"], "path": [str(tmp_path / "white.png")], "split": ["train"]})
    build_masks(index, tmp_path, tmp_path / "tables")
    store = MaskStore(tmp_path / "tables")
    # a window twice as high as the image, half of it above: the upper cells are padding
    pooled = store.pool("a", Rectangle(-4, 0, 8, 6), (2, 2), erased=Rectangle(4, 0, 4, 3))
    assert pooled.tolist() == [[0.0, 0.0], [0.0, 1.0]]
    assert "a" in store
    assert "b" not in store


def test_sums_wrap_around_without_harm():
    """What four reads of a table wrap around in uint32 wraps back: the tables' corner values may overflow."""
    mask = np.full((3, 3), 255, dtype=np.uint8)
    table = summed_area_table(mask, np.uint32) + np.uint32(2**32 - 500)
    spans = (np.array([0, 1]), np.array([1, 3]))
    sums = window_sums(table, Rectangle(0, 0, 3, 3), *spans, *spans)
    assert sums.tolist() == [[255, 510], [510, 1020]]


def test_cells_are_those_of_adaptive_pooling():
    begins, ends = cells(7, 3)
    assert begins.tolist() == [0, 2, 4]
    assert ends.tolist() == [3, 5, 7]


def test_identity_follows_the_content(dataset, tmp_path):
    index = pd.DataFrame(
        {
            "image_id": ["a"],
            "path": [str(dataset / "image0.png")],
            "class": "x",
            "class_id": 0,
            "split": "train",
        }
    )
    build_images(index, tmp_path / "one")
    build_images(index, tmp_path / "same")
    build_images(index.assign(path=str(dataset / "image1.png")), tmp_path / "other")
    one, same, other = (ImageStore(tmp_path / name).content for name in ("one", "same", "other"))
    assert one == same != other


def test_unusable_files_are_named(dataset, tmp_path):
    index = pd.DataFrame({"image_id": ["image0"], "path": [str(dataset / "image1.png")], "split": ["train"]})
    with pytest.raises(InputError, match=r"image0\.png: is 17×11, its image 9×23"):
        build_masks(index, dataset / "masks", tmp_path / "tables")
    assert list(tmp_path.iterdir()) == []
    with pytest.raises(InputError, match=r"soft/image0\.png"):
        build_masks(index, tmp_path, tmp_path / "tables")
    (tmp_path / "broken.png").write_bytes((dataset / "image2.png").read_bytes()[:200])
    broken = pd.DataFrame(
        {
            "image_id": ["a"],
            "path": [str(tmp_path / "broken.png")],
            "class": "x",
            "class_id": 0,
            "split": "train",
        }
    )
    with pytest.raises(InputError, match=r"broken\.png"):
        build_images(broken, tmp_path / "images")
    with pytest.raises(InputError, match="is no store"):
        ImageStore(tmp_path)


# Several splits


def test_one_store_for_several_splits(dataset, tmp_path):
    """Stored once whatever the part, in the size of each part; an index says which images, in which part."""
    index = pd.read_csv(dataset / "images" / "layout.csv", dtype={"image_id": str})
    paths = [str(dataset / f"{image_id}.png") for image_id in index["image_id"]]
    build_images(index.assign(path=paths, split=""), tmp_path / "one", resize_option(12))
    build_images(index.assign(path=paths, split=""), tmp_path / "two", resize_option(12, 8))
    assert len(pd.read_csv(tmp_path / "one" / "layout.csv")) == 3
    assert len(pd.read_csv(tmp_path / "two" / "layout.csv")) == 6
    contents = set()
    for number, parts in enumerate((["test", "train", "train"], ["train", "", "test"])):
        written = tmp_path / f"{number}" / "index.csv"
        written.parent.mkdir()
        of_split = pd.DataFrame(
            {"image_id": index["image_id"], "path": paths, "class": "leaf", "class_id": 0, "split": parts}
        ).assign(mask="", outline="", boxes="")
        of_split[of_split["split"] != ""].iloc[::-1].to_csv(written, index=False)
        for name, sides in (("one", {"train": 12, "test": 12}), ("two", {"train": 12, "test": 8})):
            store = ImageStore(tmp_path / name, index=written)
            contents.add(store.content)
            listed = list(zip(index["image_id"], parts, strict=True))[::-1]
            assert store.layout[["image_id", "split"]].to_numpy().tolist() == [
                [image_id, split] for image_id, split in listed if split
            ]
            for row in store.layout.itertuples():
                side = sides[row.split]
                with Image.open(dataset / f"{row.image_id}.png") as image:
                    expected = np.asarray(image.resize((side, side), Image.Resampling.BILINEAR))
                np.testing.assert_array_equal(store.image(row.Index), expected)
    assert len(contents) == 4
    layout = tmp_path / "two" / "layout.csv"
    stored = pd.read_csv(layout)
    stored[stored["split"] == "train"].to_csv(layout, index=False)
    with pytest.raises(InputError, match="two: does not hold image2 as a test image; build the store again"):
        ImageStore(tmp_path / "two", index=tmp_path / "1" / "index.csv")
