"""The paired bootstrap against loops, a closed form, and a simulation where nothing differs."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp
from maskguide.reporting.statistics import paired_bootstrap


def drawn_answers(seeds: int, images: int, accuracy_a: float, accuracy_b: float, seed: int = 0):
    generator = np.random.default_rng(seed)
    return generator.random((seeds, images)) < accuracy_a, generator.random((seeds, images)) < accuracy_b


def loop_bootstrap(a: np.ndarray, b: np.ndarray, resamples: int, drawn_seeds: int) -> tuple[float, float]:
    """The same interval by drawing indices one resample at a time."""
    generator = np.random.default_rng(123)
    averages = []
    for _ in range(resamples):
        rows = generator.integers(0, a.shape[0], drawn_seeds)
        columns = generator.integers(0, a.shape[1], a.shape[1])
        chosen = np.ix_(rows, columns)
        averages.append(100 * (a[chosen].mean() - b[chosen].mean()))
    return tuple(np.percentile(averages, [2.5, 97.5]))


@pytest.mark.parametrize(("seeds", "drawn"), [(1, 1), (2, 1), (3, 2), (5, 4)])
def test_interval_agrees_with_resampling_by_loops(seeds, drawn):
    a, b = drawn_answers(seeds, 60, 0.85, 0.7)
    result = paired_bootstrap(a, b)
    low, high = loop_bootstrap(a, b, 4000, drawn)
    assert result.difference == pytest.approx(100 * (a.mean() - b.mean()))
    assert result.low == pytest.approx(low, abs=1.7)
    assert result.high == pytest.approx(high, abs=1.7)
    assert (result.seeds, result.images) == (seeds, 60)


def test_one_seed_agrees_with_the_normal_approximation():
    a, b = drawn_answers(1, 2000, 0.8, 0.75)
    result = paired_bootstrap(a, b)
    difference = a[0].astype(float) - b[0]
    error = 100 * difference.std() / np.sqrt(2000)
    assert result.low == pytest.approx(result.difference - 1.96 * error, abs=0.15 * error)
    assert result.high == pytest.approx(result.difference + 1.96 * error, abs=0.15 * error)


def test_spread_between_seeds_widens_the_interval():
    images = np.zeros((3, 300), dtype=bool)
    steady, shaky = images.copy(), images.copy()
    steady[:, :60] = True
    shaky[0, :120], shaky[1, :60] = True, True
    a, b = paired_bootstrap(steady, images), paired_bootstrap(shaky, images)
    assert a.difference == b.difference == pytest.approx(20)
    assert b.high - b.low > 2 * (a.high - a.low)


def test_equal_answers_show_no_difference():
    a, _ = drawn_answers(3, 50, 0.8, 0.8)
    result = paired_bootstrap(a, a)
    assert (result.difference, result.low, result.high, result.p) == (0, 0, 0, 1)
    assert result.verdict == "no difference shown"


def test_clear_difference_is_shown_with_its_direction():
    a, b = drawn_answers(3, 200, 0.95, 0.6)
    assert paired_bootstrap(a, b).verdict == "higher"
    assert paired_bootstrap(b, a).verdict == "lower"
    assert paired_bootstrap(a, b).p < 0.001


@settings(max_examples=40, deadline=None)
@given(
    answers=hnp.arrays(bool, st.tuples(st.just(2), st.integers(1, 4), st.integers(1, 30))),
    seed=st.integers(0, 9),
)
def test_exchanging_the_methods_turns_the_sign_only(answers, seed):
    there = paired_bootstrap(*answers, resamples=300, seed=seed)
    back = paired_bootstrap(*answers[::-1], resamples=300, seed=seed)
    assert back.difference == -there.difference
    assert back.low == pytest.approx(-there.high, abs=1e-9)
    assert back.high == pytest.approx(-there.low, abs=1e-9)
    assert back.p == there.p
    assert 0 < there.p <= 1
    assert there.low <= there.high
    # A claim never stands beside a p that contradicts it by more than the two bounds' discreteness.
    assert there.verdict == "no difference shown" or there.p < 0.07


def test_claims_seldom_where_nothing_differs():
    generator = np.random.default_rng(5)
    claims = 0
    for trial in range(200):
        easy = generator.normal(1.5, 1.5, 120)
        a, b = (easy + generator.normal(0, 1, (2, 3, 120))) > 0
        claims += paired_bootstrap(a, b, resamples=500, seed=trial).verdict != "no difference shown"
    assert claims / 200 <= 0.05


@pytest.mark.parametrize("shapes", [((2, 5), (2, 6)), ((5,), (5,)), ((0, 5), (0, 5)), ((2, 0), (2, 0))])
def test_refuses_answers_that_cannot_be_paired(shapes):
    with pytest.raises(ValueError, match="seeds, images"):
        paired_bootstrap(np.zeros(shapes[0], bool), np.zeros(shapes[1], bool))
