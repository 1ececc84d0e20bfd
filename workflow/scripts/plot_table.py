"""Draw a chart of a table made by make_table.py: accuracies, IoU of masks or boxes, scales, what is used.

Example:
    python workflow/scripts/plot_table.py --table results/demo/tables/table4.csv \\
        --output results/demo/figures/table4.png
"""

from __future__ import annotations

import argparse
from pathlib import Path

from maskguide.drawing import table as charts
from maskguide.drawing.backgrounds import backgrounds_figure
from maskguide.drawing.probe import probe_figure
from maskguide.drawing.style import save
from maskguide.reporting import labels
from maskguide.system import cli
from maskguide.system.files import InputError, read_csv

# The column that tells a table, how it is drawn, and what else that needs; all others hold accuracies.
KINDS = {
    "miou": (charts.segment_figure, ["annotation"]),
    "map50": (charts.detection_figure, ["region", "num_annotated", "map50_95", "annotation", "published"]),
    "iou_whole_image": (
        charts.box_figure,
        ["iou_mean", "iou_std", "iou_by_seed", "truth", "method", "published"],
    ),
    "head": (charts.scale_figure, ["scale", "mean", "std", "method", "backbone", "published"]),
    "swapped_within_mean": (backgrounds_figure, ["method", "backbone", "gap", "chance", "background_mean"]),
    "top1_by_fold": (probe_figure, ["method", "backbone", "top1_mean", "top1_std", "chance"]),
    "": (charts.accuracy_figure, ["method", "role", "top1_best_mean", "top1_last_mean", "published"]),
}


def parse_args(argv: list[str] | None = None) -> argparse.Namespace:
    parser = labels.parser(__doc__)
    parser.add_argument("--table", type=Path, required=True, help="CSV written by make_table.py")
    parser.add_argument("--output", type=Path, required=True, help="the PNG to write")
    return parser.parse_args(argv)


def main(args: argparse.Namespace) -> None:
    labels.know(args.names)
    again = "make it again"
    table = read_csv(args.table, [], again, dtype=None, keep_default_na=True)
    draw, needed = next(kind for column, kind in KINDS.items() if not column or column in table)
    missing = [column for column in needed if column not in table]
    if missing or table.empty:
        raise InputError(f"{args.table}: {missing[0] if missing else 'every row'} is missing; {again}")
    save(draw(table), args.output)


if __name__ == "__main__":
    cli.run(main, parse_args())
