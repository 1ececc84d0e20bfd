"""All that is in a folder of marks counts once, contradictions are refused, what does not count is named."""

import json

import example_boxes
import numpy as np
import pytest
from example_marks import CLASSES, SIZE, imported, labelme, save_mask
from maskguide.system.files import InputError
from PIL import Image

SQUARE = [[5, 5], [15, 5], [15, 15], [5, 15]]
TRIANGLE = [[25, 10], [35, 10], [35, 25]]
FAR = [[25, 10], [35, 25]]
LEFT, RIGHT = (slice(5, 15), slice(5, 15)), (slice(10, 25), slice(25, 35))


@pytest.fixture
def marks(tmp_path):
    folder = tmp_path / "by_hand"
    folder.mkdir()
    return folder


def every(folder, name, content):
    """A file of each of the four images."""
    for number in range(4):
        path = folder / name.format(f"leaf.{number}")
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(content if isinstance(content, str) else json.dumps(content))


def masks_of(dataset, chosen, marks):
    return imported(dataset, chosen, "manual", "--marks", str(marks))[1]


def boxes_of(dataset, chosen, marks):
    options = {"regions": CLASSES, "made_of": {name: [] for name in CLASSES}}
    return example_boxes.imported(dataset, chosen, "manual", "--marks", str(marks), **options)[1]


BOTH = [("second_order_vein", "rectangle", [[20, 2], [30, 6]])]  # boxes.csv wants one of every region


def test_a_polygon_and_a_rectangle_of_one_label_are_two_objects(dataset, chosen, marks):
    every(
        marks, "{}.json", labelme([("main_vein", "polygon", SQUARE), ("main_vein", "rectangle", FAR), *BOTH])
    )
    mask = masks_of(dataset, chosen, marks)["leaf.0"]
    assert (mask[LEFT] == 1).all() and (mask[RIGHT] == 1).all() and (mask == 1).sum() == 100 + 150
    boxes = boxes_of(dataset, chosen, marks)["leaf.0"]
    assert boxes == [(0, 5, 5, 15, 15), (0, 25, 10, 35, 25), (1, 20, 2, 30, 6)]


def test_a_rectangle_around_a_drawing_is_the_same_object(dataset, chosen, marks, caplog):
    shapes = [("main_vein", "rectangle", [[24, 9], [36, 26]]), ("main_vein", "polygon", TRIANGLE), *BOTH]
    every(marks, "{}.json", labelme(shapes))
    mask = masks_of(dataset, chosen, marks)["leaf.0"]
    assert 0 < (mask == 1).sum() < 0.6 * 150
    assert "4 file(s) with a rectangle around what is drawn: one object: leaf.0.json" in caplog.text
    assert boxes_of(dataset, chosen, marks)["leaf.0"] == [(0, 24, 9, 36, 26), (1, 20, 2, 30, 6)]


def test_a_rectangle_that_holds_far_more_than_a_drawing_is_filled(dataset, chosen, marks):
    every(
        marks,
        "{}.json",
        labelme([("main_vein", "rectangle", [[0, 0], [40, 30]]), ("main_vein", "polygon", SQUARE)]),
    )
    assert (masks_of(dataset, chosen, marks)["leaf.0"] == 1).all()


def test_a_group_is_one_object(dataset, chosen, marks):
    content = labelme([("main_vein", "polygon", SQUARE), ("main_vein", "polygon", TRIANGLE), *BOTH])
    for shape, group in zip(content["shapes"], (7, 7, 7), strict=True):
        shape["group_id"] = group
    every(marks, "{}.json", content)
    assert boxes_of(dataset, chosen, marks)["leaf.0"] == [(0, 5, 5, 35, 25), (1, 20, 2, 30, 6)]
    mask = masks_of(dataset, chosen, marks)["leaf.0"]
    assert (mask[LEFT] == 1).all() and mask[7, 20] == 0


def test_files_of_different_labels_are_merged(dataset, chosen, marks):
    every(marks / "a", "{}.json", labelme([("second_order_vein", "polygon", SQUARE)]))
    every(marks / "b", "{}.json", labelme([("main_vein", "rectangle", [[10, 5], [20, 15]])]))
    mask = masks_of(dataset, chosen, marks)["leaf.3"]
    assert (mask[5:15, 5:15] == 2).all() and (mask[5:15, 15:20] == 1).all()  # the later class of the config
    assert boxes_of(dataset, chosen, marks)["leaf.3"] == [(1, 5, 5, 15, 15), (0, 10, 5, 20, 15)]


def test_a_label_mask_and_the_boxes_around_it_agree(dataset, chosen, marks):
    for number in range(4):
        drawn = save_mask(marks / f"leaf.{number}.png")  # label 1, columns 3 to 9, rows 3 to 6
    every(marks, "{}.txt", "0 0.15 0.15 0.15 0.1\n")
    (marks / "classes.txt").write_text("main_vein\nsecond_order_vein\n")
    rows, masks = imported(dataset, chosen, "manual", "--marks", str(marks))
    assert all((mask == drawn).all() for mask in masks.values())
    assert (chosen.parent / rows["boxes"][0]).read_text() == "0 0.150000 0.150000 0.150000 0.100000\n"


@pytest.mark.parametrize(
    ("name", "content"),
    [
        ("old/{}.json", labelme([("main_vein", "polygon", TRIANGLE)])),
        ("{}.txt", "0 0.75 0.58 0.25 0.5\n"),  # a box elsewhere, of the same class
    ],
)
def test_files_that_contradict_are_refused(dataset, chosen, marks, name, content):
    every(marks, "{}.json", labelme([("main_vein", "polygon", SQUARE)]))
    every(marks, name, content)
    with pytest.raises(
        InputError, match=r"marks 'main_vein' in leaf\.0 otherwise than .*leaf\.0.*; move"
    ) as caught:
        masks_of(dataset, chosen, marks)
    assert "delete" not in str(caught.value)
    with pytest.raises(InputError, match=r"marks 'main_vein' in leaf\.0 otherwise than"):
        boxes_of(dataset, chosen, marks)


