"""The lease of a device: who gets which, who waits, what is left when a process dies."""

import logging
import os
import signal
import subprocess
import sys
import threading
import time
from pathlib import Path

import pytest
from maskguide.system import gpu
from maskguide.system.files import InputError

TWO = [gpu.Device("0", "GPU-aaa"), gpu.Device("1", "GPU-bbb")]
LEASE = (
    "from maskguide.system import gpu; from pathlib import Path; import os, sys, time;"
    "devices = [gpu.Device(name, name) for name in '01'];"
    "held = gpu.take(devices, 1, Path(sys.argv[1]), 0.05); print(held.device.name, flush=True);"
    "child = os.fork() if 'fork' in sys.argv else 0; os.write(1, b'%d\\n' % child); time.sleep(60)"
)
PLAIN = "GPU 0: A100 (UUID: GPU-aaa-1)\nGPU 1: A100 (UUID: GPU-aab-2)\n"
MIXED = "GPU 0: A100 (UUID: GPU-aaa-1)\nGPU 1: T4 (UUID: GPU-aab-2)\n"
CUT = (
    "GPU 0: A100 (UUID: GPU-aaa-1)\n  MIG 1g.5gb      Device  0: (UUID: MIG-1)\n"
    "  MIG 1g.5gb      Device  1: (UUID: MIG-2)\nGPU 1: A100 (UUID: GPU-aab-2)\n"
)


def start_lease(folder, root, *words):
    process = subprocess.Popen(
        [sys.executable, "-c", LEASE, str(folder), *words],
        cwd=root / "workflow" / "scripts",
        stdout=subprocess.PIPE,
        text=True,
    )
    return process, process.stdout.readline().strip()


def held_by(devices, slots, folder):
    """What a job gets now; None where it would wait."""
    held, _ = gpu.take_now(devices, slots, folder)
    return held


@pytest.fixture
def driver(tmp_path, monkeypatch):
    """Pretend a driver's tool that prints this."""

    def pretend(listing):
        tool = tmp_path / "tools" / "nvidia-smi"
        tool.parent.mkdir(exist_ok=True)
        tool.write_text(f"#!/bin/sh\necho '{listing}'\n" if listing is not None else "#!/bin/sh\nexit 9\n")
        tool.chmod(0o755)
        monkeypatch.setenv("PATH", str(tool.parent))

    return pretend


def names(environment):
    return [device.name for device in gpu.visible_devices(environment)]


def identities(environment):
    return [device.identity for device in gpu.visible_devices(environment)]


def test_each_process_gets_a_device_of_its_own_and_sigkill_frees_it(tmp_path, root):
    first, device = start_lease(tmp_path, root)
    second, other = start_lease(tmp_path, root)
    try:
        assert {device, other} == {"0", "1"}
        both = [gpu.Device(name, name) for name in "01"]
        assert held_by(both, 1, tmp_path) is None
        first.send_signal(signal.SIGKILL)
        first.wait()
        assert held_by(both, 1, tmp_path).device.name == device
    finally:
        for process in (first, second):
            process.kill()
            process.wait()


def test_children_do_not_keep_a_dead_process_device(tmp_path, root):
    """A loader's worker outlives its training by seconds: what it inherits must not hold the GPU."""
    process, device = start_lease(tmp_path, root, "fork")
    child = max(int(process.stdout.readline()) for _ in range(2))
    try:
        process.send_signal(signal.SIGKILL)
        process.wait()
        os.kill(child, 0)  # it lives
        assert held_by([gpu.Device(device, device)], 1, tmp_path).device.name == device
    finally:
        os.kill(child, signal.SIGKILL)


def test_programs_started_by_the_holder_do_not_keep_its_device(tmp_path):
    held = gpu.take(TWO[:1], 1, tmp_path)
    program = subprocess.Popen([sys.executable, "-c", "import time; time.sleep(60)"], close_fds=False)
    try:
        held.release()
        assert held_by(TWO[:1], 1, tmp_path).device == TWO[0]
        assert program.poll() is None
    finally:
        program.kill()
        program.wait()


def test_slots_share_a_device_only_when_all_have_a_job(tmp_path):
    held = [gpu.take(TWO, 2, tmp_path) for _ in range(4)]
    assert [each.device.name for each in held] == ["0", "1", "0", "1"]
    assert held_by(TWO, 2, tmp_path) is None
    held[3].release()
    held[1].release()
    assert held_by(TWO, 2, tmp_path).device.name == "1"


