"""Strips: which images, which colours, and the script with a small classifier."""

from pathlib import Path

import numpy as np
import pandas as pd
import plot_strips
import pytest
from legibility import assert_legible, words
from maskguide.drawing import strips
from maskguide.drawing.image_panels import choose_images
from maskguide.learning import looking
from maskguide.system.files import InputError
from PIL import Image
from sklearn.metrics import roc_auc_score


def index_frame(classes: int, each: int) -> pd.DataFrame:
    rows = [
        {"image_id": f"{c}_{k}_{split}", "class": f"class {c}", "class_id": c, "split": split}
        for c in range(classes)
        for k in range(each)
        for split in ("train", "test")
    ]
    return pd.DataFrame(rows)


def test_images_are_chosen_from_the_test_split_one_per_class_first():
    index = index_frame(5, 3)
    chosen = choose_images(index, 7, 3, "index.csv")
    assert set(chosen["split"]) == {"test"}
    assert chosen["class"].head(5).nunique() == 5
    assert chosen["image_id"].is_unique
    pd.testing.assert_frame_equal(chosen, choose_images(index, 7, 3, "index.csv"))
    assert len(choose_images(index, 99, 3, "index.csv")) == 15


def test_label_colours_are_the_papers():
    colours = strips.colour_labels(np.array([[0, 1, 2]], dtype=np.uint8), ["main_vein", "second_order_vein"])
    assert colours[0, 0].tolist() == [255, 255, 255]
    assert colours[0, 1].max() < 40
    assert colours[0, 2, 0] > 200
    assert colours[0, 2, 1:].max() < 60


def test_nearly_flat_attention_looks_flat():
    assert strips.attention_range([np.array([[0.5, 0.501]])]) == pytest.approx((0.4755, 0.5255))
    assert strips.attention_range([np.array([[0.1]]), np.array([[0.9]])]) == pytest.approx((0.1, 0.9))


@pytest.mark.parametrize("name", ["c01", "an exceedingly long name of a class of butterflies"])
def test_strips_are_legible_for_images_of_any_shape(name):
    generator = np.random.default_rng(0)
    rows = [
        strips.Strip(
            name=name,
            image=generator.integers(0, 256, (height, width, 3), dtype=np.uint8),
            truth=truth,
            prediction=generator.integers(0, 3, (height, width), dtype=np.uint8),
            attention=generator.random((4, 5)),
            cells=(7.5, 15.0),
            roc_area=area,
        )
        for (height, width), truth, area in [
            ((60, 90), np.zeros((60, 90), np.uint8), 0.14),
            ((120, 60), None, np.nan),
        ]
    ]
    figure = strips.strips_figure(rows, ["main_vein", "second_order_vein"])
    assert_legible(figure)
    said = [text for text, _ in words(figure)]
    assert "not known" in said and said.count("ROC area 0.14") == 1
    assert not any("nan" in text for text in said)
    without = strips.strips_figure(rows[1:], ["main_vein", "second_order_vein"])
    assert "ground truth" not in [text for text, _ in words(without)]


def write_guided_run(folder: Path, method: str = "mga", masks: bool = True) -> list[str]:
    """A tiny data set with masks and an untrained classifier; the options of plot_strips."""
    import torch
    from maskguide import methods
    from maskguide.learning import backbones, weights

    torch.manual_seed(0)
    torch.set_num_threads(1)
    options = {
        "feature_weight": 0.5,
        "attention_weight": 0.5,
        "guidance_weight": 0.1,
        "mask_pooling": "parts",
        "feature_scale": 1.0,
    }
    model = methods.create(method, backbones.create("small", None, 2), options)
    info = {"method": method, "backbone": "small", "classes": ["a", "b"], "options": options}
    (folder / "run").mkdir(parents=True)
    weights.write(folder / "run" / "model.pt", model, info)
    generator = np.random.default_rng(0)
    index = index_frame(2, 1)
    (folder / "masks" / "labels").mkdir(parents=True)
    for image_id in index["image_id"]:
        pixels = generator.integers(0, 256, (48, 64, 3), dtype=np.uint8)
        Image.fromarray(pixels).save(folder / f"{image_id}.png")
        marks = np.kron(generator.integers(0, 3, (3, 4), dtype=np.uint8), np.ones((16, 16), np.uint8))
        Image.fromarray(marks).save(folder / "masks" / "labels" / f"{image_id}.png")
    index["path"] = index["image_id"] + ".png"
    index["mask"] = "masks/labels/" + index["path"] if masks else ""
    index["outline"] = index["boxes"] = ""
    index.to_csv(folder / "index.csv", index=False)
    return [
        *("--index", str(folder / "index.csv"), "--masks", str(folder / "masks"), "--count", "2"),
        *("--run", str(folder / "run"), "--classes", "main_vein", "second_order_vein"),
        *("--output", str(folder / "strips.png")),
    ]


@pytest.mark.parametrize("masks", [True, False])
def test_strips_from_a_trained_classifier(tmp_path, masks, monkeypatch):
    drawn = []
    figure = plot_strips.strips_figure
    monkeypatch.setattr(plot_strips, "strips_figure", lambda *given: drawn.extend(given[0]) or figure(*given))
    plot_strips.main(plot_strips.parse_args(write_guided_run(tmp_path, masks=masks)))
    with Image.open(tmp_path / "strips.png") as picture:
        assert picture.width > 900 if masks else picture.width > 700
    for strip in drawn:  # the number below each picture, by the masks as they are or as they were predicted
        mask = looking.over_cells(255 * (strip.prediction > 0), strip.attention.shape, (0.0, 8.0))
        inside = (mask >= 0.5).ravel()
        if inside.all():
            assert np.isnan(strip.roc_area)
        else:
            assert strip.roc_area == pytest.approx(roc_auc_score(inside, strip.attention.ravel()))


def test_strips_refuse_what_they_cannot_show(tmp_path):
    options = write_guided_run(tmp_path, method="baseline")
    with pytest.raises(InputError, match="no attention to show"):
        plot_strips.main(plot_strips.parse_args(options))
    with pytest.raises(InputError, match="at least 1"):
        plot_strips.main(plot_strips.parse_args([*options, "--count", "0"]))
    index = pd.read_csv(tmp_path / "index.csv", keep_default_na=False)
    index.assign(split="train").to_csv(tmp_path / "index.csv", index=False)
    with pytest.raises(InputError, match="no test image"):
        plot_strips.main(plot_strips.parse_args(options))
    assert not (tmp_path / "strips.png").exists()
