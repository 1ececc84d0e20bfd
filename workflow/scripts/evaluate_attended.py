"""Compare the attended boxes of test images with the true ones: mean intersection over union (IoU, 0…1).

The true box is the smallest around the published boxes, else the outline, else the mask of the image. A data
set without any of them gets a file that says so (null).

Example:
    python workflow/scripts/evaluate_attended.py --index results/demo/data/leaves/split1/index.csv \\
        --attended results/demo/attend/leaves/split1/aca-s1/small/seed1/attended.csv \\
        --dataset leaves --method aca-s1 --backbone small --seed 1 \\
        --output results/demo/attend/leaves/split1/aca-s1/small/seed1/iou.json
"""

from __future__ import annotations

import argparse
from pathlib import Path

from maskguide.system import cli
from maskguide.system.files import write_json


def parse_args(argv: list[str] | None = None) -> argparse.Namespace:
    parser = cli.parser(__doc__)
    add = parser.add_argument
    add("--index", type=Path, required=True, help="index.csv of the data set")
    add("--attended", type=Path, required=True, help="attended.csv of one network")
    add("--dataset", required=True, help="name of the data set, as the tables print it")
    add("--method", required=True, help="name of the method with its scale, such as aca-s1")
    add("--backbone", required=True, help="name of the backbone")
    add("--seed", type=int, required=True, help="seed of the network's training")
    add("--output", type=Path, required=True, help="iou.json")
    return parser.parse_args(argv)


def main(args: argparse.Namespace) -> None:
    from maskguide.data import datasets
    from maskguide.learning.attend import read_attended
    from maskguide.reporting import attended_boxes

    index = datasets.read_index(args.index)
    test = index[index["split"] == "test"]
    found = attended_boxes.compare(test, read_attended(args.attended), args.attended)
    named = {key: getattr(args, key) for key in attended_boxes.IDENTITY}
    write_json(args.output, named | found)
    if found["truth"] is None:
        cli.log.info("%s: no test image has a true box, so nothing was compared", args.dataset)
        return
    cli.log.info(
        "%s, %s, seed %d: mean IoU %.3f with %s of %d of %d test images; the whole image's %.3f",
        *(args.dataset, args.method, args.seed, found["mean_iou"], found["truth"], found["num_images"]),
        *(len(test), found["mean_iou_whole_image"]),
    )


if __name__ == "__main__":
    cli.run(main, parse_args())
