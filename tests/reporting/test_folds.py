"""The test over folds of repeated cross-validation: numbers by hand, properties, rate of false verdicts."""

import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from maskguide.reporting.folds import fold_test, fold_tests
from scipy import stats

BENCH = Path(__file__).parents[2] / "bench" / "fold_rates.py"
SHARES = st.lists(st.floats(-1, 1, width=32), min_size=2, max_size=30)


def test_it_is_students_t_with_the_error_of_nadeau_and_bengio():
    differences = np.array([0.02, 0.05, -0.01, 0.04, 0.03, 0.00, 0.06, 0.02, 0.01, 0.05])
    found = fold_test(differences, 1 / 5)
    plain = stats.ttest_1samp(differences, 0)
    t = plain.statistic * np.sqrt(0.1 / (0.1 + 0.25))  # a fifth tests what four fifths taught
    assert found.p == pytest.approx(2 * stats.t.sf(t, 9))
    assert found.difference == pytest.approx(2.7)
    error = 100 * differences.std(ddof=1) * np.sqrt(0.1 + 0.25)
    assert found.high - found.difference == pytest.approx(stats.t.ppf(0.975, 9) * error)
    assert found.detectable == pytest.approx((stats.t.ppf(0.975, 9) + stats.t.ppf(0.8, 9)) * error)
    assert (found.degrees_of_freedom, found.replicates) == (9, 10)
    assert np.isnan(found.replicates_for_2)


@given(SHARES, st.integers(2, 10))
def test_it_is_more_careful_than_if_folds_were_independent(values, folds):
    found = fold_test(values, 1 / folds)
    plain = stats.ttest_1samp(values, 0).pvalue if np.std(values) > 1e-6 else found.p
    assert found.p >= plain - 1e-9
    assert found.low <= found.difference + 1e-12 and found.difference <= found.high + 1e-12


@given(SHARES)
def test_what_is_turned_round_has_the_other_sign_and_the_same_p(values):
    one, other = fold_test(values, 0.2), fold_test([-each for each in values], 0.2)
    assert (one.difference, one.p) == pytest.approx((-other.difference, other.p))


def test_many_experiments_at_once_are_each_its_own():
    many = np.random.default_rng(0).normal(size=(6, 20))
    mean, _, p = fold_tests(many, 0.2)
    for number, each in enumerate(many):
        found = fold_test(each, 0.2)
        assert (100 * mean[number], p[number]) == pytest.approx((found.difference, found.p))


def test_folds_without_any_difference_say_so():
    found = fold_test(np.zeros(5), 0.2)
    assert (found.p, found.difference) == (1, 0)
    assert np.isnan(found.detectable)


@pytest.mark.parametrize("values", [[0.1], np.zeros((2, 3))])
def test_what_is_no_list_of_folds_is_refused(values):
    with pytest.raises(ValueError, match="differences"):
        fold_test(values, 0.2)


def test_simulated_experiments_without_a_difference_get_few_verdicts():
    words = [sys.executable, str(BENCH), "--experiments", "300", "--images", "96"]
    done = subprocess.run(words, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    rows = [line.split() for line in done.stdout.splitlines() if line.strip()[:2] == "96"]
    assert len(rows) == 8
    false, before = (np.array([float(row[place]) for row in rows]) for place in (4, 5))
    assert false.mean() < 7 < before.mean()
