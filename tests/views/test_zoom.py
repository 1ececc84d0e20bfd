"""The parts of images that a view enlarges: geometry, masks that follow, trainings of any method."""

import numpy as np
import pandas as pd
import pytest
import torch
import train_classifier
from example_stores import make_squares, without_times
from hypothesis import given
from hypothesis import strategies as st
from maskguide import views
from maskguide.data.pooling import Rectangle
from maskguide.data.store import ImageStore, MaskStore
from maskguide.learning.batches import TrainingImages
from maskguide.plan import code
from maskguide.system.files import InputError
from maskguide.views.zoom import enlarged, grown
from PIL import Image

HEIGHT, WIDTH = 48, 40


@pytest.fixture(scope="module")
def stores(tmp_path_factory):
    return make_squares(tmp_path_factory.mktemp("stores"))


@pytest.fixture(scope="module")
def attended(stores):
    """Another box for each image, of the images' aspect ratio: what is seen is the box itself."""
    rng = np.random.default_rng(0)
    layout = ImageStore(stores / "store").layout
    table = layout[["image_id", "split", "height", "width"]].copy()
    share = rng.uniform(0.4, 0.8, len(table))
    table["left"], table["top"] = (rng.uniform(0, (1 - share) * side) for side in (WIDTH, HEIGHT))
    table["right"], table["bottom"] = table["left"] + share * WIDTH, table["top"] + share * HEIGHT
    table["share"] = share**2
    table.iloc[::-1].to_csv(stores / "attended.csv", index=False)  # in whatever order
    return stores / "attended.csv"


@given(st.data())
def test_grown_boxes_keep_the_aspect_ratio_and_stay_inside(data):
    height, width = (data.draw(st.integers(4, 300)) for _ in range(2))
    left, right = sorted(data.draw(st.tuples(st.floats(0, width - 1), st.floats(1, width))))
    top, bottom = sorted(data.draw(st.tuples(st.floats(0, height - 1), st.floats(1, height))))
    right, bottom = max(right, left + 0.5), max(bottom, top + 0.5)
    box = grown(np.array([[left, top, right, bottom]]), np.array([[height, width]]))[0]
    wide, high = box[2] - box[0], box[3] - box[1]
    assert wide / width == pytest.approx(high / height)
    assert box[0] >= 0 and box[1] >= 0 and box[2] <= width + 1e-6 and box[3] <= height + 1e-6
    assert box[0] <= left + 1e-6 and box[2] >= min(right, width) - 1e-6
    assert box[1] <= top + 1e-6 and box[3] >= min(bottom, height) - 1e-6
    # no larger than needed
    assert wide == pytest.approx(min(right, width) - left, abs=1) or high == pytest.approx(
        bottom - top, abs=1
    )


def test_an_enlarged_part_fills_the_image():
    rng = np.random.default_rng(0)
    image = rng.integers(0, 256, (40, 60, 3), dtype=np.uint8)
    assert np.array_equal(enlarged(image, np.array([0, 0, 60, 40])), image)
    image[:] = 10
    image[10:30, 15:45] = 200  # half of each side
    # at the edge of a part the filter reads the pixel beyond it, as in the image itself
    assert (enlarged(image, np.array([15, 10, 45, 30]))[1:-1, 1:-1] == 200).all()
    half = enlarged(image, np.array([0, 10, 30, 30]))  # its left half is dark
    assert (half[1:-1, 1:29] == 10).all() and (half[1:-1, 31:-1] == 200).all()


def test_images_and_their_masks_are_cut_out_alike(stores, attended):
    """Against cutting and enlarging the mask's file by hand, then averaging each cell."""
    zoom = views.create("zoom", attended)
    images, masks = ImageStore(stores / "store", [zoom]), MaskStore(stores / "pooled", [zoom])
    boxes = pd.read_csv(attended).set_index("image_id")
    for row, image_id in enumerate(masks.layout["image_id"]):
        box = boxes.loc[image_id, ["left", "top", "right", "bottom"]].tolist()
        shown = []
        for path in (stores / f"{image_id}.png", stores / "masks" / "soft" / f"{image_id}.png"):
            with Image.open(path) as file:
                shown.append(np.array(file.resize((WIDTH, HEIGHT), Image.Resampling.BILINEAR, box=box)))
        image, mask = shown
        np.testing.assert_array_equal(images.image(row), image)
        found = masks.pool(image_id, Rectangle(8, 0, 32, 40), (4, 5), erased=Rectangle(0, 0, 8, 8))
        expected = mask[8:40].reshape(4, 8, 5, 8).mean(axis=(1, 3)) / 255
        expected[0, 0] = 0
        np.testing.assert_allclose(found, expected, atol=1e-6)


