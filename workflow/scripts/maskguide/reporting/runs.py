"""What a finished classifier run left behind: its measurements, predictions and history."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path

import numpy as np
import pandas as pd

from maskguide.plan import declared
from maskguide.reporting import labels
from maskguide.reporting.measures import AGAIN, check, check_single, read_measures, split_of
from maskguide.system.files import InputError, read_csv, read_json, read_yaml

CELL = ["dataset", "method", "backbone"]
REPLICATE = ["split", "seed"]
PERCENTAGES = ["top1_best", "top1_last", "macro_f1_best", "macro_f1_last"]
COUNTS = ["seed", "num_train", "num_test", "epochs", "best_epoch", "parameters"]
KEPT = [*CELL, "device", "masks", "annotation", *COUNTS, *PERCENTAGES, "train_seconds", "total_seconds"]
OPTIONS = ["crop", "batch_size", "learning_rate", "optimizer", "weights"]
PREDICTIONS = ["image_id", "class_id", "predicted_last", "predicted_best"]
WHOLE_NUMBERS = ["crop", "batch_size", "classifiers", "num_annotated"]
OLDER = "delete those of the older split and run again"
LAYOUT = "<dataset>/split<k>/<method>/<backbone>/seed<s>"


def read_runs(folders: Iterable[str | Path], one_part: bool = True) -> pd.DataFrame:
    """One tidy row per run, in the order given; a folder given twice is one run.

    With dataset, method (the variant's name, as the folder says it), backbone, masks, annotation, seed,
    counts, accuracies and macro-F1 (percent), train_top1 (accuracy on its own augmented training images in
    the last epoch, percent; NaN of what is no network, or of an older version), seconds, device with
    precision, family (the method that it is a variant of), split, judged_on ("test", or "validation": a share
    of the training images, of folders `split<k>-validation`), num_classes, num_annotated (images whose marks
    stand behind the masks), the options crop, batch_size, learning_rate, weights, and, None where the method
    has none, regions (their names, a space between), activation, classifiers (how many) and losses, networks
    (how many the run averages; its epochs, seconds and parameters are their sums, its train_top1 the least of
    theirs), the commit, and `run`, the folder.

    `InputError` if a run is missing or broken, stands twice, runs on one split had different images, or, with
    `one_part`, some on a data set are judged on test images and some on a validation part.
    """
    rows = pd.DataFrame([read_run(folder) for folder in dict.fromkeys(map(Path, folders))])
    rows = rows.astype(dict.fromkeys(WHOLE_NUMBERS, "Int64")).astype({"train_top1": float})
    doubled = "{run}: another run is also {method} with split {split} and seed {seed}; give one"
    check_single(rows, [*CELL, *REPLICATE, "judged_on"], doubled)
    if one_part:
        _check_alike(rows, ["dataset"], ["judged_on"], "give those of one kind")
    _check_alike(rows, ["dataset"], ["num_classes"], OLDER)
    _check_alike(rows, ["dataset", "judged_on", "split"], ["num_train", "num_test"], OLDER)
    return rows


def _check_alike(rows: pd.DataFrame, keys: list[str], columns: list[str], way_out: str) -> None:
    for _, group in rows.groupby(keys, sort=False):
        for column in columns:
            if group[column].nunique() > 1:
                found = " and ".join(map(str, sorted(group[column].unique())))
                split = f", split {group['split'].iloc[0]}" if "split" in keys else ""
                where = f"{group['run'].iloc[0]}: runs on {group['dataset'].iloc[0]}{split}"
                raise InputError(f"{where} disagree on {column} ({found}); {way_out}")


def read_run(folder: str | Path) -> dict:
    """One row of `read_runs`, from `metrics.json` and `args.yaml`."""
    folder = Path(folder)
    path = folder / "metrics.json"
    if not path.is_file():
        raise InputError(f"{folder}: no metrics.json, so the run has not finished; run it first")
    metrics = read_measures(path, [*KEPT, "classes"], PERCENTAGES, null=False)
    labels.check_method(metrics["method"], str(path))
    name, split, judged_on = name_and_split(folder, metrics)
    if metrics.get("train_top1") is not None:
        check(path, metrics, [], ["train_top1"])
    record = read_record(folder)
    # a run may record options of other methods as well
    options = {key: record["options"].get(key) for key in declared.methods()[metrics["method"]].options}
    precision = metrics.get("precision") or "float32"
    return {
        **{key: metrics[key] for key in KEPT},
        "device": metrics["device"] + (f" ({precision})" if precision != "float32" else ""),
        "method": name,
        "family": metrics["method"],
        "split": split,
        "judged_on": judged_on,
        "num_classes": len(metrics["classes"]),
        **{key: record["options"].get(key) for key in OPTIONS},
        "regions": " ".join(options.get("regions") or []) or None,
        **{key: options.get(key) for key in ("activation", "classifiers", "losses")},
        "networks": metrics.get("networks", 1),
        "train_top1": metrics.get("train_top1"),
        "num_annotated": metrics.get("num_annotated"),
        "commit": record.get("commit"),
        "run": str(folder),
    }


def read_record(folder: Path) -> dict:
    """A run's `args.yaml`: its options, the versions, the commit."""
    record = read_yaml(folder / "args.yaml")
    if not isinstance(record, dict) or not isinstance(record.get("options"), dict):
        raise InputError(f"{folder / 'args.yaml'}: holds no options; {AGAIN}")
    return record


def name_and_split(folder: Path, metrics: dict) -> tuple[str, int, str]:
    """The variant's name, the number of the split and what it is judged on, as the run's folder gives them.

    The metrics name the method, the folder the variant. `InputError` where they contradict each other.
    """
    *_, dataset, split, name, backbone, seed = ("", "", "", "", *folder.absolute().parts)
    method = labels.variant(name, metrics["method"]).method
    expected = (metrics["dataset"], metrics["method"], metrics["backbone"], f"seed{metrics['seed']}")
    known = split_of(split)
    if (dataset, method, backbone, seed) != expected or known is None:
        raise InputError(
            f"{folder}: holds the run {'/'.join(expected)}, which its folder does not say; "
            f"keep runs in {LAYOUT}"
        )
    return name, *known


def read_predictions(folder: str | Path) -> pd.DataFrame:
    """`predictions.csv` by image_id: image_id (str), class_id, predicted_last, predicted_best (int)."""
    table = _read_csv(Path(folder) / "predictions.csv", PREDICTIONS, dtype={"image_id": str})
    return table.sort_values("image_id", ignore_index=True)


def read_history(folder: str | Path) -> pd.DataFrame:
    """`history.csv`: per epoch loss, each named term, train_top1 and test_top1 (percent; NaN: not tested)."""
    path = Path(folder) / "history.csv"
    if not path.is_file() and (Path(folder) / "metrics.json").is_file():
        networks = read_json(Path(folder) / "metrics.json").get("networks", 1)
        if networks > 1:
            raise InputError(f"{folder}: averages {networks} networks; give their own runs, one per scale")
    return _read_csv(path, ["epoch", "loss", "train_top1", "test_top1"], dtype=None)


def correct_answers(runs: pd.DataFrame, predicted: str) -> tuple[np.ndarray, np.ndarray]:
    """Which test images each run classified correctly, and which were its test images, bool [runs, images].

    The images of all splits by their id; an image that a run did not see is not correct there.

    runs: rows of `read_runs` on one data set. predicted: "predicted_last" or "predicted_best". `InputError`
    if runs of one split had other images, or an image another class in another split.
    """
    tables: list[pd.DataFrame] = []
    first: dict[int, tuple[str, pd.DataFrame]] = {}
    classes: dict[str, int] = {}
    for folder, split in zip(runs["run"], runs["split"], strict=True):
        table = read_predictions(folder).set_index("image_id")
        if table.index.has_duplicates:
            raise InputError(f"{folder}/predictions.csv: has an image twice; {AGAIN}")
        other, before = first.setdefault(split, (folder, table))
        if not table["class_id"].equals(before["class_id"]):
            raise InputError(f"{folder}/predictions.csv: other test images than in {other}; {OLDER}")
        for image_id, class_id in table["class_id"].items():
            if classes.setdefault(image_id, class_id) != class_id:
                raise InputError(
                    f"{folder}/predictions.csv: image {image_id} has class {class_id}, in another split "
                    f"{classes[image_id]}; {OLDER}"
                )
        tables.append(table)
    images = sorted(classes)
    right = [(table[predicted] == table["class_id"]).reindex(images, fill_value=False) for table in tables]
    tested = [pd.Series(True, table.index).reindex(images, fill_value=False) for table in tables]
    return np.stack(right).astype(bool), np.stack(tested).astype(bool)


def training_overlap(paths: Iterable[str | Path], runs: pd.DataFrame) -> dict[str, float]:
    """For each data set, the share of the training images that two splits have in common, mean over pairs.

    0 for one split; NaN for several whose `index.csv`, `<dataset>/split<k>/index.csv`, are not all given. Of
    splits with unlike numbers of training images, the share is of their geometric mean. `InputError` if an
    index is of no such folder, or an image that a run was tested on is a training image there.
    """
    trained: dict[tuple[str, int], set[str]] = {}
    for path in map(Path, paths):
        dataset, split = path.absolute().parts[-3:-1]
        known = split_of(split)
        if known is None:
            raise InputError(f"{path}: whose split it is, its folder does not say; keep it in split<k>/")
        index = read_csv(path, ["image_id", "split"], AGAIN, dtype=str)
        trained[dataset, known[0]] = set(index.loc[index["split"] == "train", "image_id"])
    overlap = {}
    for dataset, group in runs.groupby("dataset", sort=False):
        splits = sorted(group["split"].unique())
        parts = [trained.get((dataset, split)) for split in splits]
        for split, part in zip(splits, parts, strict=True):
            run = group.loc[group["split"] == split, "run"].iloc[0]
            both = sorted((part or set()) & set(read_predictions(run)["image_id"])) if part else []
            if both:
                raise InputError(
                    f"{run}/predictions.csv: {both[0]} is a training image of split {split}; the index is of "
                    "another split"
                )
        pairs = [(a, b) for place, a in enumerate(parts) for b in parts[:place]]
        known = all(parts) or len(parts) == 1
        shares = [len(a & b) / np.sqrt(len(a) * len(b)) for a, b in pairs] if known else [np.nan]
        overlap[dataset] = float(np.mean(shares)) if shares else 0.0
    return overlap


def _read_csv(path: Path, columns: list[str], **options) -> pd.DataFrame:
    table = read_csv(path, columns, AGAIN, keep_default_na=True, **options)
    if table.empty:
        raise InputError(f"{path}: every row is missing; {AGAIN}")
    return table
