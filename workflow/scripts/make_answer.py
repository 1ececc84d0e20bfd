"""The answer of a run in one page of plain words, from its tables: answer.md, and beside it answer.html.

Do masks help, how sure is that, what should be done next? The HTML holds its pictures and loads nothing. Of
--tables, comparisons (with their tests beside them), backgrounds and probe are read, all others passed over.

Example:
    python workflow/scripts/make_answer.py --tables results/demo/tables/*.csv \\
        --pictures results/demo/figures/compare.png --captions "All methods beside the plain network" \\
        --run demo --output results/demo/answer.md
"""

from __future__ import annotations

import argparse
from pathlib import Path

from maskguide.reporting import answer, labels
from maskguide.reporting.page import Picture, as_html, as_markdown
from maskguide.system import cli
from maskguide.system.files import InputError, write_text


def parse_args(argv: list[str] | None = None) -> argparse.Namespace:
    parser = labels.parser(__doc__)
    add = parser.add_argument
    add("--tables", type=Path, nargs="+", required=True, help="CSVs written by make_table.py")
    add("--pictures", type=Path, nargs="*", default=[], help="PNGs to show, in their order")
    add("--captions", nargs="*", default=[], help="what each of them shows")
    add("--run", required=True, help="name of the run")
    add("--output", type=Path, required=True, help="answer.md to write; answer.html lies beside it")
    return parser.parse_args(argv)


def main(args: argparse.Namespace) -> None:
    labels.know(args.names)
    if len(args.pictures) != len(args.captions):
        raise InputError(
            f"--captions: {len(args.captions)} for {len(args.pictures)} --pictures; give each one"
        )
    tables = [path for path in args.tables if not path.stem.endswith("_tests")]
    pictures = [Picture(*each) for each in zip(args.pictures, args.captions, strict=True)]
    page = answer.answer(answer.read_tables(tables), pictures)
    write_text(args.output.with_suffix(".html"), as_html(page, f"Made by maskguide of the run {args.run}."))
    write_text(args.output, as_markdown(page, args.output.parent))
    cli.log.info("%s", page[1][1][0] if page[1][0] == "list" else page[0][1])


if __name__ == "__main__":
    cli.run(main, parse_args())
