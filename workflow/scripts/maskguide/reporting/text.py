"""Tables for a reader, for all papers: rows in Markdown, protocol, paired tests, notes of accuracies."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import pandas as pd

from maskguide.plan.tables import Table
from maskguide.reporting import labels
from maskguide.reporting.tables import unmatched_published

# Columns of a table for a reader: heading, and the column of the frame or what a row's cell says.
Columns = Sequence[tuple[str, str | Callable[[pd.Series], str]]]
# What a page says of a data set, from its name and its rows.
Parts = Callable[[str, pd.DataFrame], Sequence[str]]

NOT_THERE, BEST, LAST = "–", "best epoch", "last epoch"
PROTOCOL = ("epochs", "crop", "batch_size", "learning_rate", "optimizer", "weights")
BEST_EPOCH = (
    "the tested epoch whose accuracy on the test images is highest. It is selected on the test set and so "
    "flatters every row."
)
ONE_SEED = "Rows with one seed have no standard deviation."


def page(table: Table, frame: pd.DataFrame, notes: Sequence[str], parts: Parts) -> str:
    """A Markdown page: the table's title, each data set's name and its parts, the notes as a list."""
    blocks = [f"# {table.title}"]
    for dataset, group in frame.groupby("dataset", sort=False):
        blocks += [f"## {labels.dataset_label(dataset)}", *parts(dataset, group)]
    return "\n\n".join([*blocks, "\n".join(f"- {note}" for note in notes)]) + "\n"


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


def signed(value: float) -> str:
    """A difference with its sign; two decimals, for it must show on which side of 0 a bound lies."""
    return f"{value:+.2f}".replace("-", "−")


def interval(row: pd.Series) -> str:
    """The bounds of a difference."""
    return f"{signed(row['low'])} to {signed(row['high'])}"


def mean_std(mean: float, std: float, decimals: int = 1) -> str:
    """`93.2 ± 0.5`; the mean alone for one seed."""
    return number(mean, decimals) + ("" if pd.isna(std) else f" ± {number(std, decimals)}")


def chance(p: float) -> str:
    """A p-value."""
    return "< 0.001" if p < 0.001 else f"{p:.3f}"


def reading(verdict: str) -> str:
    """A test's verdict, bold where it claims something."""
    return verdict if verdict.startswith("no ") else f"**{verdict}**"


def conspicuous(origin: str | None) -> str:
    """Where marks or masks come from, bold where image processing drew them; a dash where there are none."""
    if pd.isna(origin):
        return NOT_THERE
    return "+".join(f"**{kind}**" if kind in ("automatic", "auto") else kind for kind in origin.split("+"))


def origins(frame: pd.DataFrame) -> Columns:
    """The columns behind a row's name: what people drew for it; no masks where no row has any."""
    found = []
    if "structured_annotation" in frame:
        told = "structured annotation"
        found.append((told, lambda row: row["structured_annotation"].replace("-", NOT_THERE)))
    if frame["masks"].notna().any():
        found.append(("masks", lambda row: conspicuous(row["masks"])))
        found.append(("marks", lambda row: conspicuous(row["annotation"])))
    return found


def accuracies() -> Columns:
    """The columns of measured accuracies, mean and spread over seeds."""
    measures = {BEST: "top1_best", LAST: "top1_last", f"macro-F1, {LAST}": "macro_f1_last"}
    return [
        (heading, lambda row, key=key: mean_std(row[f"{key}_mean"], row[f"{key}_std"]))
        for heading, key in measures.items()
    ]


def by_role(table: Table, group: pd.DataFrame, rows: Callable[[pd.DataFrame], str]) -> list[str]:
    """The paper's rows of a data set and, under the table's `others`, the rest; what is empty is left out."""
    papers, others = (group[group["role"] == role] for role in ("paper", "control"))
    shown = [rows(papers)] if len(papers) else []
    return [*shown, table.others, rows(others)] if len(others) else shown


def row_name(table: Table, row: pd.Series) -> str:
    """How a row of an accuracy table is called, as the table says it, else by its label and backbone."""
    label = labels.method_label(row["method"], row["backbone"])
    form = table.called.get(row["method"] if row["seeds"] else "unrun")
    if form is None:
        return label if row["seeds"] else f"{label}, published, not measured here"
    return form.format(label=label, backbone=labels.backbone_label(row["backbone"]))


