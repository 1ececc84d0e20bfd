"""Trainings that are cut off through the command line, and continued: the same result to the bit."""

import signal
import subprocess
import sys

import numpy as np
import pandas as pd
import pretrain_backbone
import pytest
import torch
import train_classifier
import train_segmenter
from example_interruption import SCRIPTS, SECONDS, environment, start, until
from example_stores import make_squares, without_times
from PIL import Image

PRETRAIN = ["--leaves", "16", "--test-leaves", "2", "--size", "48", "--crop", "40", "--batch-size", "4"]
PRETRAIN = [sys.executable, str(SCRIPTS / "pretrain_backbone.py"), *PRETRAIN, "--device", "cpu"]


def interrupted(command, state, number, line):
    """Send the signal once the line is in the log and a checkpoint is there; exit code and the log's rest."""
    process = start(command)
    for each in process.stderr:
        if line in each:
            break
    assert until((state / "checkpoint.pt").is_file)
    process.send_signal(number)
    rest = process.communicate(timeout=SECONDS)[1]
    return process.returncode, rest


def weights(path):
    content = torch.load(path, weights_only=True)
    return content.get("state_dict", content)


def equal(one, other):
    pairs = zip(weights(one).values(), weights(other).values(), strict=True)
    return all(torch.equal(*pair) for pair in pairs)


@pytest.mark.slow
def test_a_signal_ends_a_training_with_a_line_and_nothing_is_lost(tmp_path):
    number = signal.SIGTERM
    stores = make_squares(tmp_path / "stores")
    options = {
        **{"dataset": "squares", "store": stores / "store", "mask-store": stores / "pooled", "method": "mga"},
        **{"backbone": "small", "epochs": 12, "batch-size": 6, "crop": 32, "freeze": 1},
        **{"device": "cpu", "precision": "full"},  # the same here and in a process of its own
    }
    command = [sys.executable, str(SCRIPTS / "train_classifier.py")]
    command += [word for name, value in options.items() for word in (f"--{name}", str(value))]
    state, output = tmp_path / "state", tmp_path / "cut"
    again = [*command, "--checkpoint", str(state), "--output-dir", str(output)]
    code, rest = interrupted(again, state, number, "epoch 3/12")
    assert code == 128 + number
    assert f"stopped by {number.name} after epoch " in rest.splitlines()[-1]
    assert rest.splitlines()[-1].endswith("run the same command again to continue")
    assert {path.name for path in state.iterdir()} == {"checkpoint.pt", "checkpoint-before.pt"}
    assert not output.exists()
    (state / "checkpoint.pt").write_bytes(
        b"cut"
    )  # a checkpoint that a power cut left so: the one before serves
    done = subprocess.run(again, env=environment(), capture_output=True, text=True, check=True)
    assert "cannot be read" in done.stderr and "continuing after epoch" in done.stderr
    whole = [*command[2:], "--output-dir", str(tmp_path / "whole"), "--threads", "1"]
    train_classifier.main(train_classifier.parse_args(whole))
    assert without_times(output) == without_times(tmp_path / "whole")
    assert equal(output / "model.pt", tmp_path / "whole" / "model.pt")
    assert not state.exists()


@pytest.mark.slow
def test_a_killed_pretraining_continues_to_the_same_bits(tmp_path):
    command = [*PRETRAIN, "--epochs", "12", "--precision", "full"]
    state, output = tmp_path / "state", tmp_path / "cut.pth"
    again = [*command, "--checkpoint", str(state), "--output", str(output)]
    assert interrupted(again, state, signal.SIGKILL, "epoch 2/12")[0] == -signal.SIGKILL
    done = subprocess.run(again, env=environment(), capture_output=True, text=True, check=True)
    assert "continuing after epoch" in done.stderr
    torch.set_num_threads(1)
    whole = [*command[2:], "--output", str(tmp_path / "whole.pth")]
    pretrain_backbone.main(pretrain_backbone.parse_args(whole))
    assert equal(output, tmp_path / "whole.pth")
    assert not state.exists()


@pytest.mark.slow
def test_a_killed_segmenter_continues_to_the_same_bits(tmp_path):
    rows = []
    for number in range(4):
        labels = np.zeros((64, 64), np.uint8)
        labels[8 * number : 8 * number + 28, 10:40] = 1
        Image.fromarray(labels * 180).convert("RGB").save(tmp_path / f"{number}.png")
        Image.fromarray(labels).save(tmp_path / f"mask{number}.png")
        rows.append([f"{number}", f"{number}.png", "a", 0, "train", f"mask{number}.png", "", ""])
    columns = ["image_id", "path", "class", "class_id", "split", "mask", "outline", "boxes"]
    index = pd.DataFrame(rows, columns=columns)
    index.to_csv(tmp_path / "index.csv", index=False)
    marks = index[["image_id", "mask", "boxes"]].assign(source="published")
    marks.to_csv(tmp_path / "annotated.csv", index=False)
    command = [
        *(sys.executable, str(SCRIPTS / "train_segmenter.py"), "--index", str(tmp_path / "index.csv")),
        *("--annotated", str(tmp_path / "annotated.csv"), "--classes", "square", "--encoder", "resnet18"),
        *("--encoder-depth", "3", "--decoder-channels", "16", "8", "8", "--crop", "64", "--batch-size", "2"),
        *("--epochs", "5", "--device", "cpu", "--precision", "full"),
    ]
    state = tmp_path / "state"
    again = [*command, "--resume", str(state), "--output-dir", str(tmp_path / "cut")]
    assert interrupted(again, state, signal.SIGKILL, "epoch 2/5")[0] == -signal.SIGKILL
    done = subprocess.run(again, env=environment(), capture_output=True, text=True, check=True)
    assert "continuing after epoch" in done.stderr
    torch.set_num_threads(1)
    whole = [*command[2:], "--output-dir", str(tmp_path / "whole")]
    train_segmenter.main(train_segmenter.parse_args(whole))
    assert equal(tmp_path / "cut" / "model.pt", tmp_path / "whole" / "model.pt")
    histories = [
        pd.read_csv(tmp_path / name / "history.csv").drop(columns="seconds") for name in ("cut", "whole")
    ]
    pd.testing.assert_frame_equal(*histories, check_exact=True)
