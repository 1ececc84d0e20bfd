"""The chart of the table `backgrounds`: what each network names under each condition."""

from __future__ import annotations

import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D

from maskguide.drawing.style import GREY, INK, LIGHT, name_rows, styled
from maskguide.plan.conditions import ACROSS, AS_IS, BACKGROUND_ONLY, CONDITIONS, OBJECT_ONLY, WITHIN
from maskguide.reporting import labels

MARKS = {
    AS_IS: {"marker": "o", "color": INK},
    OBJECT_ONLY: {"marker": "^", "color": "#009E73"},
    BACKGROUND_ONLY: {"marker": "s", "color": "#D55E00"},
    WITHIN: {"marker": "D", "color": "#0072B2", "mfc": "white"},
    ACROSS: {"marker": "D", "color": "#0072B2"},
}
HIGH = {AS_IS: -0.14, OBJECT_ONLY: -0.14, BACKGROUND_ONLY: -0.14, WITHIN: 0.16, ACROSS: 0.16}  # in a row
TOLD = {"color": "#D55E00", "linestyle": (0, (1, 1.5)), "linewidth": 1.6}
CHANCE = {"color": GREY, "linestyle": (0, (4, 3)), "linewidth": 1}


@styled
def backgrounds_figure(table: pd.DataFrame) -> Figure:
    """A panel per data set, a row per method: a mark for each condition, a bar between the two swaps, and its
    length, the gap. Lines: chance, and what networks name that were trained on backgrounds alone."""
    groups = list(table.groupby("dataset", sort=False))
    sizes = [len(group) for _, group in groups]
    figure = Figure(figsize=(7.5, 0.42 * sum(sizes) + 0.75 * len(sizes) + 1.0), layout="constrained")
    ratios = [size + 0.6 for size in sizes]
    panels = figure.subplots(len(groups), 1, squeeze=False, height_ratios=ratios, sharex=True)[:, 0]
    for panel, (dataset, group) in zip(panels, groups, strict=True):
        for place, (_, row) in enumerate(group.iterrows()):
            _row(panel, row, place)
        panel.axvline(group["chance"].iloc[0], zorder=1, **CHANCE)
        for told in group["background_mean"].dropna().unique():
            panel.axvline(told, zorder=1, **TOLD)
        name_rows(panel, labels.row_labels(group))
        panel.set_xlim(-2, 112)
        panel.set_xticks(range(0, 101, 20))
        panel.set_title(labels.panel_title(dataset, group), weight="bold")
    panels[-1].set_xlabel("accuracy on the test images, %; right: the gap, in points")
    handles = [Line2D([], [], ls="", label=words, **MARKS[name]) for name, words in CONDITIONS.items()]
    handles.append(Line2D([], [], label="chance", **CHANCE))
    if table["background_mean"].notna().any():
        handles.append(Line2D([], [], label="network trained on backgrounds alone", **TOLD))
    figure.legend(handles=handles, loc="outside lower center", ncols=4)
    return figure


def _row(panel: Axes, row: pd.Series, place: int) -> None:
    """The marks of one method: means with ± standard deviation, the gap as a bar and a number."""
    ends = [row[f"{name}_mean"] for name in (ACROSS, WITHIN)]
    panel.plot(ends, [place + HIGH[WITHIN]] * 2, color=LIGHT, linewidth=6, solid_capstyle="butt", zorder=1.5)
    for name, mark in MARKS.items():
        spread = None if pd.isna(row[f"{name}_std"]) else row[f"{name}_std"]
        where = place + HIGH[name]
        panel.errorbar(
            row[f"{name}_mean"], where, xerr=spread, fmt="", ls="", ms=5.5, elinewidth=1, zorder=3, **mark
        )
    sign = f"{row['gap']:+.1f}".replace("-", "−")
    panel.text(111, place, sign, ha="right", va="center", fontsize=8, color=INK)
