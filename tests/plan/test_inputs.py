"""A person's own files as inputs: each is seen, whatever its name, and a path that is gone is refused."""

import os
from pathlib import Path

import pytest
from bad_input import matches, rows
from maskguide.plan import datasets, inputs
from maskguide.system.files import InputError


def test_files_are_what_a_person_sees(folder):
    roots = ["vines/", "./drawn"]
    found = ["drawn/elm/0.png", "vines/images/elm/0.jpg", "vines/images/oak/0.png"]
    assert inputs.files_in(roots) == found
    for name in (".DS_Store", ".cache/x.png", "__MACOSX/x.png"):
        path = Path("vines") / name
        path.parent.mkdir(exist_ok=True)
        path.touch()
    Path("vines/images/elm/again").symlink_to(folder / "vines")  # a link that leads back
    Path("vines/images/elm/gone.png").symlink_to(folder / "gone.png")
    assert inputs.files_in(roots) == found
    Path("elsewhere").mkdir()
    Path("elsewhere/1.png").touch()
    Path("vines/images/ash").symlink_to(folder / "elsewhere")
    assert inputs.files_in(roots) == [*found[:1], "vines/images/ash/1.png", *found[1:]]
    assert inputs.files_in(["vines", "vines/images"]) == [
        *("vines/images/ash/1.png", "vines/images/elm/0.jpg", "vines/images/oak/0.png")
    ]


def test_names_that_snakemake_cannot_hold_are_seen_all_the_same(folder):
    for name in ("{x}.png", "\udce9.png"):
        (Path("vines") / name).touch()
    files = inputs.files_in(["vines"])
    assert len(files) == 4
    assert inputs.held(files) == ["vines/images/elm/0.jpg", "vines/images/oak/0.png"]
    before = inputs.seen(files)
    os.utime("vines/{x}.png", (10, 10))  # of the same size, but another file
    assert inputs.seen(files) != before


@pytest.mark.parametrize("change", ["added", "removed", "renamed", "exchanged for an older one"])
def test_every_change_of_a_folder_is_seen(folder, change):
    before = inputs.seen(inputs.files_in(["vines"]))
    image = Path("vines/images/elm/0.jpg")
    if change == "added":
        image.with_stem("1").touch()
    elif change == "removed":
        image.unlink()
    elif change == "renamed":
        image.rename(image.with_stem("1"))
    else:
        image.write_bytes(b"x")
        os.utime(image, (10, 10))
    assert inputs.seen(inputs.files_in(["vines"])) != before


def test_a_touched_or_copied_folder_is_the_same(folder):
    before = inputs.seen(inputs.files_in(["vines"]))
    os.utime("vines/images/elm/0.jpg", (10, 10))  # Snakemake compares times by itself, and then contents
    assert inputs.seen(inputs.files_in(["vines"])) == before
    assert inputs.seen([]) is None


def test_folders_and_archives_of_a_data_set(folder):
    own = {"images": "vines", "masks": "drawn"}
    assert datasets.folders("vines", own, None, local=True) == ["vines", "drawn"]
    none = {"images": None}
    for archive, folders, packed in (("vines", ["vines"], []), ("vines.zip", [], ["vines.zip"])):
        assert datasets.folders("folder", none, archive, local=True) == folders
        assert datasets.packed("folder", archive, local=True) == packed
    # put in place by hand; what a person marked belongs to the marks' jobs, a download to its own
    for path in ("mine/elm/0.png", "annotations/elm-0.png", "boxes/elm-0.txt", "mine.zip", ".part"):
        place = Path("resources/folder") / path
        place.parent.mkdir(parents=True, exist_ok=True)
        place.touch()
    assert datasets.folders("folder", none, None, local=True) == ["resources/folder/mine"]
    assert datasets.packed("folder", None, local=True) == ["resources/folder/mine.zip"]
    assert datasets.folders("folder", none, None, local=False) == []


@pytest.mark.parametrize(
    ("edits", "row"),
    [
        ({"archives": {"leaves": "gone"}}, "archive-gone"),
        ({"splits": {"leaves": "gone.csv"}}, "split-file-gone"),
        ({"weights": {"small": "gone.pth"}}, "weights-gone"),
        ({"weights": {"small": "config/{x}.yaml"}}, "weights-brace"),
    ],
)
def test_a_path_that_is_gone_is_refused_in_the_plan(plan, monkeypatch, edits, row):
    there = Path.exists
    monkeypatch.setattr(Path, "exists", lambda path: "{x}" in path.name or there(path))
    with pytest.raises(InputError) as caught:
        plan(**edits)
    assert matches(rows()[row], str(caught.value)), caught.value


def test_a_path_of_another_runs_data_set_is_not_asked_for(plan):
    assert plan(archives={"folder": "gone"}).own_files("leaves") == []
