"""Each publisher's folder is read, every mask format becomes labels, and what cannot be read is named."""

import collections
import os
import pickle

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from maskguide import label_masks, layouts, pickles, pictures
from maskguide.files import InputError
from PIL import Image

WHITE, BLACK, RED = (255, 255, 255), (0, 0, 0), (255, 0, 0)


def save(path, pixels, **options):
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.fromarray(np.asarray(pixels, dtype=np.uint8)).save(path, **options)
    return path


def picture(path, seed=0, size=(6, 8)):
    return save(path, np.random.default_rng(seed).integers(0, 256, (*size, 3)))


def palette_mask(path, indices, colours):
    path.parent.mkdir(parents=True, exist_ok=True)
    image = Image.fromarray(np.asarray(indices, dtype=np.uint8), mode="P")
    image.putpalette(list(np.ravel(colours)))
    image.save(path)
    return path


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


# Pickles


class Harmful:
    def __reduce__(self):
        return os.system, ("touch harmed",)


@pytest.mark.parametrize("protocol", range(pickle.HIGHEST_PROTOCOL + 1))
@pytest.mark.parametrize(
    "content",
    [
        {"1": 1, "b": 2.5, 3: [None, True, (1, 2)], "s": {1, 2}, "f": frozenset([3])},
        collections.OrderedDict(a=1),
        [10**30, "ü", -1],
    ],
)
def test_plain_pickles_are_read(tmp_path, content, protocol):
    (tmp_path / "p.pkl").write_bytes(pickle.dumps(content, protocol))
    assert pickles.load_plain(tmp_path / "p.pkl") == content


@pytest.mark.parametrize(
    "content", [Harmful(), {"1": Harmful()}, print, np.int64(3), np.zeros(3), Image.Image]
)
def test_other_pickles_are_refused(tmp_path, monkeypatch, content):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "p.pkl").write_bytes(pickle.dumps(content))
    with pytest.raises(InputError, match=r"p\.pkl: refused, it wants to import"):
        pickles.load_plain(tmp_path / "p.pkl")
    assert not (tmp_path / "harmed").exists()


@given(st.binary(max_size=60))
def test_any_bytes_end_in_plain_content_or_one_line(tmp_path_factory, content):
    path = tmp_path_factory.mktemp("pickle") / "p.pkl"
    path.write_bytes(content)
    try:
        pickles.load_plain(path)
    except InputError as error:
        assert str(error).startswith(str(path))


@pytest.mark.parametrize("labels", [[1], {}, {"a": 0}, {"a": "x"}, {"a": None}, {("a",): 1}, {"a": True}])
def test_labels_of_another_shape(tmp_path, labels):
    (tmp_path / "labels.pkl").write_bytes(pickle.dumps(labels))
    with pytest.raises(InputError, match=r"labels\.pkl"):
        pickles.load_labels(tmp_path / "labels.pkl")


# Masks


def converted(layout, paths, num_classes):
    read = label_masks.reader(layout, paths, num_classes)
    return [read(path) for path in paths]


def test_both_butterfly_formats(tmp_path):
    colours = [BLACK, WHITE, RED, (0, 255, 0)]
    indices = np.array([[0, 1, 2, 3], [2, 2, 1, 0]])
    palette = palette_mask(tmp_path / "p.png", indices, colours)
    expected = np.isin(indices, (1, 3))
    rgb = np.array(colours)[indices]
    rgb[0, 0] = (128, 0, 0)  # the red border, smoothed towards black
    rgb[1, 3] = (120, 120, 120)  # the edge of the foreground, just outside
    drawn = save(tmp_path / "c.png", rgb)
    for labels in converted("btfpis", [palette, drawn], 1):
        assert labels.dtype == np.uint8
        assert np.array_equal(labels, expected)


def test_labels_grey_levels_and_palettes(tmp_path):
    labels = np.array([[0, 1, 2], [2, 1, 0]])
    levels = np.array([0, 100, 255])
    plain = [save(tmp_path / "plain.png", labels)]
    grey = [
        save(tmp_path / "grey.png", levels[labels]),
        save(tmp_path / "partly.png", levels[labels * (labels == 2)]),
    ]
    colour = [save(tmp_path / "rgb.png", np.repeat(levels[labels][..., None], 3, axis=2))]
    palette = [palette_mask(tmp_path / "p.png", labels, [BLACK, (128, 0, 0), (0, 128, 0)])]
    for paths in (plain, colour, palette, grey):
        assert np.array_equal(converted("soycultivarvein", paths, 2)[0], labels)
    # The level 255 means the second class also where the first does not occur.
    assert np.array_equal(converted("soycultivarvein", grey, 2)[1], labels * (labels == 2))


