"""Whether guidance took hold, in tables: beside the mean mask, the unguided twin and the shuffled one."""

import subprocess
import sys

import make_table
import numpy as np
import pandas as pd
import pytest
from example_runs import write_run, write_splits
from maskguide.plan import variants
from maskguide.reporting import took_hold
from maskguide.reporting.runs import read_runs
from maskguide.system.files import InputError
from scipy import stats

SEEDS = (1, 2, 3, 4, 5)
IMAGES = 80


def write_attention(path, folders, areas, masks="truth", mean_mask=0.9, spread=0.02, kind="attention"):
    """attention.csv of these runs, whose mean ROC area is `areas` by method; the last image has none."""
    rows = []
    for folder in folders:
        method = folder.parts[-3]
        generator = np.random.default_rng([*map(ord, str(folder)[-20:])])
        found = np.clip(areas[method] + spread * generator.standard_normal(IMAGES), 0, 1)
        for number, area in enumerate(found):
            area = np.nan if number == IMAGES - 1 else area
            rows.append((str(folder), kind, masks, f"{number:05d}", area, 0.5, 0.25, mean_mask))
    pd.DataFrame(rows, columns=took_hold.MEASURED).to_csv(path, index=False)
    return path


def made(tmp_path, areas, seeds=SEEDS, table="table4", **options):
    """The rows and the page of a table of these methods."""
    folders = [write_run(tmp_path, method=method, seed=seed) for method in areas for seed in seeds]
    files = [
        write_attention(
            tmp_path / f"{method}.csv",
            [each for each in folders if each.parts[-3] == method],
            areas,
            **options,
        )
        for method in areas
    ]
    output = tmp_path / f"{table}.csv"
    words = ["--table", table, "--runs", *folders, "--attention", *files, "--output", output]
    make_table.main(make_table.parse_args(list(map(str, words))))
    return pd.read_csv(output, keep_default_na=True).set_index("method"), output.with_suffix(
        ".md"
    ).read_text()


ALL = {"baseline": 0.89, "attention": 0.6, "mga": 0.97, "mga-shuffled": 0.93}


@pytest.mark.parametrize(
    ("areas", "options", "said"),
    [
        ({}, {}, "yes"),
        ({"mga-shuffled": 0.975}, {}, "no: not above MGA, shuffled masks (0.97"),
        ({"attention": 0.98}, {}, "no: not above attention (0.97"),
        ({}, {"mean_mask": 0.99}, "no: not above the mean training mask (0.990)"),
        ({"mga": 0.14}, {}, "no: not above the mean training mask (0.900), attention (0.6"),
        ({}, {"seeds": (1, 2, 3, 4)}, "not shown"),  # four replicates
        ({"mga": 0.9312, "mga-shuffled": 0.93}, {"spread": 0.06}, "not shown"),
    ],
)
def test_it_took_hold_only_where_it_is_surely_above_all_three(tmp_path, areas, options, said):
    rows, page = made(tmp_path, ALL | areas, **options)
    assert rows.loc["mga", "took_hold"].startswith(said)
    # neither the unguided rows nor the control are claims
    assert rows["took_hold"].isna().tolist() == [True, True, False, True]
    assert rows.loc["mga", ["unguided_twin", "shuffled_twin"]].tolist() == ["attention", "mga-shuffled"]
    assert (f"**{said.partition(':')[0]}**" in page) == (said != "not shown")
    assert "| looks at the masks |" in page and "- Took hold: yes, where the area is above all three" in page
    wanted = "the attention does not follow the masks: 0.14** (0.5 is blind)"
    assert (wanted in page) == (areas.get("mga") == 0.14)


