"""Tables for a reader, for all papers: rows in Markdown, protocol, paired tests, notes of accuracies."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import pandas as pd

from maskguide.plan.tables import Table
from maskguide.reporting import labels
from maskguide.reporting.tables import unmatched_published

NOT_THERE = "–"
BEST = "best epoch"
LAST = "last epoch"
PROTOCOL_WORDS = {
    "epochs": "epochs",
    "crop": "crop",
    "batch_size": "batch",
    "learning_rate": "learning rate",
    "optimizer": "optimizer",
    "weights": "weights",
}
BEST_EPOCH = (
    "the epoch whose accuracy on the test images is highest. It is selected on the test set and so flatters "
    "every row."
)
ONE_SEED = "Rows with one seed have no standard deviation."


def markdown_table(rows: Sequence[Sequence[str]], header: Sequence[str]) -> str:
    """A Markdown table; a column that holds words is flush left, one that holds only numbers flush right."""
    cells = [[cell.replace("|", "\\|") for cell in row] for row in [header, *rows]]
    columns = list(zip(*cells, strict=True))
    widths = [max(3, *map(len, column)) for column in columns]
    words = [any(cell.strip("*")[:1].isalpha() for cell in column[1:]) for column in columns]

    def line(row: Sequence[str]) -> str:
        padded = [
            cell.ljust(width) if left else cell.rjust(width)
            for cell, width, left in zip(row, widths, words, strict=True)
        ]
        return f"| {' | '.join(padded)} |"

    rule = [
        "-" * width if left else "-" * (width - 1) + ":" for width, left in zip(widths, words, strict=True)
    ]
    return "\n".join([line(cells[0]), line(rule), *map(line, cells[1:])])


def number(value: float | None, decimals: int = 1) -> str:
    """A number with so many decimals, a dash where there is none."""
    return NOT_THERE if pd.isna(value) else f"{value:.{decimals}f}"


def signed(value: float) -> str:
    """A difference with its sign; two decimals, for it must show on which side of 0 a bound lies."""
    return f"{value:+.2f}".replace("-", "−")


def mean_std(row: pd.Series, measure: str) -> str:
    """`93.2 ± 0.5`; the mean alone for one seed."""
    mean, std = row[f"{measure}_mean"], row[f"{measure}_std"]
    return number(mean) if pd.isna(std) else f"{number(mean)} ± {number(std)}"


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


def origins(frame: pd.DataFrame) -> dict[str, Callable[[pd.Series], str]]:
    """The columns behind a row's name, by heading: what people drew for it; no masks where no row has any."""
    found = {}
    if "structured_annotation" in frame:
        found["structured annotation"] = lambda row: row["structured_annotation"].replace("-", NOT_THERE)
    if frame["masks"].notna().any():
        found["masks"] = lambda row: conspicuous(row["masks"])
        found["marks"] = lambda row: conspicuous(row["annotation"])
    return found


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
    parts = [f"# {table.title}"]
    for dataset, group in frame.groupby("dataset", sort=False):
        parts += [f"## {labels.dataset_label(dataset)}", protocol(measured[measured["dataset"] == dataset])]
        controls = group[group["role"] == "control"]
        if len(controls) < len(group):
            parts.append(_accuracy_rows(table, group[group["role"] == "paper"], called, origins(frame)))
        if len(controls):
            parts += [table.others, _accuracy_rows(table, controls, called, origins(frame))]
        if tests is not None and (tests["dataset"] == dataset).any():
            parts += ["Paired tests, first minus second:", _test_rows(tests[tests["dataset"] == dataset])]
    notes = [*accuracy_notes(table, frame), *those_of(table.notes, frame), *own_notes, *remarks(frame)]
    notes += [*not_run_notes(table, frame), *those_of(table.last_notes, frame), *test_notes(tests)]
    return page([*parts, bullets(notes)])


def protocol(measured: pd.DataFrame) -> str:
    """One sentence: how the runs of a data set were trained."""
    first = measured.iloc[0]
    images = (
        f"{first['num_train']} training and {first['num_test']} test images in {first['num_classes']} classes"
    )
    trained = measured[measured["epochs"] > 0]
    trained = trained.assign(epochs=trained["epochs"] // trained["networks"])  # those of each network
    words = []
    for column, word in PROTOCOL_WORDS.items():
        values = dict.fromkeys(str(value).rsplit("/", 1)[-1] for value in trained[column].dropna())
        if values:
            words.append(f"{word} {' / '.join(values)}")
    return f"Measured with {images}" + (f"; {', '.join(words)}." if words else ".")


def _accuracy_rows(
    table: Table,
    group: pd.DataFrame,
    called: Callable[[Table, pd.Series], str],
    columns: Mapping[str, Callable[[pd.Series], str]],
) -> str:
    """The rows of one data set, as a Markdown table."""
    header = ["method", *columns, "seeds", BEST, LAST, f"macro-F1, {LAST}", "published"]
    rows = [
        [
            called(table, row),
            *(column(row) for column in columns.values()),
            str(row["seeds"]) if row["seeds"] else NOT_THERE,
            *(mean_std(row, key) for key in ("top1_best", "top1_last", "macro_f1_last")),
            number(row["published"], table.decimals),
        ]
        for _, row in group.iterrows()
    ]
    return markdown_table(rows, header)


def _test_rows(tests: pd.DataFrame) -> str:
    """The paired tests of one data set, as a Markdown table."""
    header = ["comparison", "epoch", "seeds × images", "difference", "95 % interval", "p", "reading"]
    several = tests["backbone"].nunique() > 1
    rows = [
        [
            f"{row['method_a']} − {row['method_b']}" + (f" ({row['backbone']})" if several else ""),
            row["epoch"],
            f"{row['seeds']} × {row['images']}",
            signed(row["difference"]),
            f"{signed(row['low'])} to {signed(row['high'])}",
            chance(row["p"]),
            reading(row["verdict"]),
        ]
        for _, row in tests.iterrows()
    ]
    return markdown_table(rows, header)


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
    for column in ("annotation", "masks"):
        if column in frame:
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
            f"{labels.method_label(row['method'], row['backbone'])} {row['published']:.{table.decimals}f}"
            for _, row in group.iterrows()
        )
        notes.append(f"The paper also prints for {labels.dataset_label(dataset)}, not run here: {printed}.")
    return notes


def remarks(table: pd.DataFrame) -> list[str]:
    """What is odd about published numbers shown in the table."""
    return [
        f"Published {row['published']:.2f} ({labels.dataset_label(row['dataset'])}): {row['published_note']}."
        for _, row in table[table["published_note"] != ""].iterrows()
    ]


def bullets(notes: Sequence[str]) -> str:
    """A Markdown list."""
    return "\n".join(f"- {note}" for note in notes)


def page(parts: Sequence[str]) -> str:
    """A Markdown page of its parts."""
    return "\n\n".join(parts) + "\n"
