"""What networks use, as a table and a chart: numbers by hand, two sentences that differ, verdicts."""

import subprocess
import sys

import make_table
import numpy as np
import pandas as pd
import plot_table
import pytest
from example_runs import write_run
from legibility import assert_legible, words
from maskguide.drawing.backgrounds import backgrounds_figure
from maskguide.plan.conditions import CONDITIONS
from maskguide.reporting import backgrounds, runs
from maskguide.reporting.statistics import paired_test
from maskguide.system.files import InputError

SEEDS = (1, 2, 3, 4, 5)
IMAGES = 40
# what share of answers is right under each condition
LISTENS = {
    "as_is": 0.9,
    "object_only": 0.5,
    "background_only": 0.4,
    "swapped_within": 0.9,
    "swapped_across": 0.3,
}
DEAF = {
    "as_is": 0.9,
    "object_only": 0.85,
    "background_only": 0.1,
    "swapped_within": 0.8,
    "swapped_across": 0.8,
}


def write_answers(path, folders, shares, images=IMAGES, classes=10):
    rows = []
    for folder in folders:
        rng = np.random.default_rng([*map(ord, str(folder)[-20:])])
        for number in range(images):
            of = number % classes
            found = [of if rng.random() < shares[name] else (of + 1) % classes for name in CONDITIONS]
            rows.append((str(folder), "truth", f"{number:05d}", of, *found))
    pd.DataFrame(rows, columns=backgrounds.ANSWERS).to_csv(path, index=False)
    return path


def made(folder, shares, seeds=SEEDS, dataset="leaves", alone=0.46, backbone="small"):
    """The table of these methods, by its script: rows, page, words on the command line."""
    files, all_runs = [], []
    for method, shown in shares.items():
        own = [write_run(folder, dataset, method, backbone, seed, train_top1=99.0) for seed in seeds]
        files.append(write_answers(folder / f"{dataset}-{method}.csv", own, shown))
        all_runs += own
    if alone:
        more = [
            write_run(folder, dataset, "background", backbone, seed, alone, train_top1=97.0) for seed in seeds
        ]
        all_runs += more
    output = folder / "backgrounds.csv"
    given = ["--table", "backgrounds", "--runs", *all_runs, "--backgrounds", *files, "--output", output]
    make_table.main(make_table.parse_args([*map(str, given)]))
    return pd.read_csv(output), output.with_suffix(".md").read_text(), given


def test_the_numbers_by_hand(tmp_path):
    frame, page, _ = made(tmp_path, {"baseline": LISTENS, "swap": DEAF})
    assert frame["method"].tolist() == ["baseline", "swap"]
    for row in frame.to_dict("records"):
        table = pd.read_csv(tmp_path / f"leaves-{row['method']}.csv")
        right = {name: table[name] == table["class_id"] for name in CONDITIONS}
        by_run = {name: 100 * each.groupby(table["run"]).mean() for name, each in right.items()}
        for name, each in by_run.items():
            assert row[f"{name}_mean"] == pytest.approx(each.mean())
            assert row[f"{name}_std"] == pytest.approx(each.std(ddof=1))
        cells = [right[name].to_numpy().reshape(5, IMAGES) for name in ("swapped_within", "swapped_across")]
        test = paired_test(*cells)
        assert row["gap"] == pytest.approx(row["swapped_within_mean"] - row["swapped_across_mean"])
        found = [row[key] for key in ("gap", "gap_low", "gap_high", "p", "detectable")]
        assert found == pytest.approx([test.difference, test.low, test.high, test.p, test.detectable])
        assert (row["chance"], row["judged_images"], row["num_test"], row["replicates"]) == (10, 40, 80, 5)
    told = [
        100 * (table["predicted_last"] == table["class_id"]).mean()
        for seed in SEEDS
        for table in [runs.read_predictions(tmp_path / f"leaves/split1/background/small/seed{seed}")]
    ]
    assert frame["background_mean"].tolist() == pytest.approx([np.mean(told)] * 2)
    assert frame["listens"].tolist() == ["yes", "not shown"]
    assert frame["p_holm"].iloc[0] == pytest.approx(2 * frame["p"].iloc[0], rel=1e-6)
    assert (
        "up to 40 test images" in page and "Masks that tell objects from backgrounds: the true ones" in page
    )


