"""Tables for a reader, for all papers: rows in Markdown, protocol, paired tests, notes of accuracies."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import pandas as pd

from maskguide.plan.tables import Table
from maskguide.reporting import claims, labels, took_hold
from maskguide.reporting.markdown import NOT_THERE, Columns, conspicuous, mean_std, number, table_of
from maskguide.reporting.measures import VALIDATION
from maskguide.reporting.tables import unmatched_published

# What a page says of a data set, from its name and its rows.
Parts = Callable[[str, pd.DataFrame], Sequence[str]]

BEST, LAST, RUNS = "best epoch", "last epoch", "runs"
PROTOCOL = ("epochs", "crop", "batch_size", "learning_rate", "optimizer", "weights")
BEST_EPOCH = (
    "the tested epoch whose accuracy on the test images is highest. It is selected on the test set and so "
    "flatters every row."
)
ONE_RUN = "Rows of one run have no standard deviation."
ON_VALIDATION = (
    "**Judged on a validation part: a share of the training images that no run learned from. The test images "
    "are unseen. What is called test images below is this part.**"
)


def page(table: Table, frame: pd.DataFrame, notes: Sequence[str], parts: Parts) -> str:
    """A Markdown page: the table's title, each data set's name and its parts, the notes as a list."""
    blocks = [f"# {table.title}"]
    if "judged_on" in frame and (frame["judged_on"] == VALIDATION).any():
        blocks.append(ON_VALIDATION)
    for dataset, group in frame.groupby("dataset", sort=False):
        blocks += [f"## {labels.dataset_label(dataset)}", *parts(dataset, group)]
    return "\n\n".join([*blocks, "\n".join(f"- {note}" for note in notes)]) + "\n"


def runs_of(row: pd.Series) -> str:
    """How many splits × seeds are behind a row; the seeds alone of one split."""
    if not row["seeds"]:
        return NOT_THERE
    return str(row["seeds"]) if row["splits"] == 1 else f"{row['splits']} × {row['seeds']}"


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


def of_splits(frame: pd.DataFrame) -> Columns:
    """The column of how many splits, where any row has several."""
    return [("splits", "splits")] if (frame["splits"] > 1).any() else []


def split_notes(frame: pd.DataFrame) -> list[str]:
    """What the numbers of several splits are."""
    if (frame["splits"] < 2).all():
        return []
    return [
        "Several splits: scores are means over splits, ± the sample standard deviation (n − 1) over them; "
        "images and boxes are counted over all splits together."
    ]


def accuracies() -> Columns:
    """The columns of measured accuracies, mean and spread over splits and seeds."""
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
            ("method", lambda row: claims.marked(called(table, row), row)),
            *origins(frame),
            (RUNS, runs_of),
            *accuracies(),
            *claims.learning_columns(frame),
            *took_hold.columns(frame),
            ("published", lambda row: number(row["published"], table.decimals)),
        ]
        shown = by_role(table, group, lambda rows: table_of(rows, columns))
        if tests is not None and (tests["dataset"] == dataset).any():
            shown += [
                "Paired tests, first minus second:",
                claims.test_rows(tests[tests["dataset"] == dataset]),
            ]
        return [protocol(measured, dataset), *shown]

    notes = [*accuracy_notes(table, frame), *those_of(table.notes, frame), *own_notes, *remarks(frame)]
    notes += [*not_run_notes(table, frame), *those_of(table.last_notes, frame), *claims.test_notes(tests)]
    return page(table, frame, notes, parts)


def protocol(measured: pd.DataFrame, dataset: str) -> str:
    """One sentence: how the runs of a data set were trained."""
    measured = measured[measured["dataset"] == dataset]
    counts = "{num_train} training and {num_test} test images in {num_classes} classes"
    splits = measured["split"].nunique()
    counts += f" on each of {splits} splits" if splits > 1 else ""
    trained = measured[measured["epochs"] > 0]
    trained = trained.assign(epochs=trained["epochs"] // trained["networks"])  # those of each network
    words = []
    for column in PROTOCOL:
        values = dict.fromkeys(str(value).rsplit("/", 1)[-1] for value in trained[column].dropna())
        if values:
            words.append(f"{column.removesuffix('_size').replace('_', ' ')} {' / '.join(values)}")
    images = counts.format(**measured.iloc[0])
    return f"Measured with {images}{'; ' if words else ''}{', '.join(words)}."


def accuracy_notes(table: Table, frame: pd.DataFrame) -> list[str]:
    """What the columns mean."""
    notes = [
        f"{BEST.capitalize()}: {table.best_epoch or BEST_EPOCH}",
        f"{LAST.capitalize()}: the network as training left it, nothing chosen.",
        "Measured cells are mean ± sample standard deviation (n − 1) over runs: over seeds, and where there "
        f"are several splits, over splits × seeds. The column {RUNS} says how many.",
    ]
    if table.published:
        notes.append(f"Published: {table.published}")
    if (frame["seeds"] * frame["splits"] == 1).any():
        notes.append(ONE_RUN)
    if (frame["seeds"] == 0).any():
        notes.append("Rows without runs were not run: only their published number is known.")
    return notes + claims.learning_notes(frame) + took_hold.notes(frame)


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
    """Of published numbers shown in the table: what is known of how they came about, and what is odd."""
    shown, notes = table[table["published"].notna()], []
    for how, group in shown.groupby("published_how", sort=False):
        named = "method" in group and shown["published_how"].nunique() > 1
        names = ", ".join(dict.fromkeys(map(labels.method_label, group["method"]))) if named else ""
        notes.append(f"How the published numbers came about{f', {names}' if names else ''}: {how}.")
    return notes + [
        f"Published {row.published:.2f} ({labels.dataset_label(row.dataset)}): {row.published_note}."
        for row in shown[shown["published_note"] != ""].itertuples()
    ]
