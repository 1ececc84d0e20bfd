"""What ends a script before its work is done: a signal, a snakemake that is gone, a log nobody reads.

Each of them ends it as an error would: what is half-written is removed, what a checkpoint holds is kept.
"""

from __future__ import annotations

import contextlib
import logging
import os
import signal
import sys
import threading
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from types import FrameType

import psutil

from maskguide.system import files

log = logging.getLogger("maskguide")
LEADER = "MASKGUIDE_SNAKEMAKE"  # PID:START of the snakemake whose job a script is
HEEDED = (signal.SIGTERM, signal.SIGINT, signal.SIGHUP)
GRACE_SECONDS = 8.0  # a script that is deep in a computation by then is ended where it stands
POLL_SECONDS = 1.0
_kept = ""  # what the checkpoint holds by now
_cause = ""  # why the script stops itself


class Stopped(SystemExit):
    """Raised in the main thread by a signal; the exit code is 128 + its number."""

    def __init__(self, number: int) -> None:
        super().__init__(128 + number)
        self.signal = signal.Signals(number)


_stopped: Stopped | None = None  # by the first signal that came


class Console(logging.StreamHandler):
    """Standard error; a script whose log is read by nobody any more (its `tee` was killed) stops.

    Snakemake counts such a job as failed and deletes its outputs: better that its checkpoint stays.
    """

    def handleError(self, record: logging.LogRecord) -> None:
        if isinstance(sys.exc_info()[1], BrokenPipeError):
            silence()
            raise Stopped(signal.SIGPIPE)
        super().handleError(record)


def silence() -> None:
    """Let standard error go nowhere: what is still to be flushed must not fail once more at the exit."""
    nowhere = os.open(os.devnull, os.O_WRONLY)
    os.dup2(nowhere, 2)
    os.close(nowhere)


def keep(what: str) -> None:
    """Note what a checkpoint holds from now on, such as "epoch 7"."""
    global _kept
    _kept = what


def farewell(stopped: Stopped) -> str:
    """The line that a stopped script leaves in its log."""
    by = _cause or f"stopped by {stopped.signal.name}"
    if _kept:
        return f"{by} after {_kept}; run the same command again to continue"
    return f"{by}; nothing half-written is left; run the same command again to start anew"


@contextmanager
def heeded() -> Iterator[None]:
    """Inside, signals raise `Stopped` in the main thread; a signal that was ignored (nohup) stays so."""
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    before = {}
    for number in HEEDED:
        if signal.getsignal(number) is not signal.SIG_IGN:
            before[number] = signal.signal(number, stop)
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


def stop(number: int, frame: FrameType | None) -> None:
    """The handler: later signals change nothing, and the end comes in any case."""
    global _stopped
    for each in HEEDED:
        signal.signal(each, signal.SIG_IGN)
    _stopped = Stopped(number)
    timer = threading.Timer(GRACE_SECONDS, end, (number,))
    timer.daemon = True
    timer.start()
    raise _stopped


def behind(error: BaseException) -> Stopped | None:
    """The signal behind an error: a loader whose workers got it too fails in a way of its own."""
    return error if isinstance(error, Stopped) else _stopped


def end(number: int) -> None:
    """Leave at once, from any thread, without half-written files."""
    files.remove_temporaries()
    os._exit(128 + number)


def announce() -> None:
    """Called by a snakemake: write into its environment, which its jobs inherit, who leads them."""
    os.environ.update({LEADER: identity(psutil.Process())})


def identity(process: psutil.Process) -> str:
    """PID and start, since numbers of processes are used again."""
    return f"{process.pid}:{process.create_time():.2f}"


def leader(environment: Mapping[str, str]) -> psutil.Process | None:
    """The living snakemake that the environment names; None for a script started by hand.

    The variable may be stale, or come from another machine through SLURM.
    """
    named = environment.get(LEADER, "")
    try:
        process = psutil.Process(int(named.partition(":")[0]))
        started = float(named.partition(":")[2])
        return process if abs(process.create_time() - started) < 1 and alive(process) else None
    except (ValueError, psutil.Error):
        return None


def alive(process: psutil.Process) -> bool:
    """Whether it runs; a killed one whose parent has not asked for it yet does not."""
    try:
        return process.is_running() and process.status() != psutil.STATUS_ZOMBIE
    except psutil.Error:
        return False


def follow_leader() -> None:
    """Stop this script once the snakemake that started it, or the shell between them, is gone.

    Nobody would wait for its result: a new snakemake starts the same job, and two would write one checkpoint.
    """
    snakemake = leader(os.environ)
    if snakemake is not None:
        parent = os.getppid()
        threading.Thread(target=watch, args=(snakemake, parent), name="watch", daemon=True).start()


def watch(snakemake: psutil.Process, parent: int) -> None:
    """Return never while all is well; otherwise send this process SIGTERM."""
    global _cause
    with contextlib.suppress(psutil.Error):
        orphan = snakemake not in psutil.Process().parents()
        while not orphan and alive(snakemake) and os.getppid() == parent:
            time.sleep(POLL_SECONDS)
    _cause = "stopped, as its shell is gone" if alive(snakemake) else "stopped, as its snakemake is gone"
    os.kill(os.getpid(), signal.SIGTERM)
