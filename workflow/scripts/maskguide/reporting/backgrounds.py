"""What networks use: the table `backgrounds`, from answers to test images with other backgrounds or none.

Two sentences that differ: what the backgrounds could tell (a network trained on them alone names so many),
and whether this network listens to them (its answers before backgrounds of its object's class and of others).
"""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path

import numpy as np
import pandas as pd

from maskguide.plan.conditions import ACROSS, CONDITIONS, WITHIN
from maskguide.plan.tables import Table
from maskguide.reporting import labels, markdown, runs, text
from maskguide.reporting.measures import AGAIN, by_seed, of_seeds
from maskguide.reporting.statistics import (
    FEWEST,
    HIGHER,
    LOWER,
    NO_VERDICT,
    TEST,
    holm,
    may_judge,
    paired_test,
    verdict,
)
from maskguide.system.files import InputError, read_csv

ANSWERS = ["run", "masks", "image_id", "class_id", *CONDITIONS]
LISTENS, NOT_SHOWN, AGAINST = "yes", "not shown", "rather the other way"
WORDS = {HIGHER: LISTENS, LOWER: AGAINST, NO_VERDICT: NO_VERDICT}


def read_backgrounds(paths: Iterable[str | Path], measured: pd.DataFrame) -> pd.DataFrame:
    """`backgrounds.csv` of measure_backgrounds.py of these runs, with the columns of CELL, split and seed.

    measured: rows of `runs.read_runs`. Classes are int64. `InputError` where a file is missing or broken.
    """
    texts = dict.fromkeys(ANSWERS[:3], str)
    tables = [read_csv(path, ANSWERS, AGAIN, dtype=texts) for path in paths]
    if not tables:
        raise InputError("--backgrounds: no answers to show; give backgrounds.csv of measure_backgrounds.py")
    for path, table in zip(paths, tables, strict=True):
        for column in ANSWERS[3:]:
            if not pd.api.types.is_integer_dtype(table[column]):
                raise InputError(f"{path}: {column} holds what is no class; {AGAIN}")
        if table.duplicated(["run", "image_id"]).any():
            raise InputError(f"{path}: has an image of a run twice; {AGAIN}")
    answers = pd.concat(tables, ignore_index=True)
    answers["run"] = [_place(run) for run in answers["run"]]
    known = measured.assign(run=[_place(run) for run in measured["run"]])
    return answers.merge(known[["run", *runs.CELL, *runs.REPLICATE]], on="run")


def _place(run: str) -> str:
    """A run's folder by what its folders say, wherever it lies."""
    return "/".join(Path(run).absolute().parts[-5:])


def of_backgrounds(name: str) -> bool:
    """Whether a name's networks learned from backgrounds alone: no row, but what these could tell."""
    return bool(labels.variant(name).options.get("background"))


