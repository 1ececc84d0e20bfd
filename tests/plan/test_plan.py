"""The plan asked directly: names and their runs, tables, sweeps, and what is refused."""

import json
from pathlib import Path
from types import SimpleNamespace

import pytest
from maskguide.plan import declared, variants
from maskguide.plan.settings import flags
from maskguide.system.files import InputError

SHOWN = {"datasets": ["leaves"], "backbone": "small"}


def names(runs):
    return list(dict.fromkeys(Path(run).parts[-3] for run in runs))


def of_run(name, dataset="leaves", backbone="small"):
    return SimpleNamespace(dataset=dataset, split=1, method=name, backbone=backbone, seed=1)


@pytest.mark.parametrize(
    ("options", "expected"),
    [
        ({"a": 1, "b_c": "x y", "d": None, "e": False, "f": [], "g": True}, "--a 1 --b-c 'x y' --g"),
        ({"list": [0.5, 1], "empty": ""}, "--empty '' --list 0.5 1"),
    ],
)
def test_flags_are_quoted_sorted_and_without_what_is_not_there(options, expected):
    assert flags(options) == expected
    assert flags(dict(reversed(options.items()))) == expected


def test_two_names_of_the_same_options_are_one_run(plan):
    asked = ["baseline", "mga", "mga-segmenter", "mgfe", "mgfe-softmax", "mgfe-filled", "mga-truth"]
    made = plan(tables={"compare": {**SHOWN, "methods": asked}})
    assert names(made.table_runs("compare")) == ["baseline", "mga", "mgfe", "mga-truth"]
    assert made.same == {"mga-segmenter": "mga", "mgfe-softmax": "mgfe", "mgfe-filled": "mgfe"}
    made = plan(tables={"compare": {**SHOWN, "methods": asked}}, mgfe={"activation": "sigmoid"})
    assert names(made.table_runs("compare")) == ["baseline", "mga", "mgfe", "mgfe-softmax", "mga-truth"]


def test_one_network_and_an_average_of_one_are_not_the_same_run(plan):
    made = plan(aca={"scales": 1}, tables={"compare": {**SHOWN, "methods": ["aca", "aca-s1"]}})
    assert names(made.table_runs("compare")) == ["aca", "aca-s1"]


def test_curves_are_drawn_of_each_compared_network_and_of_no_average(plan):
    made = plan(tables={"compare": {**SHOWN, "methods": ["baseline", "tdsa", "aca", "aca-s1", "maxpool"]}})
    assert names(made.curve_runs("leaves")) == ["baseline", "tdsa", "aca-s1"]
    assert f"{made.results}/figures/curves_leaves.png" in made.figures()


def test_a_region_alone_is_the_method_itself_where_there_is_but_one(plan):
    table = {"datasets": ["btfpis"], "backbone": "resnet50", "controls": []}
    made = plan("butterfly", tables={"mgfe_table3": table})
    assert names(made.table_runs("mgfe_table3")) == ["baseline", "mgfe"]
    assert made.run_name("btfpis", "mgfe-butterfly", "resnet50") == "mgfe"


def test_names_of_the_plans_own_making_differ_in_their_options_alone(plan):
    made = plan(datasets={"leaves": {}, "btfpis": {}}, aca={"scales": 4})
    assert made.names["mgfe-butterfly"].options == {"regions": ["butterfly"]}
    assert made.names["mgfe-butterfly"].place < made.names["mgfe"].place
    assert made.names["aca-n4-s4"].options == {"classifiers": 4, "scale": 4}
    assert made.names["aca-s4"].label == "ACA, scale 4"
    assert made.names["mgfe-n2"].options == {"annotated": 2}
    told = json.loads(made.readers_of(["runs/leaves/split1/mgfe-n2/small/seed1"], "leaves")["names"])
    assert variants.known(told["variants"])["mgfe-n2"] == made.names["mgfe-n2"]