def test_figure_colours(tmp_path):
    labels = np.zeros((40, 40), dtype=int)
    labels[:, 20] = 1
    labels[10, :] = 2
    drawing = np.array([WHITE, BLACK, RED])[labels]
    without_red = np.array([WHITE, BLACK])[labels % 2]
    paths = [save(tmp_path / "a.png", drawing), save(tmp_path / "b.png", without_red)]
    found = converted("soycultivarvein", paths, 2)
    assert np.array_equal(found[0], labels)
    assert np.array_equal(found[1], labels % 2)
    indexed = palette_mask(tmp_path / "p.png", np.array([2, 0, 1])[labels], [BLACK, RED, WHITE])
    assert np.array_equal(converted("soycultivarvein", [indexed], 2)[0], labels)
    smooth = save(tmp_path / "c.jpg", drawing, quality=95)
    assert (converted("soycultivarvein", [smooth], 2)[0] == labels).mean() > 0.9


def test_masks_of_one_class(tmp_path):
    truth = np.zeros((10, 10), dtype=int)
    truth[3:7, 3:7] = 1
    paths = [save(tmp_path / "a.png", truth * 255)]
    assert np.array_equal(converted("folder", paths, 1)[0], truth)
    black_and_white = tmp_path / "bw.png"
    Image.fromarray(truth.astype(bool)).save(black_and_white)
    assert np.array_equal(converted("folder", [black_and_white], 1)[0], truth)
    smooth = truth * 255
    smooth[2, 3:7], smooth[7, 3:7] = 60, 200
    [labels] = converted("folder", [save(tmp_path / "s.png", smooth)], 1)
    assert labels[7, 4] == 1 and labels[2, 4] == 0


@pytest.mark.parametrize(
    ("pixels", "num_classes", "message"),
    [
        (np.arange(64).reshape(8, 8), 2, "grey levels 0, 1, 2, 3, 4, 5, … "),
        (np.array([[0, 255]]), 2, "grey levels 0, 255:"),
        (np.tile(np.array([0, 0, 255]), (8, 8, 1)), 2, "100% of the mask is neither"),
        (np.tile(np.array([0, 0, 255]), (8, 8, 1)), 1, "two mask classes only"),
    ],
)
def test_other_masks_are_refused(tmp_path, pixels, num_classes, message):
    path = save(tmp_path / "odd.png", pixels)
    with pytest.raises(InputError, match=message) as caught:
        converted("soycultivarvein", [path], num_classes)
    assert str(caught.value).startswith(str(path))


def test_sixteen_bit_labels(tmp_path):
    labels = np.array([[0, 1, 2]], dtype=np.uint16)
    Image.fromarray(labels).save(tmp_path / "16.png")
    assert np.array_equal(converted("soycultivarvein", [tmp_path / "16.png"], 2)[0], labels)
    Image.fromarray(labels * 1000).save(tmp_path / "large.png")
    with pytest.raises(InputError, match=r"outside 0\.\.255"):
        converted("soycultivarvein", [tmp_path / "large.png"], 2)


def test_canonical_files_are_recognised(tmp_path):
    labels = np.array([[0, 1, 2]], dtype=np.uint8)
    assert label_masks.is_canonical(save(tmp_path / "a.png", labels), labels)
    assert not label_masks.is_canonical(save(tmp_path / "b.png", labels * 100), labels)
    assert not label_masks.is_canonical(palette_mask(tmp_path / "c.png", labels, [BLACK, RED, WHITE]), labels)


# Pictures


def test_exif_is_applied(tmp_path):
    pixels = np.zeros((4, 10, 3), dtype=np.uint8)
    pixels[:, 0] = 255
    exif = Image.Exif()
    exif[0x0112] = 6  # turn by 90° clockwise
    path = save(tmp_path / "turned.png", pixels, exif=exif)
    found = pictures.inspect(path)
    assert (found.size, found.turned) == ((4, 10), True)
    assert np.array_equal(pictures.read_rgb(path), np.rot90(pixels, -1))
    plain = pictures.inspect(save(tmp_path / "plain.png", pixels))
    assert (plain.size, plain.turned) == ((10, 4), False)


def test_content_is_that_of_the_pixels(tmp_path):
    pixels = np.random.default_rng(0).integers(0, 256, (5, 7, 3))
    png = pictures.inspect(save(tmp_path / "a.png", pixels))
    bmp = pictures.inspect(save(tmp_path / "a.bmp", pixels))
    reshaped = pictures.inspect(save(tmp_path / "b.png", pixels.reshape(7, 5, 3)))
    assert png.content == bmp.content != reshaped.content


def test_broken_pictures_are_named(tmp_path):
    path = picture(tmp_path / "cut.png", size=(60, 60))
    path.write_bytes(path.read_bytes()[:-2000])
    with pytest.raises(InputError, match=r"cut\.png: does not decode"):
        pictures.inspect_all([path])
    (tmp_path / "text.jpg").write_text("no image")
    with pytest.raises(InputError, match=r"text\.jpg: does not decode"):
        pictures.inspect(tmp_path / "text.jpg")
    Image.fromarray(np.full((3, 3), 40_000, dtype=np.uint16)).save(tmp_path / "deep.png")
    with pytest.raises(InputError, match=r"deep\.png: has pixels of mode"):
        pictures.inspect(tmp_path / "deep.png")
