"""Charts of ACA's Table 6, each scale and head, and of its Figure 7, attended and true boxes."""

from __future__ import annotations

import math

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D

from maskguide.drawing.style import GREY, INK, styled
from maskguide.reporting import labels
from maskguide.reporting.runs import CELL
from maskguide.reporting.scale_tables import ALL, HEADS

HEAD_STYLES = {
    "local": ("#56B4E9", "s", "local classifiers"),
    "object": ("#E69F00", "^", "object classifier"),
    "average": ("#0072B2", "o", "average"),
}
ATTENDED_COLOUR = "#0072B2"
COLUMNS = 2  # panels beside each other
LEAST_HEIGHT = 10  # percent that a panel of accuracies spans at least
TITLE_WIDTH = 44  # letters that stand above a panel of half the width


@styled
def scale_figure(table: pd.DataFrame) -> Figure:
    """A chart of Table 6: a panel per data set and method, accuracy by scale, a line of marks per head.

    Filled marks are means over seeds with ± standard deviation, hollow ones published numbers.
    """
    groups = list(table.groupby(CELL, sort=False))
    columns = min(COLUMNS, len(groups))
    rows = math.ceil(len(groups) / columns)
    figure = Figure(figsize=(1 + 3.25 * columns, 0.6 + 2.5 * rows), layout="constrained")
    panels = figure.subplots(rows, columns, squeeze=False)
    for panel, (cell, group) in zip(panels.flat, groups, strict=False):
        _scale_panel(panel, group)
        method = labels.method_label(cell[1], cell[2]).replace(", all scales", "")
        title = f"{labels.dataset_label(cell[0])}: {method}"
        panel.set_title(title if len(title) <= TITLE_WIDTH else title.replace(": ", ":\n", 1))
    for panel in panels.flat[len(groups) :]:
        panel.set_visible(False)
    for panel in panels[:, 0]:
        panel.set_ylabel("accuracy, %")
    there = [head for head in HEADS if (table["head"] == head).any()]
    handles = [
        Line2D([], [], ls="", marker=marker, color=colour, label=name)
        for colour, marker, name in (HEAD_STYLES[head] for head in there)
    ]
    if table["published"].notna().any():
        handles.append(Line2D([], [], ls="", marker="D", mfc="white", mec=INK, label="published"))
    figure.legend(handles=handles, loc="outside lower center", ncols=len(handles) if columns > 1 else 2)
    return figure


def _scale_panel(panel: Axes, group: pd.DataFrame) -> None:
    """The marks of one data set and method."""
    scales = list(dict.fromkeys(group["scale"].astype(str)))
    for place, head in enumerate(HEADS):
        rows = group[group["head"] == head]
        if rows.empty:
            continue
        colour, marker, _ = HEAD_STYLES[head]
        at = np.array([scales.index(str(scale)) for scale in rows["scale"]]) + 0.16 * (place - 1)
        panel.errorbar(at, rows["mean"], yerr=rows["std"], fmt=marker, ms=5, color=colour, elinewidth=1.2)
        panel.plot(at, rows["published"], "D", mfc="none", mec=colour, ms=7, mew=1.2, zorder=4)
    if ALL in scales and len(scales) > 1:
        panel.axvline(len(scales) - 1.5, color=GREY, linewidth=0.8, linestyle=(0, (4, 3)))
    panel.set_xticks(
        range(len(scales)), ["all scales" if scale == ALL else f"scale {scale}" for scale in scales]
    )
    panel.set_xlim(-0.5, len(scales) - 0.5)
    panel.grid(axis="x", visible=False)
    panel.tick_params(axis="x", length=0)
    low, high = panel.get_ylim()
    half = max(LEAST_HEIGHT, high - low) / 2  # scales that hardly differ must look so
    panel.set_ylim(max((low + high) / 2 - half, -2), min((low + high) / 2 + half, 102))


@styled
def box_figure(table: pd.DataFrame) -> Figure:
    """A chart of attended boxes: a panel per data set, IoU with the true box per method and scale.

    A dot is the mean over seeds with ± standard deviation, small ones single seeds, the grey bar what a box
    around the whole image gets, a hollow diamond the published number.
    """
    groups = list(table.groupby("dataset", sort=False))
    sizes = [len(group) for _, group in groups]
    figure = Figure(figsize=(7.5, 0.34 * sum(sizes) + 0.75 * len(groups) + 0.5), layout="constrained")
    ratios = [size + 0.6 for size in sizes]
    panels = figure.subplots(len(groups), 1, squeeze=False, height_ratios=ratios, sharex=True)[:, 0]
    for panel, (dataset, group) in zip(panels, groups, strict=True):
        for place, (_, row) in enumerate(group.iterrows()):
            if pd.isna(row["iou_mean"]):
                panel.text(0.01, place, "no true boxes to compare with", va="center", fontsize=8)
                continue
            panel.plot(row["iou_whole_image"], place, "|", color=GREY, ms=13, mew=2.5, zorder=2)
            seeds = [float(value) for value in str(row["iou_by_seed"]).split()]
            if len(seeds) > 1:
                panel.plot(seeds, [place] * len(seeds), "o", ms=3, color=ATTENDED_COLOUR, alpha=0.45, mew=0)
            spread = None if pd.isna(row["iou_std"]) else row["iou_std"]
            panel.errorbar(
                row["iou_mean"],
                place,
                xerr=spread,
                fmt="o",
                ms=6,
                color=ATTENDED_COLOUR,
                elinewidth=1.2,
                zorder=3,
            )
            panel.plot(row["published"], place, "D", mfc="none", mec=INK, ms=8, mew=1.2, zorder=4)
        names = [labels.method_label(method, backbone) for method, backbone in _names(group)]
        panel.set_yticks(range(len(group)), names)
        first = group.iloc[0]
        truth = (
            ""
            if pd.isna(first["truth"])
            else f": {first['num_images']} test images, true boxes: {first['truth']}"
        )
        panel.set_title(f"{labels.dataset_label(dataset)}{truth}")
        panel.set_ylim(len(group) - 0.4, -0.6)
        panel.set_xlim(0, 1)
        panel.grid(axis="y", visible=False)
        panel.tick_params(axis="y", length=0)
    panels[-1].set_xlabel("intersection over union with the true box")
    handles = [
        Line2D([], [], ls="", marker="o", color=ATTENDED_COLOUR, label="attended box"),
        Line2D([], [], ls="", marker="|", ms=11, mew=2.5, color=GREY, label="box around the whole image"),
    ]
    if table["published"].notna().any():
        handles.append(Line2D([], [], ls="", marker="D", mfc="white", mec=INK, label="published"))
    figure.legend(handles=handles, loc="outside lower center", ncols=len(handles))
    return figure


def _names(group: pd.DataFrame) -> list[tuple[str, str]]:
    return list(zip(group["method"], group["backbone"], strict=True))
