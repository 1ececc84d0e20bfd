import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from maskguide.detect import detection_metrics, detectors
from maskguide.detect.detections import COLUMNS

REGIONS = ["vein", "contour"]


@pytest.fixture(scope="module", autouse=True)
def private(tmp_path_factory):
    with detectors.private_settings(tmp_path_factory.mktemp("settings")):
        yield


def table(*rows):
    return pd.DataFrame(rows, columns=COLUMNS)


def test_overlap_by_hand():
    first = np.array([[0, 0, 10, 10], [20, 20, 30, 30]], dtype=float)
    second = np.array([[0, 0, 10, 10], [5, 0, 15, 10], [40, 40, 50, 50]], dtype=float)
    np.testing.assert_allclose(detection_metrics.overlaps(first, second), [[1, 50 / 150, 0], [0, 0, 0]])


corner = st.floats(0, 100)
box = st.tuples(corner, corner, st.floats(1, 50), st.floats(1, 50))


@settings(max_examples=50)
@given(st.lists(box, min_size=1, max_size=4), st.lists(box, min_size=1, max_size=4))
def test_overlap_counts_pixels_of_a_fine_grid(first, second):
    """Against counting the points of a grid in each box."""
    points = np.stack(np.meshgrid(np.linspace(0, 150, 301), np.linspace(0, 150, 301)), axis=-1)
    corners = [np.array([(x, y, x + w, y + h) for x, y, w, h in boxes]) for boxes in (first, second)]

    def inside(one):
        return ((points >= one[:2]) & (points < one[2:])).all(axis=-1)

    found = detection_metrics.overlaps(*corners)
    for i, one in enumerate(corners[0]):
        for j, other in enumerate(corners[1]):
            union = (inside(one) | inside(other)).sum()
            if union > 2000:
                assert found[i, j] == pytest.approx((inside(one) & inside(other)).sum() / union, abs=0.05)


def test_a_true_box_is_found_once_by_the_most_confident():
    iou = np.array([[0.9, 0.0], [0.95, 0.0], [0.0, 0.6]])
    counted = detection_metrics.hits(iou)
    assert counted[:, 0].tolist() == [True, False, True]
    assert counted[2].tolist() == [True, True, True, *[False] * 7]  # at IoU 0.5, 0.55, 0.6
    assert not detection_metrics.hits(np.zeros((2, 0))).any()


def test_average_precision_of_a_ranking_worked_out_by_hand():
    truth = {name: [(0, 0.0, 0.0, 10.0, 10.0)] for name in "abcd"} | {"e": []}
    detections = table(
        ("a", "vein", 0, 0, 10, 10, 0.9),  # right
        ("e", "vein", 0, 0, 10, 10, 0.8),  # wrong: nothing is there
        ("b", "vein", 0, 0, 10, 9, 0.7),  # right up to IoU 0.9
        ("c", "vein", 0, 0, 10, 4, 0.6),  # wrong: IoU 0.4
        ("z", "vein", 0, 0, 10, 10, 0.99),  # of an image without known truth: does not count
    )
    found = detection_metrics.by_region(detections, truth, REGIONS)
    # precision 1 up to recall 1/4, then 2/3 (the envelope) up to 2/4, then nothing more is found
    assert found["vein"]["map50"] == pytest.approx(100 * (0.25 * 1 + 0.25 * 2 / 3), abs=1.5)
    assert found["vein"]["num_boxes"] == 4
    assert found["contour"] == {**dict.fromkeys(detection_metrics.MEASURES), "num_boxes": 0}
    means = detection_metrics.means(found)
    assert means["map50"] == found["vein"]["map50"]
    assert detection_metrics.means({"contour": found["contour"]})["map50"] is None


def test_perfect_and_absent_detections():
    truth = {name: [(1, 5.0, 5.0, 20.0, 25.0)] for name in "abc"}
    perfect = table(*[(name, "contour", 5, 5, 20, 25, 0.5) for name in "abc"])
    found = detection_metrics.by_region(perfect, truth, REGIONS)["contour"]
    assert all(found[measure] == pytest.approx(100, abs=0.6) for measure in detection_metrics.MEASURES)
    nothing = detection_metrics.by_region(perfect.iloc[:0], truth, REGIONS)["contour"]
    assert all(nothing[measure] == 0 for measure in detection_metrics.MEASURES)


def test_images_without_a_sure_detection_are_listed():
    index = pd.DataFrame({"image_id": ["a", "b", "c"], "split": ["train", "train", "test"]})
    detections = table(("a", "vein", 0, 0, 1, 1, 0.3), ("b", "vein", 0, 0, 1, 1, 0.2))
    missing = detection_metrics.missing(index, detections, REGIONS, 0.25)
    assert missing["vein", "train"] == ["b"] and missing["vein", "test"] == ["c"]
    assert missing["contour", "train"] == ["a", "b"]
