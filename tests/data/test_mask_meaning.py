"""What masks mean: agreement is read with the right labels, disagreement names two files and a way out."""

import re

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from maskguide.data import mask_files, mask_meaning
from maskguide.data.mask_values import given as said
from maskguide.data.masks import IGNORE
from maskguide.system.files import InputError
from PIL import Image

PLACE = "datasets.mine of the config"
BLACK, WHITE, RED, GREEN = (0, 0, 0), (255, 255, 255), (255, 0, 0), (0, 255, 0)


def square(value=1, other=None):
    """int [30, 40]: a square of 100 pixels of `value`; where `other` is given, one of 25 of it."""
    pixels = np.zeros((30, 40), int)
    pixels[5:15, 5:15] = value
    if other is not None:
        pixels[20:25, 20:25] = other
    return pixels


OBJECT = square()
LARGE = OBJECT.repeat(8, axis=0).repeat(8, axis=1)


def save(path, pixels, mode=None, colours=None, **options):
    pixels = np.asarray(pixels)
    image = Image.fromarray(pixels.astype(bool if mode == "1" else np.uint16 if mode == "I;16" else np.uint8))
    if colours is not None:
        image = Image.fromarray(pixels.astype(np.uint8), mode="P")
        image.putpalette(np.ravel(colours).tolist())
    image.save(path, **options)
    return path


def read(paths, classes=("leaf",), values=None):
    """The words of the meaning, and the labels of each file."""
    meaning = mask_meaning.agreed(mask_files.survey_all(paths), list(classes), values, PLACE)
    return meaning.words, [meaning.read(path) for path in paths]


def opaque(alpha, colour=WHITE):
    pixels = np.zeros((*alpha.shape, 4), np.uint8)
    pixels[..., :3], pixels[..., 3] = colour, alpha
    return pixels


def painted(labels, colours):
    return np.array(colours, np.uint8)[labels]


def smoothed(labels):
    """Levels 0…255 of a mask whose edges are smoothed."""
    image = Image.fromarray((labels * 255).astype(np.uint8)).resize((20, 15)).resize((40, 30))
    return np.asarray(image)


ONE_CLASS = {
    "0 and 1": (OBJECT, {}, "0 is background, 1 leaf"),
    "0 and 255": (255 * OBJECT, {}, "black is background, white leaf"),
    "one bit": (OBJECT, {"mode": "1"}, "black is background, white leaf"),
    "0 and 15": (15 * OBJECT, {}, r"every number above it leaf \(15\)"),
    "16 bits, white": (65535 * OBJECT, {"mode": "I;16"}, "white leaf"),
    "16 bits, numbers": (square(300, 1000), {"mode": "I;16"}, r"leaf \(300, 1000\)"),
    "three equal channels": (painted(OBJECT, [BLACK, WHITE]), {}, "white leaf"),
    "red on black": (painted(OBJECT, [BLACK, RED]), {}, "black is background, #ff0000 leaf"),
    "palette, black and red": (OBJECT, {"colours": [BLACK, RED]}, "0 is background, 1 leaf"),
    "palette, black and white": (OBJECT, {"colours": [BLACK, WHITE]}, "black is background, white leaf"),
    "palette of the greys": (255 * OBJECT, {"colours": [(i, i, i) for i in range(256)]}, "white leaf"),
    "alpha over white": (opaque(255 * OBJECT), {}, "transparent is background, opaque leaf"),
    "alpha over black": (opaque(255 * OBJECT, BLACK), {}, "transparent is background"),
}


@pytest.mark.parametrize("name", ONE_CLASS)
def test_one_class(tmp_path, name):
    pixels, how, words = ONE_CLASS[name]
    paths = [save(tmp_path / f"{i}.png", pixels, **how) for i in range(2)]
    found, labels = read(paths)
    assert re.search(words, found)
    truth = square(300, 1000) > 0 if "numbers" in name else OBJECT
    for each in labels:
        assert each.dtype == np.uint8 and np.array_equal(each, truth)


def test_grey_and_alpha(tmp_path):
    both = np.stack([np.full(OBJECT.shape, 255), 255 * OBJECT], axis=2)
    _, [labels] = read([save(tmp_path / "la.png", both)])
    assert np.array_equal(labels, OBJECT)


def test_a_cut_out_photograph(tmp_path):
    pixels = np.random.default_rng(0).integers(0, 256, (30, 40, 4))
    pixels[..., 3] = 255 * OBJECT
    _, [labels] = read([save(tmp_path / "x.png", pixels)])
    assert np.array_equal(labels, OBJECT)


