"""Which networks are measured against the masks of test images, and against which masks."""

from pathlib import Path
from types import SimpleNamespace

import pytest

SHOWN = {"datasets": ["leaves"], "backbone": "small"}


def wildcards(method, dataset="leaves"):
    return SimpleNamespace(dataset=dataset, split=1, method=method, backbone="small")


def test_tables_with_guidance_measure_their_rows_and_what_they_are_compared_with(plan):
    made = plan(tables={"table4": {**SHOWN}, "mgfe_table3": {**SHOWN, "controls": ["mgfe-shuffled"]}})
    assert {cell[1]: masks for cell, masks in made.judged("table4").items()} == {
        name: ["truth"] for name in ("baseline", "attention", "mga", "mga-truth", "mga-shuffled")
    }
    regions = ["vein-filled-4", "contour-filled-4"]
    judged = {cell[1]: masks for cell, masks in made.judged("mgfe_table3").items()}
    assert judged["mgfe"] == judged["mgfe-shuffled"] == judged["baseline"] == regions
    assert judged["mgfe-vein"] == regions[:1] and judged["mgfe-contour"] == regions[1:]
    # one job measures a network for all tables
    assert made.judging_masks(wildcards("baseline")) == [
        f"{made.results}/masks/leaves/split1/{each}" for each in regions
    ]
    assert made.attention_flags(wildcards("baseline"))["truth"]
    assert made.attention_flags(wildcards("mga"))["masks"] == []
    assert made.looking_runs(wildcards("mga")) == made.runs("leaves", "mga", "small")
    file = f"{made.results}/attention/leaves/split1/mga/small/attention.csv"
    assert file in made.table_flags("table4")["attention"] and file in made.source_files("table4")


def test_tables_without_guidance_measure_nothing(plan):
    made = plan(
        tables={
            "compare": {**SHOWN, "methods": ["baseline", "attention", "aca-s1"]},
            "table2": {"datasets": ["leaves"], "backbones": ["small"], "backbone": "small"},
        }
    )
    assert made.table_flags("compare")["attention"] == made.table_flags("table2")["attention"] == []


def test_networks_that_see_parts_of_images_and_what_is_no_network_are_left_out(plan):
    methods = ["mdm", "baseline", "energy", "aca", "aca-s1", "aca-s2"]
    made = plan(tables={"compare": {**SHOWN, "methods": methods}})
    assert [cell[1] for cell in made.judged("compare")] == ["baseline", "energy", "aca-s1"]


@pytest.mark.parametrize(
    ("methods", "masks"),
    [(["mga"], ["segmenter"]), (["mga-shuffled"], ["segmenter"]), (["mga-auto"], ["auto"])],
)
def test_without_true_masks_it_is_what_the_guide_says_of_the_image_itself(plan, monkeypatch, methods, masks):
    made = plan(tables={"compare": {**SHOWN, "methods": ["baseline", *methods]}})
    monkeypatch.setattr(made, "without_masks", lambda dataset: True)
    assert [*made.judged("compare").values()] == [masks, masks]


def test_every_rows_file_is_one_that_a_rule_can_make(plan):
    made = plan("config")
    for name in made.tables:
        for file in made.measured_attention(name):
            dataset, split, method, backbone, _ = Path(file).parts[-5:]
            wc = SimpleNamespace(
                dataset=dataset, split=split.removeprefix("split"), method=method, backbone=backbone
            )
            flags = made.attention_flags(wc)
            assert flags["truth"] or flags["masks"]
            assert set(flags["runs"]) <= set(made.all_runs)
