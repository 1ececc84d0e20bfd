"""The figure of accuracy against the number of local classifiers."""

from __future__ import annotations

import pandas as pd
from matplotlib.axes import Axes
from matplotlib.container import ErrorbarContainer
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.ticker import NullLocator

from maskguide.drawing.style import GREY, INK, LIGHT, OTHER_COLOURS, styled

LEAST_SPAN = 10  # percent that the axis covers at least: numbers that hardly differ must look so
MARKS = "osD^vP"
DASHES = ("--", ":", "-.")
FIRST_COLOUR = "#0072B2"
BEST = {"lw": 0.8, "ls": (0, (4, 2)), "marker": "_", "ms": 7}


@styled
def classifiers_figure(runs: pd.DataFrame, baselines: pd.DataFrame, title: str) -> Figure:
    """Top-1 of the last epoch with its spread, of the best epoch thin, over the number of local classifiers.

    Parameters
    ----------
    runs
        count, label (one line each), top1_last, top1_best (percent): one row per seed.
    baselines
        label, top1_last: one row per seed; may be empty.
    """
    figure = Figure(figsize=(5.2, 3.6), layout="constrained")
    panel = figure.subplots()
    drawn = []
    colours = [FIRST_COLOUR, *(colour for colour in OTHER_COLOURS if colour != FIRST_COLOUR)]
    for place, (label, group) in enumerate(runs.groupby("label", sort=False)):
        drawn += _draw_line(panel, label, group, colours[place % len(colours)], MARKS[place % len(MARKS)])
    lines = runs["label"].nunique()
    drawn += _draw_baselines(panel, baselines)
    counts = sorted(set(runs["count"]))
    panel.set_xscale("log", base=2)
    panel.set_xticks(counts, [str(count) for count in counts])
    panel.xaxis.set_minor_locator(NullLocator())
    panel.set_xlim(counts[0] / 1.25, counts[-1] * 1.25)
    panel.set_xlabel("local classifiers")
    panel.set_ylabel("top-1 on the test images, %")
    half = max(LEAST_SPAN, 1.15 * (max(drawn) - min(drawn))) / 2
    middle = (max(drawn) + min(drawn)) / 2
    panel.set_ylim(max(middle - half, -2), min(middle + half, 102))
    handles, _ = panel.get_legend_handles_labels()
    handles.sort(key=lambda handle: not isinstance(handle, ErrorbarContainer))  # ACA first
    if (runs["top1_best"] != runs["top1_last"]).any():
        handles.insert(lines, Line2D([], [], color=GREY, label="its best epoch (mean)", **BEST))
    figure.legend(handles=handles, loc="outside lower center", ncols=2, fontsize=8)
    figure.suptitle(title, x=0.01, ha="left", fontsize=10, weight="bold", color=INK)
    return figure


def _draw_baselines(panel: Axes, baselines: pd.DataFrame) -> list[float]:
    """Horizontal lines with bands, mean ± sample standard deviation; the values drawn."""
    drawn = []
    for place, (label, group) in enumerate(baselines.groupby("label", sort=False)):
        mean, std = group["top1_last"].mean(), group["top1_last"].std(ddof=1)
        panel.axhline(
            mean,
            color=GREY,
            linestyle=DASHES[place % len(DASHES)],
            linewidth=1.2,
            label=f"{label}, last epoch",
        )
        drawn.append(mean)
        if len(group) > 1:
            panel.axhspan(mean - std, mean + std, color=LIGHT, alpha=0.5, linewidth=0, zorder=0)
            drawn += [mean - std, mean + std]
    return drawn


def _draw_line(panel: Axes, label: str, group: pd.DataFrame, colour: str, mark: str) -> list[float]:
    """Mean over seeds ± sample standard deviation, each seed small, the best epoch's mean thin."""
    cells = group.groupby("count")["top1_last"]
    mean, std = cells.mean(), cells.std(ddof=1).fillna(0)
    panel.errorbar(
        *(mean.index, mean),
        yerr=std,
        fmt=f"{mark}-",
        color=colour,
        ms=5,
        capsize=2.5,
        label=f"{label}, last epoch (mean{' ± std' if (cells.count() > 1).any() else ''})",
    )
    if (cells.count() > 1).any():
        panel.plot(
            group["count"], group["top1_last"], ls="", marker=mark, ms=3, color=colour, alpha=0.4, mew=0
        )
    best = group.groupby("count")["top1_best"].mean()
    if (group["top1_best"] != group["top1_last"]).any():
        panel.plot(best.index, best, color=colour, **BEST)
    return [*group["top1_last"], *(mean - std), *(mean + std), *best]
