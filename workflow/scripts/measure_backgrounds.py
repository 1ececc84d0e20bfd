"""Measure what networks use: backgrounds.csv, their answers to test images with other backgrounds or none.

A row per run and test image with the class that the network names of the image as it is, of the object alone
(before grey), of the background alone (the object's whole box filled from around it), and of the object
before the background of a training image of its own class and of another class, drawn by (seed 0, image).
--masks: a folder of masks that show whole objects. Images whose mask is missing or covers all or nothing are
left out.
--blank, --zoom, --background: through which the networks see all of this, as in their training.

Example:
    python workflow/scripts/measure_backgrounds.py --index results/demo/data/leaves/split1/index.csv \\
        --store results/demo/store/leaves/images --masks results/demo/masks/leaves/split1/outline \\
        --runs results/demo/runs/leaves/split1/mga/small/seed1 --output backgrounds.csv
"""

from __future__ import annotations

import argparse
from pathlib import Path

from maskguide.plan import declared
from maskguide.plan.conditions import ACROSS, CONDITIONS, WITHIN
from maskguide.system import cli, gpu
from maskguide.system.files import InputError, write_csv
from maskguide.system.stopwatch import Stopwatch


def parse_args(argv: list[str] | None = None) -> argparse.Namespace:
    parser = cli.parser(__doc__)
    add = parser.add_argument
    add("--index", type=Path, required=True, help="index.csv of the split")
    add("--store", type=Path, required=True, help="image store that the networks were trained on")
    add("--runs", type=Path, nargs="+", required=True, help="folders of runs of one split, with model.pt")
    add("--masks", type=Path, required=True, help="masks of whole objects: a folder with soft/")
    for name, view in declared.views().items():
        if not view.training_only:
            add(f"--{name}", type=Path, help=view.description)
    cli.add_device_options(parser)
    cli.add_numerics_options(parser)
    add("--output", type=Path, required=True, help="backgrounds.csv to write")
    return parser.parse_args(argv)


def main(args: argparse.Namespace) -> None:
    if not (args.masks / "soft").is_dir():
        raise InputError(
            f"{args.masks}: has no folder soft; make the masks first (make_masks.py, infer_masks.py)"
        )
    device = gpu.lease(args.slots, args.device, args.deterministic)  # before torch starts CUDA
    import pandas as pd
    from maskguide import methods, views
    from maskguide.data import masks
    from maskguide.data.store import ImageStore
    from maskguide.learning import evaluation, precision
    from maskguide.views.conditions import Scenes

    precision.choose(args.precision, device)

    def mask(image_id: str):
        path = args.masks / "soft" / f"{image_id}.png"
        return masks.read_grey(path) if path.is_file() else None

    seen, images = views.given(args), ImageStore(args.store, [], args.index)
    scenes = Scenes(images, mask)
    tested, left = len(images.rows("test")), len(images.rows("test")) - len(scenes.rows)
    if not len(scenes.rows):
        raise InputError(
            f"{args.masks}: in none of the {tested} test images a mask shows an object before a background, "
            "and lets training images lend theirs; give masks of whole objects"
        )
    if left:
        cli.log.warning(
            "%d of %d test images are left out: no mask shows an object before a background", left, tested
        )
    networks = [methods.load(run / "model.pt")[0].to(device) for run in args.runs]
    rows, inference = images.layout.iloc[scenes.rows][["image_id", "class_id"]], Stopwatch("inference")
    tables = [rows.assign(run=str(run), masks=args.masks.name) for run in args.runs]
    for name, condition in scenes.conditions():
        shown = ImageStore(args.store, [condition, *seen], args.index)
        for table, network in zip(tables, networks, strict=True):
            with inference:
                table[name], _ = evaluation.predict(network, shown, scenes.rows, device)
    inference.say()
    table = pd.concat(tables)
    write_csv(args.output, table[["run", "masks", "image_id", "class_id", *CONDITIONS]])
    shares = [100 * (table[name] == table["class_id"]).mean() for name in (*CONDITIONS, WITHIN, ACROSS)]
    told = ", ".join(f"{words} %.1f" for words in CONDITIONS.values())
    cli.log.info(f"right, %%: {told}; gap %.1f", *shares[:-2], shares[-2] - shares[-1])


if __name__ == "__main__":
    cli.run(main, parse_args())
