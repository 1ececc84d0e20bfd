"""The modules that a script depends on, by the text of its imports: as the syntax tree has them."""

import ast
from pathlib import Path

from maskguide.plan import code, declared

TEXT = '''"""Reads from maskguide.data; its users write
from maskguide.system import cli
"""
import maskguide, os
from maskguide.system import (  # two of them
    cli,  # the first
    gpu as devices,
)
import maskguide.system.files as files
from maskguide.data.store import ImageStore, MaskStore


def main():
    from maskguide.learning import training
'''


def parsed(path, folder):
    """The same by the syntax tree."""
    names = set()
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.Import):
            names |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom):
            names |= {node.module} | {f"{node.module}.{alias.name}" for alias in node.names}
    places = [folder.joinpath(*name.split(".")) for name in names if name.startswith("maskguide")]
    files = {file for place in places for file in (place.with_suffix(".py"), place / "__init__.py")}
    return {file for file in files if file.is_file()}


def test_every_script_as_the_syntax_tree_has_it(root):
    folder = root / "workflow" / "scripts"
    files = sorted(folder.rglob("*.py"))
    assert len(files) > 100
    for path in files:
        assert code.imported(path, folder) == parsed(path, folder), path


def test_names_in_brackets_with_comments_inside_functions_and_renamed(tmp_path, root):
    package = tmp_path / "maskguide"
    for name in (
        "__init__",
        "system/cli",
        "system/gpu",
        "system/files",
        "data/store",
        "learning/training",
        "unused",
    ):
        (package / name).parent.mkdir(parents=True, exist_ok=True)
        (package / f"{name}.py").write_text("")
    (package / "system/cli.py").write_text("from maskguide.unused import nothing\n")
    script = tmp_path / "script.py"
    script.write_text(TEXT)
    expected = {"__init__", "system/cli", "system/gpu", "system/files", "data/store", "learning/training"}
    assert code.imported(script, tmp_path) == {package / f"{name}.py" for name in expected}
    assert set(code.modules(script)) == {package / f"{name}.py" for name in (*expected, "unused")}


def test_a_job_depends_on_no_code_that_changes_no_result(root):
    scripts = root / "workflow" / "scripts"
    rooms = {
        each.parts[-2] for each in map(Path, code.of_job(scripts / "train_classifier.py", ("methods/mga",)))
    }
    assert not rooms & {"plan", "system", "drawing", "reporting", "marks", "leaves", "segment", "detect"}
    assert rooms >= {"data", "learning", "methods"}
    for script in scripts.glob("*.py"):
        found = [str(Path(each).relative_to(scripts)) for each in code.of_job(script)]
        assert not any("/plan/" in each or "/system/" in each for each in found), script
        if not script.name.startswith(code.SHOW):
            assert not any("/drawing/" in each or "/reporting/" in each for each in found), script


def test_a_training_depends_on_its_own_methods_file_alone(root):
    """And on what two methods share in a file of its own, but on no other method's."""
    scripts = root / "workflow" / "scripts"
    for name, method in declared.methods().items():
        if method.class_name:
            found = code.of_job(scripts / "train_classifier.py", (f"methods/{method.module}",))
            own = [Path(each).stem for each in found if "/methods/" in each]
            assert method.module in own
            known = {each.module for each in declared.methods().values()}  # others are what several share
            assert [each for each in own if each in known] == [method.module], name


def test_image_processing_is_an_input_of_jobs_that_use_it_alone(root):
    scripts = root / "workflow" / "scripts"
    for script in scripts.glob("*.py"):
        assert not any("automatic" in each for each in code.of_job(script)), script
    found = code.of_job(scripts / "make_masks.py", ("marks/automatic",))
    assert [each for each in found if "automatic" in each] and [
        each for each in found if "silhouette" in each
    ]


def test_what_shows_results_is_made_again_after_an_edit_of_what_it_says(root):
    for name in ("make_answer", "make_cards", "make_table"):
        found = code.of_job(root / "workflow" / "scripts" / f"{name}.py")
        assert any("/reporting/" in each for each in found), name
