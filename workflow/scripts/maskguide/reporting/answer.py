"""The answer to the question of a run, in plain words, from its tables and no other numbers.

Do masks help? How sure is that, what can it not tell? What should be done next? A sentence claims what a test
of a table says after Holm's correction, and otherwise says that nothing was shown.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import pandas as pd

from maskguide.plan import declared, sources
from maskguide.plan.places import PROBE
from maskguide.reporting import labels
from maskguide.reporting.compare import BASELINE
from maskguide.reporting.markdown import points, span
from maskguide.reporting.page import Block, Picture
from maskguide.reporting.statistics import FEWEST, HIGHER, LOWER, NO_VERDICT, NOT_SHOWN
from maskguide.system.files import InputError, read_csv

QUESTION = "Does telling the network where to look make it classify better?"
SEEN = ("swap", "tint", "blank", "crop_box")  # what is seen by masks
FEW = 3  # names that are listed one by one


@dataclass
class Tables:
    """What a run measured: comparisons with their tests by the table's name, backgrounds, frozen features."""

    comparisons: dict[str, tuple[pd.DataFrame, pd.DataFrame]] = field(default_factory=dict)
    backgrounds: pd.DataFrame | None = None
    probe: pd.DataFrame | None = None


def read_tables(paths: Iterable[str | Path], needed: bool = True) -> Tables:
    """Tables written by make_table.py; those that are no comparison, backgrounds or probe are passed over.

    needed: `InputError` where none of them compares anything.
    """
    found = Tables()
    for path in map(Path, paths):
        frame = read_csv(path, [], "make it again", dtype=None, keep_default_na=True)
        if "listens" in frame:
            found.backgrounds = frame
        elif "top1_by_fold" in frame:
            found.probe = frame
        elif {"difference", "detectable", "marks", "verdict"} <= {*frame.columns}:
            tests = read_csv(
                path.with_name(f"{path.stem}_tests.csv"),
                ["method_a", "method_b", "verdict"],
                "make the table again",
                dtype=None,
                keep_default_na=True,
            )
            found.comparisons[path.stem] = frame, tests
    if needed and not found.comparisons and found.probe is None:
        raise InputError(
            "--tables: none of them compares methods with the baseline; name a table such as compare or "
            "probe in the config"
        )
    return found


def uses_masks(name: str) -> bool:
    """Whether a row sees or learns from masks, right ones or those of a control."""
    options = labels.variant(name).options
    method = declared.methods().get(labels.variant(name).method)
    seen = any(options.get(key) for key in SEEN) and options.get("objects") != sources.RECTANGLES
    return seen or bool(method and method.guided_by)


def is_guided(name: str) -> bool:
    """Whether a row uses masks of the images themselves, right ones as far as its source knows."""
    options = labels.variant(name).options
    objects, source = str(options.get("objects", "")), str(options.get("mask_source", ""))
    twins = {sources.twin_of(objects), sources.twin_of(source)} & {"shuffled", "elsewhere"}
    control = twins or objects == sources.RECTANGLES or options.get("shuffled")
    return not control and uses_masks(name)


def of_dataset(frame: pd.DataFrame) -> list[tuple[str, pd.DataFrame]]:
    """The rows of each data set that were run, by its name."""
    return [(name, group[group["seeds"] > 0]) for name, group in frame.groupby("dataset", sort=False)]


def help_sentence(dataset: str, rows: pd.DataFrame, tests: pd.DataFrame) -> str:
    """Do masks help on this data set? In one sentence, and what its controls say in another."""
    name = labels.dataset_label(dataset)
    guided = rows[rows["method"].map(is_guided) & rows["difference"].notna()]
    if guided.empty:
        return f"**{name}: no method that uses masks was run beside the plain network.**"
    judged = guided[guided["verdict"] != NO_VERDICT]
    if judged.empty:
        return (
            f"**{name}: not known.** Fewer than {FEWEST} replicates, or splits that share training images: "
            "the numbers claim nothing."
        )
    higher = judged[judged["verdict"] == HIGHER].sort_values("difference", ascending=False)
    own = tests[tests["dataset"] == dataset]
    for _, row in higher.iterrows():
        if unmatched(row, own):
            return (
                f"**{name}: yes, masks help: {_gain(row)} points** with {_label(row)}, from "
                f"{_baseline(rows):.0f} to {row['top1_last_mean']:.0f} %, by {row['marks']}."
                f"{controls(row, own)}"
            )
    if len(higher):
        row = higher.iloc[0]
        return (
            f"**{name}: no, what helps is not the masks.** {_label(row)} gains {_gain(row)} points, but so "
            f"does a control without masks.{controls(row, own)}"
        )
    seen = judged["detectable"].dropna()
    would = f" Differences of {span(seen)} points would have been seen." if len(seen) else ""
    lower = judged[judged["verdict"] == LOWER]["method"]
    worse = f" {_names(lower)} made it worse." if len(lower) else ""
    count = f"none of the {len(judged)} methods that use masks is" if len(judged) > 1 else "the method is not"
    return (
        f"**{name}: no, it was not shown that masks help**: {count} better than the plain network "
        f"({_baseline(rows):.0f} %).{would}{worse}"
    )


