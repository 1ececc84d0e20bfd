"""Draw one of several splits of a data set's images, or hold a part of its training images back.

With --validation, a share of the training images of each class takes the place of the test images, which are
left out: whatever is chosen by them, the test images have not been seen. With --fold, one of --folds equal
parts of the training images does, each image in one of them.

Example:
    python workflow/scripts/split_dataset.py --images results/butterfly/data/btfpis/images.csv \\
        --split 10/40 --number 2 --output results/butterfly/data/btfpis/split2/index.csv
"""

from __future__ import annotations

import argparse
from dataclasses import replace
from fractions import Fraction
from pathlib import Path

from maskguide.data import datasets, splits
from maskguide.data.layout_files import Entry
from maskguide.system import cli
from maskguide.system.files import InputError, write_csv


def parse_args(argv: list[str] | None = None) -> argparse.Namespace:
    parser = cli.parser(__doc__)
    add = parser.add_argument
    add("--images", type=Path, required=True, help="images.csv, written by index_dataset.py")
    rules = "2:1 (ratio train:test in each class), 10/40 (images per class) or published (as images.csv says)"
    add("--split", help=f"{rules}; left out: published if images.csv says it of all, else --default-split")
    add("--default-split", default="2:1", help="the same, where neither --split nor images.csv says one")
    add("--split-seed", type=int, default=0, help="seed of the splits")
    add("--number", type=int, default=1, help="which of the splits, from 1")
    add("--validation", type=float, help="share of each class's training images that stands in for the test")
    add("--folds", type=int, help="into how many parts the training images are parted")
    add("--fold", type=int, help="which of them stands in for the test, from 1")
    add("--output", type=Path, required=True, help="index.csv to write")
    return parser.parse_args(argv)


def held_back(training: list[Entry], folds: int, fold: int) -> list[Entry]:
    """The training images with one of several folds as the test: classes spread evenly, groups together."""
    import numpy as np
    from maskguide.learning.probes import folds_of

    groups = [entry.group for entry in training]
    classes = np.array([entry.class_name for entry in training])
    try:
        parts = list(folds_of(classes, folds, 1, groups if any(groups) else None))
    except InputError as error:
        few = str(error).partition(";")[0]
        raise InputError(f"--folds {folds}: of the training images alone, {few}; add images") from error
    held = parts[fold - 1][2]
    sides = np.where(held, "test", "train")
    return [replace(entry, split=str(side)) for entry, side in zip(training, sides, strict=True)]


def main(args: argparse.Namespace) -> None:
    cli.check(args, above_0=["number"], not_below_0=["split_seed"])
    if (args.fold is None) != (args.folds is None):
        raise InputError("--fold, --folds: give both, or neither")
    if args.fold is not None and (args.validation is not None or not 1 <= args.fold <= args.folds > 1):
        raise InputError(f"--fold {args.fold}: give one of 1 to --folds, at least 2, without --validation")
    if args.validation is not None and not 0 < args.validation < 1:
        raise InputError(f"--validation {args.validation}: must lie between 0 and 1")
    table = datasets.read_images(args.images)
    entries = [
        Entry(row.image_id, Path(row.path), row.class_name, row.split, group=row.group)
        for row in table.rename(columns={"class": "class_name"}).itertuples()
    ]
    given = all(entry.split for entry in entries)
    rule = args.split or ("published" if given else args.default_split)
    chosen = splits.split(entries, rule, args.split_seed, args.number)
    if args.validation is not None:
        training = [entry for entry in chosen if entry.split == "train"]
        share = Fraction(args.validation).limit_denominator(1000)
        held = f"{share.denominator - share.numerator}:{share.numerator}"
        try:
            chosen = splits.split(training, held, args.split_seed)
        except InputError as error:
            raise InputError(
                f"--validation {args.validation}: of the training images alone, {error}"
            ) from error
    if args.fold is not None:
        chosen = held_back([entry for entry in chosen if entry.split == "train"], args.folds, args.fold)
    contents = dict(zip(table["image_id"], table["content"], strict=True))
    splits.check_split(chosen, [contents[entry.image_id] for entry in chosen], published=rule == "published")
    part = {entry.image_id: entry.split for entry in chosen}
    table = table[table["image_id"].isin(list(part))].assign(split=lambda rows: rows["image_id"].map(part))
    for column in datasets.PATH_COLUMNS:
        table[column] = [datasets.relative(path, args.output.parent) for path in table[column]]
    write_csv(args.output, table[[*datasets.COLUMNS, *datasets.TRACES]])
    counts = (table["split"] == "train").sum(), (table["split"] == "test").sum()
    judged = "test" if args.validation is None and args.fold is None else "held-back"
    cli.log.info("split %d: %d training and %d %s images", args.number, *counts, judged)


if __name__ == "__main__":
    cli.run(main, parse_args())
