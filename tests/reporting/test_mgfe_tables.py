"""MGFE's tables against hand-made detectors and runs: rows, published values, comparisons, bad input."""

import json
import subprocess
import sys

import make_table
import numpy as np
import pandas as pd
import pytest
from example_runs import write_detector, write_region_ablation, write_run
from example_tables import accuracies, names_of, page_of, pairs_of
from maskguide.plan.tables import table as plan_table
from maskguide.reporting import labels, mgfe
from maskguide.reporting.runs import read_runs
from maskguide.reporting.statistics import paired_test
from maskguide.system.files import InputError

WEIGHTS = "α weighs the backbone's map M"
ACTIVATION = "Softmax (the paper's)"


def detections(*paths):
    return mgfe.detection_table(mgfe.read_detectors(paths))


def page_of_runs(folders, name="mgfe_table3"):
    measured = read_runs(folders)
    return page_of(measured, name, pairs_of(measured, name))


def test_detection_has_a_row_per_region_and_their_mean(tmp_path):
    table = detections(
        write_detector(tmp_path / "30.json", "cottoncultivar", {"vein": {"missing_train": 4}, "contour": {}}),
        write_detector(tmp_path / "b.json", "btfpis", {"butterfly": {}}),
        write_detector(tmp_path / "5.json", "cottoncultivar", num_annotated=5, map50=50.0),
    )
    assert table["dataset"].tolist() == ["cottoncultivar"] * 6 + ["btfpis"] * 2
    assert table["num_annotated"].tolist() == [5] * 3 + [30] * 5
    assert table["region"].tolist()[3:6] == ["vein", "contour", mgfe.MEAN]
    vein, mean = table.iloc[3], table.iloc[5]
    assert (vein["missing"], vein["missing_train"], vein["missing_test"], vein["num_images"]) == (
        6,
        4,
        2,
        320,
    )
    assert (mean["num_boxes"], mean["map50"]) == (320, 99.0)
    assert pd.isna(mean["missing"])
    assert table["published"].dropna().tolist() == [96.3, 96.3]
    assert set(table.loc[table["published"].notna(), "region"]) == {mgfe.MEAN}


def test_detection_page_says_what_is_behind_the_numbers(tmp_path):
    nothing = {name: dict.fromkeys(mgfe.SCORES) | {"num_boxes": 0} for name in ("vein", "contour")}
    page = mgfe.detection_text(
        plan_table("mgfe_table1"),
        detections(
            write_detector(tmp_path / "1.json", annotation="manual+automatic"),
            write_detector(tmp_path / "2.json", "btfpis", {"butterfly": {}}, annotation="masks"),
            write_detector(
                tmp_path / "3.json",
                "soycultivarlocal",
                nothing,
                **dict.fromkeys(mgfe.SCORES),
                annotation="manual",
                train_seconds=None,
            ),
        ),
    )
    leaves, butterflies, soy = (section.split("\n- ")[0] for section in page.split("## ")[1:])
    assert "manual+**automatic**" in leaves
    assert "starting weights none, 100 epochs, confidence 0.25; trained in 312 seconds." in leaves
    assert "2 of 320" in leaves
    assert names_of(butterflies) == ["region", "---------", "butterfly"]  # its mean says the same again
    assert "99.5 |" in soy
    assert "trained" not in soy
    assert page.count("drawn by image processing") == 1
    assert "around the publisher's masks" in page
    assert "no test image has a true box" in page


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"map50": 101}, "map50 is 101, not a percentage"),
        ({"recall": "all"}, "recall is all, not a percentage"),
        ({"regions": {}}, "names no regions"),
        ({"regions": {"vein": 3}}, "vein: num_boxes is missing"),
        ({"regions": []}, "names no regions"),
    ],
)
def test_broken_detector_is_refused(tmp_path, change, message):
    path = write_detector(tmp_path / "metrics.json")
    path.write_text(json.dumps(json.loads(path.read_text()) | change))
    with pytest.raises(InputError, match=message) as error:
        mgfe.read_detectors([path])
    assert str(path) in str(error.value)


