"""The same marks out of every annotation program become the same masks and the same boxes."""

import example_boxes
import numpy as np
import pytest
from example_exports import BOXES, EXPORTS, FIRST, SECOND, labels
from example_marks import CLASSES, choose_all, imported, write_dataset

MASKS_ALONE = ("cvat-coloured",)


@pytest.fixture
def dataset(tmp_path):
    return write_dataset(tmp_path)


@pytest.fixture
def chosen(dataset, tmp_path):
    return choose_all(dataset, tmp_path / "annotate" / "chosen.csv")


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
