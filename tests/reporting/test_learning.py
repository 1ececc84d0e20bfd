"""Rows that were still learning: by their own training images, and by twice the epochs."""

import json
import subprocess
import sys

import make_table
import pandas as pd
import pytest
from example_runs import write_run
from example_tables import accuracies, page_of
from maskguide.drawing.table import accuracy_figure
from maskguide.reporting.runs import read_runs
from maskguide.reporting.statistics import paired_test
from maskguide.system.files import InputError

LONGER = {"mga-truth": "mga"}
SEEDS = (1, 2, 3, 4, 5)


def written(tmp_path, accuracy=0.93, **metrics):
    rows = {"baseline": 0.8, "mga": 0.8}
    folders = [
        write_run(tmp_path, method=method, seed=seed, accuracy=rate, **metrics)
        for method, rate in rows.items()
        for seed in SEEDS
    ]
    longer = {"method": "mga-truth", "epochs": 24, "accuracy": accuracy, **metrics}
    return [*folders, *(write_run(tmp_path, seed=seed, **longer) for seed in SEEDS)]


def made(tmp_path, folders, longer=LONGER, table="table4"):
    options = ["--table", table, "--runs", *map(str, folders), "--longer", json.dumps(longer)]
    output = tmp_path / f"{table}.csv"
    make_table.main(make_table.parse_args([*options, "--output", str(output)]))
    return pd.read_csv(output).set_index("method"), output.with_suffix(".md").read_text()


@pytest.mark.parametrize(("values", "marked"), [((94.0, 95.9), True), ((94.1, 95.9), False)])
def test_a_row_below_95_percent_of_its_training_images_is_marked(tmp_path, values, marked):
    folders = [write_run(tmp_path, seed=seed, train_top1=value) for seed, value in enumerate(values)]
    measured = read_runs(folders)
    table, page = accuracies(measured, "table4"), page_of(measured, "table4")
    assert table["train_top1_mean"].iloc[0] == pytest.approx(sum(values) / 2)
    assert table["learning"].iloc[0] == ("still learning" if marked else "")
    assert (", **still learning**" in page) == marked
    assert "Still learning: a row below 95 %" in page
    label = accuracy_figure(table).axes[0].get_yticklabels()[0].get_text()
    assert ("still learning" in label) == marked


def test_older_runs_say_nothing_of_it(tmp_path):
    measured = read_runs([write_run(tmp_path)])
    assert accuracies(measured, "table4")["learning"].tolist() == [""]
    page = page_of(measured, "table4")
    assert "learning: a row" not in page and "training images |" not in page


def test_twice_the_epochs_are_tested_on_the_same_replicates(tmp_path):
    folders = written(tmp_path)
    rows, page = made(tmp_path, folders)
    assert rows.index.tolist() == ["baseline", "mga"]  # the longer one is no row
    assert rows.loc["mga", "longer"] == "mga-truth"
    correct = {}
    for method in ("mga", "mga-truth"):
        tables = [pd.read_csv(each / "predictions.csv") for each in folders if each.parts[-3] == method]
        correct[method] = [table["predicted_last"] == table["class_id"] for table in tables]
    expected = paired_test(correct["mga-truth"], correct["mga"])
    for name in ("difference", "low", "high", "p", "replicates", "detectable"):
        assert rows.loc["mga", f"longer_{name}"] == pytest.approx(getattr(expected, name))
    assert rows["learning"].fillna("").tolist() == ["", "still learning"]
    assert "**still learning**" in page and "epochs 12, " in page
    tests = pd.read_csv(tmp_path / "table4_tests.csv")
    assert "mga-truth" not in set(tests["method_a"])


def test_replicates_that_were_not_trained_longer_are_left_out(tmp_path):
    folders = [each for each in written(tmp_path) if not each.match("mga-truth/*/seed[45]")]
    rows, _ = made(tmp_path, folders)
    assert rows.loc["mga", ["seeds", "longer_replicates"]].tolist() == [5, 3]


@pytest.mark.parametrize(("moved", "marked"), [(1, False), (2, True), (-2, True)])
def test_two_points_either_way_mark_a_row(tmp_path, moved, marked):
    folders = [write_run(tmp_path, test_per_class=10), write_run(tmp_path, method="mga", test_per_class=10)]
    longer = write_run(tmp_path, method="mga-truth", test_per_class=10, epochs=24)
    for folder, wrong in ((folders[1], 30), (longer, 30 - moved)):
        answers = pd.read_csv(folder / "predictions.csv", dtype={"image_id": str})
        answers["predicted_last"] = answers["class_id"]
        answers.loc[: wrong - 1, "predicted_last"] = (answers["class_id"] + 1) % 10
        answers.to_csv(folder / "predictions.csv", index=False)
    rows, page = made(tmp_path, [*folders, longer])
    assert rows.loc["mga", "longer_difference"] == pytest.approx(moved)
    assert ("**still learning**" in page) == marked


def test_comparisons_show_it_too(tmp_path):
    rows, page = made(tmp_path, written(tmp_path, train_top1=99.0), table="compare")
    assert rows["learning"].fillna("").tolist() == ["", "still learning"]
    heading, _, baseline, mga = page.splitlines()[6:10]
    assert "| training images |" in heading and " twice the epochs |" in heading
    assert " 99.0 |" in baseline and "**still learning**" not in baseline and "**still learning**" in mga


@pytest.mark.parametrize(
    ("longer", "message"),
    [
        ("[", "is no JSON such as"),
        ('["mga"]', "is no JSON such as"),
        ('{"mga": 3}', "is no JSON such as"),
        ('{"mga-2x": "mga"}', "no run of mga-2x is given"),
        ('{"mga": "attention"}', "no run of attention is given"),
        (
            '{"mga": "baseline"}',
            "mga/mobilenet_v2/seed1: has 12 epochs, baseline 12; give a run of twice as many",
        ),
        ('{"mga-truth": "mga", "mga": "baseline"}', "mga is itself a longer run"),
        ('{"mga-truth": "baseline", "mga": "baseline"}', "two names for the row baseline"),
    ],
)
def test_what_is_no_longer_run_is_refused_in_one_line(tmp_path, longer, message):
    folders = written(tmp_path)
    command = [sys.executable, "workflow/scripts/make_table.py", "--table", "table4", "--longer", longer]
    command += ["--runs", *map(str, folders), "--output", str(tmp_path / "out" / "table4.csv")]
    done = subprocess.run(command, capture_output=True, text=True)
    assert done.returncode == 2
    assert done.stderr.count("\n") == 1
    assert message in done.stderr
    assert not (tmp_path / "out").exists()


def test_a_share_beyond_100_is_refused(tmp_path):
    with pytest.raises(InputError, match="train_top1 is 120, not a percentage"):
        read_runs([write_run(tmp_path, train_top1=120)])
