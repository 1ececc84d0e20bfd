"""The same marks out of every annotation program become the same masks and the same boxes."""

import example_boxes
import numpy as np
import pytest
from example_exports import BOXES, EXPORTS, FIRST, SECOND, labels, write
from example_marks import CLASSES, SIZE, imported
from maskguide.data.datasets import read_index
from maskguide.marks.mark_folder import MarkFolder
from maskguide.marks.shapes import paint

MASKS_ALONE = ("cvat-coloured",)


def cvat(shape):
    head = '<annotations><image id="0" name="leaf.0.png" width="40" height="30">'
    return "a.xml", f"{head}{shape}</image></annotations>"


def via(**shape):
    regions = [{"shape_attributes": shape, "region_attributes": {"part": FIRST}}]
    return "a.json", {"a": {"filename": "leaf.0.png", "regions": regions}}


def label_studio(kind, **value):
    mark = {"type": kind, "original_width": 40, "original_height": 30, "value": value | {kind: [FIRST]}}
    return "a.json", [{"id": 1, "data": {"image": "leaf.0.png"}, "annotations": [{"result": [mark]}]}]


TALL = (slice(5, 25), slice(15, 25))  # rows, columns
ELLIPSE = ((np.mgrid[:30, :40] + 0.5 - np.reshape([15, 20], (2, 1, 1))) / np.reshape([8, 12], (2, 1, 1))) ** 2


@pytest.mark.parametrize(
    ("name", "content", "region"),
    [
        (*cvat(f'<box label="{FIRST}" xtl="10" ytl="10" xbr="30" ybr="20" rotation="90.0"/>'), TALL),
        (*cvat(f'<ellipse label="{FIRST}" cx="20" cy="15" rx="12" ry="8"/>'), ELLIPSE),
        (*cvat(f'<ellipse label="{FIRST}" cx="20" cy="15" rx="8" ry="12" rotation="90"/>'), ELLIPSE),
        (*via(name="ellipse", cx=20, cy=15, rx=8, ry=12, theta=np.pi / 2), ELLIPSE),
        (*via(name="ellipse", cx=20, cy=15, rx=12, ry=8), ELLIPSE),
        (*label_studio("ellipselabels", x=50, y=50, radiusX=30, radiusY=80 / 3, rotation=0), ELLIPSE),
        (*label_studio("rectanglelabels", x=62.5, y=50 / 3, width=50, height=100 / 3, rotation=90), TALL),
    ],
)
def test_turned_and_round_shapes(dataset, tmp_path, name, content, region):
    """Against the regions by their equations; an ellipse as a polygon may miss a pixel of its edge."""
    write(tmp_path / "by_hand", name, content)
    index = read_index(dataset)
    found = MarkFolder(tmp_path / "by_hand", index[index["image_id"] == "leaf.0"], index, CLASSES)
    expected = np.zeros(SIZE, dtype=np.uint8)
    if isinstance(region, tuple):
        expected[region] = 1
    else:
        expected[region.sum(axis=0) < 1] = 1
    painted = paint(found.sources["leaf.0"][0].shapes, SIZE, 1)
    assert (painted != expected).sum() <= (0 if isinstance(region, tuple) else 6)


def test_higher_shapes_of_cvat_cover_lower_ones(dataset, tmp_path):
    boxes = [(SECOND, 1, 0, 0, 20, 20), (FIRST, 0, 10, 10, 30, 30)]
    shapes = "".join(
        f'<box label="{name}" z_order="{z}" xtl="{a}" ytl="{b}" xbr="{c}" ybr="{d}"/>'
        for name, z, a, b, c, d in boxes
    )
    write(tmp_path / "by_hand", *cvat(shapes))
    index = read_index(dataset)
    found = MarkFolder(tmp_path / "by_hand", index[index["image_id"] == "leaf.0"], index, CLASSES)
    painted = paint(found.sources["leaf.0"][0].shapes, SIZE, 1)
    assert (painted == 2).sum() == 400 and (painted == 1).sum() == 400 - 100


@pytest.mark.parametrize("program", EXPORTS)
def test_every_program_gives_the_same_masks_and_boxes(program, dataset, chosen, tmp_path):
    marks = tmp_path / "by_hand"
    EXPORTS[program](marks)
    rows, masks = imported(dataset, chosen, "manual", "--marks", str(marks))
    for mask in masks.values():
        np.testing.assert_array_equal(mask, labels())
    if program in MASKS_ALONE:
        return
    regions = {"regions": CLASSES, "made_of": {FIRST: [], SECOND: []}}
    _, boxes = example_boxes.imported(dataset, chosen, "manual", "--marks", str(marks), **regions)
    assert all(sorted(boxes[image_id]) == BOXES for image_id in rows["image_id"])
