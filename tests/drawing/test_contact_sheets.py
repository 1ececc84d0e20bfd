"""Contact sheets: tiles, marks and boxes in their colours, a sheet that holds them all."""

import numpy as np
from maskguide.data.boxes import Box
from maskguide.drawing.contact_sheets import COLOURS, TILE, boxed_tile, contact_sheet, tile


def test_marks_are_drawn_in_their_colours():
    labels = np.zeros((100, 50), dtype=np.uint8)
    labels[20:60, 10:40] = 1
    labels[80:81, :] = 2  # thinner than a pixel of a smaller tile
    picture = np.asarray(tile(np.zeros((100, 50, 3), dtype=np.uint8), labels))
    assert picture.shape == (TILE, TILE // 2, 3)
    colours = {tuple(colour) for colour in picture.reshape(-1, 3)}
    assert COLOURS[0] in colours and COLOURS[1] in colours and (0, 0, 0) in colours


def test_sheet_grows_with_its_images_and_shortens_names():
    picture = tile(np.zeros((10, 20, 3), dtype=np.uint8))
    small = contact_sheet([("a", "b", picture)], "one")
    large = contact_sheet([("a" * 100, "b", picture)] * 30, "thirty", ["leaf", "vein"])
    assert large.height > small.height and large.width > small.width
    legend = np.asarray(large)[50:66, :200].reshape(-1, 3)
    assert {COLOURS[0], COLOURS[1]} <= {tuple(colour) for colour in legend}


def test_boxes_are_drawn_in_the_colours_of_their_regions():
    image = np.zeros((100, 50, 3), dtype=np.uint8)
    picture = np.asarray(boxed_tile(image, [Box(0, 0, 0, 50, 100), Box(1, 10, 20, 30, 60)]))
    assert picture.shape == (TILE, TILE // 2, 3)
    assert tuple(picture[0, 0]) == tuple(picture[-1, -1]) == COLOURS[0]
    factor = TILE / 100
    assert tuple(picture[round(40 * factor), round(10 * factor)]) == COLOURS[1]
    assert tuple(picture[round(40 * factor), round(20 * factor)]) == (0, 0, 0)
