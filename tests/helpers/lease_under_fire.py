"""Many processes hold few pretended GPUs, some are killed: does a device ever have two owners, is one lost?

Each holder writes when its tenure began and ended into a record that knows nothing of the locks; a killed
one's tenure counts until just before the kill was sent. Overlaps are then found in the record alone.

Example:
    python tests/helpers/lease_under_fire.py --holders 20 --seconds 20
    python tests/helpers/lease_under_fire.py --holders 20 --seconds 20 --slots 1 2
"""

from __future__ import annotations

import argparse
import os
import random
import signal
import subprocess
import sys
import tempfile
import time
from collections import Counter
from dataclasses import dataclass
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[2] / "workflow" / "scripts"))

from maskguide.system import gpu

DEVICES = [gpu.Device("0", "GPU-aaa"), gpu.Device("1", "GPU-bbb")]
LISTING = "".join(f"GPU {each.name}: Pretended (UUID: {each.identity})\n" for each in DEVICES)
TENURES = 5  # of each holder, unless it is killed


@dataclass(frozen=True)
class Tenure:
    """A process on a device between two instants, in nanoseconds of the machine's monotonic clock."""

    device: str
    begin: int
    end: int
    slots: int


@dataclass(frozen=True)
class Outcome:
    """What happened. overlaps: beginnings at which a device had more holders than one of them allowed."""

    tenures: int
    kills: int
    kills_of_holders: int
    most_at_once: dict[str, int]
    overlaps: int
    lost: list[str]
    files_left: int


def pretend_gpus(folder: Path) -> dict[str, str]:
    """The environment of a machine with two GPUs, by a driver's tool in `folder`, and of no SLURM job."""
    tool = folder / "nvidia-smi"
    tool.write_text(f"#!/bin/sh\ncat <<'END'\n{LISTING}END\n")
    tool.chmod(0o755)
    plain = {name: value for name, value in os.environ.items() if not name.startswith(("SLURM_", "CUDA_"))}
    path = f"{folder}{os.pathsep}{plain.get('PATH', os.defpath)}"
    return {**plain, "PATH": path, "CUDA_VISIBLE_DEVICES": "0,1", gpu.FOLDER_VARIABLE: str(folder / "locks")}


def hold(record: Path, slots: int, seconds: float) -> None:
    """One holder: a few times take a device as a job does, note it, keep it, note the end."""
    devices = gpu.visible_devices(os.environ)
    for _ in range(TENURES):
        held = gpu.take(devices, slots, gpu.lock_folder(os.environ), poll_seconds=0.02)
        note(record, "begin", held.device.identity, slots)
        time.sleep(seconds)
        note(record, "end", held.device.identity, slots)
        held.release()


def note(record: Path, event: str, device: str, slots: int) -> None:
    file = os.open(record / device, os.O_WRONLY | os.O_APPEND | os.O_CREAT)
    os.write(file, f"{os.getpid()} {event} {time.monotonic_ns()} {slots}\n".encode())  # one write: never torn
    os.close(file)


