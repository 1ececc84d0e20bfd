"""Sum the soft masks of images once, so that any crop of them is pooled exactly and at no cost.

Example:
    python workflow/scripts/pool_masks.py --index results/demo/data/leaves/split1/index.csv \\
        --masks results/demo/masks/leaves/split1/segmenter \\
        --output results/demo/store/leaves/split1/masks/segmenter
"""

from __future__ import annotations

import argparse
from pathlib import Path

from maskguide.data import datasets, store
from maskguide.system import cli


def parse_args(argv: list[str] | None = None) -> argparse.Namespace:
    parser = cli.parser(__doc__)
    parser.add_argument("--index", type=Path, required=True, help="index.csv of the data set")
    parser.add_argument("--masks", type=Path, required=True, help="folder that holds soft/<image_id>.png")
    parser.add_argument("--resize", type=int, help="side of the squares that training images are brought to")
    parser.add_argument("--short-edge", type=int, help="instead: length that every image's short edge gets")
    parser.add_argument("--test-resize", type=int, help="the same for test images (none: as --resize)")
    parts = {"nargs": "+", "choices": ("train", "test"), "default": ["train"]}
    parser.add_argument("--parts", **parts, help="of the split, whose images' masks are summed")
    parser.add_argument("--workers", type=int, default=2, help="threads that decode")
    parser.add_argument("--output", type=Path, required=True, help="folder of the mask store")
    return parser.parse_args(argv)


def main(args: argparse.Namespace) -> None:
    index = datasets.read_index(args.index)
    resize = store.resize_option(args.resize, args.test_resize, args.short_edge)
    store.build_masks(index, args.masks, args.output, resize, args.workers, args.parts)
    count, parts = index["split"].isin(args.parts).sum(), {"train": "training"}
    said = " and ".join(parts.get(part, part) for part in args.parts)
    cli.log.info("masks of %d %s images summed in %s", count, said, args.output)


if __name__ == "__main__":
    cli.run(main, parse_args())
