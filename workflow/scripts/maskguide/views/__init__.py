"""The views by name: one file each for what changes what a network sees, declared in `<name>.yaml` beside it.

They compose with every method: the stores apply them to images and to masks, in training and in test; those
of training images alone are drawn anew in each epoch (`learning.batches.Change`).
"""

from __future__ import annotations

import argparse
import importlib
from collections.abc import Sequence
from pathlib import Path

from maskguide.data.store import ImageStore, MaskStore, View
from maskguide.learning.batches import Change
from maskguide.plan import declared, sources
from maskguide.system.files import InputError


def create(name: str, *given: object) -> View | Change:
    """The view of that name, of what the file says; of training images alone: of options and objects."""
    module = importlib.import_module(f"{__name__}.{name}")
    return getattr(module, declared.views()[name].class_name)(*given)


def given(args: argparse.Namespace) -> list[View]:
    """Those that a command line asks for by a file (`options.add_views`)."""
    names = [name for name, each in declared.views().items() if not each.training_only]
    return [create(name, Path(getattr(args, name))) for name in names if getattr(args, name)]


def changing(
    args: argparse.Namespace, images: ImageStore, seen: Sequence[View]
) -> tuple[list[Change], MaskStore | None]:
    """Those of training images alone that a command line asks for, and the store of objects that they read.

    seen: the views of `images`. `InputError` where masks of the objects are needed and not given.
    """
    options = vars(args)
    names = [name for name, each in declared.views().items() if each.training_only and options.get(name)]
    if not names:
        return [], None
    # by name, as the views themselves: what this run does not use is no input of it
    objects = importlib.import_module(f"{__name__}.objects")
    if args.objects is None:
        raise InputError(f"--{names[0]} {options[names[0]]}: needs --objects, made by pool_masks.py")
    if str(args.objects) == sources.RECTANGLES:
        store, found = None, objects.Rectangles(images)
    else:
        store = MaskStore(args.objects, seen)
        found = objects.Masked(images, store)
    return [create(name, options, found) for name in names], store
