"""Charts of tables: no word is cut off or overlaps another, and each kind of table gets its own chart."""

import subprocess
import sys

import numpy as np
import plot_table
import pytest
from example_runs import (
    known,
    write_ablation,
    write_detector,
    write_region_ablation,
    write_run,
    write_segment,
)
from example_scales import write_iou, write_methods
from example_tables import accuracies
from legibility import assert_legible, words
from maskguide.drawing import table as table_charts
from maskguide.drawing.style import percent_limits
from maskguide.reporting import aca, mga, mgfe, runs
from maskguide.system.files import InputError

METHODS = ["baseline", "attention", "mga", "mga-truth", "mga-shuffled", "mga-auto", "own", "other", "third"]
SCALE_METHODS = ("aca", "maxpool", "aca-local", "aca-object", "aca-n1", "aca-n2", "aca-n4", "aca-n8")
LONG = "mga-degraded_to_a_quarter_of_the_pixels"


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
    figure = table_charts.accuracy_figure(accuracies(runs.read_runs(folders), "table4"))
    assert_legible(figure)
    assert len(figure.axes) == len(datasets)


def test_accuracy_chart_shows_published_rows_that_were_not_run(tmp_path):
    folder = write_run(tmp_path, "soycultivarvein_1to1", "mdm", "contour", 0, 0.14, epochs=0)
    figure = table_charts.accuracy_figure(accuracies(runs.read_runs([folder]), "table3"))
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
    figure = table_charts.segment_figure(mga.segment_table(mga.read_segments(paths)))
    assert_legible(figure)
    found = " ".join(text for text, _ in words(figure))
    assert "AUTOMATIC marks" in found
    assert "no true masks" in found


def test_accuracy_chart_of_regions_is_legible(tmp_path):
    folders = write_region_ablation(tmp_path, seeds=(1, 2))
    folders += write_region_ablation(tmp_path, "cottoncultivar", "resnet50", seeds=(1,))
    figure = table_charts.accuracy_figure(accuracies(runs.read_runs(folders), "mgfe_table3"))
    assert_legible(figure)
    published = [line.get_xdata()[0] for line in figure.axes[1].lines if line.get_marker() == "D"]
    assert published == [53.75, 58.33, 60.6, 62.08]
    found = [text for text, _ in words(figure)]
    assert "MGFE, boxes of other images" in found and "CottonCultivar, ResNet50" in found


def test_detection_chart_is_legible_and_shows_what_is_known(tmp_path):
    nothing = dict.fromkeys(mgfe.SCORES)
    blind = {name: {**nothing, "num_boxes": 0} for name in ("vein", "contour")}
    paths = [
        write_detector(tmp_path / "1.json"),
        write_detector(tmp_path / "2.json", num_annotated=5, map50=4.0, map50_95=1.0),
        write_detector(tmp_path / "3.json", "btfpis", {"butterfly": {}}, annotation="manual+automatic"),
        write_detector(tmp_path / "4.json", "cottoncultivar", blind, **nothing),
    ]
    table = mgfe.detection_table(mgfe.read_detectors(paths))
    figure = table_charts.detection_figure(table)
    assert_legible(figure)
    found = [text for text, _ in words(figure)]
    assert found.count("no true boxes to compare with") == 3
    assert "BtfPIS: yolov5n, learnt from 30 images, manual+AUTOMATIC boxes" in found
    assert [len(panel.get_yticks()) for panel in figure.axes] == [3, 3, 1, 3]
    assert [bar.get_width() for bar in figure.axes[0].patches] == [99.5, 98.5, 4.0]  # 5 annotated come first
    published = [line for line in figure.axes[3].lines if line.get_marker() == "D"]
    assert [value for line in published for value in line.get_xdata() if not np.isnan(value)] == [96.3]


