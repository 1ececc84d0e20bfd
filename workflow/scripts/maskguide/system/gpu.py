"""Take a free GPU before CUDA starts: Snakemake counts GPUs but never says which one.

Who holds a device has a locked file in a folder that all jobs of a user on a machine share. The kernel
unlocks it when the process ends, however it ends, and an unlocked file counts for nothing: no device is lost.
"""

from __future__ import annotations

import logging
import os
import re
import stat
import subprocess
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from filelock import FileLock, Timeout

from maskguide.system.files import InputError

log = logging.getLogger("maskguide")
FOLDER_VARIABLE = "MASKGUIDE_LOCKS"
# Not $TMPDIR: Snakemake and SLURM give each job one of its own, where it would not see the others' locks.
SAME_FOR_ALL_JOBS = Path("/tmp")
SAY_AGAIN = 600.0  # seconds between two lines of a job that waits
_held: list[Held] = []  # kept until the process ends


@dataclass(frozen=True)
class Device:
    """A GPU, or a part of one (MIG): what CUDA_VISIBLE_DEVICES calls it, and the name of its locks.

    The latter is its UUID where that is known, so that jobs which call it differently see each other.
    """

    name: str
    identity: str


@dataclass(frozen=True)
class Listed:
    """A GPU as the driver lists it; instances: UUIDs of the parts it is cut into, none if it is whole."""

    model: str
    uuid: str | None
    instances: tuple[str, ...]


@dataclass(frozen=True)
class Holder:
    """A living process on a device, and how many, itself included, it allows there."""

    slots: int
    process: int


@dataclass(frozen=True)
class Held:
    """A device that this process holds."""

    device: Device
    lock: FileLock

    def release(self) -> None:
        """Give the device back before the process ends."""
        self.lock.release()


def lease(slots: int = 1, device: str = "auto", deterministic: bool = False) -> str:
    """Return the torch device of this process, "cuda" or "cpu"; call it before anything imports torch.

    One of the visible GPUs is taken and becomes the only visible one, so that "cuda" always means it: one
    without a job if there is any, else one that has room. `slots`: how many jobs may be on the device at a
    time, this one included, as every one of them must allow; 1 wants it alone. Waits while there is no room,
    and says so; a job that wants a device alone may wait while smaller ones come and go.
    `device`: "auto" (a GPU where there is one), "cuda" (`InputError` where there is none) or "cpu".
    `deterministic`: see `use_deterministic_kernels`.
    """
    if device not in ("auto", "cpu", "cuda"):
        raise InputError(f"--device {device}: unknown; choose auto, cpu or cuda")
    if slots < 1:
        raise InputError(f"--slots {slots}: a GPU needs at least one slot")
    if device == "cpu":
        return "cpu"
    devices = visible_devices(os.environ)
    if devices:
        held = take(devices, slots, lock_folder(os.environ))
        os.environ["CUDA_VISIBLE_DEVICES"] = held.device.name
        if deterministic:
            os.environ["CUBLAS_WORKSPACE_CONFIG"] = ":4096:8"  # read when CUDA's linear algebra starts
        import torch  # only now: CUDA reads the variables once

        if torch.cuda.is_available():
            _held.append(held)
            if deterministic:
                use_deterministic_kernels()
            log.info("using GPU %s (%s)", held.device.name, torch.cuda.get_device_name())
            return "cuda"
        held.release()
        log.warning("GPU %s is there, but CUDA cannot use it: computing on the CPU", held.device.name)
    if device == "cuda":
        raise InputError("--device cuda: this machine shows no usable GPU; choose --device cpu")
    return "cpu"


def use_deterministic_kernels() -> None:
    """From now on the same input gives the same bits on the same GPU, at the price of slower kernels.

    An operation that has no such kernel is computed all the same, and PyTorch's warning names it: a training
    that ends is worth more than one that refuses to start.
    """
    import torch

    torch.backends.cudnn.benchmark = False
    torch.backends.cudnn.deterministic = True
    torch.use_deterministic_algorithms(True, warn_only=True)
    torch.utils.deterministic.fill_uninitialized_memory = False  # nothing here reads what it has not written


