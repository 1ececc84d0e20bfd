"""The figure of annotation effort: detection and accuracy against the number of annotated images."""

from __future__ import annotations

import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import NullLocator

from maskguide.drawing.region_figures import region_colours
from maskguide.drawing.style import GREY, INK, LIGHT, colours, styled

LEAST_SPAN = 10  # percent that the axis of accuracies covers at least
MARKS = "osD^vP"
DASHES = ("--", ":", "-.")


@styled
def annotation_figure(
    detectors: pd.DataFrame, runs: pd.DataFrame, baselines: pd.DataFrame, title: str
) -> Figure:
    """Two panels over the number of annotated images: how well regions are found, images classified.

    Parameters
    ----------
    detectors
        count, region, map50 (percent, NaN where no true box is known).
    runs
        count, label (one line each), method (its colour), top1_last (percent): one row per seed.
    baselines
        label, top1_last: one row per seed; may be empty.
    """
    counts = sorted({*detectors["count"], *runs["count"]})
    figure = Figure(figsize=(7.5, 3.4), layout="constrained")
    found, classified = figure.subplots(1, 2)
    _draw_detection(found, detectors)
    _draw_accuracy(classified, runs, baselines)
    for panel in (found, classified):
        panel.set_xscale("log")
        panel.set_xticks(counts, [str(count) for count in counts])
        panel.xaxis.set_minor_locator(NullLocator())
        panel.set_xlim(counts[0] / 1.25, counts[-1] * 1.25)
        panel.set_xlabel("annotated training images")
    figure.suptitle(title, x=0.01, ha="left", fontsize=10, weight="bold", color=INK)
    return figure


def _draw_detection(panel: Axes, detectors: pd.DataFrame) -> None:
    panel.set_title("detector: mAP@0.5 on the test images, %", fontsize=9)
    known = detectors.dropna(subset="map50")
    colour = region_colours(list(dict.fromkeys(detectors["region"])))
    for place, (region, group) in enumerate(known.groupby("region", sort=False)):
        group = group.sort_values("count")
        style = {"color": colour[region], "marker": MARKS[place % len(MARKS)], "ms": 5}
        panel.plot(group["count"], group["map50"], label=region.replace("_", " "), **style)
    panel.set_ylim(-3, 103)
    if known.empty:
        panel.text(
            *(0.5, 0.5, "no true boxes\nto compare with"),
            transform=panel.transAxes,
            ha="center",
            va="center",
            color=INK,
        )
    else:
        panel.legend(loc="best")


def _draw_accuracy(panel: Axes, runs: pd.DataFrame, baselines: pd.DataFrame) -> None:
    """Mean over seeds ± sample standard deviation, each seed small; baselines as horizontal bands."""
    panel.set_title("classifier: top-1 of the last epoch, %, mean ± std", fontsize=9)
    drawn = [*runs["top1_last"], *baselines["top1_last"]]
    for place, (label, group) in enumerate(baselines.groupby("label", sort=False)):
        mean, std = group["top1_last"].mean(), group["top1_last"].std(ddof=1)
        dashes = DASHES[place % len(DASHES)]
        panel.axhline(mean, color=GREY, linestyle=dashes, linewidth=1.2, label=f"{label}, no boxes")
        if len(group) > 1:
            panel.axhspan(mean - std, mean + std, color=LIGHT, alpha=0.5, linewidth=0, zorder=0)
    colour = colours(list(runs["method"]))
    for place, (label, group) in enumerate(runs.groupby("label", sort=False)):
        cells = group.groupby("count")["top1_last"]
        mean, std = cells.mean(), cells.std(ddof=1)
        shade, mark = colour[group["method"].iloc[0]], MARKS[place % len(MARKS)]
        several = std.notna()
        drawn += [*(mean - std)[several], *(mean + std)[several]]
        panel.errorbar(
            mean.index, mean, yerr=std.fillna(0), fmt=f"{mark}-", color=shade, ms=5, capsize=2.5, label=label
        )
        if several.any():
            panel.plot(
                group["count"], group["top1_last"], ls="", marker=mark, ms=3, color=shade, alpha=0.4, mew=0
            )
    low, high = min(drawn), max(drawn)
    half = max(LEAST_SPAN, 1.15 * (high - low)) / 2  # numbers that hardly differ must look so
    panel.set_ylim(max((low + high) / 2 - half, -2), min((low + high) / 2 + half, 102))
    panel.legend(loc="best", fontsize=8)
