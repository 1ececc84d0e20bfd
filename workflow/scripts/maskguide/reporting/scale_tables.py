"""The ACA paper's Tables 2–6 and the IoU of its Figure 7 as tidy numbers.

Tables 2–5 are `tables.accuracy_table`s named aca_table2 to aca_table5; what only they have is here.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from pathlib import Path

import pandas as pd

from maskguide.reporting import labels, scale_variants
from maskguide.reporting.published import read_published
from maskguide.reporting.runs import CELL
from maskguide.system.files import InputError, read_json

AGAIN = "delete it and run again"
HEADS = ["local", "object", "average"]
ALL = "all"  # the scale of what all scales together answer
ONE_LOSS = [("aca", "aca-local"), ("aca", "aca-object")]
BASELINES = [("aca", "maxpool"), ("aca", "maxpool-s1"), ("maxpool", "maxpool-s1"), ("aca", "aca-s1")]
# Which differences each table tests, the first minus the second; those whose rows are there.
COMPARISONS = {
    **dict.fromkeys(("aca_table2", "aca_table3", "aca_table4"), BASELINES),
    "aca_table5": ONE_LOSS,
}
IOU_KEYS = ["dataset", "method", "backbone", "seed", "mean_iou", "std_iou", "mean_iou_whole_image"]
IOU_KEYS += ["num_images", "truth", "nothing_attended"]
IOUS = ["mean_iou", "mean_iou_whole_image"]


def scale_table(measured: pd.DataFrame) -> pd.DataFrame:
    """Table 6 from the rows of `runs.read_runs`, all of runs that average the networks of several scales.

    Returns
    -------
    DataFrame with dataset, method, backbone, head (local, object, or average, the average of the two), scale
    ("1", "2", …, "all"), mean and std (percent; std is the sample standard deviation, n - 1), seeds (how
    many), by_seed (in the order of seed_numbers), seed_numbers, num_train, num_test, published,
    published_note. A head that a method does not have has no rows.

    Raises
    ------
    InputError
        If a run holds no accuracies of scales, or runs of one method have different scales.
    """
    rows = []
    for cell, group in measured.groupby(CELL, sort=False):
        group = group.sort_values("seed")
        answers = {folder: _read_scales(Path(folder)) for folder in group["run"]}
        first = next(iter(answers.values()))
        for folder, given in answers.items():
            if list(given) != list(first):
                raise InputError(
                    f"{folder}: has the scales {' '.join(given)}, another run of {cell[1]} "
                    f"{' '.join(first)}; run all seeds with the same scales"
                )
        for head in HEADS:
            values = {
                scale: pd.Series([given[scale][head] for given in answers.values()], dtype=float)
                for scale in first
            }
            if all(of_seeds.isna().all() for of_seeds in values.values()):
                continue
            rows += [
                {
                    **dict(zip(CELL, cell, strict=True)),
                    "head": head,
                    "scale": scale,
                    "mean": of_seeds.mean(),
                    "std": of_seeds.std(ddof=1),
                    "seeds": len(group),
                    "by_seed": " ".join(f"{value:.4f}" for value in of_seeds),
                    "seed_numbers": " ".join(map(str, group["seed"])),
                    "num_train": group["num_train"].iloc[0],
                    "num_test": group["num_test"].iloc[0],
                }
                for scale, of_seeds in values.items()
            ]
    table = labels.sort_rows(pd.DataFrame(rows))
    printed = read_published("aca_table6")
    variants = printed["method"].map(scale_variants.parse)
    printed["scale"] = [ALL if variant.scale is None else str(variant.scale) for variant in variants]
    printed["method"] = [variant.at(None).name for variant in variants]
    table = table.merge(printed, on=[*CELL, "head", "scale"], how="left")
    return table.assign(published_note=table["published_note"].fillna(""))


def _read_scales(folder: Path) -> dict[str, dict]:
    """The accuracy of each head by scale, of all scales together last, from a run's `metrics.json`."""
    path = folder / "metrics.json"
    metrics = read_json(path)
    if not metrics.get("scales") or not isinstance(metrics.get("multi"), dict):
        raise InputError(
            f"{path}: holds no accuracies of scales; "
            "give runs that average all scales, such as aca, not aca-s1"
        )
    answers = {str(each.get("scale")): each for each in metrics["scales"]} | {ALL: metrics["multi"]}
    for scale, heads in answers.items():
        for head in HEADS:
            value = heads.get(head)
            if value is not None and not (isinstance(value, int | float) and 0 <= value <= 100):
                raise InputError(f"{path}: scale {scale}, {head} is {value}, not a percentage; {AGAIN}")
        if heads.get("average") is None:
            raise InputError(f"{path}: scale {scale} has no average; {AGAIN}")
    return {scale: {head: heads.get(head) for head in HEADS} for scale, heads in answers.items()}


