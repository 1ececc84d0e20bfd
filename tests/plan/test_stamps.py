"""The code of a job as one file: when it is written anew, and how old it then is."""

import os
from hashlib import sha256
from pathlib import Path

import pytest
from maskguide.plan import stamps

OLD, YOUNG = 1_500_000_000, 1_600_000_000  # seconds since 1970


@pytest.fixture
def modules(tmp_path):
    """Two modules, the second one younger."""
    paths = [tmp_path / "first.py", tmp_path / "second.py"]
    for path, when in zip(paths, (OLD, YOUNG), strict=True):
        path.write_text(f"{path.stem} = 1\n")
        os.utime(path, (when, when))
    return paths


def stamped(paths, place):
    """A stamp as the next snakemake makes it, and when it was written."""
    stamps.stamped.cache_clear()
    stamps.digest.cache_clear()
    assert stamps.stamped(tuple(map(str, paths)), str(place)) == str(place)
    return place.read_text(), place.stat().st_mtime


def test_a_new_stamp_names_each_module_with_its_hash_and_is_as_old_as_the_youngest(modules, tmp_path):
    text, written = stamped(modules, tmp_path / "code" / "script.txt")
    assert text.splitlines() == [f"{sha256(path.read_bytes()).hexdigest()} {path}" for path in modules]
    assert written == YOUNG


def test_a_lost_stamp_and_a_module_that_was_only_touched_re_run_nothing(modules, tmp_path):
    place = tmp_path / "script.txt"
    first = stamped(modules, place)
    place.unlink()
    assert stamped(modules, place) == first
    os.utime(modules[0])
    assert stamped(modules, place) == first


@pytest.mark.parametrize("edit", ["changed", "added", "left out"])
def test_an_edit_makes_the_stamp_new(modules, tmp_path, edit):
    place = tmp_path / "script.txt"
    first, _ = stamped(modules if edit != "added" else modules[:1], place)
    if edit == "changed":
        modules[0].write_text("first = 2\n")
        os.utime(modules[0], (OLD, OLD))  # as some tools do that unpack archives
    text, written = stamped(modules[1:] if edit == "left out" else modules, place)
    assert text != first and written > YOUNG


def test_the_plan_gives_one_file_for_the_code_of_a_job(plan, tmp_path):
    made = plan()
    listed = made.modules("train_classifier", ["methods/mga", "views/swap"])
    made.code_folder = str(tmp_path / "code")
    (place,) = made.modules("train_classifier", ["methods/mga", "views/swap"])
    assert place == str(tmp_path / "code" / "train_classifier+mga+swap" / "modules.txt")
    assert [line.split()[1] for line in Path(place).read_text().splitlines()] == listed
