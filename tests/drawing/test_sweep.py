"""The figure of detection and accuracy against the number of annotated images, and its script."""

import json
import subprocess
import sys
from pathlib import Path

import numpy as np
import pandas as pd
import plot_annotation
import pytest
from example_runs import write_run
from legibility import assert_legible, words
from maskguide.drawing import annotation_figures
from maskguide.system.files import InputError
from PIL import Image


def write_detector(folder: Path, count: int, annotation: str = "published", **map50: float | None) -> str:
    path = folder / "detect" / str(count) / "metrics.json"
    path.parent.mkdir(parents=True)
    regions = {region: {"map50": value} for region, value in map50.items()}
    record = {"dataset": "leaves", "num_annotated": count, "annotation": annotation, "regions": regions}
    path.write_text(json.dumps(record))
    return str(path)


def write_guided(folder: Path, variant: str, seed: int, **metrics) -> str:
    run = write_run(folder, "leaves", variant, "small", seed, **metrics)
    record = json.loads((run / "metrics.json").read_text())
    (run / "metrics.json").write_text(json.dumps(record | {"method": variant.partition("-")[0]}))
    return str(run)


def annotation_options(folder: Path) -> list[str]:
    detectors = [
        write_detector(folder, 5, vein=40.0, contour=80.0),
        write_detector(folder, 30, "automatic", vein=97.0, contour=None),
    ]
    runs = [write_guided(folder, name, seed) for name in ("mgfe-n5", "mgfe") for seed in (1, 2)]
    baselines = [write_guided(folder, "baseline", seed, accuracy=0.5) for seed in (1, 2)]
    options = ["--dataset", "leaves", "--output", str(folder / "annotation.png"), "--detectors", *detectors]
    return [*options, "--runs", *runs, "--baseline-runs", *baselines]


def test_detection_and_accuracy_against_annotated_images(tmp_path, monkeypatch):
    seen = []

    def figure(*tables):
        seen.extend(tables)
        return annotation_figures.annotation_figure(*tables)

    monkeypatch.setattr(plot_annotation, "annotation_figure", figure)
    plot_annotation.main(plot_annotation.parse_args(annotation_options(tmp_path)))
    _, runs, baselines, title = seen
    assert runs[["count", "label", "seed"]].to_numpy().tolist() == [
        [count, "MGFE", seed] for count in (5, 30) for seed in (1, 2)
    ]
    assert baselines["label"].tolist() == ["baseline"] * 2
    assert title == "leaves (generated), published and AUTOMATIC boxes, small CNN"
    figure = annotation_figures.annotation_figure(*seen)
    assert_legible(figure)
    found, classified = figure.axes
    assert found.get_xlim() == classified.get_xlim()
    lines = {line.get_label(): line.get_xydata().tolist() for line in found.lines}
    assert lines == {"vein": [[5, 40], [30, 97]], "contour": [[5, 80]]}
    means = [runs["top1_last"][:2].mean(), runs["top1_last"][2:].mean()]
    bars = classified.containers[0]
    np.testing.assert_allclose(bars.lines[0].get_ydata(orig=False), means)
    spread = [segment[1, 1] - segment[0, 1] for segment in bars.lines[2][0].get_segments()]
    np.testing.assert_allclose(spread, [2 * np.std(runs["top1_last"][k : k + 2], ddof=1) for k in (0, 2)])
    assert baselines["top1_last"].mean() in [line.get_ydata()[0] for line in classified.lines]


def test_one_count_one_seed_and_no_truth_make_a_figure_too(tmp_path):
    detector = write_detector(tmp_path, 10, vein=None)
    run = write_guided(tmp_path, "mgfe-vein-n10", 1)
    options = ["--dataset", "leaves", "--detectors", detector, "--runs", run, "--output"]
    plot_annotation.main(plot_annotation.parse_args([*options, str(tmp_path / "one.png")]))
    with Image.open(tmp_path / "one.png") as picture:
        assert picture.width > 900
    detectors = pd.DataFrame({"count": [10], "region": ["vein"], "map50": [np.nan]})
    runs = pd.DataFrame({"count": [10], "label": ["MGFE"], "method": ["mgfe"], "top1_last": [50.0]})
    figure = annotation_figures.annotation_figure(detectors, runs, runs[:0], "leaves")
    assert_legible(figure)
    assert "no true boxes\nto compare with" in [text for text, _ in words(figure)]


def test_the_annotation_script_refuses_what_it_cannot_show(tmp_path, root):
    options = annotation_options(tmp_path)
    with pytest.raises(InputError, match="not of btfpis"):
        plot_annotation.main(plot_annotation.parse_args([*options, "--dataset", "btfpis"]))
    with pytest.raises(InputError, match="--count 0"):
        plot_annotation.main(plot_annotation.parse_args([*options, "--count", "0"]))
    with pytest.raises(InputError, match="another run also had 5 annotated images"):
        plot_annotation.main(plot_annotation.parse_args([*options, "--count", "5"]))
    other = write_run(tmp_path, "btfpis", "baseline", "small", 1)
    with pytest.raises(InputError, match="another data set than leaves"):
        plot_annotation.main(plot_annotation.parse_args([*options, str(other)]))
    detector = tmp_path / "detect" / "5" / "metrics.json"
    doubled = [*options, "--detectors", str(detector), str(detector)]
    with pytest.raises(InputError, match="also learnt from 5 annotated images"):
        plot_annotation.main(plot_annotation.parse_args(doubled))
    detector.write_text("[]")
    command = [sys.executable, "workflow/scripts/plot_annotation.py", *options]
    done = subprocess.run(command, cwd=root, capture_output=True, text=True)
    assert done.returncode == 2
    assert done.stderr == (
        f"error: {detector}: holds no measurements of a detector; delete it and run again\n"
    )
    assert not (tmp_path / "annotation.png").exists()
