"""Classifiers of frozen features, and their folds."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from maskguide.learning import probes
from maskguide.plan.places import ROWS
from maskguide.system.files import InputError

CLASSES = np.repeat(np.arange(3), 12)


@settings(deadline=None)
@given(st.integers(2, 6), st.integers(1, 3), st.integers(0, 1000))
def test_each_image_is_tested_once_in_each_repeat_but_those_that_always_train(folds, repeats, seed):
    kept = np.random.default_rng(seed).random(len(CLASSES)) < 0.3
    kept[[0, 1, 2, 3, 4, 5, 12, 13, 14, 15, 16, 17, 24, 25, 26, 27, 28, 29]] = False
    parts = list(probes.folds_of(CLASSES, folds, repeats, kept=kept))
    assert len(parts) == folds * repeats
    for repeat in range(1, repeats + 1):
        tested = sum(test.astype(int) for number, _, test in parts if number == repeat)
        assert (tested == ~kept).all()
    for _, _, test in parts:
        assert set(CLASSES[test]) == {0, 1, 2}


def test_images_of_one_group_stay_together_and_with_what_always_trains():
    groups = np.array([f"plant{number // 2}" for number in range(len(CLASSES))])
    kept = np.zeros(len(CLASSES), bool)
    kept[0] = True
    for _, _, test in probes.folds_of(CLASSES, 3, 2, groups, kept):
        assert not set(groups[test]) & set(groups[~test])
        assert not test[:2].any()  # its sister grew on the same plant


def test_repeats_draw_anew_and_the_same_each_time():
    one, again = (list(probes.folds_of(CLASSES, 3, 2)) for _ in range(2))
    assert all((a[2] == b[2]).all() for a, b in zip(one, again, strict=True))
    assert any((a[2] != b[2]).any() for a, b in zip(one[:3], one[3:], strict=True))


@pytest.mark.parametrize("groups", [None, np.repeat(np.arange(9), 4)])
def test_a_class_of_fewer_images_or_groups_than_folds_is_refused(groups):
    with pytest.raises(InputError, match="fewer than 20 folds"):
        list(probes.folds_of(CLASSES, 20, 1, groups))


def test_classifiers_tell_what_the_features_tell_and_no_more():
    rng = np.random.default_rng(0)
    features = rng.normal(size=(90, 3, 8)).astype(np.float32)
    classes = np.arange(90) % 3
    features[np.arange(90), 1, classes] += 6  # inside alone tells the class
    train = np.arange(90) < 60
    right = {
        name: (probes.answers(features, classes, train, name) == classes)[~train].mean() for name in ROWS
    }
    assert right["probe-inside"] > 0.9 and right["probe-both"] > 0.9
    assert max(right["probe"], right["probe-outside"], right["knn"]) < 0.6


def test_without_an_inside_the_whole_image_stands_for_it():
    features = np.ones((2, 3, 4), np.float32)
    features[0, 0], features[0, 1:] = 5, np.nan
    assert (probes.seen(features, "probe-both")[0] == 5).all()
    assert np.isfinite(probes.seen(features, "probe-inside")).all()
