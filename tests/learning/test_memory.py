"""CUDA out of memory, pretended on the CPU: fewer images at a time, the same gradients, one line."""

import json
import logging
import subprocess
import sys
from functools import partial

import numpy as np
import pytest
import torch
from example_stores import make_squares
from maskguide import methods
from maskguide.data.store import ImageStore
from maskguide.learning import backbones, evaluation, training
from maskguide.learning.interface import Batch
from maskguide.learning.loop import Learner
from maskguide.learning.memory import AtOnce, running_out_is_said
from maskguide.segment import segmenter_training, segmenters
from maskguide.system.files import InputError
from torch import nn

SIZE = 32


@pytest.fixture(scope="module")
def stores(tmp_path_factory):
    return make_squares(tmp_path_factory.mktemp("stores"))


class Cramped(nn.Module):
    """A module whose memory holds `room` images at a time; what it tried is counted."""

    def __init__(self, module, room):
        super().__init__()
        self.module, self.room, self.tried = module, room, []

    def forward(self, images, *others):
        self.tried.append(len(images))
        if len(images) > self.room:
            raise torch.OutOfMemoryError("CUDA out of memory. Tried to allocate 2.00 GiB")
        return self.module(images, *others)


def without_batch_norm(model):
    """Batch norms do nothing: then a batch's gradient is the mean of its images' gradients."""
    for module in model.modules():
        for name, child in module.named_children():
            if isinstance(child, nn.BatchNorm2d):
                setattr(module, name, nn.Identity())
    return model


def classifier(method="baseline", room=100):
    torch.manual_seed(0)
    backbone = without_batch_norm(backbones.create("small", None, 3))
    backbone.features = Cramped(backbone.features, room)
    options = {"feature_weight": 0.5, "attention_weight": 0.5, "guidance_weight": 0.1}
    options |= {"mask_pooling": "parts", "feature_scale": 1.0}
    return methods.create(method, backbone, options).train()


def batch(count):
    torch.manual_seed(1)
    images, labels = torch.randn(count, 3, SIZE, SIZE), torch.arange(count) % 3
    masks = torch.rand(count, 1, 4, 4)
    return Batch(images, labels, masks, torch.ones(count, 1, dtype=torch.bool))


def learner(model):
    """It makes gradients and leaves the weights as they are."""
    return Learner(model, lambda model: torch.optim.SGD(model.parameters(), 0.0), "cpu", "training")


def step(learner, batch):
    return learner.step(len(batch.labels), partial(training.batch_terms, learner, batch))


def gradients(model):
    return torch.cat([each.grad.flatten() for each in model.parameters() if each.grad is not None])


@pytest.mark.parametrize("method", ["baseline", "mga"])
@pytest.mark.parametrize(("count", "room"), [(8, 4), (7, 3), (5, 1)])
def test_gradients_of_parts_add_up_to_the_batchs(method, count, room):
    images = batch(count)
    cramped, free = classifier(method, room), classifier(method)
    parts = step(learner(cramped), images)
    terms = free.loss(free(images.images), images)  # the definition: the whole batch's loss, once
    loss = torch.stack(list(terms.values())).sum()
    loss.backward()
    torch.testing.assert_close(gradients(cramped), gradients(free), rtol=1e-4, atol=1e-7)
    assert [size for size, *_ in parts] == cramped.backbone.features.tried[-len(parts) :]
    assert sum(size for size, *_ in parts) == count
    found = sum(size * values["loss"].item() for size, values, _ in parts) / count
    assert found == pytest.approx(loss.item(), rel=1e-5)


def test_it_is_said_once_and_remembered(caplog):
    caplog.set_level(logging.INFO, logger="maskguide")
    model = classifier(room=3)
    learning = learner(model)
    for _ in range(3):
        step(learning, batch(12))
    assert model.backbone.features.tried == [12, 6, *[3] * 12]
    assert caplog.messages == [
        "training: out of GPU memory with 12 images at a time; from now on 6, batches stay as they are",
        "training: out of GPU memory with 6 images at a time; from now on 3, batches stay as they are",
    ]


def test_parts_are_as_few_and_as_equal_as_can_be():
    """A last part of one image would leave batch norm nothing to learn from."""
    at_once = AtOnce("training")
    assert at_once.parts(9) == [slice(0, 9)]
    at_once.most = 4
    assert [part.stop - part.start for part in at_once.parts(9)] == [3, 3, 3]
    assert [part.stop - part.start for part in at_once.parts(4)] == [4]


