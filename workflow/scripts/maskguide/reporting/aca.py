"""The ACA paper's Table 6, each scale and head, and the IoU of its Figure 7: numbers and pages."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path

import pandas as pd

from maskguide.plan.tables import Table
from maskguide.reporting import labels, markdown, text
from maskguide.reporting.measures import (
    AGAIN,
    by_seed,
    check,
    check_single,
    of_seeds,
    read_measures,
    split_of_path,
)
from maskguide.reporting.published import read_published, with_published
from maskguide.reporting.runs import CELL, REPLICATE
from maskguide.system.files import InputError

# The heads and how they are called.
HEADS = {"local": "local classifiers", "object": "object classifier", "average": "average"}
ALL = "all"  # the scale of what all scales together answer
IOU_KEYS = [*CELL, "seed", "std_iou", "num_images", "truth", "nothing_attended"]
IOUS = ["mean_iou", "mean_iou_whole_image"]


def scale_name(scale: str) -> str:
    """ "scale 1", or what all of them together are."""
    return "all scales" if scale == ALL else f"scale {scale}"


def scale_table(measured: pd.DataFrame) -> pd.DataFrame:
    """Table 6 from the rows of `runs.read_runs`, all of runs that average the networks of several scales.

    With dataset, method, backbone, head (of `HEADS`; average: of the two others), scale ("1", "2", …, "all"),
    mean and std (percent; over splits and seeds, std is the sample standard deviation, n - 1), by_seed (by
    split, then in the order of seed_numbers), splits, seeds (how many of each split), seed_numbers, judged_on
    ("test" or "validation"), num_train, num_test, published, published_how, published_note. A head that
    a method does not have has no rows.

    `InputError` if a run holds no accuracies of scales, runs of one method have different scales, or splits
    unlike seeds.
    """
    answers, keys = [], [*CELL, "head", "scale"]
    for (*_, method, _), group in measured.groupby(CELL, sort=False):
        first: dict = {}
        for run in group.sort_values(REPLICATE).to_dict("records"):
            given = _read_scales(Path(run["run"]))
            first = first or given
            if list(given) != list(first):
                raise InputError(
                    f"{run['run']}: has the scales {' '.join(given)}, another run of {method} "
                    f"{' '.join(first)}; run all seeds with the same scales"
                )
            answers += [
                {**run, "head": head, "scale": scale, "value": heads[head]}
                for head in HEADS
                for scale, heads in given.items()
                if heads.get(head) is not None
            ]
    rows = [
        {
            **dict(zip(keys, cell, strict=True)),
            **{"mean": group["value"].mean(), "std": group["value"].std()},
            **{"by_seed": by_seed(group["value"]), **of_seeds(group)},
            **group.iloc[0][["judged_on", "num_train", "num_test"]],
        }
        for cell, group in pd.DataFrame(answers).groupby(keys, sort=False)
    ]
    printed = read_published("aca_table6")
    of_rows = [labels.variant(name) for name in printed["method"]]
    printed["scale"] = [str(variant.options.get("scale", ALL)) for variant in of_rows]
    printed["method"] = [variant.method for variant in of_rows]
    return with_published(labels.sort_rows(pd.DataFrame(rows)), printed, keys)


def _read_scales(folder: Path) -> dict[str, dict]:
    """The accuracy of each head by scale, of all scales together last, from a run's `metrics.json`."""
    path = folder / "metrics.json"
    metrics = read_measures(path, [])
    if not metrics.get("scales") or not isinstance(metrics.get("multi"), dict):
        way_out = "give runs that average all scales, such as aca, not aca-s1"
        raise InputError(f"{path}: holds no accuracies of scales; {way_out}")
    answers = {str(each.get("scale")): each for each in metrics["scales"]} | {ALL: metrics["multi"]}
    for scale, heads in answers.items():
        check(path, heads, [], [head for head in HEADS if head in heads], where=f"scale {scale}, ")
        if heads.get("average") is None:
            raise InputError(f"{path}: scale {scale} has no average; {AGAIN}")
    return answers


def read_attended(paths: Iterable[str | Path]) -> pd.DataFrame:
    """The `iou.json` of each run of ACA, a row each, with its `scale` and `path`.

    `InputError` if one is missing or broken, has an IoU outside 0…1, or stands for the same run as another.
    """
    rows = []
    for path in paths:
        record = read_measures(path, IOU_KEYS, IOUS, most=1)
        method = str(record["method"])
        scale = labels.variant(method).options.get("scale")
        if scale is None:
            raise InputError(f"{path}: '{method}' names no scale of ACA; give those of aca-s1 and on")
        split, judged_on = split_of_path(path)
        place = {"split": split, "judged_on": judged_on, "path": str(path)}
        rows.append({**record, "scale": scale, **place})
    table = pd.DataFrame(rows)
    doubled = "{path}: another is also of {method} with split {split} and seed {seed}; give one"
    check_single(table, [*CELL, *REPLICATE], doubled)
    for (dataset, *_, split), group in table.groupby([*CELL, "split"], sort=False):
        for key in ("truth", "num_images"):
            if group[key].nunique(dropna=False) > 1:
                found = " and ".join(map(str, group[key].unique()))
                where = f"{group['path'].iloc[0]}: {dataset}, split {split}"
                raise InputError(f"{where} has {key} {found}; {AGAIN}")
    return table


