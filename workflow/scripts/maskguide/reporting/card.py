"""The card of a trained network: what it is, how good, what it uses, who may use it and how to cite it."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from functools import cache
from pathlib import Path
from typing import Any

import pandas as pd

from maskguide.plan.conditions import ACROSS, WITHIN
from maskguide.reporting import labels
from maskguide.reporting.markdown import points
from maskguide.reporting.page import Block
from maskguide.reporting.runs import CELL
from maskguide.system.files import read_yaml

MOST_CLASSES = 40  # that are listed
SHIPPED = "small-leaves"  # starting weights in resources/


@cache
def _weights() -> Mapping[str, str]:
    return read_yaml(Path(__file__).with_name("weights.yaml"))


def weights_words(path: str | None) -> str:
    """What a run's starting weights are, and their licence, by the path that it was given."""
    if not path:
        return _weights()["none"]
    stem = Path(path).stem
    kind = "generated" if stem == SHIPPED else stem.rpartition("-")[2]
    return _weights().get(kind, _weights()["file"]).format(name=Path(path).name)


def card(
    folder: Path,
    runs: pd.DataFrame,
    classes: Sequence[str],
    data: Mapping[str, Any],
    comparisons: Mapping[str, pd.DataFrame],
    backgrounds: pd.DataFrame | None,
    references: Iterable[Mapping[str, Any]],
) -> list[Block]:
    """The page of one cell of a run: its seeds on one split.

    folder: that holds the seeds. runs: their rows of `runs.read_runs`. data: title, licence, citation and
    homepage of the data set, and the number of its splits. comparisons: tables with a `difference`, by name;
    backgrounds: that table. references: of CITATION.cff.
    """
    first = runs.iloc[0]
    named = {key: first[key] for key in CELL}
    found = {name: row for name, frame in comparisons.items() if (row := row_of(frame, named)) is not None}
    listens = row_of(backgrounds, named) if backgrounds is not None else None
    return [
        ("title", f"{labels.method_label(first['method'])} on {data['title']}"),
        ("heading", "What it is"),
        ("list", network_lines(runs)),
        ("heading", "What it has learned"),
        ("list", data_lines(first, classes, data)),
        ("heading", "How good it is"),
        ("list", [*accuracy_lines(runs), *(row_line(name, row) for name, row in found.items())]),
        ("heading", "What it uses"),
        ("list", [background_line(listens)]),
        ("heading", "How to use it"),
        ("list", use_lines(folder)),
        ("heading", "Licences, and how to cite"),
        ("list", right_lines(first, data, references)),
    ]


def row_of(frame: pd.DataFrame, named: Mapping[str, str]) -> pd.Series | None:
    """The row of a table that is of this cell's data set, method and backbone."""
    if not {*named} <= {*frame.columns}:
        return None
    found = frame[(frame[list(named)] == pd.Series(named)).all(axis=1)]
    return found.iloc[0] if len(found) else None


def network_lines(runs: pd.DataFrame) -> list[str]:
    """Method, backbone, how it learned and by whose masks."""
    first, seeds = runs.iloc[0], ", ".join(map(str, runs["seed"]))
    around = f"{labels.method_label(first['method'])}, around {labels.backbone_label(first['backbone'])}"
    how = f"by {first['optimizer']} at a rate of {first['learning_rate']:g}"
    lines = [
        f"{around}: {first['parameters'] / 1e6:.1f} million parameters; trained with the seeds {seeds}.",
        f"Learned for {first['epochs']} epochs from crops of {first['crop']} pixels, {how}.",
        f"Starting weights: {weights_words(first['weights'])}.",
    ]
    if first["masks"]:
        count = "" if pd.isna(first["num_annotated"]) else f", from {first['num_annotated']} annotated images"
        lines.append(f"Guided by masks: {first['masks']}{count}.")
    return lines


def data_lines(first: pd.Series, classes: Sequence[str], data: Mapping[str, Any]) -> list[str]:
    """Data set, split and classes."""
    listed = ", ".join(classes[:MOST_CLASSES]) + (", …" if len(classes) > MOST_CLASSES else "")
    return [
        f"{data['title']}: {first['num_train']} training images, {first['num_test']} test images; split "
        f"{first['split']} of {data['splits']}.",
        f"{len(classes)} classes: {listed}.",
    ]


def accuracy_lines(runs: pd.DataFrame) -> list[str]:
    """Accuracy on this split, of each seed."""
    each = ", ".join(f"{value:.1f}" for value in runs["top1_last"])
    return [f"On this split's test images: {runs['top1_last'].mean():.1f} % (seeds: {each})."]


def row_line(name: str, row: pd.Series) -> str:
    """What a table says of the same method over all splits and seeds."""
    spread = "" if pd.isna(row["top1_last_std"]) else f" ± {row['top1_last_std']:.1f}"
    words = f"Table {name}, over all splits and seeds: {row['top1_last_mean']:.1f}{spread} %"
    if pd.notna(row["difference"]):
        bounds = "" if pd.isna(row["low"]) else f" ({points(row['low'])} to {points(row['high'])})"
        words += f"; beside the plain network {points(row['difference'])} points{bounds}, {row['verdict']}"
    learning = row["learning"] if pd.notna(row["learning"]) and row["learning"] else ""
    return f"{words}.{' It was still learning: more epochs would change the number.' if learning else ''}"


def background_line(row: pd.Series | None) -> str:
    """What the network listens to besides the object."""
    if row is None:
        return "Not measured: the table `backgrounds` says whether a network listens to the background."
    as_is, within, across = (row[f"{name}_mean"] for name in ("as_is", WITHIN, ACROSS))
    return (
        f"Right on {as_is:.1f} % of the test images as they are, on {within:.1f} % before another background "
        f"of the same class and {across:.1f} % before one of another class; chance is {row['chance']:.3g} %. "
        f"Does it listen to the background? {row['listens']}."
    )


def use_lines(folder: Path) -> list[str]:
    """The commands that use it."""
    predict, export = (
        f"python workflow/scripts/{name}.py --run {folder}" for name in ("predict", "export_model")
    )
    return [
        f"Name new images: `{predict} --images FOLDER --output FILE.csv`",
        f"Take it elsewhere: `{export} --output FILE.onnx`",
    ]


def right_lines(
    first: pd.Series, data: Mapping[str, Any], references: Iterable[Mapping[str, Any]]
) -> list[str]:
    """Who may use data and weights; what to cite."""
    own = "your own; their licence is yours to say" if data["licence"] == "yours" else data["licence"]
    lines = [f"Data: {own}.", f"Starting weights: {weights_words(first['weights'])}."]
    if data["citation"] not in ("", "none"):
        where = f" {data['homepage']}" if data["homepage"] else ""
        lines.append(f"Cite the data: {data['citation'].strip()}{where}")
    names = (first["family"], labels.method_label(first["family"]))
    of_method = {f"the method {name}.".lower() for name in names}
    for reference in references:
        if reference.get("notes", "").lower() in of_method:
            authors = ", ".join(author["family-names"] for author in reference["authors"])
            lines.append(f"Cite the method: {authors}: {reference['title']} ({reference['year']}).")
    return [*lines, "Cite maskguide: CITATION.cff."]
