"""Several splits, a validation part, twice the epochs: what is planned, and what a dry run says."""

import json
from pathlib import Path
from types import SimpleNamespace

import pytest
from maskguide.plan import forecast
from maskguide.plan.plan import Plan
from maskguide.system.files import InputError, read_yaml

SHOWN = {"datasets": ["leaves"], "backbone": "small"}
SPLITS = {"leaves": {"split": "1:1", "repeats": 3}}
SWEEP = {"option": "guidance_weight", "values": [0.1, 1], "methods": ["mga"], **SHOWN}


@pytest.fixture
def plan(root, monkeypatch):
    monkeypatch.chdir(root)

    def make(**edits) -> Plan:
        config = {"run": "r", "seeds": [1, 2], "aca": {"scales": 2}, **edits}
        return Plan({"datasets": SPLITS, "tables": {}, **config}, Path("workflow/scripts"))

    return make


def places(runs):
    return [tuple(Path(run).parts[-4::3]) for run in runs]


def test_each_split_has_its_runs_and_guides(plan):
    made = plan(
        tables={"compare": {**SHOWN, "methods": ["baseline", "mga"]}, "table1": {"datasets": ["leaves"]}}
    )
    every = [(f"split{split}", f"seed{seed}") for split in (1, 2, 3) for seed in (1, 2)]
    assert places(made.runs("leaves", "mga", "small")) == every
    wildcards = SimpleNamespace(dataset="leaves", split="2", method="mga", backbone="small", seed="1")
    assert made.mask_stores(wildcards) == ["results/r/store/leaves/split2/masks/segmenter"]
    assert made.mask_annotation(wildcards) == "results/r/annotate/leaves/split2/annotated.csv"
    segmenters = [f"results/r/segment/leaves/split{split}/metrics.json" for split in (1, 2, 3)]
    assert made.sources("table1")["segments"] == segmenters
    assert made.first_run("leaves", "mga", "small").endswith("split1/mga/small/seed1")


def test_one_more_split_changes_nothing_of_the_others(plan):
    three = plan()
    four = plan(datasets={"leaves": {"split": "1:1", "repeats": 4}})
    assert three.index_flags("leaves") == four.index_flags("leaves")
    assert three.stored("leaves") == four.stored("leaves")
    assert all(three.split_flags("leaves", k) == four.split_flags("leaves", k) for k in ("1", "2", "3"))


def test_the_images_of_one_split_are_stored_alone_where_the_test_images_differ_in_size(plan):
    sizes = {"classify": {"resize": 64, "test_resize": 48}}
    assert plan(**sizes).stored("leaves") == {"images": "results/r/data/leaves/images.csv"}
    one = {"leaves": {"split": "1:1"}}
    assert plan(**sizes, datasets=one).stored("leaves") == {"index": "results/r/data/leaves/split1/index.csv"}
    assert plan(datasets=one).stored("leaves") == {"images": "results/r/data/leaves/images.csv"}


@pytest.mark.parametrize(
    ("edits", "said"),
    [
        (
            {"datasets": {"leaves": {"repeats": 5}}},
            "datasets.leaves.repeats: 5 splits, but its split is the publ",
        ),
        (
            {"datasets": {"leaves": {"split": "2:1", "repeats": 5}}, "splits": {"leaves": "x.csv"}},
            "leaves.repeats: 5 splits, but its split is that of a CSV in `splits` alone; leave it out",
        ),
        ({"datasets": {"leaves": {"repeats": 0}}}, "datasets.leaves.repeats: 0 is below 1"),
        ({"datasets": {"leaves": {"validation": 1}}}, "datasets.leaves.validation: 1 is not below 1"),
        ({"datasets": {"leaves": {"validation": 0.0}}}, "datasets.leaves.validation: 0.0 is not above 0"),
    ],
)
def test_splits_that_cannot_be_are_refused(plan, edits, said):
    with pytest.raises(InputError) as error:
        plan(**edits)
    assert said in str(error.value)


def test_the_group_is_told_once_for_all_splits(plan):
    made = plan(datasets={"leaves": {"split": "1:1", "repeats": 2, "group": "^(a+)_"}})
    assert made.index_flags("leaves")["group"] == "^(a+)_"
    assert "group" not in made.split_flags("leaves", "2")


# A validation part


def test_sweeps_are_judged_by_the_validation_part(plan):
    held = {"leaves": {"split": "1:1", "repeats": 2, "validation": 0.3}}
    tables = {"compare": {**SHOWN, "methods": ["baseline", "mga"]}}
    made = plan(datasets=held, sweeps={"tau": SWEEP}, tables=tables)
    assert {split for split, _ in places(made.sweep_runs("sweep_tau", "leaves"))} == {
        "split1-validation",
        "split2-validation",
    }
    assert {split for split, _ in places(made.sweep_baselines("sweep_tau", "leaves"))} == {
        "split1-validation",
        "split2-validation",
    }
    assert {split for split, _ in places(made.table_runs("compare"))} == {"split1", "split2"}
    assert made.split_flags("leaves", "2-validation")["validation"] == 0.3
    assert made.split_flags("leaves", "2")["validation"] is None
    without = plan(sweeps={"tau": SWEEP})
    assert places(without.sweep_runs("sweep_tau", "leaves"))[0] == ("split1", "seed1")