def visible_devices(environment: Mapping[str, str]) -> list[Device]:
    """The devices this process may use: those of CUDA_VISIBLE_DEVICES, else all that the driver lists.

    As CUDA does, it looks no further than the first name that is none ("", "-1", "NoDevFiles", a GPU that is
    not there). Under SLURM a job without CUDA_VISIBLE_DEVICES was given no GPU, though it may see every one.
    """
    inherited = environment.get("CUDA_VISIBLE_DEVICES")
    if inherited is None and "SLURM_JOB_ID" in environment:
        return []
    gpus = listed_gpus() if inherited is None or inherited.strip() not in ("", "-1") else []
    if inherited is not None:
        names = [name.strip() for name in inherited.split(",")]
    elif any(gpu.instances for gpu in gpus):  # CUDA shows a part where its UUID is given
        names = [uuid for gpu in gpus for uuid in gpu.instances or (gpu.uuid,) if uuid]
    else:
        names = [str(index) for index in range(len(gpus))]
    # CUDA counts the fastest GPU first, the driver goes by the bus: the same order where all are alike.
    ordered = environment.get("CUDA_DEVICE_ORDER") == "PCI_BUS_ID" or len({gpu.model for gpu in gpus}) == 1
    found: dict[str, Device] = {}
    for name in names:
        identity = identify(name, gpus, ordered)
        if identity is None:
            break
        found.setdefault(identity, Device(name, identity))
    if gpus and not found:
        log.warning("CUDA_VISIBLE_DEVICES=%s names none of this machine's %d GPU(s)", inherited, len(gpus))
    return list(found.values())


def listed_gpus() -> list[Listed]:
    """The GPUs that the driver's tool lists; none where it is not there or fails."""
    try:
        command = ["nvidia-smi", "-L"]
        listing = subprocess.run(command, capture_output=True, text=True, check=True, timeout=60).stdout
    except (OSError, subprocess.SubprocessError):
        return []
    gpus = []
    for part in re.split(r"^(?=GPU \d+)", listing, flags=re.MULTILINE)[1:]:
        first, *others = part.splitlines()
        uuid = re.search(r"\(UUID: ([^)\s]+)\)", first)
        instances = re.findall(r"\(UUID: (MIG-[^)\s]+)\)", "\n".join(others))
        model = re.sub(r"^GPU \d+:?|\(UUID.*", "", first).strip()
        gpus.append(Listed(model, uuid and uuid[1], tuple(instances)))
    return gpus


def identify(name: str, gpus: Sequence[Listed], ordered: bool) -> str | None:
    """The name of the locks of a device; None where `name` is no device.

    UUIDs may be abbreviated. `ordered`: numbers count the GPUs in the order of `gpus`.
    """
    if name.isdecimal():
        if not gpus:
            return name
        if int(name) >= len(gpus):
            return None
        gpu = gpus[int(name)]
        return (gpu.instances[0] if gpu.instances else gpu.uuid or name) if ordered else name
    if not re.match(r"GPU-.|MIG-.", name):
        return None
    known = {gpu.uuid: gpu.instances[0] if gpu.instances else gpu.uuid for gpu in gpus if gpu.uuid}
    known |= {uuid: uuid for gpu in gpus for uuid in gpu.instances}
    matching = {identity for uuid, identity in known.items() if uuid.startswith(name)}
    if len(matching) == 1:
        return matching.pop()
    # Older drivers call a part MIG-<UUID of the GPU>/<number>/<number>, which the list does not show.
    return name if not known or "/" in name else None


