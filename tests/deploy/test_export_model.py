"""A run as an ONNX file: what it says is what the networks say, and what it is told of itself can be read."""

import json
import shutil

import export_model
import numpy as np
import onnx
import onnxruntime
import pytest
import torch
from bad_input import refused
from example_folds import make_calibrated, run_of
from maskguide import methods
from maskguide.deploy import calibration, onnx_file
from maskguide.deploy.ensemble import Ensemble, averaged
from maskguide.learning import backbones
from maskguide.learning.interface import Output
from maskguide.system.files import InputError
from torch import nn


@pytest.fixture(scope="module")
def calibrated(tmp_path_factory):
    folder = tmp_path_factory.mktemp("squares")
    return folder, make_calibrated(folder)


def network_of(method="baseline", backbone="small", **options):
    torch.manual_seed(0)
    network = methods.create(method, backbones.create(backbone, None, 3), options)
    for module in network.modules():  # as after a training: no statistic is 0 or 1
        if isinstance(module, torch.nn.BatchNorm2d):
            torch.nn.init.normal_(module.running_mean, std=0.1)
            torch.nn.init.uniform_(module.running_var, 0.5, 2)
    return onnx_file.Probabilities([network], None).eval().requires_grad_(False)


@pytest.mark.parametrize(
    ("method", "backbone"), [("mga", "small"), ("mpn-cov", "small"), ("baseline", "resnet18")]
)
def test_networks_say_the_same(method, backbone):
    exported = onnx_file.export(network_of(method, backbone), (64, 64))
    assert exported.dynamic and exported.difference <= onnx_file.MOST


class OfOneSize(nn.Module):
    """What takes images of 8 × 8 pixels alone."""

    def __init__(self):
        super().__init__()
        self.linear = nn.Linear(3 * 8 * 8, 3)

    def forward(self, images):
        return Output(self.linear(images.flatten(start_dim=1)))


class Undecided(OfOneSize):
    """What takes another way by what it sees, as NTS-Net."""

    def forward(self, images):
        return super().forward(images) if float(images.mean()) > 0 else super().forward(-images)


def test_a_network_of_one_size_is_written_for_that(tmp_path):
    network = onnx_file.Probabilities([OfOneSize()], None).eval().requires_grad_(False)
    exported = onnx_file.export(network, (8, 8))
    assert not exported.dynamic and exported.difference <= onnx_file.MOST


def test_what_cannot_be_written_is_refused_in_one_line():
    network = onnx_file.Probabilities([Undecided()], None).eval().requires_grad_(False)
    with pytest.raises(InputError, match=r"cannot be written as ONNX .*; use predict\.py") as refusal:
        onnx_file.export(network, (8, 8))
    assert "\n" not in str(refusal.value)


def test_a_file_that_says_something_else_is_refused(monkeypatch):
    """The comparison itself can fail: a file of other weights."""
    other = onnx_file.converted(network_of("mga"), (64, 64), dynamic=False)
    monkeypatch.setattr(onnx_file, "converted", lambda *_: other)
    with pytest.raises(InputError, match="its probabilities differ by"):
        onnx_file.export(network_of(), (64, 64))


def test_all_seeds_calibrated_through_the_command(calibrated, tmp_path):
    _, run = calibrated
    path = tmp_path / "squares.onnx"
    export_model.main(export_model.parse_args(["--run", str(run), "--output", str(path)]))
    session = onnxruntime.InferenceSession(path, providers=["CPUExecutionProvider"])
    ensemble = Ensemble(run, "cpu")
    pixels = np.random.default_rng(0).integers(0, 256, (2, 48, 40, 3), dtype=np.uint8)
    expected = averaged(ensemble.ask([ensemble.show(each) for each in pixels]))
    known = calibration.read(run, ensemble.classes)
    (found,) = session.run(None, {"images": pixels})
    np.testing.assert_allclose(found, calibration.tempered(expected, known.temperature), atol=1e-4)
    facts = {each.key: json.loads(each.value) for each in onnx.load(path).metadata_props}
    assert facts["classes"] == ["c0", "c1", "c2"] and facts["seeds"] == 2
    assert facts["temperature"] == pytest.approx(known.temperature)
    assert facts["sees"] == {"square": None, "short_edge": None, "largest": 48}
    assert "longest side of over 48 pixels" in facts["sizing"] and "RGB" in facts["pixels"]


def test_the_page_s_example_reads_a_file(calibrated, tmp_path, root, monkeypatch, capsys):
    folder, run = calibrated
    monkeypatch.chdir(tmp_path)
    export_model.main(export_model.parse_args(["--run", str(run), "--output", "mine.onnx"]))
    shutil.copy(folder / "i15.png", "photo.png")
    page = (root / "docs/predict.md").read_text()
    code = page.partition("```python\n")[2].partition("```")[0]
    exec(compile(code, "docs/predict.md", "exec"), {})
    assert capsys.readouterr().out.split()[0] in ("c0", "c1", "c2")


def test_what_an_onnx_file_cannot_see(calibrated, tmp_path, capfd):
    _, run = calibrated
    copy = run_of(tmp_path, "aca-s2")
    shutil.copytree(run / "seed1", copy / "seed1")
    shutil.copytree(run / "seed1", run_of(tmp_path, "aca-s1") / "seed1")
    text = (copy / "seed1/args.yaml").read_text()
    zoom = "zoom: results/r/attend/squares/split1/aca-s1/small/seed1/attended.csv"
    (copy / "seed1/args.yaml").write_text(text.replace("zoom: null", zoom))
    words = ["--run", copy, "--output", tmp_path / "x.onnx"]
    refused("export-parts", export_model, words, tmp_path, capfd)


@pytest.mark.parametrize(
    ("sees", "side", "words"),
    [
        ({"square": 224, "short_edge": None, "largest": 300}, None, "bring the image to 224 × 224"),
        ({"square": None, "short_edge": 256, "largest": 300}, None, "short edge to 256"),
        ({"square": None, "short_edge": None, "largest": 300}, None, "longest side of over 300"),
        ({"square": None, "short_edge": None, "largest": 300}, 300, "bring the image to 300 × 300"),
    ],
)
def test_the_size_in_words(sees, side, words):
    assert words in export_model.sizing(sees, side)


BOUND = {"tf_efficientnet_lite0": True, "swin_tiny_patch4_window7_224": True, "vit_tiny_patch16_224": False}


@pytest.mark.parametrize("backbone", BOUND)
def test_networks_that_pad_by_size_are_written_for_one_size(backbone):
    assert onnx_file.bound_to_size(network_of(backbone=backbone)) == BOUND[backbone]
