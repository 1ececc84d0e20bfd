"""Labels by name: the lists that programs write beside YOLO files, categories, marks without any name."""

import json

import pytest
from example_boxes import drawn, imported, write_boxed_dataset
from example_marks import choose_all, labelme
from maskguide.marks.class_lists import read_class_list
from maskguide.marks.shapes import label_of
from maskguide.system.files import InputError

SWAPPED = "0 0.5 0.5 0.8 0.8\n1 0.5 0.5 0.2 0.2\n"  # class 0 is the contour, class 1 the vein
RIGHT = [(0, 16, 12, 24, 18), (1, 4, 3, 36, 27)]


@pytest.fixture
def dataset(tmp_path):
    return write_boxed_dataset(tmp_path)


@pytest.fixture
def chosen(dataset, tmp_path):
    return choose_all(dataset, tmp_path / "detect" / "chosen.csv")


@pytest.fixture
def marks(tmp_path):
    return drawn(tmp_path / "by_hand", **{f"leaf_{number}": SWAPPED for number in range(4)})


def boxes(dataset, chosen, marks):
    return imported(dataset, chosen, "manual", "--marks", str(marks))[1]["leaf.0"]


@pytest.mark.parametrize(
    ("name", "content"),
    [
        ("classes.txt", "contour\nvein\n\n"),
        ("classes.txt", "\ufeffcontour\r\nvein"),
        ("labels.txt", "contour\nvein"),
        ("obj.names", "contour\nvein\n"),
        ("_darknet.labels", "contour\nvein\n"),
        ("sub/classes.txt", "contour\nvein\n"),  # in another folder than the boxes
        ("data.yaml", "train: ../train/images\nnc: 2\nnames: ['contour', 'vein']\n"),
        ("my.yml", "names:\n  1: vein\n  0: contour\n"),
        ("notes.json", json.dumps({"categories": [{"id": 1, "name": "vein"}, {"id": 0, "name": "contour"}]})),
        ("classes.txt", "Contour\n VEIN \nother\n"),
    ],
)
def test_the_programs_own_names_count(dataset, chosen, marks, caplog, name, content):
    (marks / name).parent.mkdir(exist_ok=True)
    (marks / name).write_text(content, encoding="utf-8")
    assert sorted(boxes(dataset, chosen, marks)) == RIGHT
    assert "no list of class names" not in caplog.text


def test_without_names_the_order_of_the_config_counts_and_is_said(dataset, chosen, marks, caplog):
    assert boxes(dataset, chosen, marks) == [(0, 4, 3, 36, 27), (1, 16, 12, 24, 18)]
    assert (
        "no list of class names (classes.txt, data.yaml, obj.names) lies with the YOLO files" in caplog.text
    )
    assert "numbered as in the config: 0 is vein, 1 is contour" in caplog.text


@pytest.mark.parametrize(
    ("files", "complaint"),
    [
        (
            {"classes.txt": "vein\ncontour\n", "data.yaml": "names: [contour, vein]"},
            r"classes\.txt \(vein, contour\)",
        ),
        ({"classes.txt": "contour\n\nvein\n"}, r"classes\.txt: line 2 is empty, so that the classes after"),
        (
            {"data.yaml": "names: {1: vein, 2: contour}"},
            r"data\.yaml: its class numbers do not run from 0 to 1",
        ),
        ({"data.yaml": "names: [vein\n"}, r"data\.yaml: cannot be read as YAML"),
        ({"data.yaml": "kpt_shape: [2, 3]\nnames: [vein]"}, r"data\.yaml: is of YOLO for poses"),
        ({"classes.txt": "叶\n脉".encode("gbk")}, r"classes\.txt: is no UTF-8 .*; save it as UTF-8"),
        (
            {"obj.names": "rib\nvein\n"},
            r"leaf\.\d\.txt: line 1: label 'rib' is unknown; known are vein, contour",
        ),
        ({"obj.names": "contour\n"}, r"leaf\.\d\.txt: line 2: class 1 is unknown; they are 0 contour"),
    ],
)
def test_lists_that_cannot_be_used(dataset, chosen, marks, files, complaint):
    for name, content in files.items():
        (marks / name).write_bytes(content if isinstance(content, bytes) else content.encode())
    with pytest.raises(InputError, match=complaint) as caught:
        boxes(dataset, chosen, marks)
    assert "\n" not in str(caught.value)


def test_yaml_without_names_is_no_list(tmp_path):
    (tmp_path / "settings.yaml").write_text("colour: red\n")
    assert read_class_list(tmp_path / "settings.yaml") is None


def test_names_may_differ_in_case_and_joints_alone():
    assert label_of("x", "Main Vein", ["leaf", "main_vein"]) == 2
    assert label_of("x", "main-vein", ["main_vein"]) == 1
    assert label_of("x", "Leaf", ["leaf", "Leaf"]) == 2
    for name, classes in (
        ("LEAF", ["leaf", "Leaf"]),
        ("main", ["main_vein"]),
        ("", ["a", "b"]),
        (None, ["a", "b"]),
    ):
        with pytest.raises(InputError, match="known are"):
            label_of("x", name, classes)


def test_a_mark_without_a_name_is_of_the_only_class(dataset, chosen, tmp_path, caplog):
    folder = tmp_path / "unnamed"
    folder.mkdir()
    for number in range(4):
        content = labelme([("", "rectangle", [[4, 3], [36, 27]])])
        (folder / f"leaf.{number}.json").write_text(json.dumps(content))
    only = {"regions": ["contour"], "made_of": {"contour": []}}
    (dataset.parent / "leaf.4.txt").write_text("")
    _, found = imported(dataset, chosen, "manual", "--marks", str(folder), **only)
    assert found["leaf.0"] == [(0, 4, 3, 36, 27)]
    assert "marks without a label are of the only class, contour: leaf.0.json" in caplog.text
    with pytest.raises(InputError, match=r"leaf\.0\.json: has no label; known are vein, contour"):
        boxes(dataset, chosen, folder)
