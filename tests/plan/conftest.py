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


@pytest.fixture
def folder(tmp_path, monkeypatch):
    """A working folder with images, masks elsewhere, and an archive."""
    monkeypatch.chdir(tmp_path)
    for path in ("vines/images/elm/0.jpg", "vines/images/oak/0.png", "drawn/elm/0.png", "vines.zip"):
        Path(path).parent.mkdir(parents=True, exist_ok=True)
        Path(path).touch()
    return tmp_path
