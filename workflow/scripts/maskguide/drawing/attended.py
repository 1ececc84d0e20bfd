"""The figure of attended boxes beside true ones, on test images."""

from __future__ import annotations

import textwrap
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from matplotlib.figure import Figure
from matplotlib.lines import Line2D

from maskguide.drawing.image_panels import COLUMN, bare, legend_with_note, rectangle
from maskguide.drawing.style import INK, styled

TRUE_BOX, ATTENDED_BOX = "#00B050", "#1F6FEB"  # green and blue, as in the paper's Figure 7
PER_ROW = 4  # images in a row


@dataclass(frozen=True)
class BoxedPanel:
    """One test image; boxes [4] in shares of its sides, None where not known; iou in 0…1."""

    image: np.ndarray
    truth: np.ndarray | None
    attended: np.ndarray
    iou: float | None


@styled
def attended_figure(panels: Sequence[BoxedPanel], title: str, note: str) -> Figure:
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
    for axis in axes.flat[len(panels) :]:
        axis.set_visible(False)
    for axis, seen in zip(axes.flat, panels, strict=False):
        bare(axis)
        axis.set_anchor("S")  # what stands below the images of a row is on one line
        axis.imshow(seen.image, interpolation="auto")
        height, wide = seen.image.shape[:2]
        for box, colour in ((seen.truth, TRUE_BOX), (seen.attended, ATTENDED_BOX)):
            if box is not None:
                pixels = tuple(box * [wide, height, wide, height])
                axis.add_patch(rectangle(pixels, color="white", lw=3.2, clip_on=False))
                axis.add_patch(rectangle(pixels, color=colour, lw=2, clip_on=False))
        words = "true box not known" if seen.iou is None else f"IoU {seen.iou:.2f}"
        axis.set_xlabel(words, fontsize=8, color=INK, labelpad=3)
    handles = [Line2D([], [], color=ATTENDED_BOX, lw=2, label="attended box")]
    if any(seen.truth is not None for seen in panels):
        handles.insert(0, Line2D([], [], color=TRUE_BOX, lw=2, label="true box"))
    legend_with_note(figure, handles, note)
    figure.suptitle(heading, x=0.01, ha="left", fontsize=10, weight="bold", color=INK)
    return figure