def fire(folder: Path, holders: int, seconds: float, slots: list[int], seed: int = 0) -> Outcome:
    """Keep `holders` processes at it for so long, killing one of them every now and then; then look."""
    rng = random.Random(seed)
    environment = pretend_gpus(folder)
    record = folder / "record"
    record.mkdir()
    running: list[subprocess.Popen] = []
    killed: dict[int, int] = {}
    used: Counter[int] = Counter()
    ends = time.monotonic() + seconds
    while time.monotonic() < ends:
        running = [process for process in running if process.poll() is None]
        while len(running) < holders:
            words = ["--hold", str(rng.uniform(0.0, 0.1)), "--record", str(record)]
            words += ["--slots", str(rng.choice(slots))]
            running.append(subprocess.Popen([sys.executable, __file__, *words], env=environment))
            used[running[-1].pid] += 1
        time.sleep(rng.uniform(0.05, 0.25))
        owners = [process for process in running if process.pid in on_a_device(record)]
        victim = rng.choice(owners if owners and rng.random() < 0.7 else running)
        if victim.poll() is None:
            killed[victim.pid] = time.monotonic_ns()
            victim.send_signal(signal.SIGKILL)
            victim.wait()
    for process in running:
        if process.poll() is None:
            killed[process.pid] = time.monotonic_ns()
            process.kill()
            process.wait()
    assert max(used.values()) == 1, "a process number was used twice: the record cannot be read"
    tenures, cut_short = read_tenures(record, killed)
    assert {tenure.device for tenure in tenures} <= {device.identity for device in DEVICES}
    most = {device.identity: most_at_once(tenures, device.identity) for device in DEVICES}
    again = [device for device in DEVICES if gpu.take_now([device], 1, folder / "locks")[0] is not None]
    return Outcome(
        tenures=len(tenures),
        kills=len(killed),
        kills_of_holders=cut_short,
        most_at_once={device: count for device, (count, _) in most.items()},
        overlaps=sum(overlaps for _, overlaps in most.values()),
        lost=[device.identity for device in DEVICES if device not in again],
        files_left=len(list((folder / "locks").iterdir())),
    )


def events(record: Path) -> list[tuple[str, list[str]]]:
    return [
        (path.name, line.split())
        for path in sorted(record.iterdir())
        for line in path.read_text().splitlines()
    ]


def on_a_device(record: Path) -> set[int]:
    """Processes whose tenure began and did not end."""
    counts = Counter(int(words[0]) for _, words in events(record))
    return {process for process, count in counts.items() if count % 2}


def read_tenures(record: Path, killed: dict[int, int]) -> tuple[list[Tenure], int]:
    """All tenures, and how many of them a kill ended."""
    open_, tenures = {}, []
    for device, (process, event, instant, slots) in events(record):
        if event == "begin":
            open_[process] = (device, int(instant), int(slots))
        else:
            _, begin, slots = open_.pop(process)
            tenures.append(Tenure(device, begin, int(instant), slots))
    for process, (device, begin, slots) in open_.items():
        tenures.append(Tenure(device, begin, killed[int(process)], slots))
    return tenures, len(open_)


def most_at_once(tenures: list[Tenure], device: str) -> tuple[int, int]:
    """The most holders a device had, and at how many beginnings it had more than one of them allowed."""
    most = overlaps = 0
    own = [tenure for tenure in tenures if tenure.device == device]
    for tenure in own:
        together = [other for other in own if other.begin <= tenure.begin < other.end or other is tenure]
        most = max(most, len(together))
        overlaps += len(together) > min(other.slots for other in together)
    return most, overlaps


def main() -> int:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--holders", type=int, default=20, help="processes at a time")
    parser.add_argument("--seconds", type=float, default=20.0, help="how long")
    parser.add_argument("--slots", type=int, nargs="+", default=[1], help="each holder asks for one of these")
    parser.add_argument("--seed", type=int, default=0, help="seed of the kills")
    parser.add_argument("--hold", type=float, help=argparse.SUPPRESS)
    parser.add_argument("--record", type=Path, help=argparse.SUPPRESS)
    args = parser.parse_args()
    if args.hold is not None:
        hold(args.record, args.slots[0], args.hold)
        return 0
    with tempfile.TemporaryDirectory() as folder:
        outcome = fire(Path(folder), args.holders, args.seconds, args.slots, args.seed)
    print(f"{args.holders} holders at a time, slots {args.slots}, {args.seconds:g} s, 2 pretended GPUs")
    print(f"tenures {outcome.tenures}, kills {outcome.kills} ({outcome.kills_of_holders} on a device)")
    print(f"most holders at once {outcome.most_at_once}, lock files left {outcome.files_left}")
    print(f"overlaps {outcome.overlaps}, devices lost {len(outcome.lost)}")
    return 1 if outcome.overlaps or outcome.lost else 0


if __name__ == "__main__":
    sys.exit(main())
