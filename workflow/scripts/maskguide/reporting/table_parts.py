"""What tables for a reader are made of: rows in Markdown, protocol, paired tests and notes of accuracies."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence

import pandas as pd

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
ONE_SEED = "Rows with one seed have no standard deviation."
PUBLISHED_ONLY = "Rows without seeds were not run: only their published number is known."


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


ORIGINS = {
    "masks": lambda row: conspicuous(row["masks"]),
    "marks": lambda row: conspicuous(row["annotation"]),
}


def accuracy_sections(
    table: pd.DataFrame,
    measured: pd.DataFrame,
    tests: pd.DataFrame | None,
    decimals: int,
    row_name: Callable[[pd.Series], str],
    controls_heading: str,
    origins: Mapping[str, Callable[[pd.Series], str]] = ORIGINS,
) -> list[str]:
    """For each data set its heading, protocol, rows, controls and paired tests.

    `decimals` are those of published numbers; `row_name` says how a row of the table is called, `origins`
    which columns stand behind that name: a heading, and what a row has there.
    """
    parts = []
    for dataset, group in table.groupby("dataset", sort=False):
        parts += [f"## {labels.dataset_label(dataset)}"]
        parts += [protocol(measured[measured["dataset"] == dataset])]
        controls = group[group["role"] == "control"]
        if len(controls) < len(group):
            parts.append(_accuracy_rows(group[group["role"] == "paper"], decimals, row_name, origins))
        if len(controls):
            parts += [controls_heading, _accuracy_rows(controls, decimals, row_name, origins)]
        if tests is not None and (tests["dataset"] == dataset).any():
            parts += ["Paired tests, first minus second:", _test_rows(tests[tests["dataset"] == dataset])]
    return parts


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
    group: pd.DataFrame,
    decimals: int,
    row_name: Callable[[pd.Series], str],
    origins: Mapping[str, Callable[[pd.Series], str]],
) -> str:
    """The rows of one data set, as a Markdown table."""
    header = ["method", *origins, "seeds", BEST, LAST, f"macro-F1, {LAST}", "published"]
    rows = []
    for _, row in group.iterrows():
        measured = row["seeds"] > 0
        rows.append(
            [
                row_name(row),
                *(origin(row) for origin in origins.values()),
                str(row["seeds"]) if measured else NOT_THERE,
                *(mean_std(row, key) for key in ("top1_best", "top1_last", "macro_f1_last")),
                number(row["published"], decimals),
            ]
        )
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


def accuracy_notes(table: pd.DataFrame, best_epoch: str, published: str) -> list[str]:
    """What the columns mean; `best_epoch` and `published` say what the paper's epoch and numbers are."""
    notes = [
        f"{BEST.capitalize()}: {best_epoch}",
        f"{LAST.capitalize()}: the network as training left it, nothing chosen.",
        "Measured cells are mean ± sample standard deviation (n − 1) over seeds.",
        published,
    ]
    if (table["seeds"] == 1).any():
        notes.append(ONE_SEED)
    if (table["seeds"] == 0).any():
        notes.append(PUBLISHED_ONLY)
    return notes


def test_notes(tests: pd.DataFrame) -> list[str]:
    """How to read paired tests."""
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


def not_run_notes(table: pd.DataFrame, name: str, decimals: int = 2) -> list[str]:
    """Published numbers of the table's data sets whose method and backbone were not run here."""
    notes = []
    for dataset, group in unmatched_published(table, name).groupby("dataset", sort=False):
        printed = ", ".join(
            f"{labels.method_label(row['method'], row['backbone'])} {row['published']:.{decimals}f}"
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