def read_attended(paths: Iterable[str | Path]) -> pd.DataFrame:
    """The `iou.json` of each run of ACA, a row each.

    Raises
    ------
    InputError
        If a file is missing or broken, has an IoU outside 0…1, or stands for the same run as another.
    """
    rows: list[Mapping] = []
    for path in paths:
        record = read_json(path)
        missing = [key for key in IOU_KEYS if not isinstance(record, dict) or key not in record]
        if missing:
            raise InputError(f"{path}: {missing[0]} is missing; {AGAIN}")
        for key in IOUS:
            value = record[key]
            if value is not None and not (isinstance(value, int | float) and 0 <= value <= 1):
                raise InputError(f"{path}: {key} is {value}, not between 0 and 1; {AGAIN}")
        variant = scale_variants.parse(str(record["method"]))
        if variant is None or variant.scale is None:
            raise InputError(
                f"{path}: '{record['method']}' names no scale of ACA; give those of aca-s1 and on"
            )
        rows.append({key: record[key] for key in IOU_KEYS} | {"scale": variant.scale, "path": str(path)})
    table = pd.DataFrame(rows)
    doubled = table[table.duplicated([*CELL, "seed"])]
    if len(doubled):
        row = doubled.iloc[0]
        raise InputError(
            f"{row['path']}: another is also of {row['method']} with seed {row['seed']}; give one"
        )
    for (dataset, *_), group in table.groupby(CELL, sort=False):
        for key in ("truth", "num_images"):
            if group[key].nunique(dropna=False) > 1:
                found = " and ".join(str(value) for value in group[key].unique())
                raise InputError(f"{group['path'].iloc[0]}: {dataset} has {key} {found}; {AGAIN}")
    return table


def box_table(attended: pd.DataFrame) -> pd.DataFrame:
    """How well attended boxes meet the true ones: a row per data set, method of one scale and backbone.

    Returns
    -------
    DataFrame with dataset, method, backbone, scale, truth (what the true boxes were made of; empty where
    there are none), num_images, seeds (how many), seed_numbers, iou_mean, iou_std (over seeds, n - 1),
    iou_by_seed, iou_whole_image (what a box around the whole image gets), nothing_attended (images, mean over
    seeds), published, published_note. IoU from 0 to 1.
    """
    rows = []
    for cell, group in attended.groupby(CELL, sort=False):
        group = group.sort_values("seed")
        first, ious = group.iloc[0], group["mean_iou"].astype(float)
        rows.append(
            {
                **dict(zip(CELL, cell, strict=True)),
                "scale": first["scale"],
                "truth": first["truth"],
                "num_images": first["num_images"],
                "seeds": len(group),
                "seed_numbers": " ".join(map(str, group["seed"])),
                "iou_mean": ious.mean(),
                "iou_std": ious.std(ddof=1),
                "iou_by_seed": " ".join(f"{value:.4f}" for value in ious.dropna()),
                "iou_whole_image": group["mean_iou_whole_image"].astype(float).mean(),
                "nothing_attended": group["nothing_attended"].astype(float).mean(),
            }
        )
    table = labels.sort_rows(pd.DataFrame(rows))
    table = table.merge(read_published("aca_boxes"), on=CELL, how="left")
    return table.assign(published_note=table["published_note"].fillna(""))
