"""ACA's and TDSA's tables against hand-made runs: rows, scales, attended boxes, comparisons, bad input."""

import json
import subprocess
import sys

import make_table
import numpy as np
import pandas as pd
import pytest
from example_scales import write_iou, write_methods, write_scale_run
from example_tables import accuracies, names_of, page_of, pairs_of
from maskguide.plan.tables import table as plan_table
from maskguide.reporting import aca, labels
from maskguide.reporting.runs import read_history, read_runs
from maskguide.reporting.statistics import paired_test
from maskguide.system.files import InputError


def page_of_runs(folders, name):
    measured = read_runs(folders)
    return page_of(measured, name, pairs_of(measured, name))


def test_runs_tell_networks_classifiers_and_losses(tmp_path):
    folders = [
        write_scale_run(tmp_path, method=method)
        for method in ("aca", "aca-n4-s1", "maxpool", "tdsa-channels", "baseline")
    ]
    table = read_runs(folders)
    assert table["method"].tolist() == ["aca", "aca-n4-s1", "maxpool", "tdsa-channels", "baseline"]
    assert table["networks"].tolist() == [3, 1, 3, 1, 1]
    assert table["classifiers"].tolist()[:2] == [16, 4]
    assert table["classifiers"].isna().tolist() == [False, False, True, True, True]
    assert table["losses"].tolist()[:2] == ["both", "both"]
    assert table["losses"].isna().tolist()[2:] == [True] * 3
    assert table["num_annotated"].isna().all()
    with pytest.raises(InputError, match="averages 3 networks; give their own runs"):
        read_history(folders[0])


def test_table2_has_the_papers_rows_for_its_data_set_only(tmp_path):
    methods = ("maxpool-s1", "maxpool", "aca", "aca-s1")
    folders = write_methods(tmp_path, "cub200", "resnet50", methods, seeds=(1, 2))
    folders += write_methods(tmp_path, "leaves", "small", methods, seeds=(1, 2))
    table = accuracies(read_runs(folders), "aca_table2")
    cub = table[table["dataset"] == "cub200"]
    others = [
        "pa_cnn",
        "mg_cnn",
        "mask_cnn",
        "hsnet",
        "bcnn",
        "st_cnn",
        "pdfr",
        "ra_cnn",
        "ma_cnn",
        "g2denet",
    ]
    assert cub["method"].tolist()[-4:] == ["maxpool-s1", "maxpool", "aca-s1", "aca"]
    assert set(cub["method"][:-4]) == set(others)
    assert cub.set_index("method").loc[["maxpool-s1", "maxpool", "aca"], "published"].tolist() == [
        84.0,
        85.1,
        87.9,
    ]
    assert cub["structured_annotation"].tolist() == ["Yes"] * 4 + ["No"] * 6 + ["-", "-", "No", "No"]
    assert cub.set_index("method")["role"].to_dict() == {
        **dict.fromkeys([*others, "maxpool-s1", "maxpool", "aca"], "paper"),
        "aca-s1": "control",
    }
    assert table[table["dataset"] == "leaves"]["method"].tolist() == list(cub["method"][-4:])
    page = page_of_runs(folders, "aca_table2")
    assert "Mask-CNN, published, not measured here" in names_of(page)
    assert "ResNet50, max pooling, multi-scale*" in names_of(page)
    assert "small CNN, max pooling, single scale" in names_of(page)
    assert "epochs 12," in page  # those of each network, not of all together
    for note in ("- *: trained on the images", "- A row of all scales averages", "- Structured annotation: "):
        assert note in page


def test_table5_names_what_learnt(tmp_path):
    folders = write_methods(tmp_path, "aircraft", "resnet50", ("aca", "aca-local", "aca-object"))
    table = accuracies(read_runs(folders), "aca_table5").set_index("method")
    assert table["published"].to_dict() == {"aca": 92.1, "aca-local": 86.0, "aca-object": 89.3}
    assert set(table["role"]) == {"paper"}
    assert "structured_annotation" not in table
    page = page_of_runs(folders, "aca_table5")
    assert "ACA, local loss alone, all scales (ResNet50)" in names_of(page)
    assert "masks" not in page.splitlines()[6]
    assert "Published 92.10 (FGVC-Aircraft): printed in Table 4." in page


def test_published_numbers_of_another_backbone_stand_below(tmp_path):
    page = page_of_runs(write_methods(tmp_path, "cars", "small", ("aca",), (1,)), "aca_table3")
    assert "not run here: max pooling, scale 1 (ResNet50) 91.2" in page


