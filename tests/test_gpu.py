import logging
import os
import signal
import subprocess
import sys
import threading
import time

import pytest
from maskguide import gpu
from maskguide.files import InputError

LEASE = (
    "from maskguide import gpu; from pathlib import Path; import sys, time;"
    "held = gpu.take(['0', '1'], 1, Path(sys.argv[1]), 0.05); print(held[0], flush=True); time.sleep(60)"
)


def start_lease(folder, root):
    process = subprocess.Popen(
        [sys.executable, "-c", LEASE, str(folder)],
        cwd=root / "workflow" / "scripts",
        stdout=subprocess.PIPE,
        text=True,
    )
    return process, process.stdout.readline().strip()


def test_each_process_gets_a_device_of_its_own_and_sigkill_frees_it(tmp_path, root):
    first, device = start_lease(tmp_path, root)
    second, other = start_lease(tmp_path, root)
    try:
        assert {device, other} == {"0", "1"}
        first.send_signal(signal.SIGKILL)
        first.wait()
        assert gpu.take(["0", "1"], 1, tmp_path)[0] == device
    finally:
        for process in (first, second):
            process.kill()
            process.wait()


def test_slots_share_a_device_only_when_all_have_a_job(tmp_path):
    held = [gpu.take(["0", "1"], 2, tmp_path) for _ in range(4)]
    assert [device for device, _ in held] == ["0", "1", "0", "1"]


def test_waits_for_a_free_device_and_says_so(tmp_path, caplog):
    caplog.set_level(logging.INFO, logger="maskguide")
    _, lock = gpu.take(["GPU-8a/1"], 1, tmp_path)
    threading.Timer(0.3, lock.release).start()
    started = time.monotonic()
    device, _ = gpu.take(["GPU-8a/1"], 1, tmp_path, poll_seconds=0.05)
    assert device == "GPU-8a/1"
    assert time.monotonic() - started > 0.25
    assert caplog.text.count("waiting for a free one") == 1


def test_visible_devices_are_the_inherited_ones():
    assert gpu.visible_devices({"CUDA_VISIBLE_DEVICES": "2, GPU-8a"}) == ["2", "GPU-8a"]
    assert gpu.visible_devices({"CUDA_VISIBLE_DEVICES": ""}) == []
    assert gpu.visible_devices({"CUDA_VISIBLE_DEVICES": "-1"}) == []
    assert gpu.visible_devices({"SLURM_JOB_ID": "7"}) == []


def test_devices_are_counted_by_the_driver(tmp_path, monkeypatch):
    """A pretended nvidia-smi: two GPUs, one of them cut up."""
    tool = tmp_path / "nvidia-smi"
    tool.write_text(
        "#!/bin/sh\necho 'GPU 0: A (UUID: GPU-1)\n  MIG 1g Device 0: (UUID: MIG-1)\nGPU 1: A (UUID: GPU-2)'\n"
    )
    tool.chmod(0o755)
    monkeypatch.setenv("PATH", str(tmp_path))
    assert gpu.visible_devices({}) == ["0", "1"]
    tool.write_text("#!/bin/sh\nexit 9\n")
    assert gpu.visible_devices({}) == []


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


def test_the_cpu_is_taken_without_a_gpu(monkeypatch):
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", "")
    assert gpu.lease() == "cpu"
    assert gpu.lease(device="cpu") == "cpu"
    with pytest.raises(InputError, match="no usable GPU"):
        gpu.lease(device="cuda")
    with pytest.raises(InputError, match="unknown"):
        gpu.lease(device="cuda:3")
    with pytest.raises(InputError, match="at least one slot"):
        gpu.take(["0"], 0, gpu.lock_folder({}))


def test_a_device_without_cuda_is_given_back(tmp_path, monkeypatch):
    import torch

    if torch.cuda.is_available():
        pytest.skip("needs a machine without CUDA")
    monkeypatch.setenv("TMPDIR", str(tmp_path))
    monkeypatch.setattr("tempfile.tempdir", None)
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", "0")
    assert gpu.lease() == "cpu"
    assert gpu.take(["0"], 1, gpu.lock_folder(os.environ))[0] == "0"  # else it would wait
