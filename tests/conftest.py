"""Fixtures shared by the tests: the project's root, and the real images beside it where there are any."""

import os
from pathlib import Path

import pytest
from hypothesis import settings

settings.register_profile("maskguide", deadline=None)  # a busy machine is no failure
settings.load_profile("maskguide")
os.environ.setdefault("OMP_NUM_THREADS", "1")
ROOT = Path(__file__).resolve().parents[1]


@pytest.fixture(scope="session")
def root() -> Path:
    """The project's root."""
    return ROOT


@pytest.fixture(scope="session")
def shared() -> Path:
    """The folder of real images and weights beside the project; a test that needs it skips without it."""
    folder = ROOT.parent / "shared"
    if not (folder / "data").is_dir():
        pytest.skip("needs the real images in ../shared")
    return folder
