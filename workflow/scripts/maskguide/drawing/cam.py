"""The figure of class activation maps: what speaks for an image's true class, in several classifiers."""

from __future__ import annotations

import itertools
import textwrap
from collections.abc import Sequence
from dataclasses import dataclass
from string import ascii_lowercase

import numpy as np
from matplotlib.figure import Figure

from maskguide.drawing.image_panels import colour_bar, heat_over_grey, image_grid, say_prediction
from maskguide.drawing.style import INK, styled


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


@styled
def cam_figure(rows: Sequence[ActivationRow], titles: Sequence[str], note: str) -> Figure:
    """A row per test image: the image, then each classifier's class activation map over it in grey.

    Each map has its own scale, as in the paper's Figure 4; below stands what the classifier predicts; the
    note goes to the foot.
    """
    titles, images = ["original", *titles], [row.image for row in rows]
    figure, axes = image_grid(images, [row.name for row in rows], len(titles), below=0.22, beside=0.75)
    for row, panels in zip(rows, axes, strict=True):
        panels[0].imshow(row.image, interpolation="auto")
        for panel, heat, (name, probability) in zip(panels[1:], row.maps, row.predicted, strict=True):
            image = heat_over_grey(panel, row.image, heat)
            say_prediction(panel, name, row.name, f" ({probability:.2f})")
    for letter, panel, title in zip(itertools.cycle(ascii_lowercase), axes[0], titles, strict=False):
        panel.set_title(textwrap.fill(f"({letter}) {title}", 30), loc="center", fontsize=9)
    colour_bar(figure, image, axes, "activation\n(each map on its own scale)")
    figure.supxlabel(textwrap.fill(note, int(figure.get_figwidth() / 0.07)), fontsize=8, color=INK)
    return figure
