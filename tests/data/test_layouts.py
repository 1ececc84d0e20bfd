"""Each publisher's folder is read, and what cannot be told is named."""

import pickle

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from maskguide.data import layouts
from maskguide.system.files import InputError
from PIL import Image


def save(path, pixels, **options):
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.fromarray(np.asarray(pixels, dtype=np.uint8)).save(path, **options)
    return path


def picture(path, seed=0, size=(6, 8)):
    return save(path, np.random.default_rng(seed).integers(0, 256, (*size, 3)))


def summary(entries):
    return {entry.image_id: (entry.class_name, entry.split, bool(entry.mask)) for entry in entries}


def soybean(root, labels):
    for image_id in ("11", "12"):
        picture(root / "train" / f"{image_id}.jpg")
        save(root / "l2_mask" / f"{image_id}.png", np.zeros((6, 8)))
    for image_id in ("21", "22"):
        picture(root / "test" / f"{image_id}.jpg")
    (root / "labels.pkl").write_bytes(pickle.dumps(labels))


def test_soycultivarvein(tmp_path):
    soybean(tmp_path / "top" / "soybean_2_1", {"11": 1, "12": 10, 21: 1, "22.jpg": 10, "99": 3})
    entries = layouts.read("soycultivarvein", tmp_path)
    assert summary(entries) == {
        "11": ("01", "train", True),
        "12": ("10", "train", True),
        "21": ("01", "test", False),
        "22": ("10", "test", False),
    }


def test_soycultivarvein_among_several(tmp_path):
    labels = {"11": 1, "12": 2, "21": 1, "22": 2}
    soybean(tmp_path / "soybean_2_1", labels)
    soybean(tmp_path / "soybean_1_1", labels)
    entries = layouts.read("soycultivarvein", tmp_path, "soybean_1_1")
    assert {entry.path.parents[1].name for entry in entries} == {"soybean_1_1"}
    with pytest.raises(InputError, match="several data sets"):
        layouts.read("soycultivarvein", tmp_path)


def test_soycultivarvein_names_an_image_without_class(tmp_path):
    soybean(tmp_path, {"11": 1, "21": 1, "22": 2})
    with pytest.raises(InputError, match=r"12\.jpg: .*gives no class"):
        layouts.read("soycultivarvein", tmp_path)


def test_wrong_archive(tmp_path):
    picture(tmp_path / "a" / "b" / "1.png")
    with pytest.raises(InputError, match=r"no folder holds train, test, labels\.pkl"):
        layouts.read("soycultivarvein", tmp_path)


def test_btfpis(tmp_path):
    root = tmp_path / "leedsbutterfly"
    picture(root / "images" / "0010001.png")
    picture(root / "images" / "0100007.png")
    save(root / "segmentations" / "0010001_seg0.png", np.zeros((6, 8)))
    entries = layouts.read("btfpis", tmp_path)
    assert summary(entries) == {
        "0010001": ("Danaus plexippus", "", True),
        "0100007": ("Vanessa cardui", "", False),
    }
    picture(root / "images" / "0110001.png")
    with pytest.raises(InputError, match=r"0110001\.png"):
        layouts.read("btfpis", tmp_path)


def cotton(root, train="a_1.jpg 1\nb_1.jpg 10\n", test="a_2.jpg\t1\r\n\nb_2.jpg 10"):
    """Two classes, an image of each in either part, and one image that no line names."""
    for name in ("a_1", "a_2", "b_1", "b_2", "unlisted"):
        picture(root / "COTTON" / "images" / f"{name}.jpg")
    (root / "COTTON" / "anno").mkdir(parents=True)
    (root / "COTTON" / "anno" / "train.txt").write_text(train)
    (root / "COTTON" / "anno" / "test.txt").write_text(test)


def test_ultrafgvc(tmp_path):
    cotton(tmp_path)
    assert summary(layouts.read("ultrafgvc", tmp_path)) == {
        "a_1": ("01", "train", False),
        "a_2": ("01", "test", False),
        "b_1": ("10", "train", False),
        "b_2": ("10", "test", False),
    }


@pytest.mark.parametrize(
    ("train", "complaint"),
    [
        ("a_1.jpg 1\nc_1.jpg 2\n", r"train\.txt: line 2: the image .*c_1\.jpg is missing"),
        ("a_1.jpg\n", r"train\.txt: line 1 is not '<file> <class from 1 up>': 'a_1\.jpg'"),
        ("a_1.jpg 0\n", r"line 1 is not .*'a_1\.jpg 0'"),
        ("a_1.jpg one\n", "line 1 is not"),
        ("a_1.jpg 1\n\na_1.jpg 1\n", r"line 3: a_1\.jpg stands in train\.txt, line 1, already"),
        ("a_2.jpg 1\n", r"test\.txt: line 1: a_2\.jpg stands in train\.txt, line 1, already"),
    ],
)
def test_ultrafgvc_names_the_bad_line(tmp_path, train, complaint):
    cotton(tmp_path, train)
    with pytest.raises(InputError, match=complaint) as caught:
        layouts.read("ultrafgvc", tmp_path)
    assert "\n" not in str(caught.value)


