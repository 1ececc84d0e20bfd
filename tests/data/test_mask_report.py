"""The report of all masks: what index_dataset.py says, writes and draws of them; and void on its way."""

import hashlib
import json
import zipfile
from pathlib import Path

import choose_annotation
import import_annotation
import index_dataset
import numpy as np
import pandas as pd
import pytest
from bad_input import index_options, mask, my_images, picture
from maskguide.data import masks
from maskguide.data.datasets import read_index
from maskguide.data.mask_report import shares
from maskguide.data.masks import IGNORE
from maskguide.drawing.contact_sheets import COLOURS
from maskguide.system.files import InputError
from PIL import Image

# sha256 over shape and labels of all masks in the order of their names, as the reader of 0.1.0 gave them
BUTTERFLIES = {
    "leedsbutterfly_176px.zip": "adf61d5f004a9e0d42bb5c9ba499cf9834bdd406c6cba67470b9b37cfc3f044a",
    "leedsbutterfly_288px.zip": "128cf9211b6f314e157452f3bcd4a486d9025d5b047f6327cc251377cbb03909",
}


def entry(classes=("object",), **more):
    named = {"mask_classes": list(classes), "regions": {classes[0]: [classes[0]]}, "masks": "published"}
    words = {"title": "mine", "licence": "", "citation": "", "homepage": ""}
    source = {"local": True, "hint": "here"}
    return json.dumps({**named, **words, "source": source, "layout": "folder", "split": "1:2", **more})


def indexed(folder, *options, said=None):
    """The index's and the report's rows."""
    paths = ["--mask-report", folder / "report.csv", "--mask-sheet", folder / "report.png"]
    command = [*index_options(folder, dataset="mine"), *paths, "--entry", said or entry(), *options]
    index_dataset.main(index_dataset.parse_args([str(each) for each in command]))
    return read_index(folder / "out/index.csv"), pd.read_csv(folder / "report.csv", dtype={"levels": str})


def drawn(folder, name, labels, value=255):
    path = folder / "files/masks" / f"{name}.png"
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.fromarray((value * np.asarray(labels)).astype(np.uint8)).save(path)


def test_shares_of_a_mask():
    labels = np.zeros((4, 5), np.uint8)
    assert shares(labels) == (0, 0, 0)
    labels[0] = 1  # 5 of 20 pixels, 5 of 14 on the border
    labels[2, 2] = 2
    labels[3, 4] = IGNORE
    assert shares(labels) == pytest.approx((6 / 20, 5 / 14, 1 / 20))


def test_report_of_every_mask(tmp_path, caplog):
    caplog.set_level("INFO", logger="maskguide")
    my_images(tmp_path / "files", masks=False)
    inner = np.zeros((6, 8))
    inner[2:4, 2:5] = 1
    drawn(tmp_path, "elm/0", inner)
    drawn(tmp_path, "elm/1", np.ones((6, 8)))
    drawn(tmp_path, "oak/0", np.zeros((6, 8)))
    _, report = indexed(tmp_path)
    assert report["image_id"].tolist() == ["elm-0", "elm-1", "oak-0"]
    assert report["levels"].tolist() == ["0, 255", "255", "0"]
    assert report["mode"].tolist() == ["L"] * 3 and report["void"].tolist() == [0] * 3
    assert report["covered"].tolist() == [0.125, 1, 0] and report["border"].tolist() == [0, 1, 0]
    assert report["mask"][0] == f"{tmp_path}/files/masks/elm/0.png"
    words = "black is background, white object; smoothed edges from 128 on"
    assert set(report["meaning"]) == {words}
    assert f"mine: 3 of 6 images have masks: {words}" in caplog.text
    assert "oak/0.png: is zero everywhere; so are 1 masks in all, kept" in caplog.text
    sheet = np.asarray(Image.open(tmp_path / "report.png").convert("RGB"))
    assert (sheet == COLOURS[0]).all(axis=2).sum() > 17 * 17  # the legend's, and the rims of marks


def test_no_masks_are_reported_too(tmp_path):
    my_images(tmp_path / "files", masks=False)
    _, report = indexed(tmp_path, said=entry(masks="none"))
    assert report.empty and list(report) == [
        *("image_id", "mask", "mode", "levels", "meaning", "covered", "border", "void")
    ]
    assert Image.open(tmp_path / "report.png").width > 100


