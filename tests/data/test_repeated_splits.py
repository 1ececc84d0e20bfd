"""Several splits train with different images; images of one plant or session never stand on both sides."""

import re
import subprocess
import sys
from pathlib import Path

import pandas as pd
import pytest
import split_dataset
from hypothesis import given
from hypothesis import strategies as st
from maskguide.data import datasets, splits
from maskguide.data.layout_files import Entry
from maskguide.system.files import InputError

SCRIPT = Path(__file__).parents[2] / "workflow/scripts/split_dataset.py"


def entries(counts, group=None):
    """Images <class>-<i>; `group` gives the group of image i."""
    return [
        Entry(f"{name}-{i}", Path(name) / f"{i}.png", name, group=group(name, i) if group else "")
        for name, count in counts.items()
        for i in range(count)
    ]


def side(used, part):
    return {entry.image_id for entry in used if entry.split == part}


# Several splits


@given(st.integers(1, 6), st.integers(1, 6), st.integers(2, 5), st.integers(0, 2**32))
def test_training_parts_are_disjoint_where_images_suffice(train, test, number, seed):
    given_entries = entries({"a": train * number + test, "b": train * number + test + 1})
    drawn = [splits.split(given_entries, f"{train}/{test}", seed, k + 1) for k in range(number)]
    trained = [side(used, "train") for used in drawn]
    assert sum(map(len, trained)) == len(set.union(*trained)) == 2 * train * number
    assert all(len(side(used, "test")) == 2 * test for used in drawn)


def test_the_five_splits_of_the_butterflies():
    given_entries = entries({f"{i}": 55 for i in range(10)})
    drawn = [splits.split(given_entries, "10/45", 0, k) for k in range(1, 6)]
    assert len(set.union(*(side(used, "train") for used in drawn))) == 500
    assert all(len(side(used, "test")) == 450 for used in drawn)
    assert splits.split(given_entries, "10/45", 0) == drawn[0]


def test_too_few_images_for_disjoint_training_parts(caplog):
    given_entries = entries({"a": 6, "b": 6})
    first, second, third, fourth = (splits.split(given_entries, "3:3", 5, k) for k in (1, 2, 3, 4))
    assert not side(first, "train") & side(second, "train")
    assert side(third, "train") & (side(first, "train") | side(second, "train"))
    assert third != fourth
    assert [record.getMessage()[:8] for record in caplog.records] == ["split 3:", "split 4:"]
    assert "lower `repeats`" in caplog.text


def test_a_published_split_is_one():
    published = [Entry(f"a-{i}", Path(f"{i}.png"), "a", part) for i, part in enumerate(("train", "test"))]
    assert splits.split(published, "published") == published
    with pytest.raises(InputError, match="a published split is one; give a ratio"):
        splits.split(published, "published", number=2)


# Groups

SIZES = st.lists(st.integers(1, 6), min_size=2, max_size=8)


@given(st.dictionaries(st.sampled_from("abc"), SIZES, min_size=1), st.integers(1, 4), st.integers(0, 2**32))
def test_groups_are_never_torn(sizes, first, seed):
    plants = {name: [p for p, size in enumerate(each) for _ in range(size)] for name, each in sizes.items()}
    given_entries = entries(
        {name: len(each) for name, each in plants.items()}, lambda name, i: f"{name}{plants[name][i]}"
    )
    used = splits.split(given_entries, f"{first}:2", seed)
    assert {entry.image_id for entry in used} == {entry.image_id for entry in given_entries}
    for name, each in sizes.items():
        sides = {}
        for entry in (entry for entry in used if entry.class_name == name):
            sides.setdefault(entry.group, set()).add(entry.split)
        assert all(len(found) == 1 for found in sides.values())
        assert {"train", "test"} == set.union(*sides.values())
        # as near to the ratio as whole groups allow, taken one after another
        train = sum(entry.class_name == name and entry.split == "train" for entry in used)
        assert abs(train - sum(each) * first / (first + 2)) <= max(each)


@given(st.integers(2, 6), st.integers(0, 2**32))
def test_a_session_of_several_classes_stays_whole(sessions, seed):
    given_entries = entries({"a": sessions * 2, "b": sessions}, lambda _, i: f"session{i % sessions}")
    used = splits.split(given_entries, "1:1", seed)
    trained = {entry.group for entry in used if entry.split == "train"}
    assert trained and not trained & {entry.group for entry in used if entry.split == "test"}


def test_groups_and_counts():
    given_entries = entries({"a": 20, "b": 20}, lambda name, i: f"{name}{i // 4}")
    drawn = [splits.split(given_entries, "4/6", 3, k) for k in (1, 2, 3)]
    for used in drawn:
        assert len(side(used, "train")) == 8 and len(side(used, "test")) == 12
        groups = [{e.group for e in used if e.split == part} for part in ("train", "test")]
        assert not groups[0] & groups[1]
    trained = [side(used, "train") for used in drawn]
    assert len(set.union(*trained)) == 24
    with pytest.raises(InputError, match=r"class a: its groups give \d+ training and \d+ test image"):
        splits.split(given_entries, "5/15", 3)


