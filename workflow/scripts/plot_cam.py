"""Draw class activation maps of several classifiers side by side: what speaks for an image's true class.

Example:
    python workflow/scripts/plot_cam.py --index results/demo/data/leaves/split1/index.csv \\
        --runs results/demo/runs/leaves/split1/{baseline,mgfe-vein,mgfe-contour,mgfe}/small/seed1 \\
        --output results/demo/figures/cam_leaves.png
"""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from pathlib import Path

from maskguide.drawing.cam import ActivationRow, cam_figure
from maskguide.drawing.image_panels import add_image_options, choose_images
from maskguide.drawing.style import save
from maskguide.reporting import labels
from maskguide.reporting.runs import read_run
from maskguide.system import cli
from maskguide.system.files import InputError


def parse_args(argv: list[str] | None = None) -> argparse.Namespace:
    parser = labels.parser(__doc__)
    add = parser.add_argument
    add("--runs", type=Path, nargs="+", required=True, help="run folders with model.pt, a column each")
    add(
        "--method",
        default="GradCAM",
        help="of the grad-cam library: GradCAM, GradCAMPlusPlus, GradCAMElementWise, HiResCAM, LayerCAM, "
        "XGradCAM, EigenGradCAM, ScoreCAM or AblationCAM",
    )
    add("--test-resize", type=int, help="side of the squares that test images become (none: as they are)")
    add("--short-edge", type=int, help="instead: length of every image's short edge")
    add_image_options(parser)
    return parser.parse_args(argv)


def main(args: argparse.Namespace) -> None:
    labels.know(args.names)
    for name in ("test_resize", "short_edge"):
        if getattr(args, name) is not None and getattr(args, name) < 1:
            raise InputError(f"--{name.replace('_', '-')} {getattr(args, name)}: must be at least 1")
    from maskguide.data import datasets, store
    from maskguide.learning.cam import ClassActivation
    from maskguide.methods import load as load_model

    index = datasets.read_index(args.index)
    chosen = choose_images(index, args.count, args.seed, args.index).to_dict("records")
    classes = index.drop_duplicates("class_id").sort_values("class_id")["class"].tolist()
    images = [store.decode(row["path"], "RGB") for row in chosen]
    resize = store.Resize(None, args.test_resize, args.short_edge)
    inputs = [store.resized(image, resize.of("test", image.shape[:2])) for image in images]
    columns = []
    for run in args.runs:
        model, info = load_model(run / "model.pt")
        if list(info["classes"]) != classes:
            raise InputError(f"{run}: learnt other classes than those of {args.index}; give runs on its data")
        activation = ClassActivation(model, args.method)
        maps = map(activation.map_of, inputs, [row["class_id"] for row in chosen])
        columns.append(list(zip(maps, map(activation.predict, inputs), strict=True)))
    rows = []
    for row, image, seen in zip(chosen, images, zip(*columns, strict=True), strict=True):
        predicted = [(classes[class_id], probability) for _, (class_id, probability) in seen]
        rows.append(ActivationRow(row["class"], image, [heat for heat, _ in seen], predicted))
    titles, common = describe([read_run(run) for run in args.runs])
    note = f"{args.method} of the true class at the map that enters the head; {common}"
    save(cam_figure(rows, titles, note), args.output)


def describe(runs: Sequence[dict]) -> tuple[list[str], str]:
    """A title for each run, and what they have in common: backbone or seed stand in titles if they differ."""
    backbones = [labels.backbone_label(run["backbone"]) for run in runs]
    seeds = [f"seed {run['seed']}" for run in runs]
    titles, common = [labels.method_label(run["method"]) for run in runs], []
    for names in (backbones, seeds):
        if len(set(names)) == 1:
            common.append(names[0])
        else:
            titles = [f"{title}, {name}" for title, name in zip(titles, names, strict=True)]
    return titles, ", ".join([labels.dataset_label(runs[0]["dataset"]), *common])


if __name__ == "__main__":
    cli.run(main, parse_args())
