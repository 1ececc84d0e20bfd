"""The same seed and options give the same numbers, whatever loads the images and whatever runs beside."""

import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import torch
import train_segmenter
from example_stores import make_squares, without_times
from maskguide.data.store import ImageStore, MaskStore
from maskguide.learning.batches import TrainingImages
from maskguide.learning.transforms import Augmentation
from maskguide.segment import segmenter_training, segmenters
from maskguide.system import gpu

needs_gpu = pytest.mark.skipif(not torch.cuda.is_available(), reason="needs a GPU")


@pytest.fixture(scope="module")
def stores(tmp_path_factory):
    return make_squares(tmp_path_factory.mktemp("stores"))


def command(root, stores, output, *others):
    return [
        *(sys.executable, str(root / "workflow" / "scripts" / "train_classifier.py"), "--dataset", "squares"),
        *("--store", str(stores / "store"), "--mask-store", str(stores / "pooled"), "--method", "mga"),
        *("--backbone", "mobilenet_v2", "--freeze", "0", "--epochs", "2", "--batch-size", "6"),
        *("--crop", "32", "--output-dir", str(output), *others),
    ]


def weights(folder):
    state = torch.load(folder / "model.pt", weights_only=True)["state_dict"]
    return torch.cat([each.flatten().double() for each in state.values()])


@pytest.mark.slow
def test_neither_workers_nor_neighbours_change_a_classifier(stores, tmp_path, root):
    """Alone without workers; then two at once, one with three threads that make batches ahead."""
    environment = {**os.environ, "OMP_NUM_THREADS": "1"}

    def start(name, workers):
        words = command(root, stores, tmp_path / name, "--device", "cpu", "--workers", str(workers))
        return subprocess.Popen(words, env=environment, stderr=subprocess.PIPE, text=True)

    for together in ((("alone", 0),), (("beside", 0), ("ahead", 3))):
        running = [start(*each) for each in together]
        for process in running:
            _, errors = process.communicate()
            assert process.returncode == 0, errors
    for name in ("beside", "ahead"):
        assert without_times(tmp_path / name) == without_times(tmp_path / "alone")
        assert torch.equal(weights(tmp_path / name), weights(tmp_path / "alone"))


def test_batches_made_ahead_are_the_same_batches(stores):
    images, masks = ImageStore(stores / "store"), [MaskStore(stores / "pooled")]
    found = []
    for workers in (0, 1, 5):
        data = TrainingImages(images, masks, (3, 3), 32, 4, seed=2, workers=workers)
        found.append([each for epoch in range(2) for each in data.epoch(epoch, "cpu")])
    for others in found[1:]:
        assert len(others) == len(found[0])
        for one, other in zip(found[0], others, strict=True):
            assert torch.equal(one.images, other.images) and torch.equal(one.masks, other.masks)
            assert torch.equal(one.labels, other.labels)


@pytest.mark.slow
def test_workers_do_not_change_a_segmenter():
    """No process, and two processes that augment the images."""
    rng = np.random.default_rng(0)
    pairs = [
        (rng.integers(0, 256, (48, 48, 3), dtype=np.uint8), rng.integers(0, 2, (48, 48), dtype=np.uint8))
        for _ in range(5)
    ]
    needed = ["--index", "x", "--annotated", "x", "--classes", "vein", "--output-dir", "x"]
    args = train_segmenter.parse_args([*needed, "--epochs", "2", "--batch-size", "2"])
    found = []
    for workers in (0, 2):
        torch.manual_seed(0)
        args.workers = workers
        architecture = segmenters.Architecture("Unet", "resnet18", ("vein",), 3, (16, 8, 8))
        model = segmenters.HierarchicalSegmenter(architecture)
        augmentation = Augmentation(32, (0.8, 1.2), 10.0, 0.5, 0.25)
        history = segmenter_training.train(model, pairs, augmentation, args, "cpu")
        found.append((pd.DataFrame(history).drop(columns="seconds"), model.state_dict()))
    pd.testing.assert_frame_equal(found[0][0], found[1][0], check_exact=True)
    assert all(torch.equal(value, found[1][1][name]) for name, value in found[0][1].items())


@pytest.mark.slow
def test_deterministic_kernels_are_asked_for():
    """In a process of its own: the settings hold for the whole process."""
    code = (
        "from maskguide.system import gpu; import torch; gpu.use_deterministic_kernels();"
        "assert torch.are_deterministic_algorithms_enabled();"
        "assert torch.is_deterministic_algorithms_warn_only_enabled();"
        "assert torch.backends.cudnn.deterministic and not torch.backends.cudnn.benchmark"
    )
    subprocess.run([sys.executable, "-c", code], cwd=Path(gpu.__file__).parents[2], check=True)


def test_the_rows_cross_entropy_is_that_of_maps():
    """What deterministic training on CUDA computes instead, here on the CPU."""
    torch.manual_seed(0)
    criterion = segmenter_training.SegmentationLoss(torch.tensor([0.5, 2.0, 1.0]), 1.0, 0.1)
    logits, labels = torch.randn(2, 3, 8, 6), torch.randint(0, 3, (2, 8, 6))
    labels[:, 0] = segmenter_training.IGNORE
    expected = criterion.cross_entropy(logits, labels)
    rows = segmenter_training.as_rows(logits, labels)
    torch.testing.assert_close(criterion.cross_entropy(*rows), expected)


@needs_gpu
@pytest.mark.slow
@pytest.mark.parametrize("method", ["mga", "aca", "tdsa"])
def test_deterministic_trainings_on_cuda_are_equal_to_the_bit(stores, tmp_path, root, method):
    for name in ("one", "two"):
        words = command(
            root, stores, tmp_path / name, "--device", "cuda", "--deterministic", "--method", method
        )
        subprocess.run(words, check=True, capture_output=True)
    assert without_times(tmp_path / "one") == without_times(tmp_path / "two")
    assert torch.equal(weights(tmp_path / "one"), weights(tmp_path / "two"))


@pytest.mark.skipif(torch.cuda.is_available(), reason="a GPU is there: run it by hand")
def test_the_cost_on_cuda_is_not_claimed_without_a_gpu(root):
    script = root / "bench" / "deterministic_cost.py"
    done = subprocess.run([sys.executable, script], capture_output=True, text=True, check=True)
    assert done.stdout == "needs a GPU: on the CPU the kernels are deterministic anyhow\n"
