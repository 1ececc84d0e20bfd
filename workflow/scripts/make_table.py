"""Make a table of a paper: a tidy CSV, and beside it the same for a reader as Markdown.

table1 to table4 are those of the MGA paper, mgfe_table1 to mgfe_table3 Tables I–III of the MGFE paper.
table1 is made from the segmenters' metrics, mgfe_table1 from the detectors', all others from run folders. The
ablations, table4 and mgfe_table3, also get their paired tests, `<output>_tests.csv`.

Example:
    python workflow/scripts/make_table.py --table table1 \\
        --segments results/demo/segment/leaves/metrics.json --output results/demo/tables/table1.csv
    python workflow/scripts/make_table.py --table table4 --runs results/demo/runs/leaves/*/small/seed* \\
        --output results/demo/tables/table4.csv
    python workflow/scripts/make_table.py --table mgfe_table1 \\
        --detectors results/demo/detect/leaves/30/metrics.json --output results/demo/tables/mgfe_table1.csv
"""

from __future__ import annotations

import argparse
from pathlib import Path

import pandas as pd
from maskguide import cli, region_tables, region_text, table_text, tables
from maskguide.files import InputError, write_csv, write_text
from maskguide.runs import read_runs

TABLES = ("table1", "table2", "table3", "table4", "mgfe_table1", "mgfe_table2", "mgfe_table3")
# What a table is made from; all others are made from runs.
SOURCES = {"table1": "segments", "mgfe_table1": "detectors"}


def parse_args(argv: list[str] | None = None) -> argparse.Namespace:
    parser = cli.parser(__doc__)
    parser.add_argument("--table", choices=TABLES, required=True, help="which table")
    parser.add_argument(
        "--segments", type=Path, nargs="+", default=[], help="table1: metrics.json of segmenters"
    )
    parser.add_argument(
        "--detectors", type=Path, nargs="+", default=[], help="mgfe_table1: metrics.json of detectors"
    )
    parser.add_argument(
        "--runs",
        type=Path,
        nargs="+",
        default=[],
        help="the other tables: <dataset>/<method>/<backbone>/seed<k>",
    )
    parser.add_argument(
        "--resamples", type=int, default=10_000, help="ablations: resamples of the paired bootstrap"
    )
    parser.add_argument("--seed", type=int, default=0, help="ablations: seed of the paired bootstrap")
    parser.add_argument("--output", type=Path, required=True, help="the CSV to write; the .md lies beside it")
    return parser.parse_args(argv)


def ablation_tests(measured: pd.DataFrame, args: argparse.Namespace) -> pd.DataFrame | None:
    """The paired tests of an ablation; None for another table."""
    if args.table == "table4":
        return tables.paired_tests(measured, args.resamples, args.seed)
    if args.table == "mgfe_table3":
        pairs = region_tables.comparisons(measured["method"])
        return tables.paired_tests(measured, args.resamples, args.seed, pairs)
    return None


def main(args: argparse.Namespace) -> None:
    needed = SOURCES.get(args.table, "runs")
    if not getattr(args, needed):
        raise InputError(f"{args.table}: nothing to show; give --{needed}")
    if args.resamples < 1:
        raise InputError(f"--resamples {args.resamples}: must be at least 1")
    tests = None
    if args.table == "table1":
        table = tables.segment_table(tables.read_segments(args.segments))
        text = table_text.segment_text(table)
    elif args.table == "mgfe_table1":
        table = region_tables.detection_table(region_tables.read_detectors(args.detectors))
        text = region_text.detection_text(table)
    else:
        measured = read_runs(args.runs)
        table = tables.accuracy_table(measured, args.table)
        tests = ablation_tests(measured, args)
        writer = region_text if args.table in region_text.TITLES else table_text
        text = writer.accuracy_text(table, measured, args.table, tests)
    if tests is not None:
        write_csv(args.output.with_name(f"{args.output.stem}_tests.csv"), tests)
    write_text(args.output.with_suffix(".md"), text)
    write_csv(args.output, table)
    cli.log.info("%s: %d rows → %s", args.table, len(table), args.output)


if __name__ == "__main__":
    cli.run(main, parse_args())