def test_alpha_that_covers_all_or_nothing(tmp_path):
    kinds = [255 * OBJECT, np.full(OBJECT.shape, 255), np.zeros(OBJECT.shape)]
    _, labels = read([save(tmp_path / f"{i}.png", opaque(alpha)) for i, alpha in enumerate(kinds)])
    assert [each.sum() for each in labels] == [100, 1200, 0]


@pytest.mark.parametrize("suffix", ["png", "tif", "jpg", "bmp", "webp"])
def test_smoothed_edges_and_compression(tmp_path, suffix):
    """Half of an edge is the object; a JPEG of 0 and 255 is read, noise and all."""
    soft = smoothed(OBJECT)
    paths = [save(tmp_path / f"soft.{suffix}", soft), save(tmp_path / f"hard.{suffix}", 255 * OBJECT)]
    words, labels = read(paths)
    assert "white leaf; smoothed edges from 128" in words
    wrong = [(labels[0] != (soft >= 128)).sum(), (labels[1] != OBJECT).sum()]
    assert wrong == [0, 0] if suffix not in ("jpg", "webp") else max(wrong) <= 6


@pytest.mark.parametrize(("value", "classes"), [(1, ["leaf"]), (15, ["leaf"]), (1, ["leaf", "vein"])])
def test_void_of_voc(tmp_path, value, classes):
    pixels = square(value)
    pixels[4:16, [4, 15]] = pixels[[4, 15], 4:16] = 255
    colours = [(i, 0, 255 - i) for i in range(256)]
    colours[0] = BLACK
    for how in ({}, {"colours": colours}):
        words, [labels] = read([save(tmp_path / "x.png", pixels, **how)], classes)
        assert "255 void" in words
        assert (labels == 1).sum() == 100 and (labels == IGNORE).sum() == 44 and labels[0, 0] == 0


def test_many_objects_of_voc_in_one_file(tmp_path):
    pixels = np.zeros((60, 80), int)
    for number in range(1, 13):
        row, column = divmod(number - 1, 4)
        pixels[20 * row + 2 : 20 * row + 18, 20 * column + 2 : 20 * column + 18] = 255
        pixels[20 * row + 4 : 20 * row + 16, 20 * column + 4 : 20 * column + 16] = number
    words, [labels] = read([save(tmp_path / "x.png", pixels)])
    assert "every number above it leaf" in words and "255 void" in words
    assert np.array_equal(labels, np.where(pixels == 255, IGNORE, pixels > 0))


def test_objects_with_numbers(tmp_path):
    paths = [save(tmp_path / "a.png", square(57, 200)), save(tmp_path / "b.png", square(1))]
    words, labels = read(paths)
    assert words == "0 is background, every number above it leaf (1, 57, 200)"
    assert [each.sum() for each in labels] == [125, 100]


def test_two_classes(tmp_path):
    plain = [save(tmp_path / "a.png", square(1, 2)), save(tmp_path / "b.png", square(2))]
    words, labels = read(plain, ["leaf", "vein"])
    assert words == "0 is background, 1 leaf, 2 vein"
    assert np.array_equal(labels[0], square(1, 2)) and np.array_equal(labels[1], square(2))
    grey = [save(tmp_path / "c.png", square(100, 255)), save(tmp_path / "d.png", square(255))]
    words, labels = read(grey, ["leaf", "vein"])
    assert words == "0 is background, 100 leaf, 255 vein"
    assert np.array_equal(labels[0], square(1, 2)) and np.array_equal(labels[1], square(2))


def test_the_papers_figure(tmp_path):
    drawing = painted(square(1, 2), [WHITE, BLACK, RED])
    lines = painted(square(1), [WHITE, BLACK])
    counted = {"colours": [RED, BLACK, WHITE]}
    paths = [save(tmp_path / "a.png", drawing), save(tmp_path / "b.png", lines)]
    paths.append(save(tmp_path / "c.png", np.array([2, 1, 0])[square(1, 2)], **counted))
    words, labels = read(paths, ["main", "second"])
    assert "white is background, black main, red second" in words
    assert [(each == 1).sum() for each in labels] == [100, 100, 100]
    assert [(each == 2).sum() for each in labels] == [25, 0, 25]


def one(tmp_path, name, *pixels, **how):
    return save(tmp_path / f"{name}.png", *pixels, **how)


