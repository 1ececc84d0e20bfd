"""Infer the masks of every image of a data set with a trained segmenter, training images first.

Writes soft/<image_id>.png (255 × probability of foreground), labels/<image_id>.png and args.yaml.

Example:
    python workflow/scripts/infer_masks.py --index results/demo/data/leaves/split1/index.csv \\
        --model results/demo/segment/leaves/split1/model.pt \\
        --output results/demo/masks/leaves/split1/segmenter
"""

from __future__ import annotations

import argparse
from pathlib import Path

from maskguide.system import cli
from maskguide.system.files import InputError, atomic_directory
from maskguide.system.stopwatch import Stopwatch
from tqdm import tqdm


def parse_args(argv: list[str] | None = None) -> argparse.Namespace:
    parser = cli.parser(__doc__)
    add = parser.add_argument
    add("--index", type=Path, required=True, help="index.csv of the data set")
    add("--model", type=Path, required=True, help="model.pt of train_segmenter.py")
    add("--scales", type=float, nargs="+", default=[0.5, 1.0], help="image scales combined by attention")
    cli.add_device_options(parser)
    cli.add_numerics_options(parser)
    add("--output", type=Path, required=True, help="folder of the masks")
    return parser.parse_args(argv)


def main(args: argparse.Namespace) -> None:
    from maskguide.data import datasets, masks
    from maskguide.system import gpu

    if min(args.scales) <= 0 or len(set(args.scales)) < len(args.scales):
        raise InputError(f"--scales {args.scales}: give different factors above 0")
    index = masks.training_first(datasets.read_index(args.index))
    device = gpu.lease(args.slots, args.device, args.deterministic)  # before torch starts CUDA
    from maskguide.learning import precision
    from maskguide.learning.memory import running_out_is_said
    from maskguide.segment import segmenters

    precision.choose(args.precision, device)
    model = segmenters.load(args.model)
    inference = Stopwatch("inference")
    with atomic_directory(args.output) as folder:
        rows = zip(index["image_id"], index["path"], strict=True)
        for image_id, path in tqdm(rows, total=len(index), desc="masks", unit="image", disable=None):
            image = masks.read_image(path)
            with inference, running_out_is_said(f"{path}, scales {args.scales}"):
                probability = segmenters.predict(model, image, args.scales, device)
            soft = masks.soft_of_probability(1 - probability[0])
            masks.write_masks(folder, image_id, soft, probability.argmax(axis=0).astype("uint8"))
        cli.save_arguments(folder / "args.yaml", args)
    inference.say()
    cli.log.info("%s: masks of %d images", args.output, len(index))


if __name__ == "__main__":
    cli.run(main, parse_args())
