"""MGA's Tables 1–4, and every table of accuracies, as tidy numbers: measured, and beside it published."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path

import pandas as pd

from maskguide.reporting import labels, region_variants, runs, scale_variants
from maskguide.reporting.published import EXTRAS, read_published
from maskguide.reporting.statistics import TEST, paired_bootstrap
from maskguide.system.files import InputError, read_json

SEGMENT_KEYS = [
    "dataset",
    "architecture",
    "encoder",
    "scales",
    "num_annotated",
    "annotation",
    "num_test",
    "iou",
    "miou",
]
MEASURES = ["top1_best", "top1_last", "macro_f1_best", "macro_f1_last"]
# Methods whose published rows stand in a table of their data sets even where nobody ran them.
PUBLISHED_ONLY = {
    "table3": ["mdm", "dbcsr_uni", "mort", "mga"],
    "mgfe_table2": ["improved_bcnn", "nts_net", "fast_mpn_cov", "dcl", "maskcov"],
    "aca_table2": [
        *("pa_cnn", "mg_cnn", "mask_cnn", "hsnet", "bcnn"),
        *("st_cnn", "pdfr", "ra_cnn", "ma_cnn", "g2denet"),
    ],
    "aca_table3": ["rcnn", "mdtp", "pa_cnn", "hsnet", "bcnn", "ra_cnn", "g2denet", "ma_cnn"],
    "aca_table4": ["mg_cnn", "mdtp", "fv_cnn", "bcnn", "ra_cnn", "g2denet", "ma_cnn"],
}
# Which rows of ours those papers have whose other rows are no variants that a name tells by itself.
PAPER_ROWS = {
    **{f"aca_table{number}": ["maxpool-s1", "maxpool", "aca"] for number in (2, 3, 4)},
    "aca_table5": ["aca-local", "aca-object", "aca"],
    "tdsa_table1": ["baseline", *labels.TDSA],
}
# Which differences Table 4 tests, the first minus the second; those whose rows are there.
COMPARISONS = [
    ("mga", "attention"),
    ("mga", "baseline"),
    ("attention", "baseline"),
    ("mga-truth", "baseline"),
    ("mga-auto", "baseline"),
    ("mga-segmenter", "baseline"),
    ("mga-shuffled", "baseline"),
    ("mga", "mga-shuffled"),
]


def read_segments(paths: Iterable[str | Path]) -> list[dict]:
    """The `metrics.json` of each segmenter; `InputError` where one is missing or broken."""
    segments = []
    for path in paths:
        metrics = read_json(path)
        missing = [key for key in SEGMENT_KEYS if not isinstance(metrics, dict) or key not in metrics]
        if missing:
            raise InputError(f"{path}: {missing[0]} is missing; delete it and run again")
        segments.append(metrics)
    return segments


def segment_table(segments: Iterable[Mapping]) -> pd.DataFrame:
    """Table 1, one row per segmenter.

    Returns
    -------
    DataFrame with dataset, architecture, encoder, scales ("0.5 1.0"), num_annotated, annotation, num_test,
    iou_<class> (percent; empty where the class is not the data set's), miou (percent; empty without true
    masks), published and published_note.
    """
    rows = [
        {
            **{key: segment[key] for key in SEGMENT_KEYS if key not in ("scales", "iou", "miou")},
            "scales": " ".join(str(scale) for scale in segment["scales"]),
            **{f"iou_{name}": value for name, value in segment["iou"].items()},
            "miou": segment["miou"],
        }
        for segment in segments
    ]
    first = ["dataset", "architecture", "encoder", "scales", "num_annotated", "annotation", "num_test"]
    table = pd.DataFrame(rows)
    ious = [column for column in table.columns if column.startswith("iou_")]
    table[[*ious, "miou"]] = table[[*ious, "miou"]].astype(float)
    printed = read_published("table1")[["dataset", "published", "published_note"]]
    return _with_notes(table[[*first, *ious, "miou"]].merge(printed, on="dataset", how="left"))


def accuracy_table(measured: pd.DataFrame, table: str) -> pd.DataFrame:
    """A table of accuracies from the rows of `runs.read_runs`: one row per data set × method × backbone.

    A published number stands in the row of the same data set, method and backbone. Rows of `PUBLISHED_ONLY`
    stand there even if nobody ran them. A mean is over seeds, `_std` is the sample standard deviation
    (n - 1), empty for one seed.

    Parameters
    ----------
    table
        Which table: table2, table3 or table4, or one of `region_tables`, `scale_tables`, `comparison`.

    Returns
    -------
    DataFrame with dataset, method, backbone, role ("paper" or "control"), masks, annotation, seeds (how
    many), seed_numbers, num_train, num_test, for each accuracy and macro-F1 (percent) `_mean` and `_std`,
    top1_best_by_seed and top1_last_by_seed (in the order of seed_numbers), where the paper says it
    structured_annotation ("Yes", "No", "-"), published, published_note.
    """
    groups = [
        _cell(dict(zip(runs.CELL, cell, strict=True)), group.sort_values("seed"))
        for cell, group in measured.groupby(runs.CELL, sort=False)
    ]
    joined = pd.DataFrame(groups).merge(read_published(table), on=runs.CELL, how="left")
    not_run = unmatched_published(joined, table)
    not_run = not_run[not_run["method"].isin(PUBLISHED_ONLY.get(table, []))]
    if len(not_run):
        joined = pd.concat([joined, not_run], ignore_index=True)
    joined["role"] = ["control" if _is_control(name, table) else "paper" for name in joined["method"]]
    joined["seeds"] = joined["seeds"].fillna(0).astype(int)
    counts = ["num_train", "num_test"]
    joined[counts] = joined[counts].astype("Int64")
    if "structured_annotation" in joined:
        told = ["No" if pd.isna(origin) else "Yes" for origin in joined["annotation"]]
        joined["structured_annotation"] = joined["structured_annotation"].fillna(pd.Series(told))
    extras = [extra for extra in EXTRAS if extra in joined]
    columns = [*groups[0], *extras, "published", "published_note"]
    columns.insert(columns.index("backbone") + 1, "role")
    order = measured["dataset"].drop_duplicates().tolist()
    joined = joined.sort_values("dataset", key=lambda names: names.map(order.index), kind="stable")
    return _with_notes(labels.sort_rows(joined[columns]))


def _cell(cell: dict, group: pd.DataFrame) -> dict:
    """One row of an accuracy table from its runs, one for each seed."""
    first = group.iloc[0]
    row = {
        **cell,
        "masks": first["masks"],
        "annotation": first["annotation"],
        "seeds": len(group),
        "seed_numbers": " ".join(map(str, group["seed"])),
        "num_train": first["num_train"],
        "num_test": first["num_test"],
    }
    for measure in MEASURES:
        row[f"{measure}_mean"] = group[measure].mean()
        row[f"{measure}_std"] = group[measure].std(ddof=1)
    for measure in ("top1_best", "top1_last"):
        row[f"{measure}_by_seed"] = " ".join(f"{value:.4f}" for value in group[measure])
    return row


def _is_control(method: str, table: str) -> bool:
    """Whether the table's paper has no such row; of `compare`, whether it is a control or a variant."""
    if table in PAPER_ROWS:
        return method not in [*PAPER_ROWS[table], *PUBLISHED_ONLY.get(table, [])]
    region, scale = region_variants.parse(method), scale_variants.parse(method)
    if table == "compare" and scale is not None:
        return scale.losses is not None or scale.classifiers is not None
    if not table.startswith("mgfe_") and region is None:
        return method.startswith("mga-")
    return method.startswith("mga") or method == "attention" if region is None else region.control


