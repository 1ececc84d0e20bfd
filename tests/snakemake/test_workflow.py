"""The plan of the workflow: what a dry run lists, what is refused, what every rule and script must say."""

import argparse
import importlib
import json
import re
import tomllib

import pytest
import yaml
from maskguide.plan.schema import config_schema
from whole_run import jobs, plan, read_config, snakemake, trained, write_config


@pytest.mark.parametrize(
    "config",
    [
        *("config.yaml", "smoke.yaml", "butterfly.yaml", "regions.yaml", "scales.yaml"),
        *("mga.yaml", "mgfe.yaml", "aca.yaml", "tdsa.yaml"),
    ],
)
def test_every_config_builds_its_plan(project, config):
    arguments = ["--configfile", f"config/{config}"]
    archives = {}
    for name in read_config(project, config)["datasets"]:
        if name != "leaves":
            (project / f"{name}.zip").touch()
            archives[name] = f"{name}.zip"
    if archives:
        arguments += ["--config", f"archives={json.dumps(archives)}"]
    counts = jobs(project, *arguments)
    assert counts["all"] == 1
    assert counts["make_tested_table"] >= 1
    assert counts["train_classifier"] >= 3


def test_the_papers_config_trains_each_distinct_run_once(project):
    for name in ("soycultivarvein", "soycultivarvein_1to1", "hainanleaf", "btfpis"):
        (project / f"{name}.zip").touch()
    archives = {name.stem: name.name for name in project.glob("*.zip")}
    counts = jobs(project, "--configfile", "config/mga.yaml", "--config", f"archives={json.dumps(archives)}")
    # Table 2: 3 data sets x (5 baselines + MGA); Table 3: MGA; Table 4 adds 3 methods on two data sets.
    assert counts["train_classifier"] == 3 * (3 * 6 + 1 + 2 * 3)


def test_mgfes_config_trains_each_distinct_run_once_and_asks_for_boxes(project):
    for name in ("cottoncultivar", "soycultivarlocal"):
        (project / f"{name}.zip").touch()
    archives = {name.stem: name.name for name in project.glob("*.zip")}
    counts = jobs(project, "--configfile", "config/mgfe.yaml", "--config", f"archives={json.dumps(archives)}")
    # Table II: 5 baselines, 5 peers and MGFE; Table III adds each region alone and five controls.
    assert counts["train_classifier"] == 3 * 2 * (5 + 5 + 1 + 2 + 5)
    assert counts["export_boxes"] == counts["train_detector"] == counts["fetch_detector_weights"] * 2 == 2
    assert counts["marks_read"] == 1


def test_acas_config_trains_each_scale_once(project):
    """On each of three data sets and with each of three seeds: ACA, its two single losses and four other
    numbers of classifiers, and max pooling, each at three scales; the baseline; four more methods on CUB."""
    for name in ("cub200", "cars", "aircraft"):
        (project / f"{name}.zip").touch()
    archives = {name.stem: name.name for name in project.glob("*.zip")}
    counts = jobs(project, "--configfile", "config/aca.yaml", "--config", f"archives={json.dumps(archives)}")
    assert counts["train_classifier"] == 3 * (3 * ((1 + 2 + 4 + 1) * 3 + 1) + 4)
    assert counts["combine_scales"] == 3 * 3 * (1 + 2 + 4 + 1)
    # the last scale's attention cuts nothing out; of the boxes' table it is looked at all the same
    assert counts["attend_regions"] == 3 * (3 * 7 * 2 + 1)


def test_scales_are_trained_one_after_another(project):
    run = "results/smoke/runs/leaves/split1"
    shown = plan(project, f"{run}/maxpool-s2/small/seed1/metrics.json", "--configfile", "config/smoke.yaml")
    assert trained(shown) == {"aca-s1", "maxpool-s2"}  # the crops are ACA's
    shown = plan(project, f"{run}/aca/small/seed1/metrics.json", "--configfile", "config/smoke.yaml")
    assert trained(shown) == {"aca-s1", "aca-s2", "aca"}


def test_a_table_needs_its_own_runs_only(project):
    listing = plan(project, "results/demo/tables/table2.csv")
    assert trained(listing) == {"baseline", "mga"}
    counts = jobs(project, "results/demo/tables/table1.csv")
    assert "train_classifier" not in counts and "pretrain_backbone" not in counts
    regions = ("--configfile", "config/regions.yaml")
    listing = plan(project, "results/regions/tables/mgfe_table3.csv", *regions)
    assert trained(listing) >= {"baseline", "mgfe", "mgfe-vein", "mgfe-contour"}
    assert {name.partition("-")[0] for name in trained(listing)} == {"baseline", "mgfe"}
    assert "rule train_segmenter" not in listing
    counts = jobs(project, "results/demo/tables/mgfe_table1.csv")
    assert counts["train_detector"] == 1 and "train_classifier" not in counts


