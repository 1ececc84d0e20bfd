"""Measure whether networks look where the masks of test images are: attention.csv, a row per image and mask.

Where a network looks is its attention, or the class activation map of the true class. Beside each number
stands that of a map that knows nothing of the image, the mean of the training images' masks. --truth: the
true masks, as the index has them; --masks: folders of other masks of all images. A network with several maps
(MGFE's, one for each region) needs as many masks, in their order. Networks compute in float32.

Example:
    python workflow/scripts/measure_attention.py --index results/demo/data/leaves/split1/index.csv \\
        --store results/demo/store/leaves/images --truth \\
        --runs results/demo/runs/leaves/split1/mga/small/seed1 --output attention.csv
"""

from __future__ import annotations

import argparse
from collections.abc import Callable
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING

from maskguide.system import cli, gpu
from maskguide.system.files import InputError, write_csv
from maskguide.system.stopwatch import Stopwatch

if TYPE_CHECKING:
    import numpy as np
    import pandas as pd

    Targets = Callable[[str, str, tuple, tuple, tuple], tuple[np.ndarray, float] | None]
    Masks = Callable[
        [str], np.ndarray | None
    ]  # image_id → uint8 [H, W] of its image's size, None where unknown

MEAN_SIDE = 256  # of the mean mask, which is then brought to each test image's size


def parse_args(argv: list[str] | None = None) -> argparse.Namespace:
    parser = cli.parser(__doc__)
    add = parser.add_argument
    add("--index", type=Path, required=True, help="index.csv of the split")
    add("--store", type=Path, required=True, help="image store that the networks were trained on")
    add("--runs", type=Path, nargs="+", required=True, help="folders of runs of one split, with model.pt")
    add("--truth", action="store_true", help="measure against the true masks")
    add("--masks", type=Path, nargs="+", default=[], help="measure against these: folders with soft/")
    cli.add_device_options(parser)
    add("--output", type=Path, required=True, help="attention.csv to write")
    return parser.parse_args(argv)


def mask_readers(index: pd.DataFrame, truth: bool, folders: list[Path]) -> dict[str, Masks]:
    """Where masks come from, by the source's name."""
    from maskguide.data import masks

    labels = dict(zip(index["image_id"], index["mask"], strict=True))

    def true(image_id: str) -> np.ndarray | None:
        path = labels[image_id]
        return masks.soft_of_labels(masks.read_labels(path, masks.IGNORE)) if path else None

    def of(folder: Path) -> Masks:
        return lambda image_id: masks.read_grey(folder / "soft" / f"{image_id}.png")

    return ({"truth": true} if truth else {}) | {folder.name: of(folder) for folder in folders}


def mean_mask(masks: Masks, image_ids: list[str]) -> np.ndarray | None:
    """The mean of these images' masks, as squares, uint8 [MEAN_SIDE, MEAN_SIDE]; None: there are none."""
    import numpy as np
    from maskguide.data.store import resized

    found = (masks(image_id) for image_id in image_ids)
    squares = [resized(mask, (MEAN_SIDE, MEAN_SIDE)) for mask in found if mask is not None]
    return np.rint(np.mean(squares, axis=0)).astype(np.uint8) if squares else None


def targets_of(index: pd.DataFrame, truth: bool, folders: list[Path]) -> tuple[list[str], Targets]:
    """The names of the masks' sources, and a function that gives an image's mask by cells.

    Of source, image_id, size (height, width), grid and cells: the mask [h, w] and the ROC area that the mean
    training mask has on it (NaN: there is none); None for an image without a mask.
    """
    import numpy as np
    from maskguide.data.store import resized
    from maskguide.learning import looking

    sources = mask_readers(index, truth, folders)
    training = index["image_id"][index["split"] == "train"].tolist()
    means = {name: mean_mask(masks, training) for name, masks in sources.items()}

    @cache  # all networks of one backbone have the same cells
    def target(name: str, image_id: str, size: tuple, grid: tuple, cells: tuple) -> tuple | None:
        mask = sources[name](image_id)
        if mask is None or not mask.any():
            return None
        pooled = looking.over_cells(resized(mask, size), grid, cells)
        if means[name] is None:
            return pooled, np.nan
        usual = looking.over_cells(resized(means[name], size), grid, cells)
        return pooled, looking.agreement(usual, pooled).roc_area

    return list(sources), target


def main(args: argparse.Namespace) -> None:
    if not args.truth and not args.masks:
        raise InputError("--truth, --masks: no masks to measure against; give one of them")
    device = gpu.lease(args.slots, args.device)  # before torch starts CUDA
    import numpy as np
    import pandas as pd
    import torch
    from maskguide import methods
    from maskguide.data import datasets
    from maskguide.data.store import ImageStore
    from maskguide.learning import backbones, evaluation, looking
    from maskguide.learning.batches import images_on
    from maskguide.learning.memory import running_out_is_said

    index, images = datasets.read_index(args.index), ImageStore(args.store, [], args.index)
    names, target = targets_of(index, args.truth, args.masks)
    rows, found, inference = images.rows("test"), [], Stopwatch("inference")
    groups, computing = evaluation.in_batches(images, rows, device)
    for run in args.runs:
        model, _ = methods.load(run / "model.pt")
        cells = backbones.cell_grid(model.backbone.features)
        model = evaluation.for_inference(model).requires_grad_(False).to(device)
        for chosen in (images.layout.iloc[rows[group]] for group in groups):
            labels = torch.tensor(chosen["class_id"].to_numpy(), device=device)
            pixels = np.stack([images.image(row) for row in chosen.index])
            said = running_out_is_said("measuring attention")
            with inference, said, computing():
                maps, kind = looking.maps_of(model, images_on(pixels, device), labels)
                maps = maps.cpu().numpy()
            if maps.shape[1] not in (1, len(names)):
                many = f"has {maps.shape[1]} maps, but {len(names)} masks are given"
                raise InputError(f"{run}: {many}; give one for each, in their order")
            size = int(chosen["height"].iloc[0]), int(chosen["width"].iloc[0])
            for image_id, of_image in zip(chosen["image_id"], maps, strict=True):
                each = np.broadcast_to(of_image, (len(names), *maps.shape[2:]))  # one map is for all masks
                for name, map_ in zip(names, each, strict=True):
                    known = target(name, image_id, size, maps.shape[2:], cells)
                    if known is not None:
                        measured = looking.agreement(map_, known[0])._asdict()
                        named = {"run": str(run), "map": kind, "masks": name, "image_id": image_id}
                        found.append({**named, **measured, "mean_mask_roc_area": known[1]})
    inference.say()
    columns = ["run", "map", "masks", "image_id", *looking.Agreement._fields, "mean_mask_roc_area"]
    table = pd.DataFrame(found, columns=columns)
    write_csv(args.output, table.round(6))
    for name in names:
        of_name = table[table["masks"] == name]
        told = "%s, %d test images: area under the ROC curve %.3f, of the mean training mask %.3f"
        areas = of_name["roc_area"].mean(), of_name["mean_mask_roc_area"].mean()
        cli.log.info(told, name, of_name["image_id"].nunique(), *areas)


if __name__ == "__main__":
    cli.run(main, parse_args())