def test_tests_of_averages_are_of_the_last_epoch_alone(tmp_path):
    measured = read_runs(write_methods(tmp_path, methods=("maxpool-s1", "maxpool", "aca", "aca-s1")))
    tests = pairs_of(measured, "aca_table2")
    assert list(zip(tests["method_a"], tests["method_b"], strict=True)) == [
        ("aca", "maxpool"),
        ("aca", "maxpool-s1"),
        ("maxpool", "maxpool-s1"),
        ("aca", "aca-s1"),
    ]
    correct = {}
    for method in ("aca", "maxpool"):
        paths = [tmp_path / "leaves" / "split1" / method / "small" / f"seed{seed}" for seed in (1, 2, 3)]
        frames = [pd.read_csv(path / "predictions.csv") for path in paths]
        correct[method] = np.stack([frame["predicted_last"] == frame["class_id"] for frame in frames])
    expected = paired_test(correct["aca"], correct["maxpool"])
    row = tests.iloc[0]
    assert (row["difference"], row["low"], row["high"], row["p"]) == pytest.approx(
        (expected.difference, expected.low, expected.high, expected.p)
    )


def test_table6_has_each_scale_and_head(tmp_path):
    folders = write_methods(tmp_path, "cub200", "resnet50", ("aca",), (1, 2))
    folders += write_methods(tmp_path, "leaves", "small", ("maxpool",), (1,))
    measured = read_runs(folders)
    table = aca.scale_table(measured)
    cub = table[table["dataset"] == "cub200"]
    assert list(zip(cub["head"], cub["scale"], strict=True)) == [
        (head, scale) for head in ("local", "object", "average") for scale in ("1", "2", "3", "all")
    ]
    assert cub["published"].tolist() == [
        *(84.8, 85.2, 85.4, 86.8),
        *(85.3, 85.4, 85.9, 87.7),
        *(85.5, 85.4, 86.1, 87.9),
    ]
    given = [
        json.loads((folder / "metrics.json").read_text())["scales"][1]["object"] for folder in folders[:2]
    ]
    row = cub[(cub["head"] == "object") & (cub["scale"] == "2")].iloc[0]
    assert (row["mean"], row["std"]) == pytest.approx((np.mean(given), np.std(given, ddof=1)))
    assert table.loc[table["dataset"] == "leaves", "head"].tolist() == ["average"] * 4
    page = aca.scale_text(plan_table("aca_table6"), table, measured)
    assert "ACA (ResNet50), object classifier" in names_of(page)
    assert names_of(page)[-1] == "max pooling (small CNN)"
    assert page.count("published, scale 1") == 1
    assert "no standard deviation" in page


@pytest.mark.parametrize(
    ("method", "change", "message"),
    [
        ("aca-s1", {}, "holds no accuracies of scales; give runs that average all scales"),
        ("aca", {"multi": {"average": 101}}, "scale all, average is 101, not a percentage"),
        ("aca", {"multi": {"average": None}}, "scale all has no average"),
        (
            "aca",
            {"scales": [{"scale": 1, "average": 50.0}]},
            "has the scales 1 all, another run of aca 1 2 3 all",
        ),
    ],
)
def test_broken_scales_are_refused(tmp_path, method, change, message):
    folders = [write_scale_run(tmp_path, method=method), write_scale_run(tmp_path, "leaves", method, seed=2)]
    path = folders[1] / "metrics.json"
    path.write_text(json.dumps(json.loads(path.read_text()) | change))
    with pytest.raises(InputError, match=message):
        aca.scale_table(read_runs(folders))


def test_boxes_have_a_row_per_scale(tmp_path):
    paths = [write_iou(tmp_path / f"{s}{k}.json", "btfpis", s, k) for s in (1, 2) for k in (1, 2, 3)]
    paths.append(write_iou(tmp_path / "cub.json", "cub200", backbone="resnet50", truth="published boxes"))
    blind = dict.fromkeys(("mean_iou", "std_iou", "mean_iou_whole_image", "truth"))
    paths.append(write_iou(tmp_path / "none.json", "leaves", num_images=0, **blind))
    table = aca.box_table(aca.read_attended(paths))
    assert table["scale"].tolist() == [1, 2, 1, 1]
    assert table["seeds"].tolist() == [3, 3, 1, 1]
    assert (table["iou_mean"][0], table["iou_std"][0]) == pytest.approx((0.49, 0.02))
    assert table["nothing_attended"][0] == 2
    assert table["published"].tolist()[2] == 0.54
    assert table["published"].notna().sum() == 1
    page = aca.box_text(plan_table("aca_boxes"), table)
    assert "0.490 ± 0.020" in page
    assert "no test image has a true box" in page
    assert "Published 0.54 (CUB-200-2011): Figure 7" in page


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"mean_iou": 54.0}, "mean_iou is 54.0, not between 0 and 1"),
        ({"method": "aca"}, "'aca' names no scale of ACA"),
        ({"method": "baseline"}, "'baseline' names no scale of ACA"),
        ({"seed": 1}, "another is also of aca-s1 with split 1 and seed 1"),
        ({"truth": "outlines"}, "btfpis, split 1 has truth masks and outlines"),
    ],
)
def test_broken_boxes_are_refused(tmp_path, change, message):
    paths = [write_iou(tmp_path / "1.json"), write_iou(tmp_path / "2.json", seed=2)]
    paths[1].write_text(json.dumps(json.loads(paths[1].read_text()) | change))
    with pytest.raises(InputError, match=message):
        aca.read_attended(paths)
    paths[1].write_text("{}")
    with pytest.raises(InputError, match="dataset is missing"):
        aca.read_attended(paths)
    paths[1].write_text("[]")
    with pytest.raises(InputError, match="holds no measurements"):
        aca.read_attended(paths)


