"""Make a table of a paper, or of one's own: a tidy CSV, and beside it the same for a reader as Markdown.

`maskguide/plan/tables.yaml` declares the papers' tables; any other name is a table of one's own: every method
beside the baseline with what it costs, as `compare`. A table is made from segmenters' metrics (table1),
detectors' (mgfe_table1), what evaluate_attended.py wrote (aca_boxes), all others from run folders; aca_table6
from those that average all scales, backgrounds also from what measure_backgrounds.py wrote, probe from what
probe_features.py wrote. Ablations and comparisons get paired tests, too: `<output>_tests.csv`; with several
splits, each split's index tells whether their training images overlap.

Example:
    python workflow/scripts/make_table.py --table table1 \\
        --segments results/demo/segment/leaves/split1/metrics.json --output results/demo/tables/table1.csv
    python workflow/scripts/make_table.py --table mine --title "Leaves, small networks" \\
        --runs results/demo/runs/leaves/split1/*/small/seed* --output results/demo/tables/mine.csv
"""

from __future__ import annotations

import argparse
from pathlib import Path

import pandas as pd
from maskguide.plan.tables import BACKGROUNDS, Table, table
from maskguide.reporting import aca, backgrounds, compare, labels, learning, mga, mgfe, probe, text, took_hold
from maskguide.reporting.runs import LAYOUT, read_runs, training_overlap
from maskguide.reporting.tables import accuracy_table, paired_tests
from maskguide.system import cli
from maskguide.system.files import InputError, write_csv, write_text

# The option that a table of this kind is made from, and what makes it; all others are made from runs.
KINDS = {
    "segmenters": ("segments", mga.read_segments, mga.segment_table, mga.segment_text),
    "detectors": ("detectors", mgfe.read_detectors, mgfe.detection_table, mgfe.detection_text),
    "boxes": ("attended", aca.read_attended, aca.box_table, aca.box_text),
    "probe": ("probes", probe.read_probes, probe.probe_table, probe.probe_text),
}
PAGES = {"mgfe": mgfe.accuracy_text}  # papers whose pages of accuracies have something of their own


def parse_args(argv: list[str] | None = None) -> argparse.Namespace:
    parser = labels.parser(__doc__)
    add = parser.add_argument
    add("--table", required=True, help="which table: a paper's, compare, or a name of one's own")
    add("--title", default="", help="title of a table of one's own (none: its name)")
    add("--segments", type=Path, nargs="*", default=[], help="table1, comparisons: segmenters' metrics.json")
    add("--detectors", type=Path, nargs="*", default=[], help="mgfe_table1, comparisons: theirs")
    add("--attended", type=Path, nargs="+", default=[], help="aca_boxes: iou.json of runs of ACA")
    add("--runs", type=Path, nargs="+", default=[], help=f"the other tables: {LAYOUT}")
    index = "paired tests of several splits: each split's <dataset>/split<k>/index.csv (none: no verdict)"
    add("--index", type=Path, nargs="*", default=[], help=index)
    looked = "paired tests: attention.csv of measure_attention.py, of rows that look at masks or not"
    add("--attention", type=Path, nargs="*", default=[], help=looked)
    answers = "backgrounds: backgrounds.csv of measure_backgrounds.py"
    add("--backgrounds", type=Path, nargs="*", default=[], help=answers)
    add("--probes", type=Path, nargs="*", default=[], help="probe: answers.csv of probe_features.py")
    longer = 'runs of twice the epochs, not shown as rows: their name and their row\'s, {"mga-2x": "mga"}'
    add("--longer", default="{}", help=longer)
    add("--output", type=Path, required=True, help="the CSV to write; the .md lies beside it")
    return parser.parse_args(argv)


def from_runs(shown: Table, args: argparse.Namespace) -> tuple[pd.DataFrame, pd.DataFrame | None, str]:
    """A table made from runs, its paired tests if it has any, and its page."""
    measured, longer = learning.split_off(read_runs(args.runs), args.longer)
    if shown.kind == "scales":
        frame = aca.scale_table(measured)
        return frame, None, aca.scale_text(shown, frame, measured)
    if shown.kind == BACKGROUNDS:
        answers = backgrounds.read_backgrounds(args.backgrounds, measured)
        frame = backgrounds.backgrounds_table(measured, answers, args.index)
        return frame, None, backgrounds.backgrounds_text(shown, frame, measured)
    tests = paired_tests(measured, shown, args.index) if shown.tested else None
    frame = learning.with_learning(accuracy_table(measured, shown), measured, longer, args.index)
    if args.attention and shown.tested:
        looks = took_hold.read_attention(args.attention, measured)
        frame = took_hold.with_attention(frame, measured, looks, training_overlap(args.index, measured))
    if shown.kind == "comparison":
        guides = mga.read_segments(args.segments), mgfe.read_detectors(args.detectors)
        frame = compare.comparison_table(frame, measured, tests, *guides)
        return frame, tests, compare.comparison_text(shown, frame, measured, tests)
    return frame, tests, PAGES.get(shown.paper, text.accuracy_page)(shown, frame, measured, tests)


def main(args: argparse.Namespace) -> None:
    labels.know(args.names)
    shown, tests = table(args.table, args.title), None
    needed, *made = KINDS.get(shown.kind, ("runs",))
    if not getattr(args, needed):
        raise InputError(f"{args.table}: nothing to show; give --{needed}")
    if made:
        read, make, write = made
        frame = make(read(getattr(args, needed)))
        page = write(shown, frame)
    else:
        frame, tests, page = from_runs(shown, args)
    if tests is not None:
        write_csv(args.output.with_name(f"{args.output.stem}_tests.csv"), tests)
    write_text(args.output.with_suffix(".md"), page)
    write_csv(args.output, frame)
    cli.log.info("%s: %d rows → %s", args.table, len(frame), args.output)


if __name__ == "__main__":
    cli.run(main, parse_args())
