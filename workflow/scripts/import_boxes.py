"""Turn marks into the boxes of regions that a detector learns from, and those that judge it.

Boxes of the chosen training images are published with the data set, derived from its masks, drawn by a
person (what annotation programs export: docs/marks.md) or automatic. Test images whose true boxes are known
are listed too, with their own source, never an automatic one.

Example:
    python workflow/scripts/import_boxes.py --index results/demo/data/leaves/split1/index.csv \\
        --chosen results/demo/detect/leaves/split1/30/chosen.csv --regions vein contour \\
        --region-masks '{"vein": ["main_vein", "second_order_vein"], "contour": "outline"}' \\
        --classes main_vein second_order_vein --mode masks --dataset leaves \\
        --output results/demo/detect/leaves/split1/30/boxes.csv \\
        --boxes-output results/demo/detect/leaves/split1/30/boxes \\
        --contact-sheet results/demo/detect/leaves/split1/30/contact_sheet.png
"""

from __future__ import annotations

import argparse
import json
from pathlib import Path

import pandas as pd
from maskguide.data.datasets import read_index
from maskguide.data.masks import check_classes
from maskguide.drawing.contact_sheets import sheet_of_boxes
from maskguide.marks import box_sources
from maskguide.marks.annotation import read_chosen, write_boxes
from maskguide.marks.box_sources import BoxedImage
from maskguide.system import cli
from maskguide.system.files import InputError, atomic_file


def parse_args(argv: list[str] | None = None) -> argparse.Namespace:
    parser = cli.parser(__doc__)
    add = parser.add_argument
    add("--index", type=Path, required=True, help="index.csv of the data set")
    add("--chosen", type=Path, required=True, help="chosen.csv of choose_annotation.py")
    add("--regions", nargs="+", required=True, help="names of the regions; YOLO class k is the k-th")
    made_of = 'JSON: region → list of the mask classes it is the box of, or "outline"; [] without such'
    add("--region-masks", default="{}", help=made_of)
    add("--classes", nargs="+", required=True, help="mask classes without the background")
    modes = ["published", "masks", "manual", "automatic"]
    add("--mode", choices=modes, default="published", help="source of the boxes of the chosen images")
    add("--marks", type=Path, help="folder of a person's marks (mode manual)")
    add("--dataset", required=True, help="name of the data set, for messages")
    add("--output", type=Path, required=True, help="CSV to write: image_id, split, boxes, source")
    add("--boxes-output", type=Path, required=True, help="folder for the YOLO files")
    add("--contact-sheet", type=Path, required=True, help="PNG: the boxes on the images")
    return parser.parse_args(argv)


def main(args: argparse.Namespace) -> None:
    classes = check_classes(args.classes)
    try:
        made_of = json.loads(args.region_masks)
    except ValueError as error:
        raise InputError(f"--region-masks {args.region_masks}: is no JSON ({error})") from error
    regions = box_sources.check_regions(args.regions, made_of, classes)
    index = read_index(args.index)
    chosen, test = read_chosen(args.chosen, index), index[index["split"] == "test"]
    train, judges = boxed_images(args, index, chosen, test, regions, classes)
    box_sources.check_every_region(train, regions, args.mode)
    kind = "boxes from masks" if args.mode == "masks" else f"{args.mode} boxes"
    title = f"{args.dataset}: {len(train)} images, {kind}"
    write_boxes([*train, *judges], args.output, args.boxes_output)
    shown = [(image.image_id, image.path, image.boxes) for image in train]
    with atomic_file(args.contact_sheet) as path:
        sheet_of_boxes(shown, title, list(regions)).save(path)
    cli.log.info("%s: %s", title, box_sources.counts(train, regions))
    if judges:
        found = box_sources.counts(judges, regions)
        cli.log.info("%s: %d test images with known boxes: %s", args.dataset, len(judges), found)
    else:
        cli.log.warning("%s: no test image has known boxes: the detector cannot be judged", args.dataset)


def boxed_images(
    args: argparse.Namespace,
    index: pd.DataFrame,
    chosen: pd.DataFrame,
    test: pd.DataFrame,
    regions: box_sources.Regions,
    classes: tuple[str, ...],
) -> tuple[list[BoxedImage], list[BoxedImage]]:
    """The chosen images, and the test images with known boxes."""
    if args.mode == "manual":
        if args.marks is None:
            raise InputError(f"{args.dataset}: mode manual needs --marks, the folder of the finished marks")
        list_file = args.output.parent / "missing.txt"
        drawn = box_sources.drawn_by_hand(chosen, index, regions, args.marks, list_file)
        train = [image for image in drawn if image.split == "train"]
        return train, box_sources.known_boxes(test, regions, classes, drawn[len(train) :])
    if args.mode == "automatic":
        known = box_sources.known_boxes(test, regions, classes)
        return box_sources.found_automatically(chosen, regions), known
    if args.mode == "published":
        train, judges = (box_sources.published(rows, regions) for rows in (chosen, test))
    else:
        train, judges = (box_sources.from_masks(rows, regions, classes) for rows in (chosen, test))
    what = "boxes" if args.mode == "published" else "masks of the regions"
    return box_sources.require_all(train, chosen, what), judges


if __name__ == "__main__":
    cli.run(main, parse_args())
