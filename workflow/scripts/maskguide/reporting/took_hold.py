"""Did guidance take hold: does a network look where the masks of test images are?

Beside each guided row stand three that know nothing of an image's mask: the mean of the training masks, the
unguided twin, the twin of shuffled masks. It took hold where the area under its ROC curve is above all three.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import NamedTuple

import numpy as np
import pandas as pd

from maskguide.plan import declared, sources
from maskguide.plan.variants import Variant, with_options
from maskguide.reporting import labels, runs
from maskguide.reporting.markdown import NOT_THERE, Columns, number
from maskguide.reporting.measures import AGAIN, by_seed
from maskguide.reporting.statistics import FEWEST, by_replicate, crossed_effects, may_judge
from maskguide.system.files import InputError, read_csv

MEASURED = ["run", "map", "masks", "image_id", "roc_area", "energy", "share", "mean_mask_roc_area"]
OWN, MEAN_MASK = "roc_area", "mean_mask_roc_area"
AREAS = ["roc_area", "energy_inside", "region_share", "roc_area_mean_mask"]
TWINS = ["roc_area_unguided", "unguided_twin", "roc_area_shuffled", "shuffled_twin"]
TOOK_HOLD, NOT_SHOWN, UNKNOWN, NO = "yes", "not shown", "not known", "no"
BLIND = 0.5  # what a map has that has nothing to do with the masks
CONTROLS = ("shuffled", "elsewhere")  # twins of other images or places: nothing that should take hold


def read_attention(paths: Iterable[str | Path], measured: pd.DataFrame) -> pd.DataFrame:
    """`attention.csv` of measure_attention.py of these runs, with the columns of CELL, split and seed.

    measured: rows of `runs.read_runs`; rows of other runs are left out. `InputError` where a file is missing
    or broken.
    """
    texts = dict.fromkeys(MEASURED[:4], str)
    tables = [read_csv(path, MEASURED, AGAIN, dtype=texts, keep_default_na=True) for path in paths]
    for path, table in zip(paths, tables, strict=True):
        for column in MEASURED[4:] if len(table) else ():
            values = table[column]
            if not pd.api.types.is_numeric_dtype(values) or not values.dropna().between(0, 1).all():
                raise InputError(f"{path}: {column} holds what is no number from 0 to 1; {AGAIN}")
    if not tables:
        return pd.DataFrame(columns=[*MEASURED, *runs.CELL, *runs.REPLICATE])
    named = pd.concat(tables, ignore_index=True)
    named["run"] = [_place(run) for run in named["run"]]
    known = measured.assign(run=[_place(run) for run in measured["run"]])
    return named.merge(known[["run", *runs.CELL, *runs.REPLICATE]], on="run")


def _place(run: str) -> str:
    """A run's folder by what its folders say, wherever it lies."""
    return "/".join(Path(run).absolute().parts[-5:])


def with_attention(
    frame: pd.DataFrame, measured: pd.DataFrame, attention: pd.DataFrame, overlap: dict[str, float]
) -> pd.DataFrame:
    """A table of accuracies with what is known of where its rows look.

    attention: of `read_attention`. overlap: of `runs.training_overlap`. Columns: roc_area (mean over
    replicates and images, over regions too), energy_inside and region_share, roc_area_mean_mask (of the mean
    training mask), roc_area_unguided and _shuffled with the names of these twins (empty where the table has
    none), map ("attention" or "class activation"), judged_by (the masks' source), judged_images (mean over
    runs), left_out (images whose cells are all of one kind), roc_area_by_seed, and took_hold, of guided rows:
    "yes", "not shown", "not known: …" or "no: …".
    """
    if attention.empty:
        return frame.assign(took_hold=None, roc_area=np.nan)
    families = measured.drop_duplicates("method").set_index("method")["family"]
    cells = {cell: part for cell, part in attention.groupby(runs.CELL, sort=False)}
    rows = []
    for (dataset, name, backbone), own in cells.items():
        there = {
            other: labels.variant(other, families[other])
            for where, other, of in cells
            if (where, of) == (dataset, backbone)
        }
        others = {each: cells[dataset, each, backbone] for each in there}
        rows.append(
            {"dataset": dataset, "method": name, "backbone": backbone}
            | _looks(own)
            | _beside(there[name], own, there, others, overlap[dataset])
        )
    return frame.merge(pd.DataFrame(rows), on=runs.CELL, how="left")


