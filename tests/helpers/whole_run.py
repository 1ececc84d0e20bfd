"""The project as its tests run it: a copy to edit, snakemake in it, what is planned and measured."""

from __future__ import annotations

import csv
import json
import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import yaml

RESOURCES = ("resources/datasets.yaml", "resources/small-leaves.pth", "resources/small-leaves.pth.sha256")
PROJECT_FILES = ("Snakefile", "workflow", "config", "profiles", "envs", "CITATION.cff", *RESOURCES)
TIMES = ("seconds", "time", "date", "minutes", "hours")


def environment() -> dict[str, str]:
    """This process's, with the programs beside this Python first."""
    return {**os.environ, "PATH": f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}"}


def snakemake(folder: Path, *arguments: str) -> subprocess.CompletedProcess:
    """Snakemake on two cores in a copy of the project."""
    command = [sys.executable, "-m", "snakemake", "--cores", "2", *arguments]
    return subprocess.run(
        command, cwd=folder, env=environment(), capture_output=True, text=True, timeout=1800
    )


def plan(folder: Path, *arguments: str) -> str:
    """What a dry run prints."""
    done = snakemake(folder, "--dry-run", *arguments)
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


def jobs(folder: Path, *arguments: str) -> dict[str, int]:
    """Job counts by rule, as a dry run plans them; empty when nothing is to be done."""
    table = re.search(r"^job +count\n[- ]+\n(.*?)\n\n", plan(folder, *arguments), re.MULTILINE | re.DOTALL)
    return (
        {name: int(count) for name, count in (line.split() for line in table[1].splitlines())}
        if table
        else {}
    )


def copy_project(root: Path, folder: Path) -> Path:
    """What of the project a run needs, in a new folder."""
    for name in PROJECT_FILES:
        source, place = root / name, folder / name
        place.parent.mkdir(parents=True, exist_ok=True)
        if source.is_dir():
            shutil.copytree(source, place, ignore=shutil.ignore_patterns("__pycache__"))
        else:
            shutil.copy(source, place)
    return folder


def read_config(folder: Path, name: str) -> dict:
    """A config of the copy, to edit."""
    return yaml.safe_load((folder / "config" / name).read_text())


def write_config(folder: Path, content: dict) -> str:
    """Write an edited config into the copy; what --configfile calls it."""
    (folder / "edited.yaml").write_text(yaml.safe_dump(content))
    return "edited.yaml"


def trained(listing: str) -> set[str]:
    """The methods whose training jobs a dry run lists."""
    return set(re.findall(r"output: results/\w+/runs/\w+/split\d+/([a-z0-9_-]+)/\w+/seed\d", listing))


def measured(folder: Path) -> dict[str, list | dict]:
    """All tables and metrics of the smoke run in a copy, by path, without what is measured in time."""
    found: dict[str, list | dict] = {}
    for path in sorted((folder / "results/smoke").rglob("*")):
        name = str(path.relative_to(folder))
        if any(part in ("logs", "benchmarks", ".resume") for part in path.parts):
            continue
        if path.suffix == ".csv":
            with path.open(newline="", encoding="utf-8") as file:
                found[name] = [without_times(row) for row in csv.DictReader(file)]
        elif path.name == "metrics.json":
            found[name] = without_times(json.loads(path.read_text()))
    return found


def without_times(row: dict) -> dict:
    """The columns or keys that two runs share."""
    return {key: value for key, value in row.items() if not any(word in str(key).lower() for word in TIMES)}
