"""Panels of pictures: which images, in a grid without axes; heat, boxes and words over them; legends."""

from __future__ import annotations

import argparse
import textwrap
from collections.abc import Iterable, Sequence
from pathlib import Path

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.image import AxesImage
from matplotlib.legend import Legend
from matplotlib.lines import Line2D
from matplotlib.patches import Rectangle

from maskguide.drawing.style import GREY, INK
from maskguide.system.files import InputError

COLUMN = 2.3  # inches
RIGHT, WRONG = "#00734D", "#B03A00"
MOST_LETTERS = 28  # of a class name below a panel

Box = tuple[float, float, float, float]  # left, top, right, bottom


def add_image_options(parser: argparse.ArgumentParser, count: int = 4, of_those: str = "") -> None:
    """Which test images of which data set a figure shows, for `choose_images`, and where it goes."""
    add = parser.add_argument
    add("--index", type=Path, required=True, help="index.csv of the data set")
    add("--count", type=int, default=count, help=f"number of test images, one per class at first{of_those}")
    add("--seed", type=int, default=0, help="seed of their choice")
    add("--output", type=Path, required=True, help="the PNG to write")


def choose_images(
    index: pd.DataFrame, count: int, seed: int, path: Path, known: Iterable[str] = ()
) -> pd.DataFrame:
    """`count` test images of the index drawn by seed, no class twice before every class was drawn once.

    known: ids of the images to draw from where they suffice. `InputError`, naming the index's `path`, where
    there is no test image, and for a count below 1.
    """
    if count < 1:
        raise InputError(f"--count {count}: must be at least 1")
    test = index[index["split"] == "test"]
    if test.empty:
        raise InputError(f"{path}: has no test image to show")
    among = test["image_id"].isin(list(known))
    shuffled = (test[among] if among.sum() >= count else test).sample(frac=1, random_state=seed)
    turn = shuffled.groupby("class").cumcount()
    return shuffled.loc[turn.sort_values(kind="stable").index].head(count).reset_index(drop=True)


def image_grid(
    images: Sequence[np.ndarray], names: Sequence[str], columns: int, below: float = 0.0, beside: float = 0.0
) -> tuple[Figure, np.ndarray]:
    """Bare panels, a row per image, as high as the image is at the common width, its name to the left.

    below, beside: inches to keep free below each row and at the right.
    """
    heights = [COLUMN * image.shape[0] / image.shape[1] for image in images]
    figure = Figure(figsize=(COLUMN * columns + 0.3 + beside, sum(heights) + below * len(images) + 0.55))
    figure.set_layout_engine("constrained", h_pad=0.02, w_pad=0.04, hspace=0.02, wspace=0.02)
    axes = figure.subplots(len(images), columns, squeeze=False, height_ratios=heights)
    for panel in axes.flat:
        bare(panel)
    for panel, name, height in zip(axes[:, 0], names, heights, strict=True):
        panel.set_ylabel(textwrap.fill(name, max(8, int(height / 0.075))), fontsize=8)
    return figure, axes


def bare(panel: Axes) -> None:
    """No ticks and no grid, a thin frame."""
    panel.set(xticks=[], yticks=[])
    panel.grid(False)
    panel.spines[:].set(visible=True, color=GREY, linewidth=0.6)


def say(panel: Axes, size: tuple[int, int], words: str) -> None:
    """An empty panel of an image's size with words in its middle."""
    panel.imshow(np.full((*size, 3), 245, dtype=np.uint8))
    panel.text(0.5, 0.5, words, transform=panel.transAxes, ha="center", va="center", color=INK, fontsize=8)


def heat_over_grey(
    panel: Axes,
    image: np.ndarray,
    heat: np.ndarray,
    low: float = 0.0,
    high: float = 1.0,
    cells: tuple[float, float] | None = None,
) -> AxesImage:
    """A map [h, w], smoothed from its grid to the image uint8 [H, W, 3], over the image in grey.

    cells: cell j is centred on pixel start + j·stride (start, stride); None: the cells part the image evenly.
    """
    height, width = image.shape[:2]
    extent = (-0.5, width - 0.5, height - 0.5, -0.5)
    if cells is not None:
        start, stride = cells
        heat = np.pad(heat, 1, mode="edge")  # the outermost cells reach to the sides
        first, across, down = (start + (count - 1.5) * stride for count in (0, *heat.shape[::-1]))
        extent = (first, across, down, first)
    grey = image.astype(float) @ [0.299, 0.587, 0.114]
    panel.imshow(grey, cmap="gray", vmin=0, vmax=255, interpolation="auto")
    style = {"cmap": "inferno", "vmin": low, "vmax": high, "alpha": 0.6, "interpolation": "bilinear"}
    shown = panel.imshow(heat, extent=extent, **style)
    panel.set(xlim=(-0.5, width - 0.5), ylim=(height - 0.5, -0.5))
    return shown


def rectangle(box: Box, **style) -> Rectangle:
    """A box's outline; pixel k covers k − 0.5 … k + 0.5 of the axis."""
    left, top, right, bottom = box
    return Rectangle((left - 0.5, top - 0.5), right - left, bottom - top, fill=False, **style)


def say_prediction(panel: Axes, predicted: str, truth: str, ending: str = "") -> None:
    """Below a panel: the predicted class, right or wrong."""
    short = predicted if len(predicted) <= MOST_LETTERS else f"{predicted[: MOST_LETTERS - 1]}…"
    mark, colour = ("✓", RIGHT) if predicted == truth else ("✗", WRONG)
    panel.set_xlabel(f"{mark} {short}{ending}", fontsize=8, color=colour, labelpad=3)


def colour_bar(figure: Figure, shown: AxesImage, axes: np.ndarray, label: str) -> None:
    """The colour scale of a map, to the right of a grid's panels."""
    shrink = min(1.0, 2 / figure.get_figheight())
    bar = figure.colorbar(shown, ax=axes[:, -1].tolist(), shrink=shrink, aspect=18)
    bar.set_label(label, fontsize=8)
    bar.ax.tick_params(labelsize=7)
    bar.outline.set_visible(False)


def legend_with_note(figure: Figure, handles: Sequence[Line2D], note: str) -> Legend:
    """The lines' names below the figure, the note above them."""
    title = textwrap.fill(note, int(figure.get_figwidth() / 0.075))
    return figure.legend(
        handles=handles, title=title, title_fontsize=8, loc="outside lower center", ncols=len(handles)
    )