def accuracy_page(
    table: Table,
    frame: pd.DataFrame,
    measured: pd.DataFrame,
    tests: pd.DataFrame | None,
    called: Callable[[Table, pd.Series], str] = row_name,
    own_notes: Sequence[str] = (),
) -> str:
    """A table of accuracies for a reader: for each data set protocol, rows, controls, paired tests; notes.

    frame: rows of `tables.accuracy_table`. measured: the runs behind them. called: how a row is called.
    own_notes: those that only the paper's module can say.
    """

    def parts(dataset: str, group: pd.DataFrame) -> list[str]:
        columns = [
            ("method", lambda row: called(table, row)),
            *origins(frame),
            ("seeds", lambda row: str(row["seeds"] or NOT_THERE)),
            *accuracies(),
            ("published", lambda row: number(row["published"], table.decimals)),
        ]
        shown = by_role(table, group, lambda rows: table_of(rows, columns))
        if tests is not None and (tests["dataset"] == dataset).any():
            shown += ["Paired tests, first minus second:", _test_rows(tests[tests["dataset"] == dataset])]
        return [protocol(measured, dataset), *shown]

    notes = [*accuracy_notes(table, frame), *those_of(table.notes, frame), *own_notes, *remarks(frame)]
    notes += [*not_run_notes(table, frame), *those_of(table.last_notes, frame), *test_notes(tests)]
    return page(table, frame, notes, parts)


def protocol(measured: pd.DataFrame, dataset: str) -> str:
    """One sentence: how the runs of a data set were trained."""
    measured = measured[measured["dataset"] == dataset]
    counts = "{num_train} training and {num_test} test images in {num_classes} classes"
    trained = measured[measured["epochs"] > 0]
    trained = trained.assign(epochs=trained["epochs"] // trained["networks"])  # those of each network
    words = []
    for column in PROTOCOL:
        values = dict.fromkeys(str(value).rsplit("/", 1)[-1] for value in trained[column].dropna())
        if values:
            words.append(f"{column.removesuffix('_size').replace('_', ' ')} {' / '.join(values)}")
    images = counts.format(**measured.iloc[0])
    return f"Measured with {images}{'; ' if words else ''}{', '.join(words)}."


def _test_rows(tests: pd.DataFrame) -> str:
    """The paired tests of one data set, as a Markdown table."""
    backbone = " ({backbone})" if tests["backbone"].nunique() > 1 else ""
    columns = [
        ("comparison", lambda row: ("{method_a} − {method_b}" + backbone).format(**row)),
        ("epoch", "epoch"),
        ("seeds × images", lambda row: f"{row['seeds']} × {row['images']}"),
        ("difference", lambda row: signed(row["difference"])),
        ("95 % interval", interval),
        ("p", lambda row: chance(row["p"])),
        ("reading", lambda row: reading(row["verdict"])),
    ]
    return table_of(tests, columns)


def accuracy_notes(table: Table, frame: pd.DataFrame) -> list[str]:
    """What the columns mean."""
    notes = [
        f"{BEST.capitalize()}: {table.best_epoch or BEST_EPOCH}",
        f"{LAST.capitalize()}: the network as training left it, nothing chosen.",
        "Measured cells are mean ± sample standard deviation (n − 1) over seeds.",
    ]
    if table.published:
        notes.append(f"Published: {table.published}")
    if (frame["seeds"] == 1).any():
        notes.append(ONE_SEED)
    if (frame["seeds"] == 0).any():
        notes.append("Rows without seeds were not run: only their published number is known.")
    return notes


def those_of(notes: Sequence[Any], frame: pd.DataFrame) -> list[str]:
    """The notes of `tables.yaml` that these rows need."""
    there: dict[str, set[str]] = {"of": set(), "marks": set()}
    if "method" in frame:
        there["of"] = {*frame["method"], *(labels.variant(name).method for name in frame["method"])}
    for column in frame.columns.intersection(["annotation", "masks"]):
        there["marks"] |= {kind for origin in frame[column].dropna() for kind in origin.split("+")}
    return [
        note if isinstance(note, str) else note["note"]
        for note in notes
        if isinstance(note, str) or any(there[key] & set(note.get(key, ())) for key in there)
    ]


def test_notes(tests: pd.DataFrame | None) -> list[str]:
    """How to read paired tests."""
    if tests is None or tests.empty:
        return []
    notes = [
        f"Test: {tests['test'].iloc[0]}; on the seeds that both methods have, and the same images. "
        "Difference in percentage points; p is two-sided and not corrected for the number of comparisons.",
        "No difference shown: the 95 % interval includes 0, and the table claims nothing.",
    ]
    if (tests["seeds"] == 1).any():
        notes.append(
            "With one seed the tests vary the images alone: they compare two networks, not two methods."
        )
    return notes


def not_run_notes(table: Table, frame: pd.DataFrame) -> list[str]:
    """Published numbers of the table's data sets whose method and backbone were not run here."""
    notes = []
    for dataset, group in unmatched_published(frame, table.name).groupby("dataset", sort=False):
        printed = ", ".join(
            f"{labels.method_label(row.method, row.backbone)} {row.published:.{table.decimals}f}"
            for row in group.itertuples()
        )
        notes.append(f"The paper also prints for {labels.dataset_label(dataset)}, not run here: {printed}.")
    return notes


def remarks(table: pd.DataFrame) -> list[str]:
    """What is odd about published numbers shown in the table."""
    return [
        f"Published {row.published:.2f} ({labels.dataset_label(row.dataset)}): {row.published_note}."
        for row in table[table["published_note"] != ""].itertuples()
    ]
