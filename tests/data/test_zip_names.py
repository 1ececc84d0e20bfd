"""Names in zips of other systems: right, or refused; never wrong in silence."""

import zipfile

import pytest
from bad_input import matches, rows
from hypothesis import given
from hypothesis import strategies as st
from maskguide.data import archives
from maskguide.data.zip_names import WESTERN
from maskguide.system.files import InputError


def packed(path, names, coding=None):
    """A zip whose names are stored in a coding that it does not name (None: as Python writes them)."""
    plain = (
        [f"#{number:0{len(name.encode(coding)) - 1}d}" for number, name in enumerate(names)]
        if coding
        else names
    )
    with zipfile.ZipFile(path, "w") as archive:
        for name in plain:
            archive.writestr(zipfile.ZipInfo(name), b"x")
    content = path.read_bytes()
    for name, stored in zip(names, plain, strict=True):
        content = content.replace(stored.encode(), name.encode(coding or "utf-8"))
    path.write_bytes(content)
    return path


def unpacked(path):
    target = path.with_suffix("")
    target.mkdir()
    archives.unpack(path, target)
    return sorted(str(each.relative_to(target)) for each in target.rglob("*") if each.is_file())


def test_backslashes_are_folders(tmp_path, caplog):
    caplog.set_level("INFO")
    assert unpacked(packed(tmp_path / "x.zip", ["elm\\0.png", "oak\\0.png"])) == ["elm/0.png", "oak/0.png"]
    assert "has backslashes between folders" in caplog.text


def test_a_backslash_beside_slashes_is_part_of_a_name(tmp_path):
    assert unpacked(packed(tmp_path / "x.zip", ["elm/0\\1.png", "oak/0.png"])) == [
        "elm/0\\1.png",
        "oak/0.png",
    ]


@pytest.mark.parametrize("coding", [None, "utf-8"])
def test_utf8_said_and_unsaid(tmp_path, coding):
    names = ["grüne Ulme/0.png", "大豆/0.png"]
    assert unpacked(packed(tmp_path / "x.zip", names, coding)) == names


@pytest.mark.parametrize("coding", ["cp437", "cp850"])
def test_western_names_of_windows_are_said(tmp_path, coding, caplog):
    names = ["Bäume/Grünkohl.png", "Café/0.png", "Straße/é.png"]
    assert unpacked(packed(tmp_path / "x.zip", names, coding)) == sorted(names)
    assert "those such as 'Bäume/Grünkohl.png' are read as Western letters" in caplog.text


@pytest.mark.parametrize(
    ("coding", "name"),
    [("gbk", "大豆"), ("shift_jis", "大豆"), ("euc_kr", "콩잎"), ("big5", "大豆"), ("cp866", "берёза")],
)
def test_other_codings_are_refused(tmp_path, coding, name):
    path = packed(tmp_path / "given.zip", [f"{name}/0.png", "oak/0.png"], coding)
    with pytest.raises(InputError) as caught:
        unpacked(path)
    assert matches(rows()["archive-coding"], str(caught.value)), caught.value
    assert not list(path.with_suffix("").iterdir())
    assert coding == "cp866" or f"{name}/0.png" in str(caught.value)


def test_names_outside_stay_outside(tmp_path):
    with pytest.raises(InputError, match="would lie outside the folder"):
        unpacked(packed(tmp_path / "x.zip", ["elm\\0.png", "..\\evil.png"]))


@given(st.text(st.characters(codec="gb2312", min_codepoint=0x4E00), min_size=1, max_size=8))
def test_chinese_is_never_read_as_western(name):
    assert not WESTERN.fullmatch(name.encode("gb2312").decode("cp437"))
