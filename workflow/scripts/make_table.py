"""Make one of the paper's Tables 1–4: a tidy CSV, and beside it the same for a reader as Markdown.

Table 1 is made from the segmenters' metrics, Tables 2–4 from run folders. Table 4 also gets its paired tests,
`<output>_tests.csv`.

Example:
    python workflow/scripts/make_table.py --table table1 \\
        --segments results/demo/segment/leaves/metrics.json --output results/demo/tables/table1.csv
    python workflow/scripts/make_table.py --table table4 --runs results/demo/runs/leaves/*/small/seed* \\
        --output results/demo/tables/table4.csv
"""

from __future__ import annotations

import argparse
from pathlib import Path

from maskguide import cli, table_text, tables
from maskguide.files import InputError, write_csv, write_text
from maskguide.runs import read_runs

TABLES = ("table1", "table2", "table3", "table4")


def parse_args(argv: list[str] | None = None) -> argparse.Namespace:
    parser = cli.parser(__doc__)
    parser.add_argument("--table", choices=TABLES, required=True, help="which table")
    parser.add_argument(
        "--segments", type=Path, nargs="+", default=[], help="table1: metrics.json of segmenters"
    )
    parser.add_argument(
        "--runs", type=Path, nargs="+", default=[], help="tables 2–4: <dataset>/<method>/<backbone>/seed<k>"
    )
    parser.add_argument(
        "--resamples", type=int, default=10_000, help="table4: resamples of the paired bootstrap"
    )
    parser.add_argument("--seed", type=int, default=0, help="table4: seed of the paired bootstrap")
    parser.add_argument("--output", type=Path, required=True, help="the CSV to write; the .md lies beside it")
    return parser.parse_args(argv)


def main(args: argparse.Namespace) -> None:
    needed = "segments" if args.table == "table1" else "runs"
    if not getattr(args, needed):
        raise InputError(f"{args.table}: nothing to show; give --{needed}")
    if args.resamples < 1:
        raise InputError(f"--resamples {args.resamples}: must be at least 1")
    tests = None
    if args.table == "table1":
        table = tables.segment_table(tables.read_segments(args.segments))
        text = table_text.segment_text(table)
    else:
        measured = read_runs(args.runs)
        table = tables.accuracy_table(measured, args.table)
        if args.table == "table4":
            tests = tables.paired_tests(measured, args.resamples, args.seed)
        text = table_text.accuracy_text(table, measured, args.table, tests)
    if tests is not None:
        write_csv(args.output.with_name(f"{args.output.stem}_tests.csv"), tests)
    write_text(args.output.with_suffix(".md"), text)
    write_csv(args.output, table)
    cli.log.info("%s: %d rows → %s", args.table, len(table), args.output)


if __name__ == "__main__":
    cli.run(main, parse_args())
