"""The comparison of all methods, and the TDSA loss's ablation, for a reader."""

from __future__ import annotations

import pandas as pd

from maskguide.reporting import labels, scale_variants
from maskguide.reporting.comparison import BASELINE, NONE
from maskguide.reporting.table_parts import (
    BEST,
    LAST,
    NOT_THERE,
    ONE_SEED,
    ORIGINS,
    accuracy_sections,
    bullets,
    chance,
    conspicuous,
    markdown_table,
    mean_std,
    number,
    page,
    protocol,
    reading,
    signed,
    test_notes,
)

TITLES = {
    "compare": "All methods: accuracy on the test images, percent, and what each costs",
    "tdsa_table1": "TDSA. Ablation: what each term adds; accuracy on the test images, percent",
}
# Which differences tdsa_table1 tests, the first minus the second; those whose rows are there.
TDSA_COMPARISONS = [
    ("tdsa-crossentropy", "baseline"),
    ("tdsa-channels", "tdsa-crossentropy"),
    ("tdsa-channels", "baseline"),
    ("tdsa", "tdsa-channels"),
    ("tdsa", "tdsa-crossentropy"),
    ("tdsa", "baseline"),
]
TDSA_ROWS = {
    "baseline": ", cross-entropy",
    "tdsa-crossentropy": ", cross-entropy, the published architecture",
    "tdsa-channels": " + channel constraint",
    "tdsa": " + channel constraint + top-down attention (TDSA)",
}
BEST_EPOCH = (
    f"{BEST.capitalize()}: the epoch whose accuracy on the test images is highest. It is selected on the "
    "test set and so flatters every row."
)
LAST_EPOCH = f"{LAST.capitalize()}: the network as training left it, nothing chosen."
SPREAD = "Measured cells are mean ± sample standard deviation (n − 1) over seeds."
AUTOMATIC = "**automatic**, **auto**: marks and masks drawn by image processing, not by a person."


def tdsa_text(table: pd.DataFrame, measured: pd.DataFrame, tests: pd.DataFrame | None) -> str:
    """The ablation of the TDSA loss; `measured` are the runs behind it."""

    def row_name(row: pd.Series) -> str:
        backbone = labels.BACKBONES.get(row["backbone"], row["backbone"])
        step = TDSA_ROWS.get(row["method"])
        return labels.method_label(row["method"], row["backbone"]) if step is None else f"{backbone}{step}"

    origins = ORIGINS if measured["masks"].notna().any() else {}
    sections = accuracy_sections(table, measured, tests, 1, row_name, "Other methods:", origins)
    notes = [BEST_EPOCH, LAST_EPOCH, SPREAD]
    if (table["seeds"] == 1).any():
        notes.append(ONE_SEED)
    notes.append("Published: nothing; the preprint's abstract prints no numbers.")
    if table["method"].isin(["tdsa", "tdsa-channels"]).any():
        notes.append(
            "Channel constraint: groups of channels belong to classes; within a group each channel must tell "
            "its class (discriminality) and look elsewhere than the others (diversity), at two stages. "
            "Top-down attention: the upper stage's map weighs the lower stage's."
        )
    if (table["annotation"].fillna("").str.contains("automatic") | (table["masks"] == "auto")).any():
        notes.append(AUTOMATIC)
    if tests is not None and len(tests):
        notes += test_notes(tests)
    return page([f"# {TITLES['tdsa_table1']}", *sections, bullets(notes)])


def comparison_text(table: pd.DataFrame, measured: pd.DataFrame, tests: pd.DataFrame) -> str:
    """All methods for a reader; `measured` are the runs behind it, `tests` against the baseline."""
    parts = [f"# {TITLES['compare']}"]
    for dataset, group in table.groupby("dataset", sort=False):
        parts += [
            f"## {labels.dataset_label(dataset)}",
            protocol(measured[measured["dataset"] == dataset]),
            _rows(group[group["role"] == "paper"]),
        ]
        controls = group[group["role"] == "control"]
        if len(controls):
            parts += ["Variants and controls:", _rows(controls)]
    return page([*parts, bullets(_notes(table, tests))])


