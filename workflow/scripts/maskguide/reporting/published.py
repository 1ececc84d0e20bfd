"""The numbers that the papers print, kept apart from what is measured here."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import pandas as pd

from maskguide.reporting.measures import check_single
from maskguide.system.files import InputError, read_yaml

PATH = Path(__file__).with_name("published.yaml")
KEYS = ["table", "dataset", "method", "backbone"]
# What only some tables print: which classifiers answered, and whether people drew more than class labels.
EXTRAS = ["head", "structured_annotation"]


def read_published(table: str, path: Path = PATH) -> pd.DataFrame:
    """The published rows of one table.

    With dataset, method, backbone (str), published (percent; of aca_boxes IoU, 0 to 1), published_note (str),
    and those of `EXTRAS` that the table has. `InputError` if a row lacks a key, or two rows stand for the
    same cell.
    """
    rows = pd.DataFrame(read_yaml(path), columns=[*KEYS, "value", "note", *EXTRAS])
    if rows[[*KEYS, "value"]].isna().any(axis=None):
        raise InputError(f"{path}: every row needs {', '.join(KEYS)} and value")
    doubled = "{path}: two rows for {table} {dataset} {method} {backbone}; keep one"
    check_single(rows.assign(path=path), [*KEYS, "head"], doubled)
    rows = rows[rows["table"] == table].drop(columns="table")
    rows = rows.drop(columns=[extra for extra in EXTRAS if rows[extra].isna().all()])
    rows["note"] = rows["note"].fillna("")
    return rows.rename(columns={"value": "published", "note": "published_note"}).reset_index(drop=True)


def with_published(frame: pd.DataFrame, printed: pd.DataFrame, keys: Sequence[str]) -> pd.DataFrame:
    """The frame with the published numbers and notes of its cells, empty where there are none."""
    joined = frame.merge(printed[[*keys, "published", "published_note"]], on=list(keys), how="left")
    return joined.assign(published_note=joined["published_note"].fillna(""))