def test_that_the_background_could_tell_and_that_a_network_listens_are_two_sentences(tmp_path):
    _, page, _ = made(tmp_path, {"baseline": LISTENS, "swap": DEAF})
    told = [line for line in page.splitlines() if line.startswith("- The background could tell")]
    assert len(told) == 1 and "% of the test images of leaves (generated), and of 97 % of those" in told[0]
    assert told[0].endswith("chance is 10.0 %.")
    assert "- **baseline (small CNN): this network listens to the background**: the gap is +5" in page
    assert "- swapped backgrounds (small CNN): not shown that this network listens" in page
    assert "would have been seen" in page
    for heading in ("as is", "object only", "background only", "swapped within", "swapped across", "chance"):
        assert f"| {heading}" in page or f" {heading} |" in page
    assert "trained on backgrounds alone" not in page.split("- ")[0]  # no row of its own


def test_few_replicates_claim_nothing_and_what_was_not_trained_is_not_said(tmp_path):
    frame, page, _ = made(tmp_path, {"baseline": LISTENS}, seeds=(1, 2), alone=None)
    assert frame["listens"].tolist() == ["no verdict"] and frame["p_holm"].isna().all()
    assert "The background could tell: a" not in page and "this network listens" not in page
    assert "No verdict: fewer than 5 replicates" in page


def test_the_other_way_round_is_no_listening(tmp_path):
    frame, page, _ = made(tmp_path, {"baseline": {**LISTENS, "swapped_within": 0.2, "swapped_across": 0.9}})
    assert frame["listens"].tolist() == ["rather the other way"]
    assert "right more often before backgrounds of other classes: the gap is −" in page


def test_splits_are_what_is_counted_and_have_their_own_images(tmp_path):
    folders = []
    for split in range(1, 6):
        images = range(40 * split, 40 * split + 40)
        for seed in (1, 2):
            own = write_run(tmp_path, "leaves", "baseline", "small", seed, split=split, images=images)
            folders.append(own)
    measured = runs.read_runs(folders)
    path = write_answers(tmp_path / "a.csv", folders, LISTENS)
    frame = backgrounds.backgrounds_table(measured, backgrounds.read_backgrounds([path], measured))
    assert frame["replicates"].tolist() == [5]
    assert frame["listens"].tolist() == ["no verdict"]  # no index: their overlap is not known


def test_wrong_answers_are_one_line(tmp_path):
    *_, given = made(tmp_path, {"baseline": LISTENS}, seeds=(1, 2))
    path = tmp_path / "leaves-baseline.csv"
    table = pd.read_csv(path)
    for edit, line in (
        (
            lambda each: each[each["run"] == each["run"].iloc[0]],
            "seed2: has no answers in --backgrounds; measure",
        ),
        (lambda each: each.drop(columns="as_is"), "as_is"),
        (lambda each: each.assign(as_is="x"), "as_is holds what is no class; delete it and run again"),
        (lambda each: pd.concat([each, each]), "has an image of a run twice; delete it"),
    ):
        edit(table).to_csv(path, index=False)
        with pytest.raises(InputError) as refused:
            make_table.main(make_table.parse_args([*map(str, given)]))
        assert line in str(refused.value) and "\n" not in str(refused.value)
    place = given.index("--backgrounds")
    words = [*map(str, [*given[:place], *given[-2:]])]
    done = subprocess.run([sys.executable, make_table.__file__, *words], capture_output=True, text=True)
    assert done.returncode == 2 and "error: --backgrounds: no answers to show" in done.stderr


def test_the_chart_is_legible_and_marks_each_condition(tmp_path):
    shares = {"baseline": LISTENS, "mga": {**LISTENS, "swapped_across": 0.5}, "swap": DEAF, "blank": DEAF}
    first, *_ = made(tmp_path, shares)
    second, *_ = made(tmp_path, {"baseline": DEAF}, dataset="a_folder_of_my_own_with_a_long_name", alone=0.12)
    frame = pd.concat([first, second], ignore_index=True)
    figure = backgrounds_figure(frame)
    assert_legible(figure)
    assert len(figure.axes) == 2
    shown = [text for text, _ in words(figure)]
    assert {*CONDITIONS.values(), "chance", "network trained on backgrounds alone"} <= {*shown}
    frame.to_csv(tmp_path / "both.csv", index=False)
    options = ["--table", str(tmp_path / "both.csv"), "--output", str(tmp_path / "both.png")]
    plot_table.main(plot_table.parse_args(options))
    assert (tmp_path / "both.png").stat().st_size > 10_000
