"""What stands under a table about its claims: the paired tests, and which rows were still learning."""

from __future__ import annotations

import pandas as pd

from maskguide.reporting.learning import LEARNED, MOVED, STILL
from maskguide.reporting.markdown import (
    NOT_THERE,
    Columns,
    chance,
    interval,
    number,
    reading,
    signed,
    span,
    table_of,
)
from maskguide.reporting.statistics import FEWEST, LEVEL


def learning_columns(frame: pd.DataFrame) -> Columns:
    """The columns that say whether rows had finished learning, where anything is known of it."""
    found = []
    if frame["train_top1_mean"].notna().any():
        found.append(("training images", lambda row: number(row["train_top1_mean"])))
    if frame["longer_difference"].notna().any():
        found.append(("twice the epochs", lambda row: longer(row)))
    return found


def longer(row: pd.Series) -> str:
    """What twice the epochs changed."""
    if pd.isna(row["longer_difference"]):
        return NOT_THERE
    bounds = f"{signed(row['longer_low'])} to {signed(row['longer_high'])}"
    return signed(row["longer_difference"]) + ("" if pd.isna(row["longer_low"]) else f" ({bounds})")


def marked(name: str, row: pd.Series) -> str:
    """A row's name, and in words that it was still learning."""
    return f"{name}, **{row['learning']}**" if row["learning"] else name


def test_rows(tests: pd.DataFrame) -> str:
    """The paired tests of one data set, as a Markdown table."""
    backbone = " ({backbone})" if tests["backbone"].nunique() > 1 else ""
    columns = [
        ("comparison", lambda row: ("{method_a} − {method_b}" + backbone).format(**row)),
        ("replicates", "replicates"),
        ("images", "images"),
        ("difference", lambda row: signed(row["difference"])),
        ("95 % interval", interval),
        ("p", lambda row: chance(row["p"])),
        ("p (Holm)", lambda row: chance(row["p_holm"])),
        ("could have seen", lambda row: number(row["detectable"])),
        ("replicates for 2 points", needed),
        ("reading", lambda row: reading(row["verdict"])),
    ]
    return table_of(tests, columns)


def needed(row: pd.Series) -> str:
    """How many replicates 2 points would take."""
    if pd.isna(row["detectable"]):
        return NOT_THERE
    return "more images" if pd.isna(row["replicates_for_2"]) else str(row["replicates_for_2"])


def learning_notes(frame: pd.DataFrame) -> list[str]:
    """What "still learning" means, where anything is known of it."""
    notes = []
    if frame["train_top1_mean"].notna().any():
        notes.append(
            "Training images: accuracy on the row's own training images, cropped and erased as it learns "
            "from them, in the last epoch, mean over runs."
        )
    if frame["longer_difference"].notna().any():
        notes.append(
            "Twice the epochs: what training twice as long changes at the last epoch, in points (95 % "
            "interval), on the same splits and seeds. It is no claim, and no part of Holm's family."
        )
    if notes:
        notes.append(
            f"{STILL.capitalize()}: a row below {LEARNED:.0f} % on its own training images, or that twice "
            f"the epochs moved by {MOVED:.0f} points or more, either way. Its difference to other rows may "
            "be one of speed. A row that is not marked and was not trained twice as long may have been "
            "learning too."
        )
    return notes


def test_notes(tests: pd.DataFrame | None) -> list[str]:
    """How to read paired tests: which, of what, how small a difference they could have found, and Holm."""
    if tests is None or tests.empty:
        return []
    units, several = {}, tests["splits"] > 1
    if several.any():
        units["splits"] = "Seeds of one split are averaged, for they have their training images in common."
    if not several.all():
        units["seeds"] = "With one split, a result holds for this split of the images."
    notes = [
        f"Test: {tests['test'].iloc[0]}; two-sided, of the last epoch, on the same splits, seeds and images. "
        "Difference in percentage points. The best epoch is chosen on the test images and never tested.",
        " ".join([f"Replicates: what the test counts, here {' and '.join(units)}.", *units.values()]),
    ]
    seen = tests["detectable"].dropna()
    if len(seen):
        notes.append(
            f"Could have seen: the smallest true difference that this design finds with 80 % power, by the "
            f"variance measured; here {span(seen)} points. Replicates for 2 points: "
            f"how many would find 2 points with 80 % power, at least {FEWEST}; *more images*: no number of "
            "them, the test images are too few."
        )
    judged = int(tests["p_holm"].notna().sum())
    if judged:
        corrected = f"corrected by Holm for the {judged} tests of this table that get a verdict"
        alone = "p as it is, for one test alone of this table gets a verdict"
        notes.append(
            f"p (Holm): {corrected if judged > 1 else alone}. The "
            f"reading follows it: higher or lower below {LEVEL}, else no difference shown, and the table "
            "claims nothing."
        )
    if (tests["replicates"] < FEWEST).any():
        notes.append(f"No verdict: fewer than {FEWEST} replicates; the numbers are shown and claim nothing.")
    overlap = tests.loc[tests["replicates"] >= FEWEST, "training_overlap"]
    if overlap.isna().any():
        notes.append(
            "No verdict: of several splits it is not known which training images they have in common; give "
            "each split's index.csv (`--index`)."
        )
    if (overlap > 0).any():
        notes.append(
            f"No verdict: the training parts of the splits overlap ({100 * overlap.max():.0f} % in common). "
            "Their intervals are widened for it (Nadeau and Bengio, 2003)."
        )
    return notes
