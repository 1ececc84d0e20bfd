import logging

import torch
from maskguide.learning import checkpoints


def test_round_trip(tmp_path):
    state = {"epoch": 3, "model": {"weight": torch.arange(4.0)}, "history": [{"loss": 0.5}], "best": None}
    checkpoints.save(tmp_path / "new", state, "a")
    loaded = checkpoints.load(tmp_path / "new", "a")
    assert loaded["epoch"] == 3 and loaded["history"] == [{"loss": 0.5}] and loaded["best"] is None
    assert torch.equal(loaded["model"]["weight"], torch.arange(4.0))
    checkpoints.clear(tmp_path / "new")
    assert not (tmp_path / "new").exists()
    checkpoints.clear(tmp_path / "new")


def test_other_options_start_afresh_and_say_so(tmp_path, caplog):
    checkpoints.save(tmp_path, {"epoch": 1}, "a")
    with caplog.at_level(logging.INFO, "maskguide"):
        assert checkpoints.load(tmp_path, "b") is None
    assert "other options: starting afresh" in caplog.text


def test_broken_file_starts_afresh_and_says_so(tmp_path, caplog):
    for content in (b"", b"not a checkpoint", b"PK\x03\x04 cut"):
        (tmp_path / "checkpoint.pt").write_bytes(content)
        with caplog.at_level(logging.INFO, "maskguide"):
            assert checkpoints.load(tmp_path, "a") is None
        assert "cannot be read" in caplog.text
        caplog.clear()


def test_without_folder_nothing_happens(tmp_path):
    checkpoints.save(None, {}, "a")
    assert checkpoints.load(None, "a") is None
    checkpoints.clear(None)
    assert checkpoints.load(tmp_path, "a") is None


def test_folder_with_other_files_is_kept(tmp_path):
    checkpoints.save(tmp_path, {}, "a")
    (tmp_path / "note.txt").write_text("mine")
    checkpoints.clear(tmp_path)
    assert [path.name for path in tmp_path.iterdir()] == ["note.txt"]


def test_fingerprint_depends_on_values_not_on_order():
    assert checkpoints.fingerprint({"a": 1, "b": [2]}) == checkpoints.fingerprint({"b": [2], "a": 1})
    assert checkpoints.fingerprint({"a": 1}) != checkpoints.fingerprint({"a": 2})
