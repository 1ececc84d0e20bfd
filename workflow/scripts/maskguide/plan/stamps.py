"""The code of a job as one file: thirty inputs less for snakemake to look at, for each of thousands of jobs.

A stamp lists a job's modules with their hashes. It changes when one of them does, when one is added, or left
out; then what was made by the code before is made again, as if the modules themselves were inputs.
"""

from __future__ import annotations

import os
from collections.abc import Sequence
from functools import cache
from hashlib import sha256
from pathlib import Path

from maskguide.system.files import atomic_file

FOLDER = ".snakemake/code"  # where snakemake works: made anew when it is gone


@cache
def stamped(files: tuple[str, ...], path: str) -> str:
    """The stamp of these modules at `path`, written if it is not what it should be.

    A new one is as old as the youngest module, so that a lost one re-runs nothing; a changed one is new.
    """
    text = "".join(f"{digest(file)} {file}\n" for file in files)
    place = Path(path)
    known = place.read_text(encoding="utf-8") if place.exists() else None
    if known != text:
        with atomic_file(place) as new:
            new.write_text(text, encoding="utf-8")
            if known is None:
                youngest = max(Path(file).stat().st_mtime_ns for file in files)
                os.utime(new, ns=(youngest, youngest))
    return path


@cache
def digest(file: str) -> str:
    return sha256(Path(file).read_bytes()).hexdigest()


def name_of(script: str, further: Sequence[str]) -> str:
    """Of a script and the modules it imports by name: `train_classifier+mga/modules.txt`.

    Each in a folder of its own: snakemake lists a folder once, and would not see what is written there later.
    """
    return "+".join([script, *(each.rpartition("/")[2] for each in further)]) + "/modules.txt"
