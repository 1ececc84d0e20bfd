"""Every mask format becomes labels, images are read upright, and what cannot be read is named."""

import numpy as np
import pytest
from maskguide.data import label_masks, pictures
from maskguide.system.files import InputError
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


def test_the_majority_of_the_annotators_of_cub(tmp_path):
    """Five annotators: 51 × their number; files with an alpha channel or three equal ones occur too."""
    votes = np.array([[0, 1, 2], [3, 4, 5]]) * 51
    grey = save(tmp_path / "g.png", votes)
    alpha = save(tmp_path / "a.png", np.stack([votes, np.full_like(votes, 255)], axis=2))
    colour = save(tmp_path / "c.png", np.stack([votes] * 3, axis=2))
    for labels in converted("cub200", [grey, alpha, colour], 1):
        assert labels.dtype == np.uint8
        assert labels.tolist() == [[0, 0, 0], [1, 1, 1]]


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