def box_table(attended: pd.DataFrame) -> pd.DataFrame:
    """How well attended boxes meet the true ones: a row per data set, method of one scale and backbone.

    With dataset, method, backbone, scale, truth (what the true boxes were made of; empty where there are
    none), num_images (of all splits together), judged_on ("test" or "validation"), splits, seeds (how many of
    each split), seed_numbers, iou_mean, iou_std (over splits and seeds, n - 1), iou_by_seed,
    iou_whole_image (what a box around the whole image gets), nothing_attended (images, mean over runs),
    published, published_how, published_note. IoU from 0 to 1.
    """
    rows = []
    for _, group in attended.groupby(CELL, sort=False):
        group = group.sort_values(REPLICATE)
        ious, wholes, nothing = (group[key].astype(float) for key in (*IOUS, "nothing_attended"))
        rows.append(
            {
                **group.iloc[0][[*CELL, "scale", "truth"]],
                **{"num_images": group.drop_duplicates("split")["num_images"].sum()},
                **{"judged_on": group["judged_on"].iloc[0], **of_seeds(group)},
                **{"iou_mean": ious.mean(), "iou_std": ious.std(), "iou_by_seed": by_seed(ious.dropna())},
                **{"iou_whole_image": wholes.mean(), "nothing_attended": nothing.mean()},
            }
        )
    return with_published(labels.sort_rows(pd.DataFrame(rows)), read_published("aca_boxes"), CELL)


def scale_text(table: Table, frame: pd.DataFrame, measured: pd.DataFrame) -> str:
    """Table 6 for a reader: a row per head, a column per scale; `measured` are the runs behind it."""
    notes = [*text.those_of(table.notes, frame), f"Published: {table.published}"]
    notes += [text.ONE_RUN] if (frame["seeds"] * frame["splits"] == 1).any() else []
    notes += text.remarks(frame)
    return text.page(
        table, frame, notes, lambda dataset, group: [text.protocol(measured, dataset), _scale_rows(group)]
    )


def _scale_rows(of_dataset: pd.DataFrame) -> str:
    """Table 6 of one data set, as a Markdown table."""
    scales = sorted(of_dataset["scale"].unique(), key=lambda scale: (scale == ALL, scale))
    names = [scale_name(scale) for scale in scales]
    printed = of_dataset["published"].notna().any()
    rows = []
    for cell, group in of_dataset.groupby(CELL, sort=False):
        method = f"{labels.without_scale(cell[1])} ({labels.backbone_label(cell[2])})"
        both = set(HEADS) <= set(group["head"])
        for head in HEADS if both else ["average"]:
            by_scale = group[group["head"] == head].set_index("scale")
            found = by_scale.reindex(scales)
            cells = [
                markdown.mean_std(mean, std) for mean, std in zip(found["mean"], found["std"], strict=True)
            ]
            published = [markdown.number(value) for value in found["published"]] if printed else []
            name = f"{method}, {HEADS[head]}" if both else method
            rows.append([name, text.runs_of(by_scale.iloc[0]), *cells, *published])
    header = ["answer", text.RUNS, *names, *(f"published, {name}" for name in names if printed)]
    return markdown.markdown_table(rows, header)


def box_text(table: Table, frame: pd.DataFrame) -> str:
    """Attended boxes for a reader."""
    columns = [
        ("method", lambda row: labels.method_label(row["method"], row["backbone"])),
        ("true boxes", lambda row: markdown.NOT_THERE if pd.isna(row["truth"]) else str(row["truth"])),
        ("test images", "num_images"),
        (text.RUNS, text.runs_of),
        ("mean IoU", lambda row: markdown.mean_std(row["iou_mean"], row["iou_std"], 3)),
        ("whole image's IoU", lambda row: markdown.number(row["iou_whole_image"], 3)),
        ("nothing or all attended", lambda row: markdown.number(row["nothing_attended"])),
        ("published", lambda row: markdown.number(row["published"], table.decimals)),
    ]
    notes = [*text.those_of(table.notes, frame), *text.remarks(frame)]
    notes += [text.ONE_RUN] if (frame["seeds"] * frame["splits"] == 1).any() else []
    if frame["iou_mean"].isna().any():
        notes.append(f"{markdown.NOT_THERE}: no test image has a true box, so nothing can be measured.")
    return text.page(table, frame, notes, lambda _, group: [markdown.table_of(group, columns)])
