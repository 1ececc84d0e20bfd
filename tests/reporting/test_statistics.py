"""The paired test against the analysis of variance by loops, drawn experiments, and its properties."""

import math

import numpy as np
import pytest
from example_answers import drawn_answers
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp
from maskguide.reporting.statistics import (
    HIGHER,
    LOWER,
    NO_VERDICT,
    NOT_SHOWN,
    crossed_effects,
    holm,
    may_judge,
    paired_test,
    verdict,
)
from scipy import stats


def variance_by_loops(d):
    """V and its degrees of freedom by the sums of squares of a two-way analysis of variance."""
    replicates, images = len(d), len(d[0])
    grand = sum(map(sum, d)) / (replicates * images)
    rows = [sum(row) / images for row in d]
    columns = [sum(row[i] for row in d) / replicates for i in range(images)]
    ms_rows = images * sum((row - grand) ** 2 for row in rows) / (replicates - 1)
    ms_columns = replicates * sum((column - grand) ** 2 for column in columns) / (images - 1)
    left = 0.0
    for r in range(replicates):
        for i in range(images):
            left += (d[r][i] - rows[r] - columns[i] + grand) ** 2
    ms_left = left / ((replicates - 1) * (images - 1))
    variance = max(ms_rows + ms_columns - ms_left, ms_left)
    freedom = variance**2 / (
        ms_rows**2 / (replicates - 1)
        + ms_columns**2 / (images - 1)
        + ms_left**2 / ((replicates - 1) * (images - 1))
    )
    return variance / (replicates * images), freedom


@pytest.mark.parametrize(("replicates", "images", "seed"), [(2, 5, 1), (3, 30, 2), (5, 60, 3), (9, 25, 4)])
def test_one_split_is_the_analysis_of_variance(replicates, images, seed):
    a, b = drawn_answers(replicates, images, 0.85, 0.7, seed)
    result = paired_test(a, b)
    variance, freedom = variance_by_loops((a.astype(int) - b.astype(int)).tolist())
    error = 100 * math.sqrt(variance)
    difference = 100 * (a.mean() - b.mean())
    assert result.difference == pytest.approx(difference)
    assert result.degrees_of_freedom == pytest.approx(freedom)
    margin = stats.t.ppf(0.975, freedom) * error
    assert (result.low, result.high) == pytest.approx((difference - margin, difference + margin))
    assert result.p == pytest.approx(2 * stats.t.sf(abs(difference) / error, freedom))
    assert result.replicates == replicates


def test_several_splits_by_loops():
    """Missing cells: S² of the split means, and the covariance that shared images make, by the equations."""
    generator = np.random.default_rng(7)
    tested = generator.random((4, 25)) < 0.7
    a, b = drawn_answers(8, 25, 0.8, 0.6, 5)
    splits = [1, 1, 2, 2, 3, 3, 4, 4]
    result = paired_test(a, b, splits, np.repeat(tested, 2, axis=0))
    d = (a.astype(float) - b).reshape(4, 2, 25).mean(axis=1)
    images = [[i for i in range(25) if tested[k, i]] for k in range(4)]
    means = [np.mean([d[k, i] for i in images[k]]) for k in range(4)]
    products = expected = shared = 0.0
    for k in range(4):
        for other in range(4):
            if k == other:
                continue
            n, m = len(images[k]), len(images[other])
            common = [i for i in images[k] if i in images[other]]
            products += sum((d[k, i] - means[k]) * (d[other, i] - means[other]) for i in common)
            expected += len(common) * (1 - 1 / n - 1 / m + len(common) / (n * m))
            shared += len(common) / (n * m) / 12
    variance = np.var(means, ddof=1) / 4 + shared * products / expected
    squares = sum((d[k, i] - means[k]) ** 2 for k in range(4) for i in images[k])
    residual = squares / sum(len(each) - 1 for each in images) - products / expected
    variance = max(variance, residual / 4 * np.mean([1 / len(each) for each in images]))
    assert result.difference == pytest.approx(100 * np.mean(means))
    error = (result.high - result.low) / 2 / stats.t.ppf(0.975, result.degrees_of_freedom)
    assert error == pytest.approx(100 * math.sqrt(variance))
    assert result.replicates == 4


