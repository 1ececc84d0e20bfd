"""A method is two files: its code and its declaration. Nothing else is touched to train it."""

import json
import shutil
import subprocess
import sys

import pytest
from example_stores import make_squares
from maskguide.plan import imported

DECLARED = """
label: shrunk
place: 21
class: Shrunk
summary: The baseline with smaller features.
options:
  shrinking: {symbol: ς, description: factor of features, type: number, exclusiveMinimum: 0, default: 0.25}
"""


@pytest.mark.slow
def test_a_method_is_two_files(root, tmp_path):
    scripts = tmp_path / "scripts"
    shutil.copytree(root / "workflow" / "scripts", scripts, ignore=shutil.ignore_patterns("__pycache__"))
    methods = scripts / "maskguide" / "methods"
    code = (methods / "baseline.py").read_text()
    code = code.replace("class Baseline", "class Shrunk")
    code = code.replace(
        "self.backbone = backbone", 'self.backbone, self.factor = backbone, options["shrinking"]'
    )
    code = code.replace(
        "self.backbone(images)", "self.backbone.head(self.factor * self.backbone.features(images))"
    )
    (methods / "shrunk.py").write_text(code)
    (methods / "shrunk.yaml").write_text(DECLARED)
    stores = make_squares(tmp_path / "stores")

    def train(*words):
        command = [sys.executable, scripts / "train_classifier.py", "--store", stores / "store"]
        command += ["--dataset", "squares", "--backbone", "small", "--epochs", "1", "--crop", "32"]
        command += ["--freeze", "0", "--device", "cpu", "--output-dir", tmp_path / "run", "--method", *words]
        return subprocess.run(command, capture_output=True, text=True)

    said = " ".join(train("shrunk", "--help").stdout.split())
    assert "shrunk: ς, factor of features; default 0.25" in said
    assert train("shrunk", "--shrinking", "0").stderr == "error: --shrinking 0.0: must be above 0\n"
    found = {}
    for words in (["shrunk"], ["shrunk", "--shrinking", "1"], ["baseline"]):
        done = train(*words)
        assert done.returncode == 0, done.stderr
        found[" ".join(words)] = json.loads((tmp_path / "run" / "metrics.json").read_text())
        losses = (tmp_path / "run" / "history.csv").read_text().splitlines()[1].split(",")[2]
        found[" ".join(words)]["loss"] = losses
    assert found["shrunk"]["method"] == "shrunk"
    assert found["shrunk"]["loss"] != found["baseline"]["loss"]
    assert found["shrunk --shrinking 1"]["loss"] == found["baseline"]["loss"]


def test_a_training_imports_no_method_and_no_view(root):
    """They are found by name: a run depends on its own method's file, and on the views that it asks for."""
    scripts = root / "workflow" / "scripts"
    for script in ("train_classifier", "combine_scales", "attend_regions", "plot_cam"):
        files = {
            path.relative_to(scripts / "maskguide") for path in imported.modules(scripts / f"{script}.py")
        }
        names = {str(path) for path in files if path.parts[0] in ("methods", "views")}
        assert names <= {"methods/__init__.py", "views/__init__.py"}, script
