"""Charts of ACA's tables: no word is cut off or overlaps another, marks stand where the numbers are."""

import pandas as pd
import plot_table
import pytest
from example_scales import write_iou, write_methods
from legibility import assert_legible, words
from maskguide.drawing import scale_figures, table_figures
from maskguide.reporting import scale_tables, tables
from maskguide.reporting.runs import read_runs

METHODS = ("aca", "maxpool", "aca-local", "aca-object", "aca-n1", "aca-n2", "aca-n4", "aca-local-n8")


@pytest.mark.parametrize("methods", [METHODS[:1], METHODS[:3], METHODS])
@pytest.mark.parametrize("datasets", [["cub200"], ["cub200", "a_folder_of_my_own_with_a_long_name"]])
def test_scale_chart_is_legible(tmp_path, methods, datasets):
    folders = [
        folder
        for dataset in datasets
        for folder in write_methods(tmp_path, dataset, "resnet50", methods, (1, 2))
    ]
    table = scale_tables.scale_table(read_runs(folders))
    figure = scale_figures.scale_figure(table)
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
    figure = scale_figures.box_figure(scale_tables.box_table(scale_tables.read_attended(paths)))
    assert_legible(figure)
    found = [text for text, _ in words(figure)]
    assert "CUB-200-2011: 400 test images, true boxes: masks" in found
    assert found.count("no true boxes to compare with") == 1


def test_averages_of_networks_show_no_best_epoch(tmp_path):
    measured = read_runs(write_methods(tmp_path, "cub200", "resnet50", ("maxpool", "aca", "maxpool-s1")))
    table = tables.accuracy_table(measured, "aca_table2")
    figure = table_figures.accuracy_figure(table)
    assert_legible(figure)
    squares = [line for line in figure.axes[0].lines if line.get_marker() == "s"]
    assert {round(float(line.get_ydata()[0])) for line in squares} == {10}  # below ten published rows
    averages = table[table["method"] != "maxpool-s1"].reset_index(drop=True)
    assert not any("best epoch" in text for text, _ in words(table_figures.accuracy_figure(averages)))


def test_table_script_draws_each_kind(tmp_path):
    measured = read_runs(write_methods(tmp_path / "runs", methods=("aca",)))
    boxes = scale_tables.box_table(scale_tables.read_attended([write_iou(tmp_path / "iou.json")]))
    for name, table in (("aca_table6", scale_tables.scale_table(measured)), ("aca_boxes", boxes)):
        table.to_csv(tmp_path / f"{name}.csv", index=False)
        options = ["--table", str(tmp_path / f"{name}.csv"), "--output", str(tmp_path / f"{name}.png")]
        plot_table.main(plot_table.parse_args(options))
        assert (tmp_path / f"{name}.png").is_file()
    mixed = pd.read_csv(tmp_path / "aca_table6.csv")
    assert mixed["scale"].tolist()[:4] == ["1", "2", "3", "all"]
