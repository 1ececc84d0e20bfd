"""What a finished classifier run left behind: its measurements, predictions and history."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path

import numpy as np
import pandas as pd

from maskguide.plan import declared
from maskguide.reporting import labels
from maskguide.reporting.measures import AGAIN, check_single, read_measures
from maskguide.system.files import InputError, read_csv, read_json, read_yaml

CELL = ["dataset", "method", "backbone"]
PERCENTAGES = ["top1_best", "top1_last", "macro_f1_best", "macro_f1_last"]
COUNTS = ["seed", "num_train", "num_test", "epochs", "best_epoch", "parameters"]
KEPT = [*CELL, "device", "masks", "annotation", *COUNTS, *PERCENTAGES, "train_seconds", "total_seconds"]
OPTIONS = ["crop", "batch_size", "learning_rate", "optimizer", "weights"]
PREDICTIONS = ["image_id", "class_id", "predicted_last", "predicted_best"]
WHOLE_NUMBERS = ["crop", "batch_size", "classifiers", "num_annotated"]
OLDER = "delete those of the older split and run again"
LAYOUT = "<dataset>/split<k>/<method>/<backbone>/seed<s>"


def read_runs(folders: Iterable[str | Path]) -> pd.DataFrame:
    """One tidy row per run, in the order given; a folder given twice is one run.

    With dataset, method (the variant's name, as the folder says it), backbone, masks, annotation, seed,
    counts, accuracies, train_top1 (None of what is no network) and macro-F1 (percent), seconds, device with
    precision, family (the method that it is a variant of), split, num_classes, num_annotated (images whose
    marks stand behind the masks), the options crop, batch_size, learning_rate, weights, and, None where the
    method has none, regions (their names, a space between), activation, classifiers (how many) and losses,
    networks (how many the run averages; its epochs, seconds and parameters are their sums, its train_top1 the
    least of theirs), the commit, and `run`, the folder.

    `InputError` if a run is missing or broken, stands twice, or runs on one data set had different images.
    """
    rows = pd.DataFrame([read_run(folder) for folder in dict.fromkeys(map(Path, folders))])
    rows = rows.astype(dict.fromkeys(WHOLE_NUMBERS, "Int64"))
    check_single(rows, [*CELL, "seed"], "{run}: another run is also {method} with seed {seed}; give one")
    for dataset, group in rows.groupby("dataset", sort=False):
        run = group["run"].iloc[0]
        for column in ("split", "num_train", "num_test", "num_classes"):
            if group[column].nunique() > 1:
                found = " and ".join(map(str, sorted(group[column].unique())))
                raise InputError(f"{run}: runs on {dataset} disagree on {column} ({found}); {OLDER}")
    return rows


def read_run(folder: str | Path) -> dict:
    """One row of `read_runs`, from `metrics.json` and `args.yaml`."""
    folder = Path(folder)
    path = folder / "metrics.json"
    if not path.is_file():
        raise InputError(f"{folder}: no metrics.json, so the run has not finished; run it first")
    metrics = read_measures(path, [*KEPT, "classes"], PERCENTAGES, null=False)
    labels.check_method(metrics["method"], str(path))
    name, split = name_and_split(folder, metrics)
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


def name_and_split(folder: Path, metrics: dict) -> tuple[str, int]:
    """The variant's name and the number of the split, as the run's folder gives them.

    The metrics name the method, the folder the variant. `InputError` where they contradict each other.
    """
    *_, dataset, split, name, backbone, seed = ("", "", "", "", *folder.absolute().parts)
    method = labels.variant(name, metrics["method"]).method
    expected = (metrics["dataset"], metrics["method"], metrics["backbone"], f"seed{metrics['seed']}")
    number = split.removeprefix("split")
    if (dataset, method, backbone, seed) != expected or split == number or not number.isdecimal():
        raise InputError(
            f"{folder}: holds the run {'/'.join(expected)}, which its folder does not say; "
            f"keep runs in {LAYOUT}"
        )
    return name, int(number)


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


def correct_answers(runs: pd.DataFrame, predicted: str) -> np.ndarray:
    """Which test images each run classified correctly, bool [runs, images], images by their id.

    runs: rows of `read_runs` on one data set. predicted: "predicted_last" or "predicted_best".
    """
    tables, images = [read_predictions(folder) for folder in runs["run"]], ["image_id", "class_id"]
    for folder, table in zip(runs["run"], tables, strict=True):
        if not table[images].equals(tables[0][images]):
            raise InputError(
                f"{folder}/predictions.csv: other test images than in {runs['run'].iloc[0]}; {OLDER}"
            )
    return np.stack([table[predicted] == table["class_id"] for table in tables])


def _read_csv(path: Path, columns: list[str], **options) -> pd.DataFrame:
    table = read_csv(path, columns, AGAIN, keep_default_na=True, **options)
    if table.empty:
        raise InputError(f"{path}: every row is missing; {AGAIN}")
    return table
