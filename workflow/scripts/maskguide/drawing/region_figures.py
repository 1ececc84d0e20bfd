"""Figures of images: the regions on them, and what classifiers see in them (class activation maps)."""

from __future__ import annotations

import textwrap
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.patches import Rectangle

from maskguide.drawing.contact_sheets import COLOURS
from maskguide.drawing.image_panels import COLUMN, heat_over_grey, image_grid, say
from maskguide.drawing.style import INK, styled

LETTER = 0.068, 0.125  # inches that a letter of a confidence takes, with its margin
RIGHT, WRONG = "#00734D", "#B03A00"
# True boxes: white dashes on black, to be seen on any image and on the detected box below them.
TRUTH = ({"color": INK, "lw": 1.2}, {"color": "white", "lw": 1.2, "ls": (0, (3, 3))})
MOST_LETTERS = 28  # of a class name below a panel

Box = tuple[float, float, float, float]  # left, top, right, bottom in pixels


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


@dataclass(frozen=True)
class ActivationRow:
    """One test image and how each classifier sees it.

    name: the true class. image: uint8 [H, W, 3]. maps: for each classifier float [h, w] in 0…1, stretched
    over the image. predicted: for each classifier the name of the predicted class and its probability in 0…1.
    """

    name: str
    image: np.ndarray
    maps: Sequence[np.ndarray]
    predicted: Sequence[tuple[str, float]]


def region_colours(regions: Sequence[str]) -> dict[str, tuple[float, float, float]]:
    """A colour for each region, that of the contact sheets."""
    return {
        region: tuple(channel / 255 for channel in COLOURS[place % len(COLOURS)])
        for place, region in enumerate(regions)
    }


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
            panel.add_patch(_rectangle(box, color=colour[region], lw=2.2))
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
            panel.add_patch(_rectangle(box, **style))


def _rectangle(box: Box, **style) -> Rectangle:
    """A box's outline; pixel k covers k − 0.5 … k + 0.5 of the axis."""
    left, top, right, bottom = box
    return Rectangle((left - 0.5, top - 0.5), right - left, bottom - top, fill=False, **style)


def _free_corner(box: Box, letters: int, shape: tuple[int, ...], taken: Sequence[Box]) -> Box:
    """Where a text of so many letters fits inside the panel at a corner of the box, clear of other texts."""
    height, width = shape[:2]
    wide, high = letters * LETTER[0] * width / COLUMN, LETTER[1] * width / COLUMN
    left, top, right, bottom = box
    corners = [(left, top), (right - wide, top), (left, bottom - high), (right - wide, bottom - high)]
    corners += [(left, top + step * high) for step in range(1, max(1, int(height / high)))]
    places = []
    for x, y in corners:
        x, y = np.clip(x, 0, max(0, width - wide)), np.clip(y, 0, max(0, height - high))
        places.append((x, y, x + wide, y + high))
    return next((place for place in places if not any(_overlap(place, other) for other in taken)), places[0])


def _overlap(one: Box, other: Box) -> bool:
    return one[0] < other[2] and other[0] < one[2] and one[1] < other[3] and other[1] < one[3]


@styled
def activation_figure(rows: Sequence[ActivationRow], titles: Sequence[str], note: str) -> Figure:
    """A row per test image: the image, then each classifier's class activation map over it in grey.

    Each map has its own scale, as in the paper's Figure 4; below stands what the classifier predicts; the
    note goes to the foot.
    """
    letters = "abcdefghijklmnopqrstuvwxyz"
    titles = ["original", *titles]
    figure, axes = image_grid(
        [row.image for row in rows], [row.name for row in rows], len(titles), below=0.22, beside=0.75
    )
    for row, panels in zip(rows, axes, strict=True):
        panels[0].imshow(row.image, interpolation="auto")
        for panel, heat, (name, probability) in zip(panels[1:], row.maps, row.predicted, strict=True):
            image = heat_over_grey(panel, row.image, heat)
            right = name == row.name
            short = name if len(name) <= MOST_LETTERS else f"{name[: MOST_LETTERS - 1]}…"
            panel.set_xlabel(
                f"{'✓' if right else '✗'} {short} ({probability:.2f})",
                fontsize=8,
                color=RIGHT if right else WRONG,
                labelpad=3,
            )
    for place, (panel, title) in enumerate(zip(axes[0], titles, strict=True)):
        wrapped = textwrap.fill(f"({letters[place % 26]}) {title}", 30)
        panel.set_title(wrapped, loc="center", fontsize=9)
    total = figure.get_figheight()
    bar = figure.colorbar(image, ax=axes[:, -1].tolist(), shrink=min(1.0, 2 / total), aspect=18)
    bar.set_label("activation\n(each map on its own scale)", fontsize=8)
    bar.ax.tick_params(labelsize=7)
    bar.outline.set_visible(False)
    figure.supxlabel(textwrap.fill(note, int(figure.get_figwidth() / 0.07)), fontsize=8, color=INK)
    return figure