def test_who_wants_a_device_alone_shares_with_nobody(tmp_path):
    """The segmenter (1 slot) beside classifiers (2): neither joins the other."""
    one = TWO[:1]
    small = gpu.take(one, 2, tmp_path)
    assert held_by(one, 1, tmp_path) is None
    another = held_by(one, 3, tmp_path)
    assert another is not None and held_by(one, 3, tmp_path) is None  # the first allowed two
    small.release()
    another.release()
    large = gpu.take(one, 1, tmp_path)
    assert held_by(one, 2, tmp_path) is None
    large.release()


def test_the_same_gpu_under_another_name_is_the_same(tmp_path):
    held = gpu.take([gpu.Device("0", "GPU-aaa")], 1, tmp_path)
    assert held_by([gpu.Device("GPU-a", "GPU-aaa")], 1, tmp_path) is None
    held.release()


def test_files_of_ended_holders_do_not_pile_up(tmp_path):
    for _ in range(20):
        gpu.take(TWO[:1], 1, tmp_path).release()
    gpu.take(TWO[:1], 1, tmp_path)
    assert len(list(tmp_path.iterdir())) == 2  # the guard, and the last one's


def test_files_that_are_no_locks_of_ours_are_left_alone(tmp_path):
    stray = tmp_path / f"{gpu.file_name(TWO[0])}.slot0.lock"
    stray.touch()
    gpu.take(TWO[:1], 1, tmp_path).release()
    assert stray.exists()


def test_waits_for_a_free_device_and_says_so(tmp_path, caplog, monkeypatch):
    caplog.set_level(logging.INFO, logger="maskguide")
    monkeypatch.setattr(gpu, "SAY_AGAIN", 0.2)
    device = gpu.Device("GPU-8a/1", "GPU-8a/1")
    held = gpu.take([device], 1, tmp_path)
    releases = []

    def said():
        return [line for line in caplog.messages if line.startswith("waiting for a free one of 1 GPU(s)")]

    def release_when_said_twice():
        while len(said()) < 2:
            time.sleep(0.02)
        releases.append(held)
        held.release()

    threading.Thread(target=release_when_said_twice, daemon=True).start()
    assert gpu.take([device], 1, tmp_path, poll_seconds=0.05).device == device
    assert releases == [held]
    assert f"process(es) {os.getpid()} hold them: it goes on when one ends;" in said()[0]


def test_a_guard_that_is_stuck_stops_nobody_for_ever(tmp_path, root):
    """A process stopped in the instant it looks for a device: the others wait for it, say so, and go on."""
    code = (
        "from filelock import FileLock; import sys, time;"
        "lock = FileLock(sys.argv[1]); lock.acquire(); print(1, flush=True); time.sleep(60)"
    )
    process = subprocess.Popen(
        [sys.executable, "-c", code, str(tmp_path / "guard")], stdout=subprocess.PIPE, text=True
    )
    assert process.stdout.readline() == "1\n"
    threading.Timer(0.5, process.kill).start()
    assert gpu.take(TWO, 1, tmp_path).device == TWO[0]
    process.wait()


@pytest.mark.parametrize(
    ("inherited", "expected"),
    [
        ("0", ["0"]),
        ("1,0", ["1", "0"]),
        (" 1 , 0 ", ["1", "0"]),
        ("0,0,1", ["0", "1"]),
        ("0,GPU-aaa,1", ["0", "1"]),
        ("GPU-aab", ["GPU-aab"]),
        ("GPU-aa", []),
        ("GPU-b,0", []),
        ("1,7,0", ["1"]),
        ("0,-1,1", ["0"]),
        ("", []),
        ("-1", []),
        ("NoDevFiles", []),
        ("none", []),
    ],
)
def test_inherited_devices_are_read_as_cuda_reads_them(driver, inherited, expected):
    driver(PLAIN)
    assert names({"CUDA_VISIBLE_DEVICES": inherited}) == expected


def test_all_that_the_driver_lists_where_nothing_is_inherited(driver):
    driver(PLAIN)
    assert names({}) == ["0", "1"]
    assert (
        identities({})
        == identities({"CUDA_VISIBLE_DEVICES": "GPU-aaa,GPU-aab"})
        == ["GPU-aaa-1", "GPU-aab-2"]
    )
    driver(None)
    assert names({}) == []
    assert names({"CUDA_VISIBLE_DEVICES": "2, GPU-8a,MIG-GPU-8a/1/0"}) == ["2", "GPU-8a", "MIG-GPU-8a/1/0"]


def test_a_gpu_cut_into_parts_is_as_many_devices(driver):
    driver(CUT)
    assert names({}) == ["MIG-1", "MIG-2", "GPU-aab-2"]
    assert names({"CUDA_VISIBLE_DEVICES": "MIG-2"}) == ["MIG-2"]
    assert identities({"CUDA_VISIBLE_DEVICES": "0,1"}) == ["MIG-1", "GPU-aab-2"]  # CUDA shows the first part
    assert names({"CUDA_VISIBLE_DEVICES": "MIG-9"}) == []


