"""A published box in pixels becomes a YOLO file that means the same pixels."""

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from maskguide.data import object_boxes
from maskguide.data.layout_files import Entry
from maskguide.marks.boxes import read_yolo_boxes
from maskguide.system.files import InputError

SIDE = st.integers(1, 500)


def entry(image_id, corners):
    return Entry(image_id, Path(f"{image_id}.jpg"), "a", corners=corners)


def test_boxes_are_written_and_cut(tmp_path, caplog):
    caplog.set_level("INFO")
    boxes = [(10, 5, 30, 20), None, (-1, 0, 40, 30.5), (0, 0, 43, 30)]
    entries = [entry(f"i{number}", corners) for number, corners in enumerate(boxes)]
    written = object_boxes.write_boxes(entries, [(40, 30)] * 4, tmp_path / "boxes")
    assert written[1].boxes is None
    found = [read_yolo_boxes(each.boxes, ["bird"], (30, 40)) for each in written if each.boxes]
    expected = [(0, 10, 5, 30, 20), (0, 0, 0, 40, 30), (0, 0, 0, 40, 30)]
    assert [tuple(box) for [box] in found] == [pytest.approx(box, abs=1e-3) for box in expected]
    assert "boxes cut at their image's edge: 2, at most by 3 px (i3.jpg)" in caplog.text


@pytest.mark.parametrize(
    ("corners", "complaint"),
    [
        ((50, 5, 60, 20), r"a\.jpg: its published box .* lies outside of its 40×30 pixels"),
        ((30, 5, 60, 20), "lies outside"),
        ((10, 20, 30, 20), "is empty"),
        ((30, 5, 10, 20), "is empty"),
    ],
)
def test_a_box_of_another_image_is_refused(tmp_path, corners, complaint):
    with pytest.raises(InputError, match=complaint):
        object_boxes.write_boxes([entry("a", corners)], [(40, 30)], tmp_path / "boxes")


@given(SIDE, SIDE, st.data())
def test_a_cut_box_lies_in_its_image(width, height, data):
    left, right = sorted(data.draw(st.tuples(*[st.integers(-3, width + 3)] * 2)))
    top, bottom = sorted(data.draw(st.tuples(*[st.integers(-3, height + 3)] * 2)))
    try:
        inside, excess = object_boxes.cut((left, top, right, bottom), (width, height), "a")
    except InputError:
        columns = len(set(range(left, right)) & set(range(width)))
        rows = len(set(range(top, bottom)) & set(range(height)))
        assert columns * rows < 0.5 * (right - left) * (bottom - top) or left == right or top == bottom
        return
    assert set(range(inside[0], inside[2])) == set(range(left, right)) & set(range(width))
    assert set(range(inside[1], inside[3])) == set(range(top, bottom)) & set(range(height))
    assert 0 <= excess <= 3
