"""Tables of several splits: paired by split and seed, splits counted, means over both; validation parts."""

import shutil
import subprocess
import sys

import make_table
import numpy as np
import pandas as pd
import pytest
from example_runs import write_detector, write_index, write_run, write_segment, write_splits
from example_scales import write_scale_run
from example_tables import accuracies, page_of, pairs_of
from maskguide.plan.tables import table as plan_table
from maskguide.reporting import aca, mga, mgfe, text
from maskguide.reporting.runs import correct_answers, read_runs, training_overlap
from maskguide.reporting.statistics import holm, paired_test
from maskguide.system.files import InputError

METHODS = {"baseline": 0.8, "attention": 0.81, "mga": 0.95}


@pytest.fixture(scope="module")
def written(tmp_path_factory):
    return write_splits(tmp_path_factory.mktemp("runs"), METHODS)


def test_splits_are_counted_and_images_paired(written):
    folders, indexes = written
    measured = read_runs(folders[::-1])  # in whatever order
    tests = pairs_of(measured, "table4", indexes)
    row = tests.query("method_a == 'mga' and method_b == 'baseline'").iloc[0]
    assert (row["replicates"], row["splits"], row["images"]) == (5, 5, 300)
    assert row["training_overlap"] == 0
    correct = {method: np.zeros((10, 300), bool) for method in METHODS}
    tested = np.zeros((10, 300), bool)
    for folder in folders:
        answers = pd.read_csv(folder / "predictions.csv")
        split, method, seed = int(folder.parts[-4][-1]), folder.parts[-3], int(folder.parts[-1][-1])
        at = answers["image_id"].to_numpy()
        correct[method][2 * split + seed - 3, at] = answers["predicted_last"] == answers["class_id"]
        tested[2 * split + seed - 3, at] = True
    expected = paired_test(correct["mga"], correct["baseline"], np.repeat(range(5), 2), tested)
    for name in ("difference", "low", "high", "p", "degrees_of_freedom", "detectable"):
        assert row[name] == pytest.approx(getattr(expected, name))
    assert tests["p_holm"].tolist() == pytest.approx(holm(tests["p"]))
    assert row["verdict"] == "higher"
    table = accuracies(measured, "table4").set_index("method")
    means = [100 * correct[method][tested].reshape(10, 250).mean() for method in METHODS]
    assert table["top1_last_mean"].tolist() == pytest.approx(means)
    assert row["difference"] == pytest.approx(means[2] - means[0])
    assert table[["splits", "seeds", "seed_numbers"]].to_numpy().tolist() == [[5, 2, "1 2"]] * 3
    assert len(table["top1_last_by_seed"].iloc[0].split()) == 10


def test_the_page_says_what_was_tested_and_what_it_could_have_seen(written):
    folders, indexes = written
    measured = read_runs(folders)
    tests = pairs_of(measured, "table4", indexes)
    page = page_of(measured, "table4", tests)
    assert "| 5 × 2 " in page
    assert "on each of 5 splits" in page
    assert "Replicates: what the test counts, here splits. Seeds of one split are averaged" in page
    least, most = tests["detectable"].min(), tests["detectable"].max()
    assert f"here {least:.1f} to {most:.1f} points" in page
    assert "corrected by Holm for the 3 tests" in page
    assert "No verdict" not in page


def test_without_the_indexes_there_is_no_verdict(written):
    folders, indexes = written
    measured = read_runs(folders)
    for given in ([], indexes[:4]):
        tests = pairs_of(measured, "table4", given)
        assert set(tests["verdict"]) == {"no verdict"}
        assert tests["p_holm"].isna().all() and tests["p"].notna().all()
    assert "not known which training images they have in common" in page_of(measured, "table4", tests)


