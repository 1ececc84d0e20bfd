"""Figures of ACA's attention: what each scale sees and attends to, and attended boxes beside true ones."""

from __future__ import annotations

import textwrap
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from matplotlib.axes import Axes
from matplotlib.collections import LineCollection
from matplotlib.figure import Figure
from matplotlib.legend import Legend
from matplotlib.lines import Line2D
from matplotlib.patches import Rectangle

from maskguide.drawing.image_panels import COLUMN, bare, heat_over_grey, image_grid
from maskguide.drawing.region_figures import MOST_LETTERS, RIGHT, WRONG
from maskguide.drawing.style import INK, styled
from maskguide.learning.attend import cell_edges

NEXT, OUTLINE = "#56B4E9", "white"
TRUE_BOX, ATTENDED_BOX = "#00B050", "#1F6FEB"  # green and blue, as in the paper's Figure 7
PER_ROW = 4  # images in a row of the figure of boxes

Box = tuple[float, float, float, float]  # left, top, right, bottom


@dataclass(frozen=True)
class ScalePanel:
    """One test image at one scale.

    image: uint8 [H, W, 3], as this scale sees it. attention: M, float [h, w] in 0…1. attended: M_b, bool
    [h, w]. cells: start and stride of both maps, cell j is centred on pixel start + j·stride. zoom: what
    becomes the next scale's image, in pixels of this one; None at the last scale. predicted: name of the
    class.
    """

    image: np.ndarray
    attention: np.ndarray
    attended: np.ndarray
    cells: tuple[float, float]
    zoom: Box | None
    predicted: str


@dataclass(frozen=True)
class BoxedPanel:
    """One test image; boxes in shares of its sides, None where not known; iou in 0…1."""

    image: np.ndarray
    truth: Box | None
    attended: Box
    iou: float | None


@styled
def scales_figure(
    names: Sequence[str], rows: Sequence[Sequence[ScalePanel]], titles: Sequence[str], note: str
) -> Figure:
    """A row per test image (its name is the true class), a column per scale; the note goes to the foot."""
    beside = 0.75 if len(titles) > 1 else 1.6  # below a single column the legend is wider than the images
    figure, axes = image_grid([row[0].image for row in rows], names, len(titles), below=0.22, beside=beside)
    for name, row, panels in zip(names, rows, axes, strict=True):
        for seen, panel in zip(row, panels, strict=True):
            heat = heat_over_grey(panel, seen.image, seen.attention, cells=seen.cells)
            _draw_attended(panel, seen)
            right = seen.predicted == name
            long = len(seen.predicted) > MOST_LETTERS
            short = f"{seen.predicted[: MOST_LETTERS - 1]}…" if long else seen.predicted
            panel.set_xlabel(
                f"{'✓' if right else '✗'} {short}", fontsize=8, color=RIGHT if right else WRONG, labelpad=3
            )
    for panel, title in zip(axes[0], titles, strict=True):
        panel.set_title(title, loc="center", fontsize=9)
    bar = figure.colorbar(
        heat, ax=axes[:, -1].tolist(), shrink=min(1.0, 2 / figure.get_figheight()), aspect=18
    )
    bar.set_label("attention M\n(each map on its own scale)", fontsize=8)
    bar.ax.tick_params(labelsize=7)
    bar.outline.set_visible(False)
    handles = [Line2D([], [], color=OUTLINE, lw=1.4, label="attended region")]
    if any(seen.zoom for row in rows for seen in row):
        handles.append(Line2D([], [], color=NEXT, lw=1.8, label="image of the next scale"))
    legend = _legend(figure, handles, note)
    legend.set_frame_on(True)
    legend.get_frame().set(facecolor="#b0b0b0", edgecolor="none")
    return figure


