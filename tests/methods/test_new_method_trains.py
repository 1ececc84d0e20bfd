"""A method of two files, its code and its declaration, is trained with the options that it declares."""

import shutil
import subprocess
import sys

import pandas as pd
import pytest
from example_stores import make_squares

DECLARED = """
label: shrunk
place: 21
class: Shrunk
summary: The baseline with smaller features.
options:
  shrinking: {symbol: ς, description: factor of features, type: number, exclusiveMinimum: 0, default: 0.25}
"""


@pytest.mark.slow
def test_a_new_method_is_trained(root, tmp_path):
    scripts, stores = tmp_path / "scripts", make_squares(tmp_path / "stores")
    shutil.copytree(root / "workflow" / "scripts", scripts, ignore=shutil.ignore_patterns("__pycache__"))
    methods = scripts / "maskguide" / "methods"
    code = (methods / "baseline.py").read_text().replace("class Baseline", "class Shrunk")
    code = code.replace("feature_scale", "shrinking")
    (methods / "shrunk.py").write_text(code)
    (methods / "shrunk.yaml").write_text(DECLARED)

    def train(*words):
        command = [sys.executable, scripts / "train_classifier.py", "--store", stores / "store"]
        command += ["--dataset", "squares", "--backbone", "small", "--epochs", "1", "--crop", "32"]
        command += ["--freeze", "0", "--device", "cpu", "--output-dir", tmp_path / "run", "--method", *words]
        return subprocess.run(command, capture_output=True, text=True)

    assert train("shrunk", "--shrinking", "0").stderr == "error: --shrinking 0.0: must be above 0\n"
    losses = []
    for words in (["shrunk"], ["shrunk", "--shrinking", "1"], ["baseline"]):
        done = train(*words)
        assert done.returncode == 0, done.stderr
        losses += pd.read_csv(tmp_path / "run" / "history.csv")["loss"].tolist()
    assert losses[0] != losses[1] == losses[2]
