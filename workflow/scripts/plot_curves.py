"""Draw training curves: losses and accuracies by epoch, mean over seeds with its spread, a colour per method.

Example:
    python workflow/scripts/plot_curves.py --runs results/demo/runs/leaves/split1/*/small/seed* \\
        --output results/demo/figures/curves_leaves.png
"""

from __future__ import annotations

import argparse
from pathlib import Path

from maskguide.drawing.curves import curves_figure
from maskguide.drawing.style import save
from maskguide.reporting import labels
from maskguide.reporting.runs import LAYOUT, read_history, read_runs
from maskguide.system import cli
from maskguide.system.files import InputError


def parse_args(argv: list[str] | None = None) -> argparse.Namespace:
    parser = labels.parser(__doc__)
    parser.add_argument("--runs", type=Path, nargs="+", required=True, help=f"run folders, {LAYOUT}")
    parser.add_argument("--output", type=Path, required=True, help="the PNG to write")
    return parser.parse_args(argv)


def main(args: argparse.Namespace) -> None:
    labels.know(args.names)
    runs = labels.sort_rows(read_runs(args.runs))
    trained = runs[runs["epochs"] > 0]
    if trained.empty:
        raise InputError(f"{args.runs[0]}: has no epochs to draw; give runs of trained methods")
    save(curves_figure([(run, read_history(run["run"])) for _, run in trained.iterrows()]), args.output)


if __name__ == "__main__":
    cli.run(main, parse_args())
