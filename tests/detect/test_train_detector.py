"""The detector's road through its scripts: train offline, interrupt, detect, evaluate."""

import json
import os
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path

import detect_regions
import evaluate_detector
import numpy as np
import pandas as pd
import pytest
import torch
import train_detector
from maskguide.system.files import InputError
from PIL import Image

COLUMNS = ["image_id", "path", "class", "class_id", "split", "mask", "outline", "boxes"]
SIZE = 64
SCRIPT = Path(train_detector.__file__)


@pytest.fixture(scope="module")
def dataset(tmp_path_factory):
    """A bright square on dark ground; six images to learn from, four to be judged by."""
    folder = tmp_path_factory.mktemp("squares")
    rng = np.random.default_rng(0)
    rows, boxes = [], []
    for number in range(10):
        split = "train" if number < 6 else "test"
        pixels = rng.integers(0, 60, (SIZE, SIZE, 3), dtype=np.uint8)
        left, top = rng.integers(4, 28, 2)
        pixels[top : top + 30, left : left + 30] = rng.integers(180, 255, (30, 30, 3))
        Image.fromarray(pixels).save(folder / f"i{number}.png")
        (folder / f"i{number}.txt").write_text(
            f"0 {(left + 15) / SIZE} {(top + 15) / SIZE} {30 / SIZE} {30 / SIZE}\n"
        )
        rows.append((f"i{number}", f"i{number}.png", "x", 0, split, "", "", ""))
        boxes.append((f"i{number}", split, f"i{number}.txt", "published"))
    pd.DataFrame(rows, columns=COLUMNS).to_csv(folder / "index.csv", index=False)
    pd.DataFrame(boxes, columns=["image_id", "split", "boxes", "source"]).to_csv(
        folder / "boxes.csv", index=False
    )
    return folder


def words(dataset, output, **others):
    values = {
        **{"index": dataset / "index.csv", "boxes": dataset / "boxes.csv", "regions": "square"},
        **{"image_size": SIZE, "epochs": 4, "batch_size": 3, "device": "cpu", "output_dir": output, **others},
    }
    return [word for name, value in values.items() for word in (f"--{name.replace('_', '-')}", str(value))]


def train(dataset, output, **others):
    train_detector.main(train_detector.parse_args(words(dataset, output, **others)))
    return torch.load(output / "model.pt", weights_only=True)


def same(one, other):
    return all(torch.equal(value, other["state_dict"][name]) for name, value in one["state_dict"].items())


@pytest.fixture(scope="module")
def trained(dataset, tmp_path_factory):
    folder = tmp_path_factory.mktemp("detector")
    train(dataset, folder, resume=folder / "resume")
    return folder


def test_a_training_leaves_what_the_next_steps_need(trained):
    assert sorted(path.name for path in trained.iterdir()) == ["args.yaml", "history.csv", "model.pt"]
    history = pd.read_csv(trained / "history.csv")
    assert history["epoch"].tolist() == [1, 2, 3, 4]
    assert {"learning_rate", "box_loss", "cls_loss", "dfl_loss", "seconds"} < set(history)
    assert history["learning_rate"].max() <= 0.002


def test_the_same_seed_gives_the_same_detector(dataset, trained, tmp_path):
    undisturbed = torch.load(trained / "model.pt", weights_only=True)
    assert same(train(dataset, tmp_path / "same"), undisturbed)
    assert not same(train(dataset, tmp_path / "other", seed=1), undisturbed)


@pytest.mark.slow
def test_killed_and_started_again_it_ends_the_same(dataset, trained, tmp_path):
    output, resume = tmp_path / "run", tmp_path / "resume"
    command = [sys.executable, str(SCRIPT), *words(dataset, output, resume=resume)]
    process = subprocess.Popen(command, stderr=subprocess.PIPE, text=True)
    for line in process.stderr:
        if "epoch 2/4" in line:
            break
    while not (resume / "checkpoint.pt").is_file():
        time.sleep(0.01)
    process.send_signal(signal.SIGKILL)
    process.wait()
    assert not (output / "model.pt").exists()
    done = subprocess.run(command, capture_output=True, text=True, check=True)
    assert "continuing after epoch" in done.stderr
    ended = torch.load(output / "model.pt", weights_only=True)
    assert same(ended, torch.load(trained / "model.pt", weights_only=True))
    assert not resume.exists() and not (output / "ultralytics").exists()


