"""The figure of regions: detected and true boxes on test images, and what the masks leave of them."""

from __future__ import annotations

import itertools
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D

from maskguide.drawing.contact_sheets import COLOURS
from maskguide.drawing.image_panels import COLUMN, Box, image_grid, rectangle, say
from maskguide.drawing.style import INK, styled

LETTER = 0.068, 0.125  # inches that a letter of a confidence takes, with its margin
# True boxes: white dashes on black, to be seen on any image and on the detected box below them.
TRUTH = ({"color": INK, "lw": 1.2}, {"color": "white", "lw": 1.2, "ls": (0, (3, 3))})


@dataclass(frozen=True)
class RegionRow:
    """One test image with what the detector found and what is true.

    image: uint8 [H, W, 3]. found: for each region its boxes with their confidences in 0…1. truth: the true
    boxes of all regions, or None where they are not known. masks: for each region uint8 [H, W], 255 where the
    image is kept, or None where it is empty.
    """

    name: str
    image: np.ndarray
    found: Mapping[str, Sequence[tuple[Box, float]]]
    truth: Sequence[Box] | None
    masks: Mapping[str, np.ndarray | None]


def region_colours(regions: Sequence[str]) -> dict[str, tuple[float, float, float]]:
    """A colour for each region, that of the contact sheets."""
    shades = [tuple(channel / 255 for channel in colour) for colour in COLOURS]
    return dict(zip(regions, itertools.cycle(shades), strict=False))


@styled
def regions_figure(rows: Sequence[RegionRow], regions: Sequence[str]) -> Figure:
    """A row per test image: found and true boxes over it, then for each region what its mask leaves of it."""
    figure, axes = image_grid([row.image for row in rows], [row.name for row in rows], 1 + len(regions))
    colour = region_colours(regions)
    for row, panels in zip(rows, axes, strict=True):
        panels[0].imshow(row.image, interpolation="auto")
        _draw_boxes(panels[0], row, colour)
        for region, panel in zip(regions, panels[1:], strict=True):
            mask = row.masks[region]
            if mask is None:
                say(panel, row.image.shape[:2], "no mask" if row.found[region] else "no detection,\nno mask")
            else:
                panel.imshow(masked(row.image, mask), interpolation="auto")
    titles = ["detected and true regions", *(f"{region.replace('_', ' ')} alone" for region in regions)]
    for panel, title in zip(axes[0], titles, strict=True):
        panel.set_title(title, loc="center")
    handles = [
        Line2D([], [], color=colour[region], lw=2.2, label=f"{region}, detected") for region in regions
    ]
    if any(row.truth is not None for row in rows):
        handles.append(tuple(Line2D([], [], label="true box", **style) for style in TRUTH))
    names = [(handle[0] if isinstance(handle, tuple) else handle).get_label() for handle in handles]
    figure.legend(handles, names, loc="outside lower center", ncols=len(handles), handlelength=2.6)
    return figure


def masked(image: np.ndarray, mask: np.ndarray) -> np.ndarray:
    """The image where the mask is, black elsewhere: round(image · mask / 255), uint8 [H, W, 3]."""
    return np.rint(image * (mask[:, :, None] / 255)).astype(np.uint8)


def _draw_boxes(panel: Axes, row: RegionRow, colour: Mapping[str, tuple]) -> None:
    """Detected boxes solid, with their confidence at a free corner; true ones dashed on top."""
    written: list[Box] = []
    for region, boxes in row.found.items():
        for box, confidence in boxes:
            panel.add_patch(rectangle(box, color=colour[region], lw=2.2))
            text = f"{confidence:.2f}"
            place = _free_corner(box, len(text), row.image.shape, written)
            written.append(place)
            panel.text(
                *((place[0] + place[2]) / 2, (place[1] + place[3]) / 2, text),
                ha="center",
                va="center_baseline",
                fontsize=6.5,
                color="white" if sum(colour[region]) < 1.9 else INK,
                bbox={"facecolor": colour[region], "edgecolor": "none", "pad": 0.9},
            )
    for box in row.truth or ():
        for style in TRUTH:
            panel.add_patch(rectangle(box, **style))


def _free_corner(box: Box, letters: int, shape: tuple[int, ...], taken: Sequence[Box]) -> Box:
    """Where a text of so many letters fits inside the panel at a corner of the box, clear of other texts."""
    height, width = shape[:2]
    wide, high = letters * LETTER[0] * width / COLUMN, LETTER[1] * width / COLUMN
    left, top, right, bottom = box
    corners = [(left, top), (right - wide, top), (left, bottom - high), (right - wide, bottom - high)]
    corners += [(left, top + step * high) for step in range(1, max(1, int(height / high)))]
    corners = np.clip(corners, 0, [max(0, width - wide), max(0, height - high)])
    places = [(x, y, x + wide, y + high) for x, y in corners]
    return next((place for place in places if not any(_overlap(place, other) for other in taken)), places[0])


def _overlap(one: Box, other: Box) -> bool:
    return one[0] < other[2] and other[0] < one[2] and one[1] < other[3] and other[1] < one[3]
