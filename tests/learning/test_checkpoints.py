import logging
import os
import random
import subprocess
import sys
import textwrap

import pytest
import torch
from maskguide.learning import checkpoints

OPTIONS = {"epochs": 3, "learning_rate": 0.01, "images": "ab" * 32}


def state(epoch):
    return {"epoch": epoch, "model": {"weight": torch.arange(4.0) + epoch}, "history": [{"loss": 0.5}]}


def saved(folder, *epochs):
    for epoch in epochs:
        checkpoints.save(folder, state(epoch), OPTIONS, epoch)
    return folder


def test_round_trip(tmp_path):
    checkpoints.save(tmp_path / "new", {**state(3), "best": None}, OPTIONS, 3)
    loaded = checkpoints.load(tmp_path / "new", dict(reversed(OPTIONS.items())))
    assert loaded["epoch"] == 3 and loaded["history"] == [{"loss": 0.5}] and loaded["best"] is None
    assert torch.equal(loaded["model"]["weight"], torch.arange(4.0) + 3)
    checkpoints.clear(tmp_path / "new")
    assert not (tmp_path / "new").exists()
    checkpoints.clear(tmp_path / "new")


def test_other_options_start_afresh_and_the_log_names_them(tmp_path, caplog):
    saved(tmp_path, 1)
    other = {"epochs": 5, "images": "cd" * 32, "seed": 1, "learning_rate": 0.01}
    with caplog.at_level(logging.INFO, "maskguide"):
        assert checkpoints.load(tmp_path, other) is None
    assert "other options (epochs 3 → 5; images; seed absent → 1): starting afresh" in caplog.text
    assert checkpoints.load(tmp_path, OPTIONS)["epoch"] == 1  # it was left alone


def test_paths_and_tuples_compare_as_they_are_saved(tmp_path):
    options = {"weights": tmp_path / "a.pth", "steps": (1, 2)}
    checkpoints.save(tmp_path, state(1), options, 1)
    assert checkpoints.load(tmp_path, options)["epoch"] == 1


