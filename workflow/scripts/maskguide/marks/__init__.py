"""What people or image processing mark on images: masks and boxes, exported, read, drawn automatically."""

from __future__ import annotations

import importlib
from types import ModuleType


def image_processing() -> ModuleType:
    """`marks.automatic`, by name: an edit there re-runs those jobs alone that use it (`Settings.marking`)."""
    return importlib.import_module(f"{__name__}.automatic")