def test_the_group_in_a_name():
    named = [Entry(f"{i}", Path(f"x/{name}"), "a") for i, name in enumerate(("CRE1_a.jpg", "CRE2_b.jpg"))]
    assert [entry.group for entry in splits.grouped(named, r"^(CRE\d)_")] == ["CRE1", "CRE2"]
    assert [entry.group for entry in splits.grouped(named, r"\d")] == ["1", "2"]


@pytest.mark.parametrize(
    ("pattern", "said"),
    [
        ("(", r"--group \(: is no regular expression"),
        ("plant", r"x/CRE1_a.jpg: --group plant finds no group in its name; correct"),
        (r"^(CRE)\d", r"class a: --group .* finds one group only \(CRE\), which cannot stand on both sides"),
    ],
)
def test_a_group_that_is_none(pattern, said):
    named = [Entry(f"{i}", Path(f"x/{name}"), "a") for i, name in enumerate(("CRE1_a.jpg", "CRE2_b.jpg"))]
    with pytest.raises(InputError, match=said):
        splits.grouped(named, pattern)


NAMES = [
    (["CRE1_a.jpg", "CRE1_b.jpg", "CRE2_a.jpg", "CRE2_b.jpg"], True),
    (["plant12-1.png", "plant12-2.png", "plant7-1.png", "plant7-2.png"], True),
    (["s3 (1).png", "s3 (2).png", "s4 (1).png", "s4 (2).png"], True),
    (["IMG_0001.jpg", "IMG_0002.jpg", "IMG_0003.jpg"], False),
    (["0010001.png", "0010002.png"], False),
    (["2024_001.jpg", "2024_002.jpg", "2024_003.jpg"], False),  # all of a class share it: a date, no group
    (["a.png", "b.png"], False),
]


@pytest.mark.parametrize(("names", "warned"), NAMES)
def test_groups_that_nobody_named(names, warned, caplog):
    splits.warn_of_groups([Entry(name, Path(name), "a") for name in names])
    assert ("may show one plant, session or individual" in caplog.text) == warned
    if warned:  # the advice works
        pattern = re.search("group: '(.+)'", caplog.text)[1]
        found = splits.grouped([Entry(name, Path(name), "a") for name in names], pattern)
        assert len({entry.group for entry in found}) == 2


def test_a_torn_group_is_refused(caplog):
    torn = [
        Entry("a-1", Path("a1"), "a", "train", group="p"),
        Entry("a-2", Path("a2"), "a", "test", group="p"),
        Entry("b-1", Path("b1"), "b", "train", group="q"),
        Entry("b-2", Path("b2"), "b", "test", group="r"),
    ]
    with pytest.raises(InputError, match="a2: is of the group p as a1, on the other side; put both on one"):
        splits.check_split(torn, list("1234"))
    splits.check_split(torn, list("1234"), published=True)
    assert "a2: is of the group p as a1, on the other side (as published)" in caplog.text


# The script


IMAGES = "image_id,path,class,class_id,split,mask,outline,boxes,group,content,marks\n" + "".join(
    f"{name}-{i},files/{name}/{i}.png,{name},{number},,masks/{name}-{i}.png,,,,{name}{i},{name}m{i}\n"
    for number, name in enumerate(("elm", "oak"))
    for i in range(8)
)


@pytest.fixture
def images(tmp_path):
    (tmp_path / "images.csv").write_text(IMAGES)
    return tmp_path / "images.csv"


def drawn(images, *options):
    """The index that the script writes in a folder of its own."""
    output = images.parent / "split" / "index.csv"
    wanted = ["--images", str(images), *options, "--output", str(output)]
    split_dataset.main(split_dataset.parse_args(wanted))
    return output


def test_the_script_draws_a_split(images):
    first, second = (datasets.read_index(drawn(images, "--split", "3:5", "--number", k)) for k in ("1", "2"))
    assert list(second.columns) == datasets.COLUMNS
    assert (second["split"] == "train").sum() == 6
    trained = [set(each["image_id"][each["split"] == "train"]) for each in (first, second)]
    assert not trained[0] & trained[1]
    written = pd.read_csv(images.parent / "split/index.csv")
    assert written["path"].str.startswith("../files/").all()
    assert written["mask"].str.startswith("../masks/").all()


def test_the_validation_part_is_of_training_images(images):
    whole = datasets.read_index(drawn(images, "--split", "4:4"))
    held = datasets.read_index(drawn(images, "--split", "4:4", "--validation", "0.25"))
    assert set(held["image_id"]) == set(whole["image_id"][whole["split"] == "train"])
    assert held.groupby(["class", "split"]).size().tolist() == [1, 3, 1, 3]


@pytest.mark.parametrize(
    ("options", "said"),
    [
        (("--split", "4:4", "--validation", "1"), "--validation 1.0: must lie between 0 and 1"),
        (
            ("--split", "1:7", "--validation", "0.5"),
            "the training images alone, class elm: has 1 image(s)",
        ),
        (("--split", "4:4", "--number", "0"), "--number 0: must be above 0"),
        (("--split", "published"), "its publisher gives no split; give a ratio"),
    ],
)
def test_the_script_refuses(images, options, said):
    output = images.parent / "index.csv"
    done = subprocess.run(
        [sys.executable, SCRIPT, "--images", images, *options, "--output", output],
        capture_output=True,
        text=True,
    )
    assert done.returncode and said in done.stderr and "Traceback" not in done.stderr
    assert not output.exists()
