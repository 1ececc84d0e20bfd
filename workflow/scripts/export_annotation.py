"""Write the chosen images for a person to mark: copies, LabelMe files, a contact sheet, a README.

What to mark are masks, or (--kind boxes) a box around each region.

Example:
    python workflow/scripts/export_annotation.py --index results/demo/data/leaves/split1/index.csv \\
        --chosen results/demo/annotate/leaves/split1/chosen.csv --classes main_vein second_order_vein \\
        --output results/demo/annotate/leaves/split1/export
"""

from __future__ import annotations

import argparse
from pathlib import Path

from maskguide.data.datasets import read_index
from maskguide.data.masks import check_classes
from maskguide.drawing.contact_sheets import sheet_to_mark
from maskguide.marks.annotation import read_chosen
from maskguide.marks.export import export
from maskguide.system import cli

CONFIGURED = {
    "masks": "the folder that the configuration names (annotate: marks), or resources/<dataset>/annotations",
    "boxes": "the folder that import_boxes.py gets as --marks",
}


def parse_args(argv: list[str] | None = None) -> argparse.Namespace:
    parser = cli.parser(__doc__)
    add = parser.add_argument
    add("--index", type=Path, required=True, help="index.csv of the data set")
    add("--chosen", type=Path, required=True, help="chosen.csv of choose_annotation.py")
    add("--kind", choices=["masks", "boxes"], default="masks", help="what a person shall mark")
    what = "what to mark: mask classes without the background; regions with --kind boxes"
    add("--classes", "--regions", nargs="+", required=True, help=what)
    add("--marks", help="where the README tells to put the result; without it, where the workflow looks")
    add("--line-width", type=int, default=3, help="width of painted lines, told in the README")
    add("--output", type=Path, required=True, help="folder to write")
    return parser.parse_args(argv)


def main(args: argparse.Namespace) -> None:
    classes = check_classes(args.classes)
    chosen = read_chosen(args.chosen, read_index(args.index))
    line_width = args.line_width if args.kind == "masks" else None
    place = args.marks or CONFIGURED[args.kind]
    export(chosen, classes, args.output, place, line_width, sheet_to_mark(chosen, classes))
    cli.log.info("%d images to mark are in %s; its README.txt tells how", len(chosen), args.output)


if __name__ == "__main__":
    cli.run(main, parse_args())
