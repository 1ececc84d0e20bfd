"""Train a detector of regions on the annotated training images, offline; the head always starts new.

Writes model.pt, history.csv and args.yaml into the output folder. An interrupted training continues from the
folder given by --resume, on a CPU with the same result to the bit.

Example:
    python workflow/scripts/train_detector.py --index results/demo/data/leaves/split1/index.csv \\
        --boxes results/demo/detect/leaves/split1/30/boxes.csv --regions vein contour --image-size 160 \\
        --output-dir results/demo/detect/leaves/split1/30
"""

from __future__ import annotations

import argparse
import hashlib
import time
from pathlib import Path
from typing import TYPE_CHECKING

from maskguide.system import cli
from maskguide.system.files import InputError, sha256, write_csv

if TYPE_CHECKING:
    from maskguide.detect.detector_training import Annotated

CHANGES_NO_RESULT = ("index", "boxes", "resume", "device", "slots", "output_dir")


def parse_args(argv: list[str] | None = None) -> argparse.Namespace:
    parser = cli.parser(__doc__)
    add = parser.add_argument
    add("--index", type=Path, required=True, help="index.csv of the data set")
    add("--boxes", type=Path, required=True, help="boxes.csv of import_boxes.py, its training rows")
    add("--regions", nargs="+", required=True, help="names of the regions, in the boxes' order")
    add("--architecture", default="yolov5n", help="a YOLO of ultralytics, such as yolov5n, yolov8s, yolo11n")
    add("--weights", type=Path, help="state dict to start from; what fits is loaded (none: random values)")
    add("--image-size", type=int, default=480, help="longer side that images are brought to, in pixels")
    add("--epochs", type=int, default=40, help="passes over the annotated images")
    add("--batch-size", type=int, default=8, help="images of one step")
    add("--optimizer", choices=("AdamW", "SGD"), default="AdamW", help="optimiser")
    add("--learning-rate", type=float, default=0.002, help="learning rate at the start")
    add("--seed", type=int, default=0, help="seed of weights and augmentation")
    add("--resume", type=Path, help="folder of the checkpoint (none: no checkpoint)")
    cli.add_device_options(parser)
    add("--output-dir", type=Path, required=True, help="folder for model.pt, history.csv, args.yaml")
    return parser.parse_args(argv)


def read_annotated(args: argparse.Namespace) -> list[Annotated]:
    """The annotated training images, decoded, with their boxes."""
    import numpy as np
    from maskguide.data import datasets, masks
    from maskguide.detect.detector_training import Annotated
    from maskguide.marks import boxes

    index = datasets.read_index(args.index).set_index("image_id")
    table = boxes.read_boxes_table(args.boxes)
    annotated = []
    for row in table[table["split"] == "train"].itertuples():
        if row.image_id not in index.index or index.at[row.image_id, "split"] != "train":
            raise InputError(f"{args.boxes}: {row.image_id} is no training image of the index; import again")
        image = masks.read_image(index.at[row.image_id, "path"])
        height, width = image.shape[:2]
        found = np.array(boxes.read_yolo_boxes(row.boxes, args.regions, (height, width)), dtype=float)
        region, left, top, right, bottom = found.reshape(-1, 5).T
        centred = np.stack([left + right, top + bottom, 2 * (right - left), 2 * (bottom - top)], axis=1) / 2
        scale = [width, height, width, height]
        annotated.append(Annotated(row.image_id, image, region.astype(int), centred / scale))
    if not any(len(each.boxes) for each in annotated):
        raise InputError(f"{args.boxes}: holds no box of a training image; annotate some images")
    return annotated


def result_options(args: argparse.Namespace, annotated: list[Annotated]) -> dict:
    """What decides the result: the options, and the content of the files they name."""
    options = {name: value for name, value in vars(args).items() if name not in CHANGES_NO_RESULT}
    options["weights"] = sha256(args.weights) if args.weights else None
    content = hashlib.sha256()
    for each in annotated:
        content.update(str(each.image.shape).encode() + each.image.tobytes())
        content.update(each.regions.tobytes() + each.boxes.tobytes())
    return {**options, "content": content.hexdigest()}


def main(args: argparse.Namespace) -> None:
    cli.check(args, above_0=["image_size", "epochs", "batch_size", "learning_rate", "slots"])
    cli.check(args, not_below_0=["seed"])
    if args.image_size % 32:
        raise InputError(f"--image-size {args.image_size}: must be a multiple of 32, the detector's stride")
    from maskguide.system import gpu

    device = gpu.lease(args.slots, args.device)  # before torch starts CUDA
    from maskguide.detect import detectors

    with detectors.private_settings(args.output_dir / "ultralytics"):
        import pandas
        import torch
        from maskguide.detect import detector_training
        from maskguide.learning import checkpoints

        annotated = read_annotated(args)
        count = sum(len(each.boxes) for each in annotated)
        cli.log.info("%d annotated images, %d boxes of %s", len(annotated), count, ", ".join(args.regions))
        torch.manual_seed(args.seed)
        model = detectors.create(args.architecture, len(args.regions))
        if args.weights:
            detectors.load_matching(model, args.weights)
        started, options = time.perf_counter(), result_options(args, annotated)
        model, history = detector_training.train(model, annotated, args, device, options)
        cli.log.info("trained in %.0f s", time.perf_counter() - started)
    write_csv(args.output_dir / "history.csv", pandas.DataFrame(history))
    cli.save_arguments(args.output_dir / "args.yaml", args)
    detector = detectors.Detector(model, args.architecture, tuple(args.regions), args.image_size)
    detectors.save(args.output_dir / "model.pt", detector)
    checkpoints.clear(args.resume)


if __name__ == "__main__":
    cli.run(main, parse_args())
