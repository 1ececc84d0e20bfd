"""Contact sheets: many images on one picture, their names below, marks drawn over them, a legend on top."""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence

import numpy as np
from PIL import Image, ImageDraw, ImageFont

# after Okabe and Ito: told apart by colour-blind eyes; blue first, for few objects in nature are
COLOURS = (
    (0, 140, 255),
    (235, 60, 0),
    (255, 210, 0),
    (204, 100, 190),
    (0, 200, 160),
    (0, 90, 170),
)
TILE = 184  # px, the longer side of an image on the sheet
GAP = 14
BACKGROUND, INK, FAINT = (250, 250, 248), (34, 34, 34), (120, 120, 120)


def tile(image: np.ndarray, labels: np.ndarray | None = None) -> Image.Image:
    """An image fitted into TILE × TILE, its marks tinted in the colours of their classes and outlined.

    Parameters
    ----------
    image : uint8 [H, W, 3], RGB
    labels : uint8 [H, W], 0 = background, or None
    """
    height, width = image.shape[:2]
    factor = TILE / max(height, width)
    size = (max(1, round(width * factor)), max(1, round(height * factor)))
    picture = np.asarray(Image.fromarray(image).resize(size, Image.Resampling.LANCZOS)).astype(float)
    if labels is not None:
        from skimage.segmentation import find_boundaries  # with SciPy: not for those who want the colours

        for label in range(1, int(labels.max(initial=0)) + 1):
            share = Image.fromarray((labels == label).astype(np.uint8) * 255)
            # a third is enough: veins thinner than a pixel of the sheet stay visible
            area = np.asarray(share.resize(size, Image.Resampling.BOX)) > 255 / 3
            rim = find_boundaries(area, mode="inner")
            colour = np.array(COLOURS[(label - 1) % len(COLOURS)])
            picture[area] = 0.6 * picture[area] + 0.4 * colour
            picture[rim] = colour
    return Image.fromarray(np.clip(picture, 0, 255).astype(np.uint8))


def contact_sheet(
    tiles: Iterable[tuple[str, str, Image.Image]], title: str, legend: Sequence[str] = ()
) -> Image.Image:
    """Lay out `tiles` (name, second line, picture) in rows; `legend` names the mask classes in order."""
    tiles = list(tiles)
    columns = min(len(tiles), max(4, min(12, math.ceil(math.sqrt(1.5 * len(tiles))))))
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
        corner = (left + (TILE - picture.width) // 2, top + (TILE - picture.height) // 2)
        sheet.paste(picture, corner)
        for line, (words, colour) in enumerate(((name, INK), (second_line, FAINT))):
            words = _shortened(words, text, TILE)
            x = left + (TILE - text.getlength(words)) / 2
            draw.text((x, top + TILE + 3 + 16 * line), words, fill=colour, font=text)
    return sheet


def _shortened(words: str, font: ImageFont.FreeTypeFont, width: int) -> str:
    """`words`, its middle replaced by "…" where it is wider than `width` pixels."""
    if font.getlength(words) <= width:
        return words
    keep = len(words)
    while keep > 2 and font.getlength(words[: keep // 2] + "…" + words[-(keep // 2) :]) > width:
        keep -= 1
    return words[: keep // 2] + "…" + words[-(keep // 2) :]