def test_variants_of_the_config_stand_where_methods_may(plan):
    more = {
        "mga-tau10": {"method": "mga", "guidance_weight": 10, "label": "MGA, τ = 10"},
        "slow": {"method": "baseline", "learning_rate": 0.001, "epochs": 9},
        "zoomed": {"method": "baseline", "scale": 2},
        "like-local": {"method": "aca", "losses": "local", "scale": 1},
    }
    table = {**SHOWN, "methods": [*more, "baseline"]}
    made = plan(variants=more, tables={"mine": table})
    assert names(made.table_runs("mine")) == ["mga-tau10", "slow", "zoomed", "aca-local-s1", "baseline"]
    assert made.resolved("leaves", "mga-tau10", "small").options["guidance_weight"] == 10
    assert made.resolved("leaves", "slow", "small").options["learning_rate"] == 0.001
    assert made.resolved("leaves", "slow", "small").options["epochs"] == 9
    assert made.resolved("leaves", "baseline", "small").options["epochs"] == 2
    assert made.zoom_of(of_run("zoomed")).endswith("split1/aca-s1/small/seed1/attended.csv")
    told = made.readers("mine")["names"]
    assert '"label": "MGA, τ = 10"' in told and "aca-local-s1" not in told
    assert made.table_flags("mine")["title"] == "mine"
    assert f"{made.results}/tables/mine_tests.csv" in made.table_files()


def test_tests_of_several_splits_are_told_their_indexes(plan, monkeypatch):
    """Whether training images of two splits overlap decides about a verdict; one split has none."""
    made = plan(tables={"mine": {**SHOWN, "methods": ["baseline", "mga"]}, "table3": SHOWN})
    assert made.table_flags("mine")["index"] == []
    monkeypatch.setattr(made, "splits", lambda dataset: [1, 2])
    indexes = [f"{made.results}/data/leaves/split{split}/index.csv" for split in (1, 2)]
    assert made.table_flags("mine")["index"] == indexes
    assert set(indexes) <= set(made.source_files("mine"))
    assert made.table_flags("table3")["index"] == []  # nothing is tested there


@pytest.mark.parametrize(
    ("edit", "line"),
    [
        ({"x": {"method": "mgx"}}, "config: variants.x: method 'mgx' is unknown; did you mean mga?"),
        ({"mga-truth": {"method": "mga"}}, "config: variants.mga-truth: is a name in use already; "),
        ({"x": {"method": "mga", "guidance_wait": 1}}, "is no option of mga; did you mean guidance_weight?"),
        (
            {"x": {"method": "baseline", "guidance_weight": 1}},
            "config: variants.x.guidance_weight: is no opt",
        ),
        (
            {"x": {"method": "mga", "guidance_weight": -1}},
            "config: variants.x.guidance_weight: -1 is below 0",
        ),
        ({"x": {"method": "mga", "mask_source": "mine"}}, "variants.x.mask_source: 'mine' is none of segmen"),
        ({"x": {"method": "mgfe", "annotated": 0}}, "config: variants.x.annotated: 0 is below 1"),
        ({"x": {"method": "mga", "place": 3}}, "config: variants.x.place: is no option of mga; "),
        ({"x": {}}, "config: variants.x: lacks method"),
        ({"x y": {"method": "mga"}}, "config: variants: 'x y' does not match"),
    ],
)
def test_a_wrong_variant_is_refused_in_one_line(plan, edit, line):
    with pytest.raises(InputError) as refused:
        plan(variants=edit)
    assert line in str(refused.value) and "\n" not in str(refused.value)