def test_overlapping_training_parts_get_no_verdict(written, tmp_path):
    folders, indexes = written
    measured = read_runs(folders)
    path = tmp_path / "btfpis" / "split5" / "index.csv"
    # split 5 trains on its 50 images and, says this index, on 25 that no run was tested on: none are left,
    # so its test images lose them
    overlapping = [*range(200, 250), *range(0, 25)]
    write_index(path, overlapping, range(25, 200))
    for folder in folders:
        moved = tmp_path / "runs" / folder.relative_to(folder.parents[4])
        shutil.copytree(folder, moved)
        if moved.parts[-4] == "split5":
            answers = pd.read_csv(moved / "predictions.csv", dtype={"image_id": str})
            answers[answers["image_id"].astype(int) >= 25].to_csv(moved / "predictions.csv", index=False)
    moved = read_runs(sorted((tmp_path / "runs").glob("*/*/*/*/seed*")))
    tests = pairs_of(moved, "table4", [*indexes[:4], path])
    assert set(tests["verdict"]) == {"no verdict"}
    # of ten pairs one shares 25 images of 50 and 75
    assert tests["training_overlap"].iloc[0] == pytest.approx(25 / np.sqrt(50 * 75) / 10)
    assert "the training parts of the splits overlap (4 % in common)" in page_of(moved, "table4", tests)
    with pytest.raises(InputError, match=r"00000 is a training image of split 5; the index is of another"):
        training_overlap([*indexes[:4], path], measured)


def test_an_index_outside_of_its_splits_folder_is_refused(written, tmp_path):
    path = write_index(tmp_path / "somewhere" / "index.csv", [1], [2])
    with pytest.raises(InputError, match=r"index.csv: whose split it is, its folder does not say"):
        training_overlap([path], read_runs(written[0]))


def test_an_image_of_another_class_in_another_split_is_refused(written, tmp_path):
    one, other = write_run(tmp_path, images=[0, 1, 2]), write_run(tmp_path, images=[2, 3], split=2)
    path = other / "predictions.csv"
    path.write_text(path.read_text().replace("00002,2", "00002,7"))
    with pytest.raises(InputError, match="image 00002 has class 7, in another split 2"):
        correct_answers(read_runs([one, other]), "predicted_last")


def test_unequal_sets_are_refused(written, tmp_path):
    folders, _ = written
    lacking = [folder for folder in folders if not folder.match("split3/mga/*/seed2")]
    with pytest.raises(InputError, match="btfpis mga: split 1 has the seeds 1 2, split 3 1; run all splits"):
        accuracies(read_runs(lacking), "table4")
    lacking = [folder for folder in folders if not folder.match("split3/mga/*/*")]
    with pytest.raises(
        InputError, match=r"split3/attention/\S+: attention has split 3, seed 1, mga on btfpis has not"
    ):
        pairs_of(read_runs(lacking), "table4")
    with pytest.raises(InputError, match="another run is also mga with split 1 and seed 1"):
        read_runs([*folders, write_run(tmp_path, method="mga", split=1, classes=5)])


def test_make_table_of_several_splits_on_the_command_line(written, tmp_path):
    folders, indexes = written
    output = tmp_path / "compare.csv"
    command = [
        sys.executable,
        "workflow/scripts/make_table.py",
        "--table",
        "compare",
        "--output",
        str(output),
    ]
    command += ["--runs", *map(str, folders), "--index", *map(str, indexes)]
    subprocess.run(command, check=True, capture_output=True)
    rows = pd.read_csv(output).set_index("method")
    tests = pd.read_csv(tmp_path / "compare_tests.csv")
    assert tests.columns.tolist() == [
        *("dataset", "backbone", "method_a", "method_b", "test", "replicates", "splits", "images"),
        *("training_overlap", "difference", "low", "high", "p", "p_holm", "degrees_of_freedom"),
        *("detectable", "replicates_for_2", "verdict"),
    ]
    assert rows.loc["mga", "verdict"] == "higher"
    assert rows.loc["mga", "p_holm"] == pytest.approx(min(1, 2 * tests["p"].min()))
    done = subprocess.run([*command, str(tmp_path / "none.csv")], capture_output=True, text=True)
    assert done.returncode == 2 and done.stderr.count("\n") == 1 and "none.csv" in done.stderr


