"""What is wrong with a config is said in one line that names the key."""

import copy

import pytest
import yaml
from maskguide.plan import config_check
from maskguide.plan.plan import Plan
from maskguide.plan.schema import config_schema
from maskguide.system.files import InputError, read_yaml
from snakemake.utils import validate


@pytest.fixture(scope="module")
def schema():
    return config_schema()


def test_the_projects_configs_have_no_error(root, schema):
    for path in (root / "config").glob("*.yaml"):
        assert config_check.complaint(yaml.safe_load(path.read_text()), schema) is None, path


def test_defaults_are_filled_in_as_snakemake_does(root, schema, tmp_path):
    """Snakemake's own `validate` does the same, in a quarter of a second."""
    (tmp_path / "schema.yaml").write_text(yaml.safe_dump(schema))
    for config in [*(root / "config").glob("*.yaml")]:
        ours = read_yaml(config)
        theirs = copy.deepcopy(ours)
        validate(theirs, str(tmp_path / "schema.yaml"))
        config_check.fill_in(ours, schema)
        assert ours == theirs, config
        assert ours["datasets"] and all("split_seed" in each for each in ours["datasets"].values())


def test_defaults_of_two_configs_are_not_one_object(schema):
    first, second = {"datasets": {"a": {}}}, {"datasets": {"a": {}}}
    config_check.fill_in(first, schema)
    first["aca"]["scales"] = 99
    config_check.fill_in(second, schema)
    assert second["aca"]["scales"] != 99


@pytest.mark.parametrize(
    ("edit", "line"),
    [
        ({"sedes": [1]}, "config: sedes: is no key; did you mean seeds?"),
        ({"classify": {"epochz": 3}}, "config: classify.epochz: is no key; did you mean epochs?"),
        ({"classify": {"xyz": 3}}, "config: classify.xyz: is no key; known are "),
        ({"seeds": "many"}, "config: seeds: 'many' is not of type array; Seeds of the classifiers"),
        ({"seeds": [1, 1]}, "config: seeds: [1, 1] names something twice; "),
        ({"seeds": []}, "config: seeds: [] has fewer than 1 entries; "),
        ({"classify": {"epochs": 0}}, "config: classify.epochs: 0 is below 1; "),
        ({"boxes": {"mode": "drawn"}}, "config: boxes.mode: 'drawn' is none of "),
        ({"detect": {"image_size": 100}}, "config: detect.image_size: 100 is no multiple of 32; "),
        ({"tables": {"table1": {}}}, "config: tables.table1: lacks datasets; "),
        ({"run": "a/b"}, "config: run: 'a/b' does not match "),
        (None, "config: top level: lacks "),
    ],
)
def test_one_line(schema, edit, line):
    whole = {"run": "x", "datasets": {"leaves": {}}, "tables": {"table1": {"datasets": ["leaves"]}}}
    config = {} if edit is None else {**whole, **edit}
    found = config_check.complaint(config, schema)
    assert found.startswith(line), found
    assert "\n" not in found and len(found) < 1000


def test_a_wrong_registry_is_one_line_too(root, tmp_path, monkeypatch):
    monkeypatch.chdir(root)
    path = tmp_path / "datasets.yaml"
    path.write_text((root / "resources/datasets.yaml").read_text() + "\nmine:\n  titel: My leaves\n")
    with pytest.raises(InputError) as refused:
        Plan(read_yaml("config/smoke.yaml"), root / "workflow/scripts", str(path))
    assert f"{path}: mine" in str(refused.value) and "datasets.schema.yaml" in str(refused.value)
    assert "\n" not in str(refused.value)
