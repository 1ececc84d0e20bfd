"""The comparison of all methods: differences to the baseline, and what each row costs."""

import make_table
import numpy as np
import pandas as pd
import pytest
from example_runs import write_detector, write_run, write_segment
from example_scales import write_methods, write_scale_run
from example_tables import accuracies, pairs_of
from maskguide.plan.tables import table as plan_table
from maskguide.reporting import compare, mga, mgfe
from maskguide.reporting.runs import read_runs
from maskguide.system.files import InputError


def compared(folders, segments=(), detectors=(), name="compare"):
    measured = read_runs(folders)
    tests, frame = pairs_of(measured, name), accuracies(measured, name)
    guides = mga.read_segments(segments), mgfe.read_detectors(detectors)
    table = compare.comparison_table(frame, measured, tests, *guides)
    return table, tests, compare.comparison_text(plan_table(name), table, measured, tests)


def test_difference_stands_in_the_row_with_its_test(tmp_path):
    folders = write_methods(tmp_path, methods=("baseline", "aca", "tdsa"))
    table, tests, page = compared(folders)
    rows = table.set_index("method")
    for method in ("aca", "tdsa"):
        test = tests[tests["method_a"] == method].iloc[0]
        assert rows.loc[method, compare.DIFFERENCE].equals(test[compare.DIFFERENCE].rename(method))
        difference = rows.loc[method, "top1_last_mean"] - rows.loc["baseline", "top1_last_mean"]
        assert rows.loc[method, "difference"] == pytest.approx(difference)
    assert rows.loc["baseline", compare.DIFFERENCE].isna().all()
    assert "both columns show the last" in page


def test_costs_are_those_of_all_networks(tmp_path):
    methods = ("baseline", "aca-s1", "aca")
    folders = write_methods(tmp_path, methods=methods, seeds=(1,))
    folders += [write_scale_run(tmp_path, method=method, seed=2, train_seconds=20.5) for method in methods]
    rows = compared(folders)[0].set_index("method")
    assert rows["networks"].tolist() == [1, 1, 3]
    assert rows["epochs"].tolist() == [12, 12, 36]
    assert rows["train_seconds"].tolist() == [(61.5 + 20.5) / 2] * 2 + [(184.5 + 20.5) / 2]
    assert rows["parameters"].tolist() == [2236682, 2236682, 3 * 2236682]
    assert set(rows["marks"]) == {"none"}
    assert set(rows["guide"]) == {""}


def test_marks_and_what_learnt_from_them(tmp_path):
    marked = {"annotation": "published", "num_annotated": 40}
    folders = [
        write_run(tmp_path, "leaves", "baseline"),
        write_run(tmp_path, "leaves", "mga", **marked),
        write_run(tmp_path, "leaves", "mga-shuffled", **marked),
        write_run(tmp_path, "leaves", "mga-truth"),
        write_run(tmp_path, "leaves", "mga-auto"),
        write_run(tmp_path, "leaves", "mgfe", annotation="automatic", num_annotated=30),
        write_run(tmp_path, "leaves", "mgfe-n5", num_annotated=5),
    ]
    segments = [write_segment(tmp_path / "s.json", "leaves", num_annotated=40, train_seconds=99.4)]
    detectors = [
        write_detector(tmp_path / f"{count}.json", num_annotated=count, train_seconds=10.0 * count)
        for count in (5, 30)
    ]
    table, _, page = compared(folders, segments, detectors)
    rows = table.set_index("method")
    assert rows["marks"].to_dict() == {
        "baseline": "none",
        "mga": "40 masks",
        "mgfe": "30 boxed images",
        "mga-truth": "100 masks",
        "mga-shuffled": "40 masks",
        "mga-auto": "none",
        "mgfe-n5": "5 boxed images",
    }
    assert rows["guide_seconds"].dropna().to_dict() == {
        "mga": 99.4,
        "mgfe": 300.0,
        "mga-shuffled": 99.4,
        "mgfe-n5": 50.0,
    }
    assert rows["role"].to_dict()["mgfe-n5"] == "control"
    assert "40 masks (published)" in page
    assert "30 boxed images (**automatic**)" in page
    assert "100 masks (all training images)" in page
    assert "segmenter 99 s" in page
    assert "marks and masks drawn by image processing" in page


