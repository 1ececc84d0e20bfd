"""One quiet look for all figures: colours that the colour-blind can tell apart, one resolution."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from contextlib import AbstractContextManager
from functools import wraps
from pathlib import Path

import matplotlib
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from maskguide.reporting import labels
from maskguide.system.files import atomic_file

DPI = 150
LEAST_SPAN = 10  # percent that an axis of accuracies covers at least
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
# For methods that declare none: Tol's palette.
OTHER_COLOURS = [
    *("#882255", "#999933", "#332288", "#44AA99", "#AA4499", "#DDCC77", "#117733", "#661100"),
    *("#88CCEE", "#6699CC", "#CC6677", "#AA4466", "#004488", "#BBCC33"),
]


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
    """A colour for each method: its own in every figure; without one the next that none of the others has."""
    names = list(dict.fromkeys(methods))
    known = {name: colour for name in names if (colour := labels.variant(name).colour)}
    free = [colour for colour in OTHER_COLOURS if colour not in known.values()]
    unknown = [method for method in names if method not in known]
    return known | {method: free[place % len(free)] for place, method in enumerate(unknown)}


def percent_limits(low: float, high: float) -> tuple[float, float]:
    """Limits of an axis of percentages around these: numbers that hardly differ must look so.

    Beyond 0 and 100 there is room for a mark, and none for a number that cannot be.
    """
    half, middle = max(LEAST_SPAN, high - low) / 2, (low + high) / 2
    return max(middle - half, -0.04 * half), min(middle + half, 100 + 0.04 * half)


def name_rows(panel: Axes, names: Sequence[str]) -> None:
    """The names of a panel's rows, the first on top."""
    panel.set_yticks(range(len(names)), names)
    panel.set_ylim(len(names) - 0.4, -0.6)
    panel.grid(axis="y", visible=False)
    panel.tick_params(axis="y", length=0)


def save(figure: Figure, path: str | Path) -> None:
    """Write a figure atomically; the same figure gives the same bytes."""
    with atomic_file(path) as temporary, style():
        figure.savefig(temporary, dpi=DPI, facecolor="white", metadata={"Software": None})
