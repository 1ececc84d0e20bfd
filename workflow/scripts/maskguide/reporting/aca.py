"""The ACA paper's Table 6, each scale and head, and the IoU of its Figure 7: numbers and pages."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from pathlib import Path

import pandas as pd

from maskguide.plan.tables import Table
from maskguide.reporting import labels
from maskguide.reporting.published import read_published
from maskguide.reporting.runs import CELL
from maskguide.reporting.tables import with_notes
from maskguide.reporting.text import (
    NOT_THERE,
    ONE_SEED,
    bullets,
    markdown_table,
    number,
    page,
    protocol,
    remarks,
    those_of,
)
from maskguide.system.files import InputError, read_json

AGAIN = "delete it and run again"
HEADS = ["local", "object", "average"]
HEAD_NAMES = {"local": "local classifiers", "object": "object classifier", "average": "average"}
ALL = "all"  # the scale of what all scales together answer
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
    of_rows = [labels.variant(name) for name in printed["method"]]
    printed["scale"] = [str(variant.options.get("scale", ALL)) for variant in of_rows]
    printed["method"] = [variant.method for variant in of_rows]
    table = table.merge(printed, on=[*CELL, "head", "scale"], how="left")
    return with_notes(table)


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
        scale = labels.variant(str(record["method"])).options.get("scale")
        if scale is None:
            raise InputError(
                f"{path}: '{record['method']}' names no scale of ACA; give those of aca-s1 and on"
            )
        rows.append({key: record[key] for key in IOU_KEYS} | {"scale": scale, "path": str(path)})
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
    return with_notes(table)


def scale_text(table: Table, frame: pd.DataFrame, measured: pd.DataFrame) -> str:
    """Table 6 for a reader: a row per head, a column per scale; `measured` are the runs behind it."""
    parts = [f"# {table.title}"]
    for dataset, of_dataset in frame.groupby("dataset", sort=False):
        parts += [
            f"## {labels.dataset_label(dataset)}",
            protocol(measured[measured["dataset"] == dataset]),
            _scale_rows(of_dataset),
        ]
    notes = [*those_of(table.notes, frame), f"Published: {table.published}"]
    notes += [ONE_SEED] if (frame["seeds"] == 1).any() else []
    return page([*parts, bullets(notes + remarks(frame))])


def _scale_rows(of_dataset: pd.DataFrame) -> str:
    """Table 6 of one data set, as a Markdown table."""
    scales = of_dataset["scale"].drop_duplicates().tolist()
    scales = sorted(scales, key=lambda scale: (scale == ALL, scale))
    names = ["all scales" if scale == ALL else f"scale {scale}" for scale in scales]
    printed = of_dataset["published"].notna().any()
    rows = []
    for cell, group in of_dataset.groupby(CELL, sort=False):
        method = f"{labels.without_scale(cell[1])} ({labels.backbone_label(cell[2])})"
        both = set(HEADS) <= set(group["head"])
        for head in HEADS if both else ["average"]:
            by_scale = group[group["head"] == head].set_index("scale")
            found = by_scale.reindex(scales)
            cells = [
                number(row["mean"]) if pd.isna(row["std"]) else f"{row['mean']:.1f} ± {row['std']:.1f}"
                for _, row in found.iterrows()
            ]
            published = [number(value) for value in found["published"]] if printed else []
            name = f"{method}, {HEAD_NAMES[head]}" if both else method
            rows.append([name, str(by_scale["seeds"].iloc[0]), *cells, *published])
    header = ["answer", "seeds", *names, *(f"published, {name}" for name in names if printed)]
    return markdown_table(rows, header)


def box_text(table: Table, frame: pd.DataFrame) -> str:
    """Attended boxes for a reader."""
    parts = [f"# {table.title}"]
    for dataset, group in frame.groupby("dataset", sort=False):
        header = ["method", "true boxes", "test images", "seeds", "mean IoU", "whole image's IoU"]
        header += ["nothing or all attended", "published"]
        rows = [
            [
                labels.method_label(row["method"], row["backbone"]),
                NOT_THERE if pd.isna(row["truth"]) else str(row["truth"]),
                str(row["num_images"]),
                str(row["seeds"]),
                number(row["iou_mean"], 3)
                + ("" if pd.isna(row["iou_std"]) else f" ± {number(row['iou_std'], 3)}"),
                number(row["iou_whole_image"], 3),
                number(row["nothing_attended"]),
                number(row["published"], table.decimals),
            ]
            for _, row in group.iterrows()
        ]
        parts += [f"## {labels.dataset_label(dataset)}", markdown_table(rows, header)]
    notes = [*those_of(table.notes, frame), *remarks(frame)]
    notes += [ONE_SEED] if (frame["seeds"] == 1).any() else []
    if frame["iou_mean"].isna().any():
        notes.append(f"{NOT_THERE}: no test image has a true box, so nothing can be measured.")
    return page([*parts, bullets(notes)])