DIFFERENT = {
    "0/1 beside 0/255": (OBJECT, {}, 255 * OBJECT, {}, 1, "levels 0, 1, but .* holds the levels 0, 255"),
    "numbers beside white": (57 * OBJECT, {}, 255 * OBJECT, {}, 1, "levels 0, 57, but .*levels 0, 255"),
    "alpha beside white": (
        opaque(255 * OBJECT),
        {},
        255 * OBJECT,
        {},
        1,
        "transparent pixels.*, but .*0, 255",
    ),
    "red beside green": (
        *(painted(OBJECT, [BLACK, RED]), {}, painted(OBJECT, [BLACK, GREEN]), {}, 1),
        "#000000, #ff0000, but .*#000000, #00ff00",
    ),
    "palettes turned round": (
        *(OBJECT, {"colours": [BLACK, WHITE]}, 1 - OBJECT, {"colours": [WHITE, BLACK]}, 1),
        "0 #ffffff, 1 #000000, but .*0 #000000, 1 #ffffff",
    ),
    "an index of two colours": (
        *(square(1, 2), {"colours": [BLACK, RED, GREEN]}, square(1, 2), {"colours": [BLACK, GREEN, RED]}, 2),
        "palette's 0 #000000, 1 #ff0000, 2 #00ff00, but ",
    ),
    "a colour of two indices": (
        *(square(1), {"colours": [BLACK, RED]}, square(2), {"colours": [BLACK, GREEN, RED]}, 2),
        "palette's 0 #000000, 1 #ff0000, but .*0 #000000, 2 #ff0000",
    ),
    "one more level": (
        square(100, 200),
        {},
        square(100, 201),
        {},
        2,
        "levels 0, 100, 200, 201: not background",
    ),
    "255 beside labels": (square(1), {}, square(255), {}, 2, "levels 0, 1, 255: not background and 2"),
}


@pytest.mark.parametrize("name", DIFFERENT)
def test_files_that_disagree_are_named(tmp_path, name):
    first, how, second, other, count, message = DIFFERENT[name]
    paths = [one(tmp_path, "a", first, **how), one(tmp_path, "b", second, **other)]
    with pytest.raises(InputError, match=message) as error:
        read(paths, ["leaf", "vein"][:count])
    line = str(error.value)
    assert "\n" not in line and "a.png" in line and "b.png" in line
    assert f"say what is meant in {PLACE}: mask_values: {{" in line


def test_no_list_of_values_is_proposed_that_would_lose_a_cut_out_object(tmp_path):
    """Black cut out before transparent pixels, beside white on black: black cannot be both."""
    paths = [one(tmp_path, "a", opaque(255 * OBJECT, BLACK)), one(tmp_path, "b", 255 * OBJECT)]
    with pytest.raises(InputError, match=r"a.png: has transparent .*b.png holds .*; redo them alike$"):
        read(paths, ["leaf"])


@pytest.mark.parametrize("count", [1, 2])
def test_one_stray_pixel_is_named(tmp_path, count):
    """One coloured pixel in one of five grey masks switches nothing; its file is named, beside a good one."""
    paths = [one(tmp_path, i, painted(OBJECT, [BLACK, WHITE])) for i in range(5)]
    stray = painted(OBJECT, [BLACK, WHITE])
    stray[0, 0] = RED
    one(tmp_path, 3, stray)
    with pytest.raises(
        InputError, match=r"3.png: holds the colours #000000, #ff0000, #ffffff, but .*0.png holds"
    ):
        read(paths, ["leaf", "vein"][:count])


@pytest.mark.parametrize(
    ("name", "pixels", "count", "message"),
    [
        ("trimap.png", square(255, 128), 1, "holds the levels 0, 128, 255; redo"),
        ("labels.jpg", square(60), 1, "is a JPEG, which blurs labels; save it as PNG"),
        ("labels.jpg", square(100, 255), 2, "is a JPEG, .*: {0: background, [0-9]+: leaf or vein, 255: l"),
        (
            "photo.png",
            np.random.default_rng(0).integers(0, 256, (30, 40)),
            1,
            "a photograph[?]; leave masks alone",
        ),
        (
            "photo.png",
            np.random.default_rng(0).integers(0, 256, (30, 40, 3)),
            1,
            "a photograph[?]; leave masks alone",
        ),
        ("red.jpg", painted(LARGE, [BLACK, RED]), 1, "'#000000': background, '#fe0000': leaf}"),
        ("colours.png", painted(square(1, 2), [BLACK, RED, GREEN]), 2, "'#00ff00': leaf or vein, '#ff0000'"),
    ],
)
def test_a_mask_that_means_nothing(tmp_path, name, pixels, count, message):
    with pytest.raises(InputError, match=message):
        read([save(tmp_path / name, pixels)], ["leaf", "vein"][:count])


