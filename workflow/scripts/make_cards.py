"""Write a card beside the networks of each cell of a run: card.md, what they are, how good, who may use them.

A cell is a data set, a split, a method and a backbone; its folder holds a folder for each seed. Of --tables,
comparisons and backgrounds are read, all others passed over.

Example:
    python workflow/scripts/make_cards.py --runs results/demo/runs/leaves/split1/mga/small/seed* \\
        --tables results/demo/tables/*.csv --citation CITATION.cff --data '{"leaves": {"title": "leaves", \\
        "licence": "MIT", "citation": "none", "homepage": "", "splits": 1}}'
"""

from __future__ import annotations

import argparse
import json
from pathlib import Path

from maskguide.reporting import answer, card, labels
from maskguide.reporting.page import as_markdown
from maskguide.reporting.runs import LAYOUT, read_runs
from maskguide.system import cli
from maskguide.system.files import read_json, read_yaml, write_text


def parse_args(argv: list[str] | None = None) -> argparse.Namespace:
    parser = labels.parser(__doc__)
    add = parser.add_argument
    add("--runs", type=Path, nargs="+", required=True, help=f"run folders, {LAYOUT}")
    add("--tables", type=Path, nargs="*", default=[], help="CSVs written by make_table.py")
    add("--data", type=json.loads, required=True, help="title, licence, … of each data set, as JSON")
    add("--citation", type=Path, required=True, help="CITATION.cff")
    return parser.parse_args(argv)


def main(args: argparse.Namespace) -> None:
    labels.know(args.names)
    references = read_yaml(args.citation).get("references", [])
    found = answer.read_tables(args.tables, needed=False)
    comparisons = {name: frame for name, (frame, _) in found.comparisons.items()}
    runs = read_runs(args.runs, one_part=False)
    cells = runs.groupby(runs["run"].map(lambda run: Path(run).parent), sort=False)
    for folder, own in cells:
        classes = read_json(Path(own["run"].iloc[0]) / "metrics.json")["classes"]
        data = args.data[own["dataset"].iloc[0]]
        page = card.card(folder, own, classes, data, comparisons, found.backgrounds, references)
        write_text(folder / "card.md", as_markdown(page, folder))
    cli.log.info("%d cards", len(cells))


if __name__ == "__main__":
    cli.run(main, parse_args())
