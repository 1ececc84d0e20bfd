"""The paper's Figure 1, one column longer: image, true mask, predicted mask, the classifier's attention."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from matplotlib.colors import to_rgb
from matplotlib.figure import Figure
from matplotlib.patches import Patch

from maskguide.data.masks import IGNORE
from maskguide.drawing.image_panels import colour_bar, heat_over_grey, image_grid, say
from maskguide.drawing.style import styled

# As in the paper: the main vein black, the second-order vein red, on white. A lone object is blue.
VEIN_COLOURS = ["#111111", "#D62728", "#0072B2", "#009E73", "#E69F00", "#CC79A7", "#56B4E9"]
OBJECT_COLOUR = "#0072B2"
LEAST_SPAN = 0.05  # of the colour scale: attention that is nearly flat must look flat


@dataclass(frozen=True)
class Strip:
    """One row of the figure.

    image: uint8 [H, W, 3]. truth: uint8 [H, W], 0 = background, k = k-th mask class; None where unknown.
    prediction: as truth. attention: float [h, w] in 0…1; cells: start and stride of its cells, as in
    `cell_grid`. roc_area: of the attention against the truth, or where it is unknown the prediction, in 0…1;
    NaN where it says nothing.
    """

    name: str
    image: np.ndarray
    truth: np.ndarray | None
    prediction: np.ndarray
    attention: np.ndarray
    cells: tuple[float, float]
    roc_area: float


def class_colours(classes: Sequence[str]) -> list[str]:
    """A colour for each mask class, in their order."""
    if len(classes) == 1:
        return [OBJECT_COLOUR]
    return [VEIN_COLOURS[place % len(VEIN_COLOURS)] for place in range(len(classes))]


def colour_labels(labels: np.ndarray, classes: Sequence[str]) -> np.ndarray:
    """Labels uint8 [H, W] → uint8 [H, W, 3]: background and void white, each class its colour."""
    palette = np.array([(1, 1, 1), *map(to_rgb, class_colours(classes))])
    return np.rint(255 * palette).astype(np.uint8)[np.where(labels == IGNORE, 0, labels)]


def attention_range(maps: Sequence[np.ndarray]) -> tuple[float, float]:
    """The colour scale that all rows share: least to largest attention, at least `LEAST_SPAN` apart."""
    low, high = min(map(np.min, maps)), max(map(np.max, maps))
    widen = max(0.0, LEAST_SPAN - (high - low)) / 2
    return float(low - widen), float(high + widen)


@styled
def strips_figure(strips: Sequence[Strip], classes: Sequence[str]) -> Figure:
    """A row per image; the column of the truth is left out where no image has one."""
    with_truth = any(strip.truth is not None for strip in strips)
    titles = ["image", *(["ground truth"] if with_truth else []), "prediction", "attention"]
    images = [strip.image for strip in strips]
    figure, axes = image_grid(images, [strip.name for strip in strips], len(titles), below=0.22, beside=0.8)
    low, high = attention_range([strip.attention for strip in strips])
    for row, strip in zip(axes, strips, strict=True):
        panels = dict(zip(titles, row, strict=True))
        panels["image"].imshow(strip.image, interpolation="auto")
        panels["prediction"].imshow(colour_labels(strip.prediction, classes), interpolation="auto")
        if with_truth and strip.truth is None:
            say(panels["ground truth"], strip.image.shape[:2], "not known")
        elif with_truth:
            panels["ground truth"].imshow(colour_labels(strip.truth, classes), interpolation="auto")
        heat = heat_over_grey(panels["attention"], strip.image, strip.attention, low, high, strip.cells)
        if not np.isnan(strip.roc_area):
            panels["attention"].set_xlabel(f"ROC area {strip.roc_area:.2f}", fontsize=8, labelpad=3)
    for panel, title in zip(axes[0], titles, strict=True):
        panel.set_title(title, loc="center")
    colour_bar(figure, heat, axes, "attention (0…1)")
    shown = zip(classes, class_colours(classes), strict=True)
    handles = [Patch(color=colour, label=name.replace("_", " ")) for name, colour in shown]
    figure.legend(handles=handles, loc="outside lower center", ncols=min(4, len(handles)))
    return figure
