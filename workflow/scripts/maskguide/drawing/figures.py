"""Figures of runs: training curves and confusion matrices."""

from __future__ import annotations

import math
import textwrap
from collections.abc import Mapping, Sequence

import numpy as np
import pandas as pd
from matplotlib.figure import Figure
from matplotlib.lines import Line2D

from maskguide.drawing.style import INK, colours, styled
from maskguide.reporting import labels

CURVES = {
    "loss": "training loss",
    "attention": "attention loss, weighted",
    "train_top1": "training accuracy, %",
    "test_top1": "test accuracy, %",
}
MOST_CLASS_NAMES = 20


@styled
def curves_figure(histories: Sequence[tuple[Mapping, pd.DataFrame]]) -> Figure:
    """Training curves: a row of panels per data set and backbone, a line per method.

    Parameters
    ----------
    histories
        For each run its row of `runs.read_runs` (dataset, method, backbone) and its history. The line is the
        mean over seeds, the band the sample standard deviation around it. The attention losses of several
        regions are added up.
    """
    histories = [(run, _with_attention(history)) for run, history in histories]
    places = list(dict.fromkeys((run["dataset"], run["backbone"]) for run, _ in histories))
    methods = labels.sort_methods(run["method"] for run, _ in histories)
    columns = [name for name in CURVES if any(name in history for _, history in histories)]
    colour = colours(methods)
    legend_columns = min(len(methods), 4)
    legend_rows = math.ceil(len(methods) / legend_columns)
    figure = Figure(
        figsize=(2.9 * len(columns), 2.5 * len(places) + 0.35 + 0.2 * legend_rows), layout="constrained"
    )
    axes = figure.subplots(len(places), len(columns), squeeze=False)
    for row, (dataset, backbone) in enumerate(places):
        for place, column in enumerate(columns):
            panel = axes[row, place]
            for method in methods:
                lines = [
                    history.set_index("epoch")[column]
                    for run, history in histories
                    if (run["dataset"], run["backbone"], run["method"]) == (dataset, backbone, method)
                    and column in history
                ]
                if lines:
                    _band(panel, pd.concat(lines, axis=1), colour[method])
            panel.set_title(CURVES[column], fontsize=9)
            panel.margins(x=0.02)
            panel.locator_params(axis="x", integer=True, nbins=6)
            panel.set_xlabel("epoch")
            if not panel.lines:
                panel.set_visible(False)
        name = f"{labels.dataset_label(dataset)}, {labels.BACKBONES.get(backbone, backbone)}"
        axes[row, 0].annotate(
            name,
            (0, 1),
            xytext=(-28, 24),
            xycoords="axes fraction",
            textcoords="offset points",
            weight="bold",
            color=INK,
        )
    handles = [Line2D([], [], color=colour[name], label=labels.method_label(name)) for name in methods]
    figure.legend(handles=handles, loc="outside lower center", ncols=legend_columns)
    return figure


def _with_attention(history: pd.DataFrame) -> pd.DataFrame:
    """The history with the sum of its regions' attention losses as `attention`, where it has regions."""
    terms = history.filter(regex="^attention_")
    return history if terms.empty else history.assign(attention=terms.sum(axis=1))


def _band(panel, values: pd.DataFrame, colour: str) -> None:
    """Mean over seeds (columns) as a line, ± sample standard deviation as a band where there are several."""
    mean, std = values.mean(axis=1), values.std(axis=1, ddof=1)
    panel.plot(values.index, mean, color=colour, marker="." if len(values) == 1 else None)
    if values.shape[1] > 1:
        panel.fill_between(values.index, mean - std, mean + std, color=colour, alpha=0.16, linewidth=0)


@styled
def confusion_figure(panels: Sequence[tuple[str, np.ndarray, Sequence[str]]]) -> Figure:
    """Confusion matrices, one panel each, with one colour scale.

    Parameters
    ----------
    panels
        Title, counts int [classes (true), classes (predicted)], class names. Rows are shown as percent of
        the true class; a row without images stays white. Names are written up to 20 classes.
    """
    across = min(len(panels), 3)
    down = math.ceil(len(panels) / across)
    longest = max(
        (len(name) for _, _, names in panels for name in names if len(names) <= MOST_CLASS_NAMES), default=0
    )
    most = max(len(names) if len(names) <= MOST_CLASS_NAMES else 0 for _, _, names in panels)
    text = 0.075 * min(longest, 24)
    side = max(2.6, 0.19 * most)
    figure = Figure(
        figsize=(across * (side + text + 0.45), down * (side + text + 0.75) + 0.6), layout="constrained"
    )
    axes = figure.subplots(down, across, squeeze=False).ravel()
    for panel in axes[len(panels) :]:
        panel.set_visible(False)
    for panel, (title, counts, names) in zip(axes, panels, strict=False):
        total = counts.sum(axis=1, keepdims=True)
        share = np.divide(100 * counts, total, out=np.full(counts.shape, np.nan), where=total > 0)
        image = panel.imshow(share, cmap="Blues", vmin=0, vmax=100)
        panel.set_title("\n".join(textwrap.wrap(title, int(side / 0.072))), fontsize=9)
        panel.grid(False)
        panel.set_xlabel("predicted class")
        panel.set_ylabel("true class")
        for spine in panel.spines.values():
            spine.set_visible(True)
        if len(names) <= MOST_CLASS_NAMES:
            short = [name if len(name) <= 24 else f"{name[:23]}…" for name in names]
            panel.set_xticks(range(len(names)), short, rotation=90, fontsize=7)
            panel.set_yticks(range(len(names)), short, fontsize=7)
            panel.tick_params(length=0)
            _write_shares(panel, share)
        else:
            panel.set_xticks([])
            panel.set_yticks([])
            panel.set_xlabel(f"predicted class ({len(names)})")
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
