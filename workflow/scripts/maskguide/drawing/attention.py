"""The figure of ACA's attention: what each scale sees and attends to."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from matplotlib.axes import Axes
from matplotlib.collections import LineCollection
from matplotlib.figure import Figure
from matplotlib.lines import Line2D

from maskguide.drawing import image_panels
from maskguide.drawing.image_panels import Box, rectangle
from maskguide.drawing.style import INK, styled
from maskguide.learning.cells import cell_edges

NEXT, OUTLINE = "#56B4E9", "white"


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


@styled
def attention_figure(
    names: Sequence[str], rows: Sequence[Sequence[ScalePanel]], titles: Sequence[str], note: str
) -> Figure:
    """A row per test image (its name is the true class), a column per scale; the note goes to the foot."""
    beside = 0.75 if len(titles) > 1 else 1.6  # below a single column the legend is wider than the images
    figure, axes = image_panels.image_grid(
        [row[0].image for row in rows], names, len(titles), below=0.22, beside=beside
    )
    for name, row, panels in zip(names, rows, axes, strict=True):
        for seen, panel in zip(row, panels, strict=True):
            heat = image_panels.heat_over_grey(panel, seen.image, seen.attention, cells=seen.cells)
            _draw_attended(panel, seen)
            image_panels.say_prediction(panel, seen.predicted, name)
    for panel, title in zip(axes[0], titles, strict=True):
        panel.set_title(title, loc="center", fontsize=9)
    image_panels.colour_bar(figure, heat, axes, "attention M\n(each map on its own scale)")
    handles = [Line2D([], [], color=OUTLINE, lw=1.4, label="attended region")]
    if any(seen.zoom for row in rows for seen in row):
        handles.append(Line2D([], [], color=NEXT, lw=1.8, label="image of the next scale"))
    legend = image_panels.legend_with_note(figure, handles, note)
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
        # it may show more than this scale sees
        inside = np.clip(seen.zoom, 0, [width, height, width, height])
        panel.add_patch(rectangle(tuple(inside), color=NEXT, lw=2, clip_on=False))


def outline_segments(cells: np.ndarray) -> np.ndarray:
    """The sides between cells [h, w] that are set and those that are not (beyond the edge none is).

    int [n, 2, 2]: begin and end (x, y) of each side; cell (0, 0) covers x 0…1, y 0…1.
    """
    padded = np.pad(cells.astype(bool), 1)
    y, x = np.nonzero(padded[1:-1, 1:] != padded[1:-1, :-1])
    upright = np.stack([np.stack([x, y], 1), np.stack([x, y + 1], 1)], 1)
    y, x = np.nonzero(padded[1:, 1:-1] != padded[:-1, 1:-1])
    level = np.stack([np.stack([x, y], 1), np.stack([x + 1, y], 1)], 1)
    return np.concatenate([upright, level])