@pytest.mark.parametrize(
    ("table", "line"),
    [
        (
            {"compare": {**SHOWN, "methods": ["mga-foo"]}},
            "tables.compare: method 'mga-foo' is unknown; did you",
        ),
        (
            {"compare": {**SHOWN, "methods": ["attention-x"]}},
            "'attention-x' is unknown; did you mean attention?",
        ),
        (
            {"mgfe_table3": {**SHOWN, "controls": ["mgfe-n0"]}},
            "method 'mgfe-n0' is unknown; did you mean mgfe-n",
        ),
        ({"mgfe_table3": {**SHOWN, "controls": ["cam"]}}, "method 'cam' is unknown; "),
        (
            {"compare": {**SHOWN, "methods": ["aca-s3"]}},
            "method 'aca-s3' sees scale 3, but aca.scales is 2; ",
        ),
        ({"mine": {**SHOWN}}, "config: tables.mine: lacks methods"),
        ({"tabel2": {"datasets": ["leaves"]}}, "config: tables.tabel2: lacks backbone, methods"),
        ({"mine": {"datasets": ["cub"], **SHOWN, "methods": ["mgx"]}}, "method 'mgx' is unknown"),
        (
            {"table1": {"datasets": ["btfpis"]}},
            "config: tables.table1.datasets names 'btfpis', not a data set",
        ),
        ({"aca_boxes": {"datasets": ["leaves"], "backbone": "resnet51"}}, "did you mean resnet50?"),
    ],
)
def test_a_wrong_table_is_refused_in_one_line(plan, table, line):
    with pytest.raises(InputError) as refused:
        plan(tables=table)
    assert line in str(refused.value) and "\n" not in str(refused.value)


def test_a_region_that_the_data_set_has_not_is_refused(plan):
    table = {"datasets": ["btfpis"], "backbone": "resnet50", "methods": ["mgfe-vein"]}
    with pytest.raises(InputError, match="btfpis has no region 'vein'; it has butterfly"):
        plan("butterfly", tables={"compare": table})


def test_every_name_in_use_can_be_run(plan):
    made = plan(aca={"scales": 3})
    for name in variants.in_use():
        if name != "mdm":
            resolved = made.resolved("leaves", name, "small")
            assert resolved.method.name == variants.in_use()[name].method
            assert made.runs("leaves", name, "small")
    assert names(made.runs("leaves", "mdm", "small")) == ["mdm"]
    assert len(made.runs("leaves", "mdm", "small")) == 1  # nothing is drawn: one run, not one for each seed


def test_scales_and_what_cuts_their_images_out(plan):
    made = plan(aca={"scales": 3})
    assert made.scales("aca") == ["aca-s1", "aca-s2", "aca-s3"]
    assert made.scales("aca-n4") == ["aca-n4-s1", "aca-n4-s2", "aca-n4-s3"]
    assert made.scales("maxpool")[2] == "maxpool-s3"
    assert made.zoom_of(of_run("aca-s1")) == []
    assert "/aca-n4-s2/" in made.zoom_of(of_run("aca-n4-s3"))
    assert "/aca-s1/" in made.zoom_of(of_run("maxpool-s2"))
    assert made.zoom_of(of_run("mga")) == []


def test_each_method_is_told_its_own_options_and_no_others(plan):
    made = plan()
    said = {
        name: made.resolved("leaves", name, "small").options
        for name in ("baseline", "attention", "mga", "mgfe")
    }
    assert "feature_weight" not in said["baseline"] and "guidance_weight" not in said["attention"]
    assert said["attention"]["feature_weight"] == 0.5 and said["mgfe"]["feature_weight"] == 0.3
    assert said["mga"]["mask_source"] == "segmenter" and said["mgfe"]["mask_source"] == "filled-4"
    assert said["mgfe"]["regions"] == ["vein", "contour"] and said["mgfe"]["region_weights"] == [0.5, 0.2]
    alone = made.resolved("leaves", "mgfe-contour", "small")
    assert alone.options["region_weights"] == [0.2] and alone.masks == ("contour-filled-4",)
    learning = made.resolved("leaves", "aca-s1", "small").options
    assert (learning["optimizer"], learning["learning_rate"]) == ("adam", 0.0001)
    assert made.resolved("leaves", "baseline", "densenet161").options["learning_rate"] == 0.05


