"""The numbers that the papers print, kept apart from what is measured here."""

from __future__ import annotations

from pathlib import Path

import pandas as pd

from maskguide.system.files import InputError, read_yaml

PATH = Path(__file__).with_name("published.yaml")
KEYS = ["table", "dataset", "method", "backbone"]
# What only some tables print: which classifiers answered, and whether people drew more than class labels.
EXTRAS = ["head", "structured_annotation"]


def read_published(table: str, path: Path = PATH) -> pd.DataFrame:
    """The published rows of one table.

    Returns
    -------
    DataFrame with the columns dataset, method, backbone (str), published (percent; of aca_boxes IoU, 0 to 1),
    published_note (str), and those of `EXTRAS` that the table has.

    Raises
    ------
    InputError
        If a row lacks a key, or two rows stand for the same cell.
    """
    rows = pd.DataFrame(read_yaml(path), columns=[*KEYS, "value", "note", *EXTRAS])
    if rows[[*KEYS, "value"]].isna().any(axis=None):
        raise InputError(f"{path}: every row needs {', '.join(KEYS)} and value")
    doubled = rows[rows.duplicated([*KEYS, "head"])]
    if len(doubled):
        raise InputError(f"{path}: two rows for {' '.join(doubled.iloc[0][KEYS])}; keep one")
    rows = rows[rows["table"] == table].drop(columns="table")
    rows = rows.drop(columns=[extra for extra in EXTRAS if rows[extra].isna().all()])
    rows["note"] = rows["note"].fillna("")
    return rows.rename(columns={"value": "published", "note": "published_note"}).reset_index(drop=True)
