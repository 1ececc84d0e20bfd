"""Peers that papers compare with: trained where a config asks, each with its own backbone and rates."""

import pytest
from maskguide.plan import declared, variants
from maskguide.plan.tables import table
from maskguide.system.files import InputError

SECOND_ORDER = ("bcnn", "improved-bcnn", "mpn-cov", "g2denet")


def test_mgfes_config_trains_the_peers_of_its_second_table(plan):
    made = plan("mgfe")
    rows = list(made.rows("mgfe_table2", "cottoncultivar"))
    for row in (("improved-bcnn", "vgg16"), ("mpn-cov", "resnet50")):
        assert row in rows
    backbones = [(made.names[name], backbone) for name, backbone in rows]
    unknown = [each for each, _ in backbones if not table("mgfe_table2").has(each)]
    assert {each.name for each in unknown} <= set(table("mgfe_table2").unrun)
    said = made.resolved("cottoncultivar", "improved-bcnn", "vgg16").options
    expected = {"first_stage": 0.6667, "first_stage_rate": 1.0, "first_stage_decay": 5e-6, "epochs": 300}
    expected |= {"learning_rate": 0.01, "weight_decay": 5e-6, "optimizer": "sgd", "batch_size": 16}
    assert {key: said[key] for key in expected} == expected
    said = made.resolved("cottoncultivar", "mpn-cov", "resnet50").options
    assert (said["learning_rate"], said["weight_decay"], said["momentum"]) == (0.0012, 1e-4, 0.938)
    assert "first_stage" not in said


def test_no_peer_is_trained_unless_the_config_asks(plan):
    shown = {"datasets": ["leaves"], "backbone": "small"}
    made = plan(tables={"aca_table2": shown})
    assert [name for name, _ in made.rows("aca_table2", "leaves")] == ["maxpool-s1", "maxpool", "aca"]
    asked = {**shown, "peers": {"bcnn": "vgg16", "g2denet": "small"}}
    made = plan(tables={"aca_table2": asked}, bcnn={"learning_rate": 0.3, "first_stage": 0.5})
    assert list(made.rows("aca_table2", "leaves"))[:2] == [("bcnn", "vgg16"), ("g2denet", "small")]
    assert any("/bcnn/vgg16/" in run for run in made.table_runs("aca_table2"))
    said = made.resolved("leaves", "bcnn", "vgg16").options
    assert (said["learning_rate"], said["first_stage"], said["first_stage_rate"]) == (0.3, 0.5, 1.0)


@pytest.mark.parametrize(
    ("peers", "line"),
    [
        ({"bcnm": "vgg16"}, "config: tables.aca_table2: method 'bcnm' is unknown; did you mean bcnn?"),
        ({"bcnn": "vgg61"}, "config: tables.aca_table2: backbone 'vgg61' is unknown; did you mean vgg16?"),
        (["bcnn"], r"config: tables.aca_table2.peers: \['bcnn'\] is not of type object"),
    ],
)
def test_wrong_peers_are_refused_in_one_line(plan, peers, line):
    with pytest.raises(InputError, match=line) as refused:
        plan(tables={"aca_table2": {"datasets": ["leaves"], "backbone": "small", "peers": peers}})
    assert "\n" not in str(refused.value)


def test_their_code_is_an_input_of_their_trainings_alone(plan):
    shown = {"datasets": ["leaves"], "backbone": "small", "methods": ["baseline", *SECOND_ORDER]}
    made = plan(tables={"mine": shown})
    for name in shown["methods"]:
        module = declared.methods()[variants.in_use()[name].method].module
        code = made.modules("train_classifier", [f"methods/{module}"])
        found = any(each.endswith("methods/second_order.py") for each in code)
        assert found == (name in SECOND_ORDER), name
