"""What the plan says of views: options, masks of whole objects, what is an input of which run."""

from pathlib import Path
from types import SimpleNamespace

import pytest
from bad_input import matches, rows
from maskguide.plan import forecast, news, variants
from maskguide.plan.tables import table
from maskguide.system.files import InputError

SHOWN = {"datasets": ["leaves"], "backbone": "small"}


def of_run(name, dataset="leaves"):
    return SimpleNamespace(dataset=dataset, split=1, method=name, backbone="small", seed=1)


def shown(plan, variants, *methods, config="smoke", **edits):
    table = {**SHOWN, "methods": [*variants, *methods], **edits.pop("table", {})}
    return plan(config, variants=variants, tables={"compare": table}, **edits)


def names(runs):
    return list(dict.fromkeys(Path(run).parts[-3] for run in runs))


def test_a_view_is_told_to_its_runs_alone_and_goes_with_any_method(plan):
    more = {
        "mga-swap": {"method": "mga", "swap": 0.5, "objects": "truth"},
        "never": {"method": "baseline", "swap": 0, "objects": "truth"},
        "moved": {"method": "baseline", "swap": 1.0, "swap_shift": 0.2},
    }
    made = shown(plan, more, "swap", "baseline", "mga")
    assert names(made.table_runs("compare")) == ["mga-swap", "baseline", "moved", "swap", "mga"]
    told = {name: made.learns_by(of_run(name)) for name in (*more, "swap", "baseline", "mga")}
    assert not {"swap", "swap_shift", "objects"} & {*told["baseline"].options}
    assert told["never"].identity == told["baseline"].identity
    assert told["swap"].options == told["baseline"].options | {"swap": 1.0, "mask_source": "outline"}
    assert told["moved"].options["swap_shift"] == 0.2
    assert (
        told["mga-swap"].masks == told["mga"].masks == ("segmenter",)
    )  # veins guide, the outline is swapped
    assert made.objects_store(of_run("mga-swap")).endswith("store/leaves/split1/masks/outline")
    assert made.objects_store(of_run("baseline")) == [] and made.objects_said(of_run("baseline")) is None
    for name in told:
        swaps = any(each.endswith("views/swap.py") for each in made.code_of_run(of_run(name)))
        assert swaps == (name not in ("never", "baseline", "mga")), name


@pytest.mark.parametrize(
    ("config", "dataset", "said", "source", "segmented"),
    [
        ("smoke", "leaves", "segmenter", "outline", False),
        ("smoke", "leaves", "truth", "outline", False),
        ("smoke", "leaves", "shuffled", "outline-shuffled", False),
        ("smoke", "leaves", "auto", "silhouette", False),
        ("butterfly", "btfpis", "segmenter", "segmenter", True),
        ("butterfly", "btfpis", "elsewhere", "elsewhere", True),
        ("butterfly", "btfpis", "truth-eroded", "truth-eroded", False),
    ],
)
def test_veins_are_no_outline_of_a_leaf(plan, config, dataset, said, source, segmented):
    variants = {"x": {"method": "baseline", "swap": 1.0, "objects": said}}
    made = shown(plan, variants, config=config, table={"datasets": [dataset]})
    resolved = made.resolved(dataset, "x", "small")
    assert (resolved.objects, resolved.options["mask_source"]) == (source, source)
    assert resolved.from_segmenter == segmented == bool(made.mask_annotation(of_run("x", dataset)))
    assert bool(forecast.trainings(made)["segmenters"]) == segmented
    twin = made.twin_of(SimpleNamespace(dataset=dataset, split=1, mask_source=source))
    assert bool(twin) == ("-" in source or source == "elsewhere")
    assert any("; the outlines that came" in line for line in news.lines(made)) == (
        source.startswith("outline")
    )


def test_the_detectors_boxes_show_objects_too(plan):
    made = shown(plan, {"x": {"method": "baseline", "swap": 1.0, "objects": "detector"}})
    assert made.objects_store(of_run("x")).endswith("masks/contour-filled-4")
    assert made.mask_annotation(of_run("x")).endswith("detect/leaves/split1/4/boxes.csv")
    assert ("leaves", "1", 4) in forecast.networks(made)["detectors"]
    assert [each for each in made.sources("compare")["detectors"] if each.endswith("split1/4/metrics.json")]


def test_rectangles_need_no_masks(plan):
    made = shown(plan, {}, "swap-rectangles")
    assert made.objects_store(of_run("swap-rectangles")) == []
    assert made.objects_said(of_run("swap-rectangles")) == "rectangles"
    assert made.mask_annotation(of_run("swap-rectangles")) == []


def test_veins_without_an_outline_are_refused_and_other_names_go_on(plan):
    table = {"datasets": ["soycultivarvein"], "methods": ["baseline", "mga"]}
    made = shown(plan, {}, config="mga", table=table)
    assert "baseline" in names(made.table_runs("compare"))
    with pytest.raises(InputError) as refused:
        shown(plan, {}, config="mga", table={**table, "methods": ["swap"]})
    assert matches(rows()["veins-no-object"], str(refused.value))
    auto = {"x": {"method": "baseline", "swap": 1.0, "objects": "auto"}}
    made = shown(plan, auto, config="mga", table={**table, "methods": ["x"]})
    assert made.objects_store(of_run("x", "soycultivarvein")).endswith("masks/silhouette")