def test_an_edit_of_a_data_sets_own_keys_counts_for_it_alone(plan):
    table = {"datasets": ["leaves", "btfpis"], "backbone": "small", "methods": ["baseline"]}
    own = {"leaves": {"classify": {"epochs": 7}}, "btfpis": {}}
    made = plan(datasets=own, tables={"compare": table})
    assert made.resolved("leaves", "baseline", "small").options["epochs"] == 7
    assert made.resolved("btfpis", "baseline", "small").options["epochs"] == 2


def test_sweeps_are_an_option_its_values_and_a_figure(plan):
    sweep = {**SHOWN, "methods": ["mga", "mga-truth"], "option": "guidance_weight", "values": [0.1, 1, 10]}
    made = plan(sweeps={"tau": sweep})
    assert f"{made.results}/figures/sweep_tau_leaves.png" in made.figures()
    runs = names(made.sweep_runs("sweep_tau", "leaves"))
    assert runs == [
        *("mga", "mga-guidance_weight-1", "mga-guidance_weight-10"),
        *("mga-truth", "mga-truth-guidance_weight-1", "mga-truth-guidance_weight-10"),
    ]
    assert made.resolved("leaves", runs[-1], "small").options["guidance_weight"] == 10
    assert names(made.sweep_runs("classifiers", "leaves")) == ["aca-n1-s1", "aca-s1"]
    assert names(made.sweep_runs("annotation", "leaves")) == ["mgfe-n2", "mgfe"]
    assert [Path(each).parts[-2] for each in made.sweep_detectors("annotation", "leaves")] == ["2", "4"]
    assert set(made.all_runs) >= set(made.sweep_runs("sweep_tau", "leaves"))


@pytest.mark.parametrize(
    ("edit", "line"),
    [
        ({"methods": ["mgx"]}, "config: sweeps.tau: method 'mgx' is unknown; did you mean mga?"),
        ({"option": "tau"}, "config: sweeps.tau: 'tau' is no option of mga to sweep; "),
        ({"methods": ["mgfe"], "option": "content"}, "'content' is no option of mgfe to sweep; "),
        ({"values": [-1]}, "guidance_weight: -1 is below 0"),
        ({"datasets": ["cub200"]}, "config: sweeps.tau.datasets names 'cub200', not a data set of this run."),
        ({"backbone": "resnet51"}, "did you mean resnet50?"),
    ],
)
def test_a_wrong_sweep_is_refused_in_one_line(plan, edit, line):
    sweep = {**SHOWN, "methods": ["mga"], "option": "guidance_weight", "values": [1]}
    with pytest.raises(InputError) as refused:
        plan(sweeps={"tau": {**sweep, **edit}})
    assert line in str(refused.value) and "\n" not in str(refused.value)


def test_a_training_depends_on_its_view_only_where_it_has_one(plan):
    made = plan()
    for name, zoomed in {"mga": False, "aca-s1": False, "aca-s2": True, "maxpool-s2": True}.items():
        found = made.code_of_run(of_run(name))
        assert any(each.endswith("views/zoom.py") for each in found) == zoomed, name
        module = declared.methods()[variants.in_use()[name].method].module
        assert f"workflow/scripts/maskguide/methods/{module}.py" in found


def test_labels_are_inputs_of_tables_not_of_trainings(plan):
    made = plan()
    assert any(each.endswith("methods/tdsa.yaml") for each in made.labels)
    assert "resources/datasets.yaml" in made.labels
    assert not any(each.endswith(".yaml") for each in made.code_of_run(of_run("tdsa")))


