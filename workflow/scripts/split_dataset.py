"""Write the index.csv of one of several splits, or of a training part alone, for choosing options.

With --validation, a share of the training images of each class takes the place of the test images, which are
left out: whatever is chosen by them, the test images have not been seen.

Example:
    python workflow/scripts/split_dataset.py --splits results/butterfly/data/btfpis/splits.csv --number 2 \\
        --output results/butterfly/data/btfpis/split2/index.csv
"""

from __future__ import annotations

import argparse
from fractions import Fraction
from pathlib import Path

from maskguide.data import datasets, splits
from maskguide.data.layout_files import Entry
from maskguide.system import cli
from maskguide.system.files import InputError, write_csv


def parse_args(argv: list[str] | None = None) -> argparse.Namespace:
    parser = cli.parser(__doc__)
    add = parser.add_argument
    add("--splits", type=Path, required=True, help="written by index_dataset.py")
    add("--number", type=int, default=1, help="which of the splits")
    add("--validation", type=float, help="share of each class's training images that stands in for the test")
    add("--seed", type=int, default=0, help="seed of the choice of these")
    add("--output", type=Path, required=True, help="index.csv to write")
    return parser.parse_args(argv)


def main(args: argparse.Namespace) -> None:
    cli.check(args, above_0=["number"], not_below_0=["seed"])
    table = datasets.read_splits(args.splits, args.number)
    if args.validation is not None:
        if not 0 < args.validation < 1:
            raise InputError(f"--validation {args.validation}: must lie between 0 and 1")
        table = table[table["split"] == "train"]
        share = Fraction(args.validation).limit_denominator(1000)
        entries = [
            Entry(row.image_id, Path(row.path), row.class_name, group=row.group)
            for row in table.rename(columns={"class": "class_name"}).itertuples()
        ]
        rule = f"{share.denominator - share.numerator}:{share.numerator}"
        part = {entry.image_id: entry.split for entry in splits.split(entries, rule, args.seed)}
        table = table.assign(split=table["image_id"].map(part))
    for column in datasets.PATH_COLUMNS:
        table[column] = [datasets.relative(path, args.output.parent) for path in table[column]]
    write_csv(args.output, table[datasets.COLUMNS])
    counts = (table["split"] == "train").sum(), (table["split"] == "test").sum()
    judged = "test" if args.validation is None else "validation"
    cli.log.info("split %d: %d training and %d %s images", args.number, *counts, judged)


if __name__ == "__main__":
    cli.run(main, parse_args())
