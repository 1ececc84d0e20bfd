"""The tables for a reader: Markdown with the protocol above each and what the columns mean below."""

from __future__ import annotations

from collections.abc import Sequence

import pandas as pd

from maskguide import labels
from maskguide.tables import unmatched_published

NOT_THERE = "–"
BEST = "best epoch"
LAST = "last epoch"
TITLES = {
    "table1": "Table 1. Segmentation of the test images: intersection over union (IoU), percent",
    "table2": "Table 2. Accuracy on the test images, percent",
    "table3": "Table 3. Accuracy beside handcrafted contour features, percent",
    "table4": "Table 4. Ablation: what attention adds, and what guiding it by a mask adds; accuracy, percent",
}
ABLATION_ROWS = {
    "baseline": "baseline",
    "attention": "+ attention",
    "mga": "+ attention + mask guidance (MGA)",
}
PROTOCOL_WORDS = {
    "epochs": "epochs",
    "crop": "crop",
    "batch_size": "batch",
    "learning_rate": "learning rate",
    "weights": "weights",
}
ACCURACY_NOTES = [
    f"{BEST.capitalize()}: the epoch whose accuracy on the test images is highest, the paper's protocol. It "
    "is selected on the test set and so flatters every row.",
    f"{LAST.capitalize()}: the network as training left it, nothing chosen.",
    "Measured cells are mean ± sample standard deviation (n − 1) over seeds.",
    "Published: printed in the paper (its code: 448-pixel crops, 150 epochs, best epoch), not measured "
    "here; it stands only beside the same data set, method and backbone.",
]
ONE_SEED = "Rows with one seed have no standard deviation."
AUTOMATIC = (
    "**automatic** marks (what the segmenter learnt from) and **auto** masks were drawn by image processing, "
    "not by a person."
)


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


def conspicuous(origin: str | None) -> str:
    """Where marks or masks come from, bold where image processing drew them; a dash where there are none."""
    if pd.isna(origin):
        return NOT_THERE
    return "+".join(f"**{kind}**" if kind in ("automatic", "auto") else kind for kind in origin.split("+"))


def segment_text(table: pd.DataFrame) -> str:
    """Table 1 for a reader, a part for each data set."""
    parts = [f"# {TITLES['table1']}"]
    for dataset, group in table.groupby("dataset", sort=False):
        ious = [name for name in table.columns if name.startswith("iou_") and group[name].notna().any()]
        classes = [name.removeprefix("iou_").replace("_", " ") for name in ious]
        header = [
            "network",
            "scales",
            "annotation",
            "images annotated",
            "test images",
            *classes,
            "mIoU",
            "published mIoU",
        ]
        rows = [
            [
                f"{row['architecture']} ({row['encoder']})",
                str(row["scales"]).replace(" ", ", "),
                conspicuous(row["annotation"]),
                str(row["num_annotated"]),
                str(row["num_test"]),
                *(number(row[name]) for name in ious),
                number(row["miou"]),
                number(row["published"], 2),
            ]
            for _, row in group.iterrows()
        ]
        parts += [f"## {labels.dataset_label(dataset)}", markdown_table(rows, header)]
    notes = [
        "mIoU: mean over the classes, background among them; pixels are counted over all test images that "
        "have a true mask.",
        "Published: printed in the paper for its HMSANet, a far larger network; not measured here.",
        *_remarks(table),
    ]
    if table["miou"].isna().any():
        notes.append(f"{NOT_THERE}: no test image has a true mask, so nothing can be measured.")
    if table["annotation"].str.contains("automatic", na=False).any():
        notes.append(AUTOMATIC)
    return _page([*parts, _list(notes)])


def accuracy_text(
    table: pd.DataFrame, measured: pd.DataFrame, name: str, tests: pd.DataFrame | None = None
) -> str:
    """Table 2, 3 or 4 for a reader; `measured` are the runs behind it, `tests` those of Table 4."""
    parts = [f"# {TITLES[name]}"]
    for dataset, group in table.groupby("dataset", sort=False):
        parts += [f"## {labels.dataset_label(dataset)}"]
        parts += [protocol(measured[measured["dataset"] == dataset])]
        controls = group[group["role"] == "control"]
        parts.append(_accuracy_rows(group[group["role"] == "paper"], name))
        if len(controls):
            parts += ["Controls, which the paper did not run:", _accuracy_rows(controls, name)]
        if tests is not None and (tests["dataset"] == dataset).any():
            parts += ["Paired tests, first minus second:", _test_rows(tests[tests["dataset"] == dataset])]
    return _page([*parts, _list(_accuracy_notes(table, name, tests))])


