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
from maskguide.drawing.image_panels import add_image_options, choose_images
from maskguide.drawing.style import save
from maskguide.reporting import labels
from maskguide.reporting.aca import read_attended
from maskguide.reporting.runs import CELL
from maskguide.system import cli
from maskguide.system.files import InputError


def parse_args(argv: list[str] | None = None) -> argparse.Namespace:
    parser = labels.parser(__doc__)
    add = parser.add_argument
    add("--attended", type=Path, required=True, help="attended.csv of one network")
    add("--iou", type=Path, nargs="+", required=True, help="iou.json of evaluate_attended.py, all seeds")
    add_image_options(parser, 8, "; of those with true boxes, if there are so many")
    return parser.parse_args(argv)


def main(args: argparse.Namespace) -> None:
    labels.know(args.names)
    from maskguide.data import datasets, pictures
    from maskguide.learning import attend
    from maskguide.reporting import attended_boxes

    compared = read_attended(args.iou)
    strangers = compared[(compared[CELL] != compared[CELL].iloc[0]).any(axis=1)]
    if len(strangers):
        other = " ".join(compared[CELL].iloc[0])
        raise InputError(f"{strangers['path'].iloc[0]}: is not of {other}; give the seeds of one network")
    index = datasets.read_index(args.index)
    attended = attend.read_attended(args.attended)
    truth, made_of = attended_boxes.true_boxes(index[index["split"] == "test"])
    chosen = choose_images(index, args.count, args.seed, args.index, truth.index)
    shares = attended_boxes.attended_shares(attended, chosen["image_id"], args.attended)
    panels = []
    for row, box in zip(chosen.to_dict("records"), shares, strict=True):
        true_box = iou = None
        if row["image_id"] in truth.index:
            true_box = truth.loc[row["image_id"]].to_numpy()
            iou = float(attended_boxes.intersection_over_union(true_box[None], box[None])[0])
        panels.append(BoxedPanel(pictures.read_rgb(row["path"]), true_box, box, iou))
    same = [row for row in compared.itertuples() if Path(row.path).parent == args.attended.parent]
    of_split = f"split {same[0].split}, " if same and compared["split"].nunique() > 1 else ""
    note = "" if made_of is None else f"true box: the smallest around the {made_of} of the image; "
    note += (
        f"attended boxes of {of_split}seed {same[0].seed}"
        if same
        else f"attended boxes of {args.attended.parent.name}"
    )
    save(attended_figure(panels, heading(compared), note), args.output)


def heading(compared: pd.DataFrame) -> str:
    """Which network it is, its mean IoU over the test images and that of the whole image's box."""
    first = compared.iloc[0]
    method, backbone = labels.method_label(first["method"]), labels.backbone_label(first["backbone"])
    title = f"{labels.dataset_label(first['dataset'])}, {method}, {backbone}: "
    values = compared["mean_iou"].dropna().astype(float)
    if values.empty:
        return title + "no true box is known"
    splits = compared["split"].nunique()
    seeds = f"{splits} × {len(compared) // splits}" if splits > 1 else len(compared)
    several = f" ± {values.std(ddof=1):.3f} ({seeds} seeds)" if len(values) > 1 else " (1 seed)"
    whole = compared["mean_iou_whole_image"].dropna().astype(float).mean()
    title += f"mean IoU of attended and true box {values.mean():.3f}{several} over {first['num_images']} "
    return f"{title}test images; of the whole image and the true box {whole:.3f}"


if __name__ == "__main__":
    cli.run(main, parse_args())
