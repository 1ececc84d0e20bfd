"""A real SLURM on this machine, for tests: one node, two pretended GPUs, everything in one folder.

Needs Debian's slurmctld, slurmd, slurm-client and munge, and root (slurmd changes users). A GPU is pretended
by a device file that is /dev/null under another name: SLURM counts it, gives it to one job at a time and sets
CUDA_VISIBLE_DEVICES; torch finds no CUDA behind it and computes on the CPU.
"""

from __future__ import annotations

import os
import re
import secrets
import shutil
import socket
import stat
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

PROGRAMS = ("munged", "slurmctld", "slurmd", "sbatch", "srun", "squeue", "scontrol")
CONFIGURATION = """\
ClusterName=mini
SlurmctldHost={host}(127.0.0.1)
SlurmUser=root
SlurmdUser=root
SlurmctldPort={controller_port}
SlurmdPort={node_port}
AuthType=auth/munge
AuthInfo=socket={folder}/munge/munge.socket
CredType=cred/munge
CommunicationParameters=NoCtldInAddrAny,NoInAddrAny
StateSaveLocation={folder}/state
SlurmdSpoolDir={folder}/spool
SlurmctldPidFile={folder}/run/slurmctld.pid
SlurmdPidFile={folder}/run/slurmd.pid
SlurmctldLogFile={folder}/log/slurmctld.log
SlurmdLogFile={folder}/log/slurmd.log
ProctrackType=proctrack/linuxproc
TaskPlugin=task/none
MpiDefault=none
MailProg=/bin/true
# Memory limits hold without cgroups: used memory is sampled, too much of it ends the job.
JobAcctGatherType=jobacct_gather/linux
JobAcctGatherFrequency=task=2
JobAcctGatherParams=OverMemoryKill
AccountingStorageType=accounting_storage/none
SchedulerType=sched/backfill
SchedulerParameters=sched_interval=2,bf_interval=5,batch_sched_delay=1
SelectType=select/cons_tres
SelectTypeParameters=CR_CPU_Memory
GresTypes=gpu
ReturnToService=2
MinJobAge=3600
KillWait=5
SlurmdParameters=config_overrides
NodeName={host} NodeAddr=127.0.0.1 CPUs={cpus} RealMemory={memory} Gres=gpu:2 State=UNKNOWN
PartitionName=gpu Nodes={host} Default=YES MaxTime=INFINITE DefaultTime=10 State=UP
"""
# The executor plugin takes SLURM's variables, SLURM_CONF too, from the srun inside a job.
SRUN = '#!/bin/sh\nSLURM_CONF={folder}/slurm.conf exec {srun} "$@"\n'


def missing() -> str | None:
    """Why no cluster can be started here; None if one can."""
    absent = [program for program in PROGRAMS if shutil.which(program) is None]
    if absent:
        return f"needs SLURM: {', '.join(absent)} not found (Debian: slurmctld slurmd slurm-client munge)"
    return None if os.getuid() == 0 else "needs root: slurmd starts jobs for users"


