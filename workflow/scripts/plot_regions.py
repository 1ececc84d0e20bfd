"""Draw test images with the regions that the detector found, the true ones, and the masked images.

Example:
    python workflow/scripts/plot_regions.py --index results/demo/data/leaves/split1/index.csv \\
        --regions vein contour --detections results/demo/detect/leaves/split1/30/detections.csv \\
        --boxes results/demo/detect/leaves/split1/30/boxes.csv \\
        --masks results/demo/masks/leaves/split1/vein-filled-30 \\
            results/demo/masks/leaves/split1/contour-filled-30 \\
        --output results/demo/figures/regions_leaves.png
"""

from __future__ import annotations

import argparse
from collections.abc import Mapping
from pathlib import Path

import pandas as pd
from maskguide.drawing.image_panels import add_image_options, choose_images
from maskguide.drawing.regions import RegionRow, regions_figure
from maskguide.drawing.style import save
from maskguide.system import cli
from maskguide.system.files import InputError


def parse_args(argv: list[str] | None = None) -> argparse.Namespace:
    parser = cli.parser(__doc__)
    add = parser.add_argument
    add("--regions", nargs="+", required=True, help="regions of the data set, in the registry's order")
    add("--detections", type=Path, required=True, help="detections.csv of the detector")
    add("--boxes", type=Path, required=True, help="boxes.csv, which knows true boxes of test images")
    add("--masks", type=Path, nargs="+", required=True, help="folders of the region masks, one per region")
    add("--confidence", type=float, default=0.25, help="detections below it are left out")
    add("--keep", choices=("best", "all"), default="best", help="detections of each region, as in the masks")
    add_image_options(parser, of_those="; of those with true boxes, if there are so many")
    return parser.parse_args(argv)


def main(args: argparse.Namespace) -> None:
    check(args)
    from maskguide.data import datasets
    from maskguide.detect import detections
    from maskguide.marks import boxes

    index = datasets.read_index(args.index)
    truth = boxes.read_boxes_table(args.boxes).set_index("image_id")["boxes"].to_dict()
    found = detections.read(args.detections, args.regions)
    chosen = choose_images(index, args.count, args.seed, args.index, truth)
    rows = []
    for row in chosen.to_dict("records"):
        detected = found[found["image_id"] == row["image_id"]]
        rows.append(region_row(row, detected, truth.get(row["image_id"]), args))
    save(regions_figure(rows, args.regions), args.output)


def region_row(
    row: Mapping[str, str], detections: pd.DataFrame, truth: str | None, args: argparse.Namespace
) -> RegionRow:
    """A row of the figure from its row of the index, its detections and its file of true boxes if any."""
    from maskguide.data import masks
    from maskguide.marks import boxes

    image = masks.read_image(row["path"])
    size = image.shape[:2]
    detected = detections[detections["confidence"] >= args.confidence]
    detected = detected.sort_values("confidence", ascending=False, kind="stable")
    if args.keep == "best":
        detected = detected.drop_duplicates("region")
    true_boxes = None if truth is None else boxes.read_yolo_boxes(truth, args.regions, size)
    kept = {}
    for region, folder in zip(args.regions, args.masks, strict=True):
        path = folder / "soft" / f"{row['image_id']}.png"
        mask = masks.read_grey(path)
        if mask.shape != size:
            raise InputError(f"{path}: is of another size than its image; make the masks again")
        kept[region] = mask if mask.any() else None
    found: dict[str, list] = {region: [] for region in args.regions}
    for each in detected.itertuples():
        found[each.region].append(((each.left, each.top, each.right, each.bottom), each.confidence))
    return RegionRow(row["class"], image, found, true_boxes and [tuple(box[1:]) for box in true_boxes], kept)


def check(args: argparse.Namespace) -> None:
    """Refuse options that contradict each other."""
    if not 0 <= args.confidence <= 1:
        raise InputError(f"--confidence {args.confidence}: must lie in 0…1")
    if len(args.masks) != len(args.regions):
        raise InputError(f"--masks: {len(args.masks)} folders for {len(args.regions)} regions; give one each")
    for region, folder in zip(args.regions, args.masks, strict=True):
        others = [other for other in args.regions if folder.name.startswith(f"{other}-")]
        if others and region not in others:
            raise InputError(f"--masks {folder}: stands in the place of {region}; give them in its order")


if __name__ == "__main__":
    cli.run(main, parse_args())
