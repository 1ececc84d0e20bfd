"""Attended boxes, what the next scale sees of them, and the average over scales."""

import json
import subprocess
import sys

import attend_regions
import combine_scales
import numpy as np
import pandas as pd
import pytest
import torch
import train_classifier
import yaml
from example_stores import make_squares
from maskguide import methods, views
from maskguide.data.store import ImageStore
from maskguide.learning import attend, backbones
from maskguide.learning.batches import images_on
from PIL import Image


@pytest.fixture(scope="module")
def trained(tmp_path_factory):
    """Two scales of ACA and of max pooling, trained through the scripts, and their averages."""
    folder = make_squares(tmp_path_factory.mktemp("scales"))
    for method in ("aca", "maxpool"):
        for scale in (1, 2):
            zoom = [] if scale == 1 else ["--zoom", str(folder / "attend" / "aca-s1" / "attended.csv")]
            train(folder, method, run_of(folder, f"{method}-s{scale}"), *zoom)
            if method == "aca":
                attend_to(folder, f"aca-s{scale}", *zoom)
        combine(folder, method)
    return folder


def test_the_scripts_compute_in_half_precision_too(tmp_path, monkeypatch):
    monkeypatch.setattr("torch.cpu.get_capabilities", lambda: {"avx512_bf16": True})
    folder = make_squares(tmp_path)
    for scale in (1, 2):
        zoom = [] if scale == 1 else ["--zoom", str(folder / "attend" / "aca-s1" / "attended.csv")]
        train(folder, "aca", run_of(folder, f"aca-s{scale}"), *zoom)
        attend_to(folder, f"aca-s{scale}", *zoom)
        attended = pd.read_csv(folder / "attend" / f"aca-s{scale}" / "attended.csv")
        assert attended["share"].between(0, 1, inclusive="neither").any()
    combine(folder, "aca")
    assert pd.read_csv(run_of(folder, "aca") / "predictions.csv")["confidence_last"].between(0, 1).all()


def run_of(folder, method):
    return folder / "squares" / method / "small" / "seed4"


def train(folder, method, output, *others):
    options = ["--dataset", "squares", "--store", folder / "store", "--method", method, "--backbone", "small"]
    options += ["--epochs", "3", "--batch-size", "6", "--crop", "32", "--seed", "4", "--freeze", "0"]
    options += ["--learning-rate", "0.03", "--classifiers", "2", "--device", "cpu", "--output-dir", output]
    train_classifier.main(train_classifier.parse_args([*map(str, options), *others]))


def attend_to(folder, method, *others):
    options = ["--store", folder / "store", "--run", run_of(folder, method), "--device", "cpu"]
    options += ["--output", folder / "attend" / method / "attended.csv"]
    attend_regions.main(attend_regions.parse_args([*map(str, options), *others]))


def combine(folder, method, output=None):
    options = ["--store", folder / "store", "--runs", *(run_of(folder, f"{method}-s{k}") for k in (1, 2))]
    options += ["--zooms", folder / "attend" / "aca-s1" / "attended.csv", "--device", "cpu"]
    options += ["--output-dir", output or run_of(folder, method)]
    combine_scales.main(combine_scales.parse_args([*map(str, options)]))


def test_boxes_hold_the_attended_cells():
    masks = np.zeros((3, 4, 5), dtype=bool)
    masks[0, 1, 2] = masks[0, 3, 3] = True
    masks[2] = True
    seen = np.array([[0, 0, 50, 80], [0, 0, 50, 80], [10, 20, 35, 60]])  # the last map saw an enlarged part
    boxes = attend.attended_boxes(masks, seen, (80, 50), start=7, stride=16)  # down: edges -0.5, 15.5, 31.5 …
    assert boxes[0].tolist() == [31.5, 15.5, 50, 80]  # across: 0, 15.5, 31.5, 47.5, 50, 50
    assert boxes[1:].tolist() == [[0, 0, 50, 80], [10, 20, 35, 60]]
    masks[2, :, :1] = False
    part = attend.attended_boxes(masks[2:], seen[2:], (80, 50), start=7, stride=16)[0]
    assert part.tolist() == pytest.approx([10 + 15.5 / 50 * 25, 20, 35, 60])


