"""Choose the training images to mark: seeded, spread evenly over the classes.

Example:
    python workflow/scripts/choose_annotation.py --index results/demo/data/leaves/split1/index.csv \\
        --count 40 \\
        --output results/demo/annotate/leaves/split1/chosen.csv
"""

from __future__ import annotations

import argparse
from pathlib import Path

from maskguide.data.datasets import read_index
from maskguide.marks.annotation import choose, write_chosen
from maskguide.system import cli


def parse_args(argv: list[str] | None = None) -> argparse.Namespace:
    parser = cli.parser(__doc__)
    parser.add_argument("--index", type=Path, required=True, help="index.csv of the data set")
    parser.add_argument("--count", type=int, default=60, help="how many images; all when there are fewer")
    parser.add_argument("--seed", type=int, default=0, help="seed of the choice")
    said = "choose among the images that have a mask, for marks that are published with them"
    parser.add_argument("--masked", action="store_true", help=said)
    parser.add_argument("--output", type=Path, required=True, help="CSV to write: image_id, class, path")
    return parser.parse_args(argv)


def main(args: argparse.Namespace) -> None:
    chosen = choose(read_index(args.index), args.count, args.seed, args.masked)
    write_chosen(args.output, chosen)
    cli.log.info("%d images of %d classes chosen", len(chosen), chosen["class"].nunique())


if __name__ == "__main__":
    cli.run(main, parse_args())
