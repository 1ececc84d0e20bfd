"""The figure of training curves."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence

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


@styled
def curves_figure(histories: Sequence[tuple[Mapping, pd.DataFrame]]) -> Figure:
    """Training curves: a row of panels per data set and backbone, a line per method.

    histories: for each run its row of `runs.read_runs` (dataset, method, backbone) and its history. The line
    is the mean over runs, the band the sample standard deviation around it; both join the tested epochs. The
    attention losses of several regions are added up.
    """
    histories = [(run, _with_attention(history)) for run, history in histories]
    places = list(dict.fromkeys((run["dataset"], run["backbone"]) for run, _ in histories))
    methods = labels.sort_methods(run["method"] for run, _ in histories)
    columns = [name for name in CURVES if any(name in history for _, history in histories)]
    colour = colours(methods)
    legend_columns = min(len(methods), 4)
    height = 2.5 * len(places) + 0.35 + 0.2 * math.ceil(len(methods) / legend_columns)
    figure = Figure(figsize=(2.9 * len(columns), height), layout="constrained")
    axes = figure.subplots(len(places), len(columns), squeeze=False)
    for row, (dataset, backbone) in enumerate(places):
        for panel, column in zip(axes[row], columns, strict=True):
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
            panel.set_visible(bool(panel.lines))
        name = f"{labels.dataset_label(dataset)}, {labels.backbone_label(backbone)}"
        place = {"xytext": (-28, 24), "xycoords": "axes fraction", "textcoords": "offset points"}
        axes[row, 0].annotate(name, (0, 1), weight="bold", color=INK, **place)
    handles = [Line2D([], [], color=colour[name], label=labels.method_label(name)) for name in methods]
    figure.legend(handles=handles, loc="outside lower center", ncols=legend_columns)
    return figure


def _with_attention(history: pd.DataFrame) -> pd.DataFrame:
    """The history with the sum of its regions' attention losses as `attention`, where it has regions."""
    terms = history.filter(regex="^attention_")
    return history if terms.empty else history.assign(attention=terms.sum(axis=1))


def _band(panel, values: pd.DataFrame, colour: str) -> None:
    """Mean over seeds (columns) as a line, ± sample standard deviation as a band where there are several."""
    values = values.dropna(how="all")  # epochs that were not tested
    mean, std = values.mean(axis=1), values.std(axis=1, ddof=1)
    panel.plot(values.index, mean, color=colour, marker="." if len(values) == 1 else None)
    if values.shape[1] > 1:
        panel.fill_between(values.index, mean - std, mean + std, color=colour, alpha=0.16, linewidth=0)