def test_a_batch_shows_both_through_the_view(stores, attended):
    """The square is bright in its class's channel wherever the mask is, in the enlarged part too."""
    zoom = views.create("zoom", attended)
    images, masks = ImageStore(stores / "store", [zoom]), MaskStore(stores / "pooled", [zoom])
    data = TrainingImages(images, [masks], (HEIGHT, WIDTH), WIDTH, 15, seed=0, erasing=0.0)
    pixels, _, pooled, labels = data.assemble(range(15), epoch=0)
    crops = torch.from_numpy(pooled[:, 0])
    seen = torch.nn.functional.interpolate(crops[None], (WIDTH, WIDTH), mode="area")[0].numpy()
    for image, mask, label in zip(pixels, seen, labels, strict=True):
        inside, outside = image[..., label][mask > 0.95], image[..., label][mask < 0.05]
        assert inside.min() > 235 and (outside < 130).mean() > 0.95


def test_without_a_view_a_store_gives_its_own_pixels_and_tables(stores, attended):
    images, masks = ImageStore(stores / "store"), MaskStore(stores / "pooled")
    zoom = views.create("zoom", attended)
    assert np.shares_memory(images.image(3), images.pixels)
    assert np.shares_memory(masks.table("i3"), masks.tables)
    for store, name in ((images, "store"), (masks, "pooled")):
        viewed = type(store)(stores / name, [zoom])
        assert viewed.content == f"{store.content} {zoom.content}"


def test_a_view_is_an_input_of_the_runs_that_use_it_alone(root):
    scripts = root / "workflow" / "scripts"
    for script in ("train_classifier", "attend_regions", "combine_scales"):
        without = {each.split("/maskguide/")[1] for each in code.of_job(scripts / f"{script}.py")}
        viewed = {
            each.split("/maskguide/")[1] for each in code.of_job(scripts / f"{script}.py", ("views/zoom",))
        }
        assert {each for each in without if each.startswith("views/")} == {"views/__init__.py"}
        assert viewed - without <= {"views/zoom.py", "learning/attend.py", "learning/cells.py"}
        assert "views/zoom.py" in viewed and "learning/attend.py" in viewed


def test_views_compose_in_their_order(stores, attended):
    class Mirror:
        content = "mirror"

        def check(self, layout):
            pass

        def image(self, image_id, pixels):
            return pixels[:, ::-1]

        mask = image

    zoom = views.create("zoom", attended)
    one, two = (ImageStore(stores / "store", each) for each in ([zoom, Mirror()], [Mirror(), zoom]))
    assert np.array_equal(one.image(0), ImageStore(stores / "store", [zoom]).image(0)[:, ::-1])
    assert not np.array_equal(one.image(0), two.image(0))
    window = Rectangle(0, 0, HEIGHT, WIDTH)
    pooled = [
        MaskStore(stores / "pooled", each).pool("i0", window, (4, 4)) for each in ([zoom], [zoom, Mirror()])
    ]
    np.testing.assert_array_equal(pooled[0], pooled[1][:, ::-1])


def test_guided_methods_learn_from_enlarged_parts(stores, attended, tmp_path):
    for name, more in (("whole", []), ("parts", ["--zoom", str(attended)])):
        command = ["--dataset", "squares", "--store", stores / "store", "--mask-store", stores / "pooled"]
        command += ["--method", "mga", "--backbone", "small", "--epochs", 1, "--batch-size", 6, "--crop", 32]
        command += ["--freeze", 0, "--device", "cpu", "--precision", "full", "--output-dir", tmp_path / name]
        train_classifier.main(train_classifier.parse_args([*map(str, command), *more]))
    assert without_times(tmp_path / "whole")[1] != without_times(tmp_path / "parts")[1]


def test_broken_boxes_are_named(stores, attended, tmp_path):
    table = pd.read_csv(attended)
    path = tmp_path / "attended.csv"
    with pytest.raises(InputError, match=r"attended\.csv: cannot be read as CSV"):
        views.create("zoom", path)
    for change, complaint in (
        ({"right": table["left"]}, "the box of i23 is none"),
        ({"bottom": 1000.0}, "the box of i23 is none"),
        ({"height": table["height"] + 8}, "its images have other sizes than the store's"),
    ):
        table.assign(**change).to_csv(path, index=False)
        with pytest.raises(InputError, match=complaint):
            ImageStore(stores / "store", [views.create("zoom", path)])
    table.iloc[:-1].to_csv(path, index=False)
    for open_store, name in ((ImageStore, "store"), (MaskStore, "pooled")):
        with pytest.raises(InputError, match="has no box of image i0"):
            open_store(stores / name, [views.create("zoom", path)])
    table.drop(columns="share").to_csv(path, index=False)
    with pytest.raises(InputError, match="share is missing"):
        views.create("zoom", path)
