"""Backbones by timm's names, random weights: maps, cells, stages, pixels, files of weights."""

import os
import subprocess
import sys

import numpy as np
import pytest
import timm
import torch
from maskguide.learning import backbones
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
    "vit_small_patch14_reg4_dinov2": (6.5, 14, 13),
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
    size, cell, profile = (224 if "224" in name and stride == 32 else 8 * stride), 3, 0
    for _ in range(3):
        images = torch.randn(1, 3, size, size, generator=rng).requires_grad_()
        maps = backbone.features(images)
        said = (maps[0, :, cell, cell] * torch.randn(backbone.channels, generator=rng)).sum()
        profile = profile + torch.autograd.grad(said, images)[0].pow(2).sum(dim=(0, 1, 3)).numpy()
    profile = np.where(profile > 0.1 * profile.max(), profile, 0)
    centre = (profile * np.arange(size)).sum() / profile.sum()
    assert centre == pytest.approx(start + cell * stride, abs=0.25 * stride)


@pytest.mark.parametrize("network", [name for name in FAMILIES if name.startswith("vit_")], indirect=True)
def test_the_grid_holds_each_patch_in_its_place_and_no_other_token(network):
    """Class and register tokens come first; one of them in the grid would move all patches on."""
    name, backbone = network
    start, stride, _ = FAMILIES[name]
    images = torch.randn(1, 3, 4 * stride, 6 * stride, generator=torch.Generator().manual_seed(2))
    for row, column in ((0, 0), (1, 3), (3, 5)):
        top, left = (round(start + 0.5 - stride / 2 + stride * each) for each in (row, column))
        changed = images.clone()
        changed[:, :, top : top + stride, left : left + stride] *= -1
        with torch.inference_mode():
            before, after = backbone.features(torch.cat([images, changed]))
        difference = (before - after).square().sum(dim=0)
        assert divmod(difference.argmax().item(), 6) == (row, column)


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


@pytest.mark.parametrize("name", [*FAMILIES, "test_vit2"])  # the last has its norm behind the pooling
def test_it_says_what_timm_says(name, tmp_path):
    """Maps of the file's weights, and with its classifier the same logits, where timm averages over cells."""
    torch.manual_seed(1)
    options = {"dynamic_img_size": True} if "vit_" in name and "tiny_vit" not in name else {}
    theirs = timm.create_model(name, pretrained=False, num_classes=3, **options).eval()
    with torch.no_grad():
        for value in theirs.parameters():
            if value.ndim == 1:  # norms that do something
                value += 0.1 * torch.rand_like(value)
    torch.save(theirs.state_dict(), tmp_path / "weights.pth")
    backbone = backbones.create(name, tmp_path / "weights.pth", 3).eval()
    backbone.head[-1].load_state_dict(theirs.get_classifier().state_dict())
    images = torch.randn(2, 3, 224, 224)
    with torch.inference_mode():
        own = backbone.features[0]._normalised(images)
        maps, logits = theirs.forward_features(own), theirs(own)
        found, said = backbone.features(images), backbone(images)
    if maps.ndim == 3:
        maps = maps[:, theirs.num_prefix_tokens :].transpose(1, 2).reshape(found.shape)
    elif maps.shape[1] != backbone.channels:
        maps = maps.permute(0, 3, 1, 2)
    torch.testing.assert_close(found, maps, rtol=1e-3, atol=1e-4)
    if getattr(theirs, "global_pool", "avg") != "token":
        torch.testing.assert_close(said, logits, rtol=1e-3, atol=1e-4)


def test_a_name_may_end_in_that_of_its_weights_whose_normalisation_counts():
    means = {"vit_small_patch16_224": 0.5, "vit_small_patch16_224.dino": 0.485}
    for name, mean in means.items():
        with torch.device("meta"):
            assert backbones.create(name, None, 3).features[0].mean[0] == mean
    with pytest.raises(InputError, match=r"224\.dinosaur: timm knows no such weights; .* are vit_small_"):
        backbones.create("vit_small_patch16_224.dinosaur", None, 3)


def test_a_file_of_another_network_is_refused(tmp_path):
    state = timm.create_model("convnext_atto", pretrained=False).state_dict()
    torch.save(state, tmp_path / "weights.pth")
    with pytest.raises(InputError, match=r"weights\.pth: does not fit the backbone vit_tiny_patch16_224: it"):
        backbones.create("vit_tiny_patch16_224", tmp_path / "weights.pth", 3)


def test_a_name_that_nobody_has_names_the_nearest():
    with pytest.raises(InputError, match=r"--backbone convnext_atom: .*convnext_atto"):
        backbones.create("convnext_atom", None, 3)


def test_timm_is_imported_where_it_is_asked_for_alone(root):
    said = "import sys; from maskguide.learning import backbones; backbones.create('small', None, 3)"
    words = [sys.executable, "-c", f"{said}; print('timm' in sys.modules)"]
    path = {**os.environ, "PYTHONPATH": str(root / "workflow" / "scripts")}
    done = subprocess.run(words, env=path, capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "False"
