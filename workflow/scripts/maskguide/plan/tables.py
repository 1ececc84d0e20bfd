"""The tables as data (`tables.yaml`): what each shows, and whom it is of."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path
from typing import Any

from maskguide.system.files import read_yaml

TABLES = Path(__file__).with_name("tables.yaml")
ACCURACIES = ("accuracies", "ablation", "comparison", "scales")  # kinds made of runs
TESTED = ("ablation", "comparison")  # kinds whose rows are tested against each other
OWN = "compare"  # what a table of a person's own is like


@dataclass(frozen=True)
class Table:
    """One table; see `tables.yaml` for what kind, rows and keys may be."""

    name: str
    kind: str
    what: str
    paper: str | None = None
    title: str = ""
    rows: Sequence[Any] = ()
    keys: Mapping[str, Any] = field(default_factory=dict)
    tests: Sequence[Any] = ()
    notes: Sequence[str] = ()

    @property
    def tested(self) -> bool:
        return self.kind in TESTED

    @property
    def of_runs(self) -> bool:
        return self.kind in ACCURACIES


@cache
def tables() -> dict[str, Table]:
    """The declared tables by name."""
    return {name: Table(name, **facts) for name, facts in read_yaml(TABLES).items()}


def table(name: str, title: str = "") -> Table:
    """A declared table, or one of a person's own: a comparison under that name."""
    if name in tables():
        return tables()[name]
    own = tables()[OWN]
    return Table(name, own.kind, own.what, title=title or name, rows=own.rows, keys=own.keys, tests=own.tests)
