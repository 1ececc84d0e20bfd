"""One quiet look for all figures: colours that the colour-blind can tell apart, one resolution."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from contextlib import AbstractContextManager
from functools import wraps
from pathlib import Path

import matplotlib
from matplotlib.figure import Figure

from maskguide.files import atomic_file

DPI = 150
INK, GREY, LIGHT = "#222222", "#767676", "#d9d9d9"
STYLE = {
    "font.size": 9,
    "axes.titlesize": 10,
    "axes.titlelocation": "left",
    "axes.labelsize": 9,
    "axes.labelcolor": INK,
    "axes.edgecolor": GREY,
    "axes.linewidth": 0.8,
    "axes.spines.top": False,
    "axes.spines.right": False,
    "axes.grid": True,
    "axes.axisbelow": True,
    "grid.color": LIGHT,
    "grid.linewidth": 0.6,
    "xtick.color": GREY,
    "ytick.color": GREY,
    "xtick.labelcolor": INK,
    "ytick.labelcolor": INK,
    "legend.frameon": False,
    "lines.linewidth": 1.5,
    "image.interpolation": "nearest",
}
# Okabe and Ito's palette; a method keeps its colour in every figure.
METHOD_COLOURS = {
    "baseline": "#767676",
    "attention": "#E69F00",
    "mga": "#0072B2",
    "mga-truth": "#009E73",
    "mga-shuffled": "#D55E00",
    "mga-auto": "#CC79A7",
    "mga-segmenter": "#56B4E9",
    "mdm": "#000000",
}
OTHER_COLOURS = ["#882255", "#999933", "#332288", "#44AA99", "#AA4499", "#DDCC77", "#117733", "#661100"]


def style() -> AbstractContextManager:
    """This style for a `with` block. Saving belongs in one too: some ticks are made only then."""
    return matplotlib.rc_context({**matplotlib.rcParamsDefault, "backend": "agg", **STYLE})


def styled(draw: Callable[..., Figure]) -> Callable[..., Figure]:
    """Make a drawing function draw in this style."""

    @wraps(draw)
    def in_style(*args, **kwargs) -> Figure:
        with style():
            return draw(*args, **kwargs)

    return in_style


def colours(methods: Sequence[str]) -> dict[str, str]:
    """A colour for each method: its own, or for one unknown here the next that is free."""
    unknown = [method for method in dict.fromkeys(methods) if method not in METHOD_COLOURS]
    others = {method: OTHER_COLOURS[place % len(OTHER_COLOURS)] for place, method in enumerate(unknown)}
    return {method: METHOD_COLOURS.get(method) or others[method] for method in methods}


def save(figure: Figure, path: str | Path) -> None:
    """Write a figure atomically; the same figure gives the same bytes."""
    with atomic_file(path) as temporary, style():
        figure.savefig(temporary, dpi=DPI, facecolor="white", metadata={"Software": None})
