"""Tests lie in rooms named like the package's."""

OTHERS = {"helpers", "snakemake", "bench"}


def test_each_room_of_tests_is_one_of_the_package(root):
    package = {path.parent.name for path in (root / "workflow/scripts/maskguide").glob("*/*.py")}
    files = [path.relative_to(root / "tests") for path in (root / "tests").rglob("test_*.py")]
    assert {file.parts[0] for file in files} <= package | OTHERS
    assert {len(file.parts) for file in files} == {2}
    assert len({file.name for file in files}) == len(files), "pytest imports test files by their name alone"