def test_a_checkpoint_of_other_options_is_not_used(dataset, trained, tmp_path, caplog):
    from maskguide.learning import checkpoints

    checkpoints.save(tmp_path / "resume", {"history": [{}] * 4}, {"seed": 99}, 4)
    with caplog.at_level("INFO", "maskguide"):
        model = train(dataset, tmp_path / "run", resume=tmp_path / "resume")
    assert "belongs to other options" in caplog.text and "seed 99 → 0" in caplog.text
    assert same(model, torch.load(trained / "model.pt", weights_only=True))


@pytest.mark.slow
def test_offline_and_nothing_outside_the_project(dataset, tmp_path):
    """With the network cut off and an empty home: trains, detects, evaluates, and leaves the home empty."""
    cut = ["unshare", "--map-root-user", "--net"]
    if not shutil.which("unshare") or subprocess.run([*cut, "true"], capture_output=True).returncode:
        pytest.skip("needs unshare with user namespaces to cut the network off")
    home, output = tmp_path / "home", tmp_path / "run"
    home.mkdir()
    environment = {name: value for name, value in os.environ.items() if not name.startswith("YOLO_")}
    environment |= {
        "HOME": str(home),
        "XDG_CONFIG_HOME": str(home / "config"),
        "TMPDIR": str(tmp_path / "tmp"),
    }
    (tmp_path / "tmp").mkdir()
    index = ["--index", str(dataset / "index.csv")]
    found = ["--detections", str(output / "detections.csv"), "--boxes", str(dataset / "boxes.csv")]
    for name, arguments in (
        ("train_detector", words(dataset, output, epochs=1)),
        (
            "detect_regions",
            [*index, "--model", str(output / "model.pt"), "--output", str(output / "detections.csv")],
        ),
        (
            "evaluate_detector",
            [
                *("--dataset", "squares", *index, *found, "--regions", "square"),
                *("--detector", str(output), "--output", str(output / "metrics.json")),
            ],
        ),
    ):
        command = [*cut, sys.executable, str(SCRIPT.with_name(f"{name}.py")), *arguments]
        done = subprocess.run(command, env=environment, cwd=tmp_path, capture_output=True, text=True)
        assert done.returncode == 0, done.stderr
    assert json.loads((output / "metrics.json").read_text())["num_test"] == 4
    left = [path for path in home.rglob("*") if path.is_file()]
    assert not left, left
    assert sorted(path.name for path in output.iterdir()) == [
        *("args.yaml", "detections.csv", "history.csv", "metrics.json", "model.pt")
    ]


@pytest.mark.slow
def test_it_learns_and_is_judged_on_images_it_never_saw(dataset, tmp_path):
    train(dataset, tmp_path, epochs=60)
    detect_regions.main(
        detect_regions.parse_args(
            [
                *("--index", str(dataset / "index.csv"), "--model", str(tmp_path / "model.pt")),
                *("--device", "cpu", "--output", str(tmp_path / "detections.csv")),
            ]
        )
    )
    metrics = evaluate(dataset, tmp_path)
    square = metrics["regions"]["square"]
    assert metrics["map50"] == square["map50"] > 80
    assert (square["num_boxes"], metrics["num_test"], metrics["num_annotated"]) == (4, 4, 6)
    assert (metrics["annotation"], metrics["truth"], metrics["weights"]) == ("published", "published", "none")


def evaluate(dataset, folder, boxes="boxes.csv"):
    evaluate_detector.main(
        evaluate_detector.parse_args(
            [
                *("--dataset", "squares", "--index", str(dataset / "index.csv"), "--regions", "square"),
                *("--detections", str(folder / "detections.csv"), "--boxes", str(dataset / boxes)),
                *("--detector", str(folder), "--output", str(folder / "metrics.json")),
            ]
        )
    )
    return json.loads((folder / "metrics.json").read_text())


