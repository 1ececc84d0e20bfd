"""Draw what annotating more images brings: detection and accuracy against the number of annotated images.

Example:
    python workflow/scripts/plot_annotation.py --dataset leaves \\
        --detectors results/demo/detect/leaves/*/metrics.json \\
        --runs results/demo/runs/leaves/mgfe-n*/small/seed* results/demo/runs/leaves/mgfe/small/seed* \\
        --baseline-runs results/demo/runs/leaves/baseline/small/seed* --count 30 \\
        --output results/demo/figures/annotation_leaves.png
"""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import pandas as pd
from maskguide.drawing.annotation_figures import annotation_figure
from maskguide.drawing.style import save
from maskguide.reporting import labels, region_variants
from maskguide.reporting.runs import read_runs
from maskguide.system import cli
from maskguide.system.files import InputError, read_json


def parse_args(argv: list[str] | None = None) -> argparse.Namespace:
    parser = cli.parser(__doc__)
    add = parser.add_argument
    add("--dataset", required=True, help="the data set that all of them are of")
    add("--detectors", type=Path, nargs="+", required=True, help="metrics.json of detectors, one per count")
    add("--runs", type=Path, nargs="+", required=True, help="run folders guided by them, all seeds")
    add("--baseline-runs", type=Path, nargs="+", default=[], help="run folders that used no boxes")
    add(
        "--count",
        type=int,
        default=30,
        help="annotated images of runs whose folder does not end in -n<count>",
    )
    add("--output", type=Path, required=True, help="the PNG to write")
    return parser.parse_args(argv)


def main(args: argparse.Namespace) -> None:
    if args.count < 1:
        raise InputError(f"--count {args.count}: must be at least 1")
    detectors = read_detectors(args.detectors, args.dataset)
    runs = read_runs([*args.runs, *args.baseline_runs])
    strangers = runs[runs["dataset"] != args.dataset]
    if len(strangers):
        raise InputError(f"{strangers['run'].iloc[0]}: is a run on another data set than {args.dataset}")
    counted = [annotated(method, args.count) for method in runs["method"]]
    runs["count"], runs["method"] = [count for count, _ in counted], [method for _, method in counted]
    several = runs["backbone"].nunique() > 1
    runs["label"] = [
        labels.method_label(run.method, run.backbone if several else None) for run in runs.itertuples()
    ]
    guided, baselines = runs.iloc[: len(args.runs)], runs.iloc[len(args.runs) :]
    doubled = guided[guided.duplicated(["label", "count", "seed"])]
    if len(doubled):
        run = doubled.iloc[0]
        raise InputError(f"{run['run']}: another run also had {run['count']} annotated images; give one")
    sources = " and ".join(dict.fromkeys(detectors["annotation"])).replace("automatic", "AUTOMATIC")
    title = f"{labels.dataset_label(args.dataset)}, {sources} boxes"
    if not several:
        backbone = runs["backbone"].iloc[0]
        title += f", {labels.BACKBONES.get(backbone, backbone)}"
    save(annotation_figure(detectors, guided, baselines, title), args.output)


def annotated(method: str, configured: int) -> tuple[int, str]:
    """The number of annotated images that a method's name gives, else the configured one; the rest of it."""
    variant = region_variants.parse(method)
    if variant is None or variant.count is None:
        return configured, method
    return variant.count, replace(variant, count=None).name


def read_detectors(paths: Sequence[Path], dataset: str) -> pd.DataFrame:
    """count, region, map50 (percent, NaN without truth) and annotation of each detector's metrics.json."""
    rows, files = [], {}
    for path in paths:
        metrics = read_json(path)
        try:
            name, count = metrics["dataset"], int(metrics["num_annotated"])
            rows += [
                {
                    "count": count,
                    "region": region,
                    "map50": each["map50"],
                    "annotation": metrics["annotation"],
                }
                for region, each in metrics["regions"].items()
            ]
        except (KeyError, TypeError, ValueError, AttributeError) as error:
            raise InputError(
                f"{path}: holds no measurements of a detector; delete it and run again"
            ) from error
        if name != dataset:
            raise InputError(f"{path}: is of {name}, not of {dataset}; give detectors of one data set")
        if count in files:
            raise InputError(f"{path}: {files[count]} also learnt from {count} annotated images; give one")
        files[count] = path
    table = pd.DataFrame(rows, columns=["count", "region", "map50", "annotation"])
    return table.astype({"map50": float})


if __name__ == "__main__":
    cli.run(main, parse_args())
