"""What the benchmarks of whole runs share: a copy of the project, and what a command in it takes."""

from __future__ import annotations

import os
import resource
import shutil
import subprocess
import sys
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any, NamedTuple

import yaml

ROOT = Path(__file__).resolve().parents[1]
RESOURCES = ("resources/datasets.yaml", "resources/small-leaves.pth", "resources/small-leaves.pth.sha256")
NEEDED = ("Snakefile", "workflow", "config", "profiles", "envs", "CITATION.cff", *RESOURCES)


class Taken(NamedTuple):
    """What a command took, in seconds, and what it printed."""

    wall: float
    cpu: float
    printed: str


def copy(folder: Path) -> Path:
    """What of the project a run needs, in a new folder."""
    for name in NEEDED:
        source, place = ROOT / name, folder / name
        place.parent.mkdir(parents=True, exist_ok=True)
        if source.is_dir():
            shutil.copytree(source, place, ignore=shutil.ignore_patterns("__pycache__"))
        else:
            shutil.copy(source, place)
    return folder


def write_config(folder: Path, config: dict[str, Any]) -> str:
    """A config, written into a copy of the project under its run's name; where it lies."""
    place = f"config/{config['run']}.yaml"
    (folder / place).write_text(yaml.safe_dump(config, sort_keys=False))
    return place


def butterflies(
    folder: Path, run: str, methods: Sequence[str], archive: Path | None, weights: Path | None
) -> dict[str, Any]:
    """The config of a run of these methods on the butterflies; what files are not given are downloaded."""
    config = yaml.safe_load((folder / "config/butterfly.yaml").read_text(encoding="utf-8"))
    (name,) = config["datasets"]
    rows = {"datasets": [name], "backbone": "mobilenet_v2", "methods": list(methods)}
    config |= {"run": run, "tables": {"compare": rows}}
    if archive:
        config["archives"] = {name: str(archive.resolve())}
    if weights:
        config["weights"] = {"mobilenet_v2": str(weights.resolve())}
    return config


def snakemake(folder: Path, *arguments: str) -> Taken:
    """Snakemake in a folder; exits with what it printed where it fails."""
    path = f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}"
    command = [sys.executable, "-m", "snakemake", *arguments]
    before, started = resource.getrusage(resource.RUSAGE_CHILDREN), time.perf_counter()
    done = subprocess.run(
        command,
        cwd=folder,
        env={**os.environ, "PATH": path, "OMP_NUM_THREADS": "1"},
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    )
    wall, after = time.perf_counter() - started, resource.getrusage(resource.RUSAGE_CHILDREN)
    if done.returncode:
        sys.exit(f"snakemake {' '.join(arguments)} in {folder} failed:\n{done.stdout[-4000:]}")
    cpu = after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime
    return Taken(wall, cpu, done.stdout)