def test_runs_judged_on_a_validation_part_are_told(tmp_path):
    folders = [write_run(tmp_path, method=name, split="2-validation") for name in ("baseline", "mga")]
    measured = read_runs(folders)
    assert measured[["split", "judged_on"]].to_numpy().tolist() == [[2, "validation"]] * 2
    assert text.ON_VALIDATION in page_of(measured, "table4")
    assert set(accuracies(measured, "table4")["judged_on"]) == {"validation"}
    with pytest.raises(InputError, match=r"btfpis disagree on judged_on \(test and validation\)"):
        read_runs([*folders, write_run(tmp_path, method="attention")])
    both = read_runs([*folders, write_run(tmp_path, split=2)], one_part=False)
    assert both["judged_on"].tolist() == ["validation", "validation", "test"]
    made = tmp_path / "split1-validation" / "metrics.json"
    assert mga.read_segments([write_segment(made)])[0]["judged_on"] == "validation"
    assert text.ON_VALIDATION in mga.segment_text(
        plan_table("table1"), mga.segment_table(mga.read_segments([made]))
    )


def test_segmenters_of_several_splits_are_one_row(tmp_path):
    paths = [
        write_segment(tmp_path / f"split{split}" / "metrics.json", miou=miou, iou={"background": miou + 1})
        for split, miou in ((1, 90.0), (2, 94.0))
    ]
    table = mga.segment_table(mga.read_segments(paths))
    assert table[["splits", "num_test", "miou", "iou_background"]].to_numpy().tolist() == [[2, 800, 92, 93]]
    assert table["miou_std"].iloc[0] == pytest.approx(np.sqrt(8))
    page = mga.segment_text(plan_table("table1"), table)
    assert "92.0 ± 2.8" in page and "means over splits" in page
    with pytest.raises(InputError, match="two segmenters of split 1"):
        again = write_segment(tmp_path / "other" / "split1" / "metrics.json")
        mga.segment_table(mga.read_segments([*paths, again]))


def test_detectors_of_several_splits_are_one(tmp_path):
    regions = [{"vein": {"map50": value, "missing_test": value // 10}} for value in (90.0, 80.0)]
    paths = [
        write_detector(tmp_path / f"split{split}" / "30" / "metrics.json", regions=each)
        for split, each in enumerate(regions, 1)
    ]
    table = mgfe.detection_table(mgfe.read_detectors(paths))
    vein = table[table["region"] == "vein"].iloc[0]
    assert (vein["splits"], vein["map50"], vein["num_boxes"], vein["missing"]) == (2, 85, 320, 17)
    assert (vein["num_test"], vein["num_images"], vein["train_seconds"]) == (320, 640, 312.5)
    assert pd.isna(table.loc[table["region"] == mgfe.MEAN, "missing"].iloc[0])
    assert "85.0 ± 7.1" in mgfe.detection_text(plan_table("mgfe_table1"), table)


def test_scales_of_several_splits_are_averaged(tmp_path):
    folders = [write_scale_run(tmp_path, seed=seed) for seed in (1, 2)]
    for folder in list(folders):
        other = tmp_path / "leaves" / "split2" / folder.relative_to(tmp_path / "leaves" / "split1")
        shutil.copytree(folder, other)
        folders.append(other)
    table = aca.scale_table(read_runs(folders))
    assert set(table["splits"]) == set(table["seeds"]) == {2}
    assert set(table["by_seed"].str.split().map(len)) == {4}


def test_guides_of_several_splits_stand_behind_one_row(tmp_path):
    folders, indexes = write_splits(tmp_path, {"baseline": 0.8, "mga": 0.9}, num_annotated=60)
    segments = [
        write_segment(tmp_path / f"split{split}" / "metrics.json", train_seconds=10.0 * split)
        for split in range(1, 6)
    ]
    output = tmp_path / "compare.csv"
    options = ["--table", "compare", "--runs", *map(str, folders), "--index", *map(str, indexes)]
    options += ["--segments", *map(str, segments), "--output", str(output)]
    make_table.main(make_table.parse_args(options))
    assert pd.read_csv(output).set_index("method").loc["mga", "guide_seconds"] == 30
