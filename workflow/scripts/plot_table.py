"""Draw a chart of a table made by make_table.py: accuracies, IoU of masks or boxes, detection, or scales.

Example:
    python workflow/scripts/plot_table.py --table results/demo/tables/table4.csv \\
        --output results/demo/figures/table4.png
"""

from __future__ import annotations

import argparse
from pathlib import Path

import pandas as pd
from maskguide.drawing.style import save
from maskguide.drawing.table import (
    accuracy_figure,
    box_figure,
    detection_figure,
    scale_figure,
    segment_figure,
)
from maskguide.reporting import labels
from maskguide.system import cli
from maskguide.system.files import InputError

# The column that tells a table, how it is drawn, and what else that needs; without one it holds accuracies.
KINDS = {
    "miou": (segment_figure, ["annotation"]),
    "map50": (detection_figure, ["region", "num_annotated", "map50_95", "annotation", "published"]),
    "iou_whole_image": (box_figure, ["iou_mean", "iou_std", "iou_by_seed", "truth", "method", "published"]),
    "head": (scale_figure, ["scale", "mean", "std", "method", "backbone", "published"]),
}


def parse_args(argv: list[str] | None = None) -> argparse.Namespace:
    parser = cli.parser(__doc__)
    parser.add_argument("--table", type=Path, required=True, help="CSV written by make_table.py")
    labels.add_names_option(parser)
    parser.add_argument("--output", type=Path, required=True, help="the PNG to write")
    return parser.parse_args(argv)


def main(args: argparse.Namespace) -> None:
    labels.know(args.names)
    try:
        table = pd.read_csv(args.table)
    except (OSError, ValueError) as error:
        raise InputError(f"{args.table}: cannot be read as CSV ({error}); make it again") from error
    accuracies = (accuracy_figure, ["method", "role", "top1_best_mean", "top1_last_mean", "published"])
    draw, needed = next((kind for column, kind in KINDS.items() if column in table), accuracies)
    missing = [column for column in needed if column not in table]
    if missing or table.empty:
        raise InputError(f"{args.table}: {missing[0] if missing else 'every row'} is missing; make it again")
    save(draw(table), args.output)


if __name__ == "__main__":
    cli.run(main, parse_args())
