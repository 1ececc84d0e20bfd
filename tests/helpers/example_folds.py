"""A calibrated run of a tiny data set, made through the scripts, laid out as a run of the workflow."""

import shutil

import build_store
import calibrate
import pandas as pd
import split_dataset
import train_classifier
from example_stores import make_squares
from maskguide.data import datasets

FOLDS = 2
OPTIONS = ["--dataset", "squares", "--backbone", "small", "--crop", "32", "--batch-size", "4"]
OPTIONS += ["--device", "cpu", "--freeze", "0", "--erasing", "0", "--learning-rate", "0.1", "--epochs", "4"]


def run_of(folder, name, split="1"):
    """The folder that holds the seeds of a run."""
    return folder / f"results/r/runs/squares/split{split}/{name}/small"


def train(folder, run, *words, seed=1, method="baseline"):
    """A training on the squares into run/seed<seed>."""
    more = ["--method", method, "--seed", seed, "--store", folder / "store"]
    more += ["--index", folder / "index.csv", "--output-dir", run / f"seed{seed}"]
    train_classifier.main(train_classifier.parse_args([*OPTIONS, *map(str, [*more, *words])]))


def write_images(folder):
    """images.csv of the squares, the index with the columns that splits are drawn by, and a store of it."""
    index = pd.read_csv(folder / "index.csv", keep_default_na=False)
    table = index.assign(group="", content=index["image_id"], marks="")
    table[[*datasets.COLUMNS, "group", *datasets.TRACES]].to_csv(folder / "images.csv", index=False)
    words = ["--images", folder / "images.csv", "--output", folder / "store"]
    shutil.rmtree(folder / "store")  # of one split: it does not hold a training image as one of a test
    build_store.main(build_store.parse_args([*map(str, words)]))
    return folder / "images.csv"


def make_calibrated(folder):
    """Squares, a run of two seeds and of each fold, calibrated; the folder that holds the run's seeds."""
    make_squares(folder)
    run, images = run_of(folder, "baseline"), write_images(folder)
    indexes = []
    for fold in range(1, FOLDS + 1):
        indexes.append(folder / f"fold{fold}.csv")
        words = ["--images", images, "--fold", fold, "--folds", FOLDS, "--output", indexes[-1]]
        split_dataset.main(split_dataset.parse_args([*map(str, words)]))
    for seed in (1, 2):
        train(folder, run, seed=seed)
        for fold, index in enumerate(indexes, 1):
            train(folder, run_of(folder, "baseline", f"1-fold{fold}"), "--index", index, seed=seed)
    words = ["--run", run, "--index", folder / "index.csv", "--fold-indexes", *indexes, "--fold-runs"]
    words += [run_of(folder, "baseline", f"1-fold{fold}") for fold in range(1, FOLDS + 1)]
    calibrate.main(calibrate.parse_args(["--device", "cpu", *map(str, words)]))
    return run
