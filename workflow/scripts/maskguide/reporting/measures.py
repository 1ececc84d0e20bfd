"""What a job measured, as its JSON file says it, checked: the keys that are there, and their ranges."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path

import pandas as pd

from maskguide.system.files import InputError, read_json

AGAIN = "delete it and run again"
SPLIT = re.compile(r"split([0-9]+)(-validation)?")
TEST_PART, VALIDATION = "test", "validation"  # what measurements are of


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


def split_of(folder: str) -> tuple[int, str] | None:
    """What a folder's name says: the number of the split, and `TEST_PART` or `VALIDATION`; None for no split.

    `split2-validation`: judged on a share of split 2's training images, whose test images are unseen.
    """
    found = SPLIT.fullmatch(folder)
    return found and (int(found[1]), VALIDATION if found[2] else TEST_PART)


def split_of_path(path: str | Path) -> tuple[int, str]:
    """The same of a file, by its folders; of a file in no split's folder, split 1 and `TEST_PART`."""
    found = map(split_of, reversed(Path(path).absolute().parts[:-1]))
    return next((each for each in found if each), (1, TEST_PART))


def check_single(rows: pd.DataFrame, keys: Sequence[str], message: str) -> None:
    """`InputError` at the first row that equals another in `keys`; the message's fields are its columns."""
    for row in rows[rows.duplicated(keys)].to_dict("records"):
        raise InputError(message.format(**row))


def of_seeds(group: pd.DataFrame) -> dict:
    """splits and seeds (how many, of each split) and seed_numbers of a row made of several runs.

    `InputError` if its splits had unlike seeds.
    """
    seeds = {split: sorted(part["seed"]) for split, part in group.groupby("split")}
    (first, numbers), *others = seeds.items()
    for split, other in others:
        if other != numbers:
            found = [" ".join(map(str, each)) for each in (numbers, other)]
            raise InputError(
                f"{group.iloc[0]['dataset']} {group.iloc[0]['method']}: split {first} has the seeds "
                f"{found[0]}, split {split} {found[1]}; run all splits with the same seeds"
            )
    return {"splits": len(seeds), "seeds": len(numbers), "seed_numbers": " ".join(map(str, numbers))}


def by_seed(values: pd.Series) -> str:
    """What each run reached, by split, and within a split in the order of `seed_numbers`."""
    return " ".join(f"{value:.4f}" for value in values)


def judged_on(table: pd.DataFrame) -> str:
    """What a table's numbers are of, in words; its column judged_on may be missing."""
    validation = "judged_on" in table and (table["judged_on"] == VALIDATION).any()
    return "validation part of the training images" if validation else "test images"
