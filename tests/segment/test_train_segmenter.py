"""The segmenter's scripts: training, resuming, inference, and what they refuse."""

import subprocess
import sys
from pathlib import Path

import infer_masks
import numpy as np
import pandas as pd
import pytest
import torch
import train_segmenter
from maskguide.learning import checkpoints
from maskguide.segment import segmenter_training, segmenters
from maskguide.system.files import InputError, read_yaml
from PIL import Image

ROOT = Path(__file__).parents[2]


@pytest.fixture
def dataset(tmp_path):
    """Six training and two test images of 64 px: a bright square is the foreground."""
    rng, rows = np.random.default_rng(0), []
    for number in range(8):
        labels = np.zeros((64, 64), np.uint8)
        top, left = rng.integers(4, 30, 2)
        labels[top : top + 28, left : left + 28] = 1
        image = (60 + 120 * labels[..., None] + rng.integers(0, 40, (64, 64, 3))).astype(np.uint8)
        Image.fromarray(image).save(tmp_path / f"{number}.png")
        Image.fromarray(labels).save(tmp_path / f"mask{number}.png")
        split = "train" if number < 6 else "test"
        rows.append(
            [number, f"{number}.png", "abc"[number % 3], number % 3, split, f"mask{number}.png", "", ""]
        )
    columns = ["image_id", "path", "class", "class_id", "split", "mask", "outline", "boxes"]
    index = pd.DataFrame(rows, columns=columns)
    index.to_csv(tmp_path / "index.csv", index=False)
    chosen = index[index["split"] == "train"][["image_id", "mask", "boxes"]].assign(source="published")
    chosen.to_csv(tmp_path / "annotated.csv", index=False)
    return tmp_path


def arguments(folder, *extra, output="segment"):
    return [
        "--index", str(folder / "index.csv"), "--annotated", str(folder / "annotated.csv"),
        "--classes", "square", "--encoder", "resnet18", "--encoder-depth", "3",
        "--decoder-channels", "16", "8", "8", "--crop", "64", "--random-scale", "0.8", "1.2",
        "--batch-size", "3", "--epochs", "3", "--optimizer", "adamw", "--learning-rate", "0.005",
        "--device", "cpu", "--output-dir", str(folder / output), *extra,
    ]  # fmt: skip


def run(script, argv, **environment):
    import os

    return subprocess.run(
        [sys.executable, f"workflow/scripts/{script}", *argv],
        cwd=ROOT,
        capture_output=True,
        text=True,
        env={**os.environ, "OMP_NUM_THREADS": "1", **environment},
    )


