"""Tables as data: which rows are a table's own, and which differences it tests."""

import dataclasses

import pytest
from maskguide.plan import tables, variants
from maskguide.plan.tables import table
from maskguide.plan.variants import Variant


def rows(*names, **more):
    known = variants.known({name.replace("_", "-"): facts for name, facts in more.items()})
    return [known[name] for name in known if name in names or name.replace("-", "_") in more]


def pairs(test, there):
    return dataclasses.replace(table("table4"), tests=[test]).pairs(there)


@pytest.mark.parametrize(
    ("test", "expected"),
    [
        (["mga", "baseline"], [("mga", "baseline")]),
        (["mga", "attention"], []),  # not there
        (
            {"each": "all", "minus": "baseline"},
            [(name, "baseline") for name in ("mga", "mga-shuffled", "mgfe")],
        ),
        ({"each": "mga", "minus": "baseline"}, [("mga", "baseline"), ("mga-shuffled", "baseline")]),
        ({"each": "mga", "minus": {"mask_source": "shuffled"}}, [("mga", "mga-shuffled")]),
        ({"each": "mga", "minus": {"mask_source": None}}, [("mga-shuffled", "mga")]),
        ({"each": "all", "minus": {"shuffled": True}}, []),
    ],
)
def test_what_is_tested(test, expected):
    assert pairs(test, rows("baseline", "mga", "mga-shuffled", "mgfe")) == expected


def test_a_twin_is_the_same_but_for_the_named_options():
    there = rows(
        "mga",
        mga_tau10={"method": "mga", "guidance_weight": 10},
        mga_plain={"method": "mga", "guidance_weight": 0},
        mga_truth_plain={"method": "mga", "guidance_weight": 0, "mask_source": "truth"},
        mga_truth_tau10={"method": "mga", "guidance_weight": 10, "mask_source": "truth"},
    )
    assert pairs({"each": "mga", "minus": {"guidance_weight": 0}}, there) == [
        ("mga", "mga-plain"),
        ("mga-tau10", "mga-plain"),
        ("mga-truth-tau10", "mga-truth-plain"),
    ]
    unknown = Variant("mine", "mga", {"name": "mine"})
    assert pairs({"each": "mga", "minus": {"mask_source": None}}, [unknown, *rows("mga-truth")]) == []


def test_rows_of_the_paper_and_others():
    of = {variant.name: variant for variant in variants.known().values()}
    third = table("mgfe_table3")
    assert [name for name in of if third.has(of[name])] == ["baseline", "mgfe-vein", "mgfe-contour", "mgfe"]
    assert [name for name in of if table("table4").has(of[name])] == ["baseline", "attention", "mga"]
    plain = ["baseline", "tdsa-crossentropy", "tdsa-channels", "tdsa"]
    assert [name for name in of if table("tdsa_table1").has(of[name])] == plain
    compare = table("compare")
    assert all(compare.has(of[name]) for name in ("mga", "mgfe-vein", "aca-s1", "aca", "tdsa-channels"))
    assert not any(compare.has(of[name]) for name in ("mga-truth", "mgfe-sigmoid", "aca-local", "aca-n4-s1"))


def test_every_table_names_rows_that_there_are():
    known = variants.known()
    for each in tables.tables().values():
        names = [row for row in each.rows if isinstance(row, str)]
        names += [row for test in each.tests if isinstance(test, list) for row in test]
        assert set(names) <= set(known), each.name
        assert each.title and each.what, each.name


def test_any_other_name_is_a_comparison_of_ones_own():
    mine = table("mine", "Vines, ResNet50")
    assert (mine.name, mine.title, mine.kind, mine.tested) == ("mine", "Vines, ResNet50", "comparison", True)
    assert mine.tests == table("compare").tests
    assert table("mine").title == "mine"
