"""The figure of a sweep, accuracy and detection against an option's values, and its script."""

import subprocess
import sys
from pathlib import Path

import numpy as np
import pandas as pd
import plot_sweep
import pytest
from example_runs import known, write_detector, write_run
from legibility import assert_legible, words
from maskguide.drawing import sweep
from maskguide.system.files import InputError
from PIL import Image


def drawn(monkeypatch, options):
    """What the script hands to the function that draws, and the figure."""
    seen = []

    def figure(*arguments):
        seen.extend([*arguments, sweep.sweep_figure(*arguments)])
        return seen[-1]

    monkeypatch.setattr(plot_sweep, "sweep_figure", figure)
    plot_sweep.main(plot_sweep.parse_args(options))
    return seen


def options_of(folder: Path, option: str, runs: list[Path], *more) -> list[str]:
    baselines = [write_run(folder, "leaves", "baseline", "small", seed, 0.5) for seed in (1, 2)]
    start = ["--dataset", "leaves", "--option", option, "--output", str(folder / "sweep.png")]
    return [*start, "--runs", *map(str, runs), "--baseline-runs", *map(str, baselines), *map(str, more)]


def annotated(folder: Path) -> list[str]:
    blind = {"map50": None, "num_boxes": 0}
    regions = {
        5: {"vein": {"map50": 40.0}, "contour": {"map50": 80.0}},
        30: {"vein": {"map50": 97.0}, "contour": blind},
    }
    kinds = {5: "published", 30: "automatic"}
    detectors = [
        write_detector(
            folder / f"{count}.json", "leaves", regions[count], num_annotated=count, annotation=kind
        )
        for count, kind in kinds.items()
    ]
    runs = [
        write_run(folder, "leaves", name, "small", seed, num_annotated=count)
        for name, count in (("mgfe-n5", 5), ("mgfe", 30))
        for seed in (1, 2)
    ]
    return options_of(folder, "annotated", runs, "--detectors", *detectors)


def classifiers(folder: Path) -> list[str]:
    accuracies = {"aca-n1-s1": 0.6, "aca-n4-s1": 0.7, "aca-s1": 0.8}
    runs = [
        write_run(folder, "leaves", name, "small", seed, accuracies[name])
        for name in accuracies
        for seed in (1, 2)
    ]
    return options_of(folder, "classifiers", runs)


def test_detection_and_accuracy_against_annotated_images(tmp_path, monkeypatch):
    runs, baselines, axis, title, _, figure = drawn(monkeypatch, annotated(tmp_path))
    assert runs[["value", "label", "seed"]].to_numpy().tolist() == [
        [count, "MGFE", seed] for count in (5, 30) for seed in (1, 2)
    ]
    assert baselines["label"].tolist() == ["baseline"] * 2
    assert title == "leaves (generated), published and AUTOMATIC boxes, small CNN, 2 seeds"
    assert axis == "annotated training images"
    assert_legible(figure)
    found, classified = figure.axes
    assert found.get_xlim() == classified.get_xlim()
    assert found.get_xscale() == "log"
    lines = {line.get_label(): line.get_xydata().tolist() for line in found.lines}
    assert lines == {"vein": [[5, 40], [30, 97]], "contour": [[5, 80]]}
    means = [runs["top1_last"][:2].mean(), runs["top1_last"][2:].mean()]
    bars = classified.containers[0]
    np.testing.assert_allclose(bars.lines[0].get_ydata(orig=False), means)
    spread = [segment[1, 1] - segment[0, 1] for segment in bars.lines[2][0].get_segments()]
    np.testing.assert_allclose(spread, [2 * np.std(runs["top1_last"][k : k + 2], ddof=1) for k in (0, 2)])
    assert baselines["top1_last"].mean() in [line.get_ydata()[0] for line in classified.lines]


def test_accuracy_against_local_classifiers(tmp_path, monkeypatch):
    runs, baselines, axis, title, detectors, figure = drawn(monkeypatch, classifiers(tmp_path))
    assert runs["value"].tolist() == [1, 1, 4, 4, 16, 16]
    assert set(runs["label"]) == {"ACA, scale 1"}
    assert set(runs["method"]) == {"aca-s1"}
    assert title == "leaves (generated), small CNN, 2 seeds"
    assert axis == "classifiers n: number of local classifiers"
    assert detectors is None
    assert_legible(figure)
    panel = figure.axes[0]
    assert [tick.get_text() for tick in panel.get_xticklabels()] == ["1", "4", "16"]
    last = runs["top1_last"].to_numpy().reshape(3, 2)
    means = panel.containers[0].lines[0].get_xydata()
    np.testing.assert_allclose(means, np.stack([[1, 4, 16], last.mean(axis=1)], axis=1))
    drawn_lines = [list(line.get_ydata()) for line in panel.lines]
    best = runs["top1_best"].to_numpy().reshape(3, 2).mean(axis=1)
    assert any(np.allclose(values, best) for values in drawn_lines if len(values) == 3)
    assert [baselines["top1_last"].mean()] * 2 in drawn_lines


