"""Tables against hand-made run folders: numbers by NumPy, published values by the paper, bad runs refused."""

import json
import re
import subprocess
import sys

import collect_metrics
import make_table
import numpy as np
import pandas as pd
import pytest
import yaml
from example_runs import write_ablation, write_run, write_segment
from example_tables import accuracies, page_of, pairs_of
from maskguide.plan.tables import table as plan_table
from maskguide.reporting import labels, markdown, mga, text
from maskguide.reporting.runs import read_runs
from maskguide.reporting.statistics import paired_test
from maskguide.system.files import InputError


def columns_of(line: str) -> list[str]:
    """The cells of a Markdown table's line."""
    return [cell.strip() for cell in re.split(r"(?<!\\)\|", line.strip("|\n"))]


def test_mean_and_sample_deviation_over_seeds(tmp_path):
    folders = [
        write_run(tmp_path, seed=seed, top1_best=best, top1_last=last)
        for seed, best, last in [(213, 93.25, 93.25), (1, 96.0, 95.5), (2, 93.75, 93.75)]
    ]
    table = accuracies(read_runs(folders), "table2")
    assert len(table) == 1
    row = table.iloc[0]
    assert row["top1_best_mean"] == pytest.approx((93.25 + 96 + 93.75) / 3)
    assert row["top1_best_std"] == pytest.approx(np.std([93.25, 96, 93.75], ddof=1))
    assert row["top1_last_std"] == pytest.approx(np.std([93.25, 95.5, 93.75], ddof=1))
    assert (row["seeds"], row["seed_numbers"]) == (3, "1 2 213")
    assert row["top1_last_by_seed"] == "95.5000 93.7500 93.2500"
    assert row["published"] == 91.5


def test_one_seed_has_no_deviation_and_the_page_says_so(tmp_path):
    measured = read_runs([write_run(tmp_path, top1_last=90.0)])
    table = accuracies(measured, "table2")
    assert np.isnan(table["top1_last_std"].iloc[0])
    page = page_of(measured, "table2")
    assert "| 90.0 " in re.sub(" +", " ", page).replace("|  ", "| ")
    assert "±" not in page.split("\n- ")[0]
    assert text.ONE_RUN in page


def test_published_number_needs_the_same_dataset_method_and_backbone(tmp_path):
    folders = [
        write_run(tmp_path, "soycultivarvein", "baseline", "densenet161"),
        write_run(tmp_path, "soycultivarvein", "mga", "densenet161"),
        write_run(tmp_path, "soycultivarvein", "mga-truth", "densenet161"),
        write_run(tmp_path, "soycultivarvein", "mga", "resnet18"),
        write_run(tmp_path, "leaves", "baseline", "densenet161"),
    ]
    table = accuracies(read_runs(folders), "table4")
    found = {(row["dataset"], row["method"], row["backbone"]): row for _, row in table.iterrows()}
    assert found["soycultivarvein", "baseline", "densenet161"]["published"] == 43.5
    assert found["soycultivarvein", "baseline", "densenet161"]["published_note"] == "43.00 in Table 2"
    assert found["soycultivarvein", "mga", "densenet161"]["published"] == 45.75
    assert table["published"].notna().sum() == 2
    second = accuracies(read_runs(folders[:1]), "table2").iloc[0]
    assert (second["published"], second["published_note"]) == (43.0, "43.50 in Table 4")


def test_numbers_that_the_paper_prints_for_other_backbones_are_named_below(tmp_path):
    measured = read_runs([write_run(tmp_path, method="mga", backbone="mobilenet_v2")])
    page = page_of(measured, "table4")
    assert "BtfPIS, not run here: baseline (DenseNet161) 69.75, attention (DenseNet161) 93.00" in page


def test_table3_keeps_published_rows_that_were_not_run(tmp_path):
    folders = [write_run(tmp_path, "soycultivarvein_1to1", "mga", "densenet161", seed) for seed in (1, 2)] + [
        write_run(tmp_path, "soycultivarvein_1to1", "mdm", "contour", 0, epochs=0)
    ]
    measured = read_runs(folders)
    table = accuracies(measured, "table3")
    assert table["method"].tolist() == ["mdm", "dbcsr", "mort", "mga"]
    assert table["published"].tolist() == [13.4, 14.1, 28.5, 32.2]
    assert table["seeds"].tolist() == [1, 0, 0, 2]
    page = page_of(measured, "table3")
    assert columns_of(next(line for line in page.splitlines() if "MORT" in line))[3:] == ["–"] * 4 + ["28.5"]
    other = accuracies(read_runs([write_run(tmp_path, "btfpis", "mdm", "contour", 0)]), "table3")
    assert other["method"].tolist() == ["mdm"]


