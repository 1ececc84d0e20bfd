"""Boxes that a person draws: the export, every format, every kind of bad mark."""

import json
import subprocess
import sys
from pathlib import Path

import export_annotation
import pytest
from example_boxes import (
    CHOSEN,
    REGIONS,
    WHOLE,
    arguments,
    drawn,
    imported,
    without,
    write_boxed_dataset,
)
from example_marks import SIZE, choose_all, labelme
from maskguide.system.files import InputError
from PIL import Image

ROOT = Path(__file__).parents[2]


@pytest.fixture
def dataset(tmp_path):
    return write_boxed_dataset(tmp_path)


@pytest.fixture
def chosen(dataset, tmp_path):
    return choose_all(dataset, tmp_path / "detect" / "chosen.csv")


def test_a_person_draws_in_every_format(dataset, chosen, tmp_path, caplog):
    marks = drawn(tmp_path / "by_hand", leaf_1=None, leaf_2=None, leaf_3=None)
    (marks / "leaf.0.txt").write_text("1 0.5 0.5 0.25 0.2\n0 0.5 0.5 1 1\n1 0.25 0.25 0.5 0.5\n")
    (marks / "classes.txt").write_text("contour\nvein\n")
    polygon = ("vein", "polygon", [[10, 10], [20, 12], [15, 20]])
    rectangle = ("contour", "rectangle", [[38, 28], [2, 1]])
    (marks / "leaf.1.json").write_text(json.dumps(labelme([polygon, rectangle])))
    Image.new("RGB", SIZE[::-1]).save(marks / "leaf.1.png")  # the image beside its LabelMe file is no mark
    squares = [[2, 2, 8, 2, 8, 8], [12, 12, 22, 12, 22, 22]]
    coco = {
        "images": [{"id": number, "file_name": f"leaf.{number}.jpg"} for number in (2, 3, 4)],
        "categories": [{"id": 1, "name": "vein"}, {"id": 2, "name": "contour"}],
        "annotations": [
            {"id": 1, "image_id": 2, "category_id": 1, "segmentation": squares},
            {"id": 2, "image_id": 2, "category_id": 2, "bbox": [1, 1, 30, 20], "segmentation": squares},
            {
                "id": 3,
                "image_id": 3,
                "category_id": 2,
                "bbox": [0, 0, 40, 30],
                "segmentation": {"counts": [0, 1200], "size": [30, 40]},
            },
            {"id": 4, "image_id": 4, "category_id": 1, "bbox": [3, 4, 10, 10]},
        ],
    }
    (marks / "instances.json").write_text(json.dumps(coco))
    (marks / "laef.3.txt").write_text("0 0.5 0.5 1 1\n")
    table, boxes = imported(dataset, chosen, "manual", "--marks", str(marks))
    assert boxes["leaf.0"] == [(0, 15, 12, 25, 18), (1, *WHOLE), (0, 0, 0, 20, 15)]
    assert boxes["leaf.1"] == [(0, 10, 10, 20, 20), (1, 2, 1, 38, 28)]
    assert boxes["leaf.2"] == [(0, 2, 2, 22, 22), (1, 1, 1, 31, 21)]
    assert boxes["leaf.3"] == [(1, *WHOLE)]
    assert boxes["leaf.4"] == [(0, 3, 4, 13, 14)]  # a test image that the person marked too
    assert table["source"].tolist() == ["manual"] * 5 + ["published"]
    assert "1 of no image of the data set: laef.3.txt" in caplog.text


def test_an_empty_file_is_a_mark(dataset, chosen, tmp_path, caplog):
    caplog.set_level("INFO", logger="maskguide")
    marks = drawn(tmp_path / "by_hand", leaf_1="", leaf_3="0 0.5 0.5 0.25 0.2\n0 0.1 0.1 0.2 0.2\n")
    table, boxes = imported(dataset, chosen, "manual", "--marks", str(marks))
    assert boxes["leaf.1"] == [] and table["image_id"].tolist()[:4] == CHOSEN
    assert (chosen.parent / "boxes" / "leaf.1.txt").read_text() == ""
    assert "without any region, and kept as such: 1 image(s), leaf.1" in caplog.text
    assert "leaves: 4 images, manual boxes: vein 4 boxes in 3 images, contour 2 in 2" in caplog.text