def test_names_of_a_sweep_are_lines_of_what_they_vary(tmp_path, monkeypatch):
    """As the plan names them: each value a name, the configured one the method itself."""
    weights = {"mga-weight-0": 0, "mga": 0.1, "mga-weight-1": 1.0, "mga-weight-10": 10.0}
    more = {
        name: {"method": "mga", "guidance_weight": weight}
        for name, weight in weights.items()
        if name != "mga"
    }
    runs = [
        write_run(tmp_path, "leaves", name, "small", options={"guidance_weight": w})
        for name, w in weights.items()
    ]
    runs.append(write_run(tmp_path, "leaves", "mga-truth", "small"))
    options = options_of(tmp_path, "guidance_weight", runs)
    with known(more) as names:
        shown, _, axis, *_, figure = drawn(monkeypatch, [*options, "--names", names])
    assert shown["value"].tolist() == [*weights.values(), 0.1]
    assert shown["label"].tolist() == ["MGA"] * 4 + ["MGA, truth masks"]
    assert axis == "guidance weight τ: weight of the attention loss"
    assert_legible(figure)
    assert figure.axes[0].get_xscale() == "symlog"
    shown = drawn(monkeypatch, options)[0]  # unknown names are one line of their method
    assert shown["label"].tolist() == ["MGA"] * 4 + ["MGA, truth masks"]


@pytest.mark.parametrize(
    ("values", "scale", "ticks"),
    [
        ([0.1, 0.2, 0.3], "linear", ["0.1", "0.2", "0.3"]),
        ([1, 10], "log", ["1", "10"]),
        ([0, 0.1, 10], "symlog", ["0", "0.1", "10"]),
        ([0], "linear", ["0"]),
        (["truth", "shuffled"], "linear", ["truth", "shuffled"]),
    ],
)
def test_the_axis_fits_the_values(values, scale, ticks):
    numbers = {"label": "MGA", "method": "mga", "top1_last": 50.0, "top1_best": 50.0}
    runs = pd.DataFrame([{"value": value, **numbers} for value in values])
    figure = sweep.sweep_figure(runs, runs[:0], "option", "leaves")
    assert_legible(figure)
    panel = figure.axes[0]
    assert panel.get_xscale() == scale
    assert [tick.get_text() for tick in panel.get_xticklabels()] == ticks
    low, high = panel.get_xlim()
    assert all(low < place < high for place in panel.get_xticks())
    assert panel.containers[0].lines[0].get_linestyle() == ("None" if values[0] == "truth" else "-")
    assert "its best epoch (mean)" not in [text for text, _ in words(figure)]


def test_one_value_one_seed_and_no_truth_make_a_figure_too(tmp_path):
    run = write_run(tmp_path, "leaves", "mgfe-n10", "small")
    blind = {"vein": {"map50": None}}
    detector = write_detector(tmp_path / "d.json", "leaves", blind, num_annotated=10)
    options = [
        "--dataset",
        "leaves",
        "--option",
        "annotated",
        "--detectors",
        str(detector),
        "--runs",
        str(run),
    ]
    plot_sweep.main(plot_sweep.parse_args([*options, "--output", str(tmp_path / "one.png")]))
    with Image.open(tmp_path / "one.png") as picture:
        assert picture.width > 1000
    detectors = pd.DataFrame({"value": [10], "region": ["vein"], "map50": [np.nan]})
    runs = pd.DataFrame({"value": [10], "label": ["MGFE"], "method": ["mgfe"], "top1_last": [50.0]})
    figure = sweep.sweep_figure(runs.assign(top1_best=50.0), runs[:0], "images", "leaves", detectors)
    assert_legible(figure)
    assert "no true boxes\nto compare with" in [text for text, _ in words(figure)]


def test_the_script_refuses_what_it_cannot_show(tmp_path, root):
    options = classifiers(tmp_path)

    def refused(words, complaint):
        with pytest.raises(InputError, match=complaint):
            plot_sweep.main(plot_sweep.parse_args(words))

    refused([*options, "--dataset", "btfpis"], "on another data set than btfpis")
    refused(
        [*options, "--option", "annotated"], "aca-n1-s1/small/seed1: has no annotated; give runs of a method"
    )
    refused(
        [*options, "--option", "guidance_weight"], "has no guidance_weight; give runs of a method that has it"
    )
    refused([*options, "--option", "nonsense"], "has no nonsense")
    doubled = write_run(tmp_path, "leaves", "aca-n16-s1", "small")
    refused(
        [*options, "--runs", *options[7:13], str(doubled)], "another run also has classifiers 16; give one"
    )
    refused([*options, "--detectors", "x"], "stand beside --option annotated alone")
    detector = write_detector(tmp_path / "d.json", "btfpis", num_annotated=5)
    run = write_run(tmp_path, "leaves", "mgfe-n5", "small")
    options = [*options[:6], "--runs", str(run), "--option", "annotated"]
    refused([*options, "--detectors", str(detector)], "d.json: is of btfpis, not of leaves")
    detector.write_text("[]")
    command = [sys.executable, "workflow/scripts/plot_sweep.py", *options, "--detectors", str(detector)]
    done = subprocess.run(command, cwd=root, capture_output=True, text=True)
    assert done.returncode == 2
    assert done.stderr == f"error: {detector}: holds no measurements; delete it and run again\n"
    assert not (tmp_path / "sweep.png").exists()