def unmatched(row: pd.Series, tests: pd.DataFrame) -> bool:
    """Whether no control without masks does as well as a row."""
    own = tests[(tests["method_a"] == row["method"]) & (tests["method_b"] != BASELINE)]
    plain = [
        verdict for name, verdict in zip(own["method_b"], own["verdict"], strict=True) if not uses_masks(name)
    ]
    return all(verdict == HIGHER for verdict in plain)


def controls(row: pd.Series, tests: pd.DataFrame) -> str:
    """How a row stands beside its controls."""
    own, said = tests[(tests["method_a"] == row["method"]) & (tests["method_b"] != BASELINE)], []
    for verdict, words in (
        (HIGHER, "Better than its controls"),
        (NOT_SHOWN, "No better, as far as was shown, than"),
    ):
        found = own[own["verdict"] == verdict]
        each = [
            f"{labels.method_label(one)} ({points(by)})"
            for one, by in zip(found["method_b"], found["difference"], strict=True)
        ]
        if each:
            said.append(f" {words}: {'; '.join(each)}.")
    return "".join(said) or " No control stands beside it in its table: a twin with other images' masks, say."


def background_sentence(rows: pd.DataFrame) -> str:
    """Could the background tell the class, and does the plain network listen to it?"""
    name, said = labels.dataset_label(rows["dataset"].iloc[0]), []
    plain = rows[rows["method"] == BASELINE]
    row = (plain if len(plain) else rows).iloc[0]
    if pd.notna(row["background_mean"]):
        told = (
            f"Backgrounds alone name the class in {row['background_mean']:.0f} % (chance {row['chance']:.3g})"
        )
        share = row["chance"] / 100
        above = row["background_mean"] - row["chance"]
        if above > 200 * (share * (1 - share) / row["num_test"]) ** 0.5:  # two standard errors of a guess
            said.append(f"{told}: they could give it away.")
        elif row["listens"] == "yes":
            said.append(f"{told}: those of the test images say nothing, but see what follows.")
        else:
            said.append(f"{told}: no sign of confounding.")
    if len(plain) and pd.notna(row["gap"]):
        gap = f"before backgrounds of other classes it is right {row['gap']:.1f} points less often"
        if row["listens"] == "yes":
            said.append(f"The plain network listens to the background of its training images: {gap}.")
        elif row["listens"] != NO_VERDICT:
            gap = f"a gap of {points(row['gap'])} points"
            said.append(f"It was not shown that the plain network listens to them ({gap}).")
    return f"**{name}.** {' '.join(said)}" if said else ""


def probe_sentences(frame: pd.DataFrame) -> list[str]:
    """What frozen features tell before anything is trained."""
    said = []
    for (dataset, backbone), group in frame.groupby(["dataset", "backbone"], sort=False):
        by_method = group.set_index("method")
        whole = by_method.loc[PROBE]
        where = f"{labels.dataset_label(dataset)}, frozen {labels.backbone_label(backbone)}"
        words = f"**{where}:** {whole['top1_mean']:.1f} % from the whole image (chance {whole['chance']:.3g})"
        if "probe-inside" in by_method.index:
            inside = by_method.loc["probe-inside"]
            bounds = "" if pd.isna(inside["low"]) else f" ({_bounds(inside)})"
            change = {HIGHER: "masks help", LOWER: "masks cost", NOT_SHOWN: "no difference shown"}
            verdict = change.get(inside["verdict"], "no verdict")
            size = f"{points(inside['difference'])}{bounds}"
            words += f", {inside['top1_mean']:.1f} % inside the masks: {size}, {verdict}"
        said.append(f"{words}.")
    return said


def sure_lines(found: Tables) -> list[str]:
    """How sure the answer is: what was counted, how it was tested, what it cannot tell."""
    lines = []
    for frame, tests in found.comparisons.values():
        for dataset, rows in of_dataset(frame):
            own = tests[tests["dataset"] == dataset]
            if len(own):
                lines += [counted(dataset, own), still_learning(dataset, rows), not_followed(dataset, rows)]
    lines.append(
        "An interval in brackets holds the true difference in 95 of 100 such experiments. A difference "
        "counts as shown where chance is still an unlikely cause after correction for all tests of its table."
    )
    return [*filter(None, dict.fromkeys(lines))]


def counted(dataset: str, tests: pd.DataFrame) -> str:
    """How many replicates and images, and how small a difference was out of reach."""
    first, seen = tests.iloc[0], tests["detectable"].dropna()
    units = (
        "splits" if first["splits"] > 1 else "trainings, which differ in their random numbers, on one split"
    )
    counts = f"{first['replicates']:.0f} {units}, {first['images']:.0f} test images."
    words = f"{labels.dataset_label(dataset)}: {counts}"
    if not len(seen):
        return words
    by_method = ", by method" if seen.round(1).nunique() > 1 else ""
    return f"{words} It cannot tell differences below {span(seen)} points{by_method}."


