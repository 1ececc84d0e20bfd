"""Decode every image of a data set once, into one memory-mapped file.

Of --images, each image is stored for whatever part a split gives it: in both sizes, where those of training
and test images differ. Of --index, each is stored for its part in that split.

Example:
    python workflow/scripts/build_store.py --images results/demo/data/leaves/images.csv \\
        --output results/demo/store/leaves/images
"""

from __future__ import annotations

import argparse
from pathlib import Path

from maskguide.data import datasets, store
from maskguide.system import cli
from maskguide.system.files import InputError


def parse_args(argv: list[str] | None = None) -> argparse.Namespace:
    parser = cli.parser(__doc__)
    add = parser.add_argument
    source = parser.add_mutually_exclusive_group(required=True)
    source.add_argument("--images", type=Path, help="images.csv of the data set")
    source.add_argument("--index", type=Path, help="index.csv of one split")
    add("--resize", type=int, help="side of the squares that training images are brought to")
    add("--short-edge", type=int, help="instead: length that every image's short edge gets")
    add("--test-resize", type=int, help="the same for test images (none: as --resize)")
    add("--masked", type=Path, help="folder of masked training images <image_id>.png, stored instead")
    add("--workers", type=int, default=2, help="threads that decode")
    add("--output", type=Path, required=True, help="folder of the store")
    return parser.parse_args(argv)


def main(args: argparse.Namespace) -> None:
    if args.masked and not args.index:
        raise InputError(f"--masked {args.masked}: give the --index of a split too")
    if args.images:
        index = datasets.read_images(args.images).assign(split="")
    else:
        index = datasets.read_index(args.index)
    if args.masked:
        index = index.assign(path=[str(args.masked / f"{image_id}.png") for image_id in index["image_id"]])
        index = index[(index["split"] == "train") & index["path"].map(lambda path: Path(path).is_file())]
        if index.empty:
            raise InputError(f"{args.masked}: holds no masked training image; nothing was detected")
    resize = store.resize_option(args.resize, args.test_resize, args.short_edge)
    store.build_images(index, args.output, resize, args.workers)
    cli.log.info("%d images stored in %s", len(index), args.output)


if __name__ == "__main__":
    cli.run(main, parse_args())