def test_the_probability_of_a_view_is_swept_too(plan):
    held = {"leaves": {"split": "1:1", "validation": 0.3}}
    sweep = {"option": "swap", "values": [0.5, 1.0], "methods": ["swap"], **SHOWN}
    made = plan(datasets=held, sweeps={"probability": sweep})
    half, all_of_them = made.sweep_runs("sweep_probability", "leaves")[::2]
    assert "/swap-swap-0.5/" in half and "/swap/" in all_of_them
    assert made.resolved("leaves", "swap-swap-0.5", "small").options["swap"] == 0.5
    with pytest.raises(InputError, match="'swap' is no option of mga to sweep"):
        plan(sweeps={"probability": {**sweep, "methods": ["mga"]}})


def test_the_papers_figures_show_test_images(plan):
    held = {"leaves": {"split": "1:1", "validation": 0.3}}
    figure = {**SHOWN, "counts": [1, 2], "scale": 1}
    made = plan(datasets=held, classifiers_figure=figure)
    assert {split for split, _ in places(made.sweep_runs("classifiers", "leaves"))} == {"split1"}


# Twice the epochs


def test_twice_the_epochs_of_each_row(plan):
    methods = ["baseline", "mga", "aca", "mdm"]
    tables = {"compare": {**SHOWN, "methods": methods, "budget": True}}
    made = plan(tables=tables, classify={"epochs": 30, "learning_rate_steps": [10, 20]})
    longer = made.resolved("leaves", "mga-2x", "small")
    once = made.resolved("leaves", "mga", "small")
    assert longer.options == {**once.options, "epochs": 60, "learning_rate_steps": [20, 40]}
    assert (longer.masks, longer.weights) == (once.masks, once.weights)
    told = json.loads(made.table_flags("compare")["longer"])
    assert told == {"baseline-2x": "baseline", "mga-2x": "mga", "aca-2x": "aca"}
    runs = made.longer_runs("compare")["mga"]
    assert len(runs) == 6 and set(runs) < set(made.table_flags("compare")["runs"])
    assert set(made.table_runs("compare")).isdisjoint(runs)
    wildcards = SimpleNamespace(dataset="leaves", split="1", method="aca-2x", backbone="small", seed="1")
    assert [Path(run).parts[-3] for run in made.scale_runs(wildcards)] == ["aca-2x-s1", "aca-2x-s2"]
    assert made.zoom("leaves", "1", "aca-2x-s2", "small", 1).endswith("/aca-2x-s1/small/seed1/attended.csv")
    known = json.loads(made.readers("compare")["names"])["variants"]
    assert known["mga-2x"]["label"] == "MGA, twice the epochs"


def test_five_replicates_of_twice_the_epochs(plan):
    tables = {"compare": {**SHOWN, "methods": ["baseline"], "budget": True}}
    five = {"leaves": {"split": "1:9", "repeats": 5}}
    made = plan(tables=tables, datasets=five)
    every = [(f"split{split}", "seed1") for split in range(1, 6)]
    assert places(made.longer_runs("compare")["baseline"]) == every
    made = plan(tables=tables, datasets={"leaves": {}}, seeds=[1, 2, 3, 4, 5, 6])
    assert [seed for _, seed in places(made.longer_runs("compare")["baseline"])] == [
        f"seed{seed}" for seed in range(1, 6)
    ]


def test_a_name_taken_by_twice_the_epochs_is_refused(plan):
    tables = {"compare": {**SHOWN, "methods": ["baseline"], "budget": True}}
    with pytest.raises(InputError, match=r"variants.baseline-2x: is the name of .*, twice the epochs"):
        plan(tables=tables, variants={"baseline-2x": {"method": "baseline", "epochs": 3}})


def test_without_it_nothing_is_trained_twice(plan):
    made = plan(tables={"compare": {**SHOWN, "methods": ["baseline"]}})
    assert made.table_flags("compare")["longer"] is None
    assert not any("-2x" in run for run in made.all_runs)


# What a dry run says


def test_trainings_are_counted(plan):
    tables = {"compare": {**SHOWN, "methods": ["baseline", "mga", "mgfe", "aca", "mdm"], "budget": True}}
    made = plan(tables=tables, sweeps={"tau": SWEEP})
    # baseline, mga, mgfe, two scales of aca, each once more; the sweep's other value
    expected = {"classifiers": 6 * (5 + 5 + 1), "segmenters": 3, "detectors": 3}
    assert forecast.trainings(made) == expected
    assert forecast.lines(made) == [
        "trainings of this config, in all: 66 classifiers, 3 segmenters, 3 detectors"
    ]


def test_the_replicates_that_two_points_would_take(plan, monkeypatch, tmp_path):
    made = plan(tables={"compare": {**SHOWN, "methods": ["baseline", "mga"]}})
    monkeypatch.chdir(tmp_path)
    assert len(forecast.lines(made)) == 1
    tests = tmp_path / "results/r/tables/compare_tests.csv"
    tests.parent.mkdir(parents=True)
    header = "dataset,backbone,method_a,method_b,replicates,replicates_for_2\n"
    rows = "leaves,small,mga,baseline,6,9\nleaves,small,mgfe,baseline,6,42\nleaves,small,aca,baseline,6,\n"
    tests.write_text(header + rows)
    assert forecast.lines(made)[1] == (
        "compare: by the last run's variances, 2 points would take up to 42 replicates "
        "(mgfe - baseline on leaves, 6 so far)"
    )
    tests.write_text(header)
    assert len(forecast.lines(made)) == 1


def test_every_config_of_the_repository_is_counted(root, monkeypatch):
    monkeypatch.chdir(root)
    for path in sorted(Path("config").glob("*.yaml")):
        made = Plan(read_yaml(path), Path("workflow/scripts"))
        assert forecast.trainings(made)["classifiers"] > 0
