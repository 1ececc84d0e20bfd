"""The views by name: one file each for what changes what a network sees, declared in `<name>.yaml` beside it.

They compose with every method, in training and in test: the stores apply them to images and to masks.
"""

from __future__ import annotations

import argparse
import importlib
from pathlib import Path

from maskguide.data.store import View
from maskguide.plan import declared


def create(name: str, path: Path) -> View:
    """The view of that name, of what the file says."""
    module = importlib.import_module(f"{__name__}.{name}")
    return getattr(module, declared.views()[name].class_name)(path)


def given(args: argparse.Namespace) -> list[View]:
    """Those that a command line asks for (`options.add_views`)."""
    return [create(name, getattr(args, name)) for name in declared.views() if getattr(args, name)]