def test_a_detector_that_finds_nothing_is_counted_and_listed(dataset, trained, tmp_path, caplog):
    for name in ("args.yaml", "history.csv"):
        shutil.copy(trained / name, tmp_path)
    (tmp_path / "detections.csv").write_text("image_id,region,left,top,right,bottom,confidence\n")
    with caplog.at_level("INFO", "maskguide"):
        metrics = evaluate(dataset, tmp_path)
    assert (metrics["map50"], metrics["regions"]["square"]["missing_train"]) == (0.0, 6)
    assert metrics["regions"]["square"]["missing_test"] == 4
    assert "squares: no square found in 6 train images: i0, i1, i2, i3, i4, i5" in caplog.text


def test_without_true_boxes_of_test_images_nothing_is_claimed(dataset, trained, tmp_path):
    table = pd.read_csv(dataset / "boxes.csv")
    table[table["split"] == "train"].to_csv(dataset / "train_only.csv", index=False)
    for name in ("args.yaml", "history.csv"):
        shutil.copy(trained / name, tmp_path)
    (tmp_path / "detections.csv").write_text(
        "image_id,region,left,top,right,bottom,confidence\ni7,square,1,1,9,9,0.9\n"
    )
    metrics = evaluate(dataset, tmp_path, "train_only.csv")
    assert metrics["map50"] is None and metrics["truth"] is None
    assert metrics["regions"]["square"]["num_boxes"] == 0


@pytest.mark.parametrize(
    ("change", "complaint"),
    [
        ({"image_size": 100}, "--image-size 100: must be a multiple of 32"),
        ({"epochs": 0}, "--epochs 0: must be above 0"),
        ({"learning_rate": 0}, "--learning-rate 0.0: must be above 0"),
        ({"architecture": "yolov99n"}, "--architecture yolov99n: ultralytics has no such YOLO detector"),
    ],
)
def test_wrong_options_are_refused(dataset, tmp_path, change, complaint):
    with pytest.raises(InputError, match=complaint):
        train(dataset, tmp_path / "run", **change)
    assert not list((tmp_path / "run").glob("*"))


@pytest.mark.parametrize(
    ("text", "complaint"),
    [
        ("", r"bad\.csv: holds no box of a training image; annotate some images"),
        ("1 0.5 0.5 0.2 0.2\n", r"i0\.txt: line 1: class 1 is unknown"),
        ("0 0.5 0.5 1.4 0.2\n", r"i0\.txt: .*lies outside the image"),
    ],
)
def test_bad_boxes_are_refused_by_name(dataset, tmp_path, text, complaint):
    for name in ("i0.txt", "bad.csv"):
        (tmp_path / name).touch()
    (tmp_path / "i0.txt").write_text(text)
    (tmp_path / "bad.csv").write_text("image_id,split,boxes,source\ni0,train,i0.txt,manual\n")
    with pytest.raises(InputError, match=complaint):
        train(dataset, tmp_path / "run", boxes=tmp_path / "bad.csv")


def test_a_test_image_among_the_annotated_is_refused(dataset, tmp_path):
    (tmp_path / "bad.csv").write_text(f"image_id,split,boxes,source\ni8,train,{dataset}/i8.txt,manual\n")
    with pytest.raises(InputError, match=r"bad\.csv: i8 is no training image of the index"):
        train(dataset, tmp_path / "run", boxes=tmp_path / "bad.csv")


def test_the_command_line_says_one_clear_line(dataset, tmp_path):
    command = [
        sys.executable,
        str(SCRIPT),
        *words(dataset, tmp_path / "run", weights=tmp_path / "absent.pth"),
    ]
    done = subprocess.run(command, capture_output=True, text=True)
    assert done.returncode == 2
    last = done.stderr.strip().splitlines()[-1]
    assert last.startswith("error: ") and "absent.pth: cannot be read as a PyTorch state dict" in last
    assert not list((tmp_path / "run").glob("*"))
