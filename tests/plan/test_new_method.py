"""A method is two files, its code and its declaration: nothing else is touched, no other job changes."""

import shutil
import subprocess
import sys
from pathlib import Path

import pytest

CODE = '''"""A copy of the baseline, whose loss is weighed."""

from torch import Tensor

from maskguide.learning.interface import Batch, Output
from maskguide.methods.baseline import Baseline


class Weighed(Baseline):
    def __init__(self, backbone, options):
        super().__init__(backbone, options)
        self.loss_weight = options["loss_weight"]

    def loss(self, output: Output, batch: Batch) -> dict[str, Tensor]:
        return {name: self.loss_weight * term for name, term in super().loss(output, batch).items()}
'''
DECLARATION = """
label: weighed baseline
place: 21
class: Weighed
summary: The baseline, its loss weighed.
section: weighed
options:
  loss_weight: {symbol: ω, description: weight of the loss, type: number, exclusiveMinimum: 0, default: 2.0}
"""
ASK = """
import sys
from pathlib import Path
from types import SimpleNamespace
from maskguide.plan.plan import Plan
from maskguide.plan.readme import readme
from maskguide.system.files import read_yaml

config = read_yaml("config/smoke.yaml")
if sys.argv[1:]:
    shown = {"datasets": ["leaves"], "backbone": "small"}
    config["tables"]["mine"] = {**shown, "methods": ["baseline", "weighed"]}
    config["weighed"] = {"loss_weight": 3.0}
plan = Plan(config, Path("workflow/scripts"))
for name in ("baseline", "mga", "aca-s2", *sys.argv[1:]):
    wildcards = SimpleNamespace(dataset="leaves", split=1, method=name, backbone="small", seed=1)
    print(name, plan.learns_by(wildcards).options, plan.code_of_run(wildcards))
if sys.argv[1:]:
    print(plan.table_runs("mine"))
    print([line for line in readme().splitlines() if "loss_weight" in line or "| `weighed` |" in line])
"""


@pytest.fixture
def project(root, tmp_path):
    for name in ("workflow", "config"):
        shutil.copytree(root / name, tmp_path / name, ignore=shutil.ignore_patterns("__pycache__"))
    (tmp_path / "resources").mkdir()
    shutil.copy(root / "resources/datasets.yaml", tmp_path / "resources")
    return tmp_path


def python(project: Path, *words: str) -> str:
    environment = {"PYTHONPATH": str(project / "workflow/scripts"), "PATH": "/usr/bin:/bin"}
    done = subprocess.run(
        [sys.executable, *words], cwd=project, env=environment, capture_output=True, text=True
    )
    assert done.returncode == 0, done.stderr
    return done.stdout


def test_a_method_is_two_files_and_changes_no_other_job(project):
    before = python(project, "-c", ASK)
    methods = project / "workflow/scripts/maskguide/methods"
    (methods / "weighed.py").write_text(CODE)
    (methods / "weighed.yaml").write_text(DECLARATION)
    after = python(project, "-c", ASK, "weighed")
    others = [line for line in after.splitlines() if line.startswith(("baseline", "mga", "aca"))]
    assert others == before.splitlines()
    own, runs, page = after.splitlines()[3:]
    assert "'loss_weight': 3.0" in own and "methods/weighed.py" in own
    assert "split1/weighed/small/seed1" in runs
    assert "| `loss_weight` | 2.0 | ω, weight of the loss. |" in page and "weighed baseline" in page
    told = " ".join(python(project, "workflow/scripts/train_classifier.py", "--help").split())
    assert "--loss-weight" in told and "weighed: ω, weight of the loss; default 2.0" in told
