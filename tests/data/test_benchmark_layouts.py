"""The lists of CUB-200-2011, FGVC-Aircraft and Stanford Cars: what they say, and what is wrong with them."""

import shutil

import example_benchmarks as examples
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from maskguide.data import benchmark_layouts, layouts
from maskguide.system.files import InputError
from torchvision.datasets import FGVCAircraft, StanfordCars


def classes_by_path(entries, split):
    return {str(entry.path): entry.class_name for entry in entries if entry.split == split}


def as_torchvision_reads(dataset):
    """{path: class name}; the loader hands the path through instead of decoding it."""
    return {str(path): dataset.classes[label] for path, label in (dataset[i] for i in range(len(dataset)))}


def test_cub(tmp_path):
    examples.cub(tmp_path)
    entries = layouts.read("cub200", tmp_path)
    assert [entry.image_id for entry in entries[:2]] == [
        "Black_footed_Albatross_0000_796001",
        "Black_footed_Albatross_0001_796002",
    ]
    assert [entry.class_name for entry in entries] == [examples.BIRDS[0]] * 4 + [examples.BIRDS[1]] * 4
    assert [entry.split for entry in entries] == ["test", "train"] * 4
    assert entries[0].corners == (10, 5, 30, 20)
    for entry in entries:
        assert entry.mask == tmp_path / "segmentations" / entry.class_name / f"{entry.image_id}.png"


@pytest.mark.parametrize("place", ["CUB_200_2011/segmentations", "also-1/segmentations", None])
def test_where_cub_keeps_its_masks(tmp_path, place):
    examples.cub(tmp_path)
    if place:
        (tmp_path / place).parent.mkdir(exist_ok=True)
        shutil.move(tmp_path / "segmentations", tmp_path / place)
    else:
        shutil.rmtree(tmp_path / "segmentations")
    assert {bool(entry.mask) for entry in layouts.read("cub200", tmp_path)} == {bool(place)}


def test_a_missing_mask_is_said(tmp_path, caplog):
    examples.cub(tmp_path)
    masks = sorted((tmp_path / "segmentations").rglob("*.png"))
    masks[0].unlink()
    masks[1].unlink()
    entries = layouts.read("cub200", tmp_path)
    assert [bool(entry.mask) for entry in entries] == [False] * 2 + [True] * 6
    assert f"{masks[0]}: is missing; 2 images have no mask" in caplog.text


@pytest.mark.parametrize(
    ("name", "old", "new", "complaint"),
    [
        ("train_test_split", "2 1\n", "2 2\n", r"train_test_split\.txt: image 2 has '2', neither 1 \(train"),
        ("train_test_split", "2 1\n", "", r"train_test_split\.txt: gives no part for image 2"),
        ("image_class_labels", "3 1\n", "", r"image_class_labels\.txt: gives no class for image 3"),
        ("image_class_labels", "3 1\n", "3 7\n", r"classes\.txt: gives no name for class 7"),
        ("image_class_labels", "3 1\n", "3\n", r"labels\.txt: line 3 is not '<number> <value>': '3'"),
        ("images", "1 001.", "one 001.", r"images\.txt: line 1 is not '<number> <value>': 'one 001\."),
        ("images", "2 001", "1 001", r"images\.txt: line 2: 1 stands above already"),
        ("images", "_796001.jpg", "_0.jpg", r"Albatross_0000_0\.jpg: is missing, images\.txt lists it"),
        ("bounding_boxes", "4 10.0", "4 ten", r"boxes\.txt: the box of image 4 is not four numbers: 'ten 5"),
        ("bounding_boxes", "4 10.0", "4 nan", "the box of image 4 is not four numbers"),
        ("bounding_boxes", "4 10.0 5.0", "4 10.0", "the box of image 4 is not four numbers"),
        ("bounding_boxes", "4 10.0 5.0 20.0 15.0\n", "", r"boxes\.txt: gives no box for image 4"),
    ],
)
def test_cub_names_what_is_wrong(tmp_path, name, old, new, complaint):
    table = examples.cub(tmp_path) / f"{name}.txt"
    assert old in table.read_text()
    table.write_text(table.read_text().replace(old, new, 1))
    with pytest.raises(InputError, match=complaint) as caught:
        layouts.read("cub200", tmp_path)
    assert "\n" not in str(caught.value)


def test_aircraft_as_torchvision_reads_it(tmp_path):
    examples.aircraft(tmp_path)
    entries = layouts.read("aircraft", tmp_path)
    for ours, theirs in (("train", "trainval"), ("test", "test")):
        reference = FGVCAircraft(str(tmp_path), theirs, loader=lambda path: path)
        assert classes_by_path(entries, ours) == as_torchvision_reads(reference)
    assert entries[0].image_id == "0034309"
    assert entries[0].corners == (0, 5, 40, 25)


@pytest.mark.parametrize(
    ("name", "old", "new", "complaint"),
    [
        ("images_variant_test.txt", "0034311 707-320\n", "0034311\n", "line 1 is not '<number> <value>'"),
        (
            "images_variant_test.txt",
            "0034311",
            "0034309",
            "0034309 stands in images_variant_trainval.txt already",
        ),
        ("images_variant_test.txt", "0034311", "0000001", r"images_box\.txt: gives no box for image 0000001"),
        ("images_box.txt", "0034309 1 6", "0034309 1", r"the box of image 0034309 is not four numbers"),
    ],
)
def test_aircraft_names_what_is_wrong(tmp_path, name, old, new, complaint):
    table = examples.aircraft(tmp_path) / name
    table.write_text(table.read_text().replace(old, new, 1))
    with pytest.raises(InputError, match=complaint):
        layouts.read("aircraft", tmp_path)