def test_numbers_are_left_alone_where_their_order_is_unknown(driver):
    """CUDA counts the fastest GPU first, the driver's tool goes by the bus."""
    driver(MIXED)
    assert identities({}) == identities({"CUDA_VISIBLE_DEVICES": "0,1"}) == ["0", "1"]
    assert identities({"CUDA_DEVICE_ORDER": "PCI_BUS_ID"}) == ["GPU-aaa-1", "GPU-aab-2"]


def test_slurms_choice_is_kept(driver):
    driver(PLAIN)
    assert names({"SLURM_JOB_ID": "7"}) == []
    assert names({"SLURM_JOB_ID": "7", "CUDA_VISIBLE_DEVICES": "1"}) == ["1"]


def test_slurm_jobs_do_not_block_each_other():
    folders = {
        gpu.lock_folder(environment)
        for environment in (
            {},
            {"SLURM_JOB_ID": "1"},
            {"SLURM_JOB_ID": "2"},
            {"SLURM_JOB_ID": "1", "SLURM_STEP_ID": "0"},
        )
    }
    assert len(folders) == 4


def test_jobs_with_temporary_folders_of_their_own_see_each_other(tmp_path, monkeypatch):
    """Snakemake and SLURM set TMPDIR for each job."""
    places = set()
    for name in ("one", "two"):
        (tmp_path / name).mkdir()
        monkeypatch.setenv("TMPDIR", str(tmp_path / name))
        monkeypatch.setattr("tempfile.tempdir", None)
        places.add(gpu.lock_folder({"TMPDIR": str(tmp_path / name)}))
    assert len(places) == 1


def test_a_lock_folder_that_cannot_be_used_is_named(tmp_path, monkeypatch):
    (tmp_path / "file").touch()
    (tmp_path / "link").symlink_to(tmp_path)
    for name in ("file", "link", "file/below"):
        with pytest.raises(InputError, match=rf"{name}: .*; set MASKGUIDE_LOCKS to a folder"):
            gpu.take(TWO, 1, tmp_path / name)
    (tmp_path / "mine").mkdir()
    someone = os.getuid() + 1
    monkeypatch.setattr(os, "getuid", lambda: someone)
    with pytest.raises(InputError, match=r"mine: belongs to another user"):
        gpu.take(TWO, 1, tmp_path / "mine")


def test_a_lock_folder_on_a_full_or_read_only_disk_is_named(tmp_path):
    folder = Path("/sys/kernel/maskguide")  # no folder can be made there, by root either
    with pytest.raises(InputError, match=r"/sys/kernel/maskguide: .*; set MASKGUIDE_LOCKS"):
        gpu.take(TWO, 1, folder)
    (tmp_path / "guard").mkdir()
    with pytest.raises(InputError, match=r"MASKGUIDE_LOCKS"):
        gpu.take(TWO, 1, tmp_path)


def test_the_cpu_is_taken_without_a_gpu(monkeypatch):
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", "")
    assert gpu.lease() == "cpu"
    assert gpu.lease(device="cpu") == "cpu"
    with pytest.raises(InputError, match="no usable GPU"):
        gpu.lease(device="cuda")
    with pytest.raises(InputError, match="unknown"):
        gpu.lease(device="cuda:3")
    with pytest.raises(InputError, match="--slots 0: a GPU needs at least one slot"):
        gpu.lease(slots=0, device="cpu")


def test_a_device_without_cuda_is_given_back_and_named(tmp_path, driver, monkeypatch, caplog):
    import torch

    if torch.cuda.is_available():
        pytest.skip("needs a machine without CUDA")
    driver(PLAIN)
    monkeypatch.setenv("MASKGUIDE_LOCKS", str(tmp_path / "locks"))
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", "1")
    monkeypatch.delenv("SLURM_JOB_ID", raising=False)
    assert gpu.lease() == "cpu"
    assert "GPU 1 is there, but CUDA cannot use it: computing on the CPU" in caplog.text
    device = gpu.Device("1", "GPU-aab-2")
    assert gpu.take([device], 1, tmp_path / "locks").device == device  # else it would wait
    with pytest.raises(InputError, match="no usable GPU"):
        gpu.lease(device="cuda")
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", "5")
    assert gpu.lease() == "cpu"
    assert "CUDA_VISIBLE_DEVICES=5 names none of this machine's 2 GPU(s)" in caplog.text
