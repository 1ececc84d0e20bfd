"""Figures of runs: no word is cut off or overlaps another, and colours say what they should."""

import itertools

import numpy as np
import pandas as pd
import plot_confusion
import plot_curves
import pytest
from example_runs import REGION_ACCURACIES, write_ablation, write_region_ablation, write_run
from legibility import assert_legible
from maskguide.drawing import style as figure_style
from maskguide.drawing.confusion import confusion_figure
from maskguide.drawing.curves import curves_figure
from maskguide.plan import tables as plan_tables
from maskguide.reporting import labels, runs
from maskguide.system.files import InputError

METHODS = ["baseline", "attention", "mga", "mga-truth", "mga-shuffled", "mga-auto", "own", "other", "third"]
LONG = "mga-degraded_to_a_quarter_of_the_pixels"


def histories(folders):
    measured = labels.sort_rows(runs.read_runs(folders))
    return [(row, runs.read_history(row["run"])) for _, row in measured.iterrows()]


@pytest.mark.parametrize("methods", [["baseline"], [*METHODS, LONG]])
def test_curves_are_legible(tmp_path, methods):
    folders = [write_run(tmp_path, method=method, seed=seed) for method in methods for seed in (1, 2)]
    assert_legible(curves_figure(histories(folders)))


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
    figure = curves_figure(histories(folders))
    assert_legible(figure)
    panels = np.array(figure.axes).reshape(3, 4)
    assert [len(panel.lines) for panel in panels[0]] == [2, 1, 2, 2]
    runs_of_mga = [
        pd.read_csv(folder / "history.csv")
        for folder in folders
        if "/leaves/" in str(folder) and "/split1/mga/" in str(folder)
    ]
    expected = np.mean([history["test_top1"] for history in runs_of_mga], axis=0)
    colour = labels.variant("mga").colour
    line = next(line for line in panels[1, 3].lines if line.get_color() == colour)
    np.testing.assert_allclose(line.get_ydata(), expected)


def test_curves_join_the_epochs_that_were_tested(tmp_path):
    folders = [write_run(tmp_path, seed=seed, epochs=7) for seed in (1, 2)]
    tested = []
    for folder in folders:
        history = pd.read_csv(folder / "history.csv")
        history.loc[~history["epoch"].isin([3, 6, 7]), "test_top1"] = np.nan
        history.to_csv(folder / "history.csv", index=False)
        tested.append(history["test_top1"].iloc[[2, 5, 6]])
    figure = curves_figure(histories(folders))
    assert_legible(figure)
    *_, panel = figure.axes
    assert panel.lines[0].get_xdata().tolist() == [3, 6, 7]
    np.testing.assert_allclose(panel.lines[0].get_ydata(), np.mean(tested, axis=0))
    band = panel.collections[0].get_paths()[0].vertices
    assert np.isfinite(band).all() and set(band[:, 0]) == {3, 6, 7}


def test_curves_add_up_the_attention_losses_of_regions(tmp_path):
    folders = write_region_ablation(tmp_path, seeds=(1,))
    figure = curves_figure(histories(folders))
    assert_legible(figure)
    history = pd.read_csv(tmp_path / "leaves" / "split1" / "mgfe" / "small" / "seed1" / "history.csv")
    expected = history["attention_vein"] + history["attention_contour"]
    colour = labels.variant("mgfe").colour
    line = next(line for line in figure.axes[1].lines if line.get_color() == colour)
    np.testing.assert_allclose(line.get_ydata(), expected)


def test_curves_leave_out_the_attention_loss_where_nobody_has_one(tmp_path):
    figure = curves_figure(histories([write_run(tmp_path, epochs=1)]))
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
    assert_legible(confusion_figure([(title, counts, names)] * panels))


def test_confusion_shows_shares_of_the_true_class_and_drops_200_names():
    counts = np.zeros((200, 200), dtype=int)
    counts[0, :2] = 3, 1
    figure = confusion_figure([("many", counts, [f"class {k}" for k in range(200)])])
    share = figure.axes[0].images[0].get_array().filled(np.nan)
    np.testing.assert_allclose(share[0, :3], [75, 25, 0])
    assert np.isnan(share[1]).all()
    assert len(figure.axes[0].get_xticks()) == 0
    assert_legible(figure)


def test_each_method_keeps_its_own_colour():
    colours = figure_style.colours([*METHODS, LONG])
    assert len(set(colours.values())) == len(METHODS) + 1
    assert colours["mga"] == figure_style.colours(["mga"])["mga"]
    colours = figure_style.colours(REGION_ACCURACIES)
    assert len(set(colours.values())) == len(REGION_ACCURACIES)
    assert len(figure_style.colours([f"own {number}" for number in range(40)])) == 40


def test_saved_figure_is_the_same_each_time(tmp_path):
    folders = write_ablation(tmp_path / "runs", seeds=(1, 2))
    for name in ("a.png", "b.png"):
        options = ["--runs", *map(str, folders), "--output", str(tmp_path / name)]
        plot_curves.main(plot_curves.parse_args(options))
    assert (tmp_path / "a.png").read_bytes() == (tmp_path / "b.png").read_bytes()


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


def test_captions_render(root):
    """As Snakemake does: Jinja with the config, then reStructuredText; a warning counts as an error."""
    from types import SimpleNamespace

    from docutils.core import publish_parts
    from jinja2 import Environment, StrictUndefined

    paths = sorted((root / "workflow" / "report").glob("*.rst"))
    assert {"workflow", "table", "table_tests", "sweep", "cam", "boxes_sheet"} <= {
        path.stem for path in paths
    }
    shown = [{"table": table, "kind": "curves"} for table in [*plan_tables.tables(), "mine"]]
    shown.append({"table": "table1", "kind": "confusion"})
    for path, wildcards in itertools.product(paths, shown):
        template = Environment(undefined=StrictUndefined).from_string(path.read_text(encoding="utf-8"))
        told = plan_tables.table(wildcards["table"])
        job = SimpleNamespace(
            config={"run": "demo", "seeds": [1, 2]},
            wildcards=SimpleNamespace(**wildcards),
            params=SimpleNamespace(about=(told.title, told.caption, told.of_runs)),
        )
        text = template.render(snakemake=job)
        settings = {"halt_level": 2, "report_level": 2}
        assert publish_parts(text, writer="html", settings_overrides=settings)["body"]
