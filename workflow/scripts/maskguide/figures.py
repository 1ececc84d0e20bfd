"""Figures of numbers: training curves, confusion matrices, and a chart for each table."""

from __future__ import annotations

import math
import textwrap
from collections.abc import Mapping, Sequence

import numpy as np
import pandas as pd
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.patches import Patch

from maskguide import labels
from maskguide.figure_style import GREY, INK, colours, styled

CURVES = {
    "loss": "training loss",
    "attention": "attention loss, weighted",
    "train_top1": "training accuracy, %",
    "test_top1": "test accuracy, %",
}
BEST_COLOUR, LAST_COLOUR = "#E69F00", "#0072B2"
MOST_CLASS_NAMES = 20
LEAST_WIDTH = 10  # percent that an accuracy chart spans at least


@styled
def curves_figure(histories: Sequence[tuple[Mapping, pd.DataFrame]]) -> Figure:
    """Training curves: a row of panels per data set and backbone, a line per method.

    Parameters
    ----------
    histories
        For each run its row of `runs.read_runs` (dataset, method, backbone) and its history. The line is the
        mean over seeds, the band the sample standard deviation around it.
    """
    places = list(dict.fromkeys((run["dataset"], run["backbone"]) for run, _ in histories))
    methods = list(labels.METHODS)
    methods = sorted(
        dict.fromkeys(run["method"] for run, _ in histories),
        key=lambda name: methods.index(name) if name in methods else len(methods),
    )
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


@styled
def accuracy_figure(table: pd.DataFrame) -> Figure:
    """A chart of an accuracy table: a panel per data set, a line of marks per row.

    Filled marks are means over seeds with ± standard deviation, small ones single seeds, hollow diamonds
    published numbers; the controls stand below a line.
    """
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
                _accuracy_marks(panel, row, f"top1_{name}", place + offset, colour, marker)
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
    handles = [
        Line2D(
            [], [], ls="", marker="s", color=BEST_COLOUR, label="best epoch (selected on the test images)"
        ),
        Line2D([], [], ls="", marker="o", color=LAST_COLOUR, label="last epoch"),
    ]
    if table["published"].notna().any():
        handles.append(Line2D([], [], ls="", marker="D", mfc="white", mec=INK, label="published"))
    figure.legend(handles=handles, loc="outside lower center", ncols=len(handles), handletextpad=0.3)
    return figure


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
        shades = [LAST_COLOUR if place == len(group) - 1 else "#9ecae1" for place in range(len(group))]
        values = [value for _, value in group]
        panel.barh(range(len(group)), np.nan_to_num(values), color=shades, height=0.7)
        for place, value in enumerate(values):
            text = "no true masks to compare with" if pd.isna(value) else f"{value:.1f}"
            inside = pd.notna(value) and value > 12
            panel.text(
                value - 1 if inside else 1 + np.nan_to_num(value),
                place,
                text,
                ha="right" if inside else "left",
                va="center",
                fontsize=8,
                color="white" if inside and place == len(group) - 1 else INK,
            )
        if pd.notna(row["published"]):
            panel.plot(row["published"], len(group) - 1, "D", mfc="white", mec=INK, ms=6.5, mew=1.2, zorder=4)
        panel.set_yticks(range(len(group)), [name for name, _ in group])
        panel.set_ylim(len(group) - 0.4, -0.6)
        marks = str(row["annotation"]).replace("automatic", "AUTOMATIC")
        network = f"{row['architecture']} ({row['encoder']})"
        panel.set_title(f"{labels.dataset_label(row['dataset'])}: {network}, learnt from {marks} marks")
        panel.grid(axis="y", visible=False)
        panel.tick_params(axis="y", length=0)
        panel.set_xlim(0, 100)
    axes[-1].set_xlabel("intersection over union on the test images, %")
    handles = [Patch(color="#9ecae1", label="IoU of a class"), Patch(color=LAST_COLOUR, label="mIoU")]
    if table["published"].notna().any():
        handles.append(Line2D([], [], ls="", marker="D", mfc="white", mec=INK, label="published mIoU"))
    figure.legend(handles=handles, loc="outside lower center", ncols=len(handles))
    return figure
