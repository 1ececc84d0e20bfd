"""Draw accuracy against the number of local classifiers of ACA.

Example:
    python workflow/scripts/plot_classifiers.py --dataset leaves \\
        --runs results/demo/runs/leaves/aca-n*-s1/small/seed* results/demo/runs/leaves/aca-s1/small/seed* \\
        --baseline-runs results/demo/runs/leaves/baseline/small/seed* --count 16 \\
        --output results/demo/figures/classifiers_leaves.png
"""

from __future__ import annotations

import argparse
from dataclasses import replace
from pathlib import Path

import pandas as pd
from maskguide.drawing.classifier_figures import classifiers_figure
from maskguide.drawing.style import save
from maskguide.reporting import labels, scale_variants
from maskguide.reporting.runs import read_runs
from maskguide.system import cli
from maskguide.system.files import InputError


def parse_args(argv: list[str] | None = None) -> argparse.Namespace:
    parser = cli.parser(__doc__)
    add = parser.add_argument
    add("--dataset", required=True, help="the data set that all of them are of")
    add("--runs", type=Path, nargs="+", required=True, help="run folders of ACA, all seeds")
    add("--baseline-runs", type=Path, nargs="+", default=[], help="run folders without local classifiers")
    add("--count", type=int, default=16, help="local classifiers of runs whose folder does not say -n<count>")
    add("--output", type=Path, required=True, help="the PNG to write")
    return parser.parse_args(argv)


def main(args: argparse.Namespace) -> None:
    if args.count < 1:
        raise InputError(f"--count {args.count}: must be at least 1")
    runs = read_runs([*args.runs, *args.baseline_runs])
    strangers = runs[runs["dataset"] != args.dataset]
    if len(strangers):
        raise InputError(f"{strangers['run'].iloc[0]}: is a run on another data set than {args.dataset}")
    several = runs["backbone"].nunique() > 1
    counted, baselines = runs.iloc[: len(args.runs)].copy(), runs.iloc[len(args.runs) :].copy()
    counted["count"] = [
        number_of_classifiers(run.method, run.run, args.count) for run in counted.itertuples()
    ]
    for part in (counted, baselines):
        part["label"] = [
            line_label(run.method, run.backbone if several else None) for run in part.itertuples()
        ]
    doubled = counted[counted.duplicated(["label", "count", "seed"])]
    if len(doubled):
        run = doubled.iloc[0]
        raise InputError(f"{run['run']}: another run also has {run['count']} local classifiers; give one")
    title = labels.dataset_label(args.dataset)
    if not several:
        backbone = runs["backbone"].iloc[0]
        title += f", {labels.BACKBONES.get(backbone, backbone)}"
    save(classifiers_figure(counted, baselines, title + spread(counted)), args.output)


def number_of_classifiers(method: str, run: str, configured: int) -> int:
    """The number of local classifiers that a method's name gives, else the configured one."""
    variant = scale_variants.parse(method)
    if variant is None or variant.family != "aca":
        raise InputError(f"{run}: {method} has no local classifiers; give runs of ACA")
    return variant.classifiers or configured


def line_label(method: str, backbone: str | None) -> str:
    """What a line is called: the method without its number of classifiers, and the backbone where given."""
    variant = scale_variants.parse(method)
    name = labels.method_label(method) if variant is None else replace(variant, classifiers=None).label
    return name if backbone is None else f"{name} ({labels.BACKBONES.get(backbone, backbone)})"


def spread(runs: pd.DataFrame) -> str:
    """How many seeds the spread is over."""
    seeds = sorted(runs.groupby(["label", "count"])["seed"].count().unique().tolist())
    words = f"{seeds[0]}" if len(seeds) == 1 else f"{seeds[0]} to {seeds[-1]}"
    return f", {words} seed{'s' * (seeds[-1] > 1)}"


if __name__ == "__main__":
    cli.run(main, parse_args())