def test_wrong_options_of_views_are_one_line(plan):
    for facts, line in (
        ({"swap": 2}, "config: variants.x.swap: 2 is above 1"),
        ({"swap": 1, "objects": "mine"}, "variants.x.objects: 'mine' is none of segmenter, "),
    ):
        with pytest.raises(InputError) as refused:
            shown(plan, {"x": {"method": "baseline", **facts}})
        assert line in str(refused.value) and "\n" not in str(refused.value)


def test_test_images_are_seen_by_masks_where_asked_for_and_only_then(plan):
    more = {
        "box0": {"method": "baseline", "crop_box": 0},
        "both": {"method": "mga", "blank": True, "swap": 0.5},
        "not": {"method": "baseline", "blank": False},
    }
    made = shown(plan, more, "blank", "crop-box", "crop-box-detector", "swap", "baseline")
    stores = {name: made.blanked_by(of_run(name)) for name in ("blank", "crop-box", "swap", "both", "not")}
    assert stores.pop("blank").endswith("store/leaves/split1/objects/outline")
    assert stores.pop("both").endswith("objects/outline") and set(map(str, stores.values())) == {"[]"}
    assert made.objects_store(of_run("blank")) == made.objects_store(of_run("crop-box")) == []
    zooms = {name: made.zoom_of(of_run(name)) for name in ("crop-box", "box0", "crop-box-detector", "blank")}
    place = f"{made.results}/objects/leaves/split1"
    assert zooms["crop-box"] == f"{place}/outline-0.1/attended.csv"
    assert zooms["box0"] == f"{place}/outline-0/attended.csv"
    assert zooms["crop-box-detector"] == f"{place}/contour-filled-4-0.1/attended.csv" and zooms["blank"] == []
    used = {name: made.learns_by(of_run(name)).views for name in ("blank", "crop-box", "both", "not")}
    assert used == {"blank": ["blank"], "crop-box": ["zoom"], "both": ["blank", "swap"], "not": []}
    assert "blank" not in made.learns_by(of_run("blank")).options  # told by a file
    assert names(made.runs("leaves", "not", "small")) == ["baseline"]


def test_blank_and_boxes_are_of_whole_images_and_need_masks(plan):
    for facts, line in (
        (
            {"method": "baseline", "scale": 2, "blank": True},
            rows()["blank-scale"],
        ),
        ({"method": "aca", "crop_box": 0.1}, "'x': crop_box goes with whole images; give it scale: 1"),
        (
            {"method": "baseline", "blank": True, "objects": "rectangles"},
            rows()["blank-rectangles"],
        ),
    ):
        with pytest.raises(InputError) as refused:
            shown(plan, {"x": facts})
        assert line in str(refused.value) and "\n" not in str(refused.value)


def test_true_masks_of_a_data_set_that_has_none_are_refused(plan):
    for config, dataset in (("mgfe", "cottoncultivar"), ("aca", "aircraft")):
        table = {"datasets": [dataset], "methods": ["blank-truth"]}
        with pytest.raises(InputError) as refused:
            shown(plan, {}, config=config, table=table)
        assert "blank-truth" in str(refused.value) and "\n" not in str(refused.value)


def test_where_nothing_is_masked_it_is_said_who_draws(plan):
    made = shown(plan, {}, "blank", config="aca", table={"datasets": ["aircraft"]})
    assert any(matches(rows()["blank-without-masks"], line) for line in news.lines(made))
    assert forecast.trainings(made)["segmenters"] == 1


def test_comparisons_are_with_the_controls_of_the_same_view(plan):
    listed = [
        "swap",
        "swap-shuffled",
        "swap-elsewhere",
        "swap-rectangles",
        "swap-thirds",
        "tint",
        "mga-elsewhere",
        "mga",
    ]
    there = [each for each in variants.in_use().values() if each.name in ("baseline", *listed)]
    pairs = [pair for pair in table("compare").pairs(there) if pair[1] != "baseline"]
    assert pairs == [
        *(("mga", "mga-elsewhere"), ("swap", "swap-shuffled"), ("swap", "swap-elsewhere")),
        ("swap", "swap-rectangles"),
    ]


@pytest.mark.parametrize("said", ["segmenter", "truth"])
def test_own_masks_tell_inside_from_outside_of_all_images_where_they_are_asked_for(plan, tmp_path, said):
    vines = {"images": str(tmp_path / "images"), "masks": str(tmp_path / "masks"), "split": "1:1"}
    for kind in ("images", "masks"):
        (tmp_path / kind / "elm").mkdir(parents=True)
        (tmp_path / kind / "elm/0.png").touch()
    tables = {"probe": {"datasets": ["vines"], "backbones": ["small"]}}
    made = plan("butterfly", datasets={"vines": vines}, classify={"objects": said}, tables=tables)
    assert Path(made.places_masks("vines")).name == said
    assert bool(made.kept_in_folds("vines")) == (said == "segmenter")
