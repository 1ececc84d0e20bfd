"""A split is stratified, seeded and complete; an index whose rows contradict each other is refused."""

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from maskguide.data import datasets, splits
from maskguide.data.layout_files import Entry
from maskguide.system.files import InputError

INDEX = """image_id,path,class,class_id,split,mask,outline,boxes
elm-0,files/elm/0.png,elm,0,train,masks/elm-0.png,,
elm-1,files/elm/1.png,elm,0,test,,,
oak-0,files/oak/0.png,oak,1,train,,,
oak-1,files/oak/1.png,oak,1,test,,,
"""


def entries(counts, split=""):
    return [
        Entry(f"{name}-{i}", Path(name) / f"{i}.png", name, split)
        for name, count in counts.items()
        for i in range(count)
    ]


# Splits


def parts(used):
    found = {}
    for entry in used:
        found.setdefault(entry.class_name, {"train": 0, "test": 0})[entry.split] += 1
    return {name: (count["train"], count["test"]) for name, count in found.items()}


@pytest.mark.parametrize(
    ("rule", "expected"),
    [("2:1", (4, 2)), ("3:2", (4, 2)), ("1:1", (3, 3)), ("2/3", (2, 3)), ("99:1", (5, 1)), ("1:99", (1, 5))],
)
def test_split_rules(rule, expected):
    assert parts(splits.split(entries({"a": 6, "b": 6}), rule)) == {"a": expected, "b": expected}


@given(
    st.dictionaries(st.sampled_from("abcde"), st.integers(2, 30), min_size=1),
    st.integers(1, 9),
    st.integers(1, 9),
    st.integers(0, 2**32),
    st.randoms(),
)
def test_split_by_ratio(counts, first, second, seed, order):
    given_entries = entries(counts)
    used = splits.split(given_entries, f"{first}:{second}", seed)
    assert [entry.image_id for entry in used] == sorted(entry.image_id for entry in given_entries)
    for name, (train, test) in parts(used).items():
        assert train + test == counts[name] and train and test
        assert abs(train - counts[name] * first / (first + second)) <= 1
    order.shuffle(given_entries)
    assert splits.split(given_entries, f"{first}:{second}", seed) == used


def test_seeds_differ():
    given_entries = entries({"a": 20})
    assert splits.split(given_entries, "1:1", 0) != splits.split(given_entries, "1:1", 1)


@pytest.mark.parametrize("rule", ["10/40", "1:1"])
def test_too_few_images(rule):
    with pytest.raises(InputError, match=r"class b: has 1 image\(s\)"):
        splits.split(entries({"a": 50, "b": 1}), rule)


@pytest.mark.parametrize("rule", ["", "2-1", "0:1", "1:0", "a/b", "1:1:1"])
def test_not_a_rule(rule):
    with pytest.raises(InputError, match="is no split"):
        splits.split(entries({"a": 4}), rule)


def test_published_split():
    given_entries = entries({"a": 2}, "train") + entries({"b": 2}, "test")
    assert splits.split(given_entries, "published") == given_entries
    with pytest.raises(InputError, match="gives no split"):
        splits.split(entries({"a": 2}), "published")


# Index


def test_read_index_makes_paths_usable(tmp_path):
    path = tmp_path / "index.csv"
    path.write_text(INDEX)
    index = datasets.read_index(path)
    assert index["path"].iloc[0] == str(tmp_path / "files/elm/0.png")
    assert index["mask"].tolist() == [str(tmp_path / "masks/elm-0.png"), "", "", ""]
    assert index["class_id"].tolist() == [0, 0, 1, 1]


@pytest.mark.parametrize(
    ("old", "new", "message"),
    [
        ("image_id,", "id,", "column image_id is missing"),
        ("elm-1", "elm-0", "elm-0 occurs twice"),
        ("elm-1", "elm/1", "may hold letters"),
        (",train", ",val", "train or test"),
        (",elm,0,", ",elm,2,", "from 0 to 1"),
        (",elm,0,", ",elm,1,", "one to one"),
        (",elm,0,", ",elm,x,", "whole number"),
    ],
)
def test_read_index_refuses(tmp_path, old, new, message):
    path = tmp_path / "index.csv"
    path.write_text(INDEX.replace(old, new))
    with pytest.raises(InputError, match=rf"index\.csv: .*{message}"):
        datasets.read_index(path)
