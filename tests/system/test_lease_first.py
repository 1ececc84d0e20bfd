"""Every script that computes on a GPU takes it before torch is there; ultralytics keeps to what was taken."""

import ast
import json
import os
import subprocess
import sys

import combine_scales
import pandas as pd
import pytest
from example_stores import make_squares
from PIL import Image

# Runs a script's main in a process of its own up to the lease, and says whether torch was there by then.
UNTIL_THE_LEASE = """
import importlib, sys
from maskguide.system import cli, gpu

class Reached(Exception):
    pass

def lease(*values):
    raise Reached("torch" in sys.modules)

gpu.lease = lease
name, *words = sys.argv[1:]
script = importlib.import_module(name)
try:
    script.main(script.parse_args(words))
except Reached as reached:
    print(reached)
"""


@pytest.fixture(scope="module")
def squares(tmp_path_factory):
    """Stores, an index, label masks of two images, a finished run's record, a list of boxes."""
    folder = make_squares(tmp_path_factory.mktemp("squares"))
    for number in range(2):
        mask = Image.open(folder / "masks" / "soft" / f"i{number}.png").point(lambda value: value > 0 and 1)
        mask.save(folder / f"labels{number}.png")
    marked = {"image_id": ["i0", "i1"], "mask": ["labels0.png", "labels1.png"]}
    pd.DataFrame({**marked, "boxes": "", "source": "published"}).to_csv(folder / "annotated.csv", index=False)
    same = dict.fromkeys((*combine_scales.SAME, "train_top1"), "squares")
    (folder / "run").mkdir()
    (folder / "run" / "metrics.json").write_text(json.dumps(same))
    return folder


def arguments(folder):
    index = ["--index", folder / "index.csv"]
    return {
        "train_classifier": [
            *("--dataset", "squares", "--store", folder / "store", "--mask-store", folder / "pooled"),
            *("--backbone", "small", "--output-dir", folder / "out"),
        ],
        "train_segmenter": [
            *(*index, "--annotated", folder / "annotated.csv", "--classes", "square"),
            *("--output-dir", folder / "out"),
        ],
        "train_detector": [
            *(*index, "--boxes", folder / "boxes.csv", "--regions", "square", "--output-dir", folder / "out"),
        ],
        "extract_features": [
            *(*index, "--store", folder / "store", "--masks", folder / "masks", "--backbone", "small"),
            *("--output", folder / "out"),
        ],
        "pretrain_backbone": ["--output", folder / "out.pth"],
        "infer_masks": [*index, "--model", folder / "model.pt", "--output", folder / "out"],
        "detect_regions": [*index, "--model", folder / "model.pt", "--output", folder / "out.csv"],
        "attend_regions": [
            *("--store", folder / "store", "--run", folder / "run", "--output", folder / "out.csv"),
        ],
        "measure_attention": [
            *(*index, "--store", folder / "store", "--runs", folder / "run", "--truth"),
            *("--output", folder / "out.csv"),
        ],
        "measure_backgrounds": [
            *(*index, "--store", folder / "store", "--runs", folder / "run", "--masks", folder / "masks"),
            *("--output", folder / "out.csv"),
        ],
        "calibrate": [
            *("--run", folder / "run", *index, "--fold-runs", folder / "run"),
            *("--fold-indexes", folder / "index.csv"),
        ],
        "predict": ["--run", folder / "run", "--images", folder, "--output", folder / "out.csv"],
        "combine_scales": [
            *("--store", folder / "store", "--runs", folder / "run", "--output-dir", folder / "out"),
        ],
    }


def scripts_that_lease(root):
    found = set()
    for path in (root / "workflow" / "scripts").glob("*.py"):
        calls = (node for node in ast.walk(ast.parse(path.read_text())) if isinstance(node, ast.Call))
        if any(ast.unparse(call.func) == "gpu.lease" for call in calls):
            found.add(path.stem)
    return found