def _with_notes(table: pd.DataFrame) -> pd.DataFrame:
    return table.assign(published_note=table["published_note"].fillna(""))


def unmatched_published(table: pd.DataFrame, name: str) -> pd.DataFrame:
    """Published rows of the table's data sets whose method and backbone it does not show."""
    printed = read_published(name)
    shown = set(table[runs.CELL].itertuples(index=False, name=None))
    missing = [row not in shown for row in printed[runs.CELL].itertuples(index=False, name=None)]
    return printed[pd.Series(missing, index=printed.index) & printed["dataset"].isin(table["dataset"])]


def paired_tests(
    measured: pd.DataFrame,
    resamples: int = 10_000,
    seed: int = 0,
    comparisons: Sequence[tuple[str, str]] = COMPARISONS,
) -> pd.DataFrame:
    """Every comparison whose two methods were run, on the seeds that both have.

    Of the last epoch, and of the best where both have one: a run that averages networks does not.

    Returns
    -------
    DataFrame with dataset, backbone, method_a, method_b, epoch ("last" or "best"), test, seeds, images,
    difference, low, high (percentage points, a minus b, 95 % interval), p (two-sided), verdict.

    Raises
    ------
    InputError
        If two methods share no seed, or their runs had different test images.
    """
    rows = []
    for (dataset, backbone), group in measured.groupby(["dataset", "backbone"], sort=False):
        by_method = {method: part.set_index("seed") for method, part in group.groupby("method")}
        for a, b in comparisons:
            if a not in by_method or b not in by_method:
                continue
            shared = by_method[a].index.intersection(by_method[b].index).sort_values()
            if shared.empty:
                raise InputError(
                    f"{by_method[a]['run'].iloc[0]}: {a} and {b} share no seed; run both with the same seeds"
                )
            both = pd.concat([by_method[a].loc[shared], by_method[b].loc[shared]])
            # Averages of networks have no best epoch; theirs beside another's chosen one would mean nothing.
            for epoch in ("last", "best") if both["networks"].max() == 1 else ("last",):
                correct, _ = runs.correct_answers(both, f"predicted_{epoch}")
                result = paired_bootstrap(correct[: len(shared)], correct[len(shared) :], resamples, seed)
                rows.append(
                    {
                        "dataset": dataset,
                        "backbone": backbone,
                        "method_a": a,
                        "method_b": b,
                        "epoch": epoch,
                        "test": TEST,
                        "seeds": result.seeds,
                        "images": result.images,
                        "difference": result.difference,
                        "low": result.low,
                        "high": result.high,
                        "p": result.p,
                        "verdict": result.verdict,
                    }
                )
    columns = ["dataset", "backbone", "method_a", "method_b", "epoch", "test", "seeds", "images"]
    return pd.DataFrame(rows, columns=[*columns, "difference", "low", "high", "p", "verdict"])
