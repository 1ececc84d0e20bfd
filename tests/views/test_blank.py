"""Grey backgrounds and objects' boxes, in training and in test: masks of both, what stays, what is named."""

import json
import subprocess
import sys

import box_objects
import numpy as np
import pandas as pd
import pool_masks
import pytest
import train_classifier
from bad_input import matches, rows
from example_stores import make_squares
from hypothesis import given
from hypothesis import strategies as st
from maskguide import views
from maskguide.data.store import ImageStore, MaskStore
from maskguide.plan import code
from maskguide.system.files import InputError
from maskguide.views import objects
from maskguide.views.blank import GREY
from PIL import Image

HEIGHT, WIDTH = 48, 40


def pool(folder, *more):
    words = ["--index", folder / "index.csv", "--masks", folder / "masks", *more]
    pool_masks.main(pool_masks.parse_args([*map(str, words)]))


@pytest.fixture(scope="module")
def stores(tmp_path_factory):
    """The squares, with masks of test images too; those of i2 and i20 cover nothing and all."""
    folder = make_squares(tmp_path_factory.mktemp("stores"))
    for name, value in (("i2", 0), ("i20", 255)):
        Image.fromarray(np.full((HEIGHT, WIDTH), value, np.uint8)).save(folder / f"masks/soft/{name}.png")
    pool(folder, "--parts", "train", "test", "--output", folder / "objects")
    words = ["--index", folder / "index.csv", "--masks", folder / "objects", "--output", folder / "boxes.csv"]
    box_objects.main(box_objects.parse_args([*map(str, words), "--margin", "0.25"]))
    return folder


def test_a_store_of_both_parts_is_that_of_training_images_and_more(stores):
    both, training = MaskStore(stores / "objects"), MaskStore(stores / "pooled")
    assert len(both.layout) == 24 and len(training.layout) == 15
    for name in ("i0", "i7", "i23"):
        expected = np.array(Image.open(stores / "masks" / "soft" / f"{name}.png"))
        np.testing.assert_array_equal(both.mask(name), expected)
    np.testing.assert_array_equal(both.mask("i7"), training.mask("i7"))


def test_test_images_come_in_their_own_size(stores, tmp_path):
    pool(
        stores,
        "--parts",
        "test",
        "train",
        "--resize",
        20,
        "--test-resize",
        30,
        "--output",
        tmp_path / "sized",
    )
    sizes = MaskStore(tmp_path / "sized").layout.set_index("image_id")["height"]
    assert (sizes["i0"], sizes["i23"]) == (20, 30)


def test_backgrounds_are_grey_in_training_and_test(stores):
    blank = views.create("blank", stores / "objects")
    plain, seen = ImageStore(stores / "store"), ImageStore(stores / "store", [blank])
    assert seen.content == f"{plain.content} {blank.content}" and blank.untouched == 2
    for row, name in enumerate(plain.layout["image_id"]):
        image, mask = seen.image(row), blank.masks.mask(name)
        if name in ("i2", "i20"):
            assert np.array_equal(image, plain.image(row))
            continue
        share = objects.soft_edge(mask)
        assert (image[share == 0] == GREY).all()
        assert np.array_equal(image[share == 255], plain.image(row)[share == 255])
    guides = MaskStore(stores / "pooled", [blank])
    assert np.array_equal(guides.table("i1"), MaskStore(stores / "pooled").table("i1"))


@given(st.integers(0, 10**6), st.floats(0, 1))
def test_boxes_against_the_masks_pixels(seed, margin):
    rng = np.random.default_rng(seed)
    top, left = rng.integers(0, [30, 20])
    height, width = rng.integers(2, [10, 12])
    mask = np.zeros((HEIGHT, WIDTH), np.uint8)
    mask[top : top + height, left : left + width] = 200
    found = objects.box_of(mask, margin)
    expected = [max(0, left - margin * width), max(0, top - margin * height)]
    expected += [min(WIDTH, left + width + margin * width), min(HEIGHT, top + height + margin * height)]
    if mask.astype(bool).mean() >= objects.LEAST:
        np.testing.assert_allclose(found, expected)
    else:
        assert found == (0, 0, WIDTH, HEIGHT)


