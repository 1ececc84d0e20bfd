"""Split files as people's tools write them: the right images on the right sides, or a line."""

import unicodedata
from pathlib import Path

import pytest
from bad_input import matches, rows
from maskguide.data.layout_files import Entry
from maskguide.data.split_files import split_by_file
from maskguide.system.files import InputError

UELM = "ülm"
ROWS = [("elm", 0, "train"), ("elm", 1, "test"), (UELM, 0, "test"), (UELM, 2, "train")]
EXPECTED = {"elm-0": "train", "elm-1": "test", "ulm-0": "test", "ulm-2": "train"}


def entries(form="NFC"):
    """Three images of two classes, names in a Unicode form, under a folder as an archive has it."""
    name = unicodedata.normalize(form, UELM)
    return [
        Entry(f"{plain}-{i}", Path("results/x/files/images") / folder / f"{i}.png", folder)
        for plain, folder in (("elm", "elm"), ("ulm", name))
        for i in range(3)
    ]


def given(tmp_path, text, encoding="utf-8", form="NFC"):
    path = tmp_path / "split.csv"
    path.write_bytes(text.encode(encoding))
    return {entry.image_id: entry.split for entry in split_by_file(entries(form), path)}


def lines(separator=",", name="{0}/{1}.png", header="image,split"):
    text = [header.replace(",", separator)]
    return "\n".join([*text, *(separator.join([name.format(*row), row[2]]) for row in ROWS)]) + "\n"


@pytest.mark.parametrize(
    ("text", "encoding"),
    [
        (lines(), "utf-8"),
        (lines(";"), "utf-8"),
        (lines("\t"), "utf-8"),
        (lines(";"), "utf-8-sig"),
        (lines("\t"), "utf-16"),
        ("sep=;\n" + lines(";"), "utf-8"),
        (lines(header="Image, Split "), "utf-8"),
        (lines(";", '"{0}/{1}.png"'), "utf-8"),
        (lines(";").replace("\n", "\r\n") + ";\r\n;\r\n", "utf-8"),
        (lines(";").replace("train", "Train").replace("test", "TEST "), "utf-8"),
        (lines(";").replace("\n", ";;\n"), "utf-8"),
    ],
    ids=[
        "commas",
        "semicolons",
        "tabs",
        "BOM",
        "UTF-16",
        "sep=",
        "header",
        "quotes",
        "ends",
        "case",
        "empty",
    ],
)
def test_dialects(tmp_path, text, encoding):
    assert given(tmp_path, text, encoding) == EXPECTED


@pytest.mark.parametrize(
    "name",
    [
        *("{0}\\{1}.png", "images/{0}/{1}.png", "./images/{0}/{1}.png", "C:\\data\\images\\{0}\\{1}.png"),
        *("/home/me/leaves/{0}/{1}.png", "{0}/{1}.PNG"),
    ],
)
@pytest.mark.parametrize("form", ["NFC", "NFD"])
@pytest.mark.parametrize("written", ["NFC", "NFD"])
def test_paths_of_other_systems(tmp_path, name, form, written):
    text = unicodedata.normalize(written, lines(name=name))
    assert given(tmp_path, text, form=form) == EXPECTED


def test_image_ids_and_file_names(tmp_path):
    assert given(tmp_path, "image,split\nelm-0,train\n") == {"elm-0": "train"}
    path = tmp_path / "split.csv"
    path.write_text("image,split\n1.png,train\n")
    assert [each.image_id for each in split_by_file(entries()[:3], path)] == ["elm-1"]


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("image,split\nx,train\n", "x names no image"),
        ("image,split\noak/0.png,train\n", "oak/0.png names no image"),  # its file's name is no way out
        ("image,split\n1.png,train\n", "1.png names 2 images; give class/file name"),
        ("image,split\nelm-2,val\n", "split of elm-2 is 'val'"),
        ("image,split\nelm/0.png,test\nelm-0,test\n", "elm-0 is listed twice"),
        ("file;split\na;train\n", "needs the columns image and split"),
        ("", "needs the columns image and split"),
    ],
)
def test_refused(tmp_path, text, message):
    with pytest.raises(InputError, match=message):
        given(tmp_path, text)


def test_another_coding_is_named(tmp_path):
    with pytest.raises(InputError) as caught:
        given(tmp_path, lines(";"), "cp1252")
    assert matches(rows()["split-file-coding"], str(caught.value)), caught.value


@pytest.mark.parametrize(
    ("labels", "row"),
    [
        ({"elm/0.png": 0, "elm/1.png": 1}, "split-file-labels"),
        ({"elm/0.png": 0, f"{UELM}/0.png": 0}, "split-file-one-label"),
    ],
)
def test_labels_that_contradict_the_classes(tmp_path, labels, row):
    text = "".join(f"{image},{label},train\n" for image, label in labels.items())
    with pytest.raises(InputError) as caught:
        given(tmp_path, f"image,class_id,split\n{text}")
    assert matches(rows()[row], str(caught.value)), caught.value


def test_names_of_other_classes_are_a_contradiction(tmp_path):
    text = f"image,class,split\nelm/0.png,{UELM},train\n{UELM}/0.png,elm,train\n"
    with pytest.raises(InputError, match=r"class of elm/0\.png is 'ülm', its class elm"):
        given(tmp_path, text)
    text = f"image,class,split\nelm/0.png,Elm,train\n{UELM}/0.png,Little,train\n"
    assert given(tmp_path, text) == {"elm-0": "train", "ulm-0": "train"}


def test_other_numbers_are_said(tmp_path, caplog):
    text = f"image,class_id,split\nelm/0.png,{{}},train\n{UELM}/0.png,{{}},train\n"
    given(tmp_path, text.format(0, 1))
    assert "class_id" not in caplog.text
    given(tmp_path, text.format(2, 1))
    assert "elm is 2 there, 0 here" in caplog.text


def test_what_is_left_out_is_said(tmp_path, caplog):
    caplog.set_level("INFO")
    given(tmp_path, "image,split\nelm-0,train\n")
    assert "leaves 5 images out: results/x/files/images/elm/1.png" in caplog.text
