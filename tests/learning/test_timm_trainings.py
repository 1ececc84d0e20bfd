"""One timm network of each family with random weights: trained, continued, looked into, in half precision."""

import copy
import os
import shutil

import numpy as np
import pytest
import torch
import train_classifier
from example_stores import CLASSES, make_squares, without_times
from maskguide import methods
from maskguide.data.store import ImageStore
from maskguide.learning import backbones, cam, checkpoints, evaluation, looking, precision, training
from maskguide.learning.batches import images_on
from maskguide.learning.interface import Batch
from maskguide.plan import declared
from maskguide.system.files import InputError
from torch.nn import functional

# the smallest of each family that timm has
SMALLEST = {
    "ConvNeXt": "convnext_atto",
    "EfficientNet": "tf_efficientnet_lite0",
    "TinyViT": "tiny_vit_5m_224",
    "Swin": "swin_tiny_patch4_window7_224",
    "ViT": "vit_tiny_patch16_224",
    "DINOv2": "vit_small_patch14_dinov2",
    "DINOv3": "vit_tiny_patch16_dinov3_qkvb",
}
PATCH = {"ViT": 16, "DINOv2": 14, "DINOv3": 16}  # pixels of a cell; 32 of all others
SIZE = (64, 96)


@pytest.fixture(autouse=True)
def nothing_chosen(monkeypatch):
    monkeypatch.setattr(precision, "_chosen", None)


@pytest.fixture(scope="module", params=list(SMALLEST))
def network(request):
    """A family, and the plain method on its network."""
    torch.manual_seed(0)
    backbone = backbones.create(SMALLEST[request.param], None, CLASSES)
    return request.param, methods.create("baseline", backbone, {}).eval()


def pictures(count=2):
    return np.random.default_rng(0).integers(0, 256, (count, *SIZE, 3), dtype=np.uint8)


