"""Exports that cannot be read: the line names the file, the mark and the way out."""

import base64
import contextlib
import json
from random import Random

import example_exports as exports
import numpy as np
import pytest
from example_marks import CLASSES, SIZE, imported, labelme, write_dataset
from hypothesis import given, settings
from hypothesis import strategies as st
from maskguide.data.datasets import read_index
from maskguide.marks.annotation_sources import manual_boxes
from maskguide.marks.mark_folder import MarkFolder
from maskguide.marks.parsed import read_xml
from maskguide.marks.run_lengths import brush_mask, coco_mask, decompressed
from maskguide.system.files import InputError

BOMB = '<!DOCTYPE a [<!ENTITY b "bb"><!ENTITY c "&b;&b;">]><annotation><filename>&c;</filename></annotation>'
FETCH = (
    '<!doctype a [<!ENTITY b SYSTEM "file:///etc/passwd">]><annotation><filename>&b;</filename></annotation>'
)


def coco(**changes):
    """A COCO file whose first annotation has these values."""
    content = exports.coco()
    content["annotations"][0] |= changes
    return content


def via(**shape):
    content = exports.via()
    content["leaf.0.png7"]["regions"][0]["shape_attributes"] = shape
    return content


def tasks(**changes):
    content = exports.label_studio()
    content[0]["annotations"][1]["result"][0] |= changes
    return content


def cvat(old, new):
    text = exports.cvat()
    assert old in text
    return text.replace(old, new)


def with_mask():
    content = labelme([("main_vein", "mask", [[30, 20], [45, 29]])])
    content["shapes"][0]["mask"] = base64.b64encode(b"no picture").decode()
    return content


@pytest.mark.parametrize(
    ("name", "content", "complaint"),
    [
        (
            "coco.json",
            coco(category_id=77),
            r"annotation 1: category 77 is not among its categories \(1 second_",
        ),
        (
            "coco.json",
            coco(category_id=None),
            r"annotation 1: has no label; known are main_vein, second_order_vein",
        ),
        ("coco.json", coco(segmentation=[], bbox=[]), r"annotation 1 has neither a bbox nor a polygon"),
        (
            "coco.json",
            coco(segmentation=[], bbox=[5, 5, 0, 0]),
            r"annotation 1 has neither a bbox nor a polygon",
        ),
        ("coco.json", coco(segmentation=[[5, 5, 9]]), r"annotation 1: holds no list of points \[x, y\]"),
        (
            "coco.json",
            coco(segmentation=[[5, 5, 9, 9]]),
            r"annotation 1: a polygon of 'main_vein' has 2 points",
        ),
        ("coco.json", coco(bbox=[5, 5, "wide", 3]), r"annotation 1: its box is not four numbers"),
        (
            "coco.json",
            coco(bbox=[35, 5, 10, 3]),
            r"annotation 1: a mark of 'main_vein' lies outside the image",
        ),
        (
            "coco.json",
            coco(segmentation={"counts": "x", "size": [30, 40]}),
            r"annotation 1: its mask cannot be read",
        ),
        (
            "coco.json",
            coco(segmentation={"counts": [3], "size": [30, 40]}),
            r"do not sum up to its 1200 pixels",
        ),
        (
            "coco.json",
            coco(segmentation={"counts": [100], "size": [10, 10]}),
            r"annotation 1: is 10 × 10 pixels, its",
        ),
        (
            "coco.json",
            coco(segmentation={"counts": [1200]}),
            r"annotation 1: its mask .* has no size \[height, width\]",
        ),
        (
            "coco.json",
            exports.coco() | {"images": None},
            r"coco\.json: is no COCO file \(it has no list of images\)",
        ),
        (
            "coco.json",
            exports.coco() | {"categories": []},
            r"category \d is not among its categories \(none\)",
        ),
        (
            "coco.json",
            json.dumps(exports.coco()).replace('"width": 40', '"width": 41'),
            r"is 41 × 30 pixels, its",
        ),
        (
            "via.json",
            via(name="point", cx=3, cy=3),
            r"a region of kind 'point' is not read; use polygon, polyline",
        ),
        (
            "via.json",
            via(name="rect", x=3, y=3, width=3),
            r"leaf\.0\.png.*cannot be read \(KeyError: 'height'\)",
        ),
        ("via.csv", exports.via_csv().replace("all_points_x", 'a"x'), r"via\.csv: line 2 holds no JSON"),
        (
            "tasks.json",
            tasks(original_width=None),
            r"task 0: a mark of 'main_vein' .* does not say the image's size",
        ),
        ("tasks.json", tasks(type="brushlabels"), r"task 0: a mark of None cannot be read"),
        (
            "a.xml",
            cvat("<version>", "<track/><version>"),
            r"a\.xml: is of CVAT for video, .*; export COCO from CVAT",
        ),
        ("a.xml", cvat("polygon", "points"), r"points of 'main_vein': cannot be read \(shapes of this kind"),
        (
            "a.xml",
            cvat('xtl="25.00"', ""),
            r"image my task/leaf\.0\.png: box of 'second_order_vein': cannot be read",
        ),
        ("a.xml", "<annotations><image></annotations>", r"a\.xml: cannot be read as XML"),
        (
            "a.xml",
            BOMB,
            r"a\.xml: declares a document type \(DOCTYPE\), which is not read; take that line out",
        ),
        (
            "leaf.0.xml",
            "<data/>",
            r"leaf\.0\.xml: is neither Pascal VOC nor CVAT for images \(its root is <data>\)",
        ),
        (
            "leaf.0.xml",
            exports.voc("leaf.0").replace("bndbox", "box"),
            r"object 1 has neither <bndbox> nor <polygon>",
        ),
        ("leaf.0.xml", exports.voc("leaf.0").replace(">5<", ">?<"), r"object 1: holds no list of points"),
        ("leaf.0.json", with_mask(), r"leaf\.0\.json: mask of 'main_vein': does not decode"),
        (
            "leaf.0.txt",
            "0 0.5 0.5 0.2 0.2 0.93",
            r"leaf\.0\.txt: line 1 ends in a confidence, as a detector's",
        ),
        ("leaf.0.txt", "0.5 0.5 0.5 0.2 0.2", r"leaf\.0\.txt: line 1: class 0\.5 is unknown"),
        ("leaf.0.txt", "0 0.5 0.5 0.2 0.2 0.1 0.1 0.1", r"line 1 is not 'class cx cy w h', nor a polygon"),
        (
            "leaf.0.txt",
            "0 12 12 20 20",
            r"leaf\.0\.txt: line 1: a mark of 'main_vein' lies outside the image",
        ),
    ],
)
def test_the_mark_and_the_way_out_are_named(dataset, chosen, tmp_path, name, content, complaint):
    marks = tmp_path / "by_hand"
    exports.write(marks, name, content)
    with pytest.raises(InputError, match=complaint) as caught:
        imported(dataset, chosen, "manual", "--marks", str(marks))
    said = str(caught.value)
    assert "\n" not in said and "delete" not in said and name in said
    assert sorted(path.name for path in chosen.parent.iterdir()) == ["chosen.csv"]


