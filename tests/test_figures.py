"""Figures: every script draws, no word is cut off or overlaps another, and colours say what they should."""

import subprocess
import sys
from pathlib import Path

import numpy as np
import pandas as pd
import plot_confusion
import plot_curves
import plot_strips
import plot_table
import pytest
from example_runs import write_ablation, write_run, write_segment
from maskguide import figure_style, figures, labels, runs, strips, tables
from maskguide.files import InputError
from matplotlib.axis import Tick
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure
from matplotlib.text import Text
from PIL import Image

METHODS = ["baseline", "attention", "mga", "mga-truth", "mga-shuffled", "mga-auto", "own", "other", "third"]
LONG = "mga-degraded_to_a_quarter_of_the_pixels"


def words(figure: Figure) -> list[tuple[str, tuple]]:
    """Every text of a drawn figure with its box in pixels: left, bottom, right, top."""
    canvas = FigureCanvasAgg(figure)
    with figure_style.style():
        canvas.draw()
    axes = [axis for panel in figure.axes for axis in (panel.xaxis, panel.yaxis)]
    # Ticks beyond the limits exist, but are not drawn.
    ticks = {id(text) for axis in axes for tick in axis.findobj(Tick) for text in tick.findobj(Text)}
    drawn = {
        id(label)
        for axis in axes
        for tick in axis.get_major_ticks(len(axis.get_majorticklocs()))
        if min(axis.get_view_interval()) <= tick.get_loc() <= max(axis.get_view_interval())
        for label in (tick.label1, tick.label2)
    }
    hidden = {id(text) for panel in figure.axes if not panel.get_visible() for text in panel.findobj(Text)}
    return [
        (text.get_text(), text.get_window_extent(canvas.get_renderer()).extents)
        for text in figure.findobj(Text)
        if text.get_visible() and text.get_text().strip()
        if id(text) not in hidden and (id(text) not in ticks or id(text) in drawn)
    ]


def assert_legible(figure: Figure) -> None:
    """No text leaves the figure, no two texts overlap (by more than a pixel)."""
    found = words(figure)
    texts, boxes = [text for text, _ in found], np.array([box for _, box in found])
    low, high = boxes[:, :2], boxes[:, 2:]
    cut = ((low < -1) | (high > np.array(figure.bbox.size) + 1)).any(axis=1)
    assert not cut.any(), f"cut off: {[text for text, is_cut in zip(texts, cut, strict=True) if is_cut]}"
    shared = np.minimum(high[:, None], high) - np.maximum(low[:, None], low)
    overlap = np.triu((shared > 1).all(axis=2), k=1)
    assert not overlap.any(), f"overlap: {[(texts[a], texts[b]) for a, b in np.argwhere(overlap)]}"


def histories(folders):
    measured = labels.sort_rows(runs.read_runs(folders))
    return [(row, runs.read_history(row["run"])) for _, row in measured.iterrows()]


@pytest.mark.parametrize("methods", [["baseline"], [*METHODS, LONG]])
def test_curves_are_legible(tmp_path, methods):
    folders = [write_run(tmp_path, method=method, seed=seed) for method in methods for seed in (1, 2)]
    assert_legible(figures.curves_figure(histories(folders)))


def test_curves_of_three_datasets_and_a_line_per_method(tmp_path):
    folders = [
        write_run(tmp_path, dataset, method, backbone, seed)
        for dataset, backbone in [
            ("btfpis", "vgg19"),
            ("leaves", "small"),
            ("a_folder_of_my_own", "resnet18"),
        ]
        for method in ("baseline", "mga")
        for seed in (1, 2, 3)
    ]
    figure = figures.curves_figure(histories(folders))
    assert_legible(figure)
    panels = np.array(figure.axes).reshape(3, 4)
    assert [len(panel.lines) for panel in panels[0]] == [2, 1, 2, 2]
    runs_of_mga = [pd.read_csv(folder / "history.csv") for folder in folders if "/leaves/mga/" in str(folder)]
    expected = np.mean([history["test_top1"] for history in runs_of_mga], axis=0)
    colour = figure_style.METHOD_COLOURS["mga"]
    line = next(line for line in panels[1, 3].lines if line.get_color() == colour)
    np.testing.assert_allclose(line.get_ydata(), expected)


