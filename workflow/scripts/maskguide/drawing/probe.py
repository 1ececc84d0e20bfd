"""The chart of the table `probe`: what classifiers of frozen features name, by what they see."""

from __future__ import annotations

import pandas as pd
from matplotlib.figure import Figure
from matplotlib.lines import Line2D

from maskguide.drawing.style import GREY, INK, name_rows, percent_limits, styled
from maskguide.plan.places import ROWS
from maskguide.reporting import labels

COLOURS = {("whole",): INK, ("inside",): "#009E73", ("outside",): "#D55E00", ("inside", "outside"): "#0072B2"}
CHANCE = {"color": GREY, "linestyle": (0, (4, 3)), "linewidth": 1}


@styled
def probe_figure(table: pd.DataFrame) -> Figure:
    """A panel per data set and backbone, a row per classifier: folds as small marks, mean ± deviation."""
    groups = list(table.groupby(["dataset", "backbone"], sort=False))
    sizes = [len(group) for _, group in groups]
    figure = Figure(figsize=(7.5, 0.36 * sum(sizes) + 0.8 * len(sizes) + 0.6), layout="constrained")
    ratios = [size + 0.6 for size in sizes]
    panels = figure.subplots(len(groups), 1, squeeze=False, height_ratios=ratios)[:, 0]
    for panel, ((dataset, backbone), group) in zip(panels, groups, strict=True):
        for place, (_, row) in enumerate(group.iterrows()):
            colour = COLOURS[ROWS[row["method"]][1]]
            folds = [float(value) for value in str(row["top1_by_fold"]).split()]
            if len(folds) > 1:
                style = {"ls": "", "marker": "o", "ms": 3, "alpha": 0.4, "mew": 0}
                panel.plot(folds, [place] * len(folds), color=colour, **style)
            spread = None if pd.isna(row["top1_std"]) else row["top1_std"]
            style = {"fmt": "o", "ms": 6, "elinewidth": 1.4, "zorder": 3}
            panel.errorbar(row["top1_mean"], place, xerr=spread, color=colour, **style)
        panel.axvline(group["chance"].iloc[0], zorder=1, **CHANCE)
        name_rows(panel, [ROWS[name][0] for name in group["method"]])
        panel.set_xlim(percent_limits(*panel.get_xlim()))
        title = f"{labels.dataset_label(dataset)}, frozen {labels.backbone_label(backbone)}"
        panel.set_title(title, weight="bold")
    panels[-1].set_xlabel("accuracy on images that did not train, %")
    handles = [Line2D([], [], ls="", marker="o", color=INK, label="mean ± standard deviation")]
    handles += [Line2D([], [], ls="", marker="o", ms=3, color=INK, alpha=0.4, label="a fold")]
    handles.append(Line2D([], [], label="chance", **CHANCE))
    figure.legend(handles=handles, loc="outside lower center", ncols=3)
    return figure