def test_marks_behind_what_is_seen(tmp_path):
    """By the run's own word whose masks it had: of a method that is guided by none, too."""
    marked = {"masks": "segmenter", "annotation": "manual", "num_annotated": 40}
    folders = [
        write_run(tmp_path, "leaves", "baseline"),
        write_run(tmp_path, "leaves", "swap", **marked),
        write_run(tmp_path, "leaves", "swap-elsewhere", **marked | {"masks": "elsewhere"}),
        write_run(tmp_path, "leaves", "swap-truth", masks="truth"),
        write_run(tmp_path, "leaves", "swap-rectangles", masks="rectangles"),
        write_run(tmp_path, "leaves", "blank", masks="outline"),
        write_run(tmp_path, "leaves", "tint", masks="silhouette"),
        write_run(
            tmp_path, "leaves", "crop-box-detector", **marked | {"masks": "detector", "num_annotated": 30}
        ),
    ]
    detectors = [write_detector(tmp_path / "30.json", num_annotated=30, train_seconds=300.0)]
    table, _, page = compared(folders, [write_segment(tmp_path / "s.json", "leaves")], detectors)
    rows = table.set_index("method")
    expected = {
        "baseline": ("none", ""),
        "swap": ("40 masks", "segmenter"),
        "swap-truth": ("100 masks", ""),
        "swap-elsewhere": ("40 masks", "segmenter"),
        "swap-rectangles": ("none", ""),
        "tint": ("none", ""),
        "blank": ("100 outlines", ""),
        "crop-box-detector": ("30 boxed images", "detector"),
    }
    assert {name: (row["marks"], row["guide"]) for name, row in rows.iterrows()} == expected
    assert "100 outlines (all training images, and the test images)" in page
    assert "100 masks (all training images)" in page and "detector 300 s" in page


def test_older_runs_take_their_count_from_what_learnt(tmp_path):
    folders = [write_run(tmp_path, "leaves", method) for method in ("baseline", "mga", "mgfe")]
    detector = write_detector(tmp_path / "d.json")
    rows = compared(folders, [write_segment(tmp_path / "s.json", "leaves")], [detector])[0]
    assert rows["marks"].tolist() == ["none", "60 masks", "30 boxed images"]
    assert np.isnan(rows["guide_seconds"][1])  # an older segmenter does not say
    assert compared(folders)[0]["marks"].tolist() == ["none", "masks", "boxed images"]


def test_a_method_without_a_baseline_is_shown_untested(tmp_path):
    folders = [write_run(tmp_path), write_run(tmp_path, method="mdm", backbone="contour", seed=0, epochs=0)]
    table, tests, page = compared(folders)
    assert table["difference"].isna().all()
    assert tests.empty
    assert "Not tested, for there is no baseline of the same backbone: MDM." in page


def test_two_segmenters_of_a_data_set_are_refused(tmp_path):
    folders = [write_run(tmp_path, "leaves", method) for method in ("baseline", "mga")]
    segments = [write_segment(tmp_path / f"{name}.json", "leaves") for name in "ab"]
    with pytest.raises(InputError, match="leaves: two segmenters of split 1; give one"):
        compared(folders, segments)


def test_make_table_compare(tmp_path):
    folders = write_methods(tmp_path / "runs", seeds=(1, 2))
    output = tmp_path / "tables" / "compare.csv"
    options = ["--table", "compare", "--runs", *map(str, folders), "--segments", "--detectors"]
    make_table.main(make_table.parse_args([*options, "--output", str(output)]))
    tests = pd.read_csv(output.with_name("compare_tests.csv"))
    assert set(tests["method_b"]) == {"baseline"}
    table = pd.read_csv(output)
    assert table["method"].tolist() == [
        *("baseline", "maxpool-s1", "maxpool", "aca-s1", "aca", "aca-local", "aca-object"),
        *("tdsa-channels", "tdsa"),
    ]
    assert table["role"].tolist() == ["paper"] * 5 + ["control"] * 2 + ["paper"] * 2


def test_a_row_is_tested_beside_its_twin(tmp_path):
    methods = ("baseline", "attention", "mga", "mga-shuffled", "mga-truth", "mgfe", "baseline-scaled")
    _, tests, page = compared([write_run(tmp_path, "leaves", method) for method in methods])
    pairs = set(zip(tests["method_a"], tests["method_b"], strict=True))
    assert {pair for pair in pairs if pair[1] != "baseline"} == {
        ("mga", "attention"),
        ("mga", "mga-shuffled"),
        ("mga-truth", "mga-shuffled"),
        ("mgfe", "baseline-scaled"),
    }
    below = page.split("Beside a twin that differs in one thing:")[1]
    assert "| mga − mga-shuffled " in below and "| mga − baseline " not in below
    alone = compared([write_run(tmp_path / "two", "leaves", method) for method in methods[:2]])[2]
    assert "Beside a twin" not in alone


def test_a_segmenter_of_other_marks_lends_a_row_no_seconds(tmp_path):
    marked = {"baseline": None, "mga": 60, "mga-n5": 5}
    folders = [write_run(tmp_path, "leaves", name, num_annotated=count) for name, count in marked.items()]
    segments = [write_segment(tmp_path / "s.json", "leaves", train_seconds=99.4)]  # of 60 images
    rows = compared(folders, segments)[0].set_index("method")
    assert rows["marks"].to_dict() == {"baseline": "none", "mga": "60 masks", "mga-n5": "5 masks"}
    assert rows["guide_seconds"].dropna().to_dict() == {"mga": 99.4}
