"""What frozen features tell: the two scripts, the table by hand, its words, its chart; bad input."""

import shutil

import extract_features
import make_table
import numpy as np
import pandas as pd
import plot_table
import probe_features
import pytest
from example_stores import make_squares
from legibility import assert_legible, words
from maskguide.drawing.probe import probe_figure
from maskguide.plan.places import ROWS
from maskguide.reporting import probe
from maskguide.reporting.folds import fold_test
from maskguide.reporting.statistics import paired_test
from maskguide.system.files import InputError

FACTS = {"masks": "truth", "folds": 5, "overlap": 0.0, "without_mask": 2}


def write_answers(folder, dataset, shares, folds=5, repeats=2, images=40, seed=0):
    """Answers of which such shares are right, <dataset>/small/answers.csv."""
    rng, rows = np.random.default_rng(seed), []
    for repeat in range(1, repeats + 1):
        place = rng.permutation(images) % folds if folds else np.zeros(images, int)
        for image in range(images):
            truth = image % 4
            said = {
                name: truth if rng.random() < share else (truth + 1) % 4 for name, share in shares.items()
            }
            rows.append(
                {"repeat": repeat, "fold": place[image] + 1, "image_id": f"i{image}", "class_id": truth}
                | said
                | FACTS
                | {"folds": folds}
            )
    path = folder / dataset / "small" / "answers.csv"
    path.parent.mkdir(parents=True)
    pd.DataFrame(rows).to_csv(path, index=False)
    return path


def test_numbers_are_those_by_hand(tmp_path):
    path = write_answers(tmp_path, "leaves", {"probe": 0.5, "probe-inside": 0.9})
    frame, answers = probe.probe_table(probe.read_probes([path])), pd.read_csv(path)
    assert frame["method"].tolist() == ["probe", "probe-inside"]
    share = {
        name: [(g[name] == g["class_id"]).mean() for _, g in answers.groupby(["repeat", "fold"])]
        for name in frame["method"]
    }
    inside = frame.iloc[1]
    assert inside["top1_mean"] == pytest.approx(100 * np.mean(share["probe-inside"]))
    assert inside["top1_std"] == pytest.approx(100 * np.std(share["probe-inside"], ddof=1))
    expected = fold_test(np.subtract(share["probe-inside"], share["probe"]), 0.2)
    assert (inside["difference"], inside["low"], inside["p"]) == pytest.approx(
        (expected.difference, expected.low, expected.p)
    )
    assert (inside["p_holm"], inside["chance"], inside["without_mask"]) == pytest.approx((expected.p, 25, 2))
    assert inside["verdict"] == "higher"
    assert frame.iloc[0]["verdict"] == "" and pd.isna(frame.iloc[0]["p"])


def test_the_split_of_a_publisher_is_one_replicate_without_a_verdict(tmp_path):
    path = write_answers(tmp_path, "leaves", {"probe": 0.5, "probe-inside": 0.9}, folds=0, repeats=1)
    row = probe.probe_table(probe.read_probes([path])).iloc[1]
    assert row["difference"] > 0
    assert pd.isna(row["p"]) and row["verdict"] == "no verdict"


def test_several_disjoint_splits_are_tested_as_all_tables_test_them(tmp_path):
    path = write_answers(tmp_path, "leaves", {"probe": 0.5, "probe-inside": 0.9}, folds=0, repeats=6)
    answers = pd.read_csv(path)
    row = probe.probe_table(probe.read_probes([path])).iloc[1]
    right = [
        (answers[name] == answers["class_id"]).to_numpy().reshape(6, -1) for name in ("probe-inside", "probe")
    ]
    expected = paired_test(*right, np.arange(6))
    assert (row["difference"], row["low"], row["p"]) == pytest.approx(
        (expected.difference, expected.low, expected.p)
    )
    answers.assign(overlap=0.3).to_csv(path, index=False)
    assert probe.probe_table(probe.read_probes([path])).iloc[1]["verdict"] == "no verdict"


