"""The table `backgrounds`: whom it asks, by whose masks; and how many annotated images stand behind masks."""

from pathlib import Path
from types import SimpleNamespace

import pytest
from bad_input import matches, rows
from maskguide.plan import forecast, news, sources
from maskguide.system.files import InputError

SHOWN = {"datasets": ["leaves"], "backbone": "small"}


def of_run(name, dataset="leaves"):
    return SimpleNamespace(dataset=dataset, split="1", method=name, backbone="small", seed=1)


def asked(plan, *methods, config="smoke", datasets=("leaves",), **edits):
    table = {"datasets": [*datasets], "backbone": "small", "methods": [*methods]}
    return plan(config, tables={"backgrounds": table}, **edits)


def test_each_network_is_asked_and_the_one_of_backgrounds_alone_is_trained(plan):
    variants = {"mine": {"method": "baseline", "swap": 1.0}}
    made = asked(plan, "baseline", "mine", "swap", "blank", "crop-box", variants=variants)
    place = f"{made.results}/backgrounds/leaves/split1"
    names = ["baseline", "swap", "blank", "crop-box"]  # mine is swap
    assert made.answers("backgrounds") == [f"{place}/{name}/small/backgrounds.csv" for name in names]
    runs = {Path(run).parts[-3] for run in made.shown_runs("backgrounds")}
    assert (
        runs
        == {*names, "background"}
        == {Path(run).parts[-3] for run in made.all_runs if "mgfe" not in run}
        - {"aca-n1-s1", "aca-n2-s1", "aca-s1"}
    )
    told = made.table_flags("backgrounds")
    assert told["backgrounds"] == made.answers("backgrounds") and told["attention"] == []
    assert {*told["backgrounds"]} <= {*made.source_files("backgrounds")}
    assert made.about("backgrounds")[2] is False
    assert made.telling_masks(of_run("swap")).endswith("masks/leaves/split1/outline")
    through = {name: {key for key, path in made.seen_through(of_run(name)).items() if path} for name in runs}
    assert through == {
        **{name: set() for name in ("baseline", "swap")},
        **{"blank": {"blank"}, "crop-box": {"zoom"}, "background": {"background"}},
    }
    assert made.blanked_by(of_run("background"), "background").endswith("split1/objects/outline")
    assert any(each.endswith("views/background.py") for each in made.code_of_run(of_run("background")))
    assert not any(each.endswith("views/background.py") for each in made.code_of_run(of_run("swap")))


@pytest.mark.parametrize(
    ("edits", "source"),
    [
        ({"annotate": {"mode": "manual"}}, "segmenter"),
        ({"classify": {"objects": "auto"}}, "auto"),
        ({"classify": {"objects": "auto-shuffled"}}, "auto"),  # twins tell nothing
        ({"annotate": {"mode": "manual"}, "classify": {"objects": "shuffled"}}, "segmenter"),
        ({}, None),
    ],
)
def test_without_true_masks_it_is_the_guides_and_without_any_it_is_refused(plan, edits, source):
    def of():
        return asked(plan, "baseline", config="aca", datasets=["aircraft"], **edits)

    if source is None:
        with pytest.raises(InputError) as refused:
            of()
        assert matches(rows()["backgrounds-without-masks"], str(refused.value))
        return
    made = of()
    assert made.telling_masks(of_run("baseline", "aircraft")).endswith(f"masks/aircraft/split1/{source}")
    assert forecast.trainings(made).get("segmenters", 0) == (source == "segmenter")
    assert any("your marks come first" in line for line in news.lines(made)) == (source == "segmenter")


@pytest.mark.parametrize("method", ["aca", "aca-s2", "mdm"])
def test_what_is_no_network_of_whole_images_is_refused(plan, method):
    with pytest.raises(InputError) as refused:
        asked(plan, "baseline", method)
    assert matches(rows()["backgrounds-scale"], str(refused.value).replace(method, "aca"))


def test_rectangles_of_a_config_refuse_nothing_that_nobody_asked_for(plan):
    made = plan(
        classify={"objects": "rectangles"}, tables={"compare": {**SHOWN, "methods": ["baseline", "swap"]}}
    )
    assert made.objects_said(of_run("swap")) == "rectangles"