def test_what_a_table_is_made_of(plan):
    made = plan()
    assert made.sources("table1")["segments"] == ["results/smoke/segment/leaves/split1/metrics.json"]
    assert made.sources("mgfe_table1")["detectors"] == ["results/smoke/detect/leaves/split1/4/metrics.json"]
    assert len(made.sources("aca_boxes")["attended"]) == 2 * 2  # scales × seeds
    compared = made.sources("compare")
    assert len(compared["segments"]) == len(compared["detectors"]) == 1
    assert names(made.table_runs("table2")) == ["baseline", "mga"]


def test_tdsas_plain_row_is_of_the_network_that_it_rebuilds(plan):
    made = plan(tables={"tdsa_table1": {"datasets": ["leaves"], "backbone": "vgg16_bn"}})
    assert names(made.table_runs("tdsa_table1")) == ["tdsa-crossentropy", "tdsa-channels", "tdsa"]
    made = plan(tables={"tdsa_table1": SHOWN})
    assert names(made.table_runs("tdsa_table1")) == ["baseline", "tdsa-channels", "tdsa"]


@pytest.mark.parametrize("config", [path.stem for path in Path(__file__).parents[2].glob("config/*.yaml")])
def test_every_config_builds(plan, config):
    made = plan(config)
    assert made.all_runs and made.table_files() and made.figures()
    assert len(set(made.all_runs)) == len(made.all_runs)


def test_a_title_is_no_input_of_an_index(plan, tmp_path):
    (tmp_path / "elm").mkdir()
    said = [
        plan(datasets={"leaves": {}, "vines": {"images": str(tmp_path), "title": title}}).index_flags("vines")
        for title in ("Vines", "Grapevines")
    ]
    assert said[0] == said[1]
    assert said[0]["files"] == str(tmp_path) and "own_masks" in said[0]


def test_what_masks_mean_reaches_the_scripts(plan, tmp_path):
    (tmp_path / "elm").mkdir()
    means = {"mask_values": {0: "background", 255: "leaf"}, "void": [254], "mask_classes": ["leaf"]}
    vines = {"images": str(tmp_path), **means}
    told = plan(datasets={"leaves": {}, "vines": {**vines, "annotate": {"mode": "manual"}}})
    entry = json.loads(told.index_flags("vines")["entry"])
    assert entry["mask_values"] == {"0": "background", "255": "leaf"} and entry["void"] == [254]
    assert json.loads(told.mask_values("vines")["mask_values"]) == entry["mask_values"]
    assert told.mask_values("vines")["void"] == [254]
    published = plan(datasets={"leaves": {}, "vines": vines})
    assert published.mask_values("vines") == {"mask_values": None, "void": []}
    assert (
        published.choosing("vines", "annotate")["masked"] and not told.choosing("vines", "annotate")["masked"]
    )
    for wrong in ({"mask_values": {0: 1}}, {"mask_values": {}}, {"void": 255}):
        with pytest.raises(InputError, match=r"config: datasets.vines.(mask_values|void)"):
            plan(datasets={"leaves": {}, "vines": {**vines, **wrong}})


def test_each_cell_of_networks_gets_a_card(plan):
    made, place = plan(), "results/smoke/runs/leaves/split1"
    cards, names = made.cards(), ("baseline", "mga", "aca", "aca-s1", "tdsa")
    assert len(cards) == len(set(cards))
    assert {f"{place}/{name}/small/card.md" for name in names} <= {*cards}
    assert not any("/contour/" in card for card in cards)  # handcrafted: no network
    about = json.loads(made.data_on_cards())["leaves"]
    assert about["licence"].endswith("(MIT)") and about["splits"] == 1


def test_what_is_judged_on_a_validation_part_gets_no_card(plan):
    sweep = {"option": "guidance_weight", "values": [0.1], "methods": ["mga"], "datasets": ["leaves"]}
    held = {"leaves": {"split": "1:1", "validation": 0.3}}
    made = plan(datasets=held, sweeps={"tau": {**sweep, "backbone": "small"}}, tables={})
    assert any("-validation/" in run for run in made.all_runs)
    assert not any("-validation/" in card for card in made.cards())
