"""A chart for each table."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.patches import Patch

from maskguide.drawing.style import GREY, INK, styled
from maskguide.reporting import labels, scale_variants
from maskguide.reporting.region_tables import MEAN, shown_rows

BEST_COLOUR, LAST_COLOUR = "#E69F00", "#0072B2"
PALE_COLOUR = "#9ecae1"
LEAST_WIDTH = 10  # percent that an accuracy chart spans at least


@styled
def accuracy_figure(table: pd.DataFrame) -> Figure:
    """A chart of an accuracy table: a panel per data set, a line of marks per row.

    Filled marks are means over seeds with ± standard deviation, small ones single seeds, hollow diamonds
    published numbers; the controls stand below a line. A row that averages networks has no best epoch.
    """
    chosen = table["top1_best_mean"].notna() & ~table["method"].map(_averages_networks)
    groups = list(table.groupby("dataset", sort=False))
    sizes = [len(group) for _, group in groups]
    figure = Figure(figsize=(7.5, 0.34 * sum(sizes) + 0.75 * len(groups) + 0.5), layout="constrained")
    axes = figure.subplots(len(groups), 1, squeeze=False, height_ratios=[size + 0.6 for size in sizes])[:, 0]
    for panel, (dataset, group) in zip(axes, groups, strict=True):
        group = group.sort_values("role", key=lambda roles: roles == "control", kind="stable")
        controls = int((group["role"] == "control").sum())
        for place, (_, row) in enumerate(group.iterrows()):
            for name, offset, colour, marker in (
                ("best", -0.15, BEST_COLOUR, "s"),
                ("last", 0.15, LAST_COLOUR, "o"),
            ):
                if name == "last" or chosen[row.name]:
                    height = place + offset * chosen[row.name]
                    _accuracy_marks(panel, row, f"top1_{name}", height, colour, marker)
            if pd.notna(row["published"]):
                panel.plot(row["published"], place, "D", mfc="none", mec=INK, ms=6.5, mew=1.2, zorder=4)
        if 0 < controls < len(group):
            panel.axhline(len(group) - controls - 0.5, color=GREY, linewidth=0.8, linestyle=(0, (4, 3)))
        panel.set_yticks(
            range(len(group)),
            [
                labels.method_label(row["method"], row["backbone"])
                + ("" if row["seeds"] else ", published only")
                for _, row in group.iterrows()
            ],
        )
        panel.set_ylim(len(group) - 0.4, -0.6)
        panel.set_title(labels.dataset_label(dataset), weight="bold")
        panel.grid(axis="y", visible=False)
        panel.tick_params(axis="y", length=0)
        panel.margins(x=0.06)
        low, high = panel.get_xlim()
        half = max(LEAST_WIDTH, high - low) / 2  # rows that hardly differ must look so
        panel.set_xlim(max((low + high) / 2 - half, -2), min((low + high) / 2 + half, 102))
    axes[-1].set_xlabel("accuracy on the test images, %")
    best = "best epoch (selected on the test images)"
    handles = [Line2D([], [], ls="", marker="s", color=BEST_COLOUR, label=best)] if chosen.any() else []
    handles.append(Line2D([], [], ls="", marker="o", color=LAST_COLOUR, label="last epoch"))
    if table["published"].notna().any():
        handles.append(Line2D([], [], ls="", marker="D", mfc="white", mec=INK, label="published"))
    figure.legend(handles=handles, loc="outside lower center", ncols=len(handles), handletextpad=0.3)
    return figure


def _averages_networks(method: str) -> bool:
    variant = scale_variants.parse(method)
    return variant is not None and variant.scale is None


def _accuracy_marks(panel, row: pd.Series, measure: str, height: float, colour: str, marker: str) -> None:
    """One row's marks for one epoch: each seed small, their mean large, ± standard deviation as a line."""
    if pd.isna(row[f"{measure}_mean"]):
        return
    seeds = [float(value) for value in str(row[f"{measure}_by_seed"]).split()]
    if len(seeds) > 1:
        panel.plot(seeds, [height] * len(seeds), ls="", marker=marker, ms=3, color=colour, alpha=0.45, mew=0)
    spread = None if pd.isna(row[f"{measure}_std"]) else row[f"{measure}_std"]
    panel.errorbar(
        row[f"{measure}_mean"],
        height,
        xerr=spread,
        fmt=marker,
        ms=5,
        color=colour,
        elinewidth=1.2,
        mew=0,
        zorder=3,
    )