def test_curves_leave_out_the_attention_loss_where_nobody_has_one(tmp_path):
    figure = figures.curves_figure(histories([write_run(tmp_path, epochs=1)]))
    assert [panel.get_title(loc="left") for panel in figure.axes] == [
        "training loss",
        "training accuracy, %",
        "test accuracy, %",
    ]


@pytest.mark.parametrize(
    ("panels", "classes", "name"),
    [
        (1, 8, "cultivar_0{}"),
        (10, 10, "Heliconius charitonius {}"),
        (4, 20, "an exceedingly long class name {}"),
    ],
)
def test_confusion_is_legible(panels, classes, name):
    counts = np.random.default_rng(0).integers(0, 20, (classes, classes))
    names = [name.format(number) for number in range(classes)]
    title = labels.method_label(LONG, "mobilenet_v2")
    assert_legible(figures.confusion_figure([(title, counts, names)] * panels))


def test_confusion_shows_shares_of_the_true_class_and_drops_200_names():
    counts = np.zeros((200, 200), dtype=int)
    counts[0, :2] = 3, 1
    figure = figures.confusion_figure([("many", counts, [f"class {k}" for k in range(200)])])
    share = figure.axes[0].images[0].get_array().filled(np.nan)
    np.testing.assert_allclose(share[0, :3], [75, 25, 0])
    assert np.isnan(share[1]).all()
    assert len(figure.axes[0].get_xticks()) == 0
    assert_legible(figure)


@pytest.mark.parametrize("methods", [["baseline"], [*METHODS, LONG]])
@pytest.mark.parametrize(
    "datasets", [["btfpis"], ["btfpis", "leaves", "a_folder_of_my_own_with_a_long_name"]]
)
def test_accuracy_chart_is_legible(tmp_path, methods, datasets):
    folders = [
        write_run(tmp_path, dataset, method, "densenet161", seed, accuracy)
        for dataset in datasets
        for method, accuracy in zip(methods, np.linspace(0.3, 0.99, len(methods)), strict=True)
        for seed in (1, 2)
    ]
    figure = figures.accuracy_figure(tables.accuracy_table(runs.read_runs(folders), "table4"))
    assert_legible(figure)
    assert len(figure.axes) == len(datasets)


def test_accuracy_chart_shows_published_rows_that_were_not_run(tmp_path):
    folder = write_run(tmp_path, "soycultivarvein_1to1", "mdm", "contour", 0, 0.14, epochs=0)
    figure = figures.accuracy_figure(tables.accuracy_table(runs.read_runs([folder]), "table3"))
    assert_legible(figure)
    marks = [line for line in figure.axes[0].lines if line.get_marker() == "D"]
    assert [float(line.get_xdata()[0]) for line in marks] == [13.4, 14.1, 28.5, 32.2]
    assert "MORT, published only" in [text for text, _ in words(figure)]


def test_segment_chart_is_legible_and_says_automatic(tmp_path):
    paths = [
        write_segment(tmp_path / "1.json"),
        write_segment(tmp_path / "2.json", "leaves", annotation="automatic", miou=4.0, iou={"a_class": 4.0}),
        write_segment(tmp_path / "3.json", "a_folder_with_a_long_name", iou={"background": None}, miou=None),
    ]
    figure = figures.segment_figure(tables.segment_table(tables.read_segments(paths)))
    assert_legible(figure)
    found = " ".join(text for text, _ in words(figure))
    assert "AUTOMATIC marks" in found
    assert "no true masks" in found


def test_each_method_keeps_its_own_colour():
    colours = figure_style.colours([*METHODS, LONG])
    assert len(set(colours.values())) == len(METHODS) + 1
    assert colours["mga"] == figure_style.colours(["mga"])["mga"]


def test_saved_figure_is_the_same_each_time(tmp_path):
    folders = write_ablation(tmp_path / "runs", seeds=(1, 2))
    for name in ("a.png", "b.png"):
        options = ["--runs", *map(str, folders), "--output", str(tmp_path / name)]
        plot_curves.main(plot_curves.parse_args(options))
    assert (tmp_path / "a.png").read_bytes() == (tmp_path / "b.png").read_bytes()


