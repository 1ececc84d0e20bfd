"""One snakemake at a time works in a folder; what a killed one left there, the next one clears.

Snakemake marks a folder by files that outlive it, so that after SIGKILL one has to know `--unlock`. The
kernel's locks die with their holder: where nobody holds one, the files are stale and are removed.
"""

from __future__ import annotations

import atexit
import fcntl
import os
import socket
import time
from pathlib import Path

import psutil

from maskguide.system import interruption

PRESENT = "maskguide.present"  # shared lock of every snakemake that has read the Snakefile, dry runs too
WORKER = "maskguide.worker"  # exclusive lock of the one that runs jobs; its content says who that is
BUSY = "another snakemake (pid {pid}) works in this folder: wait for it or stop it"
_held: list[int] = []  # kept open until the process ends


class AnotherSnakemakeError(Exception):
    """A snakemake runs jobs in this folder already; the message is one line for the user."""


def enter(state: Path = Path(".snakemake")) -> str | None:
    """Called while the Snakefile is read: clear what a killed snakemake left in its folder `state`.

    Its jobs that still run are ended, its files of locks removed. Returns a line for the user where another
    snakemake is at work, or where nobody can tell.
    """
    state.mkdir(parents=True, exist_ok=True)
    present = os.open(state / PRESENT, os.O_RDWR | os.O_CREAT, 0o666)
    _held.append(present)
    alone = lock(present, fcntl.LOCK_EX)
    worker = os.open(state / WORKER, os.O_RDWR | os.O_CREAT, 0o666)
    free = lock(worker, fcntl.LOCK_EX)
    named, _, host = os.pread(worker, 1000, 0).decode().strip().partition(" ")
    pid, line = named.partition(":")[0], None
    if named and host != socket.gethostname():  # locks may not reach from one machine to another
        line = f"another snakemake (pid {pid} on {host}) works in this folder, or was killed there: wait for "
        line += "it or stop it; if it runs no more, type snakemake --unlock"
    elif not free:
        line = BUSY.format(pid=pid)
    elif alone:
        if named:
            end_jobs(named)
        for path in state.glob("locks/*.lock"):
            path.unlink(missing_ok=True)
    os.close(worker)
    lock(present, fcntl.LOCK_SH)
    return line


def work(state: Path = Path(".snakemake")) -> None:
    """Called before the first job: this process is the one that works, until it ends.

    `AnotherSnakemakeError` where another does.
    """
    worker = os.open(state / WORKER, os.O_RDWR | os.O_CREAT, 0o666)
    # one that starts at this moment may look at the lock: ask a few times
    if not any(lock(worker, fcntl.LOCK_EX) or time.sleep(0.2) for _ in range(5)):
        pid = os.pread(worker, 1000, 0).decode().partition(":")[0]
        os.close(worker)
        raise AnotherSnakemakeError(BUSY.format(pid=pid))
    _held.append(worker)
    os.ftruncate(worker, 0)
    os.pwrite(worker, f"{interruption.identity(psutil.Process())} {socket.gethostname()}\n".encode(), 0)
    atexit.register(os.ftruncate, worker, 0)


def lock(handle: int, kind: int) -> bool:
    """Take the kernel's lock without waiting; False where another holds it or the disk knows no locks."""
    try:
        fcntl.flock(handle, kind | fcntl.LOCK_NB)
    except OSError:
        return False
    return True


def end_jobs(named: str, seconds: float = 12.0) -> None:
    """End what the dead snakemake `named` (PID:START) started here: two jobs would write one checkpoint.

    They end by themselves; this waits for it, and kills what does not within `seconds`. Jobs of SLURM are
    SLURM's.
    """
    orphans = []
    for process in psutil.process_iter():
        try:
            environment = process.environ()
        except (psutil.Error, OSError):
            continue  # another user's
        if environment.get(interruption.LEADER) == named and "SLURM_JOB_ID" not in environment:
            orphans.append(process)
    for act, patience in (("terminate", seconds), ("kill", 2.0)):
        for process in orphans:
            try:
                getattr(process, act)()
            except psutil.Error:
                continue
        _, orphans = psutil.wait_procs(orphans, timeout=patience)
