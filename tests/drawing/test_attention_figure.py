"""The figures of what ACA attends to, and their scripts."""

import shutil
import subprocess
import sys

import numpy as np
import pandas as pd
import plot_attended
import plot_attention
import pytest
import torch
from example_attention import (
    CLASSES,
    SIZE,
    SQUARE,
    write_attended,
    write_images,
    write_iou,
    write_scales,
)
from example_runs import known, write_run
from legibility import assert_legible, words
from maskguide import views
from maskguide.data.store import ImageStore
from maskguide.drawing import attended as attended_boxes
from maskguide.drawing import attention
from maskguide.learning.batches import images_on
from maskguide.methods import load as load_model
from maskguide.system.files import InputError
from matplotlib.collections import LineCollection


def caught(monkeypatch, script, name, draw):
    """What the script hands to the function that draws, as it draws."""
    seen = []

    def figure(*arguments):
        seen.append((*arguments, draw(*arguments)))
        return seen[-1][-1]

    monkeypatch.setattr(script, name, figure)
    return seen


def test_the_outline_of_attended_cells():
    one = attention.outline_segments(np.array([[0, 0], [0, 1]]))
    sides = {tuple(map(tuple, side)) for side in one.tolist()}
    assert sides == {((1, 1), (1, 2)), ((2, 1), (2, 2)), ((1, 1), (2, 1)), ((1, 2), (2, 2))}
    assert attention.outline_segments(np.zeros((3, 4))).shape == (0, 2, 2)
    assert len(attention.outline_segments(np.ones((3, 4)))) == 2 * 3 + 2 * 4
    cells = np.random.default_rng(0).random((7, 9)) < 0.5
    padded = np.pad(cells, 1).astype(int)
    changes = np.abs(np.diff(padded, axis=0)).sum() + np.abs(np.diff(padded, axis=1)).sum()
    assert len(attention.outline_segments(cells)) == changes


def test_a_box_seen_from_a_part():
    assert plot_attention.within((20, 10, 60, 40), (0, 0, 80, 60), (60, 80)) == (20, 10, 60, 40)
    assert plot_attention.within((20, 20, 40, 30), (20, 10, 60, 40), (60, 80)) == (0, 20, 40, 40)


@pytest.mark.parametrize("count", [1, 2, 3])
def test_each_scale_shows_what_its_network_sees(tmp_path, monkeypatch, count):
    torch.set_num_threads(1)
    index = write_images(tmp_path)
    store, runs, attended = write_scales(tmp_path, index, count)
    seen = caught(monkeypatch, plot_attention, "attention_figure", attention.attention_figure)
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
    shown = attention.outline_segments(rows[0][0].attended)
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
    baseline = write_run(tmp_path / "runs", "leaves", "baseline", "small")
    refused([*start, "--runs", str(baseline)], "baseline/small/seed1: is not ACA at scale 1")
    other = write_run(tmp_path / "runs", "leaves", "aca-s2", "small", 2)
    refused([*given, "--runs", one, str(other)], "seed2: has another seed than scale 1")
    fewer = write_run(tmp_path / "runs", "leaves", "aca-n4-s2", "small", family="aca")
    with known({"aca-n4-s2": {"method": "aca", "classifiers": 4, "scale": 2}}) as names:
        words = [*given, "--names", names, "--runs", one, str(fewer)]
        refused(words, "aca-n4-s2/small/seed1: has another method than scale 1")
    refused([*given, "--runs", one, str(fewer)], "aca-n4-s2/small/seed1: is not ACA at scale 2")
    shutil.rmtree(store)
    command = [sys.executable, "workflow/scripts/plot_attention.py", *start, "--runs", one, "--count", "0"]
    done = subprocess.run(command, cwd=root, capture_output=True, text=True)
    assert (done.returncode, done.stderr) == (2, "error: --count 0: must be at least 1\n")
    refused([*start, "--runs", one], "store: is no store")
    assert not (tmp_path / "attention.png").exists()


def test_long_class_names_and_boxes_beyond_the_image_stay_inside():
    name = "001.Black_footed_Albatross_of_the_northern_Pacific"
    panel = attention.ScalePanel(
        image=np.zeros((*SIZE, 3), np.uint8),
        attention=np.zeros((3, 4)),
        attended=np.ones((3, 4), bool),
        cells=(0.0, 32.0),
        zoom=(-30.0, 10.0, 50.0, 70.0),
        predicted=name,
    )
    figure = attention.attention_figure([name], [[panel, panel]], ["scale 1", "scale 2"], "leaves")
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
    seen = caught(monkeypatch, plot_attended, "attended_figure", attended_boxes.attended_figure)
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
    seen = caught(monkeypatch, plot_attended, "attended_figure", attended_boxes.attended_figure)
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
    refused = {
        "aca-s2": "is not of leaves aca-s1 small",
        "aca-s1": "another is also of aca-s1 with split 1 and seed 2",
    }
    for method, complaint in refused.items():
        other = write_iou(tmp_path / "other.json", 2, method=method)
        with pytest.raises(InputError, match=f"other.json: {complaint}"):
            plot_attended.main(plot_attended.parse_args([*options, str(other)]))
    index = pd.read_csv(tmp_path / "index.csv", keep_default_na=False)
    index.assign(split="train").to_csv(tmp_path / "index.csv", index=False)
    with pytest.raises(InputError, match="no test image"):
        plot_attended.main(plot_attended.parse_args(options))
    assert not (tmp_path / "attended.png").exists()
