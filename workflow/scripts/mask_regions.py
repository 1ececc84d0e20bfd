"""Turn the detected boxes of one region into masks: filled, or filled with the binarised image inside.

Writes soft/<image_id>.png (255 inside; zero everywhere where nothing was found), masked/<image_id>.png for
training images with a box (the image, black outside it), missing.csv (images without a box) and args.yaml.

Example:
    python workflow/scripts/mask_regions.py --index results/demo/data/leaves/split1/index.csv \\
        --detections results/demo/detect/leaves/split1/30/detections.csv --regions vein contour \\
        --region vein \\
        --output results/demo/masks/leaves/split1/vein-filled-30
"""

from __future__ import annotations

import argparse
from pathlib import Path

from maskguide.system import cli
from maskguide.system.files import InputError, atomic_directory, write_csv
from tqdm import tqdm


def parse_args(argv: list[str] | None = None) -> argparse.Namespace:
    parser = cli.parser(__doc__)
    add = parser.add_argument
    add("--index", type=Path, required=True, help="index.csv of the data set")
    add("--detections", type=Path, required=True, help="detections.csv of detect_regions.py")
    add("--regions", nargs="+", required=True, help="names of all regions")
    add("--region", required=True, help="the one to make masks of")
    add("--content", choices=("filled", "binarised"), default="filled", help="what is inside the boxes")
    add("--keep", choices=("best", "all"), default="best", help="the most confident box, or all of them")
    add("--confidence", type=float, default=0.25, help="least confidence of a box in use")
    add("--shuffle-seed", type=int, help="seed by which training images get each other's boxes (a control)")
    add("--output", type=Path, required=True, help="folder of the masks")
    return parser.parse_args(argv)


def main(args: argparse.Namespace) -> None:
    import pandas as pd
    from maskguide.data import datasets, masks
    from maskguide.detect import detections, region_masks
    from PIL import Image

    if args.region not in args.regions:
        raise InputError(f"--region {args.region}: is not one of {', '.join(args.regions)}")
    cli.check(args, from_0_to_1=["confidence"])
    index = masks.training_first(datasets.read_index(args.index))
    table = detections.read(args.detections, args.regions)
    found = detections.above(table, args.region, args.confidence, args.keep == "best")
    if args.shuffle_seed is not None:
        found = region_masks.shuffled(found, index, args.shuffle_seed)
    missing = []
    with atomic_directory(args.output) as folder:
        (folder / "masked").mkdir()
        rows = zip(index["image_id"], index["path"], index["split"], strict=True)
        for image_id, path, split in tqdm(rows, total=len(index), desc=args.region, disable=None):
            image = masks.read_image(path)
            inside = region_masks.inside(found.get(image_id, []), image.shape[:2])
            soft = region_masks.soft_mask(image, inside, args.content)
            masks.write_grey(folder / "soft" / f"{image_id}.png", soft)
            if image_id not in found:
                missing.append((image_id, split))
            elif split == "train":
                masked = region_masks.masked_image(image, inside)
                Image.fromarray(masked).save(folder / "masked" / f"{image_id}.png")
        write_csv(folder / "missing.csv", pd.DataFrame(missing, columns=["image_id", "split"]))
        cli.save_arguments(folder / "args.yaml", args)
    cli.log.info("%s: %d images, %d of them without a %s", args.output, len(index), len(missing), args.region)


if __name__ == "__main__":
    cli.run(main, parse_args())
