"""Make masks without a segmenter: from the truth, by image processing, or shuffled between images.

truth: the published masks, of every training image and of the test images that have one.
auto: Otsu and a ridge filter, of every image. shuffled: to each training image the mask of another one
(--masks), resized to it: the control that keeps everything of the masks but their place.

Example:
    python workflow/scripts/make_masks.py --source shuffled \\
        --index results/demo/data/leaves/split1/index.csv \\
        --masks results/demo/masks/leaves/split1/segmenter --classes main_vein second_order_vein \\
        --output results/demo/masks/leaves/split1/shuffled
"""

from __future__ import annotations

import argparse
from pathlib import Path

from maskguide.data import datasets, masks
from maskguide.marks import mask_sources
from maskguide.system import cli
from maskguide.system.files import InputError, atomic_directory
from tqdm import tqdm


def parse_args(argv: list[str] | None = None) -> argparse.Namespace:
    parser = cli.parser(__doc__)
    parser.add_argument("--source", choices=("truth", "auto", "shuffled"), required=True, help="see above")
    parser.add_argument("--index", type=Path, required=True, help="index.csv of the data set")
    parser.add_argument("--masks", type=Path, help="folder of the masks to shuffle (shuffled only)")
    parser.add_argument("--classes", nargs="+", required=True, help="mask classes, background excluded")
    parser.add_argument("--seed", type=int, default=0, help="seed of the shuffling")
    parser.add_argument("--output", type=Path, required=True, help="folder of the masks")
    return parser.parse_args(argv)


def main(args: argparse.Namespace) -> None:
    classes = masks.check_classes(args.classes)
    index = datasets.read_index(args.index)
    if args.source == "shuffled" and args.masks is None:
        raise InputError("--masks: shuffled needs the masks of another source; give their folder")
    with atomic_directory(args.output) as folder:
        if args.source == "truth":
            made = mask_sources.truth_masks(index, classes)
        elif args.source == "auto":
            made = mask_sources.automatic_masks(index, classes)
        else:
            made = mask_sources.shuffled_masks(index, args.masks, classes, args.seed)
        count = 0
        for mask in tqdm(made, desc="masks", unit="image", disable=None):
            masks.write_masks(folder, *mask)
            count += 1
        cli.save_arguments(folder / "args.yaml", args)
    cli.log.info("%s: masks of %d images", args.output, count)


if __name__ == "__main__":
    cli.run(main, parse_args())
