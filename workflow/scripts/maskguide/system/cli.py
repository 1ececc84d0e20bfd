"""What every script does around its work: log, say one clear line on bad input, record its options."""

from __future__ import annotations

import argparse
import atexit
import contextlib
import gc
import logging
import os
import platform
import subprocess
import sys
from collections.abc import Callable, Iterable
from importlib import metadata
from pathlib import Path
from typing import Any

from maskguide.system import interruption
from maskguide.system.files import InputError, refusal, write_yaml

log = logging.getLogger("maskguide")
RECORDED_PACKAGES = (
    *("numpy", "pandas", "torch", "torchvision", "segmentation-models-pytorch", "scikit-image"),
    "ultralytics",
)
# New objects between two searches for garbage; with Python's 700 there are 430 while PyTorch, which stays, is
# imported. Not more than this: each test of a network leaves a copy of it that only a search finds.
SEARCH_AFTER = 5000
RANGES = {
    "above_0": ("must be above 0", lambda value: value > 0),
    "at_least_1": ("must be at least 1", lambda value: value >= 1),
    "not_below_0": ("must not be below 0", lambda value: value >= 0),
    "from_0_to_1": ("must lie between 0 and 1", lambda value: 0 <= value <= 1),
}
MODULES = {"segmentation-models-pytorch": "segmentation_models_pytorch", "scikit-image": "skimage"}


def parser(docstring: str | None) -> argparse.ArgumentParser:
    """An argument parser that shows the script's docstring as written and each option's default."""

    class Formatter(argparse.ArgumentDefaultsHelpFormatter, argparse.RawDescriptionHelpFormatter):
        pass

    return argparse.ArgumentParser(description=docstring, formatter_class=Formatter, allow_abbrev=False)


def add_device_options(parser: argparse.ArgumentParser) -> None:
    """Where a job computes, for `gpu.lease`; it changes no result."""
    parser.add_argument("--device", default="auto", help="auto, cpu or cuda")
    parser.add_argument("--slots", type=int, default=1, help="jobs that may share one GPU")


def add_numerics_options(parser: argparse.ArgumentParser) -> None:
    """What the digits of a result depend on besides the seed."""
    add = parser.add_argument
    add("--deterministic", action="store_true", help="on CUDA, slower kernels with the same bits each time")
    half = "auto: networks compute in half precision where the device does; full: float32"
    add("--precision", choices=("auto", "full"), default="auto", help=half)


def check(args: argparse.Namespace, **ranges: Iterable[str]) -> None:
    """`InputError` for an option out of its range: `check(args, above_0=["epochs"])`; see `RANGES`.

    None, an option that is not given, is in all of them, a NaN in none.
    """
    for name, options in ranges.items():
        for option in options:
            value, (words, holds) = getattr(args, option), RANGES[name]
            if value is not None and not holds(value):
                raise InputError(f"--{option.replace('_', '-')} {value}: {words}")


def run(main: Callable[[argparse.Namespace], None], args: argparse.Namespace) -> None:
    """Call `main(args)` and end the process.

    An `InputError`, or a disk's refusal, is one line on standard error, exit code 2. SIGTERM, SIGINT and a
    snakemake that is gone end it with a line in the log, exit code 128 + signal.
    """
    logging.basicConfig(
        format="%(asctime)s %(message)s",
        datefmt="%H:%M:%S",
        level=logging.INFO,
        handlers=[interruption.Console()],
    )
    gc.set_threshold(SEARCH_AFTER)
    with interruption.heeded():
        interruption.follow_leader()
        try:
            main(args)
        except BaseException as error:
            stopped = interruption.behind(error)
            if stopped is not None:
                with contextlib.suppress(interruption.Stopped):  # no reader for the line either
                    log.info(interruption.farewell(stopped))
                raise stopped from None
            line = refusal(error) if isinstance(error, OSError) else str(error)
            if line is None or not isinstance(error, InputError | OSError):
                raise
            print(f"error: {one_line(line)}", file=sys.stderr)
            sys.exit(2)
    leave()


def leave() -> None:
    """End the process, its work done: modules and objects go with it, none is taken apart first.

    That takes Python a third of a second where PyTorch is loaded. What was registered for the end is called.
    """
    atexit._run_exitfuncs()  # as multiprocessing's processes do
    try:
        for stream in filter(None, (sys.stdout, sys.stderr)):  # None: closed before the start
            stream.flush()
    except OSError:  # a full disk, or a reader that is gone: Python's own end says so, with its exit code
        return
    os._exit(0)


def one_line(text: str) -> str:
    """`text` with line breaks, and what else a terminal would act on, written out: names are anybody's."""
    return "".join(each if each.isprintable() else ascii(each)[1:-1] for each in text)


def save_arguments(path: str | Path, args: argparse.Namespace) -> None:
    """Write `args.yaml`: the options, the versions of what computed, the commit (None outside git)."""
    options = {name: plain(value) for name, value in vars(args).items()}
    versions = {"python": platform.python_version()}
    for package in RECORDED_PACKAGES:
        if MODULES.get(package, package) in sys.modules:
            versions[package] = metadata.version(package)
    write_yaml(path, {"options": options, "versions": versions, "commit": git_commit()})


def plain(value: Any) -> Any:
    """An option as YAML can hold it: paths, alone or in a list, as text."""
    if isinstance(value, list):
        return [plain(each) for each in value]
    return str(value) if isinstance(value, Path) else value


def git_commit() -> str | None:
    """The commit of the code's checkout, with `-dirty` where tracked files were edited; None outside git."""
    command = ["git", "-C", str(Path(__file__).parent), "describe", "--always", "--dirty", "--abbrev=40"]
    try:
        done = subprocess.run(command, capture_output=True, text=True, check=True)
    except (OSError, subprocess.CalledProcessError):
        return None
    return done.stdout.strip()
