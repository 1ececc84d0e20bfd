"""Two things that the SLURM executor plugin (2.8.0) leaves to be done."""

import base64
import json
import os
import shutil
import subprocess
import sys
import zlib

SACCT_FOLDER = f"{workflow.current_basedir}/../../profiles/slurm/bin"
ARRAY_CALLS = "--slurm-jobstep-array-execs="


def replace_sacct():
    """On a SLURM without accounting, have the controller answer what the plugin asks of sacct.

    The plugin asks sacct while the controller restarts; without an answer it forgets its jobs and waits for ever.
    """
    executor = workflow.executor_plugin
    if executor and executor.name == "slurm" and shutil.which("sacct"):
        question = ["sacct", "--noheader", "--allocations", "--starttime=now"]
        if subprocess.run(question, capture_output=True).returncode:
            os.environ["PATH"] = f"{SACCT_FOLDER}{os.pathsep}{os.environ['PATH']}"


def become_array_task():
    """In a task of a job array, go on as the job that this task stands for.

    The plugin starts every task as the array's first job, and only then calls the right one: that deletes the
    first job's results and waits for them (snakemake-executor-plugin-slurm issue 447).
    """
    for word in sys.argv:
        if word.startswith(ARRAY_CALLS):
            calls = json.loads(base64.b64decode(word.removeprefix(ARRAY_CALLS)))
            call = calls.get(os.environ.get("SLURM_ARRAY_TASK_ID"))
            if call:  # the first task has none: it is the first job
                command = zlib.decompress(bytes.fromhex(call)).decode()
                os.execv("/bin/sh", ["sh", "-c", command])


become_array_task()