def _rows(group: pd.DataFrame) -> str:
    """The rows of one data set, as a Markdown table."""
    header = ["method", "seeds", BEST, LAST, f"macro-F1, {LAST}", f"− baseline, {LAST} (95 % interval), p"]
    header += [
        "reading",
        "marks needed",
        "networks",
        "epochs",
        "training seconds",
        "trained before",
        "parameters, M",
    ]
    several = group["device"].nunique() > 1
    rows = [
        [
            labels.method_label(row["method"], row["backbone"]),
            str(row["seeds"]),
            *(mean_std(row, key) for key in ("top1_best", "top1_last", "macro_f1_last")),
            *_difference(row),
            _marks(row),
            *(str(row[key]) if row["epochs"] else NOT_THERE for key in ("networks", "epochs")),
            number(row["train_seconds"], 0 if row["train_seconds"] >= 10 else 1)
            + (f" ({row['device']})" if several else ""),
            _guide(row),
            number(row["parameters"] / 1e6, 2),
        ]
        for _, row in group.iterrows()
    ]
    return markdown_table(rows, header)


def _difference(row: pd.Series) -> tuple[str, str]:
    if pd.isna(row["difference"]):
        return NOT_THERE, NOT_THERE
    interval = f"{signed(row['low'])} to {signed(row['high'])}"
    p = chance(row["p"])
    text = f"{signed(row['difference'])} ({interval}), {p if p.startswith('<') else f'p {p}'}"
    return text.replace("), <", "), p <"), reading(row["verdict"])


def _marks(row: pd.Series) -> str:
    """What people must draw, and where it came from here."""
    if row["masks"] == "truth":
        return f"{row['marks']} (all training images)"
    if row["marks"] == NONE or pd.isna(row["annotation"]):
        return row["marks"]
    return f"{row['marks']} ({conspicuous(row['annotation'])})"


def _guide(row: pd.Series) -> str:
    """What must be trained before the row itself."""
    if not row["guide"]:
        return NOT_THERE
    return row["guide"] if pd.isna(row["guide_seconds"]) else f"{row['guide']} {row['guide_seconds']:.0f} s"


def _notes(table: pd.DataFrame, tests: pd.DataFrame) -> list[str]:
    notes = [BEST_EPOCH, LAST_EPOCH, SPREAD]
    if (table["seeds"] == 1).any():
        notes.append(ONE_SEED)
    scales = {name: variant for name in table["method"] if (variant := scale_variants.parse(name))}
    if any(variant.scale is None for variant in scales.values()):
        notes.append(
            "ACA and max pooling of all scales average one network for each scale, each trained for all the "
            "epochs that every other method has; scale 1 alone is one such network, the row of equal budget. "
            "The averages have no best epoch: both columns show the last."
        )
    if any(variant.family == "maxpool" and variant.scale != 1 for variant in scales.values()):
        notes.append(
            "Max pooling beyond scale 1 learns from what ACA cut out: ACA's networks of the scales before "
            "come on top of its seconds."
        )
    devices = " / ".join(table["device"].drop_duplicates())
    notes += [
        f"Training seconds: mean over runs, on {devices}; all networks of a row together, "
        "evaluation left out. They are comparable only on one machine, and if nothing else ran there.",
        "Epochs and parameters: of all networks of a row together.",
        "Trained before: the network that learns from the marks and draws the masks; once for all seeds.",
        "Marks needed: what people must draw besides naming classes.",
    ]
    if (table["annotation"].fillna("").str.contains("automatic") | (table["masks"] == "auto")).any():
        notes.append(AUTOMATIC)
    untested = table[table["difference"].isna() & (table["method"] != BASELINE)]
    if len(untested):
        names = ", ".join(
            dict.fromkeys(labels.method_label(*row) for row in untested[["method", "backbone"]].to_numpy())
        )
        notes.append(f"Not tested, for there is no baseline of the same backbone: {names}.")
    if len(tests):
        notes += test_notes(tests)
    return notes