@pytest.mark.parametrize(
    ("backbone", "start", "stride"),
    [
        # 3×3 convolutions of stride 2, padded by 1: the first cell sees the first pixel
        *[("small", 0, 8), ("mobilenet_v2", 0, 32), ("resnet18", 0, 32), ("resnet50", 0, 32)],
        ("vgg16_bn", 15.5, 32),  # 2×2 pools: (1 + 2 + 4 + 8 + 16) / 2
        ("densenet121", 14, 32),  # 2×2 averages in the transitions: (4 + 8 + 16) / 2
        ("alexnet", 31, 32),  # (11 - 1)/2 - 2 = 3; pools 3×3 of stride 2: 3 + 4 + 8 + 16
        ("inception_v3", 37, 32),  # no padding: 8 cells of 299 pixels, 37 … 261, alike from both ends
    ],
)
def test_cells_are_centred_where_the_layers_put_them(backbone, start, stride):
    features = backbones.create(backbone, None, 2).features
    before = {name: value.clone() for name, value in features.state_dict().items()}
    assert backbones.cell_grid(features) == pytest.approx((start, stride), abs=0.01)
    assert all(torch.equal(value, before[name]) for name, value in features.state_dict().items())


def test_the_attended_part_is_what_the_next_scale_sees(trained):
    table = attend.read_attended(trained / "attend" / "aca-s1" / "attended.csv")
    whole = ImageStore(trained / "store")
    assert table["image_id"].tolist() == whole.layout["image_id"].tolist()
    model, _ = methods.load(run_of(trained, "aca-s1") / "model.pt")
    zoom = views.create("zoom", trained / "attend" / "aca-s1" / "attended.csv")
    part = ImageStore(trained / "store", [zoom])
    assert part.content != whole.content
    for row in (0, 9, 23):
        mask = model(images_on(whole.image(row)[None].copy(), "cpu")).mask[0, 0].numpy() > 0
        assert table["share"][row] == pytest.approx(mask.mean(), abs=1e-6)
        columns, rows = np.flatnonzero(mask.any(axis=0)), np.flatnonzero(mask.any(axis=1))
        right, bottom = min(columns[-1] * 8 + 4.5, 40), min(rows[-1] * 8 + 4.5, 48)  # stride 8, from pixel 0
        right, bottom = 40 if columns[-1] == 4 else right, 48 if rows[-1] == 5 else bottom
        box = [max(columns[0] * 8 - 3.5, 0), max(rows[0] * 8 - 3.5, 0), right, bottom]
        assert table.loc[row, attend.BOX].tolist() == pytest.approx(box, abs=0.1)
        with Image.fromarray(np.array(whole.image(row))) as image:
            expected = image.resize((40, 48), Image.Resampling.BILINEAR, box=tuple(zoom.boxes[f"i{row}"]))
        assert np.array_equal(part.image(row), np.asarray(expected))
    deeper = attend.read_attended(trained / "attend" / "aca-s2" / "attended.csv")
    boxes = deeper[attend.BOX].to_numpy()
    shown = np.stack([zoom.boxes[image_id] for image_id in deeper["image_id"]])
    assert (boxes[:, :2] >= shown[:, :2] - 1e-3).all()  # inside what it was shown
    assert (boxes[:, 2:] <= shown[:, 2:] + 1e-3).all()


