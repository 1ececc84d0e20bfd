"""Draw confusion matrices of the last epoch, one for each data set, method and backbone, summed over seeds.

Example:
    python workflow/scripts/plot_confusion.py --runs results/demo/runs/leaves/split1/*/small/seed* \\
        --output results/demo/figures/confusion_leaves.png
"""

from __future__ import annotations

import argparse
from pathlib import Path

from maskguide.drawing.confusion import confusion_figure
from maskguide.drawing.style import save
from maskguide.reporting import labels
from maskguide.reporting.runs import CELL, LAYOUT, read_predictions, read_runs
from maskguide.system import cli
from maskguide.system.files import InputError, read_json


def parse_args(argv: list[str] | None = None) -> argparse.Namespace:
    parser = labels.parser(__doc__)
    parser.add_argument("--runs", type=Path, nargs="+", required=True, help=f"run folders, {LAYOUT}")
    parser.add_argument("--output", type=Path, required=True, help="the PNG to write")
    return parser.parse_args(argv)


def main(args: argparse.Namespace) -> None:
    from sklearn.metrics import confusion_matrix

    labels.know(args.names)
    runs = labels.sort_rows(read_runs(args.runs))
    several = runs["dataset"].nunique() > 1
    panels = []
    for (dataset, method, backbone), group in runs.groupby(CELL, sort=False):
        names = list(map(str, read_json(Path(group["run"].iloc[0]) / "metrics.json")["classes"]))
        counts = 0
        for folder in group["run"]:
            predictions = read_predictions(folder)[["class_id", "predicted_last"]]
            if not predictions.isin(range(len(names))).all(axis=None):
                beyond = f"holds a class id beyond {len(names)} classes"
                raise InputError(f"{folder}/predictions.csv: {beyond}; run again")
            counts += confusion_matrix(*predictions.to_numpy().T, labels=range(len(names)))
        title = labels.method_label(method, backbone)
        panels.append((f"{labels.dataset_label(dataset)}: {title}" if several else title, counts, names))
    save(confusion_figure(panels), args.output)


if __name__ == "__main__":
    cli.run(main, parse_args())