@pytest.mark.parametrize("text", [BOMB, FETCH])
@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "utf-16"])
def test_no_entity_is_ever_read(tmp_path, text, encoding):
    (tmp_path / "a.xml").write_bytes(text.encode(encoding))
    with pytest.raises(InputError, match=r"a\.xml: (declares a document type|is no UTF-8)"):
        read_xml(tmp_path / "a.xml")


def test_two_people_who_disagree_in_one_file(dataset, chosen, tmp_path):
    content = exports.label_studio()
    other = exports.label_studio("rectanglelabels")[0]["annotations"][1]
    other["result"][0]["value"]["width"] = 12
    content[2]["annotations"].append(other)
    exports.write(tmp_path / "by_hand", "tasks.json", content)
    with pytest.raises(InputError, match=r"tasks\.json: marks 'main_vein' in leaf\.2 twice and differently"):
        imported(dataset, chosen, "manual", "--marks", str(tmp_path / "by_hand"))


def test_two_people_who_marked_different_classes(dataset, chosen, tmp_path):
    content = exports.label_studio()
    for task in content:
        first, second, _ = task["annotations"][1]["result"]
        task["annotations"] = [{"result": [first]}, {"result": [second]}]
    exports.write(tmp_path / "by_hand", "tasks.json", content)
    _, masks = imported(dataset, chosen, "manual", "--marks", str(tmp_path / "by_hand"))
    np.testing.assert_array_equal(masks["leaf.2"], exports.labels())


def test_what_a_file_leaves_out_is_named(dataset, chosen, tmp_path, caplog):
    content = exports.coco()
    content["annotations"].append({"id": 99, "image_id": 77, "category_id": 1, "bbox": [5, 5, 10, 10]})
    exports.write(tmp_path / "by_hand", "coco.json", content)
    imported(dataset, chosen, "manual", "--marks", str(tmp_path / "by_hand"))
    assert (
        "1 annotation(s) of an image that their file does not list: coco.json annotation 99 of image 77"
        in caplog.text
    )