def test_every_script_with_a_device_leases_it(root):
    with_device = {
        path.stem
        for path in (root / "workflow" / "scripts").glob("*.py")
        if "add_device_options(" in path.read_text() or ".cuda(" in path.read_text()
    }
    assert scripts_that_lease(root) == with_device == set(arguments(root))


@pytest.mark.slow
def test_torch_is_not_there_before_the_lease(squares, root):
    running = {
        name: subprocess.Popen(
            [sys.executable, "-c", UNTIL_THE_LEASE, name, *map(str, words)],
            cwd=squares,
            env={**os.environ, "PYTHONPATH": str(root / "workflow" / "scripts")},
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )
        for name, words in arguments(squares).items()
    }
    said = {name: process.communicate() for name, process in running.items()}
    assert {name: output.strip() for name, (output, _) in said.items()} == dict.fromkeys(said, "False"), said


def test_a_gpu_asked_for_where_there_is_none_is_one_line(squares, root):
    script = root / "workflow" / "scripts" / "pretrain_backbone.py"
    done = subprocess.run(
        [sys.executable, script, "--device", "cuda", "--output", squares / "none.pth"],
        env={**os.environ, "CUDA_VISIBLE_DEVICES": ""},
        capture_output=True,
        text=True,
    )
    assert done.returncode == 2
    assert done.stderr == ("error: --device cuda: this machine shows no usable GPU; choose --device cpu\n")
    assert not (squares / "none.pth").exists()


# The detector on a pretended device: the variable before and after, and memory for one image of two.
DETECTOR = """
import logging, os, sys
from argparse import Namespace
from pathlib import Path
import numpy as np
from maskguide.detect import detectors

logging.basicConfig(level=logging.INFO)

folder = Path(sys.argv[1])
os.environ["CUDA_VISIBLE_DEVICES"] = "GPU-aaa"
with detectors.private_settings(folder / "ultralytics"):
    import torch
    from maskguide.detect.detector_training import Annotated, Trainer

    rng = np.random.default_rng(0)
    annotated = [
        Annotated(f"i{n}", pixels, np.array([0]), np.full((1, 4), 0.5))
        for n, pixels in enumerate(rng.integers(0, 256, (4, 64, 64, 3), dtype=np.uint8))
    ]
    model = detectors.create("yolov5n", 1)
    forward, room, tried = model.forward, int(sys.argv[2]), []

    def cramped(batch, *others, **named):
        if isinstance(batch, dict):
            tried.append(len(batch["img"]))
            if tried[-1] > room:
                raise torch.OutOfMemoryError("CUDA out of memory. Tried to allocate 2.00 GiB")
        return forward(batch, *others, **named)

    model.forward = cramped
    training = Namespace(
        epochs=2, batch_size=4, image_size=64, optimizer="AdamW", learning_rate=0.001, seed=0,
        regions=["x"], resume=None,
    )
    trainer = Trainer(model, annotated, training, sys.argv[3], {}, None)
    print(trainer.args.device, os.environ["CUDA_VISIBLE_DEVICES"])
    trainer.train()
    print(trainer.batch_size, trainer.accumulate, len(trainer.rows), os.environ["CUDA_VISIBLE_DEVICES"])
"""


@pytest.mark.slow
@pytest.mark.parametrize(("device", "argument"), [("cpu", "cpu"), ("cuda", "")], ids=["cpu", "cuda"])
def test_ultralytics_is_given_no_index_and_leaves_the_lease_alone(tmp_path, root, device, argument):
    """Without CUDA it computes on the CPU; what counts is what it was given and what it left behind.

    Memory holds one image of four: it halves twice and adds the gradients of four up.
    """
    done = subprocess.run(
        [sys.executable, "-c", DETECTOR, str(tmp_path), "1", device],
        cwd=root / "workflow" / "scripts",
        capture_output=True,
        text=True,
    )
    assert done.returncode == 0, done.stderr
    assert done.stdout.splitlines() == [f"{argument} GPU-aaa", "1 4 2 GPU-aaa"]
    assert done.stderr.count("detector: out of GPU memory; from now on ") == 2
    assert "from now on 1 images at a time, batches stay as they are" in done.stderr
