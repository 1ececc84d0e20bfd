import numpy as np
import pandas as pd
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from maskguide import methods
from maskguide.data.store import ImageStore, build_images
from maskguide.learning import backbones, evaluation
from maskguide.learning.transforms import normalise
from PIL import Image
from sklearn.metrics import accuracy_score, f1_score
from torch import nn


def test_metrics_against_hand_counts():
    labels, predicted = [0, 0, 1, 1, 2], [0, 1, 1, 1, 0]
    assert evaluation.top1(labels, predicted) == pytest.approx(60)
    # F1: class 0: 2·1/(2+2) = 1/2; class 1: 2·2/(3+2) = 4/5; class 2: 0; class 3 never occurs: 0
    assert evaluation.macro_f1(labels, predicted, 4) == pytest.approx(100 * (0.5 + 0.8) / 4)


@pytest.mark.parametrize("seed", range(20))
def test_metrics_are_scikit_learns_to_the_bit(seed):
    rng = np.random.default_rng(seed)
    classes, images = int(rng.integers(2, 30)), int(rng.integers(1, 300))
    labels, predicted = rng.integers(0, classes, (2, images))
    predicted = np.where(rng.random(images) < rng.random(), labels, predicted)
    assert evaluation.top1(labels, predicted) == 100 * accuracy_score(labels, predicted)
    theirs = f1_score(labels, predicted, labels=range(classes), average="macro", zero_division=0)
    assert evaluation.macro_f1(labels, predicted, classes) == 100 * theirs


@given(st.lists(st.tuples(st.integers(0, 4), st.integers(0, 4)), min_size=1, max_size=40))
def test_metrics_are_those_of_scikit_learn_to_the_bit(pairs):
    labels, predicted = zip(*pairs, strict=True)
    assert evaluation.top1(labels, predicted) == 100 * accuracy_score(labels, predicted)
    expected = f1_score(labels, predicted, labels=range(6), average="macro", zero_division=0)
    assert evaluation.macro_f1(labels, predicted, 6) == 100 * expected


@pytest.mark.parametrize("name", ["small", "resnet18", "mobilenet_v2", "densenet121", "inception_v3"])
def test_folded_batch_norms_compute_the_same(name):
    torch.manual_seed(0)
    model = methods.create("baseline", backbones.create(name, None, 3), {"feature_scale": 1.0}).eval()
    for module in model.modules():
        if isinstance(module, nn.BatchNorm2d):
            nn.init.uniform_(module.running_mean, -0.2, 0.2)
            nn.init.uniform_(module.running_var, 0.5, 1.5)
    folded = evaluation.for_inference(model)
    images = torch.randn(1, 3, 96, 80)
    with torch.inference_mode():
        assert torch.allclose(folded(images).logits, model(images).logits, rtol=1e-4, atol=1e-5)
    count = [
        sum(isinstance(each, nn.BatchNorm2d) for each in network.modules()) for network in (model, folded)
    ]
    assert count[1] < count[0]


@pytest.fixture
def images(tmp_path):
    rng = np.random.default_rng(0)
    rows = []
    for number, size in enumerate([(40, 30), (30, 40), (40, 30), (24, 24), (40, 30)]):
        Image.fromarray(rng.integers(0, 256, (*size, 3), dtype=np.uint8)).save(tmp_path / f"{number}.png")
        rows.append(
            (str(number), str(tmp_path / f"{number}.png"), "c", 0, "train" if number == 1 else "test")
        )
    build_images(
        pd.DataFrame(rows, columns=["image_id", "path", "class", "class_id", "split"]), tmp_path / "store"
    )
    return ImageStore(tmp_path / "store")


def test_predictions_are_those_of_single_whole_images_in_their_order(images):
    torch.manual_seed(0)
    backbone = backbones.create("small", None, 7)
    model = methods.create("baseline", backbone, {"feature_scale": 1.0}).train()
    rows = images.rows("test")
    predicted, confidence = evaluation.predict(model, images, rows, "cpu")
    assert model.training  # the copy alone was put into evaluation mode
    model.eval()
    for position, row in enumerate(rows):
        pixels = torch.tensor(images.image(row)).permute(2, 0, 1)[None]
        with torch.inference_mode():
            probabilities = model(normalise(pixels)).logits.softmax(dim=1)[0]
        assert predicted[position] == probabilities.argmax()
        assert confidence[position] == pytest.approx(probabilities.max().item(), abs=1e-5)


def test_equal_sizes_go_together_up_to_a_number_of_pixels(images):
    rows = images.rows("test")  # sizes 40×30, 40×30, 24×24, 40×30
    assert sorted(evaluation.equal_sizes(images, rows, 2 * 40 * 30)) == [[0, 1], [2], [3]]
    assert sorted(evaluation.equal_sizes(images, rows, 1)) == [[0], [1], [2], [3]]


def test_many_sizes_leave_cudnn_aside_on_a_gpu_alone(images):
    assert evaluation.number_of_sizes(images, range(4)) == len({images.image(row).shape for row in range(4)})
    few, many = evaluation.SIZES_PLANNED, evaluation.SIZES_PLANNED + 1
    for device, sizes, expected in (("cuda", many, False), ("cuda", few, True), ("cpu", many, True)):
        with evaluation.convolutions(device, sizes):
            assert torch.backends.cudnn.enabled is expected
        assert torch.backends.cudnn.enabled
