"""Class activation maps against Grad-CAM by hand, and the script that draws them."""

import subprocess
import sys
from pathlib import Path

import numpy as np
import pandas as pd
import plot_cam
import pytest
import torch
from example_runs import write_run
from maskguide import methods
from maskguide.learning import backbones, cam, weights
from maskguide.learning.batches import images_on
from maskguide.system.files import InputError
from PIL import Image
from torch.nn import functional

CLASSES = ["ash", "beech", "cedar"]
OPTIONS = {
    "baseline": {"feature_scale": 1.0},
    "mga": {"feature_weight": 0.5, "attention_weight": 0.5, "guidance_weight": 0.1, "mask_pooling": "parts"},
    "mgfe": {
        "regions": ["vein", "contour"],
        "feature_weight": 0.8,
        "region_weights": [0.1, 0.1],
        "region_loss_weights": [0.1, 0.1],
        "reading": "printed",
        "classification_weight": 1.0,
        "activation": "sigmoid",
    },
}
IMAGE = np.random.default_rng(0).integers(0, 256, (48, 72, 3), dtype=np.uint8)


def network(method: str) -> torch.nn.Module:
    torch.manual_seed(3)
    torch.set_num_threads(1)
    return methods.create(method, backbones.create("small", None, len(CLASSES)), OPTIONS[method]).eval()


def final_map(model: torch.nn.Module, method: str, images: torch.Tensor) -> torch.Tensor:
    """F by the papers' equations, from the weights of the attention's convolution."""
    features = model.backbone.features(images)
    mean, maximum = features.mean(dim=1), features.amax(dim=1)
    if method == "mga":
        weight = model.attention.weight[0, :, 0, 0]
        return 0.5 * features + 0.5 * torch.sigmoid(weight[0] * mean + weight[1] * maximum) * features
    if method == "mgfe":
        weight, bias = model.attention.weight[:, :, 0, 0], model.attention.bias
        vein, contour = (
            torch.sigmoid(w[0] * maximum + w[1] * mean + b) for w, b in zip(weight, bias, strict=True)
        )
        return 0.8 * features + 0.1 * vein * features + 0.1 * contour * features
    return features


@pytest.mark.parametrize("class_id", [0, 2])
@pytest.mark.parametrize("method", list(OPTIONS))
def test_the_map_is_grad_cam_by_hand_and_cam_by_its_weights(method, class_id):
    model = network(method)
    final = final_map(model, method, images_on(IMAGE[None].copy(), "cpu")).detach().requires_grad_()
    model.backbone.head(final)[0, class_id].backward()
    by_gradient = (final.grad.mean(dim=(2, 3), keepdim=True) * final).sum(dim=1)
    by_weights = torch.einsum("k,bkhw->bhw", model.backbone.head[-1].weight[class_id], final)
    seen = cam.ClassActivation(model).map_of(IMAGE, class_id)
    assert seen.shape == IMAGE.shape[:2]
    for expected in (by_gradient, by_weights):
        expected = expected.clamp(min=0) - expected.clamp(min=0).min()
        expected = functional.interpolate(
            (expected / expected.max())[None], size=IMAGE.shape[:2], mode="bilinear"
        )
        expected = expected[0, 0].detach().numpy()
        expected = (expected - expected.min()) / (expected.max() - expected.min())
        np.testing.assert_allclose(seen, expected, atol=2e-3)


@pytest.mark.parametrize("method", list(OPTIONS))
def test_predictions_are_the_models_and_the_model_stays_as_it_was(method):
    model = network(method)
    head = model.backbone.head
    with torch.inference_mode():
        expected = model(images_on(IMAGE[None].copy(), "cpu")).logits[0].softmax(dim=0)
    activation = cam.ClassActivation(model)
    activation.map_of(IMAGE, 1)
    class_id, probability = activation.predict(IMAGE)
    assert class_id == expected.argmax()
    assert probability == pytest.approx(expected.max().item(), abs=1e-6)
    assert model.backbone.head is head
    assert all(parameter.grad is None for parameter in model.parameters())


def test_a_class_that_nothing_speaks_for_has_an_empty_map():
    model = network("baseline")
    with torch.no_grad():
        model.backbone.head[-1].weight[1] = -1.0  # and F ≥ 0, behind a ReLU
    assert cam.ClassActivation(model).map_of(IMAGE, 1).max() == 0