def test_the_average_is_over_heads_and_scales(trained):
    folder = run_of(trained, "aca")
    metrics = json.loads((folder / "metrics.json").read_text())
    predictions = pd.read_csv(folder / "predictions.csv")
    sums, totals = {"local": 0, "object": 0}, []
    zoom = views.create("zoom", trained / "attend" / "aca-s1" / "attended.csv")
    for scale, seen in ((1, []), (2, [zoom])):
        run = run_of(trained, f"aca-s{scale}")
        model, _ = methods.load(run / "model.pt")
        images = ImageStore(trained / "store", seen)
        rows = images.rows("test")
        labels = images.layout["class_id"].to_numpy()[rows]
        output = model(images_on(np.stack([images.image(row) for row in rows]), "cpu"))
        heads = {name: logits.softmax(dim=1).detach().numpy() for name, logits in output.heads.items()}
        average = (heads["local"] + heads["object"]) / 2
        for name, probability in {**heads, "average": average}.items():
            expected = 100 * (probability.argmax(axis=1) == labels).mean()
            assert metrics["scales"][scale - 1][name] == pytest.approx(expected)
        sums = {name: sums[name] + heads[name] for name in sums}
        totals.append(json.loads((run / "metrics.json").read_text()))
        alone = pd.read_csv(run / "predictions.csv")["predicted_last"]
        assert average.argmax(axis=1).tolist() == alone.tolist()
    probability = (sums["local"] + sums["object"]) / 4
    assert predictions["predicted_last"].tolist() == probability.argmax(axis=1).tolist()
    np.testing.assert_allclose(predictions["confidence_last"], probability.max(axis=1), rtol=1e-4)
    top1 = 100 * (probability.argmax(axis=1) == labels).mean()
    assert metrics["multi"]["average"] == metrics["top1_last"] == metrics["top1_best"] == pytest.approx(top1)
    assert metrics["multi"]["local"] == pytest.approx(100 * (sums["local"].argmax(axis=1) == labels).mean())
    assert metrics["networks"] == 2 and metrics["classifiers"] == 2 and metrics["losses"] == "both"
    for key in ("epochs", "parameters", "train_seconds"):
        assert metrics[key] == pytest.approx(sum(each[key] for each in totals))
    assert metrics["train_top1"] == min(each["train_top1"] for each in totals)
    options = yaml.safe_load((folder / "args.yaml").read_text())["options"]
    assert (options["scales"], options["crop"], options["method"]) == (2, 32, "aca")


def test_max_pooling_has_one_head(trained):
    metrics = json.loads((run_of(trained, "maxpool") / "metrics.json").read_text())
    assert metrics["classifiers"] is None and metrics["losses"] is None
    assert [each["local"] for each in metrics["scales"]] == [None, None]
    assert metrics["multi"]["average"] == metrics["top1_last"]


def test_the_same_scales_give_the_same_average(trained, tmp_path):
    combine(trained, "aca", tmp_path / "again")
    for name in ("metrics.json", "predictions.csv"):
        assert (tmp_path / "again" / name).read_bytes() == (run_of(trained, "aca") / name).read_bytes()


def test_bad_input_is_one_line_and_leaves_nothing(trained, tmp_path, root):
    script = root / "workflow" / "scripts" / "combine_scales.py"
    command = [sys.executable, script, "--store", trained / "store", "--output-dir", tmp_path / "run"]
    command += ["--runs", run_of(trained, "aca-s1"), run_of(trained, "maxpool-s2")]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 2
    assert done.stderr == "error: --zooms: 0 given for 2 runs; give one for each after the first\n"
    command += ["--zooms", trained / "attend" / "aca-s1" / "attended.csv"]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 2
    assert "its method is maxpool" in done.stderr and "give the scales of one method" in done.stderr
    assert not (tmp_path / "run").exists()
    script = root / "workflow" / "scripts" / "attend_regions.py"
    command = [sys.executable, script, "--store", trained / "store", "--run", run_of(trained, "maxpool-s1")]
    done = subprocess.run(
        [*command, "--output", tmp_path / "a.csv"], capture_output=True, text=True, check=False
    )
    assert done.returncode == 2
    assert "is a run of maxpool, which attends to no region" in done.stderr
    assert not (tmp_path / "a.csv").exists()
