"""Make a table of a paper: a tidy CSV, and beside it the same for a reader as Markdown.

table1 to table4 are those of the MGA paper, mgfe_table1 to mgfe_table3 Tables I–III of the MGFE paper,
aca_table2 to aca_table6 those of the ACA paper and aca_boxes the IoU of its Figure 7, tdsa_table1 the TDSA
loss's ablation, compare every method beside the baseline with what it costs.
table1 is made from the segmenters' metrics, mgfe_table1 from the detectors', aca_boxes from what
evaluate_attended.py wrote, all others from run folders; aca_table6 from those that average all scales.
Ablations and comparisons also get their paired tests, `<output>_tests.csv`.

Example:
    python workflow/scripts/make_table.py --table table1 \\
        --segments results/demo/segment/leaves/metrics.json --output results/demo/tables/table1.csv
    python workflow/scripts/make_table.py --table table4 --runs results/demo/runs/leaves/*/small/seed* \\
        --output results/demo/tables/table4.csv
    python workflow/scripts/make_table.py --table mgfe_table1 \\
        --detectors results/demo/detect/leaves/30/metrics.json --output results/demo/tables/mgfe_table1.csv
    python workflow/scripts/make_table.py --table compare --runs results/demo/runs/leaves/*/small/seed* \\
        --segments results/demo/segment/leaves/metrics.json --output results/demo/tables/compare.csv
"""

from __future__ import annotations

import argparse
from pathlib import Path

import pandas as pd
from maskguide.reporting import (
    comparison,
    comparison_text,
    region_tables,
    region_text,
    scale_tables,
    scale_text,
    table_text,
    tables,
)
from maskguide.reporting.runs import read_runs
from maskguide.system import cli
from maskguide.system.files import InputError, write_csv, write_text

TABLES = (
    *("table1", "table2", "table3", "table4"),
    *("mgfe_table1", "mgfe_table2", "mgfe_table3"),
    *("aca_table2", "aca_table3", "aca_table4", "aca_table5", "aca_table6", "aca_boxes"),
    *("tdsa_table1", "compare"),
)
# What a table is made from; all others are made from runs.
SOURCES = {"table1": "segments", "mgfe_table1": "detectors", "aca_boxes": "attended"}


def parse_args(argv: list[str] | None = None) -> argparse.Namespace:
    parser = cli.parser(__doc__)
    parser.add_argument("--table", choices=TABLES, required=True, help="which table")
    parser.add_argument(
        "--segments", type=Path, nargs="*", default=[], help="table1, compare: metrics.json of segmenters"
    )
    parser.add_argument(
        "--detectors",
        type=Path,
        nargs="*",
        default=[],
        help="mgfe_table1, compare: metrics.json of detectors",
    )
    parser.add_argument(
        "--attended", type=Path, nargs="+", default=[], help="aca_boxes: iou.json of runs of ACA"
    )
    parser.add_argument(
        "--runs",
        type=Path,
        nargs="+",
        default=[],
        help="the other tables: <dataset>/<method>/<backbone>/seed<k>",
    )
    parser.add_argument(
        "--resamples", type=int, default=10_000, help="paired tests: resamples of the bootstrap"
    )
    parser.add_argument("--seed", type=int, default=0, help="paired tests: seed of the bootstrap")
    parser.add_argument("--output", type=Path, required=True, help="the CSV to write; the .md lies beside it")
    return parser.parse_args(argv)


def paired_tests(measured: pd.DataFrame, args: argparse.Namespace) -> pd.DataFrame | None:
    """The paired tests of a table; None for one without."""
    if args.table == "table4":
        pairs = tables.COMPARISONS
    elif args.table == "mgfe_table3":
        pairs = region_tables.comparisons(measured["method"])
    elif args.table in scale_tables.COMPARISONS:
        pairs = scale_tables.COMPARISONS[args.table]
    elif args.table == "tdsa_table1":
        pairs = comparison_text.TDSA_COMPARISONS
    elif args.table == "compare":
        pairs = comparison.comparisons(measured["method"])
    else:
        return None
    return tables.paired_tests(measured, args.resamples, args.seed, pairs)


def from_runs(args: argparse.Namespace) -> tuple[pd.DataFrame, pd.DataFrame | None, str]:
    """A table made from runs, its paired tests if it has any, and its page."""
    measured = read_runs(args.runs)
    if args.table == "aca_table6":
        table = scale_tables.scale_table(measured)
        return table, None, scale_text.scale_text(table, measured)
    tests = paired_tests(measured, args)
    if args.table == "compare":
        segments, detectors = (
            tables.read_segments(args.segments),
            region_tables.read_detectors(args.detectors),
        )
        table = comparison.comparison_table(measured, tests, segments, detectors)
        return table, tests, comparison_text.comparison_text(table, measured, tests)
    table = tables.accuracy_table(measured, args.table)
    if args.table == "tdsa_table1":
        return table, tests, comparison_text.tdsa_text(table, measured, tests)
    writers = [module for module in (region_text, scale_text) if args.table in module.TITLES]
    writer = writers[0] if writers else table_text
    return table, tests, writer.accuracy_text(table, measured, args.table, tests)


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
    elif args.table == "aca_boxes":
        table = scale_tables.box_table(scale_tables.read_attended(args.attended))
        text = scale_text.box_text(table)
    else:
        table, tests, text = from_runs(args)
    if tests is not None:
        write_csv(args.output.with_name(f"{args.output.stem}_tests.csv"), tests)
    write_text(args.output.with_suffix(".md"), text)
    write_csv(args.output, table)
    cli.log.info("%s: %d rows → %s", args.table, len(table), args.output)


if __name__ == "__main__":
    cli.run(main, parse_args())