def protocol(measured: pd.DataFrame) -> str:
    """One sentence: how the runs of a data set were trained."""
    first = measured.iloc[0]
    images = (
        f"{first['num_train']} training and {first['num_test']} test images in {first['num_classes']} classes"
    )
    trained = measured[measured["epochs"] > 0]
    words = []
    for column, word in PROTOCOL_WORDS.items():
        values = [str(value).rsplit("/", 1)[-1] for value in trained[column].dropna().unique()]
        if values:
            words.append(f"{word} {' / '.join(values)}")
    return f"Measured with {images}" + (f"; {', '.join(words)}." if words else ".")


def _accuracy_rows(group: pd.DataFrame, name: str) -> str:
    """The rows of one data set, as a Markdown table."""
    header = ["method", "masks", "marks", "seeds", BEST, LAST, f"macro-F1, {LAST}", "published"]
    decimals = 1 if name == "table3" else 2
    rows = []
    for _, row in group.iterrows():
        measured = row["seeds"] > 0
        rows.append(
            [
                _row_name(row, name),
                conspicuous(row["masks"]),
                conspicuous(row["annotation"]),
                str(row["seeds"]) if measured else NOT_THERE,
                *(mean_std(row, key) for key in ("top1_best", "top1_last", "macro_f1_last")),
                number(row["published"], decimals),
            ]
        )
    return markdown_table(rows, header)


def _row_name(row: pd.Series, name: str) -> str:
    """How a row is called: by its step in the ablation, by its backbone among baselines, by its method."""
    backbone = labels.BACKBONES.get(row["backbone"], row["backbone"])
    if name == "table4" and row["method"] in ABLATION_ROWS:
        return f"{backbone}, {ABLATION_ROWS[row['method']]}"
    if name == "table2" and row["method"] == "baseline":
        return backbone
    return labels.method_label(row["method"], row["backbone"])


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
            "< 0.001" if row["p"] < 0.001 else f"{row['p']:.3f}",
            row["verdict"] if row["verdict"].startswith("no ") else f"**{row['verdict']}**",
        ]
        for _, row in tests.iterrows()
    ]
    return markdown_table(rows, header)


def _accuracy_notes(table: pd.DataFrame, name: str, tests: pd.DataFrame | None) -> list[str]:
    notes = list(ACCURACY_NOTES)
    if (table["seeds"] == 1).any():
        notes.append(ONE_SEED)
    if (table["seeds"] == 0).any():
        notes.append("Rows without seeds were not run: only their published number is known.")
    if (table["backbone"] == "contour").any():
        notes.append(
            "MDM compares contours with the nearest neighbour: no training, so no epochs and no seeds."
        )
    notes += _remarks(table)
    for dataset, group in unmatched_published(table, name).groupby("dataset", sort=False):
        printed = ", ".join(
            f"{labels.method_label(row['method'], row['backbone'])} {row['published']:.2f}"
            for _, row in group.iterrows()
        )
        notes.append(f"The paper also prints for {labels.dataset_label(dataset)}, not run here: {printed}.")
    if table["annotation"].str.contains("automatic", na=False).any() or (table["masks"] == "auto").any():
        notes.append(AUTOMATIC)
    if (table["role"] == "control").any():
        notes.append(
            "Controls: truth, the true masks of the training images; shuffled, each image with another's "
            "mask; auto, masks without a segmenter; segmenter, masks inferred by the segmenter."
        )
    if tests is not None and len(tests):
        notes += _test_notes(tests)
    return notes


def _test_notes(tests: pd.DataFrame) -> list[str]:
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


def _remarks(table: pd.DataFrame) -> list[str]:
    """What is odd about published numbers shown in the table."""
    return [
        f"Published {row['published']:.2f} ({labels.dataset_label(row['dataset'])}): {row['published_note']}."
        for _, row in table[table["published_note"] != ""].iterrows()
    ]


def _list(notes: Sequence[str]) -> str:
    return "\n".join(f"- {note}" for note in notes)


def _page(parts: Sequence[str]) -> str:
    return "\n\n".join(parts) + "\n"
