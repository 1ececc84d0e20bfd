"""Backbones by timm's names, random weights, no network: one of each family through all of it."""

import os
import subprocess
import sys

import numpy as np
import pytest
import timm
import torch
import train_classifier
from example_stores import make_squares, without_times
from maskguide import methods
from maskguide.learning import backbones, looking
from maskguide.learning.batches import images_on
from maskguide.system.files import InputError

# name, cells' start and stride in pixels, stages that can be frozen
FAMILIES = {
    "convnext_atto": (15.5, 32, 5),
    "tf_efficientnet_lite0": (31, 32, 8),
    "efficientnet_b0": (0, 32, 8),
    "tiny_vit_5m_224": (0, 32, 5),
    "swin_tiny_patch4_window7_224": (15.5, 32, 6),
    "vit_tiny_patch16_224": (7.5, 16, 13),
    "vit_small_patch14_dinov2": (6.5, 14, 13),
    "vit_small_patch16_dinov3": (7.5, 16, 13),
}


@pytest.fixture(scope="module", params=list(FAMILIES))
def network(request):
    torch.manual_seed(0)
    return request.param, backbones.create(request.param, None, 3).eval()


def test_the_map_is_a_grid_of_the_images_size(network):
    name, backbone = network
    _, stride, _ = FAMILIES[name]
    for height, width in ((224, 224), (160, 96), (150, 101)):
        with torch.inference_mode():
            maps = backbone.features(torch.randn(2, 3, height, width))
        grid = [-(-side // stride) for side in (height, width)]
        if name.startswith("convnext"):  # its patches leave out what is no whole one
            grid = [side // stride for side in (height, width)]
        assert maps.shape == (2, backbone.channels, *grid)


def test_cells_look_where_their_gradient_comes_from(network):
    name, backbone = network
    start, stride, _ = FAMILIES[name]
    assert backbones.cell_grid(backbone.features) == (start, stride)
    rng = torch.Generator().manual_seed(1)
    # in the middle of the image, and of its window where attention has windows
    size, cell, profile = (224, 3, 0) if "224" in name and stride == 32 else (16 * stride, 7, 0)
    for _ in range(6):
        images = torch.randn(1, 3, size, size, generator=rng).requires_grad_()
        maps = backbone.features(images)
        said = (maps[0, :, cell, cell] * torch.randn(backbone.channels, generator=rng)).sum()
        profile = profile + torch.autograd.grad(said, images)[0].pow(2).sum(dim=(0, 1, 3)).numpy()
    profile = np.where(profile > 0.1 * profile.max(), profile, 0)
    centre = (profile * np.arange(size)).sum() / profile.sum()
    assert centre == pytest.approx(start + cell * stride, abs=0.25 * stride)


def test_freezing_stops_whole_stages_beginning_with_the_stem(network):
    name, _ = network
    backbone = backbones.create(name, None, 3)
    assert len(backbone.stages) == FAMILIES[name][2]
    assert {id(each) for stage in backbone.stages for each in stage} == {
        id(each) for each in backbone.features.parameters()
    }
    backbone.freeze(2)
    learning = [any(each.requires_grad for each in stage) for stage in backbone.stages]
    assert learning == [False] * 2 + [True] * (len(backbone.stages) - 2)
    with pytest.raises(InputError, match="--freeze 99: this backbone has 0 to"):
        backbone.freeze(99)


def test_pixels_are_normalised_as_the_networks_own_weights_want(network):
    name, backbone = network
    own = timm.create_model(name, pretrained=False).pretrained_cfg
    pixels = np.random.default_rng(0).integers(0, 256, (1, 32, 32, 3), dtype=np.uint8)
    found = backbone.features[0]._normalised(images_on(pixels, "cpu")).permute(0, 2, 3, 1)
    expected = (pixels / 255 - np.array(own["mean"])) / np.array(own["std"])
    np.testing.assert_allclose(found, expected, atol=2e-5)


def test_without_its_classifier_it_says_what_timm_says(network, tmp_path):
    name, _ = network
    torch.manual_seed(1)
    size = 224
    theirs = timm.create_model(name, pretrained=False, num_classes=3, **options_of(name)).eval()
    torch.save(theirs.state_dict(), tmp_path / "weights.pth")
    backbone = backbones.create(name, tmp_path / "weights.pth", 3).eval()
    images = torch.randn(2, 3, size, size)
    with torch.inference_mode():
        maps = theirs.forward_features(backbone.features[0]._normalised(images))
        found = backbone.features(images)
    if maps.ndim == 3:
        maps = maps[:, theirs.num_prefix_tokens :].transpose(1, 2).reshape(found.shape)
    elif maps.shape[1] != backbone.channels:
        maps = maps.permute(0, 3, 1, 2)
    torch.testing.assert_close(found, maps, rtol=1e-3, atol=1e-4)


def options_of(name):
    return {"dynamic_img_size": True} if name.startswith("vit") else {}


def test_a_file_of_another_network_is_refused(tmp_path):
    state = timm.create_model("convnext_atto", pretrained=False).state_dict()
    torch.save(state, tmp_path / "weights.pth")
    with pytest.raises(InputError, match=r"weights\.pth: does not fit the backbone vit_tiny_patch16_224: it"):
        backbones.create("vit_tiny_patch16_224", tmp_path / "weights.pth", 3)


def test_a_name_that_nobody_has_names_the_nearest():
    with pytest.raises(InputError, match=r"--backbone convnext_atom: .*convnext_atto"):
        backbones.create("convnext_atom", None, 3)


def test_methods_that_need_two_stages_say_so():
    with pytest.raises(InputError, match="has one stage"):
        methods.create("tdsa", backbones.create("convnext_atto", None, 3), {})


@pytest.fixture(scope="module")
def squares(tmp_path_factory):
    return make_squares(tmp_path_factory.mktemp("squares"))


def train(squares, output, name, *more):
    words = ["--dataset", "squares", "--store", squares / "store", "--mask-store", squares / "pooled"]
    words += ["--index", squares / "index.csv", "--method", "mga", "--backbone", name, "--epochs", "2"]
    words += ["--batch-size", "8", "--crop", "32", "--output-dir", output, "--optimizer", "adam"]
    args = train_classifier.parse_args([*map(str, words), "--learning-rate", "0.0005", *more])
    train_classifier.main(args)


@pytest.mark.slow
@pytest.mark.parametrize("name", ["convnext_atto", "vit_tiny_patch16_224", "tiny_vit_5m_224"])
def test_one_of_each_kind_trains_and_shows_where_it_looks(squares, tmp_path, name):
    train(squares, tmp_path / "run", name)
    model, info = methods.load(tmp_path / "run" / "model.pt")
    assert info["backbone"] == name
    maps, kind = looking.maps_of(model, torch.randn(2, 3, 64, 64), torch.tensor([0, 1]))
    assert kind == "attention" and maps.shape[-1] == -(-64 // int(FAMILIES[name][1]))
    again = tmp_path / "again"
    train(squares, again, name)
    assert without_times(tmp_path / "run") == without_times(again)


def test_half_precision_on_the_cpu_gives_numbers(network):
    name, backbone = network
    with torch.inference_mode(), torch.autocast("cpu", torch.bfloat16):
        logits = backbone(torch.randn(1, 3, 64, 64))
    assert torch.isfinite(logits.float()).all(), name


def test_timm_is_imported_where_it_is_asked_for_alone(root):
    said = "import sys; from maskguide.learning import backbones; backbones.create('small', None, 3)"
    words = [sys.executable, "-c", f"{said}; print('timm' in sys.modules)"]
    path = {**os.environ, "PYTHONPATH": str(root / "workflow" / "scripts")}
    done = subprocess.run(words, env=path, capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "False"