def test_a_segmenters_gradients_add_up_too():
    """With equal class weights and no Dice each term is a mean over pixels, so over images."""
    torch.manual_seed(0)
    architecture = segmenters.Architecture("Unet", "resnet18", ("vein",), 3, (16, 8, 8))
    models = []
    for room in (2, 100):
        torch.manual_seed(0)
        model = without_batch_norm(segmenters.HierarchicalSegmenter(architecture)).train()
        models.append(Cramped(model, room))
    images, labels = torch.randn(6, 3, 64, 64), torch.randint(0, 2, (6, 64, 64))
    criterion = segmenter_training.SegmentationLoss(torch.ones(2), 0.0, 0.05)
    found = []
    for model in models:
        of_batch = (learner(model), criterion, images, labels, (0.5, 1.0))
        parts = of_batch[0].step(6, partial(segmenter_training.batch_terms, *of_batch))
        loss = sum(size * terms["loss"] for size, terms, _ in parts) / 6
        found.append((loss, torch.cat([predicted for *_, predicted in parts])))
    assert models[0].tried == [6, 3, 2, 2, 2]
    torch.testing.assert_close(gradients(models[0]), gradients(models[1]), rtol=1e-3, atol=1e-6)
    torch.testing.assert_close(found[0][0], found[1][0], rtol=1e-4, atol=0)
    assert torch.equal(found[0][1], found[1][1])


def test_predictions_do_not_depend_on_how_many_go_at_once(stores, caplog, monkeypatch):
    caplog.set_level(logging.INFO, logger="maskguide")
    images = ImageStore(stores / "store")
    rows = images.rows("test")
    monkeypatch.setattr(evaluation, "for_inference", lambda model: model.eval())  # it folds what it can trace
    expected = evaluation.predict(classifier(), images, rows, "cpu")
    cramped = classifier(room=2)
    predicted, confidence = evaluation.predict(cramped, images, rows, "cpu", AtOnce("test"))
    np.testing.assert_array_equal(predicted, expected[0])
    np.testing.assert_allclose(confidence, expected[1], rtol=1e-5)
    assert "test: out of GPU memory with 9 images at a time; from now on 5" in caplog.text
    assert cramped.backbone.features.tried[-1] <= 2


def test_a_single_image_too_many_is_one_line(stores):
    with pytest.raises(InputError, match=r"^training: out of GPU memory with a single image; take smaller"):
        step(learner(classifier(room=0)), batch(4))
    with (
        pytest.raises(InputError, match=r"^weights: out of GPU memory; take smaller"),
        running_out_is_said("weights"),
    ):
        raise torch.OutOfMemoryError("CUDA out of memory")


SCRIPT = """
import sys
import torch
from maskguide.system import cli
from maskguide.learning import backbones

class Cramped(torch.nn.Module):
    def __init__(self, module):
        super().__init__()
        self.module = module

    def forward(self, images):
        if self.training and len(images) > ROOM:
            raise torch.OutOfMemoryError("CUDA out of memory. Tried to allocate 2.00 GiB")
        return self.module(images)

create = backbones.create
def cramped(*values):
    backbone = create(*values)
    backbone.features[0] = Cramped(backbone.features[0])
    return backbone
backbones.create = cramped

import train_classifier
cli.run(train_classifier.main, train_classifier.parse_args())
"""


@pytest.mark.slow
@pytest.mark.parametrize("room", [2, 0])
def test_a_training_through_the_command_line(stores, tmp_path, root, room):
    """Room for 2 of 6 images: trained with 2 at a time. Room for none: one line, code 2, nothing written."""
    command = [
        *(sys.executable, "-c", SCRIPT.replace("ROOM", str(room)), "--dataset", "squares"),
        *("--store", str(stores / "store"), "--method", "baseline", "--backbone", "small", "--freeze", "0"),
        *("--epochs", "2", "--batch-size", "6", "--crop", "32", "--device", "cpu"),
        *("--output-dir", str(tmp_path / "run")),
    ]
    done = subprocess.run(command, cwd=root / "workflow" / "scripts", capture_output=True, text=True)
    if room:
        assert done.returncode == 0, done.stderr
        assert done.stderr.count("out of GPU memory") == 2  # 6 → 3 → 2
        assert json.loads((tmp_path / "run" / "metrics.json").read_text())["epochs"] == 2
        return
    assert done.returncode == 2
    assert done.stderr.splitlines()[-1].startswith("error: training: out of GPU memory with a single image; ")
    assert "Traceback" not in done.stderr
    assert not (tmp_path / "run").exists()
