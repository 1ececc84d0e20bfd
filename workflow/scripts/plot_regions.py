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
from maskguide.drawing.image_panels import choose_images
from maskguide.drawing.regions import RegionRow, regions_figure
from maskguide.drawing.style import save
from maskguide.system import cli
from maskguide.system.files import InputError


def parse_args(argv: list[str] | None = None) -> argparse.Namespace:
    parser = cli.parser(__doc__)
    add = parser.add_argument
    add("--index", type=Path, required=True, help="index.csv of the data set")
    add("--regions", nargs="+", required=True, help="regions of the data set, in the registry's order")
    add("--detections", type=Path, required=True, help="detections.csv of the detector")
    add("--boxes", type=Path, required=True, help="boxes.csv, which knows true boxes of test images")
    add("--masks", type=Path, nargs="+", required=True, help="folders of the region masks, one per region")
    add("--confidence", type=float, default=0.25, help="detections below it are left out")
    add(
        "--keep",
        choices=("best", "all"),
        default="best",
        help="detections drawn: the most confident of each region, or all; as the masks were made",
    )
    add(
        "--count",
        type=int,
        default=4,
        help="number of test images, one per class at first; of those with true boxes, if there are so many",
    )
    add("--seed", type=int, default=0, help="seed of their choice")
    add("--output", type=Path, required=True, help="the PNG to write")
    return parser.parse_args(argv)


def main(args: argparse.Namespace) -> None:
    check(args)
    from maskguide.data import datasets
    from maskguide.detect import detections
    from maskguide.marks import boxes

    index = datasets.read_index(args.index)
    truth = boxes.read_boxes_table(args.boxes).set_index("image_id")["boxes"].to_dict()
    found = detections.read(args.detections, args.regions)
    known = index[index["image_id"].isin(list(truth))]
    enough = (known["split"] == "test").sum() >= args.count
    chosen = choose_images(known if enough else index, args.count, args.seed, args.index)
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
    return RegionRow(
        name=row["class"],
        image=image,
        found={
            region: [
                ((each.left, each.top, each.right, each.bottom), each.confidence)
                for each in detected[detected["region"] == region].itertuples()
            ]
            for region in args.regions
        },
        truth=None if true_boxes is None else [tuple(box[1:]) for box in true_boxes],
        masks=kept,
    )


def check(args: argparse.Namespace) -> None:
    """Refuse options that contradict each other."""
    if args.count < 1:
        raise InputError(f"--count {args.count}: must be at least 1")
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
