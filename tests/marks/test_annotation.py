"""Choosing, exporting and importing marks: every format, every kind of bad mark, the scripts."""

import json
import subprocess
import sys
from pathlib import Path

import export_annotation
import numpy as np
import pandas as pd
import pytest
from example_marks import CLASSES, SIZE, arguments, imported, labelme, save_mask
from hypothesis import given, settings
from hypothesis import strategies as st
from maskguide.data.datasets import read_index
from maskguide.drawing.contact_sheets import TILE
from maskguide.marks.annotation import choose, read_chosen
from maskguide.system.files import InputError
from PIL import Image

ROOT = Path(__file__).parents[2]


def index_of(counts, test_count=2):
    """An index in memory: `counts[c]` training images of class c and `test_count` test images of each."""
    rows = [
        {"image_id": f"{name}_{split}_{number}", "class": name, "class_id": class_id, "split": split}
        for class_id, (name, count) in enumerate(counts.items())
        for split, many in (("train", count), ("test", test_count))
        for number in range(many)
    ]
    frame = pd.DataFrame(rows)
    return frame.assign(path="x.png", mask="", outline="", boxes="")


# --- choosing ---


@settings(deadline=None, max_examples=50)
@given(
    st.dictionaries(st.sampled_from("abcde"), st.integers(1, 9), min_size=1),
    st.integers(1, 50),
    st.integers(0, 5),
)
def test_choice_is_even_seeded_and_nested(counts, count, seed):
    index = index_of(counts)
    picked = choose(index, count, seed)
    total = sum(counts.values())
    assert len(picked) == min(count, total) and picked["image_id"].is_unique
    assert (picked["split"] == "train").all()
    per_class = picked["class"].value_counts().reindex(list(counts), fill_value=0)
    for name, available in counts.items():  # a class gets less than another only if it has no more
        assert per_class[name] >= min(available, per_class.max() - 1)
    shuffled = index.sample(frac=1, random_state=1)
    assert choose(shuffled, count, seed)["image_id"].tolist() == picked["image_id"].tolist()
    assert set(picked["image_id"]) <= set(choose(index, count + 1, seed)["image_id"])


def test_seeds_differ_and_all_is_said(caplog):
    index = index_of({"a": 20, "b": 20})
    ids = [frozenset(choose(index, 6, seed)["image_id"]) for seed in range(4)]
    assert len(set(ids)) > 1
    caplog.set_level("INFO", logger="maskguide")
    assert len(choose(index, 40, 0)) == 40
    assert "count 40 reaches the 40 training images: all are chosen" in caplog.text


def test_choice_refuses_nothing_to_choose():
    with pytest.raises(InputError, match="count 0"):
        choose(index_of({"a": 2}), 0, 0)
    with pytest.raises(InputError, match="no training image"):
        choose(index_of({"a": 0}), 3, 0)


def test_chosen_is_checked_against_the_index(dataset, chosen):
    index = read_index(dataset)
    assert read_chosen(chosen, index)["image_id"].tolist() == ["leaf.0", "leaf.2", "leaf.1", "leaf.3"]
    table = pd.read_csv(chosen)
    assert (chosen.parent / table["path"][0]).is_file() and list(table) == ["image_id", "class", "path"]
    for text, complaint in (
        ("image_id\nleaf.4\n", "leaf.4 is no training image"),
        ("image_id\nelse\n", "else is no training image"),
        ("image_id\nleaf.0\nleaf.0\n", "names an image twice"),
        ("name\nleaf.0\n", "column image_id is missing"),
    ):
        chosen.write_text(text)
        with pytest.raises(InputError, match=complaint):
            read_chosen(chosen, index)


# --- exporting ---