def test_workflow_folder_is_an_entry_too(project):
    counts = jobs(project, "--snakefile", "workflow/Snakefile")
    assert counts.pop("everything") == 1
    assert {**counts, "all": 1} == jobs(project)


def test_the_demo_trains_each_network_with_five_seeds_from_weights_that_are_there(project):
    counts = jobs(project)
    # baseline, attention, MGA with three kinds of masks, MGFE, ACA, TDSA; in sessions baseline, MGA and swap
    assert counts["train_classifier"] == (8 + 3) * 5
    assert counts["measure_attention"] == 8 + 3  # one job for all seeds
    assert "pretrain_backbone" not in counts


@pytest.mark.parametrize(
    ("edit", "line"),
    [
        ({"sedes": [1]}, "config: sedes: is no key; did you mean seeds?"),
        (
            {"tables": {"mine": {"datasets": ["leaves"], "backbone": "small", "methods": ["mga-atuo"]}}},
            "config: tables.mine: method 'mga-atuo' is unknown; did you mean mga-auto?",
        ),
    ],
)
def test_what_the_plan_refuses_stops_at_once_and_makes_nothing(project, edit, line):
    """All that it refuses: tests/plan."""
    config = {**read_config(project, "smoke.yaml"), **edit}
    done = snakemake(project, "--dry-run", "--configfile", write_config(project, config))
    assert done.returncode != 0
    assert any(each.startswith(line) for each in (done.stdout + done.stderr).splitlines())
    assert "Traceback" not in done.stderr
    assert not (project / "results").exists()


def test_every_rule_says_what_it_needs(root):
    for file in sorted((root / "workflow/rules").glob("*.smk")):
        for block in re.split(r"^rule ", file.read_text(), flags=re.MULTILINE)[1:]:
            rule = block.split("\n\n\n")[0]
            name = f"{file.name}: {rule.splitlines()[0]}"
            for directive in ("input", "output", "log", "benchmark", "conda", "resources", "shell"):
                assert f"    {directive}:" in rule, f"{name} lacks {directive}"
            assert re.search(r"needs\(gpu=(0|gpus), mem_mb=\d+, runtime=\d+\)", rule), name
            assert "**plan.code(" in rule or ("script=" in rule and "modules=" in rule), name
            assert "threads:" not in rule, f"{name}: one thread is the default"


def test_every_script_shows_its_help_and_no_rule_file_imports_torch(root):
    rules = "".join(file.read_text() for file in (root / "workflow/rules").glob("*.smk"))
    assert "import torch" not in rules
    scripts = sorted((root / "workflow/scripts").glob("*.py"))
    assert scripts
    for script in scripts:
        elsewhere = ("plot_curves", "plot_confusion")  # one rule for two
        elsewhere += ("inspect_folder", "predict", "export_model")  # for people alone
        assert f'"{script.stem}"' in rules or script.stem in elsewhere, script.name
        text = script.read_text()
        assert "Example:" in text and f"python workflow/scripts/{script.name}" in text


def test_conda_environment_has_the_pins_of_pyproject(root):
    project = tomllib.loads((root / "pyproject.toml").read_text())["project"]
    environment = yaml.safe_load((root / "envs/maskguide.yaml").read_text())
    assert environment["dependencies"][-1]["pip"] == project["dependencies"]


def test_lock_has_the_pins_of_pyproject_and_no_address(root):
    lock = (root / "requirements.txt").read_text()
    assert "://" not in lock and "index-url" not in lock
    for requirement in tomllib.loads((root / "pyproject.toml").read_text())["project"]["dependencies"]:
        name, _, version = requirement.partition("==")
        name = re.sub(r"\[.*\]", "", name)
        assert re.search(rf"^{name}=={re.escape(version.removesuffix('*'))}", lock, re.MULTILINE), requirement


@pytest.mark.parametrize(
    ("section", "script"),
    [
        ("segment", "train_segmenter"),
        ("detect", "train_detector"),
        ("detect", "mask_regions"),
        ("classify", "train_classifier"),
        ("pretrain", "pretrain_backbone"),
        ("generate", "generate_leaves"),
        ("annotate", "choose_annotation"),
    ],
)
def test_config_defaults_are_the_scripts_defaults(section, script, monkeypatch):
    """One truth: a script run by hand does what the config's defaults do."""
    schema = config_schema()["properties"][section]
    parsers = []
    monkeypatch.setattr(argparse.ArgumentParser, "parse_args", lambda self, argv=None: parsers.append(self))
    importlib.import_module(script).parse_args([])
    # those of methods have none on the command line: each method's declaration has its own
    options = {each.dest: each.default for each in parsers[0]._actions if each.default != argparse.SUPPRESS}
    compared = {key: content["default"] for key, content in schema["properties"].items() if key in options}
    for file in ("weights", "init_from", "mask_source", "objects"):  # files for a script, names here
        compared.pop(file, None)
    assert compared
    for key, default in compared.items():
        expected = default["default"] if isinstance(default, dict) else default
        assert options[key] == expected, key
