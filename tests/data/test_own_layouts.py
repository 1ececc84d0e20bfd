"""Folders as people have them: parts, masks beside images, any case; what is read, left out and said."""

from pathlib import Path

import index_dataset
import pandas as pd
import pytest
import split_dataset
from bad_input import index_options, mask, matches, picture, rows
from maskguide.data.datasets import read_index
from maskguide.data.own_folders import read_folder
from maskguide.system.files import InputError

CLASSES = ("elm", "oak")


@pytest.fixture
def files(tmp_path):
    (tmp_path / "files").mkdir()
    return tmp_path / "files"


def pictures(files, *names):
    """Images of different content at these places; a {} stands for each class."""
    for number, name in enumerate(each.format(label) for each in names for label in CLASSES):
        picture(files / name, number + 1)


def read(files):
    """image_id → (class, part, mask relative to the folder or "")."""
    return {
        each.image_id: (each.class_name, each.split, str(each.mask.relative_to(files)) if each.mask else "")
        for each in read_folder(files)
    }


def indexed(files, *more):
    """The index and the table of what was found, by the command line."""
    found = files.parent / "found.csv"
    index_dataset.main(
        index_dataset.parse_args([str(each) for each in index_options(files.parent, "--found", found, *more)])
    )
    table = pd.read_csv(found, dtype=str, keep_default_na=False)
    table["folder"] = [Path(each).relative_to(files).as_posix() for each in table["folder"]]
    return read_index(files.parent / "out/index.csv"), table


@pytest.mark.parametrize(
    ("names", "side"),
    [
        (("train", "test"), {"train": "train", "test": "test"}),
        (("Train", "TEST"), {"Train": "train", "TEST": "test"}),
        (("train", "valid", "test"), {"train": "train", "valid": "train", "test": "test"}),
        (
            ("training", "validation", "Testing"),
            {"training": "train", "validation": "train", "Testing": "test"},
        ),
        (("train", "val"), {"train": "train", "val": "test"}),
    ],
)
@pytest.mark.parametrize(
    "pattern",
    [
        "{part}/{label}",
        "images/{part}/{label}",
        "{part}/Images/{label}",
        "{label}/{part}",
        "x/{part}/{label}",
    ],
)
def test_parts_are_the_split(files, names, side, pattern, caplog):
    """The same file names in each part, as exports number them."""
    caplog.set_level("INFO")
    (files / "README.txt").touch()
    for part in names:
        pictures(files, *(pattern.format(part=part, label="{}") + f"/{i}.png" for i in range(2)))
    found = read_folder(files)
    assert len(found) == 4 * len(names) == len({each.image_id for each in found})
    for each in found:
        part = next(part for part in each.path.relative_to(files).parts if part in names)
        assert (each.split, each.class_name) == (
            side[part],
            each.path.relative_to(files).parts[-2 if "{label}/{" not in pattern else 0],
        )
    assert "the folders are the split: train" in caplog.text.lower()
    ids = {each.image_id for each in found if each.path.parts[-1] == "0.png" and each.class_name == "elm"}
    assert "elm-0" in ids and all(each == "elm-0" or each.endswith("-elm-0") for each in ids)


def test_masks_in_parts(files):
    pictures(files, "train/images/{}/0.png", "test/images/{}/1.png")
    mask(files / "train/Masks/elm/0.png")
    mask(files / "test/masks/oak/1.tif")
    found = read(files)
    assert {key: value[2] for key, value in found.items()} == {
        **{"elm-0": "train/Masks/elm/0.png", "oak-0": "", "elm-1": "", "oak-1": "test/masks/oak/1.tif"}
    }


def test_the_folders_are_the_split_unless_another_is_asked_for(files, caplog):
    pictures(files, *(f"{part}/{{}}/{i}.png" for part in ("train", "test") for i in range(4)))
    index, _ = indexed(files)
    assert all(Path(row.path).parts[-3] == row.split for row in index.itertuples())
    index, _ = indexed(files, "--split", "1:3")
    assert index["split"].value_counts().to_dict() == {"test": 12, "train": 4}
    assert "its folders train/ and test/ are not the split: --split 1:3 draws one" in caplog.text


def test_other_splits_of_given_parts(files):
    """A validation part comes from the training folder; without a split of the config none is drawn anew."""
    pictures(files, *(f"{part}/{{}}/{i}.png" for part in ("train", "test") for i in range(4)))
    images, out = files.parent / "out/images.csv", files.parent / "out/held/index.csv"
    indexed(files, "--images", images)

    def split(*more):
        command = ["--images", str(images), "--default-split", "1:1", "--output", str(out), *more]
        split_dataset.main(split_dataset.parse_args(command))
        return read_index(out)

    held = split("--validation", "0.25")
    assert held["split"].value_counts().to_dict() == {"train": 6, "test": 2}
    assert {Path(path).parts[-3] for path in held["path"]} == {"train"}
    with pytest.raises(InputError, match="a published split is one"):
        split("--number", "2")
    assert len(split("--number", "2", "--split", "1:1")) == 16


