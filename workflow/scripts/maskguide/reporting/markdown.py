"""Tables in Markdown, and how their cells say a number, a difference, a p, where marks come from."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import pandas as pd

from maskguide.reporting.statistics import NO_VERDICT, NOT_SHOWN

# Columns of a table for a reader: heading, and the column of the frame or what a row's cell says.
Columns = Sequence[tuple[str, str | Callable[[pd.Series], str]]]

NOT_THERE = "–"


def table_of(frame: pd.DataFrame, columns: Columns) -> str:
    """A Markdown table with a row for each of the frame's."""
    rows = [
        [str(row[cell]) if isinstance(cell, str) else cell(row) for _, cell in columns]
        for _, row in frame.iterrows()
    ]
    return markdown_table(rows, [heading for heading, _ in columns])


def markdown_table(rows: Sequence[Sequence[str]], header: Sequence[str]) -> str:
    """A Markdown table; a column that holds words is flush left, one that holds only numbers flush right."""
    cells = [[cell.replace("|", "\\|") for cell in row] for row in [header, *rows]]
    columns = list(zip(*cells, strict=True))
    widths = [max(3, *map(len, column)) for column in columns]
    pads = [
        str.ljust if any(cell.strip("*")[:1].isalpha() for cell in column[1:]) else str.rjust
        for column in columns
    ]
    rule = [
        "-" * width if pad is str.ljust else "-" * (width - 1) + ":"
        for pad, width in zip(pads, widths, strict=True)
    ]
    lines = [[pad(cell, width) for pad, cell, width in zip(pads, row, widths, strict=True)] for row in cells]
    return "\n".join(f"| {' | '.join(line)} |" for line in [lines[0], rule, *lines[1:]])


def number(value: float | None, decimals: int = 1) -> str:
    """A number with so many decimals, a dash where there is none."""
    return NOT_THERE if pd.isna(value) else f"{value:.{decimals}f}"


def points(difference: float) -> str:
    """A difference in points of accuracy, with its sign and one decimal."""
    return f"{difference:+.1f}".replace("-", "−")


def span(values: pd.Series) -> str:
    """The smallest and the largest of them with one decimal, or one number where both read alike."""
    return " to ".join(dict.fromkeys(f"{value:.1f}" for value in (values.min(), values.max())))


def signed(value: float) -> str:
    """A difference with its sign; two decimals, for it must show on which side of 0 a bound lies."""
    return f"{value:+.2f}".replace("-", "−")


def interval(row: pd.Series) -> str:
    """The bounds of a difference; a dash where one run has none."""
    return NOT_THERE if pd.isna(row["low"]) else f"{signed(row['low'])} to {signed(row['high'])}"


def mean_std(mean: float, std: float, decimals: int = 1) -> str:
    """`93.2 ± 0.5`; the mean alone for one seed."""
    return number(mean, decimals) + ("" if pd.isna(std) else f" ± {number(std, decimals)}")


def chance(p: float) -> str:
    """A p-value; a dash where there is none."""
    if pd.isna(p):
        return NOT_THERE
    return "< 0.001" if p < 0.001 else f"{p:.3f}"


def reading(verdict: str) -> str:
    """A test's verdict, bold where it claims something."""
    return verdict if verdict in (NO_VERDICT, NOT_SHOWN) else f"**{verdict}**"


def conspicuous(origin: str | None) -> str:
    """Where marks or masks come from, bold where image processing drew them; a dash where there are none."""
    if pd.isna(origin):
        return NOT_THERE
    return "+".join(f"**{kind}**" if kind in ("automatic", "auto") else kind for kind in origin.split("+"))
