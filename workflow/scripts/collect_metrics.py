"""Collect the measurements of finished runs into one tidy CSV, a row per run.

Example:
    python workflow/scripts/collect_metrics.py --runs results/demo/runs/*/*/*/*/seed* \\
        --output results/demo/metrics.csv
"""

from __future__ import annotations

import argparse
from pathlib import Path

from maskguide.reporting import labels
from maskguide.reporting.runs import LAYOUT, read_runs
from maskguide.system import cli
from maskguide.system.files import write_csv


def parse_args(argv: list[str] | None = None) -> argparse.Namespace:
    parser = labels.parser(__doc__)
    parser.add_argument("--runs", type=Path, nargs="+", required=True, help=f"run folders, {LAYOUT}")
    parser.add_argument("--output", type=Path, required=True, help="the CSV to write")
    return parser.parse_args(argv)


def main(args: argparse.Namespace) -> None:
    labels.know(args.names)
    table = labels.sort_rows(read_runs(args.runs, one_part=False))
    write_csv(args.output, table)
    cli.log.info("%d runs → %s", len(table), args.output)


if __name__ == "__main__":
    cli.run(main, parse_args())
