"""Turn marks into label masks: published with the data set, by a person, or automatic.

A person's marks are label masks or what annotation programs export (docs/marks.md).

Example:
    python workflow/scripts/import_annotation.py --index results/demo/data/leaves/split1/index.csv \\
        --chosen results/demo/annotate/leaves/split1/chosen.csv --classes main_vein second_order_vein \\
        --mode manual --marks my_marks --dataset leaves \\
        --output results/demo/annotate/leaves/split1/annotated.csv \\
        --marks-output results/demo/annotate/leaves/split1/marks \\
        --contact-sheet results/demo/annotate/leaves/split1/contact_sheet.png
"""

from __future__ import annotations

import argparse
import json
from pathlib import Path

from maskguide.data import mask_values
from maskguide.data.datasets import read_index
from maskguide.data.masks import check_classes
from maskguide.drawing.contact_sheets import sheet_of_masks
from maskguide.marks import annotation_sources
from maskguide.marks.annotation import read_chosen, write_annotated
from maskguide.system import cli
from maskguide.system.files import InputError, atomic_file


def parse_args(argv: list[str] | None = None) -> argparse.Namespace:
    parser = cli.parser(__doc__)
    add = parser.add_argument
    add("--index", type=Path, required=True, help="index.csv of the data set")
    add("--chosen", type=Path, required=True, help="chosen.csv of choose_annotation.py")
    add("--classes", nargs="+", required=True, help="mask classes without the background")
    modes = ["published", "manual", "automatic"]
    add("--mode", choices=modes, default="published", help="source of the marks")
    add("--marks", type=Path, help="folder of a person's marks (mode manual)")
    said = "JSON: what the values of label masks mean, as a data set's entry says it (mode manual)"
    add("--mask-values", type=json.loads, help=said)
    add("--void", nargs="+", default=[], help="values of label masks that are neither background nor object")
    add("--line-width", type=int, default=3, help="px; how wide drawn lines are painted")
    add("--dataset", required=True, help="name of the data set, for messages")
    add("--output", type=Path, required=True, help="CSV to write: image_id, mask, boxes, source")
    add("--marks-output", type=Path, required=True, help="folder for the masks and boxes")
    add("--contact-sheet", type=Path, required=True, help="PNG: the marks over the images")
    return parser.parse_args(argv)


def main(args: argparse.Namespace) -> None:
    classes = check_classes(args.classes)
    index = read_index(args.index)
    chosen = read_chosen(args.chosen, index)
    if args.mode == "published":
        marks = annotation_sources.published_marks(chosen, classes, index)
    elif args.mode == "automatic":
        marks = annotation_sources.automatic_marks(chosen, classes)
    else:
        if args.marks is None:
            raise InputError(f"{args.dataset}: mode manual needs --marks, the folder of the finished marks")
        list_file = args.output.parent / "missing.txt"
        values = mask_values.given(args.mask_values, args.void, classes, f"datasets.{args.dataset}")
        marks = annotation_sources.manual_marks(
            chosen, index, classes, args.marks, list_file, args.line_width, values
        )
    title = f"{args.dataset}: {len(chosen)} images, {args.mode} marks"
    write_annotated(chosen, marks, args.mode, args.output, args.marks_output)
    with atomic_file(args.contact_sheet) as path:
        sheet_of_masks(chosen, args.marks_output, title, classes).save(path)
    cli.log.info("%s", title)


if __name__ == "__main__":
    cli.run(main, parse_args())
