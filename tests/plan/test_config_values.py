"""Values that YAML or the command line made something else of: read where they can mean one thing alone."""

import datetime

import pytest
import yaml
from bad_input import matches, rows
from hypothesis import given
from hypothesis import strategies as st
from maskguide.plan import config_check, config_values
from maskguide.plan.schema import config_schema
from maskguide.system.files import InputError
from snakemake.cli import parse_config

WHOLE = {"run": "x", "datasets": {"leaves": {}}, "tables": {"table1": {"datasets": ["leaves"]}}}


def read(text):
    """A config as YAML has it, over the least one, and read."""
    config = {**WHOLE, **yaml.safe_load(text)}
    return config_values.read(config, config_schema())


@pytest.mark.parametrize(
    ("said", "section", "expected"),
    [
        ("classify={epochs: 3}", "classify", {"epochs": 3}),
        ("classify={erasing: 1e-2, freeze: 2}", "classify", {"erasing": 0.01, "freeze": 2}),
        ("seeds=[1,2]", "seeds", [1, 2]),
        ("classify={learning_rate: {default: 0.01}}", "classify", {"learning_rate": {"default": 0.01}}),
        ("segment={deterministic: true}", "segment", {"deterministic": True}),
        ("segment={encoder_depth: 3}", "segment", {"encoder_depth": 3}),
        ("segment={encoder_depth: null}", "segment", {"encoder_depth": None}),
        ("annotate={marks: null}", "annotate", {"marks": None}),
        (
            "datasets={leaves: {split: 2:1, repeats: 5}}",
            "datasets",
            {"leaves": {"split": "2:1", "repeats": 5}},
        ),
    ],
)
def test_the_command_lines_values_are_the_files(said, section, expected):
    """As Snakemake hands them over: text, below the top level."""
    config = config_values.read({**WHOLE, **parse_config([said])}, config_schema())
    assert config[section] == expected
    assert config_check.complaint(config, config_schema()) is None
    flat = list(expected.values()) if isinstance(expected, dict) else expected
    found = list(config[section].values()) if isinstance(config[section], dict) else config[section]
    assert [type(each) for each in found] == [type(each) for each in flat]


def test_the_command_line_trains_with_its_epochs(plan):
    made = plan(**parse_config(["variants={slow: {method: mga, guidance_weight: 10, epochs: 7}}"]))
    assert made.resolved("leaves", "slow", "small").options["guidance_weight"] == 10
    assert made.resolved("leaves", "slow", "small").options["epochs"] == 7
    sweep = "{datasets: [leaves], backbone: small, methods: [mga], option: guidance_weight, values: [1, 10]}"
    swept = plan(**parse_config([f"sweeps={{tau: {sweep}}}"]))
    assert swept.sweeps["sweep_tau"]["values"] == [1, 10]


def test_yaml_takes_some_numbers_for_text_and_dates_for_dates():
    assert read("classify: {erasing: 1e-2}")["classify"]["erasing"] == 0.01
    assert read("run: 2024-05-01")["run"] == "2024-05-01"


@given(st.text(), st.sampled_from(["string", ["string", "integer"], ["array", "string"]]))
def test_text_stays_text_where_text_may_stand(text, kind):
    assert config_values.read(text, {"type": kind}) == text


@given(st.integers() | st.floats(allow_nan=False, allow_infinity=False) | st.booleans())
def test_numbers_survive_the_way_through_text(value):
    kind = {bool: "boolean", int: "integer", float: "number"}[type(value)]
    text = str(value).lower()
    found = config_values.read(text, {"type": [kind, "null"]})
    assert found == value and type(found) is type(value)


@pytest.mark.parametrize("text", ["nan", "inf", "three", "", "1 2"])
def test_what_is_no_number_stays_for_the_schema_to_refuse(text):
    assert config_values.read(text, {"type": "number"}) == text


@pytest.mark.parametrize(
    ("text", "row"),
    [
        ("datasets: {leaves: {split: 2:1}}", "config-base-60"),
        ("run: 20240501", "config-no-text"),
        ("datasets: {2024: {}}", "config-name-no-text"),
    ],
)
def test_what_can_mean_several_things_is_refused(plan, text, row):
    with pytest.raises(InputError) as caught:
        plan(**yaml.safe_load(text))
    assert matches(rows()[row], str(caught.value)), caught.value


def test_a_time_is_no_date():
    moment = datetime.datetime(2024, 5, 1, 10, 0, tzinfo=datetime.UTC)
    assert config_values.read(moment, {"type": "string"}) is moment
