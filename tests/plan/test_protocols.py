"""What names and configs say of how a paper trains: its text, its code, its controls."""

from pathlib import Path

import pytest
from maskguide.system.files import InputError

SHOWN = {"datasets": ["leaves"], "backbone": "small"}


def names(runs):
    return list(dict.fromkeys(Path(run).parts[-3] for run in runs))


def test_a_variant_learns_as_the_section_of_another_method_says(plan):
    """baseline-adam is ACA's twin in all that learning is, whatever a person's config says of it."""
    for edits in (
        {},
        {"aca": {"learning_rate": 0.02, "optimizer": "sgd"}},
        {"classify": {"epochs": 7, "batch_size": 4, "learning_rate": {"default": 0.3}, "momentum": 0.5}},
        {"datasets": {"leaves": {"classify": {"epochs": 9}}}},
    ):
        made = plan(tables={"compare": {**SHOWN, "methods": ["baseline-adam", "aca-s1"]}}, **edits)
        twin, aca = (made.resolved("leaves", name, "small") for name in ("baseline-adam", "aca-s1"))
        assert twin.method.name == "baseline"
        learning = set(twin.options) - {"feature_scale"}
        assert {"optimizer", "learning_rate", "learning_rate_steps", "epochs", "batch_size"} < learning
        assert {key: twin.options[key] for key in learning} == {key: aca.options[key] for key in learning}
        assert twin.weights == aca.weights
        assert names(made.table_runs("compare")) == ["baseline-adam", "aca-s1"]
    plain = plan().resolved("leaves", "baseline", "small").options
    assert (plain["optimizer"], plain["learning_rate"]) == ("sgd", 0.01)
    with pytest.raises(InputError, match=r"variants\.x\.learns_as: 'mga' is none of "):
        plan(variants={"x": {"method": "baseline", "learns_as": "mga"}})


def test_what_the_readings_and_controls_are(plan):
    made = plan()
    told = {
        name: made.resolved("leaves", name, "small")
        for name in ("mgfe", "mgfe-coded", "mgfe-coded-slips", "mgfe-coded-shuffled", "mga", "mga-aligned")
    }
    said = {
        name: (each.options.get("reading"), each.options.get("activation")) for name, each in told.items()
    }
    assert said["mgfe"] == ("printed", "softmax") and said["mgfe-coded"] == ("coded", "sigmoid")
    assert said["mgfe-coded-slips"] == ("slips", "sigmoid")
    assert told["mgfe-coded-shuffled"].masks == ("vein-filled-4-shuffled", "contour-filled-4-shuffled")
    assert told["mgfe-coded-shuffled"].options | {"mask_source": 0} == told["mgfe-coded"].options | {
        "mask_source": 0
    }
    assert told["mga"].options["mask_pooling"] == "parts"
    assert told["mga-aligned"].options == told["mga"].options | {"mask_pooling": "cells"}
    shuffled = made.resolved("leaves", "mga-aligned-shuffled", "small")
    assert shuffled.options == told["mga-aligned"].options | {"mask_source": "shuffled"}
    scaled, plain = (made.resolved("leaves", name, "small") for name in ("baseline-scaled", "baseline"))
    assert scaled.options == plain.options | {"feature_scale": 0.3}


def test_mgas_config_is_the_papers_protocol(plan):
    """Published splits of SoyCultivarVein, Table 3 on the 1:1 one; VGG's three last layers anew."""
    made = plan("mga")
    for name, archive in {"soycultivarvein": "soybean_2_1", "soycultivarvein_1to1": "soybean_1_1"}.items():
        assert made.index_flags(name)["split"] == "published"
        assert made.entries[name]["folder"] == archive
    shown = {name: options["datasets"] for name, options in made.config["tables"].items()}
    assert shown["table3"] == ["soycultivarvein_1to1"]
    for name in ("table1", "table2", "table4"):
        assert "soycultivarvein" in shown[name] and "soycultivarvein_1to1" not in shown[name]
    said = made.resolved("soycultivarvein", "baseline", "vgg19").options
    assert (said["new_layers"], said["crop"], said["padding"], said["normalisation"]) == (
        *("head", 448, 0, "imagenet"),
    )
    assert said["learning_rate"] == 0.005 and said["batch_size"] == 32 and said["epochs"] == 150


def test_tdsas_config_is_its_codes_protocol(plan):
    said = plan("tdsa").resolved("cub200", "tdsa", "vgg16_bn")
    expected = {"new_layers": "all", "normalisation": "half", "padding": 4, "learning_rate_steps": [150, 225]}
    assert {key: said.options[key] for key in expected} == expected
    assert said.weights == "none" and said.options["learning_rate"] == 0.1 and said.options["crop"] == 224