def test_an_empty_yolo_file_contradicts_any_mark(dataset, chosen, marks):
    every(marks, "{}.json", labelme([("main_vein", "rectangle", FAR), *BOTH]))
    (marks / "leaf.2.txt").write_text("")
    with pytest.raises(
        InputError, match=r"leaf\.2\.txt: says that leaf\.2 shows nothing, but .*leaf\.2\.json marks"
    ):
        boxes_of(dataset, chosen, marks)


def test_an_empty_label_mask_contradicts_any_mark(dataset, chosen, marks):
    every(marks, "{}.json", labelme([("main_vein", "polygon", SQUARE)]))
    save_mask(marks / "leaf.0.png", np.zeros(SIZE, dtype=np.uint8))
    with pytest.raises(
        InputError, match=r"leaf\.0\.png: says that leaf\.0 shows nothing, but .*leaf\.0\.json marks"
    ):
        masks_of(dataset, chosen, marks)


def test_the_same_marks_twice_count_once(dataset, chosen, marks):
    content = labelme([("main_vein", "polygon", SQUARE), *BOTH])
    every(marks, "{}.json", content)
    every(marks / "copy", "{}.json", content)
    assert (masks_of(dataset, chosen, marks)["leaf.0"] == 1).sum() == 100
    assert boxes_of(dataset, chosen, marks)["leaf.0"] == [(0, 5, 5, 15, 15), (1, 20, 2, 30, 6)]


def test_hidden_files_and_backups_are_never_read(dataset, chosen, marks, caplog):
    every(marks, "{}.json", labelme([("main_vein", "polygon", SQUARE)]))
    wrong = json.dumps(labelme([("main_vein", "polygon", TRIANGLE)]))
    for name in (
        ".ipynb_checkpoints/leaf.0.json",
        "__MACOSX/leaf.1.json",
        ".git/leaf.2.json",
        "leaf.3.json.bak",
    ):
        (marks / name).parent.mkdir(exist_ok=True)
        (marks / name).write_text(wrong)
    for name in ("._leaf.0.json", "._classes.txt", "leaf.2.json~"):
        (marks / name).write_bytes(b"\0\5\26\7\0\2\0\0Mac OS X\xb0")
    masks = masks_of(dataset, chosen, marks)
    assert all((mask[LEFT] == 1).all() and mask.sum() == 100 for mask in masks.values())
    assert "5 hidden file(s): ._classes.txt" in caplog.text
    assert "2 backup(s): leaf.2.json~, leaf.3.json.bak" in caplog.text


def test_what_does_not_count_is_named(dataset, chosen, marks, caplog):
    every(marks, "{}.json", labelme([("main_vein", "polygon", SQUARE)]))
    for name in ("marks.mat", "more.zip", "notes.txt"):
        (marks / name).write_text("x")
    (marks / "settings.json").write_text("{}")
    (marks / "measures.csv").write_text("leaf,length\n1,2\n")
    assert (masks_of(dataset, chosen, marks)["leaf.0"] == 1).sum() == 100
    for words in (
        "1 file(s) of a kind that is not read (.mat): marks.mat",
        "1 packed file(s), to be unpacked: more.zip",
        "1 JSON of another kind than LabelMe, COCO, VIA, Label Studio: settings.json",
        "1 table(s) without marks: measures.csv",
        "1 of no image of the data set: notes.txt",
    ):
        assert words in caplog.text


def test_missing_marks_tell_what_was_found_instead(dataset, chosen, marks):
    content = {"images": [{"id": 1, "file_name": "IMG_0001.png"}], "annotations": [], "categories": []}
    (marks / "coco.json").write_text(json.dumps(content))
    with pytest.raises(
        InputError, match=r"not marked yet.*not used: 1 of no image.*coco\.json \('IMG_0001\.png'\)"
    ):
        masks_of(dataset, chosen, marks)


def test_copies_of_the_images_are_no_masks(dataset, chosen, marks):
    every(marks, "{}.json", labelme([("main_vein", "polygon", SQUARE)]))
    for number in range(4):
        photograph = Image.open(dataset.parent / f"leaf.{number}.png")
        photograph.save(marks / f"leaf.{number}.jpg", quality=95)
        photograph.convert("L").save(marks / f"1a2b3c4d-leaf.{number}.png")
    assert all(mask.sum() == 100 for mask in masks_of(dataset, chosen, marks).values())


def test_a_file_that_contradicts_its_own_name(dataset, chosen, marks):
    every(marks, "{}.json", labelme([("main_vein", "polygon", SQUARE)], imagePath="leaf.1.png"))
    with pytest.raises(
        InputError, match=r"leaf\.0\.json: is named like leaf\.0, but says that it is of leaf\.1; correct"
    ):
        masks_of(dataset, chosen, marks)


def test_masks_in_other_files_than_png(dataset, chosen, marks):
    labels = np.zeros(SIZE, dtype=np.uint8)
    labels[LEFT] = 2
    for number, name in enumerate(("leaf.0.tif", "leaf.1.bmp", "leaf.2_mask.png", "deep/leaf.3.tiff")):
        (marks / name).parent.mkdir(exist_ok=True)
        Image.fromarray(labels).save(marks / name)
        assert number < 4
    assert all((mask == labels).all() for mask in masks_of(dataset, chosen, marks).values())
