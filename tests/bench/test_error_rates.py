"""The benchmark of the paired test: what it simulates is what it says, and the bounds hold."""

import importlib.util

import numpy as np
import pytest
from example_answers import drawn_answers


@pytest.fixture
def error_rates(root):
    spec = importlib.util.spec_from_file_location("error_rates", root / "bench" / "error_rates.py")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def loop_bootstrap(d, resamples):
    """The bounds by drawing indices one resample at a time."""
    generator = np.random.default_rng(123)
    averages = []
    for _ in range(resamples):
        rows = generator.integers(0, d.shape[0], d.shape[0] - 1)
        averages.append(d[np.ix_(rows, generator.integers(0, d.shape[1], d.shape[1]))].mean())
    return np.percentile(averages, [2.5, 97.5])


def test_the_bootstrap_of_before_agrees_with_loops(error_rates):
    a, b = drawn_answers(4, 60, 0.85, 0.7)
    d = a.astype(np.float32) - b
    low, high = error_rates.bootstrap(d[None], 4000, np.random.default_rng(0))
    assert (low[0], high[0]) == pytest.approx(tuple(loop_bootstrap(d, 4000)), abs=0.017)


@pytest.mark.parametrize("spread", [0, 8])
def test_the_simulated_accuracies_are_the_true_ones(error_rates, spread):
    generator = np.random.default_rng(0)
    design = error_rates.parts("disjoint", 5, 100, generator)
    assert design.overlap == 0
    assert set(design.tested.sum(axis=1)) == {100}
    cells = error_rates.differences(design, spread, 5, 0.8, 2000, generator)
    assert 100 * cells[:, :, design.tested].mean() == pytest.approx(5, abs=0.35)
    assert error_rates.parts("overlapping", 20, 120, generator).overlap == pytest.approx(2 / 3, abs=0.02)


@pytest.mark.parametrize("name", ["one split", "disjoint"])
@pytest.mark.parametrize("spread", [0, 8])
def test_error_rates_stay_within_their_bounds(error_rates, name, spread, capsys):
    """Five replicates of 240 images, 600 experiments: a rate of 5 % has a standard error of 0.9."""
    options = ["--experiments", "600", "--designs", name, "--replicates", "5", "--images", "240"]
    args = error_rates.parser().parse_args([*options, "--resamples", "50", "--spreads", str(spread)])
    assert error_rates.main(args) == 0
    assert "bounds broken: none" in capsys.readouterr().out


def test_a_broken_bound_is_said(error_rates, capsys, monkeypatch):
    monkeypatch.setattr(error_rates, "LEVEL", 0.5)
    options = ["--experiments", "60", "--designs", "disjoint", "--replicates", "5", "--images", "240"]
    assert error_rates.main(error_rates.parser().parse_args([*options, "--spreads", "0"])) == 1
    assert "bounds broken: disjoint, R 5, N 240, SD 0" in capsys.readouterr().out


def test_overlapping_splits_and_few_replicates_get_no_verdict(error_rates, capsys):
    options = ["--experiments", "40", "--replicates", "3", "5", "--images", "30", "--spreads", "8"]
    designs = ["--designs", "one split", "overlapping", "--resamples", "20"]
    error_rates.main(error_rates.parser().parse_args([*options, *designs]))
    rows = [
        line.split() for line in capsys.readouterr().out.splitlines() if " 30 " in line and "N" not in line
    ]
    assert [(row[-1] != "", "none" in row) for row in rows] == [(True, True), (True, False)] + [
        (True, True)
    ] * 2
