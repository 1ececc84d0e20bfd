"""Features of a network that learns nothing: means of its last map, whole, inside and outside the object.

--weights: the network as it starts, nothing is trained. --masks: a folder of masks that show whole objects;
without it, the means of the whole image alone are there. Images are seen whole, as test images are. Writes a
folder: features.npy, float32 [images, 3, channels], and layout.csv, which names the images.

Example:
    python workflow/scripts/extract_features.py --index results/demo/data/leaves/split1/index.csv \\
        --store results/demo/store/leaves/images --backbone small --weights resources/small-leaves.pth \\
        --masks results/demo/masks/leaves/split1/outline --output results/demo/features/leaves/small
"""

from __future__ import annotations

import argparse
from pathlib import Path

from maskguide.system import cli, gpu
from maskguide.system.files import InputError, atomic_directory, write_csv

FEATURES, LAYOUT = "features.npy", "layout.csv"


def parse_args(argv: list[str] | None = None) -> argparse.Namespace:
    parser = cli.parser(__doc__)
    add = parser.add_argument
    add("--index", type=Path, required=True, help="index.csv of the split, which names the images")
    add("--store", type=Path, required=True, help="image store of the data set")
    add("--backbone", required=True, help="the network, by torchvision's name, or small")
    add("--weights", type=Path, help="its weights, a state dict (none: random, which tell little)")
    add("--masks", type=Path, help="masks of whole objects: a folder with soft/")
    cli.add_device_options(parser)
    cli.add_numerics_options(parser)
    add("--output", type=Path, required=True, help="folder to write")
    return parser.parse_args(argv)


def main(args: argparse.Namespace) -> None:
    if args.masks and not (args.masks / "soft").is_dir():
        raise InputError(
            f"{args.masks}: has no folder soft; make the masks first (make_masks.py, infer_masks.py)"
        )
    device = gpu.lease(args.slots, args.device, args.deterministic)  # before torch starts CUDA
    import numpy as np
    from maskguide.data import datasets, masks
    from maskguide.data.store import ImageStore
    from maskguide.learning import backbones, frozen, precision

    precision.choose(args.precision, device)
    index, images = datasets.read_index(args.index), ImageStore(args.store)
    rows = images.rows_seen(index["image_id"])
    backbone = backbones.create(args.backbone, args.weights, max(2, len(images.classes())))

    def mask(image_id: str) -> np.ndarray | None:
        path = args.masks / "soft" / f"{image_id}.png" if args.masks else None
        return masks.read_grey(path) if path and path.is_file() else None

    found = frozen.features(backbone, images, rows, mask, device)
    told = np.isfinite(found[:, 1]).all(axis=1)
    if args.masks and not told.all():
        cli.log.warning(
            "%d of %d images have no inside and outside: their mask is missing or covers all or nothing",
            *((~told).sum(), len(told)),
        )
    layout = index[["image_id", "class", "class_id", "split"]].assign(inside=told)
    layout["masks"] = args.masks.name if args.masks else ""
    with atomic_directory(args.output) as folder:
        np.save(folder / FEATURES, found)
        write_csv(folder / LAYOUT, layout)
    cli.log.info("%d images, %d channels → %s", len(found), found.shape[-1], args.output)


if __name__ == "__main__":
    cli.run(main, parse_args())
