"""What a job measured, as its JSON file says it, checked: the keys that are there, and their ranges."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path

import pandas as pd

from maskguide.system.files import InputError, read_json

AGAIN = "delete it and run again"


def read_measures(
    path: str | Path, keys: Iterable[str], scores: Sequence[str] = (), most: int = 100, null: bool = True
) -> dict:
    """A file of measurements that has these keys; `InputError` where it is missing, broken or out of range.

    scores: keys of numbers from 0 to `most`, or where `null` says so null.
    """
    record = read_json(path)
    if not isinstance(record, dict):
        raise InputError(f"{path}: holds no measurements; {AGAIN}")
    check(path, record, keys, scores, most, null)
    return record


def check(
    path: str | Path,
    record: Mapping,
    keys: Iterable[str],
    scores: Sequence[str] = (),
    most: int = 100,
    null: bool = True,
    where: str = "",
) -> None:
    """The same for a record in the file; `where` names it."""
    missing = [key for key in (*keys, *scores) if key not in record]
    if missing:
        raise InputError(f"{path}: {where}{missing[0]} is missing; {AGAIN}")
    wanted = "a percentage" if most == 100 else f"between 0 and {most}"
    for key in scores:
        value = record[key]
        right = null if value is None else isinstance(value, int | float) and 0 <= value <= most
        if not right:
            raise InputError(f"{path}: {where}{key} is {value}, not {wanted}; {AGAIN}")


def check_single(rows: pd.DataFrame, keys: Sequence[str], message: str) -> None:
    """`InputError` at the first row that equals another in `keys`; the message's fields are its columns."""
    for row in rows[rows.duplicated(keys)].to_dict("records"):
        raise InputError(message.format(**row))


def of_seeds(group: pd.DataFrame) -> dict:
    """seeds (how many) and seed_numbers of a row made of several runs."""
    return {"seeds": len(group), "seed_numbers": " ".join(map(str, group["seed"]))}


def by_seed(values: pd.Series) -> str:
    """What each seed reached, in the order of `seed_numbers`."""
    return " ".join(f"{value:.4f}" for value in values)