@pytest.mark.parametrize("methods", [SCALE_METHODS[:1], SCALE_METHODS[:3], SCALE_METHODS])
@pytest.mark.parametrize("datasets", [["cub200"], ["cub200", "a_folder_of_my_own_with_a_long_name"]])
def test_scale_chart_is_legible(tmp_path, methods, datasets):
    folders = [
        folder
        for dataset in datasets
        for folder in write_methods(tmp_path, dataset, "resnet50", methods, (1, 2))
    ]
    table = aca.scale_table(runs.read_runs(folders))
    figure = table_charts.scale_figure(table)
    assert_legible(figure)
    assert sum(panel.get_visible() for panel in figure.axes) == len(methods) * len(datasets)
    titles = [panel.get_title(loc="left") for panel in figure.axes]
    panel = figure.axes[titles.index("CUB-200-2011: ACA (ResNet50)")]
    published = [line.get_ydata() for line in panel.lines if line.get_marker() == "D"]
    assert [value for line in published for value in line] == table["published"].dropna().tolist()


@pytest.mark.parametrize(("datasets", "scales"), [(1, 1), (1, 3), (2, 3), (2, 8)])
def test_box_chart_is_legible(tmp_path, datasets, scales):
    paths = [
        write_iou(
            tmp_path / f"{name}{scale}{seed}.json", name, scale, seed, mean_iou=0.5, backbone="resnet50"
        )
        for name in ("cub200", "a_folder_of_my_own_with_a_long_name")[:datasets]
        for scale in range(1, scales + 1)
        for seed in (1, 2)
    ]
    blind = dict.fromkeys(("mean_iou", "std_iou", "mean_iou_whole_image", "truth"))
    paths.append(write_iou(tmp_path / "none.json", "leaves", num_images=0, **blind))
    further = range(4, scales + 1)
    with known({f"aca-s{k}": {"method": "aca", "scale": k, "label": f"ACA, scale {k}"} for k in further}):
        figure = table_charts.box_figure(aca.box_table(aca.read_attended(paths)))
    assert_legible(figure)
    found = [text for text, _ in words(figure)]
    assert f"ACA, scale {scales}" in found
    assert "CUB-200-2011, ResNet50: 400 test images, true boxes: masks" in found
    assert found.count("no true boxes to compare with") == 1


def test_averages_of_networks_show_no_best_epoch(tmp_path):
    measured = runs.read_runs(write_methods(tmp_path, "cub200", "resnet50", ("maxpool", "aca", "maxpool-s1")))
    table = accuracies(measured, "aca_table2")
    figure = table_charts.accuracy_figure(table)
    assert_legible(figure)
    squares = [line for line in figure.axes[0].lines if line.get_marker() == "s"]
    assert {round(float(line.get_ydata()[0])) for line in squares} == {10}  # below ten published rows
    averages = table[table["method"] != "maxpool-s1"].reset_index(drop=True)
    assert not any("best epoch" in text for text, _ in words(table_charts.accuracy_figure(averages)))
    last_alone = table.assign(top1_best_by_seed=table["top1_last_by_seed"])  # no other epoch was tested
    assert not any("best epoch" in text for text, _ in words(table_charts.accuracy_figure(last_alone)))


def test_table_script_draws_each_kind(tmp_path):
    detector = write_detector(tmp_path / "detector.json")
    detections = mgfe.detection_table(mgfe.read_detectors([detector]))
    segments = mga.segment_table(mga.read_segments([write_segment(tmp_path / "metrics.json")]))
    ablation = accuracies(runs.read_runs(write_ablation(tmp_path / "runs")), "table4")
    measured = runs.read_runs(write_methods(tmp_path / "aca", methods=("aca",)))
    scales = aca.scale_table(measured)
    boxes = aca.box_table(aca.read_attended([write_iou(tmp_path / "iou.json")]))
    made = {"table1": segments, "table4": ablation, "mgfe_table1": detections, "aca_table6": scales}
    for name, table in {**made, "aca_boxes": boxes}.items():
        table.to_csv(tmp_path / f"{name}.csv", index=False)
        options = ["--table", str(tmp_path / f"{name}.csv"), "--output", str(tmp_path / f"{name}.png")]
        plot_table.main(plot_table.parse_args(options))
        assert (tmp_path / f"{name}.png").is_file()


@pytest.mark.parametrize("content", ["", "a,b\n1,2\n", "miou,annotation\n", "map50,region\n1,vein\n"])
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


def test_an_axis_of_percentages_names_no_number_that_cannot_be():
    low, high = percent_limits(94.6, 99.9)
    assert 92 < low < 94.6 and 100 < high <= 100.5  # room for a mark at 100, none for 102
    assert percent_limits(-20, 120) == pytest.approx((-2.8, 102.8))