def test_the_variance_with_missing_cells_is_right_on_average():
    """V against the variance of the difference itself, over 4,000 drawn experiments of one design."""
    generator = np.random.default_rng(3)
    tested = np.ones((5, 60), bool)
    for k in range(5):
        tested[k, 12 * k : 12 * k + 12] = False
    of_replicates, of_images = generator.normal(0, 0.1, (4000, 5, 1)), generator.normal(0, 0.5, (4000, 1, 60))
    cells = of_replicates + of_images + generator.normal(0, 0.6, (4000, 5, 60))
    effects = crossed_effects(cells, tested)
    assert effects.of_images.mean() == pytest.approx(0.25, rel=0.02)
    variance = effects.error()[0] ** 2
    assert variance.mean() == pytest.approx(effects.difference.var(), rel=0.06)


def test_splits_without_an_image_in_common_are_independent():
    """Then the test is Student's, of the split means."""
    generator = np.random.default_rng(4)
    tested = np.kron(np.eye(5), np.ones(20)).astype(bool)
    a, b = generator.random((2, 5, 100)) < [[[0.8]], [[0.7]]]
    result = paired_test(a, b, range(5), tested)
    means = [(a[k, tested[k]].astype(float) - b[k, tested[k]]).mean() for k in range(5)]
    expected = stats.ttest_1samp(means, 0)
    assert result.p == pytest.approx(expected.pvalue)
    assert result.degrees_of_freedom == pytest.approx(4)


def test_seeds_of_a_split_are_averaged_and_not_counted():
    a, b = drawn_answers(5, 50, 0.8, 0.7)
    doubled = paired_test(np.repeat(a, 2, axis=0), np.repeat(b, 2, axis=0), np.repeat(range(5), 2))
    assert repr(doubled) == repr(paired_test(a, b))


def test_overlapping_training_parts_widen_the_interval():
    a, b = drawn_answers(6, 80, 0.8, 0.7)
    plain, half = (paired_test(a, b, range(6), overlap=share) for share in (0.0, 0.5))
    d = a.astype(float) - b
    means = d.mean(axis=1)
    error = [
        (each.high - each.low) / 2 / stats.t.ppf(0.975, each.degrees_of_freedom) for each in (plain, half)
    ]
    assert (error[1] ** 2 - error[0] ** 2) / 1e4 == pytest.approx(means.var(ddof=1))  # 0.5 / (1 - 0.5)
    assert half.p > plain.p


def test_detectable_is_found_with_four_fifths_of_power():
    """A t statistic around it, drawn: how often it passes the critical value."""
    a, b = drawn_answers(5, 100, 0.8, 0.75)
    result = paired_test(a, b)
    freedom = result.degrees_of_freedom
    error = (result.high - result.low) / 2 / stats.t.ppf(0.975, freedom)
    generator = np.random.default_rng(0)
    noise = generator.normal(result.detectable / error, 1, 400_000)
    t = noise / np.sqrt(generator.chisquare(freedom, 400_000) / freedom)
    assert np.mean(np.abs(t) > stats.t.ppf(0.975, freedom)) == pytest.approx(0.8, abs=0.012)


def test_replicates_for_two_points_find_two_points():
    generator = np.random.default_rng(1)
    cells = generator.normal(0, 0.03, (1, 6, 1)) + generator.normal(0, 0.25, (1, 6, 500))
    effects = crossed_effects(cells)
    needed = int(effects.replicates_for(0.02)[0])
    assert effects.detectable(needed)[0] <= 0.02 < effects.detectable(needed - 1)[0]
    few_images = crossed_effects(cells[..., :40] + generator.normal(0, 0.5, (1, 1, 40)))
    assert np.isnan(few_images.replicates_for(0.02)[0])
    steady, _ = drawn_answers(6, 50, 0.9, 0.9)
    assert np.isnan(paired_test(steady, steady).replicates_for_2)  # no variance, nothing is known


def test_equal_answers_show_no_difference():
    a, _ = drawn_answers(5, 50, 0.8, 0.8)
    result = paired_test(a, a)
    assert (result.difference, result.low, result.high, result.p) == (0, 0, 0, 1)
    assert np.isnan(result.detectable)


def test_clear_difference_is_shown_with_its_direction():
    a, b = drawn_answers(5, 200, 0.95, 0.6)
    there, back = paired_test(a, b), paired_test(b, a)
    assert verdict(there.difference, there.p) == HIGHER
    assert verdict(back.difference, back.p) == LOWER


answers = hnp.arrays(bool, st.tuples(st.just(2), st.integers(2, 6), st.integers(2, 30)))


