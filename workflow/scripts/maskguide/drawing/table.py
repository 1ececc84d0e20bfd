"""A chart for each table: accuracies, IoU of masks or boxes, detection, or ACA's scales."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.patches import Patch

from maskguide.drawing.style import GREY, INK, name_rows, percent_limits, styled
from maskguide.plan import declared
from maskguide.reporting import labels
from maskguide.reporting.aca import ALL, HEADS, scale_name
from maskguide.reporting.measures import judged_on
from maskguide.reporting.mgfe import MEAN, shown_rows
from maskguide.reporting.runs import CELL

BEST_COLOUR, LAST_COLOUR, PALE_COLOUR = "#E69F00", "#0072B2", "#9ecae1"
HEAD_STYLES = {"local": ("s", "#56B4E9"), "object": ("^", "#E69F00"), "average": ("o", "#0072B2")}
PUBLISHED = {"marker": "D", "ls": "", "mfc": "none", "mec": INK, "ms": 6.5, "mew": 1.2, "zorder": 4}
ON_BARS = {**PUBLISHED, "mfc": "white"}
TICK = {"marker": "|", "ls": "", "ms": 11, "mew": 2.5}
COLUMNS = 2  # panels of scales beside each other
TITLE_WIDTH = 44  # letters that stand above a panel of half the width


@styled
def accuracy_figure(table: pd.DataFrame) -> Figure:
    """A chart of an accuracy table: a panel per data set, a line of marks per row.

    Filled marks are means over runs with ± standard deviation, small ones single runs, hollow diamonds
    published numbers; the controls stand below a line. A row that averages networks has no best epoch, nor
    has any where the last alone was tested; one that was still learning says so.
    """
    chosen = table["top1_best_mean"].notna() & ~table["method"].map(_averages_networks)
    chosen &= (table["top1_best_by_seed"] != table["top1_last_by_seed"])[chosen].any()
    groups = list(table.groupby("dataset", sort=False))
    figure, panels = _stack([len(group) for _, group in groups], 0.34)
    for panel, (dataset, group) in zip(panels, groups, strict=True):
        group = group.sort_values("role", key=lambda roles: roles == "control", kind="stable")
        controls = int((group["role"] == "control").sum())
        for place, (_, row) in enumerate(group.iterrows()):
            if chosen[row.name]:
                _marks(panel, row, "top1_best", place - 0.15, BEST_COLOUR, "s")
            _marks(panel, row, "top1_last", place + 0.15 * chosen[row.name], LAST_COLOUR, "o")
            if pd.notna(row["published"]):
                panel.plot(row["published"], place, **PUBLISHED)
        if 0 < controls < len(group):
            panel.axhline(len(group) - controls - 0.5, color=GREY, linewidth=0.8, linestyle=(0, (4, 3)))
        names = zip(labels.row_labels(group), group.to_dict("records"), strict=True)
        name_rows(panel, [_row_name(*pair) for pair in names])
        panel.set_title(labels.panel_title(dataset, group), weight="bold")
        panel.margins(x=0.06)
        panel.set_xlim(percent_limits(*panel.get_xlim()))
    part = judged_on(table)
    panels[-1].set_xlabel(f"accuracy on the {part}, %")
    best = f"best epoch (selected on the {part})"
    handles = [_mark("s", BEST_COLOUR, best)] if chosen.any() else []
    _legend(figure, [*handles, _mark("o", LAST_COLOUR, "last epoch")], table, handletextpad=0.3)
    return figure


def _row_name(name: str, row: dict[str, Any]) -> str:
    """A row's label, and in words that nobody ran it, or that it was still learning."""
    if not row["seeds"]:
        return f"{name}, published only"
    learning = row.get("learning")
    return f"{name}\n({learning})" if isinstance(learning, str) and learning else name


def _averages_networks(name: str) -> bool:
    variant = labels.variant(name)
    method = declared.methods().get(variant.method)
    return method is not None and method.averages_scales and "scale" not in variant.options


def _stack(sizes: Sequence[int], height: float, sharex: bool = False) -> tuple[Figure, np.ndarray]:
    """A figure of panels one below another, of so many rows each, a row so many inches high."""
    figure = Figure(figsize=(7.5, height * sum(sizes) + 0.75 * len(sizes) + 0.5), layout="constrained")
    ratios = [size + 0.6 for size in sizes]
    return figure, figure.subplots(len(sizes), 1, squeeze=False, height_ratios=ratios, sharex=sharex)[:, 0]


