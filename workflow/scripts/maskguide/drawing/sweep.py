"""The figure of a sweep: accuracy, and where given detection, against the values of one option."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.ticker import NullLocator

from maskguide.drawing.regions import region_colours
from maskguide.drawing.style import GREY, INK, LIGHT, colours, percent_limits, styled
from maskguide.reporting.measures import judged_on

MARKS = "osD^vP"
DASHES = ("--", ":", "-.")
BEST = {"lw": 0.8, "ls": (0, (4, 2)), "marker": "_", "ms": 7}
SPANS = 4  # values whose largest is so many times the smallest stand on a logarithmic axis


@styled
def sweep_figure(
    runs: pd.DataFrame, baselines: pd.DataFrame, axis: str, title: str, detectors: pd.DataFrame | None = None
) -> Figure:
    """Top-1 of the last epoch with its spread over an option's values, of the best epoch thin.

    runs: value (numbers, or else words), label (one line each), method (its colour), judged_on, top1_last,
    top1_best (percent): one row per run. baselines: label, top1_last: one row per run, as horizontal bands;
    may be empty. axis: what the values are. detectors: value, region, map50 (percent, NaN where no true box
    is known): how well each region is found, in a panel to the left; None leaves it out.
    """
    figure = Figure(figsize=(5.2, 3.6) if detectors is None else (8.6, 3.9), layout="constrained")
    *found, classified = figure.subplots(1, 1 if detectors is None else 2, squeeze=False)[0]
    seen = [*runs["value"], *(() if detectors is None else detectors["value"])]
    values = list(dict.fromkeys(sorted(seen) if _numbers(seen) else seen))
    places = {value: value if _numbers(values) else place for place, value in enumerate(values)}
    part = judged_on(runs).replace(" of ", "\nof ")  # the axis is short
    _draw_accuracy(classified, runs.assign(place=runs["value"].map(places)), baselines)
    classified.set_ylabel(f"top-1 on the {part}, %")
    for panel in found:
        _draw_detection(panel, detectors.assign(place=detectors["value"].map(places)))
        panel.set_ylabel(f"detection: mAP@0.5 on the {part}, %")
    for panel in (*found, classified):
        _scale(panel, values, list(places.values()))
        panel.set_xlabel(axis)
    figure.suptitle(title, x=0.01, ha="left", fontsize=10, weight="bold", color=INK)
    return figure


def _numbers(values: Sequence) -> bool:
    return all(isinstance(value, int | float | np.number) for value in values)


def _scale(panel: Axes, values: Sequence, places: Sequence[float]) -> None:
    """A tick at each value; logarithmic where numbers span it, 0 a step below the least of the others."""
    low, high = min(places), max(places)
    above = [place for place in places if place > 0]
    if _numbers(values) and low >= 0 and above and max(above) >= SPANS * min(above):
        panel.set_xscale("log" if low > 0 else "symlog", **({} if low > 0 else {"linthresh": min(above)}))
        panel.set_xlim(low / 1.25 if low else -0.25 * min(above), high * 1.25)
    else:
        room = 0.08 * (high - low) or 0.5
        panel.set_xlim(low - room, high + room)
    panel.set_xticks(places, [f"{value:g}" if _numbers([value]) else str(value) for value in values])
    panel.xaxis.set_minor_locator(NullLocator())


def _draw_detection(panel: Axes, detectors: pd.DataFrame) -> None:
    known = detectors.dropna(subset="map50")
    colour = region_colours(list(dict.fromkeys(detectors["region"])))
    for number, (region, group) in enumerate(known.groupby("region", sort=False)):
        group = group.sort_values("place")
        style = {"color": colour[region], "marker": MARKS[number % len(MARKS)], "ms": 5}
        panel.plot(group["place"], group["map50"], label=region.replace("_", " "), **style)
    panel.set_ylim(-3, 103)
    if known.empty:
        words = {"ha": "center", "va": "center", "color": INK, "transform": panel.transAxes}
        panel.text(0.5, 0.5, "no true boxes\nto compare with", **words)
    else:
        panel.legend(loc="upper center", bbox_to_anchor=(0.5, -0.17), ncols=2, fontsize=8)


def _draw_accuracy(panel: Axes, runs: pd.DataFrame, baselines: pd.DataFrame) -> None:
    """Mean over seeds ± sample standard deviation, each seed small; baselines as horizontal bands."""
    drawn = [*runs["top1_last"], *runs["top1_best"], *baselines["top1_last"]]
    colour = colours(list(runs["method"]))
    joined = _numbers(runs["value"])  # between words there is nothing
    best_style = BEST if joined else {**BEST, "ls": ""}
    handles = []
    for number, (label, group) in enumerate(runs.groupby("label", sort=False)):
        cells = group.groupby("place")["top1_last"]
        mean, std = cells.mean(), cells.std(ddof=1).fillna(0)
        shade, mark = colour[group["method"].iloc[0]], MARKS[number % len(MARKS)]
        several = bool((cells.count() > 1).any())
        style = {"fmt": f"{mark}{'-' * joined}", "color": shade, "ms": 5, "capsize": 2.5}
        label = f"{label}, last epoch (mean{' ± std' if several else ''})"
        handles.append(panel.errorbar(mean.index, mean, yerr=std, label=label, **style))
        if several:
            style = {"ls": "", "marker": mark, "ms": 3, "color": shade, "alpha": 0.4, "mew": 0}
            panel.plot(group["place"], group["top1_last"], **style)
        if (group["top1_best"] != group["top1_last"]).any():
            best = group.groupby("place")["top1_best"].mean()
            panel.plot(best.index, best, color=shade, **best_style)
        drawn += [*(mean - std), *(mean + std)]
    if (runs["top1_best"] != runs["top1_last"]).any():
        handles.append(Line2D([], [], color=GREY, label="its best epoch (mean)", **best_style))
    for number, (label, group) in enumerate(baselines.groupby("label", sort=False)):
        mean, std = group["top1_last"].mean(), group["top1_last"].std(ddof=1)
        style = {"color": GREY, "linestyle": DASHES[number % len(DASHES)], "linewidth": 1.2}
        handles.append(panel.axhline(mean, label=f"{label}, last epoch", **style))
        if len(group) > 1:
            panel.axhspan(mean - std, mean + std, color=LIGHT, alpha=0.5, linewidth=0, zorder=0)
            drawn += [mean - std, mean + std]
    room = 0.075 * (max(drawn) - min(drawn))
    panel.set_ylim(percent_limits(min(drawn) - room, max(drawn) + room))
    panel.legend(handles=handles, loc="upper center", bbox_to_anchor=(0.5, -0.17), ncols=2, fontsize=8)