BREAKAGES = {
    "zero bytes": lambda content: b"",
    "half written": lambda content: content[: len(content) // 2],
    "garbled": lambda content: b"not a checkpoint",
    "one bit in the weights": lambda content: flipped(
        content, content.index(state(2)["model"]["weight"].numpy().tobytes())
    ),
    "another archive": lambda content: b"PK\x05\x06" + bytes(18),
}


def flipped(content, position, bit=0):
    changed = bytearray(content)
    changed[position] ^= 1 << bit
    return bytes(changed)


@pytest.mark.parametrize("breakage", BREAKAGES.values(), ids=BREAKAGES)
def test_a_broken_newest_falls_back_to_the_one_before(tmp_path, caplog, breakage):
    saved(tmp_path, 1, 2)
    newest = tmp_path / "checkpoint.pt"
    newest.write_bytes(breakage(newest.read_bytes()))
    with caplog.at_level(logging.INFO, "maskguide"):
        assert checkpoints.load(tmp_path, OPTIONS)["epoch"] == 1
    assert "checkpoint.pt cannot be read" in caplog.text
    saved(tmp_path, 2)  # must not push the whole one out by the broken one
    assert checkpoints.load(tmp_path, OPTIONS)["epoch"] == 2
    newest.write_bytes(b"")
    assert checkpoints.load(tmp_path, OPTIONS)["epoch"] == 1


def test_two_broken_ones_start_afresh(tmp_path, caplog):
    saved(tmp_path, 1, 2)
    for path in tmp_path.iterdir():
        path.write_bytes(b"")
    with caplog.at_level(logging.INFO, "maskguide"):
        assert checkpoints.load(tmp_path, OPTIONS) is None
    assert caplog.text.count("cannot be read") == 2


def test_no_flipped_bit_changes_what_is_loaded(tmp_path):
    """80 random bits of the archive, one at a time: refused, or harmless."""
    content = (saved(tmp_path / "whole", 2) / "checkpoint.pt").read_bytes()
    draw = random.Random(0)
    refused = 0
    for number in range(80):
        folder = tmp_path / str(number)
        folder.mkdir()
        broken = flipped(content, draw.randrange(len(content)), draw.randrange(8))
        (folder / "checkpoint.pt").write_bytes(broken)
        loaded = checkpoints.load(folder, OPTIONS)
        refused += loaded is None
        if loaded is not None:
            assert loaded["history"] == state(2)["history"] and loaded["epoch"] == 2
            assert torch.equal(loaded["model"]["weight"], state(2)["model"]["weight"])
    assert refused > 20


@pytest.mark.slow
def test_killed_at_any_rename_one_whole_checkpoint_is_there(tmp_path):
    """The process dies at each call that changes a name in turn; the newest that was promised is loaded."""
    script = textwrap.dedent(
        """
        import os, signal, sys
        from pathlib import Path
        import test_checkpoints
        folder, deadly = Path(sys.argv[1]), int(sys.argv[2])
        test_checkpoints.saved(folder, 1, 2)
        calls, replace = [], Path.replace
        def counting(self, target):
            if len(calls) == deadly:
                os.kill(os.getpid(), signal.SIGKILL)
            calls.append(target)
            return replace(self, target)
        Path.replace = counting
        test_checkpoints.saved(folder, 3)
        """
    )
    ends = []
    for deadly in range(3):
        folder = tmp_path / str(deadly)
        command = [sys.executable, "-c", script, str(folder), str(deadly)]
        ends.append(subprocess.run(command, env=environment(), check=False).returncode)
        assert checkpoints.load(folder, OPTIONS)["epoch"] == (3 if ends[-1] == 0 else 2)
        left = {path.name for path in folder.iterdir()}
        assert left <= {"checkpoint.pt", "checkpoint-before.pt"}, "leftovers are removed by load"
    assert ends == [-9, -9, 0]


def environment():
    places = [str(path) for path in sys.path if path]
    return {**os.environ, "PYTHONPATH": os.pathsep.join(places)}


def test_a_full_disk_is_one_line_and_loses_nothing(tmp_path):
    """RLIMIT_FSIZE stands for the full disk: the kernel refuses to write on in the middle of the file."""
    script = textwrap.dedent(
        """
        import argparse, resource, sys, torch
        from pathlib import Path
        from maskguide.system import cli
        import test_checkpoints
        from maskguide.learning import checkpoints
        folder = Path(sys.argv[1])
        test_checkpoints.saved(folder, 1, 2)
        resource.setrlimit(resource.RLIMIT_FSIZE, (100_000, 100_000))
        def main(args):
            checkpoints.save(folder, {"model": torch.zeros(10**6)}, test_checkpoints.OPTIONS, 3)
        cli.run(main, argparse.Namespace())
        """
    )
    done = subprocess.run(
        [sys.executable, "-c", script, str(tmp_path)],
        env=environment(),
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 2
    assert done.stderr.count("\n") == 1
    assert done.stderr.startswith(f"error: {tmp_path}/checkpoint.pt: cannot be written whole; make room")
    assert sorted(path.name for path in tmp_path.iterdir()) == ["checkpoint-before.pt", "checkpoint.pt"]
    assert checkpoints.load(tmp_path, OPTIONS)["epoch"] == 2
    (tmp_path / "checkpoint.pt").unlink()
    assert checkpoints.load(tmp_path, OPTIONS)["epoch"] == 1


def test_without_folder_nothing_happens(tmp_path):
    checkpoints.save(None, {}, OPTIONS, 1)
    assert checkpoints.load(None, OPTIONS) is None
    checkpoints.clear(None)
    assert checkpoints.load(tmp_path, OPTIONS) is None


def test_folder_with_other_files_is_kept(tmp_path):
    saved(tmp_path, 1, 2)
    (tmp_path / "note.txt").write_text("mine")
    checkpoints.clear(tmp_path)
    assert [path.name for path in tmp_path.iterdir()] == ["note.txt"]