def test_a_box_is_seen_enlarged_in_training_and_test(stores):
    """The square of 24 pixels and a quarter at each side, grown to the images' proportions."""
    table = pd.read_csv(stores / "boxes.csv").set_index("image_id")
    assert table["shown"].eq(0).sum() == 2 and len(table) == 24
    assert table.loc[["i2", "i20"], "share"].tolist() == [1, 1]
    zoom = views.create("zoom", stores / "boxes.csv")
    assert zoom.untouched == 2
    plain, seen = ImageStore(stores / "store"), ImageStore(stores / "store", [zoom])
    for row, (name, class_id) in enumerate(zip(table.index, plain.layout["class_id"], strict=True)):
        bright = [(each.image(row)[..., class_id] > 200).mean() for each in (plain, seen)]
        assert (bright[1] == bright[0]) == (name in ("i2", "i20")) and bright[1] >= bright[0]


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
    command += ["--precision", "full", "--mask-source", "truth", "--output-dir", output, *more]
    train_classifier.main(train_classifier.parse_args([*map(str, command)]))
    return json.loads((output / "metrics.json").read_text())


def test_trainings_see_through_them_together_too(stores, tmp_path):
    words = {
        "blank": ["--blank", stores / "objects"],
        "box": ["--zoom", stores / "boxes.csv"],
        "swap": ["--swap", 0.5, "--tint", 1, "--objects", stores / "pooled"],
    }
    words["all"] = [each for more in words.values() for each in more]
    for name, more in words.items():
        found = train(stores, tmp_path / name, *more)
        stay = 0 if name == "swap" else 2  # of training images, none in the store of `make_squares`
        assert (found["masks"], found["num_untouched"]) == ("truth", stay), name
    histories = {pd.read_csv(tmp_path / name / "history.csv")["loss"].iloc[0] for name in words}
    assert len(histories) == 4


def test_what_is_missing_is_one_line(stores, tmp_path):
    with pytest.raises(InputError, match=r"pooled: has no mask of image i15; pool them again"):
        ImageStore(stores / "store", [views.create("blank", stores / "pooled")])
    command = [
        sys.executable,
        box_objects.__file__,
        "--index",
        stores / "index.csv",
        "--masks",
        stores / "pooled",
    ]
    command += ["--output", tmp_path / "boxes.csv"]
    done = subprocess.run(command, capture_output=True, text=True)
    assert done.returncode == 2 and done.stderr.count("\n") == 1
    assert "pooled: has no mask of image i15; pool them with --parts train test" in done.stderr
    (tmp_path / "soft").mkdir()
    for path in (stores / "masks" / "soft").glob("i?.png"):
        (tmp_path / "soft" / path.name).write_bytes(path.read_bytes())
    words = ["--index", stores / "index.csv", "--masks", tmp_path, "--parts", "train", "test"]
    with pytest.raises(InputError) as refused:
        pool_masks.main(pool_masks.parse_args([*map(str, words), "--output", str(tmp_path / "pooled")]))
    assert matches(rows()["objects-not-in-test"], str(refused.value))


def test_what_a_run_does_not_use_is_no_input_of_it(root):
    script = root / "workflow/scripts/train_classifier.py"
    without = set(code.of_job(script))
    more = {each.split("/maskguide/")[1] for each in set(code.of_job(script, ("views/blank",))) - without}
    assert more == {"views/blank.py", "views/objects.py"}
    boxes = {each.split("/maskguide/")[1] for each in set(code.of_job(script, ("views/zoom",))) - without}
    assert "views/objects.py" not in boxes