def unfinished(rows: pd.DataFrame) -> pd.Series:
    """Which rows had not finished learning."""
    return rows["learning"].notna() & (rows["learning"] != "")


def still_learning(dataset: str, rows: pd.DataFrame) -> str:
    """Which rows had not finished learning."""
    learning = rows[unfinished(rows)]["method"]
    if learning.empty:
        return ""
    name = labels.dataset_label(dataset)
    return f"{name}: {_names(learning)} had not finished learning; their differences may be of speed."


def not_followed(dataset: str, rows: pd.DataFrame) -> str:
    """Which guided methods' maps follow the masks no more than their controls do."""
    if "took_hold" not in rows:
        return ""
    away = [
        row["method"]
        for _, row in rows.iterrows()
        if str(row["took_hold"]).startswith("no")
        and is_guided(row["method"])
        and declared.methods()[labels.variant(row["method"]).method].guided_by
    ]
    if not away:
        return ""
    return (
        f"{labels.dataset_label(dataset)}: the maps of {_names(away)} follow the masks no more than controls "
        "do; a picture of where they look is no evidence."
    )


def next_lines(found: Tables) -> list[str]:
    """What to do next, by the variances and verdicts measured."""
    lines = []
    for frame, tests in found.comparisons.values():
        for dataset, rows in of_dataset(frame):
            guided = rows[rows["method"].map(is_guided) & rows["difference"].notna()]
            if len(guided):
                lines += advice(
                    labels.dataset_label(dataset), rows, guided, tests[tests["dataset"] == dataset]
                )
    if found.backgrounds is None and found.comparisons:
        lines.append("Add the table `backgrounds` to the config: whether backgrounds give the class away.")
    if found.probe is None:
        lines.append("Add the table `probe`: in minutes it says what a network knows before it is trained.")
    return list(dict.fromkeys(lines))


def advice(name: str, rows: pd.DataFrame, guided: pd.DataFrame, tests: pd.DataFrame) -> list[str]:
    """What to do next about one data set."""
    if (guided["verdict"] == NO_VERDICT).all():
        return [f"{name}: give it {FEWEST} replicates or more (`seeds`, or `repeats` of splits)."]
    higher = guided[guided["verdict"] == HIGHER].sort_values("difference", ascending=False)
    best = [_label(row) for _, row in higher.iterrows() if unmatched(row, tests)]
    if best:
        lines = [
            f"{name}: use {best[0]}. The marks at hand do it; a sweep of `annotated` says how few would."
        ]
    else:
        lines = [f"{name}: draw no more masks for this."]
        unsure = guided[guided["verdict"] == NOT_SHOWN]["replicates_for_2"]
        if len(unsure) and unsure.isna().any():
            lines.append(f"{name}: to see 2 points take more test images; more replicates will not do.")
        elif len(unsure):
            lines.append(f"{name}: {unsure.max():.0f} replicates would see a difference of 2 points.")
    if unfinished(rows).any():
        lines.append(f"{name}: train longer (`epochs`), for some methods were still learning.")
    return lines


def answer(found: Tables, pictures: Sequence[Picture]) -> list[Block]:
    """The page: the answer, what it rests on, how sure it is, what to do next."""
    answers: list[str] = []
    for frame, tests in found.comparisons.values():
        for dataset, rows in of_dataset(frame):
            if rows["method"].map(is_guided).any():
                answers.append(help_sentence(dataset, rows, tests))
    if found.comparisons and not answers:
        answers.append(
            "**This run does not tell: no method that uses masks was run beside the plain network.**"
        )
    page: list[Block] = [("title", QUESTION)]
    if answers:
        page.append(("list", answers))
    if found.backgrounds is not None:
        told = [background_sentence(rows) for _, rows in found.backgrounds.groupby("dataset", sort=False)]
        if any(told):
            page += [("heading", "Do the backgrounds give the class away?"), ("list", [*filter(None, told)])]
    if found.probe is not None:
        page += [("heading", "Before anything was trained"), ("list", probe_sentences(found.probe))]
    page += [("picture", each) for each in pictures]
    page += [("heading", "How sure is that?"), ("list", sure_lines(found))]
    page += [("heading", "What should I do next?"), ("list", next_lines(found))]
    return page


def _bounds(row: pd.Series) -> str:
    return f"{points(row['low'])} to {points(row['high'])}"


def _gain(row: pd.Series) -> str:
    return f"{points(row['difference'])} ({row['low']:.1f} to {row['high']:.1f})".replace("-", "−")


def _label(row: pd.Series) -> str:
    return labels.method_label(row["method"])


def _baseline(rows: pd.DataFrame) -> float:
    plain = rows[rows["method"] == BASELINE]["top1_last_mean"]
    return float(plain.iloc[0]) if len(plain) else float("nan")


def _names(methods: Iterable[str]) -> str:
    names = [labels.method_label(name) for name in dict.fromkeys(methods)]
    if len(names) > FEW:
        return f"{len(names)} methods, marked in the table,"
    return " and ".join(names)
