"""The numbers that the papers print, kept apart from what is measured here."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import pandas as pd

from maskguide.reporting.measures import check_single
from maskguide.system.files import InputError, read_yaml

PATH = Path(__file__).with_name("published.yaml")
WORDS = ["published_how", "published_note"]
KEYS = ["table", "dataset", "method", "backbone"]
# What only some tables print: which classifiers answered, and whether people drew more than class labels.
EXTRAS = ["head", "structured_annotation"]


def read_published(table: str, path: Path = PATH) -> pd.DataFrame:
    """The published rows of one table.

    With dataset, method, backbone (str), published (percent; of aca_boxes IoU, 0 to 1), published_how (what
    is known of how it came about), published_note (what is odd, may be empty), and those of `EXTRAS` that
    the table has. `InputError` if a row lacks a key, names no `how` that is told, or two stand for the same
    cell.
    """
    told = read_yaml(path)
    rows = pd.DataFrame(told["numbers"], columns=[*KEYS, "value", "how", "note", *EXTRAS])
    if rows[[*KEYS, "value", "how"]].isna().any(axis=None):
        raise InputError(f"{path}: every row needs {', '.join(KEYS)}, value and how")
    unknown = rows.loc[~rows["how"].isin(list(told["how"])), "how"]
    if len(unknown):
        raise InputError(f"{path}: how: {unknown.iloc[0]} is not told; known are {', '.join(told['how'])}")
    rows["how"] = rows["how"].map(told["how"])
    doubled = "{path}: two rows for {table} {dataset} {method} {backbone}; keep one"
    check_single(rows.assign(path=path), [*KEYS, "head"], doubled)
    rows = rows[rows["table"] == table].drop(columns="table")
    rows = rows.drop(columns=[extra for extra in EXTRAS if rows[extra].isna().all()])
    rows["note"] = rows["note"].fillna("")
    names = {"value": "published", "how": "published_how", "note": "published_note"}
    return rows.rename(columns=names).reset_index(drop=True)


def with_published(frame: pd.DataFrame, printed: pd.DataFrame, keys: Sequence[str]) -> pd.DataFrame:
    """The frame with the published numbers of its cells, how they came about, and notes; else empty."""
    joined = frame.merge(printed[[*keys, "published", *WORDS]], on=list(keys), how="left")
    return joined.assign(**joined[WORDS].fillna(""))
