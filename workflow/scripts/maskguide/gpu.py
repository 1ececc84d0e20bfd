"""Take a free GPU before CUDA starts: Snakemake counts GPUs but never says which one."""

from __future__ import annotations

import logging
import os
import re
import subprocess
import tempfile
import time
from collections.abc import Mapping
from pathlib import Path

from filelock import FileLock, Timeout

from maskguide.files import InputError

log = logging.getLogger("maskguide")
_held: list[FileLock] = []  # kept until the process ends; the kernel frees them even on SIGKILL


def lease(slots: int = 1, device: str = "auto") -> str:
    """Return the torch device of this process, "cuda" or "cpu"; call it before anything starts CUDA.

    With several GPUs visible, one is taken by file lock (`slots` processes share a GPU) and becomes the
    only visible one, so that "cuda" always means the leased device. Waits until one is free.
    `device`: "auto" (a GPU where there is one), "cuda" (`InputError` where there is none) or "cpu".
    """
    if device not in ("auto", "cpu", "cuda"):
        raise InputError(f"--device {device}: unknown; choose auto, cpu or cuda")
    if device == "cpu":
        return "cpu"
    devices = visible_devices(os.environ)
    if devices:
        chosen, lock = take(devices, slots, lock_folder(os.environ))
        os.environ["CUDA_VISIBLE_DEVICES"] = chosen
        import torch  # only now: CUDA reads the variable once

        if torch.cuda.is_available():
            _held.append(lock)
            log.info("using GPU %s (%s)", chosen, torch.cuda.get_device_name())
            return "cuda"
        lock.release()
    if device == "cuda":
        raise InputError("--device cuda: this machine shows no usable GPU; choose --device cpu")
    return "cpu"


def visible_devices(environment: Mapping[str, str]) -> list[str]:
    """The devices this process may use: those of CUDA_VISIBLE_DEVICES, else all that the driver lists.

    Under SLURM a job without CUDA_VISIBLE_DEVICES was given no GPU, though it may see every one.
    """
    inherited = environment.get("CUDA_VISIBLE_DEVICES")
    if inherited is not None:
        names = [name.strip() for name in inherited.split(",")]
        return [name for name in names if name and name != "-1"]
    if "SLURM_JOB_ID" in environment:
        return []
    try:
        listing = subprocess.run(["nvidia-smi", "-L"], capture_output=True, text=True, check=True).stdout
    except (OSError, subprocess.CalledProcessError):
        return []
    return [str(index) for index in range(len(re.findall(r"^GPU \d+", listing, flags=re.MULTILINE)))]


def lock_folder(environment: Mapping[str, str]) -> Path:
    """Where the locks lie: one folder per user, and per SLURM job and step.

    SLURM numbers each job's own GPUs from 0, so that "0" means different GPUs in different jobs: what
    SLURM gave is shared out inside the job only.
    """
    folder = Path(tempfile.gettempdir()) / f"maskguide-gpu-{os.getuid()}"
    if "SLURM_JOB_ID" in environment:
        folder /= f"slurm-{environment['SLURM_JOB_ID']}-{environment.get('SLURM_STEP_ID', 'none')}"
    return folder


def take(devices: list[str], slots: int, folder: Path, poll_seconds: float = 1.0) -> tuple[str, FileLock]:
    """Lock a free slot of one of `devices`, empty devices first; while all are taken it says so and waits."""
    if slots < 1:
        raise InputError(f"--slots {slots}: a GPU needs at least one slot")
    folder.mkdir(parents=True, exist_ok=True, mode=0o700)
    waiting = False
    while True:
        for slot in range(slots):
            for name in devices:
                lock = FileLock(
                    folder / f"{re.sub(r'[^A-Za-z0-9-]', '_', name)}.slot{slot}.lock", thread_local=False
                )
                try:
                    lock.acquire(blocking=False)
                except Timeout:
                    continue
                return name, lock
        if not waiting:
            log.info("all of %d GPU(s) × %d slot(s) are taken; waiting for a free one", len(devices), slots)
            waiting = True
        time.sleep(poll_seconds)