def test_aircraft_without_an_image(tmp_path):
    (examples.aircraft(tmp_path) / "images" / "0034309.jpg").unlink()
    with pytest.raises(InputError, match=r"0034309\.jpg: is missing, images_variant_trainval\.txt lists it"):
        layouts.read("aircraft", tmp_path)


def test_cars_as_torchvision_reads_them(tmp_path):
    examples.cars(tmp_path)
    entries = layouts.read("cars", tmp_path)
    for split in ("train", "test"):
        reference = StanfordCars(str(tmp_path), split, loader=lambda path: path)
        assert classes_by_path(entries, split) == as_torchvision_reads(reference)
    assert entries[0].image_id == "test-00001"
    assert entries[0].corners == (0, 5, 40, 25)


def test_a_single_car_and_lists_beside_each_other(tmp_path):
    base = examples.cars(tmp_path, ((1,), (2,)))
    shutil.move(base / "cars_test_annos_withlabels.mat", base / "devkit")
    entries = layouts.read("cars", tmp_path)
    assert [(entry.image_id, entry.class_name) for entry in entries] == [
        ("test-00001", examples.CARS[1]),
        ("train-00001", examples.CARS[0]),
    ]


ROW = (1, 1, 5, 5, 1, "00001.jpg")


@pytest.mark.parametrize(
    ("rows", "complaint"),
    [
        ([(*ROW[:4], 3, "00001.jpg")], r"annos\.mat: 00001\.jpg has class 3, .*cars_meta\.mat names 1 to 2"),
        ([(*ROW[:4], 0, "00001.jpg")], "has class 0"),
        ([(*ROW[:4], "two", "00001.jpg")], r"annos\.mat: an annotation is no number"),
        ([(*ROW[:5], "00009.jpg")], r"00009\.jpg: is missing, cars_train_annos\.mat lists it"),
        ([ROW, ROW], "same image id 'train-00001'"),
        ([ROW[-1:]], r"annos\.mat: its annotations have no class; is it the file with labels"),
    ],
)
def test_cars_name_what_is_wrong(tmp_path, rows, complaint):
    base = examples.cars(tmp_path)
    examples.annotations(base / "devkit" / "cars_train_annos.mat", rows)
    with pytest.raises(InputError, match=complaint) as caught:
        layouts.read("cars", tmp_path)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize(
    ("name", "complaint"),
    [
        ("cars_meta.mat", r"cars_meta\.mat: holds no class_names"),
        ("cars_train_annos.mat", r"cars_train_annos\.mat: holds no annotations"),
    ],
)
def test_a_file_in_anothers_place(tmp_path, name, complaint):
    devkit = examples.cars(tmp_path) / "devkit"
    other = {"cars_meta.mat": "cars_train_annos.mat", "cars_train_annos.mat": "cars_meta.mat"}[name]
    (devkit / name).write_bytes((devkit / other).read_bytes())
    with pytest.raises(InputError, match=complaint):
        layouts.read("cars", tmp_path)


def test_a_missing_or_newer_list_of_cars(tmp_path):
    devkit = examples.cars(tmp_path) / "devkit"
    newer = b"MATLAB 7.3 MAT-file".ljust(124) + b"\x00\x02IM" + bytes(400)
    (devkit / "cars_meta.mat").write_bytes(newer)
    with pytest.raises(InputError, match=r"cars_meta\.mat: cannot be read as a MATLAB file up to version 7"):
        layouts.read("cars", tmp_path)
    (devkit / "cars_meta.mat").unlink()
    with pytest.raises(InputError, match=r"cars_meta\.mat: cannot be read"):
        layouts.read("cars", tmp_path)


@pytest.fixture(scope="module", params=[False, True])
def list_of_cars(request, tmp_path_factory):
    """Where a list lies, plain or compressed, and its bytes."""
    path = tmp_path_factory.mktemp("cars") / "cars_train_annos.mat"
    examples.annotations(path, [ROW] * 3, compressed=request.param)
    return path, path.read_bytes()


@settings(max_examples=60)
@given(data=st.data())
def test_a_list_of_cars_cut_short_is_one_line(list_of_cars, data):
    path, content = list_of_cars
    path.write_bytes(content)
    whole = benchmark_layouts.car_annotations(path)
    path.write_bytes(content[: data.draw(st.integers(0, len(content) - 1))])
    try:
        assert benchmark_layouts.car_annotations(path) == whole  # only padding was cut off
    except InputError as error:
        assert str(path) in str(error) and "\n" not in str(error)


def test_a_list_of_cars_cut_in_half_is_refused(list_of_cars):
    path, content = list_of_cars
    path.write_bytes(content[: len(content) // 2])
    with pytest.raises(InputError, match=r"annos\.mat: cannot be read as a MATLAB file"):
        benchmark_layouts.car_annotations(path)
