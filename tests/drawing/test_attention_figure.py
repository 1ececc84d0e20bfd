"""The figures of what ACA attends to, their scripts, and accuracy against the number of classifiers."""

import shutil
import subprocess
import sys

import numpy as np
import pandas as pd
import plot_attended
import plot_attention
import plot_classifiers
import pytest
import torch
from example_attention import (
    CLASSES,
    SIZE,
    SQUARE,
    write_aca_run,
    write_attended,
    write_images,
    write_iou,
    write_scales,
)
from legibility import assert_legible, words
from maskguide import views
from maskguide.data.store import ImageStore
from maskguide.drawing import attention_figures, classifier_figures
from maskguide.learning.batches import images_on
from maskguide.methods import load as load_model
from maskguide.system.files import InputError
from matplotlib.collections import LineCollection
from PIL import Image


def caught(monkeypatch, script, name, draw):
    """What the script hands to the function that draws, as it draws."""
    seen = []

    def figure(*arguments):
        seen.append((*arguments, draw(*arguments)))
        return seen[-1][-1]

    monkeypatch.setattr(script, name, figure)
    return seen


def test_the_outline_of_attended_cells():
    one = attention_figures.outline_segments(np.array([[0, 0], [0, 1]]))
    sides = {tuple(map(tuple, side)) for side in one.tolist()}
    assert sides == {((1, 1), (1, 2)), ((2, 1), (2, 2)), ((1, 1), (2, 1)), ((1, 2), (2, 2))}
    assert attention_figures.outline_segments(np.zeros((3, 4))).shape == (0, 2, 2)
    assert len(attention_figures.outline_segments(np.ones((3, 4)))) == 2 * 3 + 2 * 4
    cells = np.random.default_rng(0).random((7, 9)) < 0.5
    padded = np.pad(cells, 1).astype(int)
    changes = np.abs(np.diff(padded, axis=0)).sum() + np.abs(np.diff(padded, axis=1)).sum()
    assert len(attention_figures.outline_segments(cells)) == changes


def test_a_box_seen_from_a_part():
    assert plot_attention.within((20, 10, 60, 40), (0, 0, 80, 60), (60, 80)) == (20, 10, 60, 40)
    assert plot_attention.within((20, 20, 40, 30), (20, 10, 60, 40), (60, 80)) == (0, 20, 40, 40)


@pytest.mark.parametrize("count", [1, 2, 3])
def test_each_scale_shows_what_its_network_sees(tmp_path, monkeypatch, count):
    torch.set_num_threads(1)
    index = write_images(tmp_path)
    store, runs, attended = write_scales(tmp_path, index, count)
    seen = caught(monkeypatch, plot_attention, "scales_figure", attention_figures.scales_figure)
    options = ["--index", str(index), "--store", str(store), "--runs", *map(str, runs), "--count", "3"]
    options += ["--attended", *map(str, attended[:-1]), "--output", str(tmp_path / "attention.png")]
    plot_attention.main(plot_attention.parse_args(options))
    (names, rows, titles, note, figure) = seen[0]
    assert sorted(names) == CLASSES
    assert titles == [f"scale {number + 1}" for number in range(count)]
    assert note == "leaves (generated), ACA, small CNN, seed 1"
    assert_legible(figure)
    zooms = [views.create("zoom", path) for path in attended]
    stores = [ImageStore(store), *(ImageStore(store, [zoom]) for zoom in zooms)]
    place = {name: i for i, name in enumerate(stores[0].layout["class"]) if i % 4 >= 2}
    for name, row in zip(names, rows, strict=True):
        for scale, panel in enumerate(row):
            candidates = [place[name] - 1, place[name]]
            images = [stores[scale].image(i) for i in candidates]
            i = candidates[[np.array_equal(image, panel.image) for image in images].index(True)]
            model, info = load_model(runs[scale] / "model.pt")
            with torch.inference_mode():
                output = model(images_on(np.array(panel.image)[None], "cpu"))
            np.testing.assert_array_equal(panel.attended, output.mask[0, 0].numpy() == 1)
            np.testing.assert_allclose(panel.attention, output.attention[0, 0].numpy())
            assert panel.predicted == info["classes"][output.logits.argmax()]
            if scale + 1 == count:
                assert panel.zoom is None
            else:
                image_id = stores[0].layout["image_id"][i]
                part = [0, 0, SIZE[1], SIZE[0]] if scale == 0 else zooms[scale - 1].boxes[image_id]
                following = zooms[scale].boxes[image_id]
                expected = (following - [*part[:2], *part[:2]]) * SIZE[1] / (part[2] - part[0])
                np.testing.assert_allclose(panel.zoom, expected)
    panels = [axis for axis in figure.axes if axis.images and axis.get_title() != ""]
    outlines = [line for line in panels[0].collections if isinstance(line, LineCollection)]
    shown = attention_figures.outline_segments(rows[0][0].attended)
    assert len(outlines[0].get_segments()) == len(shown)
    texts = [text for text, _ in words(figure)]
    assert ("image of the next scale" in texts) == (count > 1)
    assert sum(text[0] in "✓✗" for text in texts) == 3 * count
    assert all(text[2:] in CLASSES for text in texts if text[0] in "✓✗")