def test_export_holds_all_that_a_person_needs(dataset, chosen, tmp_path):
    output = tmp_path / "export"
    options = ["--index", str(dataset), "--chosen", str(chosen), "--classes", *CLASSES]
    export_annotation.main(export_annotation.parse_args([*options, "--output", str(output)]))
    images = sorted(path.name for path in (output / "images").iterdir())
    assert images == sorted(f"leaf.{number}.{ending}" for number in range(4) for ending in ("png", "json"))
    assert (output / "images" / "leaf.2.png").read_bytes() == (dataset.parent / "leaf.2.png").read_bytes()
    content = json.loads((output / "images" / "leaf.2.json").read_text())
    assert content == {
        "version": "5.5.0",
        "flags": {},
        "shapes": [],
        "imagePath": "leaf.2.png",
        "imageData": None,
        "imageHeight": 30,
        "imageWidth": 40,
    }
    readme = (output / "README.txt").read_text()
    for words in (*CLASSES, "4 images", "LabelMe", "COCO", "YOLO", "Where to put the result: the folder"):
        assert words in readme
    assert (output / "classes.txt").read_text().split() == CLASSES
    assert Image.open(output / "contact_sheet.png").width > 4 * TILE


# --- importing ---


def test_published_marks_of_the_chosen_only(dataset, chosen):
    rows, masks = imported(dataset, chosen, "published")
    assert rows["image_id"].tolist() == ["leaf.0", "leaf.2", "leaf.1", "leaf.3"]
    assert set(rows["source"]) == {"published"} and rows["mask"][0] == "marks/leaf.0.png"
    original = np.array(Image.open(dataset.parent / "leaf.0_mask.png"))
    assert (masks["leaf.0"] == original).all()
    assert (chosen.parent / rows["boxes"][0]).read_text() == "0 0.5 0.5 0.25 0.25\n"
    assert Image.open(chosen.parent / "sheet.png").size[0] > TILE
    assert len(list((chosen.parent / "marks").iterdir())) == 8


def test_published_marks_that_are_absent_are_named(dataset, chosen):
    table = pd.read_csv(dataset, keep_default_na=False)
    table.loc[table["image_id"].isin(["leaf.1", "leaf.2"]), "mask"] = ""
    table.to_csv(dataset, index=False)
    with pytest.raises(
        InputError, match=r"2 of 4 chosen images have no published mask: leaf.2, leaf.1; 2 of 4"
    ):
        imported(dataset, chosen, "published")
    assert not (chosen.parent / "annotated.csv").exists() and not (chosen.parent / "marks").exists()


def test_published_empty_mask_is_kept_with_a_warning(dataset, chosen, caplog):
    save_mask(dataset.parent / "leaf.1_mask.png", np.zeros(SIZE, dtype=np.uint8))
    _, masks = imported(dataset, chosen, "published")
    assert not masks["leaf.1"].any() and "leaf.1_mask.png: the published mask is empty" in caplog.text


def test_automatic_marks_say_so(dataset, chosen, caplog):
    for number in (0, 1, 2, 3):
        picture = np.full((*SIZE, 3), 240, dtype=np.uint8)
        if number:
            picture[8:22, 10:30] = (40, 90, 30)
        Image.fromarray(picture).save(dataset.parent / f"leaf.{number}.png")
    rows, masks = imported(dataset, chosen, "automatic", classes=["leaf"])
    assert set(rows["source"]) == {"automatic"} and (rows["boxes"] == "").all()
    inner = masks["leaf.1"][9:21, 11:29]
    assert inner.all() and masks["leaf.1"].sum() < 400
    assert not masks["leaf.0"].any() and "leaf.0.png: nothing stands out" in caplog.text


