"""Confidence that comes true: the temperature, its bounds, and what is unlike the training images."""

import json

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from maskguide.deploy import calibration
from maskguide.system.files import InputError


def softmax(logits):
    powers = np.exp(logits - logits.max(axis=1, keepdims=True))
    return powers / powers.sum(axis=1, keepdims=True)


@given(st.floats(0.1, 10), st.integers(0, 2**32 - 1))
def test_tempered_is_the_softmax_of_logits_divided_by_the_temperature(temperature, seed):
    logits = np.random.default_rng(seed).normal(size=(6, 4))
    expected = softmax(logits / temperature)
    np.testing.assert_allclose(calibration.tempered(softmax(logits), temperature), expected, atol=1e-10)


def test_zeros_among_probabilities_do_no_harm():
    found = calibration.tempered(np.array([[1.0, 0.0, 0.0]]), 2.0)
    assert np.isfinite(found).all() and found[0, 0] > 0.99


@pytest.mark.parametrize("overconfident", [0.5, 3.0])
def test_the_temperature_that_made_the_answers_is_found(overconfident):
    """Labels drawn from softmax(logits), answers given as softmax(logits · c): T = c."""
    rng = np.random.default_rng(0)
    logits = 1.5 * rng.normal(size=(20_000, 5))
    honest = softmax(logits)
    labels = (honest.cumsum(axis=1) > rng.random((len(honest), 1))).argmax(axis=1)
    found = calibration.fitted_temperature(softmax(overconfident * logits), labels)
    assert found == pytest.approx(overconfident, rel=0.05)
    confidence = calibration.tempered(softmax(overconfident * logits), found).max(axis=1).mean()
    assert confidence == pytest.approx((honest.argmax(axis=1) == labels).mean(), abs=0.01)


def test_nine_right_answers_do_not_make_certainty():
    """Platt's targets: of nine images and three classes, no more than 10 in 12."""
    sure = np.full((9, 3), 1e-9) + np.eye(3)[np.arange(9) % 3]
    temperature = calibration.fitted_temperature(sure / sure.sum(axis=1, keepdims=True), np.arange(9) % 3)
    assert calibration.tempered(sure, temperature).max(axis=1).mean() == pytest.approx(10 / 12, abs=0.01)


def test_distances_are_those_of_the_nearest_by_angle_and_averaged_over_seeds():
    known = np.array([[[1.0, 0.0], [0.0, 2.0]], [[1.0, 0.0], [1.0, 0.0]]])
    asked = np.array([[[0.0, 5.0]], [[0.0, 3.0]]])
    np.testing.assert_allclose(calibration.distances(asked, known), [(0 + 1) / 2], atol=1e-6)


def test_what_is_written_counts_familiar_images():
    probabilities = np.array([[0.9, 0.1]] * 20)
    away = np.arange(20) / 100
    said = calibration.fitted(probabilities, np.zeros(20, int), away, ["a", "b"])
    assert (away <= said["unlike_above"]).mean() >= calibration.FAMILIAR
    assert said["top1"] == 100 and said["images"] == 20 and said["confidence_before"] == pytest.approx(90)


def test_a_run_that_was_not_calibrated_has_none(tmp_path):
    assert calibration.read(tmp_path, ["a", "b"]) is None


def test_a_calibration_of_other_classes_is_refused(tmp_path):
    (tmp_path / calibration.CALIBRATION).write_text(json.dumps({"classes": ["a", "c"]}))
    with pytest.raises(InputError, match="of other classes than the run; calibrate it again"):
        calibration.read(tmp_path, ["a", "b"])