def test_ultrafgvc_needs_both_lists(tmp_path):
    cotton(tmp_path)
    (tmp_path / "COTTON" / "anno" / "test.txt").unlink()
    with pytest.raises(InputError, match=r"test\.txt: cannot be read"):
        layouts.read("ultrafgvc", tmp_path)


def test_leaves(tmp_path):
    for kind, suffix in [("images", "png"), ("masks", "png"), ("outlines", "png"), ("boxes", "txt")]:
        picture(tmp_path / kind / "a" / f"a-1.{suffix}") if suffix == "png" else None
    (tmp_path / "boxes" / "a").mkdir(parents=True)
    (tmp_path / "boxes" / "a" / "a-1.txt").write_text("0 0.5 0.5 1 1\n")
    (tmp_path / "labels.csv").write_text("image_id,class,split\na-1,a,train\n")
    [entry] = layouts.read("leaves", tmp_path)
    assert (entry.image_id, entry.class_name, entry.split) == ("a-1", "a", "train")
    assert all([entry.mask, entry.outline, entry.boxes])
    (tmp_path / "images" / "a" / "a-1.png").unlink()
    with pytest.raises(InputError, match=r"a-1\.png: is missing"):
        layouts.read("leaves", tmp_path)


def test_folder_of_classes(tmp_path):
    picture(tmp_path / "top" / "oak" / "1.JPG")
    picture(tmp_path / "top" / "oak" / "Eiche groß.png")
    picture(tmp_path / "top" / "elm" / "1.webp")
    save(tmp_path / "top" / "masks" / "oak" / "1.png", np.zeros((6, 8)))
    (tmp_path / "top" / "oak" / ".DS_Store").write_bytes(b"")
    found = summary(layouts.read("folder", tmp_path))
    strange = next(image_id for image_id in found if image_id.startswith("oak-Eiche"))
    assert strange.startswith("oak-Eiche_gro_-")
    assert found == {
        "oak-1": ("oak", "", True),
        strange: ("oak", "", False),
        "elm-1": ("elm", "", False),
    }


def test_folder_with_images_beside_masks(tmp_path):
    picture(tmp_path / "images" / "oak" / "1.png")
    picture(tmp_path / "images" / "elm" / "1.png")
    save(tmp_path / "masks" / "elm" / "1.png", np.zeros((6, 8)))
    found = summary(layouts.read("folder", tmp_path))
    assert found == {"oak-1": ("oak", "", False), "elm-1": ("elm", "", True)}


def test_folder_with_its_own_split(tmp_path):
    for split in ("train", "test"):
        for name in ("oak", "elm"):
            picture(tmp_path / split / name / f"{split}1.png")
    found = summary(layouts.read("folder", tmp_path))
    assert found["oak-test1"] == ("oak", "test", False)
    assert len(found) == 4


def test_folder_through_a_link(tmp_path):
    picture(tmp_path / "mine" / "oak" / "1.png")
    picture(tmp_path / "mine" / "elm" / "1.png")
    (tmp_path / "files").mkdir()
    (tmp_path / "files" / "mine").symlink_to(tmp_path / "mine")
    assert len(layouts.read("folder", tmp_path / "files")) == 2


def test_folder_refuses_what_it_cannot_tell(tmp_path):
    picture(tmp_path / "oak" / "1.png")
    picture(tmp_path / "oak" / "1.jpg")
    with pytest.raises(InputError, match=r"same image id 'oak-1'"):
        layouts.read("folder", tmp_path)
    (tmp_path / "oak" / "1.jpg").unlink()
    (tmp_path / "empty").mkdir()
    with pytest.raises(InputError, match="a class folder without an image"):
        layouts.read("folder", tmp_path)
    (tmp_path / "empty").rmdir()
    save(tmp_path / "masks" / "oak" / "2.png", np.zeros((6, 8)))
    with pytest.raises(InputError, match=r"2\.png: no image"):
        layouts.read("folder", tmp_path)


def test_empty_folder(tmp_path):
    with pytest.raises(InputError, match="holds no image"):
        layouts.read("folder", tmp_path)


@given(st.text(min_size=1, max_size=20), st.text(min_size=1, max_size=20))
def test_plain_ids_stay_apart(one, other):
    if one != other:
        assert layouts.plain_id(one) != layouts.plain_id(other)
    assert set(layouts.plain_id(one)) <= set(
        "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_.-"
    )
