"""Compare detections with true boxes of test images, which the detector never saw: mAP, precision, recall.

Writes metrics.json; all figures in percent, null where no test image has a true box. It also counts the
images in which a region was not found with enough confidence: they give no mask.

Example:
    python workflow/scripts/evaluate_detector.py --dataset leaves \\
        --index results/demo/data/leaves/split1/index.csv \\
        --detections results/demo/detect/leaves/split1/30/detections.csv --regions vein contour \\
        --boxes results/demo/detect/leaves/split1/30/boxes.csv \\
        --detector results/demo/detect/leaves/split1/30 \\
        --output results/demo/detect/leaves/split1/30/metrics.json
"""

from __future__ import annotations

import argparse
from pathlib import Path

from maskguide.system import cli
from maskguide.system.files import InputError, read_csv, read_yaml, write_json

PARTS = ("train", "test")


def parse_args(argv: list[str] | None = None) -> argparse.Namespace:
    parser = cli.parser(__doc__)
    add = parser.add_argument
    add("--dataset", required=True, help="name of the data set, as the tables print it")
    add("--index", type=Path, required=True, help="index.csv of the data set")
    add("--detections", type=Path, required=True, help="detections.csv of detect_regions.py")
    add("--boxes", type=Path, required=True, help="boxes.csv of import_boxes.py")
    add("--regions", nargs="+", required=True, help="names of the regions, in their order")
    add("--confidence", type=float, default=0.25, help="least confidence of a box in use")
    add("--detector", type=Path, required=True, help="folder of the detector's args.yaml and history.csv")
    add("--output", type=Path, required=True, help="metrics.json")
    return parser.parse_args(argv)


def main(args: argparse.Namespace) -> None:
    from maskguide.data import datasets
    from maskguide.data.pictures import read_rgb
    from maskguide.detect import detection_metrics, detections, detectors
    from maskguide.marks import boxes

    index = datasets.read_index(args.index)
    table = boxes.read_boxes_table(args.boxes)
    judged = table[table["split"] == "test"]
    paths = dict(zip(index["image_id"], index["path"], strict=True))
    truth = {}
    for row in judged.itertuples():
        if row.image_id not in paths:
            raise InputError(f"{args.boxes}: {row.image_id} is no image of the index; import again")
        size = read_rgb(paths[row.image_id]).shape[:2]
        truth[row.image_id] = boxes.read_yolo_boxes(row.boxes, args.regions, size)
    found = detections.read(args.detections, args.regions)
    with detectors.private_settings(args.output.parent / "ultralytics-evaluate"):
        regions = detection_metrics.by_region(found, truth, args.regions)
    missing = detection_metrics.missing(index, found, args.regions, args.confidence)
    learnt = table[table["split"] == "train"]
    options = read_yaml(args.detector / "args.yaml")["options"]
    history = read_csv(args.detector / "history.csv", ["seconds"], "train the detector again", dtype=float)
    metrics = {
        "dataset": args.dataset,
        **{name: options[name] for name in ("architecture", "image_size")},
        "weights": Path(options["weights"]).name if options["weights"] else "none",
        "epochs": options["epochs"],
        "num_annotated": len(learnt),
        "annotation": "+".join(sorted(learnt["source"].unique())),
        "truth": "+".join(sorted(judged["source"].unique())) or None,
        "num_test": len(judged),
        **{f"num_images_{part}": int((index["split"] == part).sum()) for part in PARTS},
        "train_seconds": history["seconds"].sum(),
        "confidence": args.confidence,
        "regions": {
            name: {**regions[name], **{f"missing_{part}": len(missing[name, part]) for part in PARTS}}
            for name in args.regions
        },
        **detection_metrics.means(regions),
    }
    write_json(args.output, metrics)
    for (name, part), lost in missing.items():
        if lost:
            some = ", ".join(lost[:10]) + (f" and {len(lost) - 10} more" if len(lost) > 10 else "")
            cli.log.info("%s: no %s found in %d %s images: %s", args.dataset, name, len(lost), part, some)
    cli.log.info("%s: mAP@0.5 %s on %d test images", args.dataset, metrics["map50"], len(judged))


if __name__ == "__main__":
    cli.run(main, parse_args())