def index_frame(classes: int, each: int) -> pd.DataFrame:
    rows = [
        {"image_id": f"{c}_{k}_{split}", "class": f"class {c}", "class_id": c, "split": split}
        for c in range(classes)
        for k in range(each)
        for split in ("train", "test")
    ]
    return pd.DataFrame(rows)


def test_images_are_chosen_from_the_test_split_one_per_class_first():
    index = index_frame(5, 3)
    chosen = strips.choose_images(index, 7, seed=3)
    assert set(chosen["split"]) == {"test"}
    assert chosen["class"].head(5).nunique() == 5
    assert chosen["image_id"].is_unique
    pd.testing.assert_frame_equal(chosen, strips.choose_images(index, 7, seed=3))
    assert len(strips.choose_images(index, 99, seed=3)) == 15


def test_label_colours_are_the_papers():
    colours = strips.colour_labels(np.array([[0, 1, 2]], dtype=np.uint8), ["main_vein", "second_order_vein"])
    assert colours[0, 0].tolist() == [255, 255, 255]
    assert colours[0, 1].max() < 40
    assert colours[0, 2, 0] > 200
    assert colours[0, 2, 1:].max() < 60


def test_nearly_flat_attention_looks_flat():
    assert strips.attention_range([np.array([[0.5, 0.501]])]) == pytest.approx((0.4755, 0.5255))
    assert strips.attention_range([np.array([[0.1]]), np.array([[0.9]])]) == pytest.approx((0.1, 0.9))


@pytest.mark.parametrize("name", ["c01", "an exceedingly long name of a class of butterflies"])
def test_strips_are_legible_for_images_of_any_shape(name):
    generator = np.random.default_rng(0)
    rows = [
        strips.Strip(
            name=name,
            image=generator.integers(0, 256, (height, width, 3), dtype=np.uint8),
            truth=truth,
            prediction=generator.integers(0, 3, (height, width), dtype=np.uint8),
            attention=generator.random((4, 5)),
        )
        for (height, width), truth in [((60, 90), np.zeros((60, 90), np.uint8)), ((120, 60), None)]
    ]
    figure = strips.strips_figure(rows, ["main_vein", "second_order_vein"])
    assert_legible(figure)
    assert "not known" in [text for text, _ in words(figure)]
    without = strips.strips_figure(rows[1:], ["main_vein", "second_order_vein"])
    assert "ground truth" not in [text for text, _ in words(without)]


def write_guided_run(folder: Path, method: str = "mga", masks: bool = True) -> list[str]:
    """A tiny data set with masks and an untrained classifier; the options of plot_strips."""
    import torch
    from maskguide import backbones, methods
    from maskguide.training import save_model

    torch.manual_seed(0)
    torch.set_num_threads(1)
    options = {"feature_weight": 0.5, "attention_weight": 0.5, "guidance_weight": 0.1}
    model = methods.create(method, backbones.create("small", None, 2), options)
    info = {"method": method, "backbone": "small", "classes": ["a", "b"], "options": options}
    (folder / "run").mkdir(parents=True)
    save_model(folder / "run" / "model.pt", model, info)
    generator = np.random.default_rng(0)
    index = index_frame(2, 1)
    (folder / "masks" / "labels").mkdir(parents=True)
    for image_id in index["image_id"]:
        pixels = generator.integers(0, 256, (48, 64, 3), dtype=np.uint8)
        Image.fromarray(pixels).save(folder / f"{image_id}.png")
        marks = generator.integers(0, 3, (48, 64), dtype=np.uint8)
        Image.fromarray(marks).save(folder / "masks" / "labels" / f"{image_id}.png")
    index["path"] = index["image_id"] + ".png"
    index["mask"] = "masks/labels/" + index["path"] if masks else ""
    index["outline"] = index["boxes"] = ""
    index.to_csv(folder / "index.csv", index=False)
    return [
        *("--index", str(folder / "index.csv"), "--masks", str(folder / "masks"), "--count", "2"),
        *("--run", str(folder / "run"), "--classes", "main_vein", "second_order_vein"),
        *("--output", str(folder / "strips.png")),
    ]


@pytest.mark.parametrize("masks", [True, False])
def test_strips_from_a_trained_classifier(tmp_path, masks):
    plot_strips.main(plot_strips.parse_args(write_guided_run(tmp_path, masks=masks)))
    with Image.open(tmp_path / "strips.png") as picture:
        assert picture.width > 900 if masks else picture.width > 700


