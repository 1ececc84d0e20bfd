"""Marks that are refused, each with the line that docs/bad-input.md promises."""

import ast
import json

import example_boxes
import example_exports as exports
import import_annotation
import import_boxes
import numpy as np
import pandas as pd
import pytest
from bad_input import ROOT, refused
from example_marks import SIZE, arguments, choose_all, labelme, save_mask
from PIL import Image

SQUARE = [[5, 5], [15, 5], [15, 15], [5, 15]]
DRAWN = labelme([("main_vein", "polygon", SQUARE)])
VIDEO = '<annotations><track label="main_vein"/></annotations>'
ENTITY = (
    '<!DOCTYPE a [<!ENTITY b SYSTEM "file:///etc/passwd">]><annotation><filename>&b;</filename></annotation>'
)


def coco(**changes):
    content = exports.coco()
    content["annotations"][0] |= changes
    return content


def twice():
    content = exports.label_studio()
    other = exports.label_studio("rectanglelabels")[0]["annotations"][1]
    other["result"][0]["value"]["width"] = 12
    content[0]["annotations"].append(other)
    return content


ROWS = {
    "marks-encoding": {"leaf.0.json": '{"label": "叶脉"}'.encode("gbk")},
    "marks-json": {"leaf.0.json": '{"shapes": ['},
    "marks-entity": {"leaf.0.xml": ENTITY},
    "marks-label": {"leaf.0.json": labelme([("vien", "polygon", SQUARE)])},
    "marks-unlabelled": {"coco.json": coco(category_id=None)},
    "marks-shape": {"leaf.0.json": labelme([("main_vein", "point", [[1, 1]])])},
    "marks-outside": {"leaf.0.json": labelme([("main_vein", "polygon", [[1, 1], [50, 1], [5, 5]])])},
    "marks-size": {"leaf.0.json": DRAWN | {"imageHeight": 60, "imageWidth": 80}},
    "marks-contradict": {"leaf.0.json": DRAWN, "leaf.0.txt": "0 0.75 0.5 0.2 0.2\n"},
    "marks-twice": {"tasks.json": twice()},
    "marks-other-name": {"leaf.0.json": DRAWN | {"imagePath": "C:\\leaf.1.png"}},
    "marks-class-lists": {
        "leaf.0.txt": "0 0.5 0.5 0.2 0.2\n",
        "classes.txt": "main_vein\nsecond_order_vein\n",
        "data.yaml": "names: [second_order_vein, main_vein]\n",
    },
    "marks-class-number": {"leaf.0.txt": "2 0.5 0.5 0.2 0.2\n"},
    "marks-confidence": {"leaf.0.txt": "0 0.5 0.5 0.2 0.2 0.93\n"},
    "marks-pose": {"data.yaml": "kpt_shape: [2, 3]\nnames: [main_vein]\n"},
    "marks-category": {"coco.json": coco(category_id=77)},
    "marks-runs": {"coco.json": coco(segmentation={"counts": "x", "size": [30, 40]})},
    "marks-video": {"annotations.xml": VIDEO},
    "marks-nothing": {"leaf.0.txt": ""},
}


@pytest.mark.parametrize("row", ROWS)
def test_bad_marks(row, dataset, chosen, tmp_path, capfd):
    marks = tmp_path / "marks"
    for number in range(1, 4) if "leaf.0" in str(ROWS[row]) else ():
        marks.mkdir(exist_ok=True)
        save_mask(marks / f"leaf.{number}.png")
    for name, content in ROWS[row].items():
        exports.write(marks, name, content)
    options = arguments(dataset, chosen, "manual", "--marks", str(marks))
    line = refused(row, import_annotation, options, tmp_path, capfd)
    assert "delete" not in line


def test_an_image_that_is_and_is_not_marked(dataset, chosen, tmp_path, capfd):
    for image_id in exports.IDS:
        exports.write(tmp_path / "marks", f"{image_id}.txt", "0 0.5 0.5 0.1 0.1\n")
    exports.write(tmp_path / "marks", "leaf.0.txt", "")
    exports.write(tmp_path / "marks", "leaf.0.json", labelme([("vein", "rectangle", SQUARE[::2])]))
    options = example_boxes.arguments(dataset, chosen, "manual", "--marks", str(tmp_path / "marks"))
    refused("marks-and-none", import_boxes, options, tmp_path, capfd)


def test_an_altered_copy_beside_its_marks(dataset, chosen, tmp_path, capfd):
    """Roboflow turned the image, and its boxes with it."""
    exports.write(tmp_path / "marks", "leaf.0_png.rf.0a1b2c.txt", "0 0.5 0.5 0.1 0.1\n")
    picture = Image.open(dataset.parent / "leaf.0.png").transpose(Image.Transpose.FLIP_LEFT_RIGHT)
    picture.save(tmp_path / "marks" / "leaf.0_png.rf.0a1b2c.jpg")
    options = arguments(dataset, chosen, "manual", "--marks", str(tmp_path / "marks"))
    refused("marks-altered", import_annotation, options, tmp_path, capfd)


def test_a_name_of_two_images(dataset, chosen, tmp_path, capfd):
    """Both classes have an image 0.png."""
    table = pd.read_csv(dataset, keep_default_na=False)
    for number, folder in enumerate(("elm", "oak")):
        (dataset.parent / folder).mkdir()
        (dataset.parent / f"leaf.{number}.png").rename(dataset.parent / folder / "0.png")
        table.loc[number, ["path", "image_id"]] = [f"{folder}/0.png", f"{folder}-0"]
    table.to_csv(dataset, index=False)
    choose_all(dataset, chosen)
    exports.write(tmp_path / "marks", "0.txt", "0 0.5 0.5 0.2 0.2\n")
    options = arguments(dataset, chosen, "manual", "--marks", str(tmp_path / "marks"))
    refused("marks-name-of-two", import_annotation, options, tmp_path, capfd)


def test_no_advice_deletes_what_a_person_made():
    """Of all that reads people's files no line says to delete or remove them."""
    own = {"store.py", "datasets.py"}  # the product's own stores and index, made again at once
    rooms = [ROOT / "workflow" / "scripts" / "maskguide" / room for room in ("marks", "data")]
    for path in (path for room in rooms for path in room.glob("*.py") if path.name not in own):
        tree = ast.parse(path.read_text(encoding="utf-8"))
        raised = [node for node in ast.walk(tree) if isinstance(node, (ast.Assign, ast.Raise))]
        texts = [n.value for node in raised for n in ast.walk(node) if isinstance(n, ast.Constant)]
        bad = [text for text in texts if isinstance(text, str) and ("delete" in text or "remove it" in text)]
        assert not bad, f"{path.name}: {bad}"


def test_the_marks_of_the_rows_are_otherwise_right(dataset, chosen, tmp_path):
    """What the rows break is read without the break."""
    for image_id in exports.IDS:
        exports.write(tmp_path / "marks", f"{image_id}.json", DRAWN)
    options = arguments(dataset, chosen, "manual", "--marks", str(tmp_path / "marks"))
    import_annotation.main(import_annotation.parse_args(options))
    expected = np.zeros(SIZE, dtype=np.uint8)
    expected[5:15, 5:15] = 1
    assert (np.asarray(Image.open(chosen.parent / "marks" / "leaf.0.png")) == expected).all()
    assert json.loads((tmp_path / "marks" / "leaf.0.json").read_text()) == DRAWN