SESSIONS = {"datasets": ["leaves_sessions"], "backbone": "small"}
COUNTS = [5, 10, 20, 40, 80]


@pytest.fixture
def swept(plan):
    return plan("guidance", tables={"mine": {**SESSIONS, "methods": ["baseline", "swap", "mga"]}})


def test_each_number_of_annotated_images_has_a_segmenter_of_its_own_for_both_methods(swept):
    runs = [Path(run).parts[-3] for run in swept.sweep_runs("sweep_annotated", "leaves_sessions")]
    names = [f"{name}-n{count}".removesuffix("-n40") for name in ("swap", "mga") for count in COUNTS]
    assert list(dict.fromkeys(runs)) == names and len(runs) == 50  # 40 is as configured
    place = f"{swept.results}/store/leaves_sessions/split1/masks"
    for count in COUNTS:
        source = "segmenter" if count == 40 else f"segmenter-n{count}"
        swap, mga = (of_run(f"{name}-n{count}", "leaves_sessions") for name in ("swap", "mga"))
        assert swept.objects_store(swap) == f"{place}/{source}" and swept.mask_stores(mga) == [
            f"{place}/{source}"
        ]
        split = f"split1{sources.fewer_of(source)}"
        marks = f"{swept.results}/annotate/leaves_sessions/{split}/annotated.csv"
        assert swept.mask_annotation(swap) == swept.mask_annotation(mga) == marks
        assert swept.learns_by(swap).options["mask_source"] == swept.learns_by(mga).options["mask_source"]
    kinds = forecast.trainings(swept)
    assert kinds == {"segmenters": 5, "classifiers": 5 * (1 + 2 * 5), "detectors": 0}
    assert swept.choosing("leaves_sessions", "annotate", "-n5")["count"] == 5
    assert swept.choosing("leaves_sessions", "annotate", "")["count"] == 40
    told = swept.sweep_flags("sweep_annotated", "leaves_sessions")
    assert told["detectors"] == [] and len(told["baseline_runs"]) == 5
    assert swept.sources("mine")["segments"] == [
        f"{swept.results}/segment/leaves_sessions/split1/metrics.json"
    ]


def test_a_sweep_of_annotated_images_is_of_what_comes_from_them(plan):
    for datasets, methods, row in (
        (["leaves"], ["swap"], "annotated-outlines"),
        (["leaves_sessions"], ["mga-shuffled"], None),
        (["leaves_sessions"], ["mga-truth"], None),
        (["leaves_sessions"], ["baseline"], None),
    ):
        sweep = {
            "datasets": datasets,
            "backbone": "small",
            "methods": methods,
            "option": "annotated",
            "values": [5],
        }
        with pytest.raises(InputError) as refused:
            plan("guidance", tables={}, sweeps={"x": sweep})
        assert "annotated" in str(refused.value) and "\n" not in str(refused.value)
        assert row is None or matches(rows()[row], str(refused.value))


def test_a_person_marks_for_each_number(plan):
    made = plan("guidance", tables={}, annotate={"count": 40, "mode": "manual"})
    place = f"{made.results}/annotate/leaves_sessions/split1"
    more = [f"{place}{sources.fewer(count)}/annotated.csv" for count in COUNTS if count != 40]
    assert news.marked_by_hand(made) == sorted([f"{place}/annotated.csv", *more])


def test_the_config_of_all_guidance_has_each_methods_twins(plan):
    made = plan("guidance")
    listed = made.config["tables"]["compare"]["methods"]
    for name in ("mga", "swap", "tint", "blank", "energy", "rrr", "guided-pooling", "multitask"):
        twins = [f"{name}-{kind}" for kind in ("shuffled", "elsewhere", "rectangles")]
        assert {each for each in twins if each in made.names} < {*listed} | {f"{name}-rectangles"}, name
    lit, strengths = 5 * len(made.config["tables"]["light"]["methods"]), 2 * 5
    expected = {"classifiers": 10 * 26 + 40 + lit + strengths, "segmenters": 3 + 4, "detectors": 0}
    assert forecast.trainings(made) == expected