def _draw_attended(panel: Axes, seen: ScalePanel) -> None:
    """The outline of M_b, and the rectangle that the next scale sees."""
    height, width = seen.image.shape[:2]
    down, across = (
        cell_edges(*side, *seen.cells) for side in zip(seen.attended.shape, (height, width), strict=True)
    )
    sides = outline_segments(seen.attended)
    lines = np.stack([across[sides[..., 0]], down[sides[..., 1]]], axis=-1) - 0.5
    for style in ({"colors": INK, "linewidths": 2.4}, {"colors": OUTLINE, "linewidths": 1.4}):
        panel.add_collection(LineCollection(lines, capstyle="round", clip_on=False, **style), autolim=False)
    if seen.zoom is not None:
        inside = np.clip(
            seen.zoom, 0, [width, height, width, height]
        )  # it may show more than this scale sees
        panel.add_patch(rectangle(tuple(inside), color=NEXT, lw=2, clip_on=False))


def _legend(figure: Figure, handles: Sequence[Line2D], note: str) -> Legend:
    """The lines' names below the figure, the note above them."""
    title = textwrap.fill(note, int(figure.get_figwidth() / 0.075))
    return figure.legend(
        handles=handles, title=title, title_fontsize=8, loc="outside lower center", ncols=len(handles)
    )


def outline_segments(cells: np.ndarray) -> np.ndarray:
    """The sides between cells [h, w] that are set and those that are not (beyond the edge none is).

    Returns
    -------
    int [n, 2, 2]: begin and end (x, y) of each side; cell (0, 0) covers x 0…1, y 0…1.
    """
    padded = np.pad(cells.astype(bool), 1)
    y, x = np.nonzero(padded[1:-1, 1:] != padded[1:-1, :-1])
    upright = np.stack([np.stack([x, y], 1), np.stack([x, y + 1], 1)], 1)
    y, x = np.nonzero(padded[1:, 1:-1] != padded[:-1, 1:-1])
    level = np.stack([np.stack([x, y], 1), np.stack([x + 1, y], 1)], 1)
    return np.concatenate([upright, level])


def rectangle(box: Box, **style) -> Rectangle:
    """A box's outline; pixel k covers k − 0.5 … k + 0.5 of the axis."""
    left, top, right, bottom = box
    return Rectangle((left - 0.5, top - 0.5), right - left, bottom - top, fill=False, **style)


@styled
def boxes_figure(panels: Sequence[BoxedPanel], title: str, note: str) -> Figure:
    """Test images with the true and the attended box and their IoU, `PER_ROW` in a row."""
    columns = min(PER_ROW, len(panels))
    rows = [panels[start : start + columns] for start in range(0, len(panels), columns)]
    heights = [max(COLUMN * each.image.shape[0] / each.image.shape[1] for each in row) for row in rows]
    width = max(COLUMN * columns + 0.2, 5.2)
    heading = textwrap.fill(title, int(width / 0.085))
    lines = heading.count("\n") + 1
    figure = Figure(figsize=(width, sum(heights) + 0.2 * len(rows) + 0.18 * lines + 0.55))
    figure.set_layout_engine("constrained", h_pad=0.03, w_pad=0.03, hspace=0.02, wspace=0.02)
    axes = figure.subplots(len(rows), columns, squeeze=False, height_ratios=heights)
    for panel in axes.flat:
        panel.set_visible(False)
    for axis, seen in zip(axes.flat, panels, strict=False):
        axis.set_visible(True)
        bare(axis)
        axis.set_anchor("S")  # what stands below the images of a row is on one line
        axis.imshow(seen.image, interpolation="auto")
        height, wide = seen.image.shape[:2]
        for box, colour in ((seen.truth, TRUE_BOX), (seen.attended, ATTENDED_BOX)):
            if box is not None:
                pixels = np.multiply(box, [wide, height, wide, height])
                axis.add_patch(rectangle(tuple(pixels), color="white", lw=3.2, clip_on=False))
                axis.add_patch(rectangle(tuple(pixels), color=colour, lw=2, clip_on=False))
        words = "true box not known" if seen.iou is None else f"IoU {seen.iou:.2f}"
        axis.set_xlabel(words, fontsize=8, color=INK, labelpad=3)
    handles = [Line2D([], [], color=ATTENDED_BOX, lw=2, label="attended box")]
    if any(seen.truth is not None for seen in panels):
        handles.insert(0, Line2D([], [], color=TRUE_BOX, lw=2, label="true box"))
    _legend(figure, handles, note)
    figure.suptitle(heading, x=0.01, ha="left", fontsize=10, weight="bold", color=INK)
    return figure