def _marks(
    panel: Axes, row: pd.Series, measure: str, height: float, colour: str, marker: str, size: float = 5
) -> None:
    """A row's marks for one measure: each seed small, their mean large, ± standard deviation as a line."""
    if pd.isna(row[f"{measure}_mean"]):
        return
    seeds = [float(value) for value in str(row[f"{measure}_by_seed"]).split()]
    if len(seeds) > 1:
        panel.plot(seeds, [height] * len(seeds), ls="", marker=marker, ms=3, color=colour, alpha=0.45, mew=0)
    spread = None if pd.isna(row[f"{measure}_std"]) else row[f"{measure}_std"]
    style = {"ms": size, "color": colour, "elinewidth": 1.2, "mew": 0, "zorder": 3}
    panel.errorbar(row[f"{measure}_mean"], height, xerr=spread, fmt=marker, **style)


def _mark(marker: str, colour: str, label: str) -> Line2D:
    """A mark in the legend."""
    style = TICK if marker == "|" else {"marker": marker, "ls": ""}
    return Line2D([], [], color=colour, label=label, **style)


def _legend(
    figure: Figure, handles: Sequence, table: pd.DataFrame, published: str = "published", **style
) -> None:
    """The legend below the figure, with the published numbers' mark where there are any."""
    if table["published"].notna().any():
        handles = [*handles, Line2D([], [], ls="", marker="D", mfc="white", mec=INK, label=published)]
    figure.legend(handles=handles, loc="outside lower center", **{"ncols": len(handles), **style})


@styled
def segment_figure(table: pd.DataFrame) -> Figure:
    """A chart of Table 1: IoU per class and mIoU as bars, the published mIoU as a hollow diamond."""
    bars = []
    for _, row in table.iterrows():
        names = [name for name in table.columns if name.startswith("iou_") and pd.notna(row[name])]
        classes = [(name.removeprefix("iou_").replace("_", " "), row[name]) for name in names]
        bars.append([*classes, ("mean (mIoU)", row["miou"])])
    figure, panels = _stack([len(group) for group in bars], 0.28, sharex=True)
    for panel, group, (_, row) in zip(panels, bars, table.iterrows(), strict=True):
        names, values = zip(*group, strict=True)
        shades = [*[PALE_COLOUR] * (len(group) - 1), LAST_COLOUR]
        _bars(panel, names, values, shades, "no true masks to compare with", at_left=False)
        panel.plot(row["published"], len(group) - 1, **ON_BARS)
        network = f"{row['architecture']} ({row['encoder']})"
        learnt = f"learnt from {_loud(row['annotation'])} marks"
        panel.set_title(f"{labels.dataset_label(row['dataset'])}: {network}, {learnt}")
    panels[-1].set_xlabel(f"intersection over union on the {judged_on(table)}, %")
    handles = [Patch(color=PALE_COLOUR, label="IoU of a class"), Patch(color=LAST_COLOUR, label="mIoU")]
    _legend(figure, handles, table, "published mIoU")
    return figure


@styled
def detection_figure(table: pd.DataFrame) -> Figure:
    """A chart of MGFE's Table I: mAP@0.5 per region and their mean as bars, each with a mark at mAP@0.5:0.95.

    A panel per detector; the published mean mAP@0.5 is a hollow diamond.
    """
    groups = [group for _, group in shown_rows(table).groupby(["dataset", "num_annotated"], sort=False)]
    figure, panels = _stack([len(group) for group in groups], 0.28, sharex=True)
    for panel, group in zip(panels, groups, strict=True):
        shades = [LAST_COLOUR if region == MEAN else PALE_COLOUR for region in group["region"]]
        names = [f"{name} (mAP)" if name == MEAN else name.replace("_", " ") for name in group["region"]]
        _bars(panel, names, group["map50"].tolist(), shades, "no true boxes to compare with", at_left=True)
        places = range(len(group))
        panel.plot(group["map50_95"], places, color=BEST_COLOUR, zorder=4, **TICK)
        panel.plot(group["published"], places, **{**ON_BARS, "zorder": 5})
        first = group.iloc[0]
        learnt = f"learnt from {first['num_annotated']} images, {_loud(first['annotation'])} boxes"
        panel.set_title(f"{labels.dataset_label(first['dataset'])}: {first['architecture']}, {learnt}")
    panels[-1].set_xlabel(f"average precision on the {judged_on(table)}, %")
    bars = {"AP@0.5 of a region": PALE_COLOUR, "mAP@0.5": LAST_COLOUR}
    handles = [Patch(color=colour, label=label) for label, colour in bars.items()]
    again = _mark("|", BEST_COLOUR, "the same @0.5:0.95")
    _legend(figure, [*handles, again], table, "published mAP@0.5")
    return figure


