"""Draw what an option does: accuracy, and where detectors are given detection, against its values.

A run's value is what its args.yaml says, of the option `annotated` the number of annotated images behind it.

Example:
    python workflow/scripts/plot_sweep.py --dataset leaves --option classifiers \\
        --runs results/demo/runs/leaves/split1/aca-n*-s1/small/seed* \\
        --baseline-runs results/demo/runs/leaves/split1/baseline/small/seed* \\
        --output results/demo/figures/classifiers_leaves.png
    python workflow/scripts/plot_sweep.py --dataset leaves --option annotated \\
        --detectors results/demo/detect/leaves/split1/*/metrics.json \\
        --runs results/demo/runs/leaves/split1/mgfe-n*/small/seed* \\
        --output results/demo/figures/annotation_leaves.png
"""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from pathlib import Path

import pandas as pd
from maskguide.drawing.style import save
from maskguide.drawing.sweep import sweep_figure
from maskguide.plan import declared
from maskguide.reporting import labels, mgfe
from maskguide.reporting.measures import check_single
from maskguide.reporting.runs import LAYOUT, REPLICATE, read_record, read_runs
from maskguide.system import cli
from maskguide.system.files import InputError

ANNOTATED = "annotated"  # the option that metrics.json says


def parse_args(argv: list[str] | None = None) -> argparse.Namespace:
    parser = labels.parser(__doc__)
    add = parser.add_argument
    add("--dataset", required=True, help="the data set that all of them are of")
    add("--option", required=True, help="what varies, as args.yaml calls it, or annotated")
    add("--runs", type=Path, nargs="+", required=True, help=f"run folders with its values, {LAYOUT}")
    add("--baseline-runs", type=Path, nargs="+", default=[], help="run folders without the option")
    add("--detectors", type=Path, nargs="+", default=[], help="annotated: metrics.json of detectors")
    add("--output", type=Path, required=True, help="the PNG to write")
    return parser.parse_args(argv)


def main(args: argparse.Namespace) -> None:
    labels.know(args.names)
    if args.detectors and args.option != ANNOTATED:
        raise InputError(f"--detectors: stand beside --option {ANNOTATED} alone; leave them out")
    runs = read_runs([*args.runs, *args.baseline_runs])
    strangers = runs[runs["dataset"] != args.dataset]
    if len(strangers):
        raise InputError(f"{strangers['run'].iloc[0]}: is a run on another data set than {args.dataset}")
    given = runs["run"].isin(list(map(str, args.runs)))
    swept, baselines = runs[given].copy(), runs[~given].copy()
    swept["value"] = [value(run, args.option) for _, run in swept.iterrows()]
    several = runs["backbone"].nunique() > 1
    for part, option in ((swept, args.option), (baselines, None)):
        lines = [labels.without(run.method, run.family, option) for run in part.itertuples()]
        backbones = [f" ({labels.backbone_label(name)})" if several else "" for name in part["backbone"]]
        part["method"] = [line.name for line in lines]
        part["label"] = [line.label + backbone for line, backbone in zip(lines, backbones, strict=True)]
    doubled = f"{{run}}: another run also has {args.option} {{value}}; give one"
    check_single(swept, ["label", "value", *REPLICATE], doubled)
    detectors = read_detectors(args.detectors, args.dataset) if args.detectors else None
    title = [labels.dataset_label(args.dataset)]
    if detectors is not None:
        sources = " and ".join(dict.fromkeys(detectors["annotation"]))
        title.append(f"{sources.replace('automatic', 'AUTOMATIC')} boxes")
    title += [] if several else [labels.backbone_label(runs["backbone"].iloc[0])]
    counts = sorted({int(count) for count in swept.groupby(["label", "value"]).size()})
    words = " to ".join(map(str, dict.fromkeys((counts[0], counts[-1]))))
    unit = "seed" if runs["split"].nunique() == 1 else "run"
    title.append(f"{words} {unit}{'s' if counts[-1] > 1 else ''}")
    axis = axis_label(args.option, swept["family"].iloc[0])
    save(sweep_figure(swept, baselines, axis, ", ".join(title), detectors), args.output)


def value(run: pd.Series, option: str) -> float | str:
    """A run's value of the option: a number, or else words."""
    own = declared.methods()[run["family"]].options
    others = {name for each in declared.methods().values() for name in each.options} - set(own)
    if option == ANNOTATED:
        found = None if pd.isna(run["num_annotated"]) else int(run["num_annotated"])
    elif option in others:
        found = None  # a run may record it, and does not mean it
    else:
        found = read_record(Path(run["run"]))["options"].get(option)
    if found is None:
        raise InputError(f"{run['run']}: has no {option}; give runs of a method that has it")
    if isinstance(found, int | float) and not isinstance(found, bool):
        return found
    return " ".join(map(str, found)) if isinstance(found, list) else str(found)


def axis_label(option: str, method: str) -> str:
    """What the values are, with the paper's symbol: "guidance weight τ: weight of the attention loss"."""
    if option == ANNOTATED:
        return "annotated training images"
    words, facts = option.replace("_", " "), declared.methods()[method].options.get(option, {})
    return f"{words} {facts['symbol']}: {facts['description'].split(' (')[0]}" if "symbol" in facts else words


def read_detectors(paths: Sequence[Path], dataset: str) -> pd.DataFrame:
    """value (annotated images), region, map50 (percent, NaN without truth) and annotation of detectors."""
    detectors = mgfe.read_detectors(paths)
    for path, other in zip(paths, (metrics["dataset"] for metrics in detectors), strict=True):
        if other != dataset:
            raise InputError(f"{path}: is of {other}, not of {dataset}; give those of one data set")
    table = mgfe.detection_table(detectors)
    return table[table["region"] != mgfe.MEAN].rename(columns={"num_annotated": "value"})


if __name__ == "__main__":
    cli.run(main, parse_args())
