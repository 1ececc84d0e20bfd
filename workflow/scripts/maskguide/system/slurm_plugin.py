"""What Snakemake's executor plugin for SLURM (2.8.0) leaves to be done."""

from __future__ import annotations

import base64
import json
import os
import shutil
import subprocess
import sys
import time
import zlib
from pathlib import Path

COMMENTS = ("rule_", "group_")  # what the plugin's jobs are called
ARRAY_CALLS = "--slurm-jobstep-array-execs="


def become_array_task() -> None:
    """In a task of a job array, go on as the job that this task stands for; elsewhere do nothing.

    The plugin starts every task as the array's first job, and only then calls the right one: that deletes the
    first job's results and waits for them (snakemake-executor-plugin-slurm issue 447).
    """
    for word in sys.argv:
        if word.startswith(ARRAY_CALLS):
            calls = json.loads(base64.b64decode(word.removeprefix(ARRAY_CALLS)))
            call = calls.get(os.environ.get("SLURM_ARRAY_TASK_ID"))
            if call:  # the first task has none: it is the first job
                os.execvp("sh", ["sh", "-c", zlib.decompress(bytes.fromhex(call)).decode()])


def replace_sacct(stand_in: Path) -> None:
    """On a SLURM without accounting, let `sacct` be that of the folder `stand_in`, which asks the controller.

    The plugin asks sacct while the controller restarts; without an answer it forgets its jobs and waits for
    ever.
    """
    if shutil.which("sacct"):
        command = ["sacct", "--noheader", "--allocations", "--starttime=now"]
        if subprocess.run(command, capture_output=True).returncode:
            os.environ["PATH"] = f"{stand_in}{os.pathsep}{os.environ['PATH']}"


def cancel_left_behind(seconds: float = 60.0) -> None:
    """Cancel the jobs that a killed snakemake left in this folder's name, and wait until they are gone.

    Called once it is sure that no other snakemake works here: the same jobs are about to be submitted again.
    """
    left = own_jobs()
    if left:
        subprocess.run(["scancel", *left], capture_output=True, check=False)
    end = time.monotonic() + seconds
    while own_jobs() and time.monotonic() < end:
        time.sleep(1)


def own_jobs() -> list[str]:
    """The queue's jobs that were submitted by the plugin from this folder."""
    command = ["squeue", "--me", "--noheader", "--format=%i|%k|%Z"]
    answer = subprocess.run(command, capture_output=True, text=True, check=False).stdout
    jobs = [line.split("|", 2) for line in answer.splitlines()]
    here = str(Path.cwd())
    return [job for job, comment, folder in jobs if comment.startswith(COMMENTS) and folder == here]
