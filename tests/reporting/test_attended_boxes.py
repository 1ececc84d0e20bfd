"""Attended boxes against true boxes: intersection over union, what is true, and the script."""

import json
import subprocess
import sys

import evaluate_attended
import numpy as np
import pandas as pd
import pytest
import torch
from example_attention import SIZE, SQUARE, write_attended, write_images
from hypothesis import given
from hypothesis import strategies as st
from maskguide.data import datasets
from maskguide.reporting import aca, attended_boxes
from maskguide.reporting.attended_boxes import intersection_over_union
from maskguide.system.files import InputError
from PIL import Image
from torchvision.ops import box_iou

SPANS = st.tuples(st.floats(0, 0.99), st.floats(0.001, 1)).map(lambda span: (span[0], span[0] + span[1]))
BOXES = st.tuples(SPANS, SPANS).map(lambda spans: (spans[0][0], spans[1][0], spans[0][1], spans[1][1]))
WHOLE = (0, 0, SIZE[1], SIZE[0])


def test_iou_by_hand():
    one = np.array([[0, 0, 2, 2], [0, 0, 1, 1], [0, 0, 1, 1], [0, 0, 4, 4]], dtype=float)
    other = np.array([[1, 1, 3, 3], [2, 2, 3, 3], [1, 0, 2, 1], [1, 1, 3, 3]], dtype=float)
    np.testing.assert_allclose(intersection_over_union(one, other), [1 / 7, 0, 0, 4 / 16])


@given(st.lists(st.tuples(BOXES, BOXES), min_size=1, max_size=20))
def test_iou_is_torchvisions(pairs):
    one, other = (np.array([pair[side] for pair in pairs]) for side in (0, 1))
    expected = box_iou(torch.from_numpy(one), torch.from_numpy(other)).diagonal().numpy()
    np.testing.assert_allclose(intersection_over_union(one, other), expected, atol=1e-9)


@given(BOXES, BOXES, st.floats(0.1, 10), st.floats(0.1, 10))
def test_iou_is_symmetric_in_range_and_the_same_in_other_pixels(first, second, across, down):
    one, other = np.array([first]), np.array([second])
    found = intersection_over_union(one, other)[0]
    assert 0 <= found <= 1
    assert intersection_over_union(one, one)[0] == pytest.approx(1)
    assert intersection_over_union(other, one)[0] == pytest.approx(found)
    stretch = np.array([across, down, across, down])
    assert intersection_over_union(one * stretch, other * stretch)[0] == pytest.approx(found, abs=1e-9)


@pytest.mark.parametrize(
    ("kinds", "truth"),
    [
        (["mask"], "masks"),
        (["mask", "outline"], "outlines"),
        (["mask", "outline", "boxes"], "published boxes"),
    ],
)
def test_the_true_box_is_the_smallest_around_the_best_there_is(tmp_path, kinds, truth):
    index = datasets.read_index(write_images(tmp_path, *kinds))
    boxes, made_of = attended_boxes.true_boxes(index)
    assert made_of == truth
    pixels = boxes.to_numpy() * [SIZE[1], SIZE[0], SIZE[1], SIZE[0]]
    np.testing.assert_allclose(pixels, [SQUARE] * 12, atol=1e-3)


def test_images_without_a_true_box_are_left_out(tmp_path):
    path = write_images(tmp_path, "mask", "boxes")
    (tmp_path / "ash_2.txt").write_text("")
    table = pd.read_csv(path, keep_default_na=False)
    table.loc[table["image_id"] == "ash_3", "boxes"] = ""
    table.to_csv(path, index=False)
    boxes, made_of = attended_boxes.true_boxes(datasets.read_index(path))
    assert made_of == "published boxes"
    assert len(boxes) == 10
    assert not {"ash_2", "ash_3"} & set(boxes.index)
    for mask in tmp_path.glob("*_mask.png"):
        Image.fromarray(np.zeros(SIZE, np.uint8)).save(mask)
    empty, made_of = attended_boxes.true_boxes(datasets.read_index(path).assign(boxes=""))
    assert (len(empty), made_of) == (0, None)


def options(index, attended):
    words = ["--index", str(index), "--attended", str(attended), "--dataset", "leaves", "--method", "aca-s1"]
    return [*words, "--backbone", "small", "--seed", "3", "--output", str(attended.parent / "iou.json")]


@pytest.mark.parametrize("scale", [1.0, 0.5])
def test_the_script_compares_test_images_whatever_the_stored_size(tmp_path, scale):
    index = write_images(tmp_path, "mask")
    attended = write_attended(tmp_path / "seed3" / "attended.csv", index, (20, 10, 40, 40), scale=scale)
    table = pd.read_csv(attended)
    table.loc[table["split"] == "train", ["left", "top"]] = 0  # plays no role
    whole = table["image_id"] == "ash_2"
    table.loc[whole, ["left", "top", "right", "bottom"]] = [scale * side for side in WHOLE]
    table.loc[whole, "share"] = 1.0
    table.to_csv(attended, index=False)
    evaluate_attended.main(evaluate_attended.parse_args(options(index, attended)))
    area = 40 * 30 / (60 * 80)
    found = json.loads((attended.parent / "iou.json").read_text())
    values = [area, *[0.5] * 5]
    assert found == {
        **{"dataset": "leaves", "method": "aca-s1", "backbone": "small", "seed": 3},
        "mean_iou": pytest.approx(np.mean(values)),
        "std_iou": pytest.approx(np.std(values, ddof=1)),
        "mean_iou_whole_image": pytest.approx(area),
        **{"num_images": 6, "truth": "masks", "nothing_attended": 1},
    }


def test_without_any_true_box_the_file_says_so(tmp_path, caplog):
    index = write_images(tmp_path)
    attended = write_attended(tmp_path / "attended.csv", index, SQUARE)
    with caplog.at_level("INFO", "maskguide"):
        evaluate_attended.main(evaluate_attended.parse_args(options(index, attended)))
    assert "no test image has a true box" in caplog.text
    found = json.loads((tmp_path / "iou.json").read_text())
    assert found["truth"] is found["mean_iou"] is found["mean_iou_whole_image"] is None
    assert found["num_images"] == 0
    table = aca.read_attended([tmp_path / "iou.json"])
    assert table["mean_iou"].isna().all()


def test_the_script_refuses_what_it_cannot_compare(tmp_path, root):
    index = write_images(tmp_path, "mask")
    attended = write_attended(tmp_path / "attended.csv", index, SQUARE)
    table = pd.read_csv(attended)
    table[table["image_id"] != "beech_3"].to_csv(attended, index=False)
    command = [sys.executable, "workflow/scripts/evaluate_attended.py", *options(index, attended)]
    done = subprocess.run(command, cwd=root, capture_output=True, text=True)
    assert done.returncode == 2
    assert done.stderr == (
        f"error: {attended}: has no row for the image beech_3; it is of another split, "
        "delete it and run again\n"
    )
    Image.fromarray(np.ones((5, 5), np.uint8)).save(tmp_path / "ash_2_mask.png")
    with pytest.raises(InputError, match=r"ash_2_mask.png: is 5 × 5 pixels, its image 80 × 60"):
        evaluate_attended.main(evaluate_attended.parse_args(options(index, attended)))
    assert not (tmp_path / "iou.json").exists()
