"""Several splits through the whole workflow: their guides, a validation part, twice the epochs."""

import csv
import re

import pytest
from whole_run import copy_project, jobs, read_config, snakemake, write_config

TABLE = "results/smoke/tables/compare"
SHOWN = {"datasets": ["leaves"], "backbone": "small"}


@pytest.fixture(scope="module")
def several(root, tmp_path_factory):
    """A finished small run of two splits."""
    folder = copy_project(root, tmp_path_factory.mktemp("several"))
    config = read_config(folder, "smoke.yaml")
    leaves = {"split": "1:2", "repeats": 2, "validation": 0.5}
    sweep = {"option": "guidance_weight", "values": [0.1], "methods": ["mga-truth"], **SHOWN}
    config |= {
        "seeds": [1],
        "datasets": {"leaves": leaves},
        "sweeps": {"tau": sweep},
        "annotation_figure": None,
    }
    config["classify"] |= {"epochs": 1}
    config["tables"] = {
        "table1": {"datasets": ["leaves"]},
        "compare": {**SHOWN, "methods": ["baseline", "mga-truth"], "budget": True},
    }
    for key in ("annotation_figure", "classifiers_figure"):
        config.pop(key, None)
    done = snakemake(folder, "--configfile", write_config(folder, config))
    assert done.returncode == 0, done.stdout[-3000:] + done.stderr[-3000:]
    return folder, config, done.stdout + done.stderr


def rows(path):
    with path.open(newline="", encoding="utf-8") as file:
        return list(csv.DictReader(file))


@pytest.mark.slow
def test_each_split_has_training_images_and_guides_of_its_own(several):
    folder, _, said = several
    data = folder / "results/smoke/data/leaves"
    parts = [rows(data / f"split{split}/index.csv") for split in (1, 2)]
    trained = [{row["image_id"] for row in part if row["split"] == "train"} for part in parts]
    assert trained[0] and len(trained[0]) == len(trained[1]) and not trained[0] & trained[1]
    held = rows(data / "split2-validation/index.csv")
    assert {row["image_id"] for row in held} == trained[1]
    for split in (1, 2):
        assert (folder / f"results/smoke/segment/leaves/split{split}/metrics.json").is_file()
    # baseline and MGA on two splits, each once more with twice the epochs; the sweep's two on two
    assert "trainings of this config, in all: 12 classifiers, 2 segmenters" in said


@pytest.mark.slow
def test_the_tables_speak_of_splits(several):
    folder, *_ = several
    table, tests = rows(folder / f"{TABLE}.csv"), rows(folder / f"{TABLE}_tests.csv")
    assert [row["method"] for row in table] == ["baseline", "mga-truth"]
    assert all(row["longer_difference"] for row in table)
    assert [(row["method_a"], row["splits"], row["replicates"]) for row in tests] == [("mga-truth", "2", "2")]
    assert tests[0]["verdict"] == "no verdict"
    assert "still learning" in (folder / f"{TABLE}.md").read_text()
    assert (folder / "results/smoke/figures/sweep_tau_leaves.png").is_file()


@pytest.mark.slow
def test_one_split_more_makes_that_split_alone(several):
    folder, config, _ = several
    three = {**config["datasets"]["leaves"], "repeats": 3}
    edited = write_config(folder, {**config, "datasets": {"leaves": three}})
    planned = jobs(folder, "--configfile", edited)
    assert planned["train_classifier"] == 6 and planned["train_segmenter"] == 1
    assert planned["split_dataset"] == 2
    assert not {"index_dataset", "build_store"} & set(planned)
    listing = snakemake(folder, "--dry-run", "--configfile", edited).stdout
    found = set(re.findall(r"runs/leaves/(split[^/]+)/\S+model\.pt", listing))
    assert found == {"split3", "split3-validation"}
