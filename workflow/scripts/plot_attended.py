"""Draw test images with the true box of the object and the box that the network attends to.

Example:
    python workflow/scripts/plot_attended.py --index results/demo/data/leaves/split1/index.csv \\
        --attended results/demo/attend/leaves/split1/aca-s1/small/seed1/attended.csv \\
        --iou results/demo/attend/leaves/split1/aca-s1/small/seed*/iou.json \\
        --output results/demo/figures/attended_leaves.png
"""

from __future__ import annotations

import argparse
from pathlib import Path

import pandas as pd
from maskguide.drawing.attended import BoxedPanel, attended_figure
from maskguide.drawing.image_panels import choose_images
from maskguide.drawing.style import save
from maskguide.reporting import labels
from maskguide.system import cli
from maskguide.system.files import InputError


def parse_args(argv: list[str] | None = None) -> argparse.Namespace:
    parser = cli.parser(__doc__)
    add = parser.add_argument
    add("--index", type=Path, required=True, help="index.csv of the data set")
    add("--attended", type=Path, required=True, help="attended.csv of one network")
    add("--iou", type=Path, nargs="+", required=True, help="iou.json of evaluate_attended.py, all seeds")
    add(
        "--count",
        type=int,
        default=8,
        help="number of test images, one per class at first; of those with true boxes, if there are so many",
    )
    add("--seed", type=int, default=0, help="seed of their choice")
    labels.add_names_option(parser)
    add("--output", type=Path, required=True, help="the PNG to write")
    return parser.parse_args(argv)


def main(args: argparse.Namespace) -> None:
    labels.know(args.names)
    if args.count < 1:
        raise InputError(f"--count {args.count}: must be at least 1")
    from maskguide.data import datasets, pictures
    from maskguide.learning.attend import read_attended
    from maskguide.reporting import attended_boxes

    compared = attended_boxes.read_comparisons(args.iou)
    index = datasets.read_index(args.index)
    attended = read_attended(args.attended)
    test = index[index["split"] == "test"]
    truth, made_of = attended_boxes.true_boxes(test)
    known = test[test["image_id"].isin(truth.index)]
    chosen = choose_images(known if len(known) >= args.count else test, args.count, args.seed, args.index)
    shares = attended_boxes.attended_shares(attended, chosen["image_id"], args.attended)
    panels = []
    for row, box in zip(chosen.to_dict("records"), shares, strict=True):
        true_box = truth.loc[[row["image_id"]]].to_numpy() if row["image_id"] in truth.index else None
        panels.append(
            BoxedPanel(
                image=pictures.read_rgb(row["path"]),
                truth=None if true_box is None else tuple(true_box[0]),
                attended=tuple(box),
                iou=None
                if true_box is None
                else float(attended_boxes.intersection_over_union(true_box, box[None])[0]),
            )
        )
    same = [row.seed for row in compared.itertuples() if row.path.parent == args.attended.parent]
    note = "" if made_of is None else f"true box: the smallest around the {made_of} of the image; "
    note += f"attended boxes of seed {same[0]}" if same else f"attended boxes of {args.attended.parent.name}"
    save(attended_figure(panels, heading(compared), note), args.output)


def heading(compared: pd.DataFrame) -> str:
    """Which network it is, its mean IoU over the test images and that of the whole image's box."""
    first = compared.iloc[0]
    method, backbone = labels.method_label(first["method"]), labels.backbone_label(first["backbone"])
    title = f"{labels.dataset_label(first['dataset'])}, {method}, {backbone}: "
    values = compared["mean_iou"].dropna().astype(float)
    if values.empty:
        return title + "no true box is known"
    several = f" ± {values.std(ddof=1):.3f} ({len(values)} seeds)" if len(values) > 1 else " (1 seed)"
    whole = compared["mean_iou_whole_image"].dropna().astype(float).mean()
    images = int(first["num_images"])
    return (
        f"{title}mean IoU of attended and true box {values.mean():.3f}{several} over {images} test images; "
        f"of the whole image and the true box {whole:.3f}"
    )


if __name__ == "__main__":
    cli.run(main, parse_args())