def test_the_numbers_are_means_over_images_and_replicates(tmp_path):
    rows, page = made(tmp_path, ALL)
    table = pd.read_csv(tmp_path / "mga.csv")
    by_run = table.groupby("run", sort=False)["roc_area"].mean()
    assert rows.loc["mga", "roc_area"] == pytest.approx(by_run.mean())
    assert rows.loc["mga", "roc_area_by_seed"] == " ".join(f"{each:.4f}" for each in by_run)
    found = rows.loc["mga", ["energy_inside", "region_share", "roc_area_mean_mask"]].tolist()
    assert found == pytest.approx([0.5, 0.25, 0.9])
    assert (rows.loc["mga", "judged_images"], rows.loc["mga", "left_out"]) == (IMAGES, 1)
    assert rows.loc["mga", "roc_area_shuffled"] == pytest.approx(rows.loc["mga-shuffled", "roc_area"])
    assert "0.50 (0.25)" in page and "up to 1 are left out" in page


def test_the_interval_is_that_of_an_analysis_of_variance(tmp_path):
    """Crossed random effects of replicates and images, by the mean squares."""
    made(tmp_path, ALL)
    tables = {}
    for name in ("mga", "mga-shuffled"):
        table = pd.read_csv(tmp_path / f"{name}.csv", dtype={"image_id": str}).dropna(subset="roc_area")
        tables[name] = table.assign(split=1, seed=table["run"].str[-1].astype(int))
    found = took_hold.compared(tables["mga"], tables["mga-shuffled"], "roc_area", 0.0)
    cells = [each["roc_area"].to_numpy().reshape(5, -1) for each in tables.values()]
    d = cells[0] - cells[1]
    replicates, images = d.shape
    rows, columns = d.mean(axis=1, keepdims=True), d.mean(axis=0, keepdims=True)
    squares = [
        images * rows.var(ddof=1),
        replicates * columns.var(ddof=1),
        ((d - rows - columns + d.mean()) ** 2).sum() / ((replicates - 1) * (images - 1)),
    ]
    variance = squares[0] + squares[1] - squares[2]
    freedom = variance**2 / sum(
        square**2 / n
        for square, n in zip(
            squares, (replicates - 1, images - 1, (replicates - 1) * (images - 1)), strict=True
        )
    )
    margin = stats.t.ppf(0.975, freedom) * np.sqrt(variance / d.size)
    assert found.difference == pytest.approx(d.mean())
    assert d.mean() - found.low == pytest.approx(margin, rel=1e-6)


def test_a_twin_that_is_not_there_is_said(tmp_path):
    rows, page = made(tmp_path, {"baseline": 0.89, "mga": 0.97})
    assert rows.loc["mga", "took_hold"] == "not known: no shuffled twin in this table"
    assert rows.loc["mga", "unguided_twin"] == "baseline"  # the plain network's class activation
    assert "| not known |" in page


def test_comparisons_and_tables_of_ones_own_have_the_column_too(tmp_path):
    areas = {"baseline": 0.89, "energy": 0.95, "energy-shuffled": 0.91}
    rows, page = made(tmp_path, areas, table="mine", kind="class activation")
    assert rows.loc["energy", "took_hold"] == "yes" and "**yes**" in page
    assert rows.loc["energy", ["unguided_twin", "shuffled_twin"]].tolist() == ["baseline", "energy-shuffled"]
    # what looks inside, but no more than what never saw the masks
    (tmp_path / "lower").mkdir()
    _, page = made(tmp_path / "lower", {**areas, "baseline": 0.97}, table="mine", kind="class activation")
    assert "the class activation lies on the masks no more than what never saw them: 0.95**" in page


def test_splits_are_what_is_counted(tmp_path):
    methods = dict.fromkeys(ALL, 0.8)
    folders, _ = write_splits(tmp_path, methods, splits=5, seeds=(1, 2))
    measured = read_runs(folders)
    files = [write_attention(tmp_path / "all.csv", folders, ALL)]
    attention = took_hold.read_attention(files, measured)
    own, other = (attention[attention["method"] == name] for name in ("mga", "mga-shuffled"))
    assert took_hold.compared(own, other, "roc_area", 0.0).low > 0
    assert np.isnan(took_hold.compared(own, other, "roc_area", 0.3).low)  # training parts overlap
    four = own[own["split"] < 5]
    assert np.isnan(took_hold.compared(four, other, "roc_area", 0.0).low)