def backgrounds_table(
    measured: pd.DataFrame, answers: pd.DataFrame, indexes: Iterable[str | Path] = ()
) -> pd.DataFrame:
    """One row per data set × method × backbone, from rows of `runs.read_runs` and of `read_backgrounds`.

    With splits, seeds, seed_numbers, judged_by (the masks' source), judged_images and num_test (of the first
    split), for each condition `_mean`, `_std` (n - 1) and `_by_seed` of its accuracy in percent, gap (within
    minus across, points), gap_low, gap_high (95 % interval), p, p_holm (over the table's rows that get a
    verdict), detectable (as in `statistics.PairedTest`), replicates, listens ("yes", "not shown", "rather the
    other way", "no verdict"), chance (percent, of a guess), and of networks that were trained on backgrounds
    alone, all test images: background_mean, background_std, background_train (of their training images).

    indexes: as in `runs.training_overlap`. `InputError` for a run without answers.
    """
    overlap, rows = runs.training_overlap(indexes, measured), []
    alone = measured["method"].map(of_backgrounds)
    for cell, group in measured[~alone].groupby(runs.CELL, sort=False):
        group = group.sort_values(runs.REPLICATE)
        own = answers[(answers[runs.CELL] == list(cell)).all(axis=1)]
        for run in group["run"]:
            if _place(run) not in set(own["run"]):
                raise InputError(
                    f"{run}: has no answers in --backgrounds; measure them (measure_backgrounds.py)"
                )
        first = group.iloc[0]
        row = dict(zip(runs.CELL, cell, strict=True)) | of_seeds(group)
        row |= {
            "judged_by": own["masks"].iloc[0],
            "judged_images": int((own["run"] == _place(first["run"])).sum()),
        }
        row |= {"num_test": first["num_test"], **accuracies(group, own), **gap(group, own, overlap[cell[0]])}
        row["chance"] = 100 / first["num_classes"]
        told = measured[alone & (measured[["dataset", "backbone"]] == [cell[0], cell[2]]).all(axis=1)]
        row |= {"background_mean": told["top1_last"].mean(), "background_std": told["top1_last"].std()}
        rows.append(row | {"background_train": told["train_top1"].mean()})
    if not rows:
        raise InputError(
            f"{measured['run'].iloc[0]}: was trained on backgrounds alone; give runs of methods too"
        )
    frame = pd.DataFrame(rows)
    judged = frame.pop("judged")
    frame["p_holm"] = holm(frame["p"].astype(float).where(judged))
    said = map(verdict, frame["gap"], frame["p_holm"])
    frame["listens"] = [WORDS.get(each, NOT_SHOWN) for each in said]
    return labels.sort_rows(frame)


def accuracies(group: pd.DataFrame, own: pd.DataFrame) -> dict:
    """The accuracy of a row's runs under each condition."""
    found = {}
    for name in CONDITIONS:
        right = 100 * (own[name] == own["class_id"]).groupby(own["run"]).mean()
        right = right[[_place(run) for run in group["run"]]]
        found |= {f"{name}_mean": right.mean(), f"{name}_std": right.std(), f"{name}_by_seed": by_seed(right)}
    return found


def gap(group: pd.DataFrame, own: pd.DataFrame, overlap: float) -> dict:
    """The gap with its paired test: the same runs and images, before one background and before the other."""
    places = [_place(run) for run in group["run"]]
    by_image = own.set_index(["run", "image_id"])
    right = {
        name: (by_image[name] == by_image["class_id"]).unstack().loc[places] for name in (WITHIN, ACROSS)
    }
    tested = right[WITHIN].notna().to_numpy()
    cells = [each.eq(True).to_numpy() for each in right.values()]  # NaN where not tested
    known = 0.0 if np.isnan(overlap) else overlap
    result = paired_test(*cells, group["split"].to_numpy(), tested, known)
    return {
        "gap": result.difference,
        "gap_low": result.low,
        "gap_high": result.high,
        "p": result.p,
        "detectable": result.detectable,
        "replicates": result.replicates,
        "judged": may_judge(result.replicates, overlap),
    }


def backgrounds_text(table: Table, frame: pd.DataFrame, measured: pd.DataFrame) -> str:
    """The table for a reader, a part for each data set, and in words what each row says."""

    def parts(dataset: str, group: pd.DataFrame) -> list[str]:
        columns = [
            ("method", lambda row: labels.method_label(row["method"], row["backbone"])),
            (text.RUNS, text.runs_of),
            *(
                (words, lambda row, name=name: markdown.mean_std(row[f"{name}_mean"], row[f"{name}_std"]))
                for name, words in CONDITIONS.items()
            ),
            ("gap (95 %)", _gap),
            ("p (Holm)", lambda row: markdown.chance(row["p_holm"])),
            ("listens", lambda row: f"**{row['listens']}**" if row["listens"] == LISTENS else row["listens"]),
            ("chance", lambda row: markdown.number(row["chance"])),
        ]
        told = [could_tell(dataset, row) for _, row in group.drop_duplicates("backbone").iterrows()]
        listening = [listens(row) for _, row in group.iterrows() if row["listens"] != NO_VERDICT]
        said = "\n".join(f"- {each}" for each in [*filter(None, told), *listening])
        return [text.protocol(measured, dataset), markdown.table_of(group, columns), *filter(None, [said])]

    return text.page(table, frame, notes(frame), parts)