@pytest.mark.slow
def test_training_learns_and_masks_are_inferred(dataset):
    done = run("train_segmenter.py", arguments(dataset, "--epochs", "8"))
    assert done.returncode == 0, done.stderr
    history = pd.read_csv(dataset / "segment" / "history.csv")
    assert list(history["epoch"]) == list(range(1, 9))
    assert history["loss"].iloc[-1] < history["loss"].iloc[0]
    terms = history[["cross_entropy", "dice", "scales"]].sum(axis=1)
    np.testing.assert_allclose(history["loss"], terms, rtol=1e-4)
    saved = read_yaml(dataset / "segment" / "args.yaml")
    assert saved["options"]["encoder"] == "resnet18"
    assert "torch" in saved["versions"]

    done = run(
        "infer_masks.py",
        ["--index", str(dataset / "index.csv"), "--model", str(dataset / "segment" / "model.pt"),
         "--device", "cpu", "--output", str(dataset / "masks")],
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    for number in range(8):
        soft = np.array(Image.open(dataset / "masks" / "soft" / f"{number}.png"))
        labels = np.array(Image.open(dataset / "masks" / "labels" / f"{number}.png"))
        truth = np.array(Image.open(dataset / f"mask{number}.png"))
        assert soft.shape == labels.shape == (64, 64)
        assert soft.dtype == labels.dtype == np.uint8
        assert (labels == (soft > 127)).mean() > 0.99
        assert (labels == truth).mean() > 0.8


@pytest.mark.slow
def test_a_resumed_training_ends_like_an_undisturbed_one(dataset, monkeypatch, caplog):
    caplog.set_level("INFO", "maskguide")
    torch.set_num_threads(1)
    train_segmenter.main(train_segmenter.parse_args(arguments(dataset, output="whole")))
    resumed = arguments(dataset, "--resume", str(dataset / "state"), output="resumed")
    one_epoch = segmenter_training.train_epoch

    def stop_in_the_second(*values):
        if values[-1] == 1:
            raise KeyboardInterrupt
        return one_epoch(*values)

    monkeypatch.setattr(segmenter_training, "train_epoch", stop_in_the_second)
    with pytest.raises(KeyboardInterrupt):
        train_segmenter.main(train_segmenter.parse_args(resumed))
    assert (dataset / "state" / "checkpoint.pt").is_file()
    assert not (dataset / "resumed").exists()
    monkeypatch.setattr(segmenter_training, "train_epoch", one_epoch)
    train_segmenter.main(train_segmenter.parse_args(resumed))
    assert "continuing after epoch 1 of 3" in caplog.text
    assert not (dataset / "state").exists()
    whole, again = (
        segmenters.load(dataset / name / "model.pt").state_dict() for name in ("whole", "resumed")
    )
    assert all(torch.equal(whole[name], again[name]) for name in whole)
    histories = [
        pd.read_csv(dataset / name / "history.csv").drop(columns="seconds") for name in ("whole", "resumed")
    ]
    pd.testing.assert_frame_equal(*histories, check_exact=True)


def test_other_options_or_content_start_afresh(dataset):
    args = train_segmenter.parse_args(arguments(dataset, "--output-dir", "elsewhere", "--device", "auto"))
    pairs = train_segmenter.read_pairs(args, 2)
    mark = checkpoints.plain(train_segmenter.result_options(args, pairs))
    same = train_segmenter.parse_args(arguments(dataset))
    assert checkpoints.plain(train_segmenter.result_options(same, pairs)) == mark
    slower = train_segmenter.parse_args(arguments(dataset, "--learning-rate", "0.001"))
    assert checkpoints.plain(train_segmenter.result_options(slower, pairs)) != mark
    pairs[0][1][0, 0] ^= 1
    assert checkpoints.plain(train_segmenter.result_options(same, pairs)) != mark


@pytest.mark.slow
def test_bad_input_ends_with_one_line(dataset):
    torch.save({"conv1.weight": torch.zeros(1)}, dataset / "weights.pth")
    done = run("train_segmenter.py", arguments(dataset, "--weights", str(dataset / "weights.pth")))
    assert done.returncode == 2
    errors = [line for line in done.stderr.splitlines() if line.startswith("error: ")]
    assert len(errors) == 1 and "does not fit encoder resnet18" in errors[0]
    assert "Traceback" not in done.stderr
    assert not (dataset / "segment").exists()


def test_wrong_options_and_marks_are_refused(dataset):
    def refuse(match, *extra):
        with pytest.raises(InputError, match=match):
            train_segmenter.main(train_segmenter.parse_args(arguments(dataset, *extra)))

    refuse("epochs 0", "--epochs", "0")
    refuse("flip 2", "--flip", "2")
    refuse("--random-scale", "--random-scale", "2", "1")
    refuse("--scales", "--scales", "1", "1")
    refuse("background is always there", "--classes", "background")
    annotated = pd.read_csv(dataset / "annotated.csv", dtype=str, keep_default_na=False)
    for column, value, match in (
        ("mask", "", "holds no mask"),
        ("image_id", "7", "is a test image"),
        ("image_id", "99", "is not in"),
        ("mask", "absent.png", "absent.png: is missing or no file"),
    ):
        annotated.assign(**{column: value}).to_csv(dataset / "annotated.csv", index=False)
        refuse(match)
    annotated.to_csv(dataset / "annotated.csv", index=False)
    Image.fromarray(np.zeros((64, 63), np.uint8)).save(dataset / "mask0.png")
    refuse("mask0.png: 63×64 pixels, its image 64×64")
    assert not (dataset / "segment").exists()


def test_inference_refuses_doubled_scales(dataset):
    argv = ["--index", str(dataset / "index.csv"), "--model", "none.pt", "--output", str(dataset / "masks")]
    with pytest.raises(InputError, match="different factors"):
        infer_masks.main(infer_masks.parse_args([*argv, "--scales", "1", "1"]))
    with pytest.raises(InputError, match=r"none\.pt"):
        infer_masks.main(infer_masks.parse_args(argv))
    assert not (dataset / "masks").exists()
