"""The table `probe`: what frozen features tell of the classes, from answers over folds."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import asdict
from pathlib import Path

import numpy as np
import pandas as pd

from maskguide.plan.places import PROBE, ROWS
from maskguide.plan.tables import Table
from maskguide.reporting import labels, markdown, text
from maskguide.reporting.folds import TEST, fold_test
from maskguide.reporting.measures import AGAIN, by_seed
from maskguide.reporting.statistics import (
    FEWEST,
    HIGHER,
    LOWER,
    NO_VERDICT,
    holm,
    may_judge,
    paired_test,
    verdict,
)
from maskguide.reporting.statistics import TEST as PAIRED
from maskguide.system.files import InputError, read_csv

ANSWERS = ["repeat", "fold", "image_id", "class_id", PROBE, "masks", "folds", "overlap", "without_mask"]
NOTHING = {"difference": np.nan, "low": np.nan, "high": np.nan, "p": np.nan, "detectable": np.nan}


def read_probes(paths: Iterable[str | Path]) -> pd.DataFrame:
    """`answers.csv` of probe_features.py, <dataset>/<backbone>/answers.csv, with columns of these two."""
    tables = []
    for path in map(Path, paths):
        table = read_csv(path, ANSWERS, AGAIN, dtype={"image_id": str, "masks": str})
        if not len(table) or table.duplicated(["repeat", "image_id"]).any():
            raise InputError(f"{path}: tests no image, or an image twice in one repeat; {AGAIN}")
        dataset, backbone = path.absolute().parts[-3:-1]
        tables.append(table.assign(dataset=dataset, backbone=backbone))
    return pd.concat(tables, ignore_index=True)


def probe_table(answers: pd.DataFrame) -> pd.DataFrame:
    """A row per data set, backbone and classifier, from rows of `read_probes`.

    With dataset, backbone, method, masks (their source, of rows that see by masks), without_mask (images
    whose mask told no inside), num_images (tested), num_classes, chance (percent, of a guess), folds (0: the
    run's splits), repeats (of folds, or splits), top1_mean, top1_std (percent; n - 1, over folds or
    splits), top1_by_fold; against the first row difference, low, high (points, 95 % interval), p, p_holm
    (over the table), detectable, verdict.
    """
    rows = []
    for (dataset, backbone), group in answers.groupby(["dataset", "backbone"], sort=False):
        folds = int(group["folds"].iloc[0])
        facts = {"num_images": group["image_id"].nunique(), "num_classes": group["class_id"].nunique()}
        facts |= {"chance": 100 / facts["num_classes"], "folds": folds, "repeats": group["repeat"].nunique()}
        for name in (each for each in ROWS if each in group and group[each].notna().all()):
            right = group[name].astype(int) == group["class_id"]
            share = right.groupby([group["repeat"], group["fold"]]).mean().to_numpy()
            masked = ROWS[name][1] != ("whole",)
            row = {"dataset": dataset, "backbone": backbone, "method": name}
            row["masks"] = group["masks"].iloc[0] if masked else None
            row["without_mask"] = int(group["without_mask"].iloc[0]) if masked else 0
            row |= facts | {"top1_mean": 100 * share.mean()}
            row |= {"top1_std": 100 * share.std(ddof=1) if len(share) > 1 else np.nan}
            row["top1_by_fold"] = by_seed(pd.Series(100 * share))
            rows.append(row | compared(group, name))
    frame = pd.DataFrame(rows)
    frame["p_holm"] = holm(frame["p"].astype(float))
    judged = frame["method"] != PROBE
    said = map(verdict, frame["difference"], frame["p_holm"])
    frame["verdict"] = [word if own else "" for word, own in zip(said, judged, strict=True)]
    return frame


def compared(group: pd.DataFrame, name: str) -> dict[str, float]:
    """A row against the first: the difference, and its test, of folds or disjoint splits enough."""
    if name == PROBE:
        return NOTHING
    parts, folds = [group["repeat"], group["fold"]], int(group["folds"].iloc[0])
    right = {each: group[each].astype(int) == group["class_id"] for each in (name, PROBE)}
    share = right[name].groupby(parts).mean() - right[PROBE].groupby(parts).mean()
    if folds and len(share) >= FEWEST:
        result = fold_test(share.to_numpy(), 1 / folds)
    elif not folds and may_judge(len(share), float(group["overlap"].iloc[0])):
        cells = {
            each: group.assign(right=values).pivot(index="repeat", columns="image_id", values="right")
            for each, values in right.items()
        }
        tested = cells[name].notna().to_numpy()
        a, b = (cells[each].eq(True).to_numpy() for each in (name, PROBE))  # NaN: not tested
        result = paired_test(a, b, np.arange(len(share)), tested)
    else:
        return NOTHING | {"difference": 100 * float(share.mean())}
    return {key: asdict(result)[key] for key in NOTHING}


def probe_text(table: Table, frame: pd.DataFrame) -> str:
    """The table for a reader, a part for each data set, and in words what it says."""

    def parts(dataset: str, group: pd.DataFrame) -> list[str]:
        columns = [
            ("classifier sees", lambda row: ROWS[row["method"]][0]),
            ("backbone", lambda row: labels.backbone_label(row["backbone"])),
            ("masks", lambda row: markdown.conspicuous(row["masks"])),
            ("accuracy", lambda row: markdown.mean_std(row["top1_mean"], row["top1_std"])),
            ("− whole image (95 %)", _difference),
            ("p (Holm)", lambda row: markdown.chance(row["p_holm"])),
            ("", lambda row: markdown.reading(row["verdict"]) if row["verdict"] else ""),
            ("could have seen", lambda row: markdown.number(row["detectable"])),
        ]
        said = "\n".join(f"- {each}" for each in filter(None, (sentence(row) for _, row in group.iterrows())))
        return [protocol(group), markdown.table_of(group, columns), *filter(None, [said])]

    return text.page(table, frame, notes(frame), parts)


def _difference(row: pd.Series) -> str:
    if pd.isna(row["difference"]):
        return markdown.NOT_THERE
    if pd.isna(row["low"]):
        return markdown.signed(row["difference"])
    return f"{markdown.signed(row['difference'])} ({markdown.interval(row)})"


def protocol(group: pd.DataFrame) -> str:
    """One sentence: what was tested, and how."""
    row = group.iloc[0]
    tested = f"{row['num_images']} test images in {row['num_classes']} classes; chance {row['chance']:.1f} %"
    if not row["folds"]:
        splits = f"the {row['repeats']} splits" if row["repeats"] > 1 else "the split"
        return f"{tested}. On {splits} of the run, whose training images alone teach."
    times = f", drawn anew {row['repeats']} times" if row["repeats"] > 1 else ""
    return f"{tested}. Each image is tested by what the other parts taught: {row['folds']} parts{times}."


def sentence(row: pd.Series) -> str:
    """What a tested row says in words; nothing of the others."""
    if row["method"] != "probe-inside" or row["verdict"] in ("", NO_VERDICT):
        return ""
    size = f"{_difference(row)} points"
    backbone = labels.backbone_label(row["backbone"])
    if row["verdict"] == HIGHER:
        return f"**Masks help frozen features** ({backbone}): inside the object {size}."
    if row["verdict"] == LOWER:
        return (
            f"**Masks cost frozen features** ({backbone}): inside the object {size}. What lies at its "
            "outline or around it may tell the classes too."
        )
    return (
        f"Not shown that masks help or cost frozen features ({backbone}): inside the object {size}; a "
        f"difference of {row['detectable']:.1f} would have been seen."
    )


def notes(frame: pd.DataFrame) -> list[str]:
    """What the columns mean."""
    found = [
        "Nothing is trained but a logistic regression (or nothing, for the nearest neighbours) on means of "
        "the network's last map: over the whole image, over the cells inside the object, or outside of it.",
        "Accuracy: mean ± sample standard deviation (n − 1) over folds, percent.",
    ]
    used = [name for name, own in ((TEST, frame["folds"] > 0), (PAIRED, frame["folds"] == 0)) if own.any()]
    if frame["p_holm"].notna().any():
        found.append(
            f"Test: {'; '.join(used)}; p corrected by Holm for the {frame['p_holm'].notna().sum()} tests of "
            "the table. Could have seen: the smallest true difference that this design finds with 80 % power."
        )
    if (frame["verdict"] == NO_VERDICT).any():
        found.append(
            f"{NO_VERDICT.capitalize()}: fewer than {FEWEST} replicates, or splits that have training images "
            "in common; the numbers are shown and claim nothing."
        )
    masked = frame[frame["masks"].notna()]
    for dataset, group in masked.groupby("dataset", sort=False):
        source = group["masks"].iloc[0]
        who = {"truth": "the true ones", "segmenter": "drawn by the segmenter, whose images are never tested"}
        left = group["without_mask"].iloc[0]
        some = f"; {left} images have none that tells inside from outside and are seen whole" if left else ""
        found.append(f"Masks of {labels.dataset_label(dataset)}: {who.get(source, source)}{some}.")
    return found
