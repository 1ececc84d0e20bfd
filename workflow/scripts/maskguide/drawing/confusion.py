"""The figure of confusion matrices."""

from __future__ import annotations

import math
import textwrap
from collections.abc import Sequence

import numpy as np
from matplotlib.figure import Figure

from maskguide.drawing.style import INK, styled

MOST_CLASS_NAMES = 20


@styled
def confusion_figure(panels: Sequence[tuple[str, np.ndarray, Sequence[str]]]) -> Figure:
    """Confusion matrices, one panel each, with one colour scale.

    panels: title, counts int [classes (true), classes (predicted)], class names. Rows are shown as percent of
    the true class; a row without images stays white. Names are written up to 20 classes.
    """
    across = min(len(panels), 3)
    down = math.ceil(len(panels) / across)
    named = [names for _, _, names in panels if len(names) <= MOST_CLASS_NAMES]
    text = 0.075 * min(max((len(name) for names in named for name in names), default=0), 24)
    side = max(2.6, 0.19 * max(map(len, named), default=0))
    size = across * (side + text + 0.45), down * (side + text + 0.75) + 0.6
    figure = Figure(figsize=size, layout="constrained")
    axes = figure.subplots(down, across, squeeze=False).ravel()
    for panel in axes[len(panels) :]:
        panel.set_visible(False)
    for panel, (title, counts, names) in zip(axes, panels, strict=False):
        total = counts.sum(axis=1, keepdims=True)
        share = np.divide(100 * counts, total, out=np.full(counts.shape, np.nan), where=total > 0)
        image = panel.imshow(share, cmap="Blues", vmin=0, vmax=100)
        panel.set_title("\n".join(textwrap.wrap(title, int(side / 0.072))), fontsize=9)
        panel.grid(False)
        panel.set(xlabel="predicted class", ylabel="true class")
        panel.spines[:].set_visible(True)
        if len(names) <= MOST_CLASS_NAMES:
            short = [name if len(name) <= 24 else f"{name[:23]}…" for name in names]
            panel.set_xticks(range(len(names)), short, rotation=90, fontsize=7)
            panel.set_yticks(range(len(names)), short, fontsize=7)
            panel.tick_params(length=0)
            _write_shares(panel, share)
        else:
            panel.set(xticks=[], yticks=[], xlabel=f"predicted class ({len(names)})")
    # A bar of the same size under any number of panels: 2.4 inches wide.
    shrink = 2.4 / figure.get_figwidth()
    bar = figure.colorbar(image, ax=axes.tolist(), location="bottom", shrink=shrink, aspect=20, pad=0.02)
    bar.set_label("percent of the true class")
    bar.outline.set_visible(False)
    return figure


def _write_shares(panel, share: np.ndarray) -> None:
    """The percentages that are at least 1, in their cells."""
    for (row, column), value in np.ndenumerate(share):
        if value >= 0.5:
            shade = "white" if value > 55 else INK
            cell = panel.text(column, row, f"{value:.0f}", ha="center", va="center", fontsize=6, color=shade)
            cell.set_in_layout(False)  # inside the panel anyway; measuring hundreds of them is slow
