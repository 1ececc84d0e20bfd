"""Processes that tests start and interrupt."""

import os
import subprocess
import time
from pathlib import Path

from maskguide.system import interruption

SCRIPTS = Path(interruption.__file__).parents[2]
SECONDS = 30.0  # that a busy machine may take to end a process; alone it is one or two


def environment(**others):
    return {**os.environ, "OMP_NUM_THREADS": "1", "PYTHONPATH": str(SCRIPTS), **others}


def start(command, **options):
    return subprocess.Popen(
        command,
        **{
            "stderr": subprocess.PIPE,
            "text": True,
            "env": environment(),
            "start_new_session": True,
            **options,
        },
    )


def until(condition, seconds=SECONDS):
    """Wait for it; whether it came."""
    end = time.monotonic() + seconds
    while not condition() and time.monotonic() < end:
        time.sleep(0.05)
    return condition()
