"""From detected boxes to masks, and the script that writes them."""

import mask_regions
import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st
from maskguide.detect import detections, region_masks
from maskguide.system.files import InputError
from PIL import Image

COLUMNS = ["image_id", "path", "class", "class_id", "split", "mask", "outline", "boxes"]


def test_inside_of_boxes():
    mask = region_masks.inside([(1.4, 0.0, 3.6, 2.0), (5.2, 3.1, 5.3, 3.2)], (4, 6))
    expected = np.zeros((4, 6), dtype=bool)
    expected[0:2, 1:4] = True
    expected[3, 5] = True  # too small for a pixel's centre: still one pixel
    np.testing.assert_array_equal(mask, expected)
    assert not region_masks.inside([], (4, 6)).any()


@given(st.floats(0, 40), st.floats(0, 30), st.floats(0, 40), st.floats(0, 30))
def test_a_box_has_its_area_to_a_pixel_at_each_side(left, top, width, height):
    box = (left, top, min(left + width, 40), min(top + height, 30))
    area = region_masks.inside([box], (30, 40)).sum()
    assert 1 <= area <= (box[2] - box[0] + 1.01) * (box[3] - box[1] + 1.01)
    assert area >= max(box[2] - box[0] - 1, 0) * max(box[3] - box[1] - 1, 0)


def test_binarised_is_the_bright_part_of_the_inside():
    image = np.full((6, 8, 3), 40, dtype=np.uint8)
    image[2:4] = 200  # a bright stripe, which also runs on outside
    inside = region_masks.inside([(2, 0, 6, 6)], (6, 8))
    filled = region_masks.soft_mask(image, inside, "filled")
    binarised = region_masks.soft_mask(image, inside, "binarised")
    assert np.array_equal(filled > 0, inside) and set(np.unique(filled)) == {0, 255}
    expected = np.zeros((6, 8), dtype=np.uint8)
    expected[2:4, 2:6] = 255
    np.testing.assert_array_equal(binarised, expected)
    flat = np.full((6, 8, 3), 90, dtype=np.uint8)
    np.testing.assert_array_equal(region_masks.soft_mask(flat, inside, "binarised"), filled)
    nothing = region_masks.inside([], (6, 8))
    assert not region_masks.soft_mask(image, nothing, "binarised").any()


@pytest.fixture
def dataset(tmp_path):
    """Three training images of two sizes and a test image; no vein is found in `b`, an unsure one in `c`."""
    rng = np.random.default_rng(0)
    rows = []
    for name, size, split in (
        ("a", (20, 30), "train"),
        ("b", (20, 30), "train"),
        ("c", (40, 60), "train"),
        ("t", (20, 30), "test"),
    ):
        pixels = rng.integers(1, 255, (*size, 3), dtype=np.uint8)
        Image.fromarray(pixels).save(tmp_path / f"{name}.png")
        rows.append((name, f"{name}.png", "x", 0, split, "", "", ""))
    pd.DataFrame(rows, columns=COLUMNS).to_csv(tmp_path / "index.csv", index=False)
    boxes = [
        ("a", "vein", 3, 2, 9, 8, 0.9),
        ("a", "vein", 20, 10, 28, 18, 0.6),
        ("a", "contour", 0, 0, 30, 20, 0.9),
        ("c", "vein", 10, 10, 30, 30, 0.2),
        ("t", "vein", 0, 0, 30, 20, 0.8),
    ]
    table = pd.DataFrame(boxes, columns=detections.COLUMNS)
    table.to_csv(tmp_path / "detections.csv", index=False)
    return tmp_path


def make(folder, *more, region="vein"):
    output = folder / "masks"
    mask_regions.main(
        mask_regions.parse_args(
            [
                *("--index", str(folder / "index.csv"), "--detections", str(folder / "detections.csv")),
                *("--regions", "vein", "contour", "--region", region, "--output", str(output), *more),
            ]
        )
    )
    masks = {path.stem: np.asarray(Image.open(path)) for path in (output / "soft").iterdir()}
    return masks, pd.read_csv(output / "missing.csv"), sorted(p.stem for p in (output / "masked").iterdir())


def test_best_box_of_every_image(dataset):
    masks, missing, masked = make(dataset)
    assert masks["a"].sum() == 255 * 36 and masks["a"][2, 3] == 255
    assert not masks["b"].any() and not masks["c"].any()
    assert masks["t"].all()
    assert missing.values.tolist() == [["b", "train"], ["c", "train"]]
    assert masked == ["a"]  # training images alone become counterparts
    image, counterpart = (np.asarray(Image.open(dataset / name)) for name in ("a.png", "masks/masked/a.png"))
    np.testing.assert_array_equal(counterpart[2:8, 3:9], image[2:8, 3:9])
    assert counterpart.sum() == image[2:8, 3:9].sum()


def test_all_boxes_and_a_lower_confidence(dataset):
    masks, missing, _ = make(dataset, "--keep", "all", "--confidence", "0.1")
    assert masks["a"].sum() == 255 * (36 + 64)
    assert masks["c"].sum() == 255 * 400
    assert missing["image_id"].tolist() == ["b"]


def test_shuffled_boxes_come_from_another_image_in_its_proportions(dataset):
    masks, missing, _ = make(dataset, "--confidence", "0.1", "--shuffle-seed", "0")
    training = {name: mask for name, mask in masks.items() if name != "t"}
    own = {"a": 36 / 600, "b": 0.0, "c": 400 / 2400}
    shares = {name: (mask > 0).mean() for name, mask in training.items()}
    assert sorted(shares.values()) == pytest.approx(sorted(own.values()), abs=0.01)
    assert all(abs(shares[name] - own[name]) > 0.01 for name in own)
    assert "t" in missing["image_id"].tolist()


@pytest.mark.parametrize(
    ("words", "complaint"),
    [
        (["--confidence", "2"], "--confidence 2.0: must lie between 0 and 1"),
        (["--region", "stalk"], "--region stalk: is not one of vein, contour"),
    ],
)
def test_wrong_options_leave_nothing_behind(dataset, words, complaint):
    with pytest.raises(InputError, match=complaint):
        make(dataset, *words)
    assert not (dataset / "masks").exists()


def test_detections_of_other_regions_are_refused(dataset):
    text = (dataset / "detections.csv").read_text()
    (dataset / "detections.csv").write_text(text.replace("contour", "petiole"))
    with pytest.raises(InputError, match=r"detections\.csv: region 'petiole' is not one of vein, contour"):
        make(dataset)
    (dataset / "detections.csv").write_text("image_id,region\n")
    with pytest.raises(InputError, match=r"detections\.csv: column"):
        make(dataset)
