"""Put a box around the object in each image, by its mask: what a network sees that is trained with --zoom.

Writes attended.csv as attend_regions.py does, with a column more: shown, 1 where the mask shows an object, 0
where it covers all or nothing of its image, which is then seen whole.

Example:
    python workflow/scripts/box_objects.py --index results/demo/data/leaves/split1/index.csv \\
        --masks results/demo/store/leaves/split1/objects/outline --margin 0.1 \\
        --output results/demo/objects/leaves/split1/outline-0.1/attended.csv
"""

from __future__ import annotations

import argparse
from pathlib import Path

from maskguide.system import cli
from maskguide.system.files import InputError, write_csv


def parse_args(argv: list[str] | None = None) -> argparse.Namespace:
    parser = cli.parser(__doc__)
    parser.add_argument("--index", type=Path, required=True, help="index.csv of the data set")
    parser.add_argument("--masks", type=Path, required=True, help="store of pool_masks.py --parts train test")
    parser.add_argument("--margin", type=float, default=0.1, help="share of the box's sides, added at each")
    parser.add_argument("--output", type=Path, required=True, help="attended.csv")
    return parser.parse_args(argv)


def main(args: argparse.Namespace) -> None:
    import pandas as pd
    from maskguide.data.datasets import read_index
    from maskguide.data.store import MaskStore
    from maskguide.learning.attend import BOX, COLUMNS
    from maskguide.views import objects

    cli.check(args, from_0_to_1=["margin"])
    index, masks = read_index(args.index), MaskStore(args.masks)
    rows = []
    for image_id, split in zip(index["image_id"], index["split"], strict=True):
        if image_id not in masks:
            raise InputError(
                f"{args.masks}: has no mask of image {image_id}; pool them with --parts train test"
            )
        mask = masks.mask(image_id)
        left, top, right, bottom = box = objects.box_of(mask, args.margin)
        share = (right - left) * (bottom - top) / mask.size
        found = {"image_id": image_id, "split": split, "height": mask.shape[0], "width": mask.shape[1]}
        found |= dict(zip(BOX, box, strict=True))
        rows.append({**found, "share": share, "shown": int(objects.is_object(mask))})
    table = pd.DataFrame(rows, columns=[*COLUMNS, "shown"])
    write_csv(args.output, table)
    whole = (table["shown"] == 0).sum()
    cli.log.info(
        "%s: boxes of %d images; %d are seen whole, as their masks cover all or nothing",
        args.output,
        len(table),
        whole,
    )


if __name__ == "__main__":
    cli.run(main, parse_args())
