"""Tables of accuracies as tidy numbers, for all papers: measured, and beside it published; paired tests."""

from __future__ import annotations

from dataclasses import asdict

import numpy as np
import pandas as pd

from maskguide.plan.tables import Table
from maskguide.reporting import labels, runs
from maskguide.reporting.measures import by_seed, of_seeds
from maskguide.reporting.published import EXTRAS, read_published
from maskguide.reporting.statistics import TEST, paired_bootstrap
from maskguide.system.files import InputError

TESTED = ["dataset", "backbone", "method_a", "method_b", "epoch", "test", "seeds", "images"]
TESTED += ["difference", "low", "high", "p", "verdict"]


def accuracy_table(measured: pd.DataFrame, table: Table) -> pd.DataFrame:
    """A table of accuracies from the rows of `runs.read_runs`: one row per data set × method × backbone.

    A published number stands in the row of the same data set, method and backbone. Published rows of methods
    that maskguide does not have, and of the table's `unrun`, stand there even if nobody ran them. A mean is
    over seeds, `_std` is the sample standard deviation (n - 1), empty for one seed.

    With dataset, method, backbone, role ("paper" or "control"), masks, annotation, seeds (how many),
    seed_numbers, num_train, num_test, for each accuracy and macro-F1 (percent) `_mean` and `_std`,
    top1_best_by_seed and top1_last_by_seed (in the order of seed_numbers), where the paper says it
    structured_annotation ("Yes", "No", "-"), published, published_note.
    """
    groups = [_cell(group.sort_values("seed")) for _, group in measured.groupby(runs.CELL, sort=False)]
    joined = pd.DataFrame(groups).merge(read_published(table.name), on=runs.CELL, how="left")
    unrun = [*labels.only_published(), *table.unrun]
    not_run = unmatched_published(joined, table.name)
    not_run = not_run[not_run["method"].isin(unrun)]
    if len(not_run):
        joined = pd.concat([joined, not_run], ignore_index=True)
    own = [name in unrun or table.has(labels.variant(name)) for name in joined["method"]]
    joined.insert(joined.columns.get_loc("backbone") + 1, "role", np.where(own, "paper", "control"))
    joined["seeds"] = joined["seeds"].fillna(0).astype(int)
    joined = joined.astype({"num_train": "Int64", "num_test": "Int64"})
    if "structured_annotation" in joined:
        told = ["No" if pd.isna(origin) else "Yes" for origin in joined["annotation"]]
        joined["structured_annotation"] = joined["structured_annotation"].fillna(pd.Series(told))
    joined["published_note"] = joined["published_note"].fillna("")
    ends = [*(extra for extra in EXTRAS if extra in joined), "published", "published_note"]
    return labels.sort_rows(joined[[*joined.columns.drop(ends), *ends]])


def _cell(group: pd.DataFrame) -> dict:
    """One row of an accuracy table from its runs, one for each seed."""
    first = group.iloc[0]
    row = {**first[[*runs.CELL, "masks", "annotation"]], **of_seeds(group)}
    row |= first[["num_train", "num_test"]]
    for measure in runs.PERCENTAGES:
        row |= {f"{measure}_mean": group[measure].mean(), f"{measure}_std": group[measure].std()}
    return row | {f"{measure}_by_seed": by_seed(group[measure]) for measure in ("top1_best", "top1_last")}


def unmatched_published(frame: pd.DataFrame, table: str) -> pd.DataFrame:
    """Rows published for `table` of the frame's data sets whose method and backbone it does not show."""
    printed = read_published(table)
    printed = printed[printed["dataset"].isin(frame["dataset"])]
    return printed[~printed.set_index(runs.CELL).index.isin(frame.set_index(runs.CELL).index)]


def paired_tests(
    measured: pd.DataFrame, table: Table, resamples: int = 10_000, seed: int = 0
) -> pd.DataFrame:
    """The table's tests where both rows were run with the same backbone, on the seeds that both have.

    Of the last epoch, and of the best where both have one: a run that averages networks does not. With
    dataset, backbone, method_a, method_b, epoch ("last" or "best"), test, seeds, images, difference, low,
    high (percentage points, a minus b, 95 % interval), p (two-sided), verdict.

    `InputError` if two methods share no seed, or their runs had different test images.
    """
    rows = []
    families = measured.drop_duplicates("method").set_index("method")["family"]
    variants = [labels.variant(name, families[name]) for name in labels.sort_methods(families.index)]
    for (dataset, backbone), group in measured.groupby(["dataset", "backbone"], sort=False):
        by_method = {method: part.set_index("seed") for method, part in group.groupby("method")}
        for a, b in table.pairs([each for each in variants if each.name in by_method]):
            shared = by_method[a].index.intersection(by_method[b].index).sort_values()
            if shared.empty:
                run = by_method[a]["run"].iloc[0]
                raise InputError(f"{run}: {a} and {b} share no seed; run both with the same seeds")
            both = pd.concat([by_method[a].loc[shared], by_method[b].loc[shared]])
            # Averages of networks have no best epoch; theirs beside another's chosen one would mean nothing.
            for epoch in ("last", "best") if both["networks"].max() == 1 else ("last",):
                correct = runs.correct_answers(both, f"predicted_{epoch}")
                result = paired_bootstrap(correct[: len(shared)], correct[len(shared) :], resamples, seed)
                named = {"dataset": dataset, "backbone": backbone, "method_a": a, "method_b": b}
                named |= {"epoch": epoch, "test": TEST}
                rows.append({**named, **asdict(result), "verdict": result.verdict})
    return pd.DataFrame(rows, columns=TESTED)
