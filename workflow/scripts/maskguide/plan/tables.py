"""The tables as data (`tables.yaml`): what each shows, whom it is of, which differences it tests."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import cache
from pathlib import Path
from typing import Any

from maskguide.plan.variants import Variant, with_options
from maskguide.system.files import read_yaml

TABLES = Path(__file__).with_name("tables.yaml")
BACKGROUNDS = "backgrounds"
ACCURACIES = ("accuracies", "ablation", "comparison", "scales", BACKGROUNDS)  # kinds made of runs
TESTED = ("ablation", "comparison")  # kinds whose rows are tested against each other
OWN = "compare"  # what a table of a person's own is like
ALL = "all"


@dataclass(frozen=True)
class Table:
    """One table; `tables.yaml` says what its fields may be."""

    name: str
    kind: str
    what: str
    paper: str | None = None
    title: str = ""
    caption: str = ""
    figures: Sequence[str] = ()
    rows: Sequence[Any] = ()
    keys: Mapping[str, Any] = field(default_factory=dict)
    tests: Sequence[Any] = ()
    others: str = "Variants and controls:"
    own_options: Sequence[str] = ()
    unrun: Sequence[str] = ()
    decimals: int = 1
    called: Mapping[str, str] = field(default_factory=dict)
    best_epoch: str = ""
    published: str = ""
    notes: Sequence[Any] = ()
    last_notes: Sequence[Any] = ()

    @property
    def tested(self) -> bool:
        return self.kind in TESTED

    @property
    def of_runs(self) -> bool:
        return self.kind in ACCURACIES

    def has(self, row: Variant) -> bool:
        """Whether a row is one of the table's own, no control or variant that only the config names."""
        if self.name not in tables():
            return True  # a person's own: all rows are
        if self.kind == "comparison":
            return set(row.options) <= set(self.own_options)
        return any(_is(row, each) for each in self.rows)

    def pairs(self, rows: Sequence[Variant]) -> list[tuple[str, str]]:
        """The differences that it tests, the first minus the second, of these rows, in its order."""
        there = {row.name: row for row in rows}
        found = []
        for test in self.tests:
            if isinstance(test, Mapping):
                each = [row for row in rows if test["each"] in (ALL, row.method)]
                found += [(row.name, _other(row, test["minus"], there)) for row in each]
            else:
                found.append(tuple(test))
        return [(a, b) for a, b in dict.fromkeys(found) if a in there and b in there and a != b]


def _is(row: Variant, listed: Any) -> bool:
    """Whether an entry of `rows` stands for this row; `config` stands for none, for it is the config's."""
    if isinstance(listed, str):
        return row.name == listed
    word, name = next(iter(listed.items()))
    if word == "each_region":
        return row.method == name and set(row.options) == {"regions"}
    return word != "config" and row.name in (name, "baseline" if word == "plain" else name)


def _other(row: Variant, minus: str | Mapping[str, Any], there: Mapping[str, Variant]) -> str | None:
    """What stands behind the minus: the named row, or the row's twin, None where that is not there."""
    if isinstance(minus, str):
        return minus
    options = {key: value for key, value in {**row.options, **minus}.items() if value is not None}
    twin = with_options(row.method, options, there)
    return twin and twin.name


@cache
def tables() -> dict[str, Table]:
    """The declared tables by name."""
    return {name: Table(name, **facts) for name, facts in read_yaml(TABLES).items()}


def table(name: str, title: str = "") -> Table:
    """A declared table, or one of a person's own: a comparison under that name."""
    return tables().get(name) or replace(tables()[OWN], name=name, title=title or name)