def test_empty_masks_fit_all(tmp_path):
    empty = np.zeros(OBJECT.shape)
    for name, pixels in (("white", 255 * OBJECT), ("one", OBJECT), ("alpha", opaque(255 * OBJECT))):
        words, labels = read([one(tmp_path, "empty", empty), one(tmp_path, name, pixels)])
        assert [each.sum() for each in labels] == [0, 100], words
    assert not read([one(tmp_path, "empty", empty)])[1][0].any()


# --- what a person says ---


def values(mapping, void=(), classes=("leaf",)):
    return said(mapping, list(void), list(classes), PLACE)


@pytest.mark.parametrize("key", [int, str])
def test_a_person_says_what_levels_mean(tmp_path, key):
    """As YAML holds them, and as JSON does, whose keys are texts."""
    paths = [
        one(tmp_path, "a", OBJECT),
        one(tmp_path, "b", 255 * OBJECT),
        one(tmp_path, "c", 1 - OBJECT, mode="1"),
    ]
    both = {key(0): "background", key(1): "leaf", key(255): "leaf"}
    _, labels = read(paths, values=values(both))
    assert [each.sum() for each in labels] == [100, 100, 1100]
    turned = {key(0): "leaf", key(255): "background"}
    assert read([one(tmp_path, "d", 255 - 255 * OBJECT)], values=values(turned))[1][0].sum() == 100
    void = values({key(0): "background", key(1): "leaf"}, void=[255])
    labels = read([one(tmp_path, "e", square(1, 255))], values=void)[1][0]
    assert (labels == 1).sum() == 100 and (labels == IGNORE).sum() == 25


@pytest.mark.parametrize("red", ["#ff0000", "#FF0000", "255,0,0", "(255, 0, 0)"])
def test_a_person_says_what_colours_mean(tmp_path, red):
    mapping = {"0": "background", red: "vein", "#00ff00": "leaf"}
    what = values(mapping, void=["#0000ff"], classes=("leaf", "vein"))
    drawn = painted(square(1, 2), [BLACK, RED, GREEN])
    drawn[0, :3] = (0, 0, 255)
    indexed = one(tmp_path, "p", square(1, 2), colours=[BLACK, RED, GREEN])
    _, labels = read([one(tmp_path, "a", drawn), indexed], ["leaf", "vein"], what)
    for each in labels:
        assert (each == 2).sum() == 100 and (each == 1).sum() == 25
    assert (labels[0] == IGNORE).sum() == 3


def test_colours_of_a_jpeg_are_the_nearest(tmp_path):
    drawn = painted(square(1, 2), [BLACK, RED, GREEN])
    what = values({"#000000": "background", "#ff0000": "leaf", "#00ff00": "vein"}, classes=("leaf", "vein"))
    path = save(tmp_path / "x.jpg", drawn, quality=95, subsampling=0)
    _, [labels] = read([path], ["leaf", "vein"], what)
    assert (labels != square(1, 2)).mean() < 0.02


def test_a_person_says_what_transparency_means(tmp_path):
    path = one(tmp_path, "x", opaque(255 - 255 * OBJECT))
    what = values({"transparent": "leaf", "opaque": "background"})
    assert read([path], values=what)[1][0].sum() == 100
    level = values({"transparent": "background", 255: "leaf"})
    assert read([path], values=level)[1][0].sum() == 1100


def test_numbers_are_not_taken_for_the_nearest_value(tmp_path):
    what = values({0: "background", 255: "leaf"})
    with pytest.raises(InputError, match=r"x.png: holds 57 in 100 pixels, of which mask_values says nothing"):
        read([one(tmp_path, "x", square(57, 200))], values=what)


# --- properties ---


@settings(max_examples=40, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    corners=st.lists(
        st.tuples(st.integers(0, 20), st.integers(0, 30), st.integers(3, 9), st.integers(3, 9)),
        min_size=1,
        max_size=4,
    ),
    kind=st.sampled_from(["label", "white", "bit", "number", "palette", "alpha", "colour"]),
)
def test_any_rectangles_come_back_as_they_were_drawn(tmp_path, corners, kind):
    truth = np.zeros((30, 40), np.uint8)
    for top, left, height, width in corners:
        truth[top : top + height, left : left + width] = 1
    how = {
        "label": (truth, {}),
        "white": (255 * truth, {}),
        "bit": (truth, {"mode": "1"}),
        "number": (77 * truth, {}),
        "palette": (truth, {"colours": [BLACK, GREEN]}),
        "alpha": (opaque(255 * truth), {}),
        "colour": (painted(truth, [BLACK, RED]), {}),
    }
    pixels, options = how[kind]
    _, [labels] = read([save(tmp_path / "x.png", pixels, **options)])
    assert np.array_equal(labels, truth)
