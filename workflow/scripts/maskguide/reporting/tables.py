"""Tables of accuracies as tidy numbers, for all papers: measured, and beside it published; paired tests."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import asdict
from pathlib import Path

import numpy as np
import pandas as pd

from maskguide.plan.tables import Table
from maskguide.reporting import labels, runs
from maskguide.reporting.measures import by_seed, of_seeds
from maskguide.reporting.published import EXTRAS, WORDS, read_published
from maskguide.reporting.statistics import TEST, PairedTest, holm, may_judge, paired_test, verdict
from maskguide.system.files import InputError

TESTED = ["dataset", "backbone", "method_a", "method_b", "test", "replicates", "splits", "images"]
TESTED += ["training_overlap", "difference", "low", "high", "p", "p_holm", "degrees_of_freedom", "detectable"]
TESTED += ["replicates_for_2", "verdict"]


def accuracy_table(measured: pd.DataFrame, table: Table) -> pd.DataFrame:
    """A table of accuracies from the rows of `runs.read_runs`: one row per data set × method × backbone.

    A published number stands in the row of the same data set, method and backbone. Published rows of methods
    that maskguide does not have, and of the table's `unrun`, stand there even if nobody ran them. A mean is
    over splits and seeds, `_std` is the sample standard deviation (n - 1), empty for one run.

    With dataset, method, backbone, role ("paper" or "control"), masks, annotation, splits, seeds (how many of
    each split), seed_numbers, judged_on ("test" or "validation"), num_train, num_test (of the first split),
    train_top1_mean (as in `runs.read_runs`), for each accuracy and macro-F1 (percent) `_mean` and `_std`,
    top1_best_by_seed and top1_last_by_seed (by split, then in the order of seed_numbers), where the paper
    says it structured_annotation ("Yes", "No", "-"), published, published_how, published_note.

    `InputError` if the splits of a row had unlike seeds.
    """
    groups = [
        _cell(group.sort_values(runs.REPLICATE)) for _, group in measured.groupby(runs.CELL, sort=False)
    ]
    joined = pd.DataFrame(groups).merge(read_published(table.name), on=runs.CELL, how="left")
    unrun = [*labels.only_published(), *table.unrun]
    not_run = unmatched_published(joined, table.name)
    not_run = not_run[not_run["method"].isin(unrun)]
    if len(not_run):
        joined = pd.concat([joined, not_run], ignore_index=True)
    own = [name in unrun or table.has(labels.variant(name)) for name in joined["method"]]
    joined.insert(joined.columns.get_loc("backbone") + 1, "role", np.where(own, "paper", "control"))
    joined = joined.astype({"splits": float, "seeds": float}).fillna({"splits": 0, "seeds": 0})
    joined = joined.astype({"splits": int, "seeds": int})
    joined = joined.astype({"num_train": "Int64", "num_test": "Int64"})
    if "structured_annotation" in joined:
        told = ["No" if pd.isna(origin) else "Yes" for origin in joined["annotation"]]
        joined["structured_annotation"] = joined["structured_annotation"].fillna(pd.Series(told))
    joined[WORDS] = joined[WORDS].fillna("")
    ends = [*(extra for extra in EXTRAS if extra in joined), "published", *WORDS]
    return labels.sort_rows(joined[[*joined.columns.drop(ends), *ends]])


def _cell(group: pd.DataFrame) -> dict:
    """One row of an accuracy table from its runs, one for each split and seed."""
    first = group.iloc[0]
    row = {**first[[*runs.CELL, "masks", "annotation"]], **of_seeds(group)}
    row |= {**first[["judged_on", "num_train", "num_test"]], "train_top1_mean": group["train_top1"].mean()}
    for measure in runs.PERCENTAGES:
        row |= {f"{measure}_mean": group[measure].mean(), f"{measure}_std": group[measure].std()}
    return row | {f"{measure}_by_seed": by_seed(group[measure]) for measure in ("top1_best", "top1_last")}


def unmatched_published(frame: pd.DataFrame, table: str) -> pd.DataFrame:
    """Rows published for `table` of the frame's data sets whose method and backbone it does not show."""
    printed = read_published(table)
    printed = printed[printed["dataset"].isin(frame["dataset"])]
    return printed[~printed.set_index(runs.CELL).index.isin(frame.set_index(runs.CELL).index)]


def paired_tests(measured: pd.DataFrame, table: Table, indexes: Iterable[str | Path] = ()) -> pd.DataFrame:
    """The table's tests of the last epoch where both rows were run with the same backbone.

    indexes: as in `runs.training_overlap`; needed for a verdict where there are several splits. With dataset,
    backbone, method_a, method_b, test, replicates (splits where there are several, else seeds), splits,
    images (of all splits), training_overlap, difference, low, high (percentage points, a minus b, 95 %
    interval), p (two-sided), p_holm (Holm's over the rows that get a verdict; empty for the others),
    degrees_of_freedom, detectable, replicates_for_2 (as in `statistics.PairedTest`), verdict.

    `InputError` if two methods were not run with the same splits and seeds, or had other test images.
    """
    rows = []
    families = measured.drop_duplicates("method").set_index("method")["family"]
    variants = [labels.variant(name, families[name]) for name in labels.sort_methods(families.index)]
    overlap = runs.training_overlap(indexes, measured)
    for (dataset, backbone), group in measured.groupby(["dataset", "backbone"], sort=False):
        by_method = dict(list(group.groupby("method")))
        for a, b in table.pairs([each for each in variants if each.name in by_method]):
            result, facts = pair(by_method[a], by_method[b], overlap[dataset])
            named = {"dataset": dataset, "backbone": backbone, "method_a": a, "method_b": b, "test": TEST}
            rows.append({**named, **facts, "training_overlap": overlap[dataset], **asdict(result)})
    tests = pd.DataFrame(rows, columns=TESTED)
    judged = list(map(may_judge, tests["replicates"], tests["training_overlap"]))
    tests["p_holm"] = holm(tests["p"].astype(float).where(judged))
    tests["verdict"] = list(map(verdict, tests["difference"], tests["p_holm"]))
    return tests.astype({"replicates_for_2": "Int64"})


def pair(one: pd.DataFrame, other: pd.DataFrame, overlap: float) -> tuple[PairedTest, Mapping[str, int]]:
    """The paired test of two methods' runs (rows of `runs.read_runs`); its numbers of splits and images."""
    one, other = (each.sort_values(runs.REPLICATE) for each in (one, other))
    first, second = (each[runs.REPLICATE].to_numpy().tolist() for each in (one, other))
    if first != second:
        split, seed = next(each for each in [*first, *second] if (each in first) != (each in second))
        has, lacks = (one, other) if [split, seed] in first else (other, one)
        has, lacks = has[(has["split"] == split) & (has["seed"] == seed)].iloc[0], lacks.iloc[0]
        raise InputError(
            f"{has['run']}: {has['method']} has split {split}, seed {seed}, {lacks['method']} on "
            f"{lacks['dataset']} has not; give runs of both with the same splits and seeds"
        )
    correct, tested = runs.correct_answers(pd.concat([one, other]), "predicted_last")
    half, splits = len(one), one["split"].to_numpy()
    known = 0.0 if np.isnan(overlap) else overlap
    if known >= 1:
        raise InputError(f"{one['run'].iloc[0]}: all splits have the same training images; give one of them")
    result = paired_test(correct[:half], correct[half:], splits, tested[:half], known)
    return result, {"splits": one["split"].nunique(), "images": correct.shape[1]}