def test_manual_marks_in_every_format(dataset, chosen, tmp_path, caplog):
    marks = tmp_path / "by_hand"
    (marks / "labels").mkdir(parents=True)
    drawn = save_mask(marks / "leaf.0.png")
    (marks / "labels" / "leaf.1.txt").write_text("1 0.5 0.5 0.25 0.2\n")  # x 15..25, y 12..18 px
    square = [[10, 10], [20, 10], [20, 20], [10, 20]]
    (marks / "leaf.2.json").write_text(json.dumps(labelme([("main_vein", "polygon", square)])))
    coco = {
        "images": [
            {"id": 7, "file_name": "some/where/leaf.3.png", "height": 30, "width": 40},
            {"id": 8, "file_name": "other.png", "height": 1, "width": 1},
        ],
        "categories": [{"id": 3, "name": "second_order_vein"}],
        "annotations": [
            {"id": 1, "image_id": 7, "category_id": 3, "bbox": [2, 4, 10, 6]},
            {"id": 2, "image_id": 8, "category_id": 3, "bbox": [0, 0, 1, 1]},
        ],
    }
    (marks / "instances.json").write_text(json.dumps(coco))
    (marks / "laef.3.png").write_bytes((marks / "leaf.0.png").read_bytes())
    rows, masks = imported(dataset, chosen, "manual", "--marks", str(marks))
    assert set(rows["source"]) == {"manual"}
    assert (masks["leaf.0"] == drawn).all()
    expected = np.zeros(SIZE, dtype=np.uint8)
    expected[12:18, 15:25] = 2
    assert (masks["leaf.1"] == expected).all()
    assert (masks["leaf.2"] > 0).sum() == 100 and masks["leaf.2"][10, 10] == 1
    assert (masks["leaf.3"] == 2).sum() == 60 and masks["leaf.3"][4, 2] == 2
    boxes = dict(zip(rows["image_id"], rows["boxes"], strict=True))
    assert boxes["leaf.0"] == boxes["leaf.2"] == ""
    assert (chosen.parent / boxes["leaf.1"]).read_text() == "1 0.500000 0.500000 0.250000 0.200000\n"
    assert (chosen.parent / boxes["leaf.3"]).read_text() == "1 0.175000 0.233333 0.250000 0.200000\n"
    assert "1 of no image of the data set: laef.3.png" in caplog.text


def test_export_marked_in_place_can_be_imported(dataset, chosen, tmp_path):
    """The export copied and marked there: its photographs are no label masks, its empty files no marks."""
    output = tmp_path / "export"
    options = ["--index", str(dataset), "--chosen", str(chosen), "--classes", *CLASSES]
    export_annotation.main(export_annotation.parse_args([*options, "--output", str(output)]))
    with pytest.raises(InputError, match="4 of 4 images are not marked yet"):
        imported(dataset, chosen, "manual", "--marks", str(output))
    assert (chosen.parent / "missing.txt").read_text().split() == ["leaf.0", "leaf.2", "leaf.1", "leaf.3"]
    for path in (output / "images").glob("*.json"):
        content = json.loads(path.read_text())
        content["shapes"] = labelme([("main_vein", "linestrip", [[20, 5], [20, 25]])])["shapes"]
        path.write_text(json.dumps(content))
    _, masks = imported(dataset, chosen, "manual", "--marks", str(output), "--line-width", "5")
    assert all(mask[8:22, 18:22].all() and mask.sum() < 130 for mask in masks.values())
    assert not (chosen.parent / "missing.txt").exists()


def test_missing_marks_stop_with_one_line(dataset, chosen, tmp_path):
    command = [sys.executable, "workflow/scripts/import_annotation.py"]
    command += arguments(dataset, chosen, "manual", "--marks", str(tmp_path / "nowhere"))
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True)
    assert done.returncode == 2
    (line,) = done.stderr.strip().splitlines()
    assert "4 of 4 images are not marked yet: leaf.0, leaf.2, leaf.1, leaf.3 (all in" in line
    assert f"put the results into {tmp_path / 'nowhere'}" in line and "README.txt" in line
    assert sorted(path.name for path in chosen.parent.iterdir()) == ["chosen.csv", "missing.txt"]


def test_manual_mode_needs_a_folder(dataset, chosen):
    with pytest.raises(InputError, match="--marks"):
        imported(dataset, chosen, "manual")


def test_long_lists_are_cut(tmp_path):
    index = index_of({"a": 30}).assign(path=str(tmp_path / "x.png"))
    Image.new("RGB", (8, 8)).save(tmp_path / "x.png")
    from maskguide.marks.annotation_sources import manual_marks, published_marks

    with pytest.raises(InputError, match=r"a_train_9 and 2 more; 0 of 30 training .*; use mode manual"):
        next(published_marks(index.head(12), ["leaf"], index))
    with pytest.raises(InputError, match=r"a_train_9 and 20 more \(all in"):
        next(manual_marks(index.head(30), index, ["leaf"], tmp_path / "marks", tmp_path / "missing.txt", 3))
    assert len((tmp_path / "missing.txt").read_text().split()) == 30
