"""Draw what ACA sees at each scale: test images under the attention map, and what becomes the next image.

Example:
    python workflow/scripts/plot_attention.py --index results/demo/data/leaves/split1/index.csv \\
        --store results/demo/store/leaves/images \\
        --runs results/demo/runs/leaves/split1/aca-s1/small/seed1 \\
            results/demo/runs/leaves/split1/aca-s2/small/seed1 \\
        --attended results/demo/attend/leaves/split1/aca-s1/small/seed1/attended.csv \\
        --output results/demo/figures/attention_leaves.png
"""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from pathlib import Path

from maskguide.drawing.attention import ScalePanel, attention_figure
from maskguide.drawing.image_panels import Box, add_image_options, choose_images
from maskguide.drawing.style import save
from maskguide.plan import declared
from maskguide.reporting import labels
from maskguide.reporting.runs import read_run
from maskguide.system import cli
from maskguide.system.files import InputError


def parse_args(argv: list[str] | None = None) -> argparse.Namespace:
    parser = labels.parser(__doc__)
    add = parser.add_argument
    add("--store", type=Path, required=True, help="folder of the image store")
    add("--runs", type=Path, nargs="+", required=True, help="run folders of ACA, scale 1, 2, 3 of one seed")
    add("--attended", type=Path, nargs="*", default=[], help="attended.csv of each of them but the last")
    add_image_options(parser)
    return parser.parse_args(argv)


def main(args: argparse.Namespace) -> None:
    labels.know(args.names)
    records = [read_run(run) for run in args.runs]
    check(args, records)
    import numpy as np
    from maskguide import views
    from maskguide.data import datasets
    from maskguide.data.store import ImageStore
    from maskguide.learning.backbones import cell_grid
    from maskguide.methods import load as load_model

    index = datasets.read_index(args.index)
    chosen = choose_images(index, args.count, args.seed, args.index)
    zooms = [views.create("zoom", path) for path in args.attended]
    stores = [ImageStore(args.store, view, args.index) for view in [[], *([zoom] for zoom in zooms)]]
    place = {image_id: i for i, image_id in enumerate(stores[0].layout["image_id"])}
    columns = []
    for scale, run in enumerate(args.runs):
        model, info = load_model(run / "model.pt")
        if list(info["classes"]) != stores[0].classes():
            raise InputError(f"{run}: learnt other classes than those of {args.store}; give runs on its data")
        cells = cell_grid(model.backbone.features)
        column = []
        for image_id in chosen["image_id"]:
            image = np.array(stores[scale].image(place[image_id]))
            whole = np.array([0, 0, image.shape[1], image.shape[0]], dtype=float)
            part = whole if scale == 0 else zooms[scale - 1].boxes[image_id]
            following = zooms[scale].boxes[image_id] if scale < len(zooms) else None
            zoom = None if following is None else within(following, part, image.shape[:2])
            column.append(look(model, info["classes"], image, cells, zoom, run))
        columns.append(column)
    titles = [f"scale {number}" for number in range(1, len(args.runs) + 1)]
    first = records[0]
    network = f"{labels.without_scale(first['method'])}, {labels.backbone_label(first['backbone'])}"
    note = f"{labels.dataset_label(first['dataset'])}, {network}, seed {first['seed']}"
    save(attention_figure(list(chosen["class"]), list(zip(*columns, strict=True)), titles, note), args.output)


def look(
    model, classes: Sequence[str], image, cells: tuple[float, float], zoom: Box | None, run: Path
) -> ScalePanel:
    """One image uint8 [H, W, 3] as the model of one scale sees it."""
    import torch
    from maskguide.learning.batches import images_on

    with torch.inference_mode():
        output = model(images_on(image[None], "cpu"))
    if getattr(output, "mask", None) is None or output.attention is None:
        raise InputError(f"{run}: has no attended region to show; give runs of ACA")
    attention, attended = output.attention[0, 0].float().numpy(), (output.mask[0, 0] > 0).numpy()
    predicted = str(classes[int(output.logits[0].argmax())])
    return ScalePanel(image, attention, attended, cells, zoom, predicted)


def within(box: Sequence[float], part: Sequence[float], size: tuple[int, int]) -> Box:
    """A box in pixels of the stored image, in pixels of an image of `size` (H, W) that shows its `part`."""
    height, width = size
    left, top, right, bottom = part
    across, down = width / (right - left), height / (bottom - top)
    moved = (box[0] - left, box[1] - top, box[2] - left, box[3] - top)
    return tuple(side * factor for side, factor in zip(moved, (across, down) * 2, strict=True))


def check(args: argparse.Namespace, records: Sequence[dict]) -> None:
    """Refuse runs that are not the scales 1, 2, 3… of one network, and too few attended boxes."""
    networks = [dict(labels.variant(record["method"], record["family"]).options) for record in records]
    for number, (options, record) in enumerate(zip(networks, records, strict=True), 1):
        attends = declared.methods()[record["family"]].attends
        if not attends or options.pop("scale", None) != number:
            raise InputError(f"{record['run']}: is not ACA at scale {number}; give its runs in that order")
        others = [key for key in ("dataset", "backbone", "seed") if record[key] != records[0][key]]
        if others or (record["family"], options) != (records[0]["family"], networks[0]):
            what = others[0] if others else "method"
            raise InputError(f"{record['run']}: has another {what} than scale 1; give one network's scales")
    if len(args.attended) != len(records) - 1:
        given = f"{len(args.attended)} files for {len(records)} scales"
        raise InputError(f"--attended: {given}; give one for each scale but the last")


if __name__ == "__main__":
    cli.run(main, parse_args())