@pytest.mark.parametrize(
    ("name", "content", "complaint"),
    [
        ("leaf.0.txt", "0 0.9 0.5 0.4 0.1", r"leaf\.0\.txt: line 1: a mark of 'vein' lies outside the image"),
        (
            "leaf.0.txt",
            "2 0.5 0.5 0.1 0.1",
            r"leaf\.0\.txt: line 1: class 2 is unknown; they are 0 vein, 1 contour",
        ),
        ("leaf.0.txt", "vein 0.5 0.5 0.1 0.1", r"leaf\.0\.txt: line 1 is not 'class cx cy w h'"),
        (
            "classes.txt",
            "main_vein\ncontour\n",
            r"leaf\.0\.txt: line 1: label 'main_vein' is unknown; known are vein",
        ),
        ("leaf.1.json", labelme([("rib", "rectangle", [[1, 1], [5, 5]])]), "label 'rib' is unknown"),
        ("leaf.1.json", labelme([("vein", "rectangle", [[1, 1], [50, 5]])]), "outside the image"),
        ("coco.json", {"annotations": []}, r"coco\.json: is no COCO file"),
        (
            "coco.json",
            {
                "images": [{"id": 1, "file_name": "leaf.1.png"}],
                "categories": [{"id": 1, "name": "vein"}],
                "annotations": [{"id": 9, "image_id": 1, "category_id": 1}],
            },
            "annotation 9 has neither a bbox nor a polygon",
        ),
    ],
)
def test_a_bad_mark_is_named(dataset, chosen, tmp_path, name, content, complaint):
    marks = drawn(tmp_path / "by_hand")
    (marks / name).write_text(content if isinstance(content, str) else json.dumps(content))
    with pytest.raises(InputError, match=complaint) as caught:
        imported(dataset, chosen, "manual", "--marks", str(marks))
    assert "\n" not in str(caught.value)
    assert [path.name for path in chosen.parent.iterdir()] == ["chosen.csv"]


def test_a_rectangle_without_area_is_named(dataset, chosen, tmp_path):
    marks = drawn(tmp_path / "by_hand", leaf_0=None)
    (marks / "leaf.0.json").write_text(json.dumps(labelme([("vein", "rectangle", [[3, 3], [3, 9]])])))
    with pytest.raises(InputError, match=r"leaf\.0\.json: a mark has no area, at \(3, 3\) px"):
        imported(dataset, chosen, "manual", "--marks", str(marks))


def test_export_marked_in_place(dataset, chosen, tmp_path):
    """The export says what to draw, is not taken for marks as it is, and can be marked."""
    output = tmp_path / "export"
    options = ["--index", str(dataset), "--chosen", str(chosen), "--kind", "boxes", "--regions", *REGIONS]
    export_annotation.main(
        export_annotation.parse_args([*options, "--marks", "resources/my_boxes", "--output", str(output)])
    )
    readme = (output / "README.txt").read_text()
    for words in ("4 images to draw boxes on\n====", "0  vein     around the central part of the veins"):
        assert words in readme
    for words in (
        "1  contour  around all of it",
        "An empty file says",
        "put the result: resources/my_boxes.",
    ):
        assert words in readme
    assert (output / "classes.txt").read_text().split() == REGIONS
    with pytest.raises(InputError, match="4 of 4 images are not marked yet"):
        imported(dataset, chosen, "manual", "--marks", str(output))
    for path in (output / "images").glob("*.json"):
        content = json.loads(path.read_text())
        rectangles = [(region, "rectangle", [[2, 3], [12, 13]]) for region in REGIONS]
        path.write_text(json.dumps(content | {"shapes": labelme(rectangles)["shapes"]}))
    _, boxes = imported(dataset, chosen, "manual", "--marks", str(output))
    assert boxes["leaf.3"] == [(0, 2, 3, 12, 13), (1, 2, 3, 12, 13)]
    assert not (chosen.parent / "missing.txt").exists()


def test_missing_marks_stop_with_one_line(dataset, chosen, tmp_path):
    marks = drawn(tmp_path / "by_hand", leaf_1=None, leaf_2=None)
    command = [sys.executable, "workflow/scripts/import_boxes.py"]
    command += arguments(dataset, chosen, "manual", "--marks", str(marks))
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True)
    assert done.returncode == 2
    (line,) = done.stderr.strip().splitlines()
    assert "2 of 4 images are not marked yet: leaf.2, leaf.1 (all in" in line
    assert f"put the results into {marks}" in line
    assert sorted(path.name for path in chosen.parent.iterdir()) == ["chosen.csv", "missing.txt"]
    assert (chosen.parent / "missing.txt").read_text().split() == ["leaf.2", "leaf.1"]


def test_a_region_without_a_box_in_all_chosen_images(dataset, chosen, tmp_path):
    only_vein = dict.fromkeys(["leaf_0", "leaf_1", "leaf_2", "leaf_3"], "0 0.5 0.5 0.25 0.2\n")
    marks = drawn(tmp_path / "by_hand", **only_vein)
    with pytest.raises(
        InputError, match="region contour: mode manual gives no box of it in any of the 4 chosen"
    ):
        imported(dataset, chosen, "manual", "--marks", str(marks))
    assert not (chosen.parent / "boxes").exists() and not (chosen.parent / "boxes.csv").exists()


def test_nothing_judges_and_it_is_said(dataset, chosen, tmp_path, caplog):
    without(dataset, "boxes")
    without(dataset, "mask")
    table, _ = imported(dataset, chosen, "manual", "--marks", str(drawn(tmp_path / "by_hand")))
    assert (table["split"] == "train").all()
    assert "no test image has known boxes: the detector cannot be judged" in caplog.text
