"""Handcrafted baselines: the class of the training image whose contour is most alike, by a method's measure.

The contour is that of the outline that came with the images, else of their masks if these know one class
only, else of the automatic silhouette. It is used on training and test images alike. Writes the files of
a classifier run; without epochs, best and last are the same.

Example:
    python workflow/scripts/match_contours.py --method mdm --dataset leaves \\
        --index results/demo/data/leaves/split1/index.csv \\
        --output-dir results/demo/runs/leaves/split1/mdm/contour/seed0
"""

from __future__ import annotations

import argparse
import importlib
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pandas as pd
from maskguide.data.datasets import read_index
from maskguide.data.masks import read_grey
from maskguide.data.pictures import read_rgb
from maskguide.marks.silhouette import silhouette
from maskguide.methods.contours import contour_points, nearest_neighbour
from maskguide.plan import declared
from maskguide.system import cli
from maskguide.system.files import InputError, write_csv, write_json
from sklearn.metrics import accuracy_score, f1_score
from tqdm import tqdm

METHODS = [name for name, each in declared.methods().items() if each.script == Path(__file__).stem]
HISTORY = ["epoch", "learning_rate", "loss", "train_top1", "test_top1", "seconds"]


def parse_args(argv: list[str] | None = None) -> argparse.Namespace:
    parser = cli.parser(__doc__)
    parser.add_argument("--index", type=Path, required=True, help="index.csv of the data set")
    parser.add_argument("--dataset", required=True, help="name of the data set")
    parser.add_argument("--method", choices=METHODS, default="mdm", help="whose distance between contours")
    parser.add_argument("--points", type=int, help="points on the contour (N); none: as many as its paper")
    parser.add_argument("--output-dir", type=Path, required=True, help="folder of the run")
    return parser.parse_args(argv)


def contour_source(index: pd.DataFrame) -> tuple[str, Callable[[pd.Series], np.ndarray]]:
    """What the contours come from, for all images alike, and the function row of the index → bool [H, W]."""
    if (index["outline"] != "").all():
        return "outline", lambda row: read_grey(row["outline"]) > 0
    if (index["mask"] != "").all() and all(read_grey(path).max() <= 1 for path in index["mask"]):
        return "mask", lambda row: read_grey(row["mask"]) > 0
    return "automatic silhouette", lambda row: silhouette(read_rgb(row["path"]))


def contours(rows: pd.DataFrame, read: Callable[[pd.Series], np.ndarray], points: int) -> np.ndarray:
    """The contours of these images, float [images, N, 2]."""
    found = []
    for _, row in tqdm(rows.iterrows(), total=len(rows), desc="contours", disable=None):
        try:
            found.append(contour_points(read(row), points))
        except ValueError as error:
            raise InputError(f"{row['path']}: {error}; give it an outline or leave it out") from error
    return np.stack(found)


def main(args: argparse.Namespace) -> None:
    method = importlib.import_module(f"maskguide.methods.{declared.methods()[args.method].module}")
    args.points = method.POINTS if args.points is None else args.points
    if args.points < 4:
        raise InputError(f"--points {args.points}: a contour needs at least 4")
    start = time.monotonic()
    index = read_index(args.index)
    train, test = index[index["split"] == "train"], index[index["split"] == "test"]
    if train["class_id"].nunique() < 2 or test.empty:
        raise InputError(f"{args.index}: needs training images of two classes and test images")
    source, read = contour_source(index)
    cli.log.info("contours from the %s of %d images", source, len(index))
    training_start = time.monotonic()
    known = contours(train, read, args.points)
    train_seconds = time.monotonic() - training_start
    truth, distances = test["class_id"].to_numpy(), method.distances(contours(test, read, args.points), known)
    predicted, confidence = nearest_neighbour(distances, train["class_id"].to_numpy())
    names = index.drop_duplicates("class_id").sort_values("class_id")["class"].tolist()
    accuracy = 100 * float(accuracy_score(truth, predicted))
    labels = list(range(len(names)))
    f1 = 100 * float(f1_score(truth, predicted, labels=labels, average="macro", zero_division=0))
    predictions = test[["image_id", "class_id"]].assign(
        predicted_last=predicted, predicted_best=predicted, confidence_last=confidence
    )
    cli.save_arguments(args.output_dir / "args.yaml", args)
    write_csv(args.output_dir / "history.csv", pd.DataFrame(columns=HISTORY))
    write_csv(args.output_dir / "predictions.csv", predictions)
    metrics = {
        "dataset": args.dataset,
        "method": args.method,
        "backbone": "contour",
        "masks": None,
        "seed": 0,
        "num_train": len(train),
        "num_test": len(test),
        "epochs": 0,
        "top1_best": accuracy,
        "top1_last": accuracy,
        "best_epoch": 0,
        "train_top1": None,
        "macro_f1_best": f1,
        "macro_f1_last": f1,
        "train_seconds": train_seconds,
        "total_seconds": time.monotonic() - start,
        "parameters": 0,
        "device": "cpu",
        "annotation": None,
        "classes": names,
    }
    write_json(args.output_dir / "metrics.json", metrics)
    cli.log.info("top-1 %.2f %%", accuracy)


if __name__ == "__main__":
    cli.run(main, parse_args())