@styled
def segment_figure(table: pd.DataFrame) -> Figure:
    """A chart of Table 1: IoU per class and mIoU as bars, the published mIoU as a hollow diamond."""
    bars = []
    for _, row in table.iterrows():
        names = [name for name in table.columns if name.startswith("iou_") and pd.notna(row[name])]
        bars.append([(name.removeprefix("iou_").replace("_", " "), row[name]) for name in names])
        bars[-1].append(("mean (mIoU)", row["miou"]))
    figure = Figure(
        figsize=(7.5, sum(0.28 * len(group) + 0.75 for group in bars) + 0.5), layout="constrained"
    )
    ratios = [len(group) + 0.6 for group in bars]
    axes = figure.subplots(len(bars), 1, squeeze=False, height_ratios=ratios, sharex=True)[:, 0]
    for panel, group, (_, row) in zip(axes, bars, table.iterrows(), strict=True):
        shades = [LAST_COLOUR if place == len(group) - 1 else PALE_COLOUR for place in range(len(group))]
        _bars(panel, [value for _, value in group], shades, "no true masks to compare with")
        if pd.notna(row["published"]):
            panel.plot(row["published"], len(group) - 1, "D", mfc="white", mec=INK, ms=6.5, mew=1.2, zorder=4)
        panel.set_yticks(range(len(group)), [name for name, _ in group])
        marks = str(row["annotation"]).replace("automatic", "AUTOMATIC")
        network = f"{row['architecture']} ({row['encoder']})"
        panel.set_title(f"{labels.dataset_label(row['dataset'])}: {network}, learnt from {marks} marks")
    axes[-1].set_xlabel("intersection over union on the test images, %")
    handles = [Patch(color=PALE_COLOUR, label="IoU of a class"), Patch(color=LAST_COLOUR, label="mIoU")]
    if table["published"].notna().any():
        handles.append(Line2D([], [], ls="", marker="D", mfc="white", mec=INK, label="published mIoU"))
    figure.legend(handles=handles, loc="outside lower center", ncols=len(handles))
    return figure


@styled
def detection_figure(table: pd.DataFrame) -> Figure:
    """A chart of MGFE's Table I: mAP@0.5 per region and their mean as bars, each with a mark at mAP@0.5:0.95.

    A panel per detector; the published mean mAP@0.5 is a hollow diamond.
    """
    groups = [group for _, group in shown_rows(table).groupby(["dataset", "num_annotated"], sort=False)]
    ratios = [len(group) + 0.6 for group in groups]
    figure = Figure(
        figsize=(7.5, sum(0.28 * len(group) + 0.75 for group in groups) + 0.5), layout="constrained"
    )
    axes = figure.subplots(len(groups), 1, squeeze=False, height_ratios=ratios, sharex=True)[:, 0]
    for panel, group in zip(axes, groups, strict=True):
        shades = [LAST_COLOUR if region == MEAN else PALE_COLOUR for region in group["region"]]
        _bars(panel, group["map50"].tolist(), shades, "no true boxes to compare with", at_left=True)
        for place, (_, row) in enumerate(group.iterrows()):
            panel.plot(row["map50_95"], place, "|", color=BEST_COLOUR, ms=11, mew=2.5, zorder=4)
            panel.plot(row["published"], place, "D", mfc="white", mec=INK, ms=6.5, mew=1.2, zorder=5)
        names = [f"{name} (mAP)" if name == MEAN else name.replace("_", " ") for name in group["region"]]
        panel.set_yticks(range(len(group)), names)
        first = group.iloc[0]
        kind = str(first["annotation"]).replace("automatic", "AUTOMATIC")
        learnt = f"learnt from {first['num_annotated']} images, {kind} boxes"
        panel.set_title(f"{labels.dataset_label(first['dataset'])}: {first['architecture']}, {learnt}")
    axes[-1].set_xlabel("average precision on the test images, %")
    handles = [
        Patch(color=PALE_COLOUR, label="AP@0.5 of a region"),
        Patch(color=LAST_COLOUR, label="mAP@0.5"),
        Line2D([], [], ls="", marker="|", color=BEST_COLOUR, ms=11, mew=2.5, label="the same @0.5:0.95"),
    ]
    if table["published"].notna().any():
        handles.append(Line2D([], [], ls="", marker="D", mfc="white", mec=INK, label="published mAP@0.5"))
    figure.legend(handles=handles, loc="outside lower center", ncols=len(handles))
    return figure


def _bars(
    panel: Axes, values: Sequence[float], shades: Sequence[str], nothing: str, at_left: bool = False
) -> None:
    """Bars from 0 to 100 with their values at their ends, or left; `nothing` is written where one is NaN."""
    panel.barh(range(len(values)), np.nan_to_num(values), color=shades, height=0.7)
    for place, (value, shade) in enumerate(zip(values, shades, strict=True)):
        inside = pd.notna(value) and value > 12
        panel.text(
            1 if inside and at_left else value - 1 if inside else 1 + np.nan_to_num(value),
            place,
            nothing if pd.isna(value) else f"{value:.1f}",
            ha="right" if inside and not at_left else "left",
            va="center",
            fontsize=8,
            color="white" if inside and shade == LAST_COLOUR else INK,
        )
    panel.set_ylim(len(values) - 0.4, -0.6)
    panel.grid(axis="y", visible=False)
    panel.tick_params(axis="y", length=0)
    panel.set_xlim(0, 100)
