from pathlib import Path

import pytest
from maskguide.plan.plan import Plan
from maskguide.system.files import read_yaml


@pytest.fixture
def plan(root, monkeypatch):
    """A plan of smoke.yaml, or of another config, with some keys replaced."""
    monkeypatch.chdir(root)

    def make(config="smoke", **edits) -> Plan:
        return Plan({**read_yaml(f"config/{config}.yaml"), **edits}, Path("workflow/scripts"))

    return make