class Cluster:
    """A running cluster. `environment` is what its commands and jobs must be started with."""

    def __init__(self, folder: Path, cpus: int, memory: int) -> None:
        self.folder = folder
        for name in ("munge", "state", "spool", "run", "log", "dev", "bin"):
            (folder / name).mkdir(parents=True)
        host = socket.gethostname()
        ports = free_ports(2)
        (folder / "slurm.conf").write_text(
            CONFIGURATION.format(
                host=host,
                folder=folder,
                cpus=cpus,
                memory=memory,
                controller_port=ports[0],
                node_port=ports[1],
            )
        )
        (folder / "gres.conf").write_text(f"NodeName={host} Name=gpu File={folder}/dev/nvidia[0-1]\n")
        for index in range(2):
            os.mknod(folder / f"dev/nvidia{index}", 0o666 | stat.S_IFCHR, os.makedev(1, 3))
        key = folder / "munge/munge.key"
        key.write_bytes(secrets.token_bytes(1024))
        key.chmod(0o600)
        srun = folder / "bin/srun"
        srun.write_text(SRUN.format(folder=folder, srun=shutil.which("srun")))
        srun.chmod(0o755)
        path = [str(folder / "bin"), str(Path(sys.executable).parent), os.environ["PATH"]]
        self.environment = {
            **os.environ,
            "SLURM_CONF": str(folder / "slurm.conf"),
            "PATH": os.pathsep.join(path),
        }

    def run(self, *command: str) -> str:
        """What one of SLURM's commands prints."""
        done = subprocess.run(command, env=self.environment, capture_output=True, text=True)
        if done.returncode:
            raise RuntimeError(f"{' '.join(command)}: {done.stderr.strip()}")
        return done.stdout

    def start(self) -> None:
        """Start all daemons and wait for the node."""
        munge = self.folder / "munge"
        names = {"key-file": "munge.key", "socket": "munge.socket", "pid-file": "munge.pid"}
        names |= {"log-file": "munge.log", "seed-file": "munge.seed"}
        self.run("munged", "--force", *(f"--{option}={munge / name}" for option, name in names.items()))
        self.start_controller()
        self.run("slurmd", "-f", str(self.folder / "slurm.conf"), "-N", socket.gethostname())
        wait_until(lambda: self.answers() and self.run("sinfo", "-h", "-o", "%T").strip() == "idle", 30)

    def start_controller(self) -> None:
        self.run("slurmctld", "-f", str(self.folder / "slurm.conf"))

    def answers(self) -> bool:
        """Whether the controller is there."""
        done = subprocess.run(["scontrol", "ping"], env=self.environment, capture_output=True, text=True)
        return " is UP" in done.stdout

    def stop(self, name: str) -> None:
        """End the daemon whose pid stands in `name`, and wait for it."""
        pid_file = self.folder / name
        if not pid_file.is_file():
            return
        pid = int(pid_file.read_text())
        try:
            os.kill(pid, 15)
        except ProcessLookupError:
            return
        wait_until(lambda: not alive(pid), 30)

    def stop_all(self) -> None:
        """Cancel what runs and end all daemons."""
        if self.answers():
            self.run("scancel", "--user=root")
            wait_until(lambda: not self.run("squeue", "-h", "--states=R,CG").strip(), 30)
        for name in ("run/slurmctld.pid", "run/slurmd.pid", "munge/munge.pid"):
            self.stop(name)

    def jobs(self) -> list[dict[str, str]]:
        """What the controller remembers of all jobs, in order of submission: JobId, JobState, …"""
        lines = self.run("scontrol", "show", "job", "--oneliner").splitlines()
        jobs = [dict(re.findall(r"(\S+?)=(\S*)", line)) for line in lines if line.startswith("JobId=")]
        return sorted(jobs, key=lambda job: int(job["JobId"]))


def free_ports(count: int) -> list[int]:
    """Ports of the loopback that nobody listens on."""
    sockets = [socket.socket() for _ in range(count)]
    for each in sockets:
        each.bind(("127.0.0.1", 0))
    ports = [each.getsockname()[1] for each in sockets]
    for each in sockets:
        each.close()
    return ports


def alive(pid: int) -> bool:
    """Whether the process runs; a zombie does not."""
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except FileNotFoundError:
        return False


def wait_until(happened, seconds: float) -> None:
    """Wait for `happened()`; RuntimeError after that many seconds."""
    end = time.monotonic() + seconds
    while not happened():
        if time.monotonic() > end:
            raise RuntimeError(f"nothing happened within {seconds} s")
        time.sleep(0.2)


@contextmanager
def cluster(folder: Path, cpus: int = 8, memory: int = 16000) -> Iterator[Cluster]:
    """A cluster for as long as the block lasts; memory in MB."""
    made = Cluster(folder, cpus, memory)
    try:
        made.start()
        yield made
    finally:
        made.stop_all()
