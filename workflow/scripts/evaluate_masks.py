"""Compare inferred masks with the true ones: intersection over union (IoU) per class and mean, in percent.

Pixels are counted over all images of the split that have a true mask; without any, the figures are null.

Example:
    python workflow/scripts/evaluate_masks.py --index results/demo/data/leaves/split1/index.csv \\
        --masks results/demo/masks/leaves/split1/segmenter \\
        --annotated results/demo/annotate/leaves/split1/annotated.csv \\
        --classes main_vein second_order_vein --dataset leaves \\
        --segmenter-args results/demo/segment/leaves/split1/args.yaml \\
        --output results/demo/segment/leaves/split1/metrics.json
"""

from __future__ import annotations

import argparse
from pathlib import Path

import numpy as np
from maskguide.data import masks
from maskguide.system import cli
from maskguide.system.files import read_csv, read_yaml, write_json


def parse_args(argv: list[str] | None = None) -> argparse.Namespace:
    parser = cli.parser(__doc__)
    add = parser.add_argument
    add("--index", type=Path, required=True, help="index.csv of the data set")
    add("--masks", type=Path, required=True, help="folder of the inferred masks")
    add("--annotated", type=Path, required=True, help="annotated.csv the segmenter learnt from")
    add("--classes", nargs="+", required=True, help="mask classes, background excluded")
    add("--split", choices=("train", "test"), default="test", help="images to compare")
    add("--dataset", required=True, help="name of the data set, as the tables print it")
    add("--segmenter-args", type=Path, required=True, help="args.yaml, history.csv beside it")
    add("--output", type=Path, required=True, help="metrics.json")
    return parser.parse_args(argv)


def main(args: argparse.Namespace) -> None:
    from maskguide.data import datasets

    names = (masks.BACKGROUND, *masks.check_classes(args.classes))
    index = datasets.read_index(args.index)
    index = index[(index["split"] == args.split) & (index["mask"] != "")]
    confusion = np.zeros((len(names), len(names)), dtype=np.int64)
    for image_id, path in zip(index["image_id"], index["mask"], strict=True):
        truth = masks.read_labels(path, len(names))
        predicted = masks.read_labels(args.masks / "labels" / f"{image_id}.png", len(names), truth.shape)
        confusion += masks.confusion_matrix(truth, predicted, len(names))
    values = 100 * masks.intersection_over_union(confusion)
    defined = values[~np.isnan(values)]

    annotated = masks.read_annotated(args.annotated)
    annotated = annotated[annotated["mask"] != ""]
    options = read_yaml(args.segmenter_args)["options"]
    inference, history = args.masks / "args.yaml", args.segmenter_args.with_name("history.csv")
    seconds = None
    if history.is_file():
        seconds = read_csv(history, ["seconds"], "train the segmenter again", dtype=float)["seconds"].sum()
    metrics = {
        "dataset": args.dataset,
        "architecture": options["architecture"],
        "encoder": options["encoder"],
        "scales": read_yaml(inference)["options"].get("scales") if inference.is_file() else options["scales"],
        "num_annotated": len(annotated),
        "annotation": "+".join(sorted(set(annotated["source"]))) or None,
        "num_test": len(index),
        "train_seconds": seconds,
        "iou": {name: None if np.isnan(iou) else float(iou) for name, iou in zip(names, values, strict=True)},
        "miou": float(defined.mean()) if len(defined) else None,
    }
    write_json(args.output, metrics)
    cli.log.info("%s: mIoU %s on %d images", args.dataset, metrics["miou"], len(index))


if __name__ == "__main__":
    cli.run(main, parse_args())
