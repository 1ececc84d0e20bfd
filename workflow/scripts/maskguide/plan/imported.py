"""Which of the package's modules a script imports, directly or not. Imports nothing heavy.

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


@cache
def modules(script: Path) -> tuple[Path, ...]:
    """The files of the package that `script` depends on, sorted; the package lies beside the script."""
    found: set[Path] = set()
    waiting = [script]
    while waiting:
        new = imported(waiting.pop(), script.parent) - found
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