def test_the_attention_script_refuses_what_it_cannot_show(tmp_path, root):
    index = write_images(tmp_path)
    store, runs, attended = write_scales(tmp_path, index, 2)
    one, two = map(str, runs)
    start = ["--index", str(index), "--store", str(store), "--output", str(tmp_path / "attention.png")]
    given = [*start, "--attended", str(attended[0])]

    def refused(options, complaint):
        with pytest.raises(InputError, match=complaint):
            plot_attention.main(plot_attention.parse_args(options))

    refused([*start, "--runs", one, two], "--attended: 0 files for 2 scales")
    refused([*given, "--runs", two, one], "aca-s2/small/seed1: is not ACA at scale 1")
    baseline = write_aca_run(tmp_path / "runs", "baseline")
    refused([*start, "--runs", str(baseline)], "baseline/small/seed1: is not ACA at scale 1")
    other = write_aca_run(tmp_path / "runs", "aca-s2", seed=2)
    refused([*given, "--runs", one, str(other)], "seed2: has another seed than scale 1")
    fewer = write_aca_run(tmp_path / "runs", "aca-n4-s2")
    refused([*given, "--runs", one, str(fewer)], "aca-n4-s2/small/seed1: has another method than scale 1")
    shutil.rmtree(store)
    command = [sys.executable, "workflow/scripts/plot_attention.py", *start, "--runs", one, "--count", "0"]
    done = subprocess.run(command, cwd=root, capture_output=True, text=True)
    assert (done.returncode, done.stderr) == (2, "error: --count 0: must be at least 1\n")
    refused([*start, "--runs", one], "store: is no store")
    assert not (tmp_path / "attention.png").exists()


def test_long_class_names_and_boxes_beyond_the_image_stay_inside():
    name = "001.Black_footed_Albatross_of_the_northern_Pacific"
    panel = attention_figures.ScalePanel(
        image=np.zeros((*SIZE, 3), np.uint8),
        attention=np.zeros((3, 4)),
        attended=np.ones((3, 4), bool),
        cells=(0.0, 32.0),
        zoom=(-30.0, 10.0, 50.0, 70.0),
        predicted=name,
    )
    figure = attention_figures.scales_figure([name], [[panel, panel]], ["scale 1", "scale 2"], "leaves")
    assert_legible(figure)
    assert "✓ 001.Black_footed_Albatross_…" in [text for text, _ in words(figure)]
    assert figure.axes[0].patches[0].get_bbox().extents.tolist() == [-0.5, 9.5, 49.5, 59.5]


def boxed(tmp_path, *kinds, **iou):
    index = write_images(tmp_path, *kinds)
    attended = write_attended(tmp_path / "seed1" / "attended.csv", index, (20, 10, 40, 40), scale=0.5)
    first = write_iou(attended.parent / "iou.json", **iou)
    second = write_iou(tmp_path / "seed2" / "iou.json", 2, **(iou or {"mean_iou": 0.7}))
    options = ["--index", str(index), "--attended", str(attended), "--output", str(tmp_path / "attended.png")]
    return [*options, "--iou", str(first), str(second)]


def test_true_and_attended_boxes(tmp_path, monkeypatch):
    seen = caught(monkeypatch, plot_attended, "boxes_figure", attention_figures.boxes_figure)
    options = boxed(tmp_path, "mask")
    plot_attended.main(plot_attended.parse_args([*options, "--count", "5"]))
    panels, title, note, figure = seen[0]
    assert len(panels) == 5
    for panel in panels:
        assert panel.image.shape == (*SIZE, 3)
        assert panel.iou == pytest.approx(0.5)
        np.testing.assert_allclose(panel.truth, np.divide(SQUARE, [80, 60, 80, 60]))
        np.testing.assert_allclose(panel.attended, np.divide((20, 10, 40, 40), [80, 60, 80, 60]))
    assert title == (
        "leaves (generated), ACA, scale 1, small CNN: mean IoU of attended and true box 0.600 ± 0.141 "
        "(2 seeds) over 6 test images; of the whole image and the true box 0.250"
    )
    assert note == "true box: the smallest around the masks of the image; attended boxes of seed 1"
    assert_legible(figure)
    assert sum(text == "IoU 0.50" for text, _ in words(figure)) == 5
    drawn = {patch.get_edgecolor()[:3]: patch.get_bbox().extents for patch in figure.axes[0].patches}
    assert [extents.tolist() for extents in drawn.values()][-1] == pytest.approx([19.5, 9.5, 39.5, 39.5])