def test_rows_are_ordered_by_method_and_the_controls_stand_apart(tmp_path):
    measured = read_runs(write_ablation(tmp_path)[::-1])
    table = accuracies(measured, "table4")
    assert table["method"].tolist() == ["baseline", "attention", "mga", "mga-truth", "mga-shuffled"]
    assert table["role"].tolist() == ["paper"] * 3 + ["control"] * 2
    page = page_of(measured, "table4", pairs_of(measured, "table4"))
    assert page.index("+ attention + mask guidance") < page.index("Controls") < page.index("shuffled masks")


def test_sorting_keeps_datasets_as_met_and_unknown_names_last():
    frame = pd.DataFrame(
        [("zoo", "own", "x"), ("zoo", "mga", "x"), ("ant", "mga", "own"), ("ant", "mga", "vgg19")],
        columns=["dataset", "method", "backbone"],
    )
    rows = labels.sort_rows(frame).to_numpy().tolist()
    assert rows == [
        ["zoo", "mga", "x"],
        ["zoo", "own", "x"],
        ["ant", "mga", "vgg19"],
        ["ant", "mga", "own"],
    ]


def test_paired_tests_pair_seeds_and_images(tmp_path):
    folders = write_ablation(tmp_path, seeds=(1, 2, 3))
    # The order of images in a file must not matter.
    shuffled = pd.read_csv(folders[0] / "predictions.csv", dtype=str).sample(frac=1, random_state=0)
    shuffled.to_csv(folders[0] / "predictions.csv", index=False)
    tests = pairs_of(read_runs(folders), "table4")
    assert set(zip(tests["method_a"], tests["method_b"], strict=True)) == {
        ("mga", "attention"),
        ("mga", "baseline"),
        ("attention", "baseline"),
        ("mga-truth", "baseline"),
        ("mga-shuffled", "baseline"),
        ("mga", "mga-shuffled"),
    }
    correct = {}
    for method in ("mga", "baseline"):
        frames = [
            pd.read_csv(
                tmp_path / "btfpis" / "split1" / method / "mobilenet_v2" / f"seed{seed}" / "predictions.csv"
            )
            for seed in (1, 2, 3)
        ]
        frames = [frame.sort_values("image_id") for frame in frames]
        correct[method] = np.stack([frame["predicted_last"] == frame["class_id"] for frame in frames])
    expected = paired_test(correct["mga"], correct["baseline"])
    row = tests.query("method_a == 'mga' and method_b == 'baseline'").iloc[0]
    assert (row["replicates"], row["splits"], row["images"]) == (3, 1, 80)
    assert row["difference"] == pytest.approx(expected.difference)
    assert (row["low"], row["high"], row["p"]) == (expected.low, expected.high, expected.p)
    assert row["verdict"] == "no verdict" and np.isnan(row["p_holm"])


def test_page_claims_nothing_where_the_interval_includes_zero(tmp_path):
    measured = read_runs(write_ablation(tmp_path, seeds=(1, 2)))
    tests = pairs_of(measured, "table4")
    tests["low"], tests["high"], tests["verdict"] = -1.0, 2.0, "no difference shown"
    page = page_of(measured, "table4", tests)
    rows = [line for line in page.splitlines() if "−1.00 to +2.00" in line]
    assert len(rows) == len(tests)
    assert all("no difference shown" in line and "**" not in line for line in rows)


def test_masks_and_marks_from_image_processing_are_conspicuous(tmp_path):
    for folder in [
        write_run(tmp_path, method="mga-auto"),
        write_run(tmp_path, dataset="leaves", method="mga", annotation="automatic+manual"),
    ]:
        measured = read_runs([folder])
        page = page_of(measured, "table4")
        assert "| **auto" in page
        assert "were drawn by image processing, not by a person" in page
    measured = read_runs([write_run(tmp_path, method="mga")])
    page = page_of(measured, "table4")
    assert "**" not in page


def test_methods_without_a_shared_seed_are_refused(tmp_path):
    folders = [write_run(tmp_path, method="mga", seed=1), write_run(tmp_path, method="baseline", seed=2)]
    with pytest.raises(
        InputError, match="mga has split 1, seed 1, baseline on btfpis has not; give runs of both"
    ):
        pairs_of(read_runs(folders), "table4")


def test_runs_on_other_test_images_are_refused(tmp_path):
    folders = [write_run(tmp_path, method=method) for method in ("mga", "baseline")]
    path = folders[1] / "predictions.csv"
    path.write_text(path.read_text().replace("00000,", "other,"))
    with pytest.raises(InputError, match="other test images"):
        pairs_of(read_runs(folders), "table4")


def test_protocol_names_what_differed(tmp_path):
    first, second = write_run(tmp_path, seed=1), write_run(tmp_path, backbone="vgg19", seed=1)
    record = yaml.safe_load((second / "args.yaml").read_text())
    record["options"] |= {"learning_rate": 0.005, "weights": None}
    (second / "args.yaml").write_text(yaml.safe_dump(record))
    sentence = text.protocol(read_runs([first, second]), "btfpis")
    assert sentence == (
        "Measured with 100 training and 80 test images in 10 classes; epochs 12, crop 224, batch 32, "
        "learning rate 0.01 / 0.005, weights mobilenet_v2-imagenet.pth."
    )


