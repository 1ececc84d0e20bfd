"""Make masks without a segmenter: from the truth, by image processing, or as twins of other masks.

truth: the published masks, of every training image and of the test images that have one; outline: the
outlines that came with the images. auto: Otsu and a ridge filter, of every image; silhouette: the object
alone. Twins of the masks of --masks, the controls, of every image that has one there: shuffled, the mask of
another image, resized, which keeps everything of the masks but their place; elsewhere, its own mask, mirrored
and moved; eroded, dilated; boxes instead of outlines; thirds, every third mask missing.

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
from maskguide.marks import mask_sources, mask_twins
from maskguide.plan import sources
from maskguide.system import cli
from maskguide.system.files import InputError, atomic_directory
from tqdm import tqdm

ALONE = (sources.TRUTH, sources.OUTLINE, sources.AUTO, sources.SILHOUETTE)
OBJECT = ("object",)


def parse_args(argv: list[str] | None = None) -> argparse.Namespace:
    parser = cli.parser(__doc__)
    parser.add_argument("--source", choices=(*ALONE, *sources.TWINS), required=True, help="see above")
    parser.add_argument("--index", type=Path, required=True, help="index.csv of the data set")
    parser.add_argument("--masks", type=Path, help="folder of the masks to make a twin of (twins only)")
    parser.add_argument("--classes", nargs="+", required=True, help="mask classes, background excluded")
    parser.add_argument("--seed", type=int, default=0, help="seed of what is drawn")
    parser.add_argument("--output", type=Path, required=True, help="folder of the masks")
    return parser.parse_args(argv)


def main(args: argparse.Namespace) -> None:
    classes = masks.check_classes(args.classes)
    index = datasets.read_index(args.index)
    if args.source in sources.TWINS and args.masks is None:
        raise InputError(f"--masks: {args.source} needs the masks of another source; give their folder")
    with atomic_directory(args.output) as folder:
        if args.source == sources.TRUTH:
            made = mask_sources.truth_masks(index, classes)
        elif args.source == sources.OUTLINE:
            made = mask_sources.outlines(index)
        elif args.source in ALONE:
            drawn = classes if args.source == sources.AUTO else OBJECT
            made = mask_sources.automatic_masks(index, drawn)
        else:
            made = mask_twins.twin_masks(args.source, index, args.masks, classes, args.seed)
        count = 0
        for mask in tqdm(made, desc="masks", unit="image", disable=None):
            masks.write_masks(folder, *mask)
            count += 1
        cli.save_arguments(folder / "args.yaml", args)
    cli.log.info("%s: masks of %d images", args.output, count)


if __name__ == "__main__":
    cli.run(main, parse_args())