@pytest.mark.parametrize("count", [1, 6])
def test_where_no_true_box_is_known(tmp_path, monkeypatch, count):
    seen = caught(monkeypatch, plot_attended, "boxes_figure", attention_figures.boxes_figure)
    nothing = {"mean_iou": None, "mean_iou_whole_image": None, "num_images": 0, "truth": None}
    plot_attended.main(plot_attended.parse_args([*boxed(tmp_path, **nothing), "--count", str(count)]))
    panels, title, _, figure = seen[0]
    assert all(panel.truth is panel.iou is None for panel in panels)
    assert title.endswith("small CNN: no true box is known")
    assert_legible(figure)
    texts = [text for text, _ in words(figure)]
    assert texts.count("true box not known") == count
    assert "true box" not in texts


def test_the_boxes_script_refuses_what_it_cannot_show(tmp_path, root):
    options = boxed(tmp_path, "mask")
    command = [sys.executable, "workflow/scripts/plot_attended.py", *options, "--count", "0"]
    done = subprocess.run(command, cwd=root, capture_output=True, text=True)
    assert (done.returncode, done.stderr) == (2, "error: --count 0: must be at least 1\n")
    index = pd.read_csv(tmp_path / "index.csv", keep_default_na=False)
    index.assign(split="train").to_csv(tmp_path / "index.csv", index=False)
    with pytest.raises(InputError, match="no test image"):
        plot_attended.main(plot_attended.parse_args(options))
    assert not (tmp_path / "attended.png").exists()


def counted(tmp_path):
    runs = [
        write_aca_run(tmp_path, method, seed, accuracy=accuracy)
        for method, accuracy in [("aca-n1-s1", 0.6), ("aca-n4-s1", 0.7), ("aca-s1", 0.8)]
        for seed in (1, 2)
    ]
    baselines = [write_aca_run(tmp_path, "baseline", seed, accuracy=0.5) for seed in (1, 2)]
    options = ["--dataset", "leaves", "--output", str(tmp_path / "classifiers.png")]
    return [*options, "--runs", *map(str, runs), "--baseline-runs", *map(str, baselines)]


def test_accuracy_against_local_classifiers(tmp_path, monkeypatch):
    seen = caught(monkeypatch, plot_classifiers, "classifiers_figure", classifier_figures.classifiers_figure)
    plot_classifiers.main(plot_classifiers.parse_args(counted(tmp_path)))
    runs, baselines, title, figure = seen[0]
    assert runs["count"].tolist() == [1, 1, 4, 4, 16, 16]
    assert set(runs["label"]) == {"ACA, scale 1"}
    assert title == "leaves (generated), small CNN, 2 seeds"
    assert_legible(figure)
    panel = figure.axes[0]
    assert [tick.get_text() for tick in panel.get_xticklabels()] == ["1", "4", "16"]
    bars = panel.containers[0]
    last = runs["top1_last"].to_numpy().reshape(3, 2)
    np.testing.assert_allclose(bars.lines[0].get_xydata(), np.stack([[1, 4, 16], last.mean(axis=1)], axis=1))
    spread = [segment[1, 1] - segment[0, 1] for segment in bars.lines[2][0].get_segments()]
    np.testing.assert_allclose(spread, 2 * last.std(axis=1, ddof=1))
    drawn = [list(line.get_ydata()) for line in panel.lines]
    best = runs["top1_best"].to_numpy().reshape(3, 2).mean(axis=1)
    assert any(np.allclose(values, best) for values in drawn if len(values) == 3)
    assert [baselines["top1_last"].mean()] * 2 in drawn


def test_one_run_makes_a_figure_of_classifiers_too(tmp_path):
    run = str(write_aca_run(tmp_path, "aca-n2-s1"))
    options = ["--dataset", "leaves", "--runs", run, "--output", str(tmp_path / "one.png")]
    plot_classifiers.main(plot_classifiers.parse_args(options))
    with Image.open(tmp_path / "one.png") as picture:
        assert picture.width > 700
    rows = pd.DataFrame({"count": [2], "label": ["ACA"], "top1_last": [50.0], "top1_best": [50.0]})
    figure = classifier_figures.classifiers_figure(rows, rows[:0], "leaves")
    assert_legible(figure)
    assert "its best epoch (mean)" not in [text for text, _ in words(figure)]


def test_the_classifiers_script_refuses_what_it_cannot_show(tmp_path, root):
    options = counted(tmp_path)

    def refused(words, complaint):
        with pytest.raises(InputError, match=complaint):
            plot_classifiers.main(plot_classifiers.parse_args(words))

    refused([*options, "--count", "4"], "another run also has 4 local classifiers; give one")
    refused([*options, "--dataset", "btfpis"], "on another data set than btfpis")
    baseline = str(tmp_path / "leaves" / "baseline" / "small" / "seed1")
    refused([*options[:4], "--runs", baseline], "baseline has no local classifiers; give runs of ACA")
    command = [sys.executable, "workflow/scripts/plot_classifiers.py", *options, "--count", "0"]
    done = subprocess.run(command, cwd=root, capture_output=True, text=True)
    assert (done.returncode, done.stderr) == (2, "error: --count 0: must be at least 1\n")
    assert not (tmp_path / "classifiers.png").exists()
