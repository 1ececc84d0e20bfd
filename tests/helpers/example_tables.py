"""Tables of accuracies by their names, as make_table.py makes them, for the tests."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import make_table
import pandas as pd
from maskguide.plan.tables import table
from maskguide.reporting import learning, tables, text


def accuracies(measured: pd.DataFrame, name: str) -> pd.DataFrame:
    """A table's numbers from its runs."""
    return learning.with_learning(
        tables.accuracy_table(measured, table(name)), measured, learning.split_off(measured, "{}")[1]
    )


def pairs_of(measured: pd.DataFrame, name: str, indexes: Sequence[Path] = ()) -> pd.DataFrame:
    """Its paired tests."""
    return tables.paired_tests(measured, table(name), indexes)


def page_of(measured: pd.DataFrame, name: str, tests: pd.DataFrame | None = None) -> str:
    """Its page for a reader."""
    shown = table(name)
    page = make_table.PAGES.get(shown.paper, text.accuracy_page)
    return page(shown, accuracies(measured, name), measured, tests)


def names_of(page: str) -> list[str]:
    """The first cell of each row of a page's tables."""
    return [line.split("|")[1].strip() for line in page.splitlines() if line.startswith("| ")]