def test_inverted_masks_are_warned_of(tmp_path, caplog):
    my_images(tmp_path / "files", masks=False)
    inner = np.zeros((6, 8))
    inner[2:4, 2:5] = 1
    for name in ("elm/0", "elm/1", "oak/0", "oak/1"):
        drawn(tmp_path, name, 1 - inner)
    indexed(tmp_path)
    assert "4 of 4 masks mark most of their image's border" in caplog.text
    assert "are they inverted? look at the report of the masks" in caplog.text
    caplog.clear()
    index, report = indexed(tmp_path, said=entry(mask_values={"0": "object", "255": "background"}))
    assert "inverted" not in caplog.text and report["covered"].tolist() == [0.125] * 4
    assert np.array_equal(np.asarray(Image.open(index["mask"][0])), inner)
    assert report["meaning"][0] == "mask_values: 0 object, 255 background"


def test_some_inverted_masks_are_warned_of(tmp_path, caplog):
    my_images(tmp_path / "files", masks=False)
    inner = np.zeros((6, 8))
    inner[2:4, 2:5] = 1
    for name in ("elm/0", "elm/1", "oak/0"):
        drawn(tmp_path, name, inner)
    indexed(tmp_path)
    assert "border" not in caplog.text
    drawn(tmp_path, "oak/1", 1 - inner)
    indexed(tmp_path)
    assert "1 of 4 masks mark most of their image's border" in caplog.text
    assert "oak/1.png first, and others, such as" in caplog.text and "are some inverted?" in caplog.text


def test_several_inverted_masks_are_refused_unless_a_person_says_what_is_meant(tmp_path, caplog):
    my_images(tmp_path / "files", masks=False)
    inner = np.zeros((6, 8))
    inner[2:4, 2:5] = 1
    for name, labels in {"elm/0": inner, "elm/1": inner, "oak/0": 1 - inner, "oak/1": 1 - inner}.items():
        drawn(tmp_path, name, labels)
    message = (
        r"oak/0.png: 2 of 4 masks mark the whole border around a hole, and others, such as .*elm/0.png, "
    )
    with pytest.raises(InputError, match=message):
        indexed(tmp_path)
    assert not (tmp_path / "out").exists() or not list((tmp_path / "out").iterdir())
    _, report = indexed(tmp_path, said=entry(mask_values={"0": "background", "255": "object"}))
    assert report["covered"].tolist() == [0.125, 0.125, 0.875, 0.875] and "are some inverted?" in caplog.text


def test_objects_that_fill_their_images_are_read(tmp_path):
    """All of an image marked is a close-up, not an inversion: nothing is left out."""
    my_images(tmp_path / "files", masks=False)
    inner = np.zeros((6, 8))
    inner[2:4, 2:5] = 1
    for name, labels in {"elm/0": inner, "elm/1": inner, "oak/0": inner + 1, "oak/1": inner + 1}.items():
        drawn(tmp_path, name, np.minimum(labels, 1))
    _, report = indexed(tmp_path)
    assert report["covered"].tolist() == [0.125, 0.125, 1, 1]


def test_void_is_neither_guide_nor_object(tmp_path):
    """From VOC's file to the annotated marks and the soft mask of the guide."""
    my_images(tmp_path / "files", masks=False)
    labels = np.zeros((6, 8), np.uint8)
    labels[:, :3], labels[:, 3] = 1, 255
    for name in ("elm/0", "elm/1", "elm/2", "oak/0", "oak/1", "oak/2"):
        drawn(tmp_path, name, labels, value=1)
    index, report = indexed(tmp_path)
    assert report["void"].tolist() == [0.125] * 6 and report["covered"].tolist() == [0.375] * 6
    read = masks.read_labels(index["mask"][0], 2)
    assert np.array_equal(read, labels)
    assert np.array_equal(masks.soft_of_labels(read), 255 * (labels == 1))
    chosen = tmp_path / "chosen.csv"
    common = ["--index", str(tmp_path / "out/index.csv")]
    choose_annotation.main(choose_annotation.parse_args([*common, "--output", str(chosen), "--masked"]))
    options = ["--chosen", str(chosen), "--classes", "object", "--dataset", "mine"]
    options += ["--output", str(tmp_path / "a.csv"), "--marks-output", str(tmp_path / "marks")]
    options += ["--contact-sheet", str(tmp_path / "sheet.png")]
    import_annotation.main(import_annotation.parse_args([*common, *options]))
    marks = sorted((tmp_path / "marks").glob("*.png"))
    assert len(marks) == 2 and all(np.array_equal(masks.read_grey(mark), labels) for mark in marks)


