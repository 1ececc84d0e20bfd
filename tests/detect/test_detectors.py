"""Detectors by name, their weights, and what they find."""

import fetch_detector_weights
import numpy as np
import pandas as pd
import pytest
import torch
from maskguide.detect import detections, detectors
from maskguide.system.files import InputError


@pytest.fixture(scope="module", autouse=True)
def private(tmp_path_factory):
    with detectors.private_settings(tmp_path_factory.mktemp("settings")):
        yield


@pytest.fixture(scope="module")
def network():
    torch.manual_seed(0)
    return detectors.create("yolov5n", 2)


@pytest.mark.parametrize(
    "name", ["yolov99n", "yolov5", "resnet18", "yolov5n.pt", "../yolov5n", "yolov8n-seg", "yolov8n-world", ""]
)
def test_unknown_detectors_are_refused(name):
    with pytest.raises(
        InputError, match=r"ultralytics has no such YOLO detector; choose one such as yolov5n"
    ):
        detectors.create(name, 2)


def test_pillow_stays_as_it_is(tmp_path):
    """ultralytics replaces Pillow's reader, which then asks for a package where a file is broken."""
    from maskguide.data.masks import read_image

    (tmp_path / "broken.png").write_bytes(b"no picture")
    detectors.create("yolov5n", 1)
    with pytest.raises(InputError, match=r"broken\.png: does not decode as an image"):
        read_image(tmp_path / "broken.png")


@pytest.mark.parametrize("name", ["yolov8n", "yolo11n", "yolov10n"])
def test_others_of_the_family_detect_too(name):
    """Also those whose head needs no non-maximum suppression."""
    detector = detectors.Detector(detectors.create(name, 3), name, ("a", "b", "c"), 64)
    found = detectors.detect(detector, np.full((40, 60, 3), 90, dtype=np.uint8))
    assert found.shape[1] == 6 and set(found[:, 5]) <= {0, 1, 2}


def test_boxes_lie_inside_the_image_the_surest_first(network):
    detector = detectors.Detector(network, "yolov5n", ("vein", "contour"), 96)
    image = np.random.default_rng(0).integers(0, 255, (50, 83, 3), dtype=np.uint8)
    found = detectors.detect(detector, image)
    assert 0 < len(found) <= detectors.MOST_DETECTIONS
    assert (np.diff(found[:, 4]) <= 0).all()
    assert (found[:, :4] >= 0).all() and (found[:, [0, 2]] <= 83).all() and (found[:, [1, 3]] <= 50).all()


def test_what_is_saved_is_read_back(network, tmp_path):
    detector = detectors.Detector(network.eval(), "yolov5n", ("vein", "contour"), 96)
    detectors.save(tmp_path / "model.pt", detector)
    again = detectors.load(tmp_path / "model.pt")
    assert (again.architecture, again.regions, again.image_size) == ("yolov5n", ("vein", "contour"), 96)
    image = np.random.default_rng(1).integers(0, 255, (64, 64, 3), dtype=np.uint8)
    np.testing.assert_array_equal(detectors.detect(again, image), detectors.detect(detector, image))


def test_a_file_that_is_no_detector_is_named(tmp_path):
    torch.save({"regions": ["vein"]}, tmp_path / "model.pt")
    with pytest.raises(InputError, match=r"model\.pt: is no trained detector"):
        detectors.load(tmp_path / "model.pt")


def test_what_matches_of_other_weights_is_loaded(tmp_path, caplog):
    """From a detector of 80 classes: everything but the layers that know the classes."""
    torch.manual_seed(1)
    source = detectors.create("yolov5n", 80).state_dict()
    torch.save(dict(source), tmp_path / "weights.pth")
    model = detectors.create("yolov5n", 2)
    own = model.state_dict()
    expected = [name for name in own if own[name].shape == source[name].shape]
    with caplog.at_level("INFO", "maskguide"):
        assert detectors.load_matching(model, tmp_path / "weights.pth") == (len(expected), len(own))
    assert f"{len(expected)} of the detector's {len(own)} tensors loaded" in caplog.text
    assert 0.7 * len(own) < len(expected) < len(own)
    assert all(torch.equal(model.state_dict()[name], source[name]) for name in expected)
    torch.save({"conv.weight": torch.zeros(1)}, tmp_path / "other.pth")
    with pytest.raises(InputError, match=r"other\.pth: none of its 1 tensors fits"):
        detectors.load_matching(model, tmp_path / "other.pth")


def test_the_shared_coco_weights_fit(shared, network):
    matched, total = detectors.load_matching(
        detectors.create("yolov5n", 2), shared / "weights/yolov5n_coco.pth"
    )
    assert (matched, total) == (342, 427)


def test_published_weights_become_a_plain_state_dict(tmp_path):
    """ultralytics publishes whole pickled networks: here one that its own trainer's format holds."""
    network = detectors.create("yolov5n", 80)
    torch.save({"model": network.half(), "ema": None}, tmp_path / "yolov5nu.pt")
    fetch_detector_weights.convert(tmp_path / "yolov5nu.pt", "yolov5n", tmp_path / "weights.pth")
    state = torch.load(tmp_path / "weights.pth", weights_only=True)
    assert all(torch.equal(value, network.state_dict()[name].float()) for name, value in state.items())


class Malicious:
    def __reduce__(self):
        return (eval, ("open('HACKED', 'w').close()",))


def test_code_in_published_weights_does_not_run(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    torch.save({"model": Malicious()}, tmp_path / "yolov5nu.pt")
    with pytest.raises(InputError, match=r"yolov5nu\.pt: holds no network of ultralytics"):
        fetch_detector_weights.convert(tmp_path / "yolov5nu.pt", "yolov5n", tmp_path / "weights.pth")
    assert not (tmp_path / "HACKED").exists() and not (tmp_path / "weights.pth").exists()


def test_where_published_weights_lie():
    assert fetch_detector_weights.weights_url("yolov5n").endswith("/yolov5nu.pt")
    assert fetch_detector_weights.weights_url("yolo11s").endswith("/yolo11s.pt")


def test_boxes_in_use():
    rows = [
        ("a", "vein", 0, 0, 5, 5, 0.9),
        ("a", "vein", 1, 1, 6, 6, 0.5),
        ("a", "contour", 0, 0, 9, 9, 0.8),
        ("b", "vein", 2, 2, 7, 7, 0.1),
    ]
    table = pd.DataFrame(rows, columns=detections.COLUMNS)
    assert detections.above(table, "vein", 0.25, best_only=True) == {"a": [(0, 0, 5, 5)]}
    assert detections.above(table, "vein", 0.25, best_only=False) == {"a": [(0, 0, 5, 5), (1, 1, 6, 6)]}
    assert detections.above(table, "vein", 0.05, best_only=True).keys() == {"a", "b"}
