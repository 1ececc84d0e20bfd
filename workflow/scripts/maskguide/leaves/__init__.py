"""Generated leaves: cultivars, their shape and veins, painted; and photographed in sessions."""

from __future__ import annotations

import importlib
from types import ModuleType


def photography() -> ModuleType:
    """`leaves.sessions`, by name: an edit there makes no plain leaves anew (`Settings.generating`)."""
    return importlib.import_module(f"{__name__}.sessions")