def test_masked_images_alone_are_chosen(tmp_path, caplog):
    caplog.set_level("INFO", logger="maskguide")
    my_images(tmp_path / "files", count=6)
    mask(tmp_path / "files/masks/oak/1.png")
    index, _ = indexed(tmp_path, said=entry(split="5:1"))
    have = set(index.loc[(index["mask"] != "") & (index["split"] == "train"), "image_id"])
    command = [
        "--index",
        str(tmp_path / "out/index.csv"),
        "--output",
        str(tmp_path / "c.csv"),
        "--count",
        "9",
    ]
    choose_annotation.main(choose_annotation.parse_args([*command, "--masked"]))
    assert set(pd.read_csv(tmp_path / "c.csv")["image_id"]) == have
    assert f"{len(have)} of 10 training images have masks; chosen among them" in caplog.text


def test_masks_of_other_formats_that_a_person_drew(tmp_path):
    """A .tif and a .jpg in the folder of marks, beside a copy of the photograph, with what a person says."""
    my_images(tmp_path / "files", masks=False, count=2)
    picture(tmp_path / "files/images/elm/0.png", 1, (40, 60))
    picture(tmp_path / "files/images/oak/0.png", 2, (40, 60))
    split = tmp_path / "split.csv"
    split.write_text("image,split\nelm-0,train\noak-0,train\nelm-1,test\noak-1,test\n")
    index, _ = indexed(tmp_path, "--split-file", split, said=entry(masks="none"))
    marks = tmp_path / "by hand"
    marks.mkdir()
    inside = np.zeros((40, 60), bool)
    inside[8:32, 8:40] = True
    Image.fromarray(np.where(inside, 0, 255).astype(np.uint8)).save(marks / "elm-0.tif")
    Image.fromarray(np.where(inside, 0, 255).astype(np.uint8)).save(marks / "oak-0.jpg", quality=95)
    Image.open(index.set_index("image_id").loc["oak-0", "path"]).save(marks / "oak-0.png")
    common = ["--index", str(tmp_path / "out/index.csv")]
    chosen = tmp_path / "chosen.csv"
    choose_annotation.main(choose_annotation.parse_args([*common, "--output", str(chosen)]))
    options = ["--chosen", str(chosen), "--classes", "object", "--dataset", "mine", "--mode", "manual"]
    options += ["--marks", str(marks), "--mask-values", '{"0": "object", "255": "background"}']
    options += ["--output", str(tmp_path / "a.csv"), "--marks-output", str(tmp_path / "marks")]
    options += ["--contact-sheet", str(tmp_path / "sheet.png")]
    import_annotation.main(import_annotation.parse_args([*common, *options]))
    assert np.array_equal(masks.read_grey(tmp_path / "marks/elm-0.png"), inside)
    assert (masks.read_grey(tmp_path / "marks/oak-0.png") != inside).mean() < 0.01


@pytest.mark.parametrize("name", BUTTERFLIES)
def test_real_butterflies_are_read_as_ever(name, shared, tmp_path, monkeypatch, caplog):
    """To the bit, through index_dataset.py; and the report finds nothing odd in them."""
    monkeypatch.chdir(tmp_path)
    with zipfile.ZipFile(shared / "data" / name) as archive:
        archive.extractall("files")
    registry = str(Path(__file__).parents[2] / "resources/datasets.yaml")
    command = ["--dataset", "btfpis", "--registry", registry, "--files", "files", "--masks", "masks"]
    command += ["--mask-report", "report.csv", "--output", "index.csv", "--images", "images.csv"]
    index_dataset.main(index_dataset.parse_args(command))
    every = pd.read_csv("images.csv", dtype=str, keep_default_na=False)
    digest = hashlib.sha256()
    for path in sorted(every["mask"][every["mask"] != ""], key=lambda each: Path(each).stem[:7]):
        labels = np.asarray(Image.open(path))
        digest.update(str(labels.shape).encode() + labels.tobytes())
    assert digest.hexdigest() == BUTTERFLIES[name]
    report = pd.read_csv("report.csv")
    assert len(report) == 550 and report["border"].max() < 0.1 and "inverted" not in caplog.text