def test_detector_without_a_key_or_twice_is_refused(tmp_path):
    path = tmp_path / "metrics.json"
    path.write_text("[]")
    with pytest.raises(InputError, match="holds no measurements"):
        mgfe.read_detectors([path])
    path.write_text("{}")
    with pytest.raises(InputError, match="dataset is missing"):
        mgfe.read_detectors([path])
    paths = [write_detector(tmp_path / name) for name in ("a.json", "b.json")]
    with pytest.raises(InputError, match="is also of leaves, split 1, with 30 annotated images"):
        mgfe.read_detectors(paths)


def test_table2_shows_methods_that_only_the_paper_ran(tmp_path):
    folders = [
        write_run(tmp_path, "cottoncultivar", method, backbone, 1)
        for method, backbone in [("mgfe", "resnet50"), ("baseline", "resnet50"), ("baseline", "alexnet")]
    ] + [write_run(tmp_path, method=method, seed=1) for method in ("baseline", "mgfe")]
    table = accuracies(read_runs(folders), "mgfe_table2")
    cotton = table[table["dataset"] == "cottoncultivar"]
    only = ["improved-bcnn", "nts", "mpn-cov", "dcl", "maskcov"]
    assert cotton["method"].tolist() == ["baseline", "baseline", *only, "mgfe"]
    assert cotton["published"].tolist() == [22.92, 52.5, 45.0, 51.67, 50.0, 53.75, 58.75, 62.08]
    assert cotton["seeds"].tolist() == [1, 1, 0, 0, 0, 0, 0, 1]
    assert table.loc[table["dataset"] == "btfpis", "method"].tolist() == ["baseline", "mgfe"]
    page = page_of_runs(folders, "mgfe_table2")
    assert "DCL (ResNet50), published, not measured here" in names_of(page)
    assert "not run here: baseline (VGG16) 50.83, baseline (InceptionV3) 37.50" in page
    assert "from the MaskCOV paper" in page
    assert WEIGHTS not in page


def test_a_peer_that_was_run_stands_beside_its_published_number(tmp_path):
    runs = [("mpn-cov", "resnet50"), ("improved-bcnn", "vgg16"), ("mpn-cov", "vgg16"), ("baseline", "vgg16")]
    folders = [write_run(tmp_path, "cottoncultivar", *each, 1) for each in runs]
    table = accuracies(read_runs(folders), "mgfe_table2").set_index(["method", "backbone"])
    assert table["published"].dropna().to_dict() == {
        **{("baseline", "vgg16"): 50.83, ("improved-bcnn", "vgg16"): 45.0, ("nts", "resnet50"): 51.67},
        **{("mpn-cov", "resnet50"): 50.0, ("dcl", "resnet50"): 53.75, ("maskcov", "resnet50"): 58.75},
    }
    assert table["seeds"].to_dict() == {
        **dict.fromkeys(runs, 1),
        **dict.fromkeys([(name, "resnet50") for name in ("nts", "dcl", "maskcov")], 0),
    }
    assert set(table["role"]) == {"paper"}
    page = page_of_runs(folders, "mgfe_table2")
    assert "fast-MPN-COV (ResNet50)" in names_of(page) and "reduces the channels starts anew" in page


def test_table3_names_rows_by_their_regions_and_controls_stand_apart(tmp_path):
    folders = write_region_ablation(tmp_path, "cottoncultivar", "resnet50", seeds=(1, 2))
    table = accuracies(read_runs(folders), "mgfe_table3")
    paper = table[table["role"] == "paper"]
    assert paper["method"].tolist() == ["baseline", "mgfe-vein", "mgfe-contour", "mgfe"]
    assert paper["published"].tolist() == [53.75, 58.33, 60.6, 62.08]
    page = page_of_runs(folders)
    before, after = page.split(plan_table("mgfe_table3").others)
    assert names_of(before)[2:] == [
        "ResNet50",
        "ResNet50 + M_vein",
        "ResNet50 + M_contour",
        "ResNet50 + M_vein + M_contour",
    ]
    assert names_of(after)[2:9] == [
        "MGA (ResNet50)",
        "MGFE, vein, sigmoid (ResNet50)",
        "MGFE, sigmoid (ResNet50)",
        "MGFE, binarised masks (ResNet50)",
        "MGFE, masked counterparts (ResNet50)",
        "MGFE, boxes of other images (ResNet50)",
        "MGFE, 5 annotated (ResNet50)",
    ]
    for note in (WEIGHTS, ACTIVATION, mgfe.NOT_DETECTED):
        assert note in page
    assert "Rows of MGFE that name no activation have softmax." in page
    assert "MGA: guided by masks of pixels" in page