def _loud(origin: str) -> str:
    """Where marks come from, in capitals where image processing drew them."""
    return str(origin).replace("automatic", "AUTOMATIC")


def _bars(
    panel: Axes,
    names: Sequence[str],
    values: Sequence[float],
    shades: Sequence[str],
    nothing: str,
    at_left: bool,
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
    name_rows(panel, names)
    panel.set_xlim(0, 100)


@styled
def box_figure(table: pd.DataFrame) -> Figure:
    """A chart of attended boxes: a panel per data set, IoU with the true box per method and scale.

    A dot is the mean over seeds with ± standard deviation, small ones single seeds, the grey bar what a box
    around the whole image gets, a hollow diamond the published number.
    """
    groups = list(table.groupby("dataset", sort=False))
    figure, panels = _stack([len(group) for _, group in groups], 0.34, sharex=True)
    for panel, (dataset, group) in zip(panels, groups, strict=True):
        for place, (_, row) in enumerate(group.iterrows()):
            if pd.isna(row["iou_mean"]):
                panel.text(0.01, place, "no true boxes to compare with", va="center", fontsize=8)
                continue
            panel.plot(row["iou_whole_image"], place, color=GREY, zorder=2, **{**TICK, "ms": 13})
            _marks(panel, row, "iou", place, LAST_COLOUR, "o", 7)
            panel.plot(row["published"], place, **{**PUBLISHED, "ms": 8})
        name_rows(panel, labels.row_labels(group))
        first = group.iloc[0]
        known = f": {first['num_images']} test images, true boxes: {first['truth']}"
        panel.set_title(f"{labels.panel_title(dataset, group)}{'' if pd.isna(first['truth']) else known}")
        panel.set_xlim(0, 1)
    panels[-1].set_xlabel("intersection over union with the true box")
    whole = _mark("|", GREY, "box around the whole image")
    _legend(figure, [_mark("o", LAST_COLOUR, "attended box"), whole], table)
    return figure


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
    for panel, ((dataset, method, backbone), group) in zip(panels.flat, groups, strict=False):
        _scale_panel(panel, group)
        network = f"{labels.without_scale(method)} ({labels.backbone_label(backbone)})"
        title = f"{labels.dataset_label(dataset)}: {network}"
        panel.set_title(title if len(title) <= TITLE_WIDTH else title.replace(": ", ":\n", 1))
    for panel in panels.flat[len(groups) :]:
        panel.set_visible(False)
    for panel in panels[:, 0]:
        panel.set_ylabel("accuracy, %")
    shown = [head for head in HEADS if (table["head"] == head).any()]
    handles = [_mark(*HEAD_STYLES[head], HEADS[head]) for head in shown]
    _legend(figure, handles, table, **({} if columns > 1 else {"ncols": 2}))
    return figure


def _scale_panel(panel: Axes, group: pd.DataFrame) -> None:
    """The marks of one data set and method."""
    scales = list(dict.fromkeys(group["scale"].astype(str)))
    for place, head in enumerate(HEADS):
        rows = group[group["head"] == head]
        if rows.empty:
            continue
        marker, colour = HEAD_STYLES[head]
        at = np.array([scales.index(str(scale)) for scale in rows["scale"]]) + 0.16 * (place - 1)
        panel.errorbar(at, rows["mean"], yerr=rows["std"], fmt=marker, ms=5, color=colour, elinewidth=1.2)
        panel.plot(at, rows["published"], **{**PUBLISHED, "mec": colour, "ms": 7})
    if ALL in scales and len(scales) > 1:
        panel.axvline(len(scales) - 1.5, color=GREY, linewidth=0.8, linestyle=(0, (4, 3)))
    panel.set_xticks(range(len(scales)), list(map(scale_name, scales)))
    panel.set_xlim(-0.5, len(scales) - 0.5)
    panel.grid(axis="x", visible=False)
    panel.tick_params(axis="x", length=0)
    panel.set_ylim(percent_limits(*panel.get_ylim()))