def lock_folder(environment: Mapping[str, str]) -> Path:
    """Where the locks lie: one folder per user and machine, and per SLURM job and step.

    SLURM numbers each job's own GPUs from 0, so that "0" means different GPUs in different jobs: what
    SLURM gave is shared out inside the job only.
    """
    folder = Path(environment.get(FOLDER_VARIABLE) or SAME_FOR_ALL_JOBS / f"maskguide-gpu-{os.getuid()}")
    if "SLURM_JOB_ID" in environment:
        folder /= f"slurm-{environment['SLURM_JOB_ID']}-{environment.get('SLURM_STEP_ID', 'none')}"
    return folder


def take(devices: Sequence[Device], slots: int, folder: Path, poll_seconds: float = 1.0) -> Held:
    """Hold one of `devices`, the one with the fewest holders; while none is free it says so and waits."""
    make_lock_folder(folder)
    started, said = time.monotonic(), None
    while True:
        try:
            held, others = take_now(devices, slots, folder)
        except OSError as error:
            raise unusable(folder, error.strerror) from error
        if held is not None:
            return held
        waited = time.monotonic() - started
        if said is None or waited - said >= SAY_AGAIN:
            said = waited
            numbers = ", ".join(str(number) for number in sorted({other.process for other in others}))
            log.info(
                "waiting for a free one of %d GPU(s) since %.0f min; process(es) %s hold them: it goes on"
                " when one ends; small trainings may share a GPU (slots)",
                *(len(devices), waited / 60, numbers or "unknown"),
            )
        time.sleep(poll_seconds)


def take_now(devices: Sequence[Device], slots: int, folder: Path) -> tuple[Held | None, list[Holder]]:
    """One try: the device taken, or None and who holds the others. `OSError` where files cannot be locked."""
    guard = FileLock(folder / "guard", thread_local=False, fallback_to_soft=False)
    try:
        guard.acquire(timeout=10)
    except Timeout:  # its owner was stopped, say, in a debugger
        return None, []
    try:
        holders = {device: living_holders(device, folder) for device in devices}
        room = {device: min([slots, *(each.slots for each in others)]) for device, others in holders.items()}
        free = [device for device, others in holders.items() if len(others) < room[device]]
        if not free:
            return None, [other for others in holders.values() for other in others]
        device = min(free, key=lambda each: len(holders[each]))
        name = f"{file_name(device)}.{slots}.{os.getpid()}.{time.monotonic_ns()}"
        lock = FileLock(folder / name, thread_local=False, fallback_to_soft=False)
        lock.acquire(blocking=False)  # nobody else can know of it
        return Held(device, lock), []
    finally:
        guard.release()


def living_holders(device: Device, folder: Path) -> list[Holder]:
    """Who holds a device; files of processes that ended are removed. To be called under the guard."""
    living = []
    for path in folder.glob(f"{file_name(device)}.*.*.*"):  # other files are nobody's
        slots, process, _ = path.name.split(".")[1:]
        lock = FileLock(path, thread_local=False, fallback_to_soft=False)
        try:
            lock.acquire(blocking=False)
        except Timeout:
            living.append(Holder(int(slots), int(process)))
            continue
        path.unlink()
        lock.release()
    return living


def file_name(device: Device) -> str:
    """A device's identity in the letters of a plain file name."""
    return re.sub(r"[^A-Za-z0-9-]", "_", device.identity)


def make_lock_folder(folder: Path) -> None:
    """Make sure of a folder for the locks that is this user's own; `InputError` where it cannot be."""
    if folder.name.startswith("slurm-"):
        make_lock_folder(folder.parent)
    try:
        folder.mkdir(parents=True, exist_ok=True, mode=0o700)
        found = folder.lstat()
    except OSError as error:
        raise unusable(folder, error.strerror) from error
    if not stat.S_ISDIR(found.st_mode):
        raise unusable(folder, "is no folder")
    if found.st_uid != os.getuid():
        raise unusable(folder, "belongs to another user")


def unusable(folder: Path, reason: str | None) -> InputError:
    return InputError(
        f"{folder}: {reason}, and the locks by which jobs share GPUs lie there; set {FOLDER_VARIABLE} to a"
        " folder of this machine, the same for all jobs"
    )
