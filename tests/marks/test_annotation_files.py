"""Readers and painters of marks: every format, every kind of bad mark, the contact sheets."""

import json

import numpy as np
import pytest
from example_marks import CLASSES, SIZE, imported, labelme, save_mask
from hypothesis import given, settings
from hypothesis import strategies as st
from maskguide.marks.parsed import shapes_of
from maskguide.marks.shapes import Shape, paint, yolo_text
from maskguide.marks.yolo import read_yolo
from maskguide.system.files import InputError


def colour_mask():
    return np.random.default_rng(1).integers(0, 2, (*SIZE, 3), dtype=np.uint8)


@pytest.mark.parametrize(
    ("name", "content", "complaint"),
    [
        ("leaf.0.png", np.ones((30, 41), dtype=np.uint8), "leaf.0.png: is 41 × 30 pixels, its image 40 × 30"),
        ("leaf.0.png", np.full(SIZE, 3, dtype=np.uint8), "the grey levels 0, 1, 3: not backgr"),
        ("leaf.0.png", np.full(SIZE, 255, dtype=np.uint8), "levels 0, 1, 255: not backgr"),
        ("leaf.0.png", colour_mask(), "leaf.0.png: holds the colours .*, but .*leaf.2.png "),
        ("leaf.0.png", np.zeros(SIZE, dtype=np.uint8), "leaf.0.png: the mark of leaf.0 is empty"),
        ("leaf.0.png", b"no image", "leaf.0.png: does not decode"),
        ("leaf.0.json", {"shapes": None}, "leaf.0.json: is no LabelMe file"),
        ("leaf.0.json", b"{", "leaf.0.json: cannot be read as JSON"),
        ("leaf.0.json", labelme([("vien", "polygon", [[1, 1], [5, 1], [5, 5]])]), "label 'vien' is unknown"),
        ("leaf.0.json", labelme([("main_vein", "point", [[1, 1]])]), "shape type 'point' .* is not read"),
        ("leaf.0.json", labelme([("main_vein", "polygon", [[1, 1], [5, 5]])]), "has 2 points; it needs 3"),
        ("leaf.0.json", labelme([("main_vein", "polygon", [[1, 1], [50, 1], [5, 5]])]), "outside the image"),
        ("leaf.0.json", labelme([("main_vein", "polygon", [[1, "a"]])]), "no list of points"),
        (
            "leaf.0.json",
            labelme([("main_vein", "mask", [[1, 1], [2, 2]])]),
            "mask of 'main_vein' cannot",
        ),
        (
            "leaf.0.json",
            labelme([("main_vein", "line", [[1, 1], [2, 2]])], imageHeight=9, imageWidth=9),
            "leaf.0.json: is 9 × 9 pixels, its image 40 × 30",
        ),
        ("leaf.0.json", labelme([("main_vein", "polygon", [[1, 1]] * 3)]), "the mark of leaf.0 is empty"),
        ("leaf.0.txt", b"", "leaf.0.txt: holds no box"),
        ("leaf.0.txt", b"0 0.5 0.5 0.1", "line 1 is not 'class cx cy w h'"),
        ("leaf.0.txt", b"\n2 0.5 0.5 0.1 0.1", "line 2: class 2 is unknown"),
        ("leaf.0.txt", b"0 0.9 0.5 0.4 0.1", "leaf.0.txt: line 1: a mark of 'main_vein' lies outside the"),
        ("leaf.0.txt", b"0 0.5 0.5 0 0.1", "line 1: width and height must be above 0"),
        ("leaf.0.txt", b"0 nan 0.5 0.4 0.1", "outside the image"),
        ("leaf.0.txt", b"\xff\xfe", "leaf.0.txt: is no UTF-8 but UTF-16; save it as UTF-8"),
        ("leaf.0.json", '{"label": "叶脉"}'.encode("gbk"), "leaf.0.json: is no UTF-8 .* save it as UTF-8"),
        ("coco.json", {"annotations": []}, "coco.json: is no COCO file"),
        (
            "sub/leaf.1.png",
            np.ones(SIZE, dtype=np.uint8),
            r"sub/leaf\.1\.png: marks 'main_vein' in leaf\.1 otherwise than .*by_hand/leaf\.1\.png; move",
        ),
    ],
)
def test_a_bad_mark_is_named(dataset, chosen, tmp_path, name, content, complaint):
    marks = tmp_path / "by_hand"
    (marks / "sub").mkdir(parents=True)
    for number in range(4):
        save_mask(marks / f"leaf.{number}.png")
    if not name.startswith(("coco", "sub")):
        (marks / "leaf.0.png").unlink()
    if isinstance(content, np.ndarray):
        save_mask(marks / name, content)
    else:
        (marks / name).write_bytes(content if isinstance(content, bytes) else json.dumps(content).encode())
    with pytest.raises(InputError, match=complaint) as error:
        imported(dataset, chosen, "manual", "--marks", str(marks))
    assert "\n" not in str(error.value)
    assert sorted(path.name for path in chosen.parent.iterdir()) == ["chosen.csv"]


def test_paint_by_hand():
    def painted(kind, points, width=3):
        return paint([Shape(1, kind, np.array(points, dtype=float))], (12, 12), width)

    inside = painted("polygon", [[2, 3], [8, 3], [8, 9], [2, 9]])
    assert inside[3:9, 2:8].all() and inside.sum() == 36
    assert (painted("box", [[8, 9], [2, 3]]) == inside).all()
    assert painted("polygon", [[0, 0], [12, 0], [12, 12], [0, 12]]).all()
    assert painted("box", [[5.2, 5.2], [5.3, 5.3]]).sum() == 1
    line = painted("line", [[2, 6.5], [10, 6.5]])
    assert line[5:8, 3:9].all() and set(np.nonzero(line)[0]) == {5, 6, 7}
    y, x = np.mgrid[:12, :12] + 0.5
    truth = np.hypot(y - 6, x - 6) < 4
    assert (painted("circle", [[6, 6], [10, 6]]) == truth).all()


def test_later_shapes_cover_earlier():
    box = Shape(1, "box", np.array([[0.0, 0.0], [10.0, 10.0]]))
    other = Shape(2, "box", np.array([[3.0, 3.0], [6.0, 6.0]]))
    assert (paint([box, other], (10, 10), 1) == 2).sum() == 9
    assert (paint([other, box], (10, 10), 1) == 1).all()
    assert yolo_text([box, other], (10, 10)).splitlines() == [
        "0 0.500000 0.500000 1.000000 1.000000",
        "1 0.450000 0.450000 0.300000 0.300000",
    ]


@settings(deadline=None)
@given(st.integers(0, 38), st.integers(0, 28), st.integers(1, 40), st.integers(1, 30), st.integers(1, 2))
def test_boxes_survive_yolo(tmp_path_factory, left, top, width, height, label):
    right, bottom = min(left + width, 40), min(top + height, 30)
    box = Shape(label, "box", np.array([[left, top], [right, bottom]], dtype=float))
    path = tmp_path_factory.mktemp("yolo") / "box.txt"
    path.write_text(yolo_text([box], SIZE))
    (again,) = shapes_of(read_yolo(path, CLASSES), CLASSES, SIZE)
    np.testing.assert_allclose(again.points, box.points, atol=1e-4)
    expected = np.zeros(SIZE, dtype=np.uint8)
    expected[top:bottom, left:right] = label
    assert (paint([again], SIZE, 1) == expected).all()
