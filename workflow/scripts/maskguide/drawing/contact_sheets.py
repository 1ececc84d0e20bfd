"""Contact sheets: many images on one picture, their names below, marks drawn over them, a legend on top."""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from pathlib import Path

import numpy as np
import pandas as pd
from PIL import Image, ImageDraw, ImageFont

from maskguide.data.boxes import Box
from maskguide.data.masks import IGNORE, read_grey
from maskguide.data.pictures import read_rgb

# after Okabe and Ito: told apart by colour-blind eyes; blue first, for few objects in nature are
COLOURS = ((0, 140, 255), (235, 60, 0), (255, 210, 0), (204, 100, 190), (0, 200, 160), (0, 90, 170))
TILE = 184  # px, the longer side of an image on the sheet
GAP = 14
BACKGROUND, INK, FAINT = (250, 250, 248), (34, 34, 34), (120, 120, 120)


def sheet_to_mark(chosen: pd.DataFrame, classes: Sequence[str]) -> Image.Image:
    """The chosen images (rows of an index), which a person shall mark with these classes."""
    rows = zip(chosen["image_id"], chosen["class"], chosen["path"], strict=True)
    tiles = [(image_id, name, tile(read_rgb(path))) for image_id, name, path in rows]
    return contact_sheet(tiles, f"{len(tiles)} images to mark: {', '.join(classes)}")


def sheet_of_masks(chosen: pd.DataFrame, masks: Path, title: str, classes: Sequence[str]) -> Image.Image:
    """The chosen images under their label masks `masks`/<image_id>.png."""
    tiles = []
    for row in chosen.itertuples():
        labels = read_grey(masks / f"{row.image_id}.png")
        share = f"{100 * ((labels > 0) & (labels != IGNORE)).mean():.1f} % marked"
        tiles.append((row.image_id, share, tile(read_rgb(row.path), labels)))
    return contact_sheet(tiles, title, classes)


def sheet_of_boxes(
    images: Iterable[tuple[str, str, list[Box]]], title: str, regions: Sequence[str]
) -> Image.Image:
    """Images (image_id, path, boxes) with the boxes of their regions, and how many there are of each."""
    tiles = []
    for image_id, path, boxes in images:
        numbers = [sum(box.region == number for box in boxes) for number in range(len(regions))]
        words = ", ".join(f"{name} {number}" for name, number in zip(regions, numbers, strict=True))
        tiles.append((image_id, words, boxed_tile(read_rgb(path), boxes)))
    return contact_sheet(tiles, title, regions)


def boxed_tile(image: np.ndarray, boxes: Iterable[Box]) -> Image.Image:
    """An image (uint8 [H, W, 3]) as a contact sheet's tile, its boxes in the colours of their regions."""
    picture = tile(image)
    draw = ImageDraw.Draw(picture)
    across, down = picture.width / image.shape[1], picture.height / image.shape[0]
    for box in boxes:
        corners = (box.left * across, box.top * down, box.right * across - 1, box.bottom * down - 1)
        left, top, right, bottom = map(round, corners)
        place = (left, top, max(left, right), max(top, bottom))
        draw.rectangle(place, outline=COLOURS[box.region % len(COLOURS)], width=2)
    return picture


def tile(image: np.ndarray, labels: np.ndarray | None = None) -> Image.Image:
    """An image fitted into TILE × TILE, its marks tinted in the colours of their classes and outlined.

    image: uint8 [H, W, 3], RGB. labels: uint8 [H, W], 0 = background, IGNORE = void, or None.
    """
    height, width = image.shape[:2]
    factor = TILE / max(height, width)
    size = (max(1, round(width * factor)), max(1, round(height * factor)))
    picture = np.asarray(Image.fromarray(image).resize(size, Image.Resampling.LANCZOS)).astype(float)
    if labels is not None:
        from skimage.segmentation import find_boundaries  # with SciPy: not for those who want the colours

        for label in np.unique(labels[(labels > 0) & (labels != IGNORE)]).tolist():
            share = Image.fromarray((labels == label).astype(np.uint8) * 255)
            # a third is enough: veins thinner than a pixel of the sheet stay visible
            area = np.asarray(share.resize(size, Image.Resampling.BOX)) > 255 / 3
            rim = find_boundaries(area, mode="inner")
            colour = np.array(COLOURS[(label - 1) % len(COLOURS)])
            picture[area] = 0.6 * picture[area] + 0.4 * colour
            picture[rim] = colour
    return Image.fromarray(np.clip(picture, 0, 255).astype(np.uint8))


def contact_sheet(
    tiles: Iterable[tuple[str, str, Image.Image]],
    title: str,
    legend: Sequence[str] = (),
    columns: int | None = None,
) -> Image.Image:
    """Lay out `tiles` (name, second line, picture) in rows; `legend` names the mask classes in order.

    columns: of a row; None: as many as make the sheet half as wide again as high.
    """
    tiles = list(tiles)
    square = max(4, min(12, math.ceil(math.sqrt(1.5 * len(tiles)))))
    columns = columns or max(1, min(len(tiles), square))
    rows = math.ceil(len(tiles) / columns)
    heading, text = ImageFont.load_default(size=20), ImageFont.load_default(size=13)
    head = 52 + (30 if legend else 0)
    cell_width, cell_height = TILE + GAP, TILE + GAP + 36
    width = max(columns * cell_width + GAP, math.ceil(heading.getlength(title)) + 2 * GAP, 420)
    sheet = Image.new("RGB", (width, head + rows * cell_height + GAP), BACKGROUND)
    draw = ImageDraw.Draw(sheet)
    draw.text((GAP, 16), title, fill=INK, font=heading)
    x = GAP
    for label, name in enumerate(legend):
        draw.rectangle((x, 50, x + 16, 66), fill=COLOURS[label % len(COLOURS)])
        draw.text((x + 24, 51), name, fill=INK, font=text)
        x += 24 + math.ceil(text.getlength(name)) + 24
    for position, (name, second_line, picture) in enumerate(tiles):
        row, column = divmod(position, columns)
        left, top = GAP + column * cell_width, head + row * cell_height
        sheet.paste(picture, (left + (TILE - picture.width) // 2, top + (TILE - picture.height) // 2))
        for line, (words, colour) in enumerate(((name, INK), (second_line, FAINT))):
            words = _shortened(words, text, TILE)
            x = left + (TILE - text.getlength(words)) / 2
            draw.text((x, top + TILE + 3 + 16 * line), words, fill=colour, font=text)
    return sheet


def _shortened(words: str, font: ImageFont.FreeTypeFont, width: int) -> str:
    """`words`, its middle replaced by "…" where it is wider than `width` pixels."""
    halves = range(len(words) // 2, 0, -1)
    cut = [words, *(f"{words[:half]}…{words[-half:]}" for half in halves)]
    return next((each for each in cut if font.getlength(each) <= width), cut[-1])
