"""Lower rooms never import higher ones: the import graph is the rebuild graph."""

from pathlib import Path

import pytest
from maskguide.plan import code

ROOMS = (
    *("system", "plan", "data", "marks", "leaves", "learning", "views", "methods"),
    *("segment", "detect", "deploy", "reporting", "drawing"),
)
SIDE_BY_SIDE = {("segment", "detect"), ("detect", "segment")}  # neither knows the other


def room(path: Path, package: Path) -> str:
    return path.relative_to(package).parts[0]


def test_every_room_is_known(root):
    package = root / "workflow/scripts/maskguide"
    assert sorted(ROOMS) == sorted(
        each.name for each in package.iterdir() if (each / "__init__.py").is_file()
    )


@pytest.mark.parametrize("name", ROOMS)
def test_a_room_imports_lower_ones_alone(root, name):
    scripts = root / "workflow/scripts"
    package = scripts / "maskguide"
    for file in (package / name).glob("*.py"):
        for other in code.imported(file, scripts):
            if other.parent == package:
                continue
            there = room(other, package)
            assert ROOMS.index(there) <= ROOMS.index(name), f"{file.name} imports {there}/{other.name}"
            assert (name, there) not in SIDE_BY_SIDE, f"{file.name} imports {there}/{other.name}"


def test_the_plan_imports_neither_torch_nor_snakemake(root):
    for file in (root / "workflow/scripts/maskguide/plan").glob("*.py"):
        for word in ("torch", "snakemake", "pandas", "numpy"):
            assert f"import {word}" not in file.read_text() and f"from {word}" not in file.read_text(), file
