import functools
import hashlib

import numpy as np
import pretrain_backbone
import pytest
import torch
from maskguide.learning import backbones, weights
from maskguide.learning.batches import images_on
from maskguide.learning.transforms import normalise
from maskguide.leaves import leaf_shape
from maskguide.plan import config_check
from maskguide.system.files import InputError
from torchvision import models

# name, stride of the map, channels, children the published code freezes, size small enough to be quick
PAPER = [
    ("vgg19", 32, 512, 21, 64),
    ("resnet50", 32, 2048, 6, 64),
    ("mobilenet_v2", 32, 1280, 10, 64),
    ("densenet161", 32, 2208, 8, 64),
    ("small", 8, 128, 2, 64),
]


def without_initialisation(create, *args):
    """Random initial values take seconds for a large network; zeros do where only shapes count."""
    with torch.device("meta"):
        return create(*args)


@pytest.mark.parametrize(("name", "stride", "channels", "frozen", "size"), PAPER)
def test_shapes(name, stride, channels, frozen, size):
    backbone = without_initialisation(backbones.create, name, None, 7)
    assert backbone.channels == channels
    assert backbone.paper_frozen_children == frozen
    images = torch.zeros(2, 3, size, size, device="meta")
    features = backbone.features(images)
    assert features.shape == (2, channels, size // stride, size // stride)
    assert backbone(images).shape == (2, 7)


def test_small_is_finer_than_the_others():
    assert backbones.create("small", None, 3).features(torch.zeros(1, 3, 160, 160)).shape == (1, 128, 20, 20)


def test_frozen_children_are_what_the_paper_freezes():
    """By name in torchvision's networks: the layer before the cut is frozen, the one after it learns."""
    for name, last_frozen, first_learning in [
        ("vgg19", "features.19", "features.21"),
        ("resnet50", "layer2", "layer3"),
        ("mobilenet_v2", "features.9", "features.10"),
        ("densenet161", "features.denseblock2", "features.denseblock3"),
        ("inception_v3", "Mixed_6c", "Mixed_6d"),
    ]:
        with torch.device("meta"):
            network = backbones.torchvision_network(name)
            backbone = backbones.cut(network, name, 5)
        backbone.freeze(backbone.paper_frozen_children)
        modules = dict(network.named_modules())
        assert not any(parameter.requires_grad for parameter in modules[last_frozen].parameters()), name
        assert all(parameter.requires_grad for parameter in modules[first_learning].parameters()), name
        assert all(parameter.requires_grad for parameter in backbone.head.parameters()), name


def test_frozen_batch_norms_still_update_and_take_no_gradient():
    backbone = backbones.create("small", None, 3).train()
    backbone.freeze(2)
    norm = backbone.features[1][1]
    before = norm.running_mean.clone(), norm.weight.clone()
    optimizer = torch.optim.SGD([p for p in backbone.parameters() if p.requires_grad], lr=1.0)
    features = backbone.features[:2](torch.rand(4, 3, 32, 32))
    assert not features.requires_grad  # autograd skips the frozen prefix
    backbone(torch.rand(4, 3, 32, 32)).sum().backward()
    optimizer.step()
    assert not torch.equal(norm.running_mean, before[0])
    assert torch.equal(norm.weight, before[1])
    with pytest.raises(InputError, match="0 to 5 children"):
        backbone.freeze(6)


@pytest.mark.parametrize("name", ["mobilenet_v2", "densenet121", "resnet18", "alexnet"])
def test_computes_what_the_torchvision_network_computes(name):
    torch.manual_seed(0)
    reference = models.get_model(name, num_classes=4).eval()
    backbone = backbones.cut(reference, name, 4).eval()
    backbone.head[-1].load_state_dict(backbones.last_linear(reference)[1].state_dict())
    images = torch.randn(2, 3, 96, 64)
    with torch.inference_mode():
        assert torch.allclose(backbone(images), reference(images), rtol=1e-4, atol=1e-6)


def test_inception_takes_imagenet_weights_with_auxiliary_head(tmp_path):
    """As torchvision's file has them; its `transform_input` belongs to the features."""
    torch.manual_seed(0)
    reference = models.inception_v3(
        aux_logits=True, transform_input=True, init_weights=False, num_classes=4
    ).eval()
    torch.save(reference.state_dict(), tmp_path / "weights.pth")
    backbone = backbones.create("inception_v3", tmp_path / "weights.pth", 4).eval()
    backbone.head[-1].load_state_dict(reference.fc.state_dict())
    images = torch.randn(1, 3, 128, 128)
    with torch.inference_mode():
        assert torch.allclose(backbone(images), reference(images), rtol=1e-4, atol=1e-5)


def test_weights_in_our_own_names(tmp_path):
    """What pretrain_backbone.py writes, of any backbone; the last layer stays new whatever its shape."""
    for name in ("small", "resnet18"):
        trained = backbones.create(name, None, 6)
        torch.save(trained.state_dict(), tmp_path / "weights.pth")
        for classes in (6, 3):
            backbone = backbones.create(name, tmp_path / "weights.pth", classes)
            pairs = zip(
                trained.features.state_dict().values(), backbone.features.state_dict().values(), strict=True
            )
            assert all(torch.equal(ours, theirs) for ours, theirs in pairs)
            assert backbone.head[-1].out_features == classes
            assert not torch.equal(backbone.head[-1].weight[:3], trained.head[-1].weight[:3])


def test_real_imagenet_weights_fit(shared):
    backbones.create("mobilenet_v2", shared / "weights" / "mobilenet_v2_imagenet.pth", 10)


def pytorchs_own(layer):
    """Whether a layer's values may be those of its default: uniform within 1/√(inputs), and filling that."""
    bound = layer.weight[0].numel() ** -0.5
    inside = layer.weight.abs().max().item()
    spread = layer.weight.std().item() / (bound / 3**0.5)
    return 0.9 * bound < inside <= 1.00001 * bound and 0.95 < spread < 1.05


def test_vggs_three_fully_connected_layers_start_anew_as_in_mgas_code():
    """There: `nn.Linear(512·7·7, 4096)`, `(4096, 4096)`, `(4096, classes)`, features pre-trained."""
    torch.manual_seed(0)
    backbone = backbones.cut(models.get_model("vgg11", init_weights=False), "vgg11", 200)
    torch.nn.init.constant_(backbone.head[2].weight, 0.5)
    torch.nn.init.constant_(backbone.head[5].weight, 0.5)
    features = {name: value.clone() for name, value in backbone.features.state_dict().items()}
    backbones.start_anew(backbone, "last")
    assert (backbone.head[2].weight == 0.5).all()
    backbones.start_anew(backbone, "head")
    linears = [layer for layer in backbone.head if isinstance(layer, torch.nn.Linear)]
    assert [(each.in_features, each.out_features) for each in linears] == [
        *((512 * 7 * 7, 4096), (4096, 4096), (4096, 200)),
    ]
    assert all(pytorchs_own(each) for each in linears)
    assert all(torch.equal(value, features[name]) for name, value in backbone.features.state_dict().items())


def test_all_layers_start_from_pytorchs_default_where_asked_for(tmp_path):
    """TDSA's code builds its VGG of plain layers; torchvision's draws normal values and zero biases."""
    torch.manual_seed(0)
    for name, layers in (("resnet18", "last"), ("resnet18", "all"), ("vgg11_bn", "all")):
        features = backbones.create(name, None, 5, layers).features
        convolutions = [each for each in features.modules() if isinstance(each, torch.nn.Conv2d)]
        assert {pytorchs_own(each) for each in convolutions} == {layers == "all"}, name
    torch.save(backbones.create("small", None, 3).state_dict(), tmp_path / "weights.pth")
    with pytest.raises(InputError, match="--new-layers all: leaves nothing of --weights"):
        backbones.create("small", tmp_path / "weights.pth", 3, "all")
    head = backbones.create("small", tmp_path / "weights.pth", 3, "head")
    kept = torch.load(tmp_path / "weights.pth", weights_only=True)
    assert torch.equal(head.features[0][0].weight, kept["features.0.0.weight"])
    assert not torch.equal(head.head[-1].weight, kept["head.2.weight"])


@pytest.mark.parametrize("name", ["small", "mobilenet_v2", "inception_v3"])
def test_half_normalisation_is_mean_and_deviation_0_5(name):
    """What the first layer sees of a pixel p in 0…1 is (p − 0.5) / 0.5; cells and stages stay in place."""
    seen = []
    backbone = backbones.create(name, None, 3, normalisation="half").eval()
    first = next(each for each in backbone.features.modules() if isinstance(each, torch.nn.Conv2d))
    first.register_forward_pre_hook(lambda module, inputs: seen.append(inputs[0]))
    pixels = torch.randint(0, 256, (1, 3, 128, 128), dtype=torch.uint8)
    with torch.no_grad():
        backbone.features(normalise(pixels))
    torch.testing.assert_close(seen[0], (pixels / 255 - 0.5) / 0.5, atol=1e-5, rtol=0)
    plain = backbones.create(name, None, 3)
    assert backbones.stage_ends(backbone.features) == backbones.stage_ends(plain.features)
    assert backbone.paper_frozen_children == plain.paper_frozen_children
    assert len(backbone.features) == len(plain.features)
    if name == "small":
        assert backbones.cell_grid(backbone.features) == pytest.approx(backbones.cell_grid(plain.features))


def test_weights_in_half_precision_serve_and_their_sum_is_checked(tmp_path):
    trained = backbones.create("small", None, 5)
    whole, halved = tmp_path / "whole.pth", tmp_path / "halved.pth"
    for path, half in ((whole, False), (halved, True)):
        weights.write(path, trained, half=half)
    assert halved.stat().st_size < 0.55 * whole.stat().st_size
    backbone = backbones.create("small", halved, 5)
    for name, tensor in backbone.features.state_dict().items():
        exact = trained.features.state_dict()[name]
        assert tensor.dtype == exact.dtype
        assert torch.equal(tensor, exact.half().float() if exact.ndim > 1 else exact)
    told = tmp_path / "halved.pth.sha256"
    told.write_text(f"{hashlib.sha256(halved.read_bytes()).hexdigest()}  halved.pth\n")
    backbones.create("small", halved, 5)
    halved.write_bytes(whole.read_bytes())
    with pytest.raises(
        InputError, match=r"halved\.pth: is not the file whose SHA-256 stands in halved\.pth\.sha256"
    ):
        backbones.create("small", halved, 5)
    told.write_text("")
    with pytest.raises(InputError, match=r"halved\.pth: is not the file"):
        backbones.create("small", halved, 5)


def test_the_weights_that_come_with_the_repository_know_leaves(root):
    path = root / "resources" / "small-leaves.pth"
    assert path.with_name("small-leaves.pth.sha256").read_text() in (root / "docs/weights.md").read_text()
    assert path.stat().st_size < 1_500_000
    images, traits = pretrain_backbone.draw_leaves(24, 128, seed=77)  # none that they were made with
    backbone = backbones.create("small", path, traits.shape[1])
    backbone.load_state_dict(weights.read_weights(path))  # the last layer too
    backbone.eval()
    with torch.inference_mode():
        told = backbone(images_on(images, "cpu")).numpy()
    names = (*leaf_shape.OUTLINE, *leaf_shape.VENATION)
    for name in ("width", "angle", "pairs"):
        place = names.index(name)
        assert np.corrcoef(told[:, place], traits[:, place])[0, 1] > 0.8, name


def test_unfitting_weights_are_refused(tmp_path):
    path = tmp_path / "weights.pth"
    refused = functools.partial(backbones.create, num_classes=3, weights=path)
    with pytest.raises(InputError, match=r"weights\.pth: cannot be read"):
        refused("small")
    path.write_bytes(b"no weights at all")
    with pytest.raises(InputError, match=r"weights\.pth: cannot be read"):
        refused("small")
    torch.save([1, 2], path)
    with pytest.raises(InputError, match=r"weights\.pth: is no plain state dict"):
        refused("small")
    state = backbones.create("small", None, 3).state_dict()
    torch.save(state, path)
    with pytest.raises(InputError, match=r"weights\.pth: does not fit the backbone resnet18: it lacks"):
        refused("resnet18")
    torch.save({**state, "features.9.weight": torch.zeros(1)}, path)
    with pytest.raises(InputError, match=r"has unknown 'features\.9\.weight'"):
        refused("small")
    torch.save({**state, "features.0.0.weight": torch.zeros(1)}, path)
    with pytest.raises(InputError, match=r"of another shape 'features\.0\.0\.weight'"):
        refused("small")


def test_unknown_names_are_refused():
    with pytest.raises(InputError, match="--backbone resnet51: unknown"):
        backbones.create("resnet51", None, 3)
    assert {"small", "vgg19", "inception_v3", "resnet50", "mobilenet_v2", "densenet161"} <= set(
        backbones.names()
    )


def test_the_backbones_are_those_that_can_be_made():
    assert sorted(config_check.BACKBONES) == sorted(backbones.names())
    assert config_check.unknown_backbone("resnet50", "tables.table2") is None
    assert "did you mean resnet50?" in config_check.unknown_backbone("resnet51", "tables.table2")