def test_a_single_region_is_named_by_what_guided(tmp_path):
    folders = [
        write_run(tmp_path, "btfpis", method, seed=1, regions=["butterfly"], annotation=annotation)
        for method, annotation in [("baseline", None), ("mgfe", "automatic")]
    ]
    page = page_of_runs(folders)
    assert names_of(page)[2:4] == ["MobileNetV2", "MobileNetV2 + M_butterfly"]
    assert "Variants and controls" not in page
    assert "| **automatic** |" in page
    assert "drawn by image processing" in page.replace("\n", " ")


def test_comparisons_are_those_that_answer_a_question():
    names = [
        "mga",
        "mgfe-vein-sigmoid",
        "mgfe-vein",
        "mgfe",
        "baseline",
        "mgfe-sigmoid",
        "mgfe-sigmoid-shuffled",
    ]
    rows = [labels.variant(name) for name in labels.sort_methods(names)]
    assert plan_table("mgfe_table3").pairs(rows) == [
        ("mgfe-vein", "baseline"),
        ("mgfe", "baseline"),
        ("mgfe-vein-sigmoid", "baseline"),
        ("mgfe-sigmoid", "baseline"),
        ("mgfe-sigmoid-shuffled", "baseline"),
        ("mgfe-vein-sigmoid", "mgfe-vein"),
        ("mgfe-sigmoid", "mgfe"),
        ("mgfe-sigmoid", "mgfe-sigmoid-shuffled"),
        ("mgfe", "mga"),
    ]


def test_make_table_3_writes_its_tests(tmp_path):
    folders = write_region_ablation(tmp_path / "runs")
    output = tmp_path / "tables" / "mgfe_table3.csv"
    options = ["--table", "mgfe_table3", "--runs", *map(str, folders)]
    make_table.main(make_table.parse_args([*options, "--output", str(output)]))
    assert sorted(path.name for path in output.parent.iterdir()) == [
        "mgfe_table3.csv",
        "mgfe_table3.md",
        "mgfe_table3_tests.csv",
    ]
    tests = pd.read_csv(output.with_name("mgfe_table3_tests.csv"))
    assert len(tests) == 13
    correct = {}
    for method in ("mgfe-sigmoid", "mgfe"):
        frames = [
            pd.read_csv(
                tmp_path / "runs" / "leaves" / "split1" / method / "small" / f"seed{seed}" / "predictions.csv"
            )
            for seed in (1, 2, 3)
        ]
        correct[method] = np.stack([frame["predicted_last"] == frame["class_id"] for frame in frames])
    expected = paired_test(correct["mgfe-sigmoid"], correct["mgfe"])
    row = tests.query("method_a == 'mgfe-sigmoid' and method_b == 'mgfe'").iloc[0]
    assert row["difference"] == pytest.approx(expected.difference)
    assert (row["low"], row["high"], row["p"]) == pytest.approx((expected.low, expected.high, expected.p))


def test_make_table_1_on_the_command_line(tmp_path):
    path, output = write_detector(tmp_path / "metrics.json"), tmp_path / "tables" / "mgfe_table1.csv"
    command = [sys.executable, "workflow/scripts/make_table.py", "--table", "mgfe_table1"]
    command += ["--detectors", str(path), "--output", str(output)]
    subprocess.run(command, check=True, capture_output=True)
    assert pd.read_csv(output)["map50"].tolist() == [99.5, 98.5, 99.0]
    assert output.with_suffix(".md").is_file()
    path.write_text(path.read_text().replace('"num_boxes"', '"boxes"'))
    output = tmp_path / "again" / "mgfe_table1.csv"
    done = subprocess.run([*command[:-1], str(output)], capture_output=True, text=True)
    assert done.returncode == 2
    assert done.stderr.count("\n") == 1
    assert "vein: num_boxes is missing" in done.stderr
    assert not output.parent.exists()


@pytest.mark.parametrize(("table", "option"), [("mgfe_table1", "--detectors"), ("mgfe_table2", "--runs")])
def test_make_table_says_what_to_give(tmp_path, table, option):
    with pytest.raises(InputError, match=f"give {option}"):
        make_table.main(make_table.parse_args(["--table", table, "--output", str(tmp_path / "t.csv")]))