def _looks(own: pd.DataFrame) -> dict:
    """What a row's own maps say."""
    replicates = own.groupby(runs.REPLICATE)
    means = replicates[["roc_area", "energy", "share", MEAN_MASK]].mean()
    alike = own["roc_area"].isna().groupby([own[key] for key in runs.REPLICATE]).sum()
    return {
        **dict(zip(AREAS, means.mean(), strict=True)),
        "map": own["map"].iloc[0],
        "judged_by": " + ".join(dict.fromkeys(own["masks"])),
        "judged_images": replicates["image_id"].nunique().mean(),
        "left_out": alike.mean(),
        "roc_area_by_seed": by_seed(means["roc_area"]),
    }


def _beside(
    row: Variant,
    own: pd.DataFrame,
    there: dict[str, Variant],
    others: dict[str, pd.DataFrame],
    overlap: float,
) -> dict:
    """Its twins' numbers, and whether it took hold; nothing of a row that is not guided, or a control."""
    found = dict.fromkeys([*TWINS, "took_hold"])
    if not guided(row):
        return found
    unguided, shuffled = unguided_twin(row, there), shuffled_twin(row, there)
    tests = {"the mean training mask": compared(own, own, MEAN_MASK, overlap)}
    for kind, twin in (("unguided", unguided), ("shuffled", shuffled)):
        if twin is not None:
            tests[labels.method_label(twin)] = test = compared(own, others[twin], OWN, overlap)
            found |= {f"roc_area_{kind}": test.other, f"{kind}_twin": twin}
    missing = [kind for kind, twin in (("unguided", unguided), ("shuffled", shuffled)) if twin is None]
    return {**found, "took_hold": verdict(tests, missing)}


def guided(row: Variant) -> bool:
    """Whether a row should look at its masks: it is guided, by a weight above 0 and masks of the images."""
    method, options = declared.methods()[row.method], row.options
    control = options.get("shuffled") or sources.twin_of(options.get("mask_source")) in CONTROLS
    return bool(method.guided_by) and not control and options.get("guidance_weight") != 0


def unguided_twin(row: Variant, there: dict[str, Variant]) -> str | None:
    """The same network without guidance: of the method that is declared so, with the options that both have;
    else with the weight 0; else the baseline. None where the table has none of them."""
    method = declared.methods()[row.method]
    unguided = method.unguided or "baseline"
    own = declared.methods()[unguided].options
    of_guidance = {*method.options, *method.settings, "mask_source", "annotated", "shuffled"} - {*own}
    alike = {key: value for key, value in row.options.items() if key not in of_guidance}
    weightless = {key: value for key, value in row.options.items() if key != "mask_source"}
    twin = with_options(unguided, alike, there)
    twin = twin or with_options(row.method, {**weightless, "guidance_weight": 0}, there)
    twin = twin or with_options("baseline", {}, there)
    return twin and twin.name


def shuffled_twin(row: Variant, there: dict[str, Variant]) -> str | None:
    """The same with the masks of other images: its own source's, else the segmenter's."""
    if declared.methods()[row.method].guided_by == "regions":
        tried = [{"shuffled": True}]
    else:
        own = sources.Source(sources.base_of(row.options.get("mask_source", sources.SEGMENTER)), "shuffled")
        tried = [{"mask_source": own.name}, {"mask_source": "shuffled"}]
    twins = (with_options(row.method, {**row.options, **each}, there) for each in tried)
    twin = next(filter(None, twins), None)
    return twin and twin.name


class Compared(NamedTuple):
    """A row's ROC area minus another's: the mean, the lower bound of its 95 % interval, the other's mean.

    low: NaN for what gets no verdict, see `statistics.may_judge`.
    """

    difference: float
    low: float
    other: float


def compared(own: pd.DataFrame, other: pd.DataFrame, column: str, overlap: float) -> Compared:
    """Of two rows of `read_attention`, on the same replicates, images and masks; column: of the other."""
    other = other[other["masks"].isin(own["masks"])]
    tables = [
        part.pivot_table(index=runs.REPLICATE, columns="image_id", values=values)
        for part, values in ((own, OWN), (other, column))
    ]
    a, b = tables[0].align(tables[1], join="inner")
    difference = a - b
    if difference.isna().to_numpy().all():
        return Compared(np.nan, np.nan, np.nan)
    there = difference.notna().to_numpy()
    splits = difference.index.get_level_values("split").to_numpy()
    means = difference.mean(axis=1).mean(), np.nan, b.where(there).mean(axis=1).mean()
    cells, counted = by_replicate(difference.fillna(0).to_numpy(), there.astype(bool), splits)
    if not may_judge(len(cells), overlap) or counted.sum(axis=1).min() < 2:
        return Compared(*map(float, means))
    low = crossed_effects(cells, counted, overlap).test()[1]
    return Compared(float(means[0]), float(low), float(means[2]))


