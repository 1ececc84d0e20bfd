"""Generated data sets: plain leaves, leaves in sessions, and further names for the latter, in one run."""

import json

import pytest
from bad_input import matches, rows
from maskguide.plan.settings import flags
from maskguide.system.files import InputError

SESSIONS = {
    "leaves": {},
    "leaves_sessions": {},
    "half": {"like": "leaves_sessions", "title": "half", "generate": {"strength": 0.5, "seed": 3}},
    "light": {"like": "leaves_sessions", "generate": {"light": 1}},
}
TABLES = {
    "table1": {"datasets": ["leaves_sessions", "half"]},
    "mine": {"datasets": list(SESSIONS), "backbone": "small", "methods": ["mga", "mga-truth", "mgfe"]},
}


@pytest.fixture
def made(plan):
    return plan(datasets=SESSIONS, tables=TABLES)


def test_one_run_holds_the_control_the_sessions_and_the_limit(made):
    assert made.generated == list(SESSIONS) and made.published == made.own == []
    told = {name: made.generate_flags(name) for name in SESSIONS}
    assert not {"sessions", "strength", "light"} & set(told["leaves"])
    assert [told[name]["strength"] for name in SESSIONS if name != "leaves"] == [1.0, 0.5, 1.0]
    assert [told[name]["light"] for name in SESSIONS if name != "leaves"] == [0.0, 0.0, 1]
    assert (told["half"]["seed"], told["light"]["seed"]) == (3, 0)
    assert "--sessions --size" in flags(told["half"]) and "--strength 0.5" in flags(told["half"])
    assert len([run for run in made.all_runs if "/light/" in run]) == 3 * 2  # methods, seeds


def test_masks_are_the_leafs_and_boxes_are_there(made):
    for name in list(SESSIONS)[1:]:
        assert made.mask_classes(name) == ["leaf"] and made.regions(name) == ["vein", "contour"]
        assert made.mode(name, "annotate") == made.mode(name, "boxes") == "published"
        assert not made.without_masks(name)


def test_a_further_name_is_described_to_the_scripts(made):
    registered, like = made.index_flags("leaves_sessions"), made.index_flags("half")
    assert registered["registry"] == "resources/datasets.yaml" and "entry" not in registered
    assert like["files"] == "results/smoke/data/half/files" and "registry" not in like
    entry = json.loads(like["entry"])
    assert entry["layout"] == "leaves" and entry["mask_classes"] == ["leaf"] and entry["title"] == "half"
    assert made.names_for_readers([], SESSIONS)["datasets"] == {"half": "half", "light": "light"}


def test_plain_leaves_do_not_depend_on_the_code_of_sessions(made):
    plain, sessions = made.generating("leaves"), made.generating("half")
    assert {path.split("/")[-1] for path in set(sessions) - set(plain)} == {"sessions.py"}
    assert set(plain) < set(sessions)


@pytest.mark.parametrize(
    ("datasets", "row"),
    [
        ({"leaves": {"generate": {"strength": 0.5}}}, "config-no-sessions"),
        ({"leaves_sessions": {"split": "2:1"}}, "config-sessions-split"),
        ({"half": {"like": "leaves_session"}}, "config-like"),
        ({"half": {"like": "btfpis"}}, "config-like-published"),
        ({"half": {"like": "leaves_sessions", "mask_classes": ["leaf"]}}, "config-like-key"),
    ],
)
def test_what_is_wrong_is_one_line(plan, datasets, row):
    with pytest.raises(InputError) as caught:
        plan(datasets={"leaves": {}} | datasets)
    assert matches(rows()[row], str(caught.value)), caught.value


@pytest.mark.parametrize(
    ("edits", "message"),
    [
        ({"generate": {"strength": 1.5}}, "config: generate.strength: 1.5 is above 1; Of leaves_sessions"),
        ({"generate": {"light": -1}}, "config: generate.light: -1 is below 0"),
        ({"datasets": {"leaves": {"like": "leaves_sessions"}}}, "datasets.leaves.like: leaves is published"),
        (
            {"datasets": SESSIONS, "archives": {"half": "x"}},
            "archives.half: datasets.half.like says where it is",
        ),
        ({"datasets": SESSIONS, "splits": {"half": "Snakefile"}}, "datasets.half: only its own split"),
        ({"datasets": {"a b": {"like": "leaves_sessions"}}}, "'a b' does not match"),
    ],
)
def test_further_mistakes(plan, edits, message):
    with pytest.raises(InputError, match=message) as caught:
        plan(**edits)
    assert "\n" not in str(caught.value)