def test_tdsa_rows_build_up(tmp_path):
    folders = write_methods(tmp_path, methods=("tdsa", "tdsa-channels", "baseline", "aca-s1"))
    folders += write_methods(tmp_path, "cub200", "vgg16_bn", ("tdsa-crossentropy", "tdsa-channels", "tdsa"))
    measured = read_runs(folders)
    table = accuracies(measured, "tdsa_table1")
    leaves = table[table["dataset"] == "leaves"]
    assert leaves["method"].tolist() == ["baseline", "aca-s1", "tdsa-channels", "tdsa"]
    assert leaves["role"].tolist() == ["paper", "control", "paper", "paper"]
    tests = pairs_of(measured, "tdsa_table1")
    pairs = tests
    assert list(zip(pairs["dataset"], pairs["method_a"], pairs["method_b"], strict=True)) == [
        ("leaves", "tdsa-channels", "baseline"),
        ("leaves", "tdsa", "tdsa-channels"),
        ("leaves", "tdsa", "baseline"),
        ("cub200", "tdsa-channels", "tdsa-crossentropy"),
        ("cub200", "tdsa", "tdsa-channels"),
        ("cub200", "tdsa", "tdsa-crossentropy"),
    ]
    page = page_of(measured, "tdsa_table1", tests)
    assert "small CNN + channel constraint + top-down attention (TDSA)" in names_of(page)
    assert "VGG16-BN, cross-entropy, the published architecture" in names_of(page)
    assert "prints no numbers" in page


def test_methods_stand_in_one_order():
    names = ["own", "tdsa", "aca", "mgfe", "maxpool", "aca-s1", "tdsa-channels", "baseline", "maxpool-s1"]
    assert labels.sort_methods(names) == [
        *("baseline", "mgfe", "maxpool-s1", "maxpool", "aca-s1", "aca"),
        *("tdsa-channels", "tdsa", "own"),
    ]
    assert labels.method_label("aca-n4-s1", "resnet50") == "ACA, 4 classifiers, scale 1 (ResNet50)"
    assert labels.method_label("tdsa-channels") == "TDSA, channel constraint"
    assert labels.method_label("hsnet", "unnamed") == "HSNet"


@pytest.mark.parametrize("name", ["aca_table4", "tdsa_table1"])
def test_make_table_writes_its_tests(tmp_path, name):
    folders = write_methods(tmp_path / "runs", seeds=(1, 2))
    output = tmp_path / "tables" / f"{name}.csv"
    options = ["--table", name, "--runs", *map(str, folders), "--output", str(output)]
    make_table.main(make_table.parse_args(options))
    assert sorted(path.name for path in output.parent.iterdir()) == [
        f"{name}.csv",
        f"{name}.md",
        f"{name}_tests.csv",
    ]
    assert len(pd.read_csv(output)) == len(folders) / 2


def test_make_table_6_and_boxes_on_the_command_line(tmp_path):
    run, iou = write_scale_run(tmp_path / "runs"), write_iou(tmp_path / "iou.json")
    script = [sys.executable, "workflow/scripts/make_table.py"]
    for name, given in (("aca_table6", ["--runs", str(run)]), ("aca_boxes", ["--attended", str(iou)])):
        output = tmp_path / "tables" / f"{name}.csv"
        command = [*script, "--table", name, *given, "--output", str(output)]
        subprocess.run(command, check=True, capture_output=True)
        assert output.is_file()
        assert output.with_suffix(".md").is_file()
    iou.write_text("{}")
    done = subprocess.run([*command[:-1], str(tmp_path / "no" / "t.csv")], capture_output=True, text=True)
    assert done.returncode == 2
    assert done.stderr.count("\n") == 1
    assert "dataset is missing" in done.stderr
    assert not (tmp_path / "no").exists()
