"""Had a row finished learning? By its accuracy on its own training images, and by training twice as long."""

from __future__ import annotations

import json
from collections.abc import Iterable
from dataclasses import asdict
from pathlib import Path

import pandas as pd

from maskguide.reporting import runs, tables
from maskguide.system.files import InputError

LEARNED = 95.0  # percent of its own augmented training images, below which a row is marked
MOVED = 2.0  # percentage points by which twice the epochs may move it
LONGER = ["difference", "low", "high", "p", "replicates", "detectable"]
STILL = "still learning"


def split_off(measured: pd.DataFrame, longer: str) -> tuple[pd.DataFrame, pd.DataFrame]:
    """The runs of a table's rows, and those with twice the epochs, with the row that each is of as `row`.

    measured: rows of `runs.read_runs`. longer: JSON, the name of a run with twice the epochs and its row's.
    `InputError` if it is no such JSON, or names what is not there, or has not twice the epochs.
    """
    try:
        names = json.loads(longer)
        if not all(isinstance(row, str) for row in names.values()):
            raise TypeError("a row's name is no text")
    except (ValueError, TypeError, AttributeError) as error:
        raise InputError(f'--longer {longer}: is no JSON such as {{"mga-2x": "mga"}} ({error})') from error
    there = set(measured["method"])
    for name, row in names.items():
        for each in (name, row):
            if each not in there:
                raise InputError(f"--longer: no run of {each} is given; give its runs, or leave it out")
        if row in names:
            raise InputError(f"--longer: {row} is itself a longer run; name the row of the table")
    doubled = [row for row in names.values() if list(names.values()).count(row) > 1]
    if doubled:
        raise InputError(f"--longer: two names for the row {doubled[0]}; give one")
    longer_runs = measured[measured["method"].isin(list(names))]
    longer_runs = longer_runs.assign(row=longer_runs["method"].map(names))
    for run in longer_runs.itertuples():
        same = measured[(measured["method"] == run.row) & (measured["dataset"] == run.dataset)]
        epochs = same.loc[same["backbone"] == run.backbone, "epochs"]
        if len(epochs) and run.epochs != 2 * epochs.iloc[0]:
            raise InputError(
                f"{run.run}: has {run.epochs} epochs, {run.row} {epochs.iloc[0]}; give a run of twice as many"
            )
    return measured[~measured["method"].isin(list(names))], longer_runs


def with_learning(
    frame: pd.DataFrame, measured: pd.DataFrame, longer: pd.DataFrame, indexes: Iterable[str | Path] = ()
) -> pd.DataFrame:
    """A table of accuracies with what is known of whether its rows had finished learning.

    longer, indexes: of `split_off`, and as in `tables.paired_tests`; a row may have more replicates than were
    trained longer, which are left out. With longer (the run's name),
    longer_difference (twice the epochs minus the row, last epoch, percentage points), longer_low,
    longer_high, longer_p (raw, no claim), longer_replicates, longer_detectable, all empty where nothing was
    trained longer; and `learning`, "still learning" where the accuracy on its own augmented training images
    ends below
    `LEARNED` or twice the epochs moved it by `MOVED` points or more, either way; else empty.
    """
    overlap = runs.training_overlap(indexes, measured) if len(longer) else {}
    rows: list[dict] = []
    for (dataset, row, backbone), group in longer.groupby(["dataset", "row", "backbone"], sort=False):
        own = measured[(measured[runs.CELL] == [dataset, row, backbone]).all(axis=1)]
        own = own[own.set_index(runs.REPLICATE).index.isin(group.set_index(runs.REPLICATE).index)]
        if len(own):
            found = asdict(tables.pair(group, own, overlap[dataset])[0])
            told = {f"longer_{key}": found[key] for key in LONGER}
            cell = dict(zip(runs.CELL, (dataset, row, backbone), strict=True))
            rows.append({**cell, "longer": group["method"].iloc[0], **told})
    columns = [*runs.CELL, "longer", *(f"longer_{key}" for key in LONGER)]
    frame = frame.merge(pd.DataFrame(rows, columns=columns), on=runs.CELL, how="left")
    frame = frame.astype({f"longer_{key}": float for key in LONGER})
    moved = frame["longer_difference"].round(9).abs() >= MOVED
    return frame.assign(
        learning=[STILL if each else "" for each in (frame["train_top1_mean"] < LEARNED) | moved]
    )