def test_segment_table_shows_each_datasets_own_classes(tmp_path):
    veins = {"background": 98.0, "main_vein": 70.0, "second_order_vein": None}
    paths = [
        write_segment(tmp_path / "a.json"),
        write_segment(tmp_path / "b.json", "leaves", iou=veins, miou=84.0, annotation="automatic"),
        write_segment(tmp_path / "c.json", "hainanleaf", iou={"background": None}, miou=None),
    ]
    table = mga.segment_table(mga.read_segments(paths))
    assert table["miou"].tolist()[:2] == [92.2895, 84.0]
    assert np.isnan(table["miou"].iloc[2])
    assert table["published"].iloc[0] == 95.93
    assert table["published"].iloc[2] == 41.31
    page = mga.segment_text(plan_table("table1"), table)
    assert "**automatic**" in page
    assert "no test image has a true mask" in page
    butterfly = page[page.index("BtfPIS") : page.index("leaves (generated)")]
    assert "main vein" not in butterfly
    assert "95.93" in butterfly


def test_markdown_table_escapes_and_keeps_its_shape():
    made = markdown.markdown_table([["a|b", "1.5"], ["**c**", "–"]], ["name", "number"])
    lines = made.splitlines()
    assert len({len(line) for line in lines}) == 1
    assert columns_of(lines[2]) == ["a\\|b", "1.5"]
    assert lines[1].split("|")[1].strip().endswith("-")
    assert lines[1].split("|")[2].strip().endswith(":")


def test_make_table_writes_all_files(tmp_path):
    folders = write_ablation(tmp_path / "runs")
    output = tmp_path / "tables" / "table4.csv"
    command = [sys.executable, "workflow/scripts/make_table.py", "--table", "table4"]
    command += ["--output", str(output), "--runs", *map(str, folders)]
    subprocess.run(command, check=True, capture_output=True)
    assert sorted(path.name for path in output.parent.iterdir()) == [
        "table4.csv",
        "table4.md",
        "table4_tests.csv",
    ]
    table = pd.read_csv(output)
    assert table.groupby(["dataset", "method", "backbone"]).size().max() == 1
    assert len(pd.read_csv(output.with_name("table4_tests.csv"))) == 6
    assert "Paired tests" in output.with_suffix(".md").read_text(encoding="utf-8")


def test_make_table_stops_with_one_line_at_a_missing_run(tmp_path):
    present, absent = (
        write_run(tmp_path / "runs"),
        tmp_path / "runs" / "btfpis" / "split1" / "mga" / "vgg19" / "seed1",
    )
    output = tmp_path / "tables" / "table2.csv"
    command = [sys.executable, "workflow/scripts/make_table.py", "--table", "table2"]
    command += ["--output", str(output), "--runs", str(present), str(absent)]
    done = subprocess.run(command, capture_output=True, text=True)
    assert done.returncode == 2
    assert done.stderr.count("\n") == 1
    assert str(absent) in done.stderr
    assert not output.parent.exists()


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (["--table", "table1"], "give --segments"),
        (["--table", "table2"], "give --runs"),
    ],
)
def test_make_table_refuses_missing_input(tmp_path, options, message):
    with pytest.raises(InputError, match=message):
        make_table.main(make_table.parse_args([*options, "--output", str(tmp_path / "t.csv")]))


def test_make_table_1_from_segmenters(tmp_path):
    path, output = write_segment(tmp_path / "metrics.json"), tmp_path / "table1.csv"
    options = ["--table", "table1", "--segments", str(path), "--output", str(output)]
    make_table.main(make_table.parse_args(options))
    assert pd.read_csv(output)["miou"].tolist() == [92.2895]
    path.write_text(json.dumps({"dataset": "btfpis"}))
    with pytest.raises(InputError, match="architecture is missing"):
        make_table.main(make_table.parse_args(options))


def test_collect_metrics_has_a_row_per_run(tmp_path):
    folders = write_ablation(tmp_path, seeds=(1, 2))
    folders.append(write_run(tmp_path, method="mdm", backbone="contour", seed=0, epochs=0))
    output = tmp_path / "metrics.csv"
    options = ["--runs", *map(str, folders), "--output", str(output)]
    collect_metrics.main(collect_metrics.parse_args(options))
    table = pd.read_csv(output)
    assert len(table) == len(folders)
    assert set(table["run"]) == set(map(str, folders))
    assert set(table["commit"]) == {"0123456789abcdef"}
    assert set(table.loc[table["method"] != "mdm", "crop"]) == {224}