def test_strips_refuse_what_they_cannot_show(tmp_path):
    options = write_guided_run(tmp_path, method="baseline")
    with pytest.raises(InputError, match="no attention to show"):
        plot_strips.main(plot_strips.parse_args(options))
    with pytest.raises(InputError, match="at least 1"):
        plot_strips.main(plot_strips.parse_args([*options, "--count", "0"]))
    index = pd.read_csv(tmp_path / "index.csv", keep_default_na=False)
    index.assign(split="train").to_csv(tmp_path / "index.csv", index=False)
    with pytest.raises(InputError, match="no test image"):
        plot_strips.main(plot_strips.parse_args(options))
    assert not (tmp_path / "strips.png").exists()


def test_confusion_script_sums_seeds_and_refuses_unknown_classes(tmp_path):
    folders = write_ablation(tmp_path / "runs", seeds=(1, 2))
    options = ["--runs", *map(str, folders), "--output", str(tmp_path / "confusion.png")]
    plot_confusion.main(plot_confusion.parse_args(options))
    assert (tmp_path / "confusion.png").is_file()
    table = pd.read_csv(folders[0] / "predictions.csv", dtype={"image_id": str})
    table.assign(predicted_last=10).to_csv(folders[0] / "predictions.csv", index=False)
    with pytest.raises(InputError, match="class id beyond 10"):
        plot_confusion.main(plot_confusion.parse_args(options))


def test_curves_script_refuses_runs_without_epochs(tmp_path):
    folder = write_run(tmp_path, method="mdm", backbone="contour", seed=0, epochs=0)
    with pytest.raises(InputError, match="no epochs"):
        plot_curves.main(
            plot_curves.parse_args(["--runs", str(folder), "--output", str(tmp_path / "curves.png")])
        )


def test_table_script_draws_both_kinds(tmp_path):
    segments = tables.segment_table(tables.read_segments([write_segment(tmp_path / "metrics.json")]))
    accuracies = tables.accuracy_table(runs.read_runs(write_ablation(tmp_path / "runs")), "table4")
    for name, table in (("table1", segments), ("table4", accuracies)):
        table.to_csv(tmp_path / f"{name}.csv", index=False)
        options = ["--table", str(tmp_path / f"{name}.csv"), "--output", str(tmp_path / f"{name}.png")]
        plot_table.main(plot_table.parse_args(options))
        assert (tmp_path / f"{name}.png").is_file()


@pytest.mark.parametrize("content", ["", "a,b\n1,2\n", "miou,annotation\n"])
def test_table_script_refuses_a_broken_table(tmp_path, content):
    table = tmp_path / "table.csv"
    table.write_text(content)
    with pytest.raises(InputError, match="make it again"):
        plot_table.main(plot_table.parse_args(["--table", str(table), "--output", str(tmp_path / "t.png")]))


def test_table_script_stops_with_one_line_at_a_missing_table(tmp_path):
    table, output = tmp_path / "table.csv", tmp_path / "table.png"
    command = [sys.executable, "workflow/scripts/plot_table.py"]
    command += ["--table", str(table), "--output", str(output)]
    done = subprocess.run(command, capture_output=True, text=True)
    assert done.returncode == 2
    assert done.stderr.count("\n") == 1
    assert str(table) in done.stderr
    assert not output.exists()


def test_captions_render(root):
    """As Snakemake does: Jinja with the config, then reStructuredText; a warning counts as an error."""
    from types import SimpleNamespace

    from docutils.core import publish_parts
    from jinja2 import Environment, StrictUndefined

    paths = sorted((root / "workflow" / "report").glob("*.rst"))
    assert {"workflow", "table1", "table4_tests", "strips", "contact_sheet"} <= {path.stem for path in paths}
    for path in paths:
        template = Environment(undefined=StrictUndefined).from_string(path.read_text(encoding="utf-8"))
        text = template.render(snakemake=SimpleNamespace(config={"run": "demo", "seeds": [1, 2]}))
        settings = {"halt_level": 2, "report_level": 2}
        assert publish_parts(text, writer="html", settings_overrides=settings)["body"]
