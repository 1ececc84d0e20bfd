"""What is said and refused before anything is made: marks by hand, and masks that are not there."""

import zipfile
from pathlib import Path

import pytest
from bad_input import mask, matches, my_images, rows
from maskguide.plan import inputs, news
from maskguide.plan.plan import Plan
from maskguide.system.files import InputError

ROOT = Path(__file__).parents[2]
TABLE4 = {"table4": {"datasets": ["vines"], "backbone": "small"}}


@pytest.fixture
def make(tmp_path, monkeypatch):
    """A plan of images of one's own, without masks unless `masks` says where one lies."""
    monkeypatch.chdir(tmp_path)
    my_images(tmp_path / "vines", masks=False)

    def made(masks=None, vines=None, **keys):
        if masks:
            mask(Path("vines") / masks)
        config = {"run": "r", "datasets": {"vines": {"images": "vines", **(vines or {})}}, "tables": TABLE4}
        return Plan({**config, **keys}, ROOT / "workflow/scripts", str(ROOT / "resources/datasets.yaml"))

    return made


def methods(plan, table, dataset="vines"):
    return [method for method, _ in plan.rows(table, dataset)]


def test_defaults_ask_for_no_masks_that_are_not_there(make):
    plan = make()
    assert plan.without_masks("vines")
    assert methods(plan, "table4") == ["baseline", "attention", "mga", "mga-shuffled"]
    assert plan.mode("vines", "annotate") == plan.mode("vines", "boxes") == "automatic"
    assert news.lines(plan) == [
        "vines: has no masks, so image processing draws what is learnt from (annotate.mode: automatic); with "
        "mode manual you mark a few images yourself"
    ]


@pytest.mark.parametrize("place", ["masks/elm/0.png", "Masks/elm/0.png", "images/elm/0_mask.png"])
def test_masks_in_any_place_that_is_read_are_known(make, place):
    plan = make(place)
    assert not plan.without_masks("vines")
    assert methods(plan, "table4") == ["baseline", "attention", "mga", "mga-truth", "mga-shuffled"]
    assert (plan.mode("vines", "annotate"), plan.mode("vines", "boxes")) == ("published", "masks")
    assert news.lines(plan) == []


def test_each_data_set_has_the_rows_that_it_can_have(make):
    """In one table: with true masks where they are."""
    tables = {"table4": {"datasets": ["vines", "leaves"], "backbone": "small"}}
    plan = make(datasets={"vines": {"images": "vines"}, "leaves": {}}, tables=tables)
    assert "mga-truth" in methods(plan, "table4", "leaves")
    assert "mga-truth" not in methods(plan, "table4", "vines")
    assert not [run for run in plan.all_runs if "vines" in run and "mga-truth" in run]


@pytest.mark.parametrize(
    "keys",
    [
        {"tables": {"table4": {**TABLE4["table4"], "controls": ["truth"]}}},
        {"tables": {"table4": {**TABLE4["table4"], "methods": ["mga-truth"]}}},
        {"tables": {"table4": TABLE4["table4"]}, "classify": {"mask_source": "truth"}},
    ],
    ids=["control", "method", "mask source"],
)
def test_true_masks_that_are_asked_for_and_not_there_are_refused(make, keys):
    if "methods" in keys["tables"]["table4"]:
        keys["tables"] = {"mine": keys["tables"]["table4"]}
    with pytest.raises(InputError) as caught:
        make(**keys)
    assert matches(rows()["truth-absent"], str(caught.value)), caught.value
    make("masks/elm/0.png", **keys)


def test_a_sweep_of_true_masks_is_refused_too(make):
    sweep = {"datasets": ["vines"], "backbone": "small", "methods": ["mga-truth"]}
    sweep |= {"option": "guidance_weight", "values": [1, 2]}
    with pytest.raises(
        InputError, match=r"config: sweeps\.tau: mga-truth learns from true masks, of which vines"
    ):
        make(sweeps={"tau": sweep})


def test_a_zip_is_looked_into_and_what_cannot_be_is_no_reason_to_refuse(make):
    keys = {"datasets": {"folder": {}}, "tables": {"table4": {"datasets": ["folder"], "backbone": "small"}}}
    for names, without in ((["elm/0.png"], True), (["elm/0.png", "elm/0_mask.png"], False)):
        with zipfile.ZipFile("given.zip", "w") as archive:
            for name in names:
                archive.writestr(name, "x")
        assert make(archives={"folder": "given.zip"}, **keys).without_masks("folder") is without
    Path("given.tar").write_bytes(b"x")
    assert not make(archives={"folder": "given.tar"}, **keys).without_masks("folder")
    assert not make(**keys).without_masks("folder")  # nothing in its place yet


@pytest.mark.parametrize(
    "path", ["masks/elm/0.png", "a\\Masks\\0.png", "elm/0_mask.png", "elm/0_seg0.png", "x/mask-1.png"]
)
def test_names_of_masks(path):
    assert inputs.may_be_mask(path)


@pytest.mark.parametrize("path", ["elm/0.png", "elm/unmasked.png", "segments.csv", "masked man/1.png"])
def test_names_of_no_masks(path):
    assert not inputs.may_be_mask(path)


def test_marks_by_hand_are_named_first(make):
    plan = make(annotate={"mode": "manual"}, vines={"repeats": 2})
    files = [f"results/r/annotate/vines/split{split}/annotated.csv" for split in (1, 2)]
    assert news.marked_by_hand(plan) == files
    assert news.lines(plan)[0] == (
        "vines: your marks come first: nothing is trained before they are read from "
        "resources/vines/annotations (for results/r/annotate/vines/split1)"
    )
    for file in files:
        Path(file).parent.mkdir(parents=True)
        Path(file).touch()
    assert news.lines(plan) == []


def test_marks_that_nothing_learns_from_are_not_asked_for(make):
    tables = {"mine": {"datasets": ["vines"], "backbone": "small", "methods": ["baseline", "aca"]}}
    assert news.marked_by_hand(make(annotate={"mode": "manual"}, tables=tables)) == []
    tables["mine"]["methods"].append("mgfe")
    plan = make(boxes={"mode": "manual", "count": 3}, tables=tables)
    assert news.marked_by_hand(plan) == ["results/r/detect/vines/split1/3/boxes.csv"]


def test_a_table_of_masks_says_what_cannot_be_measured(make):
    plan = make(tables={"table1": {"datasets": ["vines"]}}, annotate={"mode": "automatic"})
    assert news.lines(plan) == ["table1: vines has no masks, so how good those in use are cannot be told"]
    assert plan.all_runs == []
