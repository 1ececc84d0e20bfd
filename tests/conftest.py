"""Fixtures shared by the tests: the project's root, and the real images beside it where there are any."""

import os
import signal
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest
from filelock import FileLock
from hypothesis import settings
from whole_run import copy_project, snakemake

settings.register_profile("maskguide", deadline=None)  # a busy machine is no failure
settings.load_profile("maskguide")
os.environ.setdefault("OMP_NUM_THREADS", "1")
if threading.current_thread() is threading.main_thread():
    # under nohup, or in the background of a script, what the tests start would ignore these signals
    signal.signal(signal.SIGINT, signal.default_int_handler)
    signal.signal(signal.SIGHUP, signal.SIG_DFL)
ROOT = Path(__file__).resolve().parents[1]
STARTING_SNAKEMAKE = {
    "project",
    "finished",
    "slurm",
}  # fixtures: who asks for one starts snakemake, in seconds


@pytest.hookimpl(tryfirst=True)
def pytest_collection_modifyitems(items) -> None:
    """What starts snakemake is slow; what is slow begins first, the longest of all foremost."""
    for item in items:
        if STARTING_SNAKEMAKE & set(item.fixturenames):
            item.add_marker("slow")
    items.sort(key=lambda item: ("slurm" not in item.fixturenames, item.get_closest_marker("slow") is None))


@pytest.fixture(scope="session", autouse=True)
def float32_in_this_process():
    """On whatever CPU: what a test calls computes in float32. What runs as a process does as for users."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("torch.cpu.get_capabilities", dict)
        yield


@pytest.fixture(scope="session", autouse=True)
def no_script_ends_this_process():
    """A script that should refuse its input, and does not, fails its test instead of ending all of them."""

    def leave():
        raise AssertionError("the script did its work")

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("maskguide.system.cli.leave", leave)
        yield


@pytest.fixture(scope="session")
def root() -> Path:
    """The project's root."""
    return ROOT


@pytest.fixture(scope="session")
def shared() -> Path:
    """The folder of real images and weights beside the project; a test that needs it skips without it."""
    folder = ROOT.parent / "shared"
    if not (folder / "data").is_dir():
        pytest.skip("needs the real images in ../shared")
    return folder


@pytest.fixture
def project(tmp_path) -> Path:
    """A copy of the project that a test may edit."""
    return copy_project(ROOT, tmp_path / "project")


@pytest.fixture
def finished(finished_run) -> Iterator[Path]:
    """A copy of the project in which the smoke run has ended; one test at a time, which leaves it so."""
    with FileLock(f"{finished_run}.used"):
        yield finished_run


@pytest.fixture(scope="session")
def finished_run(tmp_path_factory) -> Path:
    """That copy; made once, whichever worker asks first."""
    shared_by_workers = tmp_path_factory.getbasetemp()
    if "PYTEST_XDIST_WORKER" in os.environ:
        shared_by_workers = shared_by_workers.parent
    folder = shared_by_workers / "smoke"
    with FileLock(f"{folder}.lock"):
        if not folder.is_dir():
            done = snakemake(copy_project(ROOT, folder), "--configfile", "config/smoke.yaml")
            (folder / "printed").write_text(done.stdout + done.stderr)
        assert (folder / "results/smoke/metrics.csv").is_file(), (folder / "printed").read_text()[-8000:]
    return folder