JUNK = [None, "", 0, -1, 1.5, "x", [], {}, [[]], [1, 2], True, 1e300, float("nan"), {"a": 1}, 10**30, [["a"]]]
WHOLE = {
    "coco.json": exports.coco(),
    "runs.json": exports.coco(exports.SQUARE_RLE),
    "via.json": exports.via(),
    "tasks.json": exports.label_studio(),
    "brush.json": exports.label_studio("brushlabels"),
    "flat.json": exports.label_studio_min(),
    "leaf.0.json": labelme(exports.SHAPES),
}


def broken(content, random):
    """A copy in which one value, anywhere, is something else or gone."""
    content = json.loads(json.dumps(content))
    place, key = content, random.choice(list(content) if isinstance(content, dict) else range(len(content)))
    while isinstance(place[key], (dict, list)) and place[key] and random.random() < 0.85:
        place = place[key]
        key = random.choice(list(place) if isinstance(place, dict) else range(len(place)))
    if isinstance(place, dict) and random.random() < 0.25:
        del place[key]
    else:
        place[key] = random.choice(JUNK)
    return content


@pytest.mark.parametrize("name", WHOLE)
def test_whatever_is_broken_is_read_or_refused_in_one_line(tmp_path, name):
    index = read_index(write_dataset(tmp_path))
    chosen = index[index["split"] == "train"]
    marks = tmp_path / "marks"
    random = Random(name)
    for boxes_only in [False, True] * 20:
        exports.write(marks, name, broken(WHOLE[name], random))
        try:
            found = MarkFolder(marks, chosen, index, CLASSES, boxes_only)
            for image_id in filter(found.has, found.sources):
                manual_boxes(found, image_id)
        except InputError as error:
            assert "\n" not in str(error) and name in str(error)


@settings(deadline=None, max_examples=50)
@given(st.integers(1, 12), st.integers(1, 12), st.integers(0, 10**6))
def test_run_lengths_written_out(height, width, seed):
    mask = np.random.default_rng(seed).random((height, width)) < 0.5
    counts, now = [0], False
    for pixel in mask.T.ravel():
        if bool(pixel) != now:
            counts.append(0)
            now = not now
        counts[-1] += 1
    np.testing.assert_array_equal(coco_mask(counts, mask.shape), mask)


# pycocotools 2.0.11, `mask.encode` of random masks: height, width, counts, packed bits
ENCODED = [
    (6, 8, "334NN021NOO20N20N00030N2O", "1a380d81dd82"),
    (1, 5, "021O0", "d0"),
    (7, 1, "01103", "a0"),
]


@pytest.mark.parametrize(("height", "width", "counts", "bits"), ENCODED)
def test_compressed_run_lengths(height, width, counts, bits):
    packed = np.frombuffer(bytes.fromhex(bits), dtype=np.uint8)
    mask = np.unpackbits(packed)[: height * width].reshape(height, width)
    np.testing.assert_array_equal(coco_mask(counts, (height, width)), mask)


def test_a_brush_of_label_studio():
    coded = [
        0,
        0,
        0,
        192,
        57,
        27,
        254,
        39,
        0,
        194,
        127,
        246,
        192,
        48,
        159,
        253,
        176,
        12,
        39,
        255,
        144,
        192,
        0,
    ]
    mask = np.zeros((6, 8), dtype=bool)
    mask[1:4, 2:7] = True  # encoded by label-studio-converter 0.0.59
    np.testing.assert_array_equal(brush_mask(coded, (6, 8)), mask)
    for broken, size in ((coded[:-4], (6, 8)), (coded, (8, 8)), ([0, 0], (6, 8))):
        with pytest.raises(ValueError, match="its brush"):
            brush_mask(broken, size)


@pytest.mark.parametrize("counts", [[10**30], [float("inf")], ["a"], [-1, 1201], [[1200]], "o" * 90 + "0"])
def test_run_lengths_that_are_none(counts):
    with pytest.raises(ValueError):
        coco_mask(counts, SIZE)


def test_no_mask_fills_the_memory():
    with pytest.raises(ValueError, match="more than 200 million pixels"):
        coco_mask([10**18], (10**9, 10**9))
    with pytest.raises(ValueError, match="its brush has"):
        brush_mask([255] * 40, (2**15, 2**15))


@pytest.mark.parametrize("text", ["P", "0~0", "é"])
def test_garbled_run_lengths(text):
    with pytest.raises(ValueError, match="cut off or garbled"):
        decompressed(text)


@settings(deadline=None, max_examples=100)
@given(st.binary(max_size=200))
def test_any_bytes_are_read_or_refused_in_one_line(tmp_path_factory, content):
    """Whatever a brush or a mask holds, it is a mask of the image's size or a `ValueError`."""
    for read, given_ in ((brush_mask, list(content)), (coco_mask, content.decode("latin-1"))):
        with contextlib.suppress(ValueError):
            assert read(given_, SIZE).shape == SIZE
