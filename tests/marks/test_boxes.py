"""The box of a mask, YOLO files in pixels, and the table of boxes."""

import numpy as np
import pandas as pd
import pytest
from example_marks import SIZE
from hypothesis import given, settings
from hypothesis import strategies as st
from maskguide.data.boxes import THIN_TRIMMED, Box, box_of_mask, boxes_text, trimmed_of
from maskguide.leaves import synthetic
from maskguide.marks.boxes import read_boxes_table, read_yolo_boxes
from maskguide.marks.shapes import Shape, shapes_to_boxes
from maskguide.system.files import InputError

REGIONS = ["vein", "contour"]


def test_box_of_a_rectangle_and_of_one_pixel():
    mask = np.zeros((20, 30), dtype=bool)
    assert box_of_mask(mask, 0.0) is None
    mask[7, 3] = True
    assert box_of_mask(mask, 0.0) == box_of_mask(mask, 0.15) == (3, 7, 4, 8)
    mask[5:15, 10:25] = True
    mask[7, 3] = False
    assert box_of_mask(mask, 0.0) == (10, 5, 25, 15)


@settings(deadline=None, max_examples=30)
@given(st.integers(0, 1000), st.floats(0, 0.4))
def test_trimmed_box_leaves_out_its_share_at_each_side(seed, trimmed):
    mask = np.random.default_rng(seed).random((40, 60)) < 0.2
    left, top, right, bottom = box_of_mask(mask, trimmed)
    rows, columns = np.nonzero(mask)
    for places, low, high in ((columns, left, right), (rows, top, bottom)):
        one = 1 / len(places)  # quantiles lie between two pixels
        assert (places < low).mean() <= trimmed + one and (places <= low).mean() >= trimmed - one
        assert (places > high - 1).mean() <= trimmed + one and (places >= high - 1).mean() >= trimmed - one


def test_thin_regions_are_known_by_name():
    assert trimmed_of("vein") == trimmed_of("main_vein") == THIN_TRIMMED == 0.15
    assert trimmed_of("contour") == trimmed_of("butterfly") == 0


def test_generated_leaves_have_the_boxes_of_their_masks():
    leaf = synthetic.draw_leaf(synthetic.SPECIES, 128, np.random.default_rng(0))
    for row, mask, trimmed in zip(leaf.boxes, (leaf.labels > 0, leaf.outline), (0.15, 0.0), strict=True):
        _, cx, cy, width, height = row * [1, 128, 128, 128, 128]
        expected = [cx - width / 2, cy - height / 2, cx + width / 2, cy + height / 2]
        np.testing.assert_allclose(box_of_mask(mask, trimmed), expected)


@settings(deadline=None, max_examples=30)
@given(
    st.lists(
        st.tuples(
            st.integers(0, 1), st.floats(0, 39), st.floats(0, 29), st.floats(0.5, 40), st.floats(0.5, 30)
        ),
        max_size=4,
    )
)
def test_boxes_survive_their_file(tmp_path_factory, drawn):
    boxes = [
        Box(region, left, top, min(left + width, 40.0), min(top + height, 30.0))
        for region, left, top, width, height in drawn
    ]
    path = tmp_path_factory.mktemp("boxes") / "leaf.txt"
    path.write_text(boxes_text(boxes, SIZE))
    again = read_yolo_boxes(path, REGIONS, SIZE)
    assert len(again) == len(boxes)
    np.testing.assert_allclose(np.reshape(again, (-1, 5)), np.reshape(boxes, (-1, 5)), atol=1e-4)
    assert all(0 <= box.left < box.right <= 40 and 0 <= box.top < box.bottom <= 30 for box in again)


@pytest.mark.parametrize(
    ("text", "complaint"),
    [
        ("0 0.5 0.5 0.2 0.2\n1 0.9 0.5 0.4 0.1\n", r"line 2: a mark of 'contour' lies outside the image"),
        ("2 0.5 0.5 0.2 0.2\n", "line 1: class 2 is unknown; they are 0 vein, 1 contour"),
        ("-1 0.5 0.5 0.2 0.2\n", "line 1: class -1 is unknown"),
        ("0 0.5 0.5 -0.2 0.2\n", "line 1: width and height must be above 0"),
        ("0 0.5 0.5\n", "line 1 is not 'class cx cy w h'"),
    ],
)
def test_a_bad_line_is_named(tmp_path, text, complaint):
    path = tmp_path / "leaf.txt"
    path.write_text(text)
    with pytest.raises(InputError, match=rf"leaf\.txt: {complaint}") as caught:
        read_yolo_boxes(path, REGIONS, SIZE)
    assert "\n" not in str(caught.value)


def test_boxes_around_every_kind_of_shape():
    def around(kind, points, stencil=None):
        (box,) = shapes_to_boxes("x", [Shape(2, kind, np.array(points, dtype=float), stencil)], SIZE)
        assert box.region == 1
        return box[1:]

    assert around("box", [[20, 15], [5, 2]]) == (5, 2, 20, 15)
    assert around("polygon", [[5, 2], [20, 9], [7, 15]]) == (5, 2, 20, 15)
    assert around("circle", [[10, 10], [13, 14]]) == (5, 5, 15, 15)
    assert around("circle", [[2, 10], [2, 15]]) == (0, 5, 7, 15)  # cut at the edge
    assert around("mask", [[6, 3], [10, 6]], np.ones((4, 5), dtype=bool)) == (6, 3, 11, 7)
    with pytest.raises(InputError, match=r"x: a mark has no area, at \(5, 2\) px"):
        around("line", [[5, 2], [5, 20]])


def write_table(folder, rows):
    (folder / "boxes").mkdir(exist_ok=True)
    (folder / "boxes" / "a.txt").write_text("")
    pd.DataFrame(rows, columns=["image_id", "split", "boxes", "source"]).to_csv(
        folder / "boxes.csv", index=False
    )
    return folder / "boxes.csv"


def test_table_of_boxes(tmp_path):
    path = write_table(
        tmp_path, [("a", "train", "boxes/a.txt", "manual"), ("007", "test", "boxes/a.txt", "masks")]
    )
    table = read_boxes_table(path)
    assert table["image_id"].tolist() == ["a", "007"] and table["source"].tolist() == ["manual", "masks"]
    assert read_yolo_boxes(table["boxes"][0], REGIONS, SIZE) == []


@pytest.mark.parametrize(
    ("rows", "complaint"),
    [
        ([("a", "train", "boxes/b.txt", "manual")], r"b\.txt: is missing, .*boxes\.csv lists it"),
        ([("a", "test", "boxes/a.txt", "manual")], "no row of split train"),
        ([("a", "train", "boxes/a.txt", "manual")] * 2, "names an image twice"),
        ([("a", "train", "boxes/a.txt", "guessed")], "source one of published, masks, manual, automatic"),
        ([("a", "valid", "boxes/a.txt", "manual")], "split must be train or test"),
    ],
)
def test_a_bad_table_is_named(tmp_path, rows, complaint):
    with pytest.raises(InputError, match=complaint):
        read_boxes_table(write_table(tmp_path, rows))


def test_no_table(tmp_path):
    with pytest.raises(InputError, match=r"boxes\.csv: cannot be read as CSV"):
        read_boxes_table(tmp_path / "boxes.csv")
    (tmp_path / "boxes.csv").write_text("image_id,split\n")
    with pytest.raises(InputError, match="column boxes is missing"):
        read_boxes_table(tmp_path / "boxes.csv")