def verdict(tests: Mapping[str, Compared], missing: Sequence[str]) -> str | None:
    """What is said of a guided row by its comparisons, named, and the twins that the table has not."""
    if any(np.isnan(test.difference) for test in tests.values()):
        return None
    lower = [f"{name} ({test.other:.3f})" for name, test in tests.items() if test.difference <= 0]
    if lower:
        return f"{NO}: not above {', '.join(lower)}"
    if missing:
        return f"{UNKNOWN}: no {' and no '.join(missing)} twin in this table"
    return TOOK_HOLD if all(test.low > 0 for test in tests.values()) else NOT_SHOWN


def columns(frame: pd.DataFrame) -> Columns:
    """The columns that say where rows look, where anything was measured."""
    if "took_hold" not in frame or frame["roc_area"].isna().all():
        return []
    beside = ("mean_mask", "unguided", "shuffled")

    def others(row: pd.Series) -> str:
        return " / ".join(number(row[f"roc_area_{kind}"], 3) for kind in beside)

    def energy(row: pd.Series) -> str:
        known = not pd.isna(row["energy_inside"])
        return f"{row['energy_inside']:.2f} ({row['region_share']:.2f})" if known else NOT_THERE

    def said(row: pd.Series) -> str:
        words = NOT_THERE if pd.isna(row["took_hold"]) else row["took_hold"].partition(":")[0]
        return f"**{words}**" if words in (TOOK_HOLD, NO) else words

    return [
        ("looks at the masks", lambda row: number(row["roc_area"], 3)),
        ("mean mask / unguided / shuffled", others),
        ("energy inside (share)", energy),
        ("took hold", said),
    ]


def notes(frame: pd.DataFrame) -> list[str]:
    """What those columns mean, and in words which rows do not look where their masks are."""
    if "took_hold" not in frame:
        return []
    known = frame[frame["roc_area"].notna()]
    if known.empty:
        return ["Looks at the masks: not measured, for no test image has a mask."]
    masks = ", ".join(dict.fromkeys(known["judged_by"])).replace("truth", "the true ones")
    left = known["left_out"].max()
    without = f", of which up to {left:.0f} are left out, for their cells are all of one kind" if left else ""
    found = [
        "Looks at the masks: area under the ROC curve of a row's map against the cells of each test image's "
        "mask, mean over images and replicates; 0.5 is blind, below that it looks away. The map is the "
        f"attention, or of rows without one the class activation map of the true class. Masks: {masks}, "
        f"of {known['judged_images'].max():.0f} images at most{without}.",
        "Mean mask / unguided / shuffled: the same of three that know nothing of an image's mask: the mean "
        "of the training masks, the row's twin without guidance (or the plain network), its twin with the "
        "masks of other images. Objects lie in the middle: knowing that alone is worth much.",
        "Energy inside: the share of the map's positive part that lies in the mask, beside the share of the "
        "cells that the mask has, which a map that is the same everywhere would reach.",
        f"Took hold: {TOOK_HOLD}, where the area is above all three, by a 95 % interval each over at least "
        f"{FEWEST} replicates of disjoint training parts; {NOT_SHOWN}, where it is higher, but less surely; "
        f"{UNKNOWN}, where the table lacks a twin.",
    ]
    for row in known[known["took_hold"].str.startswith(f"{NO}:", na=False)].to_dict("records"):
        name = (
            f"{labels.method_label(row['method'], row['backbone'])}, {labels.dataset_label(row['dataset'])}"
        )
        area, said = f"{row['roc_area']:.2f}", row["took_hold"].removeprefix(f"{NO}: ")
        if row["roc_area"] <= BLIND:
            found.append(
                f"**{name}: the {row['map']} does not follow the masks: {area}** ({BLIND} is blind)."
            )
        else:
            words = "lies on the masks no more than what never saw them"
            found.append(f"**{name}: the {row['map']} {words}: {area}**, {said}.")
    return found