@pytest.mark.parametrize("name", cam.METHODS)
def test_all_methods_offered_give_maps_of_the_class_asked_for(name):
    activation = cam.ClassActivation(network("mgfe"), name.lower())
    maps = [activation.map_of(IMAGE[:32, :32], class_id) for class_id in range(3)]
    assert all(each.min() >= 0 and each.max() <= 1 for each in maps)
    assert not all(np.allclose(maps[0], other) for other in maps[1:])


@pytest.mark.parametrize("name", ["EigenCAM", "BaseCAM", ""])
def test_methods_that_ignore_the_class_are_refused(name):
    with pytest.raises(InputError, match="choose one of GradCAM"):
        cam.ClassActivation(network("baseline"), name)


def write_data(folder: Path, runs: dict[str, str]) -> list[str]:
    """Images, an index and untrained classifiers (folder name of the method: method); plot_cam's options."""
    rows = []
    for class_id, name in enumerate(CLASSES):
        for split in ("train", "test"):
            pixels = np.random.default_rng(class_id).integers(0, 256, (40, 60, 3), dtype=np.uint8)
            Image.fromarray(pixels).save(folder / f"{name}_{split}.png")
            rows.append((f"{name}_{split}", f"{name}_{split}.png", name, class_id, split, "", "", ""))
    columns = ["image_id", "path", "class", "class_id", "split", "mask", "outline", "boxes"]
    pd.DataFrame(rows, columns=columns).to_csv(folder / "index.csv", index=False)
    folders = []
    for name, method in runs.items():
        run = write_run(folder, "leaves", name, "small", classes=3, names=CLASSES)
        metrics = (run / "metrics.json").read_text()
        (run / "metrics.json").write_text(metrics.replace(f'"{name}"', f'"{method}"'))
        info = {"method": method, "backbone": "small", "classes": CLASSES, "options": OPTIONS[method]}
        weights.write(run / "model.pt", network(method), info)
        folders.append(str(run))
    options = ["--index", str(folder / "index.csv"), "--output", str(folder / "cam.png")]
    return [*options, "--count", "2", "--runs", *folders]


def test_the_script_draws_a_column_per_run(tmp_path):
    options = write_data(tmp_path, {"baseline": "baseline", "mgfe-vein": "mgfe"})
    plot_cam.main(plot_cam.parse_args(options))
    with Image.open(tmp_path / "cam.png") as picture:
        first, width = picture.tobytes(), picture.width
    assert width > 900
    plot_cam.main(plot_cam.parse_args([*options[:-1], "--method", "hirescam", "--test-resize", "32"]))
    with Image.open(tmp_path / "cam.png") as picture:
        assert picture.width < width
        assert picture.tobytes() != first


def test_titles_name_what_differs():
    def run(method, backbone, seed):
        return {"dataset": "leaves", "method": method, "backbone": backbone, "seed": seed}

    titles, common = plot_cam.describe([run("baseline", "small", 1), run("mgfe-vein", "small", 1)])
    assert titles == ["baseline", "MGFE, vein"]
    assert common == "leaves (generated), small CNN, seed 1"
    titles, common = plot_cam.describe([run("mga", "resnet18", 1), run("mga", "resnet50", 2)])
    assert titles == ["MGA, ResNet18, seed 1", "MGA, ResNet50, seed 2"]
    assert common == "leaves (generated)"


def test_the_script_refuses_what_it_cannot_show(tmp_path, root):
    options = write_data(tmp_path, {"baseline": "baseline"})
    with pytest.raises(InputError, match="--method Eigen: unknown"):
        plot_cam.main(plot_cam.parse_args([*options, "--method", "Eigen"]))
    with pytest.raises(InputError, match="is no trained classifier"):
        plot_cam.main(plot_cam.parse_args([*options, str(tmp_path / "nowhere")]))
    index = pd.read_csv(tmp_path / "index.csv", keep_default_na=False)
    renamed = index.replace({"class": {"ash": "yew"}})
    for table, complaint in [(renamed, "other classes"), (index.assign(split="train"), "no test image")]:
        table.to_csv(tmp_path / "index.csv", index=False)
        with pytest.raises(InputError, match=complaint):
            plot_cam.main(plot_cam.parse_args(options))
    for option in ("--count", "--test-resize"):
        command = [sys.executable, "workflow/scripts/plot_cam.py", *options, option, "0"]
        done = subprocess.run(command, cwd=root, capture_output=True, text=True)
        assert done.returncode == 2
        assert done.stderr == f"error: {option} 0: must be at least 1\n"
    assert not (tmp_path / "cam.png").exists()