def same(one, other):
    for name in ("difference", "low", "high", "p", "degrees_of_freedom", "detectable"):
        assert getattr(one, name) == pytest.approx(getattr(other, name), rel=1e-6, abs=1e-6, nan_ok=True)


@settings(max_examples=60, deadline=None)
@given(answers=answers)
def test_exchanging_the_methods_turns_the_sign_only(answers):
    there, back = paired_test(*answers), paired_test(*answers[::-1])
    assert back.difference == -there.difference
    assert (back.low, back.high) == pytest.approx((-there.high, -there.low))
    assert (back.p, back.degrees_of_freedom) == (there.p, there.degrees_of_freedom)
    assert 0 <= there.p <= 1
    assert there.low <= there.difference <= there.high
    # The interval and p say the same.
    assert (there.p < 0.05) == (there.low > 0 or there.high < 0) or there.p == pytest.approx(0.05)


@settings(max_examples=60, deadline=None)
@given(answers=answers, seed=st.integers(0, 99))
def test_the_order_of_replicates_and_images_plays_no_role(answers, seed):
    generator = np.random.default_rng(seed)
    rows, columns = (generator.permutation(size) for size in answers.shape[1:])
    tested = generator.random(answers.shape[1:]) < 0.8
    tested[:, :2] = True
    splits = np.arange(len(rows))
    there = paired_test(*answers, splits, tested)
    moved = paired_test(*answers[:, rows][:, :, columns], splits[rows], tested[rows][:, columns])
    same(there, moved)


@settings(max_examples=30, deadline=None)
@given(answers=answers, noise=hnp.arrays(bool, (2, 6, 30)))
def test_cells_that_are_not_there_play_no_role(answers, noise):
    tested = np.ones(answers.shape[1:], bool)
    tested[::2, ::3] = False
    if tested.sum(axis=1).min() < 2:
        return
    filled = np.where(tested, answers, noise[:, : answers.shape[1], : answers.shape[2]])
    splits = range(answers.shape[1])
    assert repr(paired_test(*answers, splits, tested)) == repr(paired_test(*filled, splits, tested))


def test_one_replicate_has_a_difference_and_nothing_else():
    a, b = drawn_answers(1, 40, 0.9, 0.7)
    result = paired_test(a, b)
    assert result.difference == pytest.approx(100 * (a.mean() - b.mean()))
    assert np.isnan([result.low, result.high, result.p, result.detectable, result.replicates_for_2]).all()


def test_no_verdict_for_few_replicates_or_overlapping_splits():
    assert not may_judge(4, 0)
    assert may_judge(5, 0)
    assert not may_judge(5, 0.01)
    assert not may_judge(5, math.nan)
    assert [verdict(3.0, p) for p in (math.nan, 0.05, 0.049)] == [NO_VERDICT, NOT_SHOWN, HIGHER]


def test_holm_by_hand():
    # 0.01 · 4, 0.013 · 3 (not below the one before), 0.02 · 2 (likewise), 0.9 · 1
    assert holm([0.013, 0.9, 0.01, 0.02]) == pytest.approx([0.04, 0.9, 0.04, 0.04])
    assert holm([0.04, math.nan, 0.03]) == pytest.approx([0.06, math.nan, 0.06], nan_ok=True)
    assert holm([0.6, 0.7]) == pytest.approx([1, 1])
    assert len(holm([])) == 0


@pytest.mark.parametrize("shapes", [((2, 5), (2, 6)), ((5,), (5,)), ((0, 5), (0, 5)), ((2, 0), (2, 0))])
def test_refuses_answers_that_cannot_be_paired(shapes):
    with pytest.raises(ValueError, match="runs, images"):
        paired_test(np.zeros(shapes[0], bool), np.zeros(shapes[1], bool))


def test_refuses_unlike_splits():
    a = np.zeros((3, 5), bool)
    with pytest.raises(ValueError, match="split 1: another number of seeds"):
        paired_test(a, a, [1, 1, 2])
    tested = np.ones((4, 5), bool)
    tested[0, 0] = False
    with pytest.raises(ValueError, match=r"split 1: .* other test images"):
        paired_test(np.zeros((4, 5)), np.zeros((4, 5)), [1, 1, 2, 2], tested)
    with pytest.raises(ValueError, match="overlap from 0 to below 1"):
        paired_test(a, a, [1, 2, 3], overlap=1.0)
