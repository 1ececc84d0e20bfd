"""Find what a trained ACA network attends to in every image, training and test: the next scale looks there.

Writes attended.csv: image_id, split, height and width of the stored image, left, top, right, bottom of the
smallest box around the attended cells (in pixels of the stored image, also where the network saw an enlarged
part of it), and share, the attended share w of the map.

Example:
    python workflow/scripts/attend_regions.py --store results/demo/store/leaves/images \\
        --run results/demo/runs/leaves/split1/aca-s1/small/seed1 \\
        --output results/demo/attend/leaves/split1/aca-s1/small/seed1/attended.csv
"""

from __future__ import annotations

import argparse
from pathlib import Path

from maskguide.plan import declared
from maskguide.system import cli, gpu
from maskguide.system.files import InputError, write_csv
from maskguide.system.stopwatch import Stopwatch


def parse_args(argv: list[str] | None = None) -> argparse.Namespace:
    parser = cli.parser(__doc__)
    add = parser.add_argument
    add("--store", type=Path, required=True, help="image store that the network was trained on")
    add("--index", type=Path, help="index.csv of the split (none: as the store says)")
    add("--zoom", type=Path, help="attended.csv of the scale before, if it was trained on those parts")
    add("--run", type=Path, required=True, help="folder of the run, made by train_classifier.py --method aca")
    cli.add_device_options(parser)
    cli.add_numerics_options(parser)
    add("--output", type=Path, required=True, help="attended.csv to write")
    return parser.parse_args(argv)


def main(args: argparse.Namespace) -> None:
    device = gpu.lease(args.slots, args.device, args.deterministic)  # before torch starts CUDA
    import numpy as np
    from maskguide import methods, views
    from maskguide.data.store import ImageStore
    from maskguide.learning import attend, backbones, evaluation, precision

    precision.choose(args.precision, device)
    model, info = methods.load(args.run / "model.pt")
    attending = [name for name, each in declared.methods().items() if each.attends]
    if info["method"] not in attending:
        problem = f"is a run of {info['method']}, which attends to no region"
        raise InputError(f"{args.run}: {problem}; give one of {', '.join(attending)}")
    zoom = [views.create("zoom", args.zoom)] if args.zoom else []
    images = ImageStore(args.store, zoom, args.index)
    sizes = images.layout[["height", "width"]].to_numpy()
    seen = np.pad(sizes[:, ::-1].astype(float), ((0, 0), (2, 0)))  # left and top are 0
    if zoom:
        seen = np.stack([zoom[0].boxes[image_id] for image_id in images.layout["image_id"]])
    grid = backbones.cell_grid(model.backbone.features)
    boxes, shares, rows = np.zeros((len(sizes), 4)), np.zeros(len(sizes)), np.arange(len(sizes))
    with Stopwatch("inference") as inference:
        for positions, output in evaluation.outputs(model.to(device), images, rows, device):
            masks = (output.mask[:, 0] > 0).cpu().numpy()
            size = tuple(sizes[positions[0]])  # a batch holds one size
            boxes[positions] = attend.attended_boxes(masks, seen[positions], size, *grid)
            shares[positions] = masks.mean(axis=(1, 2))
    inference.say()
    table = images.layout[["image_id", "split", "height", "width"]].copy()
    table[attend.BOX] = boxes.round(3)
    table["share"] = shares.round(6)
    write_csv(args.output, table)
    cli.log.info("%d images, %.0f %% of the map attended on average", len(table), 100 * shares.mean())


if __name__ == "__main__":
    cli.run(main, parse_args())