def _gap(row: pd.Series) -> str:
    if pd.isna(row["gap_low"]):
        return markdown.signed(row["gap"])
    return f"{markdown.signed(row['gap'])} ({_interval(row)})"


def _interval(row: pd.Series) -> str:
    return f"{markdown.signed(row['gap_low'])} to {markdown.signed(row['gap_high'])}"


def could_tell(dataset: str, row: pd.Series) -> str:
    """What the backgrounds could tell; nothing where no network learned from them."""
    if pd.isna(row["background_mean"]):
        return ""
    reached = markdown.mean_std(row["background_mean"], row["background_std"])
    learned = row["background_train"]
    words = "" if pd.isna(learned) else f", and of {learned:.0f} % of those it learned from"
    return (
        f"The background could tell: a network ({labels.backbone_label(row['backbone'])}) trained and tested "
        f"on backgrounds alone names the class of {reached} % of the test images of "
        f"{labels.dataset_label(dataset)}{words}; chance is {row['chance']:.1f} %."
    )


def listens(row: pd.Series) -> str:
    """Whether a row's networks listen to the background, in words."""
    name = labels.method_label(row["method"], row["backbone"])
    size = f"{markdown.signed(row['gap'])} points ({_interval(row)}; p {markdown.chance(row['p_holm'])})"
    if row["listens"] == LISTENS:
        return f"**{name}: this network listens to the background**: the gap is {size}."
    if row["listens"] == AGAINST:
        return f"{name}: right more often before backgrounds of other classes: the gap is {size}."
    seen = "" if pd.isna(row["detectable"]) else f"; one of {row['detectable']:.1f} would have been seen"
    return f"{name}: not shown that this network listens to the background: the gap is {size}{seen}."


def notes(frame: pd.DataFrame) -> list[str]:
    """What the columns mean, and what was left out."""
    masks = ", ".join(dict.fromkeys(frame["judged_by"])).replace("truth", "the true ones")
    left = (frame["num_test"].astype(int) - frame["judged_images"]).max()
    of = "test images whose mask is missing or covers all or nothing"
    without = f". Left out, in each split: up to {left} {of}"
    found = [
        "As is: the test images as they are. Object only: before grey. Background only: the object's whole "
        "box is filled from around it; a hole of the object's shape would tell its class.",
        "Swapped within, across: the object before the background of a training image of its own class, and "
        "of another class. Backgrounds are those of training images: the network learned from these alone "
        "which background goes with which class.",
        "Gap: within minus across, paired by images and replicates. The background counts for what the "
        "network answers where it is above 0, whether or not that helps with the test images.",
        f"Masks that tell objects from backgrounds: {masks}{without if left else ', of all test images'}.",
        "Accuracies of the last epoch: mean ± sample standard deviation (n − 1) over runs. Chance: of a "
        "guess among all classes.",
        "That the background *could tell* the class and that a network *listens* to it are two things: the "
        "first is measured by another network, which saw nothing else.",
    ]
    judged = int(frame["p_holm"].notna().sum())
    if judged:
        found.append(
            f"Listens: {LISTENS}, where the gap is above 0 by a paired test, p corrected by Holm for the "
            f"{judged} rows that get a verdict. Test: {TEST}."
        )
    if (frame["listens"] == NO_VERDICT).any():
        found.append(
            f"{NO_VERDICT.capitalize()}: fewer than {FEWEST} replicates, or splits that have training images "
            "in common; the numbers are shown and claim nothing."
        )
    return found