@pytest.mark.parametrize(
    "form", ["{}_mask.png", "{}-mask.PNG", "{}_Mask.tif", "{} mask.png", "{}_seg0.png", "mask_{}.png"]
)
def test_masks_beside_images(files, form, caplog):
    caplog.set_level("INFO")
    pictures(files, "{}/a (1).jpg", "{}/b.jpg")
    for label in CLASSES:
        mask(files / label / form.format("a (1)"))
    found = read(files)
    assert len(found) == 4
    assert sorted(value[2] for value in found.values()) == [
        "",
        "",
        *(f"{c}/{form.format('a (1)')}" for c in CLASSES),
    ]
    assert "is a mask, as its name says; so are 2 files beside their images" in caplog.text


def test_images_that_are_only_called_so_stay_images(files):
    pictures(files, "{}/with_mask.png", "{}/anna_mask.png", "{}/seg_1.png")
    assert len(read(files)) == 6


def test_masks_within_the_classes_folders(files):
    pictures(files, "{}/images/0.png", "{}/images/1.png")
    mask(files / "elm/Masks/1.png")
    assert read(files)["elm-1"] == ("elm", "", "elm/Masks/1.png")
    assert len(read(files)) == 4


@pytest.mark.parametrize("name", ["Masks", "MASKS"])
def test_the_masks_folder_in_any_case(files, name):
    pictures(files, "{}/0.png", "{}/1.png")
    mask(files / name / "Elm/0.png")
    found = read(files)
    assert len(found) == 4 and found["elm-0"][2] == f"{name}/Elm/0.png"


def test_what_was_found_and_left_out_is_one_table(files, caplog):
    pictures(files, "{}/0.png", "{}/1.png")
    mask(files / "elm/0_mask.png")
    picture(files / "elm/more/2.png", 70)
    picture(files / "loose.png", 71)
    (files / "elm/notes.txt").touch()
    (files / "elm/.hidden.png").touch()
    (files / "oak/gone.png").symlink_to(files / "nowhere.png")
    (files / "ash").symlink_to(files / "unmounted")
    _, table = indexed(files, "--split", "1:1")
    shown = table.drop(columns="split").drop_duplicates(["folder", "read_as"])
    total = (
        table.assign(files=table["files"].astype(int)).groupby(["folder", "read_as"])["files"].sum().to_dict()
    )
    assert total == {
        (".", "image left out"): 1,
        (".", "link that leads nowhere"): 1,
        ("elm", "image"): 2,
        ("elm", "mask"): 1,
        ("elm", "other file"): 1,
        ("elm/more", "image left out"): 1,
        ("oak", "image"): 2,
        ("oak", "link that leads nowhere"): 1,
    }
    assert shown.set_index(["folder", "read_as"]).loc[("elm/more", "image left out"), "example"] == "2.png"
    assert set(table[table["read_as"] == "image"]["split"]) == {"train", "test"}
    assert "loose.png: is left out: images of this layout lie elsewhere; so are 2 files in all" in caplog.text
    assert "ash: is a link that leads nowhere, and left out; so are 2 files in all" in caplog.text


def test_images_that_a_split_leaves_out_are_read(files):
    pictures(files, *(f"{{}}/{i}.png" for i in range(3)))
    _, table = indexed(files, "--split", "1/1")
    counts = table.groupby("split")["files"].apply(lambda each: sum(map(int, each))).to_dict()
    assert counts == {"": 2, "test": 2, "train": 2}


def nested(files):
    pictures(files, "images/{}/0.png")
    for name in "ab":
        picture(files / "images/ash" / name / "0.png")


def in_parts(files, part, *whole):
    pictures(files, f"images/{{}}/{part}/0.png")
    for name in whole:
        for path in (files / "images" / name / part).iterdir():
            path.rename(files / "images" / name / path.name)
        (files / "images" / name / part).rmdir()


def beside(files, *masks, under=""):
    pictures(files, f"{under}{{}}/0.png")
    for name in masks:
        mask(files / name)


REFUSED = {
    "class-nested": nested,
    "class-none": lambda files: [picture(files / f"{i}.png") for i in range(2)],
    "parts-mixed": lambda files: in_parts(files, "train", "oak"),
    "parts-alone": lambda files: in_parts(files, "val"),
    "mask-beside-twice": lambda files: beside(files, "elm/0_mask.png", "elm/0_mask_1.png"),
    "mask-beside-and-folder": lambda files: beside(
        files, "images/elm/0_mask.png", "masks/elm/0.png", under="images/"
    ),
    "mask-beside-alone": lambda files: beside(files, "elm/0_mask.png", "elm/7_mask.png"),
}


@pytest.mark.parametrize("row", REFUSED)
def test_what_is_refused(files, row):
    REFUSED[row](files)
    with pytest.raises(InputError) as caught:
        read_folder(files)
    assert matches(rows()[row], str(caught.value)), caught.value


def test_two_folders_of_masks_are_refused(files):
    pictures(files, "{}/0.png")
    for name in ("Masks", "MASKS"):
        mask(files / name / "elm/0.png")
    with pytest.raises(InputError, match="MASKS and Masks differ in case alone"):
        read_folder(files)
