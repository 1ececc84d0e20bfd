import fetch_weights
import pytest
import torch
from maskguide.learning import backbones
from maskguide.system.files import InputError, sha256


@pytest.fixture
def cache(tmp_path, monkeypatch):
    monkeypatch.setenv("TORCH_HOME", str(tmp_path / "cache"))
    return tmp_path / "cache" / "hub" / "checkpoints"


@pytest.fixture
def published(tmp_path):
    """A state dict named as torchvision names its own: with the beginning of its SHA-256."""
    path = tmp_path / "weights.pth"
    torch.save(backbones.torchvision_network("resnet18").state_dict(), path)
    return path.rename(tmp_path / f"resnet18-{sha256(path)[:8]}.pth")


def test_weights_are_fetched_and_their_hash_is_checked(published, cache, tmp_path):
    folder = tmp_path / "weights"
    state = fetch_weights.fetch(published.as_uri(), folder)
    assert not list(folder.iterdir()) and not cache.exists()
    assert torch.equal(state["conv1.weight"], torch.load(published, weights_only=True)["conv1.weight"])
    wrong = published.rename(published.with_name("resnet18-01234567.pth"))
    with pytest.raises(InputError, match=r"cannot be fetched .*hash"):
        fetch_weights.fetch(wrong.as_uri(), folder)


def test_a_cached_file_is_checked_too(published, cache):
    cache.mkdir(parents=True)
    torch.save({"conv1.weight": torch.zeros(1)}, cache / published.name)
    with pytest.raises(InputError, match=r"resnet18-.*its SHA-256 does not begin with"):
        fetch_weights.fetch(published.as_uri(), cache.parent)


def test_what_cannot_be_fetched_names_the_way_out(tmp_path, cache):
    with pytest.raises(InputError, match=r"cannot be fetched .*name a file you have in the config"):
        fetch_weights.fetch((tmp_path / "absent-01234567.pth").as_uri(), tmp_path)


def test_the_first_imagenet_set_is_taken():
    assert fetch_weights.weights_url("resnet50").endswith("resnet50-0676ba61.pth")
    assert fetch_weights.weights_url("mobilenet_v2").endswith("mobilenet_v2-b0353104.pth")
    with pytest.raises(InputError, match="--backbone small: is our own"):
        fetch_weights.weights_url("small")
    with pytest.raises(InputError, match="--backbone resnet51: unknown"):
        fetch_weights.weights_url("resnet51")
