"""Which code a job depends on: an edit in one of these files re-runs it. Imports nothing heavy.

The import graph is the rebuild graph: a job depends on the modules that its script imports, directly or not.
Left out are rooms that change no result (`QUIET`); for a script that computes, also those that only show.
By the text of the import statements: parsing all scripts takes ten times as long, at each start of snakemake.
A line of a docstring that looks like an import counts as one, which at worst re-runs a job too many.
"""

from __future__ import annotations

import re
from functools import cache
from pathlib import Path

IMPORT = re.compile(
    r"^[ \t]*(?:import[ \t]+(?P<modules>maskguide[^\n#]*)"
    r"|from[ \t]+(?P<module>maskguide[\w.]*)[ \t]+import[ \t]*(?:\((?P<block>[^)]*)\)|(?P<names>[^\n#]*)))",
    re.MULTILINE,
)
COMMENT = re.compile(r"#[^\n]*")
QUIET = ("plan", "system")  # command line, devices, signals, files; what a run consists of
SHOWING = (
    "drawing",
    "reporting",
)  # looks and labels: results for scripts that show, none for those that compute
SHOW = ("plot_", "make_table", "make_answer", "make_cards", "collect_metrics", "evaluate_")


@cache
def of_job(script: Path, further: tuple[str, ...] = ()) -> tuple[str, ...]:
    """The files of the package that a job of `script` depends on, sorted.

    further: modules that it imports by name, such as "methods/mga".
    """
    package = script.parent / "maskguide"
    found = set(modules(script))
    for name in further:
        file = package / f"{name}.py"
        found |= {file, *modules(file, script.parent)}
    left_out = QUIET if script.name.startswith(SHOW) else (*QUIET, *SHOWING)
    return tuple(sorted(str(path) for path in found if path.relative_to(package).parts[0] not in left_out))


@cache
def modules(start: Path, folder: Path | None = None) -> tuple[Path, ...]:
    """The files of the package that `start` imports, directly or not, sorted.

    The package lies in `folder`, or beside `start`.
    """
    folder = folder or start.parent
    found: set[Path] = set()
    waiting = [start]
    while waiting:
        new = imported(waiting.pop(), folder) - found
        found |= new
        waiting += new
    return tuple(sorted(found))


@cache
def imported(path: Path, folder: Path) -> frozenset[Path]:
    """The files of the package in `folder` that the file `path` imports itself."""
    names: set[str] = set()
    for each in IMPORT.finditer(path.read_text(encoding="utf-8")):
        if each["modules"]:
            names |= set(first_words(each["modules"]))
        else:
            parts = first_words(COMMENT.sub("", each["block"] or each["names"] or ""))
            names |= {each["module"], *(f"{each['module']}.{part}" for part in parts)}
    places = [folder.joinpath(*name.split(".")) for name in names]
    files = [file for place in places for file in (place.with_suffix(".py"), place / "__init__.py")]
    return frozenset(file for file in files if file.is_file())


def first_words(listed: str) -> list[str]:
    """The names in `a, b as c`: a and b."""
    return [words[0] for words in (part.split() for part in listed.split(",")) if words]