def grid(family):
    """Rows and columns of the map of a picture."""
    return tuple(-(-side // PATCH.get(family, 32)) for side in SIZE)


def half_precision(monkeypatch):
    """From now on the CPU counts as one that computes in bfloat16."""
    monkeypatch.setattr(torch.cpu, "get_capabilities", lambda: {"avx512_bf16": True})
    precision.choose("auto", "cpu")


# Where it looks


def by_hand(model, images, labels):
    """Σ over channels of F·∂(logit)/∂F, cell by cell [B, h, w]."""
    maps = model.backbone.features(images).detach().requires_grad_()
    model.backbone.head(maps).gather(1, labels[:, None]).sum().backward()
    return (maps * maps.grad).sum(dim=1).detach()


def test_the_class_activation_map_is_one_of_the_grid_of_each_class(network):
    family, model = network
    images = images_on(pictures(), "cpu")
    maps = {}
    for label in (0, 2):
        labels = torch.full((2,), label)
        found, kind = looking.maps_of(model, images, labels)
        assert kind == "class activation" and found.shape == (2, 1, *grid(family))
        torch.testing.assert_close(found[:, 0], by_hand(model, images, labels), rtol=1e-4, atol=1e-7)
        assert found.std() > 0.2 * found.abs().mean()
        maps[label] = found
    assert not torch.allclose(maps[0], maps[2], atol=0.1 * maps[0].abs().max().item())
    logits = model(images).logits[:, 2] - model.backbone.head[-1].bias[2]
    if any("Norm" in type(layer).__name__ for layer in model.backbone.head):
        # a norm after pooling takes away what speaks for a class everywhere: above and below average cancel
        assert maps[2].sum().abs() < 0.01 * maps[2].abs().sum()
    else:  # what speaks for a class adds up to its logit
        torch.testing.assert_close(maps[2].sum(dim=(1, 2, 3)), logits, rtol=1e-3, atol=1e-4)


def test_grad_cam_of_one_image_after_another(network):
    _, model = network
    activation = cam.ClassActivation(model)
    for image, label in zip(pictures(), (1, 0), strict=True):
        expected = by_hand(model, images_on(image[None].copy(), "cpu"), torch.tensor([label])).relu()[None]
        expected = functional.interpolate(expected, size=SIZE, mode="bilinear").numpy().ravel()
        found = activation.map_of(image, label)
        assert found.shape == SIZE and (found.min(), found.max()) == (0, pytest.approx(1, abs=1e-5))
        assert np.corrcoef(found.ravel(), expected)[0, 1] > 0.98
        logits = model(images_on(image[None].copy(), "cpu")).logits[0]
        assert activation.predict(image)[0] == logits.argmax()


def test_nothing_is_kept_from_one_pass_for_the_next(network):
    """Gradients after inference, copies after gradients, weights loaded late: TinyViT would keep biases."""
    family, model = network
    images, labels = images_on(pictures()[:, :32, :32].copy(), "cpu"), torch.tensor([1, 0])
    with torch.inference_mode():
        model(images)
    looking.maps_of(model, images, labels)
    copied = copy.deepcopy(model)
    fresh = methods.create("baseline", backbones.create(SMALLEST[family], None, CLASSES), {}).eval()
    with torch.no_grad():
        for value in fresh.parameters():
            value += 0.02 * torch.randn_like(value)
        copied.load_state_dict(fresh.state_dict())
        torch.testing.assert_close(copied(images).logits, fresh(images).logits)


# Half precision


def test_half_precision_on_the_cpu_learns_what_full_precision_does(network, monkeypatch):
    _, model = network
    images, labels = images_on(pictures()[:, :32, :32].copy(), "cpu"), torch.tensor([1, 0])
    gradients, losses = [], []
    for half in (False, True):
        if half:
            half_precision(monkeypatch)
        with precision.mixed_precision("cpu"):
            output = model(images)
        loss = sum(model.loss(output, Batch(images, labels)).values())
        assert loss.dtype == torch.float32
        found = torch.autograd.grad(loss, list(model.parameters()), allow_unused=True)
        gradients.append(torch.cat([each.flatten() for each in found if each is not None]))
        losses.append(loss.item())
    assert losses[0] != losses[1] and losses[0] == pytest.approx(losses[1], rel=0.02)
    assert functional.cosine_similarity(*gradients, dim=0) > 0.98


# Trainings


@pytest.fixture(scope="module")
def squares(tmp_path_factory):
    return make_squares(tmp_path_factory.mktemp("squares"))


def train(squares, output, name, *more):
    words = ["--dataset", "squares", "--store", squares / "store", "--mask-store", squares / "pooled"]
    words += ["--index", squares / "index.csv", "--method", "mga", "--backbone", name, "--epochs", "2"]
    words += ["--batch-size", "16", "--crop", "32", "--output-dir", output, "--test-every", "2"]
    train_classifier.main(train_classifier.parse_args([*map(str, words), "--device", "cpu", *map(str, more)]))


@pytest.mark.slow
@pytest.mark.parametrize("family", SMALLEST)
def test_a_training_continues_to_the_same_bits_and_shows_where_it_looks(
    squares, tmp_path, monkeypatch, family
):
    name, save, learnt = SMALLEST[family], checkpoints.save, []

    def save_and_keep_the_first(folder, state, *more):
        save(folder, state, *more)
        if not learnt:
            learnt.append({key: value.clone() for key, value in state["model"].items()})
            shutil.copytree(folder, tmp_path / "kept", copy_function=os.link)

    monkeypatch.setattr(checkpoints, "save", save_and_keep_the_first)
    train(squares, tmp_path / "whole", name, "--checkpoint", tmp_path / "state")
    train(squares, tmp_path / "cut", name, "--checkpoint", tmp_path / "kept")
    assert without_times(tmp_path / "cut") == without_times(tmp_path / "whole")
    assert not (tmp_path / "kept").exists()
    model, info = methods.load(tmp_path / "cut" / "model.pt")
    same = torch.load(tmp_path / "whole" / "model.pt", weights_only=True)["state_dict"]
    weights = model.state_dict()
    assert info["backbone"] == name and all(torch.equal(weights[key], same[key]) for key in same)
    assert any(not torch.equal(weights[key], learnt[0][key]) for key in same if "features" in key)
    maps, kind = looking.maps_of(model, images_on(pictures(), "cpu"), torch.tensor([0, 1]))
    assert kind == "attention" and maps.shape == (2, 1, *grid(family)) and maps.std() > 0
    store = ImageStore(squares / "store", (), squares / "index.csv")
    rows, found = store.rows("test")[:1], []
    for half in (False, True):
        if half:
            half_precision(monkeypatch)
        found.append(evaluation.predict(model, store, rows, "cpu")[1])
    assert 0 < np.abs(found[0] - found[1]).max() < 0.05
    for run in ("whole", "cut"):  # up to a hundred megabytes
        shutil.rmtree(tmp_path / run)


# Methods

SIDE = 128  # of a ViT's patches there are 8×8, as many as the methods with tiles and anchors want
TRAINED = [name for name, each in declared.methods().items() if each.script == declared.TRAINED]
EXPLAINING = [name for name in TRAINED if "explain" in declared.methods()[name].options]
REFUSALS = {"tdsa": "this backbone has one stage; a method that needs two cannot use it; take small, or a"}


def learnt_once(method, backbone, side, **options):
    """A method that learnt from one batch of images and, where it is guided, of masks."""
    known, regions = declared.methods()[method], ["vein", "tip"]
    if known.guided_by == "regions":
        weights = {name: each["default"] for name, each in known.options.items() if each.get("by")}
        options |= {name: declared.for_each(values, regions) for name, values in weights.items()}
        options["regions"] = regions
    model = methods.create(method, backbone, options)
    count = {"": 0, "masks": 1, "regions": len(regions)}[known.guided_by]
    masks = torch.rand(4, count, *training.feature_grid(model, side)) if count else None
    present = torch.ones(4, count, dtype=torch.bool) if count else None
    model.train()
    batch = Batch(torch.randn(4, 3, side, side), torch.arange(4) % CLASSES, masks, present)
    sum(model.loss(model(batch.images), batch).values()).backward()
    for name, parameter in model.named_parameters():
        assert parameter.grad is None or torch.isfinite(parameter.grad).all(), name
    return model.eval()


@pytest.mark.parametrize(
    ("method", "explain"),
    [*((each, None) for each in TRAINED), *((each, "input") for each in EXPLAINING)],
)
def test_a_method_learns_from_the_map_of_a_vit_or_says_in_one_line_why_not(method, explain):
    torch.manual_seed(0)
    backbone, options = backbones.create("test_vit", None, CLASSES), {"explain": explain} if explain else {}
    if method in REFUSALS:
        with pytest.raises(InputError, match=f"^{REFUSALS[method]}"):
            learnt_once(method, backbone, SIDE, **options)
        return
    model = learnt_once(method, backbone, SIDE, **options)
    assert all(each.grad.abs().max() > 0 for each in model.backbone.features.parameters())
    maps, _ = looking.maps_of(model, torch.randn(2, 3, SIDE, SIDE), torch.tensor([0, 1]))
    assert torch.isfinite(maps).all() and maps.std() > 0


@pytest.mark.parametrize("family", ["TinyViT", "DINOv3"])
def test_explanations_by_pixels_can_be_learnt_from(family):
    """Which differentiates attention twice."""
    torch.manual_seed(0)
    backbone = backbones.create(SMALLEST[family], None, CLASSES)
    model = learnt_once("rrr", backbone, 32, explain="input", guidance_weight=1.0)
    assert all(each.grad.abs().max() > 0 for each in model.backbone.stages[0])
