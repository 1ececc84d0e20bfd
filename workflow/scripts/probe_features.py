"""How far frozen features tell the classes, and whether masks help them: answers.csv, by cross-validation.

Classifiers of the features of extract_features.py: logistic regression of the whole image (probe), inside the
object (probe-inside), outside of it (probe-outside), of both side by side (probe-both); the nearest
neighbours of the whole image (knn). --folds, --repeats: cross-validation over all images, drawn anew in each
repeat. --splits instead: the run's own, so that the same images teach as in its other tables. --kept:
annotated.csv of the images that taught the masks' guide; they are never tested in a fold.

Example:
    python workflow/scripts/probe_features.py --features results/demo/features/leaves/small --folds 5 \\
        --repeats 4 --output results/demo/probe/leaves/small/answers.csv
"""

from __future__ import annotations

import argparse
from pathlib import Path

import numpy as np
import pandas as pd
from extract_features import FEATURES, LAYOUT
from maskguide.data import datasets
from maskguide.plan.places import ROWS
from maskguide.system import cli
from maskguide.system.files import InputError, read_csv, write_csv
from maskguide.system.stopwatch import Stopwatch
from tqdm import tqdm

AGAIN = "extract the features again (extract_features.py)"


def parse_args(argv: list[str] | None = None) -> argparse.Namespace:
    parser = cli.parser(__doc__)
    add = parser.add_argument
    add("--features", type=Path, required=True, help="folder written by extract_features.py")
    add("--images", type=Path, help="images.csv, whose groups stay together (none: no groups)")
    add("--kept", type=Path, help="annotated.csv of images that always train")
    parts = parser.add_mutually_exclusive_group(required=True)
    parts.add_argument("--folds", type=int, help="parts, each tested once by what the others taught")
    parts.add_argument("--splits", type=Path, nargs="+", help="index.csv of each of the run's splits")
    add("--repeats", type=int, default=1, help="how often such parts are drawn")
    add("--output", type=Path, required=True, help="answers.csv to write")
    return parser.parse_args(argv)


def read_features(folder: Path) -> tuple[np.ndarray, pd.DataFrame]:
    """The features float32 [images, 3, channels], memory-mapped, and the images' names and classes."""
    texts = {"image_id": str, "class": str, "split": str, "masks": str}
    layout = read_csv(folder / LAYOUT, [*texts, "class_id", "inside"], AGAIN, dtype=texts)
    try:
        found = np.load(folder / FEATURES, mmap_mode="r")
    except (OSError, ValueError) as error:
        raise InputError(f"{folder / FEATURES}: cannot be read ({error}); {AGAIN}") from error
    if found.ndim != 3 or len(found) != len(layout):
        raise InputError(f"{folder / FEATURES}: does not fit {LAYOUT}; {AGAIN}")
    return found, layout


def parts_of(path: Path, names: pd.Series) -> tuple[np.ndarray, np.ndarray]:
    """Which of the features' images a split trains and tests on, bool [images] each."""
    split = datasets.read_index(path).set_index("image_id")["split"].reindex(names)
    if not {"train", "test"} <= set(split):
        raise InputError(f"{path}: none of its training or test images has features; {AGAIN}")
    return (split == "train").to_numpy(), (split == "test").to_numpy()


def main(args: argparse.Namespace) -> None:
    from maskguide.learning import probes  # scikit-learn takes a second

    cli.check(args, above_0=["repeats"])
    if args.folds is not None and args.folds < 2:
        raise InputError(f"--folds {args.folds}: at least 2")
    features, layout = read_features(args.features)
    classes, names = layout["class_id"].to_numpy(int), layout["image_id"]
    if len(np.unique(classes)) < 2:
        raise InputError(f"{args.features}: has images of one class alone; there is nothing to tell apart")
    groups = kept = None
    labels = classes
    if args.images:
        known = datasets.read_images(args.images).set_index("image_id").reindex(names)
        found = known["group"].fillna("")
        groups = found.to_numpy() if (found != "").all() else None
        labels = known["class"].to_numpy()
    if args.kept:
        kept = names.isin(read_csv(args.kept, ["image_id"], "annotate again")["image_id"]).to_numpy()
    if args.splits:
        parts = [(number, 1, *parts_of(path, names)) for number, path in enumerate(args.splits, 1)]
    else:
        folds = probes.folds_of(labels, args.folds, args.repeats, groups, kept)
        parts = [(repeat, fold, ~test, test) for repeat, fold, test in folds]
    masked = (layout["masks"] != "").all()
    rows = [name for name, (_, places) in ROWS.items() if masked or places == ("whole",)]
    learning, tables = Stopwatch("learning"), []
    for repeat, fold, train, test in tqdm(parts, desc="folds", disable=None):
        table = layout.loc[test, ["image_id", "class_id"]].assign(repeat=repeat, fold=fold)
        for name in rows:
            with learning:
                table[name] = probes.answers(features, classes, train, name)[test]
        tables.append(table)
    learning.say()
    table = pd.concat(tables)[["repeat", "fold", "image_id", "class_id", *rows]]
    table["masks"], table["folds"] = layout["masks"].iloc[0], args.folds or 0
    table["overlap"] = probes.overlap([train for _, _, train, _ in parts]) if args.splits else np.nan
    table["without_mask"] = int((~layout["inside"]).sum()) if masked else 0
    write_csv(args.output, table)
    said = ", ".join(f"{name} {100 * (table[name] == table['class_id']).mean():.1f}" for name in rows)
    cli.log.info("right, %%: %s", said)


if __name__ == "__main__":
    cli.run(main, parse_args())