@pytest.fixture(scope="module")
def made(tmp_path_factory):
    """The table of squares whose colour is the class, through all scripts: table, page, answers."""
    folder = make_squares(tmp_path_factory.mktemp("squares"))
    index = ["--index", str(folder / "index.csv")]
    features = str(folder / "features" / "squares" / "small")
    told = ["--store", str(folder / "store"), "--backbone", "small", "--masks", str(folder / "masks")]
    extract_features.main(extract_features.parse_args([*index, *told, "--output", features]))
    answers = folder / "probe" / "squares" / "small" / "answers.csv"
    told = ["--features", features, "--folds", "4", "--repeats", "2", "--output", str(answers)]
    probe_features.main(probe_features.parse_args(told))
    table = folder / "probe.csv"
    told = ["--table", "probe", "--probes", str(answers), "--output", str(table)]
    make_table.main(make_table.parse_args(told))
    return folder, table, answers


def test_the_scripts_make_the_table(made):
    _, table, answers = made
    frame, said = pd.read_csv(table), pd.read_csv(answers)
    assert frame["method"].tolist() == list(ROWS)
    assert len(said) == 2 * 24 and not said.duplicated(["repeat", "image_id"]).any()
    assert frame.set_index("method").loc["probe-inside", "top1_mean"] > 60  # chance is 33
    page = table.with_suffix(".md").read_text()
    assert "24 test images in 3 classes" in page and "inside the masks" in page


def test_the_chart_is_legible(made, tmp_path):
    _, table, _ = made
    figure = probe_figure(pd.read_csv(table))
    assert_legible(figure)
    assert {"whole image", "inside the masks"} <= {text for text, _ in words(figure)}
    plot_table.main(plot_table.parse_args(["--table", str(table), "--output", str(tmp_path / "probe.png")]))
    assert (tmp_path / "probe.png").stat().st_size > 10_000


def test_images_that_taught_the_guide_are_never_tested(made, tmp_path):
    folder, *_ = made
    pd.DataFrame({"image_id": ["i0", "i4", "i8"]}).to_csv(tmp_path / "annotated.csv", index=False)
    told = ["--features", str(folder / "features" / "squares" / "small"), "--folds", "3"]
    told += ["--kept", str(tmp_path / "annotated.csv"), "--output", str(tmp_path / "answers.csv")]
    probe_features.main(probe_features.parse_args(told))
    found = pd.read_csv(tmp_path / "answers.csv")["image_id"]
    assert len(found) == 21 and not {"i0", "i4", "i8"} & set(found)


def test_without_masks_only_the_whole_image_is_seen(made, tmp_path):
    folder, *_ = made
    told = ["--index", str(folder / "index.csv"), "--store", str(folder / "store"), "--backbone", "small"]
    extract_features.main(extract_features.parse_args([*told, "--output", str(tmp_path / "whole")]))
    told = ["--features", str(tmp_path / "whole"), "--output", str(tmp_path / "a" / "b" / "answers.csv")]
    probe_features.main(probe_features.parse_args([*told, "--splits", str(folder / "index.csv")]))
    frame = probe.probe_table(probe.read_probes([tmp_path / "a" / "b" / "answers.csv"]))
    assert frame["method"].tolist() == ["probe", "knn"]
    assert (frame["num_images"] == 9).all()


def test_broken_features_and_answers_are_one_line(made, tmp_path):
    folder, _, answers = made
    broken = tmp_path / "features"
    shutil.copytree(folder / "features" / "squares" / "small", broken)
    np.save(broken / "features.npy", np.zeros((2, 3, 4), np.float32))
    with pytest.raises(InputError, match=r"features\.npy: does not fit layout\.csv"):
        probe_features.main(
            probe_features.parse_args(["--features", str(broken), "--folds", "3", "--output", "x.csv"])
        )
    twice = pd.concat([pd.read_csv(answers)] * 2)
    (tmp_path / "a" / "b").mkdir(parents=True)
    twice.to_csv(tmp_path / "a" / "b" / "answers.csv", index=False)
    with pytest.raises(InputError, match="an image twice"):
        probe.read_probes([tmp_path / "a" / "b" / "answers.csv"])
    told = ["--index", str(folder / "index.csv"), "--store", str(folder / "store"), "--backbone", "small"]
    told += ["--masks", str(tmp_path), "--output", str(tmp_path / "out")]
    with pytest.raises(InputError, match="no folder soft"):
        extract_features.main(extract_features.parse_args(told))
