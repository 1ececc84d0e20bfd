"""Draw test images beside their true mask, the segmenter's mask and the guided classifier's attention.

Below the attention stands the area under its ROC curve against the true mask, or where that is not known the
segmenter's: 0.5 is blind, below that it looks away.

Example:
    python workflow/scripts/plot_strips.py --index results/demo/data/leaves/split1/index.csv \\
        --masks results/demo/masks/leaves/split1/segmenter \\
        --run results/demo/runs/leaves/split1/mga/small/seed1 \\
        --classes main_vein second_order_vein --output results/demo/figures/strips_leaves.png
"""

from __future__ import annotations

import argparse
from pathlib import Path

from maskguide.drawing.image_panels import add_image_options, choose_images
from maskguide.drawing.strips import Strip, strips_figure
from maskguide.drawing.style import save
from maskguide.system import cli
from maskguide.system.files import InputError


def parse_args(argv: list[str] | None = None) -> argparse.Namespace:
    parser = cli.parser(__doc__)
    add = parser.add_argument
    add("--masks", type=Path, required=True, help="folder of the segmenter's masks (labels/)")
    add("--run", type=Path, required=True, help="run folder of mga or attention, with model.pt")
    add("--classes", nargs="+", required=True, help="mask classes, background excluded")
    add_image_options(parser)
    return parser.parse_args(argv)


def main(args: argparse.Namespace) -> None:
    import numpy as np
    import torch
    from maskguide.data import datasets, masks, pictures
    from maskguide.learning import looking
    from maskguide.learning.backbones import cell_grid
    from maskguide.learning.batches import images_on
    from maskguide.methods import load as load_model

    classes = masks.check_classes(args.classes)
    index = datasets.read_index(args.index)
    chosen = choose_images(index, args.count, args.seed, args.index)
    model, _ = load_model(args.run / "model.pt")
    cells, strips = cell_grid(model.backbone.features), []
    for row in chosen.to_dict("records"):
        image = np.array(pictures.read_rgb(row["path"]))
        with torch.inference_mode():
            attention = model(images_on(image[None], "cpu")).attention
        if attention is None:
            raise InputError(f"{args.run}: has no attention to show; give a run of mga or attention")
        size, num_classes = image.shape[:2], len(classes) + 1
        truth = masks.read_labels(row["mask"], num_classes, size) if row["mask"] else None
        path = args.masks / "labels" / f"{row['image_id']}.png"
        prediction = masks.read_labels(path, num_classes, size)
        map_, marked = attention[0, 0].float().numpy(), prediction if truth is None else truth
        mask = looking.over_cells(masks.soft_of_labels(marked), map_.shape, cells)
        area = looking.agreement(map_, mask).roc_area
        strips.append(Strip(row["class"], image, truth, prediction, map_, cells, area))
    save(strips_figure(strips, classes), args.output)


if __name__ == "__main__":
    cli.run(main, parse_args())
