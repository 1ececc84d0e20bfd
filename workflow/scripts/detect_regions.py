"""Detect the regions in every image of a data set, however unsure: detections.csv, one row per box.

Example:
    python workflow/scripts/detect_regions.py --index results/demo/data/leaves/split1/index.csv \\
        --model results/demo/detect/leaves/split1/30/model.pt \\
        --output results/demo/detect/leaves/split1/30/detections.csv
"""

from __future__ import annotations

import argparse
from pathlib import Path

from maskguide.system import cli
from maskguide.system.files import write_csv
from maskguide.system.stopwatch import Stopwatch
from tqdm import tqdm


def parse_args(argv: list[str] | None = None) -> argparse.Namespace:
    parser = cli.parser(__doc__)
    add = parser.add_argument
    add("--index", type=Path, required=True, help="index.csv of the data set")
    add("--model", type=Path, required=True, help="model.pt of train_detector.py")
    cli.add_device_options(parser)
    add("--output", type=Path, required=True, help="detections.csv")
    return parser.parse_args(argv)


def main(args: argparse.Namespace) -> None:
    from maskguide.system import gpu

    device = gpu.lease(args.slots, args.device)  # before torch starts CUDA
    from maskguide.detect import detectors

    with detectors.private_settings(args.output.parent / "ultralytics-detect"):
        import pandas as pd
        from maskguide.data import datasets, masks
        from maskguide.detect import detections
        from maskguide.learning.memory import running_out_is_said

        index = datasets.read_index(args.index).sort_values("image_id")
        detector = detectors.load(args.model)
        rows, inference = [], Stopwatch("inference")
        pairs = zip(index["image_id"], index["path"], strict=True)
        for image_id, path in tqdm(pairs, total=len(index), desc="regions", unit="image", disable=None):
            image = masks.read_image(path)
            with inference, running_out_is_said(path):
                found = detectors.detect(detector, image, device)
            for *box, confidence, region in found:
                corners = [round(float(value), 2) for value in box]
                rows.append([image_id, detector.regions[int(region)], *corners, round(float(confidence), 5)])
    write_csv(args.output, pd.DataFrame(rows, columns=detections.COLUMNS))
    inference.say()
    cli.log.info("%s: %d boxes in %d images", args.output, len(rows), len(index))


if __name__ == "__main__":
    cli.run(main, parse_args())
