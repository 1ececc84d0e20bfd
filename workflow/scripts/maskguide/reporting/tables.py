"""Tables of accuracies as tidy numbers, for all papers: measured, and beside it published; paired tests."""

from __future__ import annotations

from dataclasses import asdict

import pandas as pd

from maskguide.plan.tables import Table
from maskguide.reporting import labels, runs
from maskguide.reporting.published import EXTRAS, read_published
from maskguide.reporting.statistics import TEST, paired_bootstrap
from maskguide.system.files import InputError

MEASURES = ["top1_best", "top1_last", "macro_f1_best", "macro_f1_last"]


def accuracy_table(measured: pd.DataFrame, table: Table) -> pd.DataFrame:
    """A table of accuracies from the rows of `runs.read_runs`: one row per data set × method × backbone.

    A published number stands in the row of the same data set, method and backbone. Published rows of methods
    that maskguide does not have, and of the table's `unrun`, stand there even if nobody ran them. A mean is
    over seeds, `_std` is the sample standard deviation (n - 1), empty for one seed.

    Returns
    -------
    DataFrame with dataset, method, backbone, role ("paper" or "control"), masks, annotation, seeds (how
    many), seed_numbers, num_train, num_test, for each accuracy and macro-F1 (percent) `_mean` and `_std`,
    top1_best_by_seed and top1_last_by_seed (in the order of seed_numbers), where the paper says it
    structured_annotation ("Yes", "No", "-"), published, published_note.
    """
    groups = [
        _cell(dict(zip(runs.CELL, cell, strict=True)), group.sort_values("seed"))
        for cell, group in measured.groupby(runs.CELL, sort=False)
    ]
    joined = pd.DataFrame(groups).merge(read_published(table.name), on=runs.CELL, how="left")
    unrun = [*labels.only_published(), *table.unrun]
    not_run = unmatched_published(joined, table.name)
    not_run = not_run[not_run["method"].isin(unrun)]
    if len(not_run):
        joined = pd.concat([joined, not_run], ignore_index=True)
    joined["role"] = [
        "paper" if name in unrun or table.has(labels.variant(name)) else "control"
        for name in joined["method"]
    ]
    joined["seeds"] = joined["seeds"].fillna(0).astype(int)
    counts = ["num_train", "num_test"]
    joined[counts] = joined[counts].astype("Int64")
    if "structured_annotation" in joined:
        told = ["No" if pd.isna(origin) else "Yes" for origin in joined["annotation"]]
        joined["structured_annotation"] = joined["structured_annotation"].fillna(pd.Series(told))
    extras = [extra for extra in EXTRAS if extra in joined]
    columns = [*groups[0], *extras, "published", "published_note"]
    columns.insert(columns.index("backbone") + 1, "role")
    order = measured["dataset"].drop_duplicates().tolist()
    joined = joined.sort_values("dataset", key=lambda names: names.map(order.index), kind="stable")
    return with_notes(labels.sort_rows(joined[columns]))


def with_notes(frame: pd.DataFrame) -> pd.DataFrame:
    """The frame with an empty note where a row has no published number."""
    return frame.assign(published_note=frame["published_note"].fillna(""))


def _cell(cell: dict, group: pd.DataFrame) -> dict:
    """One row of an accuracy table from its runs, one for each seed."""
    first = group.iloc[0]
    row = {
        **cell,
        "masks": first["masks"],
        "annotation": first["annotation"],
        "seeds": len(group),
        "seed_numbers": " ".join(map(str, group["seed"])),
        "num_train": first["num_train"],
        "num_test": first["num_test"],
    }
    for measure in MEASURES:
        row[f"{measure}_mean"] = group[measure].mean()
        row[f"{measure}_std"] = group[measure].std(ddof=1)
    for measure in ("top1_best", "top1_last"):
        row[f"{measure}_by_seed"] = " ".join(f"{value:.4f}" for value in group[measure])
    return row


def unmatched_published(frame: pd.DataFrame, table: str) -> pd.DataFrame:
    """Rows published for `table` of the frame's data sets whose method and backbone it does not show."""
    printed = read_published(table)
    shown = set(frame[runs.CELL].itertuples(index=False, name=None))
    missing = [row not in shown for row in printed[runs.CELL].itertuples(index=False, name=None)]
    return printed[pd.Series(missing, index=printed.index) & printed["dataset"].isin(frame["dataset"])]


def paired_tests(
    measured: pd.DataFrame, table: Table, resamples: int = 10_000, seed: int = 0
) -> pd.DataFrame:
    """The table's tests where both rows were run with the same backbone, on the seeds that both have.

    Of the last epoch, and of the best where both have one: a run that averages networks does not.

    Returns
    -------
    DataFrame with dataset, backbone, method_a, method_b, epoch ("last" or "best"), test, seeds, images,
    difference, low, high (percentage points, a minus b, 95 % interval), p (two-sided), verdict.

    Raises
    ------
    InputError
        If two methods share no seed, or their runs had different test images.
    """
    rows = []
    families = measured.drop_duplicates("method").set_index("method")["family"]
    variants = [labels.variant(name, families[name]) for name in labels.sort_methods(families.index)]
    for (dataset, backbone), group in measured.groupby(["dataset", "backbone"], sort=False):
        by_method = {method: part.set_index("seed") for method, part in group.groupby("method")}
        for a, b in table.pairs([each for each in variants if each.name in by_method]):
            shared = by_method[a].index.intersection(by_method[b].index).sort_values()
            if shared.empty:
                raise InputError(
                    f"{by_method[a]['run'].iloc[0]}: {a} and {b} share no seed; run both with the same seeds"
                )
            both = pd.concat([by_method[a].loc[shared], by_method[b].loc[shared]])
            # Averages of networks have no best epoch; theirs beside another's chosen one would mean nothing.
            for epoch in ("last", "best") if both["networks"].max() == 1 else ("last",):
                correct, _ = runs.correct_answers(both, f"predicted_{epoch}")
                result = paired_bootstrap(correct[: len(shared)], correct[len(shared) :], resamples, seed)
                named = {"dataset": dataset, "backbone": backbone, "method_a": a, "method_b": b}
                named |= {"epoch": epoch, "test": TEST}
                rows.append({**named, **asdict(result), "verdict": result.verdict})
    columns = ["dataset", "backbone", "method_a", "method_b", "epoch", "test", "seeds", "images"]
    return pd.DataFrame(rows, columns=[*columns, "difference", "low", "high", "p", "verdict"])