def test_regions_are_averaged_and_only_common_masks_compared(tmp_path):
    folders = [write_run(tmp_path, method=method) for method in ("baseline", "mgfe")]
    files = [
        write_attention(tmp_path / "a.csv", folders, {"baseline": 0.6, "mgfe": 0.7}, "vein", spread=0),
        write_attention(tmp_path / "b.csv", folders, {"baseline": 0.7, "mgfe": 0.9}, "tip", spread=0),
        write_attention(tmp_path / "c.csv", folders[:1], {"baseline": 0.1}, "truth", spread=0),
    ]
    attention = took_hold.read_attention(files, read_runs(folders))
    own, other = (attention[attention["method"] == name] for name in ("mgfe", "baseline"))
    found = took_hold.compared(own, other, "roc_area", 0.0)
    assert (found.difference, found.other) == (pytest.approx(0.15), pytest.approx(0.65))


@pytest.mark.parametrize(
    ("row", "unguided", "shuffled"),
    [
        ("mga-firm", "attention-channels", "mga-firm-shuffled"),
        ("mga-t20", "attention", "mga-t20-shuffled"),
        ("mga-truth", "attention", "mga-shuffled"),
        ("mgfe-sigmoid", "baseline", "mgfe-sigmoid-shuffled"),
        ("rrr-cam", "baseline", "rrr-cam-shuffled"),
        ("guided-pooling-truth", "attention-pooling", "guided-pooling-shuffled"),
    ],
)
def test_each_row_is_compared_with_its_own_twins(row, unguided, shuffled):
    there = variants.known()
    assert took_hold.unguided_twin(there[row], there) == unguided
    assert took_hold.shuffled_twin(there[row], there) == shuffled
    assert took_hold.guided(there[row]) and not took_hold.guided(there[shuffled])
    assert not took_hold.guided(there[unguided])


def test_without_a_test_image_with_a_mask_the_page_says_so(tmp_path):
    folders = [write_run(tmp_path, method=method) for method in ("baseline", "mga")]
    empty = tmp_path / "empty.csv"
    pd.DataFrame([], columns=took_hold.MEASURED).to_csv(empty, index=False)
    words = ["--table", "table4", "--runs", *folders, "--attention", empty, "--output", tmp_path / "t.csv"]
    make_table.main(make_table.parse_args(list(map(str, words))))
    page = (tmp_path / "t.md").read_text()
    assert "Looks at the masks: not measured, for no test image has a mask." in page
    assert "| looks at the masks" not in page


@pytest.mark.parametrize("broken", ["run,map\n", "1.5", "none"])
def test_broken_measurements_are_refused_in_one_line(tmp_path, broken):
    folders = [write_run(tmp_path, method=method) for method in ("baseline", "mga")]
    path = write_attention(tmp_path / "a.csv", folders, {"baseline": 0.5, "mga": 0.5})
    if broken == "run,map\n":
        path.write_text(broken)
    else:
        table = pd.read_csv(path, dtype=str)
        table.loc[3, "energy"] = broken
        table.to_csv(path, index=False)
    with pytest.raises(InputError, match=r"a\.csv: "):
        took_hold.read_attention([path], read_runs(folders))


@pytest.mark.slow
def test_a_missing_file_is_one_line(tmp_path):
    folder = write_run(tmp_path)
    words = [
        "--table",
        "table4",
        "--runs",
        folder,
        "--attention",
        tmp_path / "x.csv",
        "--output",
        tmp_path / "t",
    ]
    command = [sys.executable, "workflow/scripts/make_table.py", *map(str, words)]
    done = subprocess.run(command, capture_output=True, text=True)
    assert done.returncode == 2 and done.stderr.count("\n") == 1 and "x.csv" in done.stderr
