"""Whether a network looks where the masks are: the measures, and measure_attention.py."""

import measure_attention
import numpy as np
import pandas as pd
import pytest
import torch
from example_stores import make_squares
from hypothesis import given
from hypothesis import strategies as st
from maskguide import methods
from maskguide.data.pictures import read_rgb
from maskguide.learning import backbones, looking, weights
from maskguide.learning.batches import images_on
from maskguide.methods.explanation import class_activation
from maskguide.system.files import InputError
from PIL import Image
from sklearn.metrics import roc_auc_score
from torch.nn import functional

CLASSES = ["c0", "c1", "c2"]
CELL = st.tuples(st.integers(-4, 4), st.sampled_from([0.0, 0.4, 0.5, 1.0]))


@given(st.lists(CELL, min_size=6, max_size=6))
def test_agreement_is_scikit_learns_roc_area_and_the_energy_by_hand(cells):
    values, mask = (np.array(each, float).reshape(2, 3) for each in zip(*cells, strict=True))
    found, inside = looking.agreement(values, mask), mask >= 0.5
    if inside.all() or not inside.any():
        assert np.isnan(found.roc_area)
    else:
        assert found.roc_area == pytest.approx(roc_auc_score(inside.ravel(), values.ravel()))
    positive = [max(value, 0) for value in values.ravel()]
    if sum(positive):
        expected = sum(m * p for m, p in zip(mask.ravel(), positive, strict=True)) / sum(positive)
        assert found.energy == pytest.approx(expected)
    else:
        assert np.isnan(found.energy)
    assert found.share == pytest.approx(mask.sum() / 6)


def test_a_map_that_is_no_number_somewhere_agrees_with_nothing():
    found = looking.agreement(np.array([[np.nan, 2.0], [1.0, 0.0]]), np.array([[0.0, 1.0], [1.0, 0.0]]))
    assert np.isnan(found.roc_area) and np.isnan(found.energy)


def test_a_mask_by_cells_is_the_mean_of_the_pixels_nearest_to_each():
    mask = np.random.default_rng(0).integers(0, 256, (48, 40)).astype(np.uint8)
    nearest = [np.abs(np.arange(n)[:, None] - 8 * np.arange(n // 8)).argmin(axis=1) for n in mask.shape]
    expected = np.array(
        [[mask[np.ix_(nearest[0] == i, nearest[1] == j)].mean() for j in range(5)] for i in range(6)]
    )
    found = looking.over_cells(mask, (6, 5), (0.0, 8.0))
    np.testing.assert_allclose(found, expected / expected.max())
    assert (looking.over_cells(0 * mask, (6, 5), (0.0, 8.0)) == 0).all()


def test_what_speaks_for_a_class_is_the_class_activation_map():
    torch.manual_seed(0)
    images, labels = torch.randn(3, 3, 32, 32), torch.tensor([2, 0, 1])
    for name in ("small", "densenet121"):  # whose head begins with a ReLU
        model = methods.create("baseline", backbones.create(name, None, 3), {}).eval().requires_grad_(False)
        maps, kind = looking.maps_of(model, images, labels)
        features = model.backbone.features(images)
        features = features.relu() if name == "densenet121" else features
        expected = class_activation(features, model.backbone.head[-1].weight, labels)
        torch.testing.assert_close(maps[:, 0], expected, rtol=1e-4, atol=1e-6)
        assert kind == "class activation"


@pytest.fixture(scope="module")
def squares(tmp_path_factory):
    """The squares, whose index knows the true masks of all but one image, and untrained networks."""
    folder = make_squares(tmp_path_factory.mktemp("squares"))
    index = pd.read_csv(folder / "index.csv", keep_default_na=False)
    for image_id in index["image_id"]:
        soft = np.array(Image.open(folder / "masks" / "soft" / f"{image_id}.png"))
        Image.fromarray((soft > 0).astype(np.uint8)).save(folder / f"{image_id}_mask.png")
    index["mask"] = [f"{image_id}_mask.png" for image_id in index["image_id"]]
    index.loc[index.index[-1], "mask"] = ""
    index.to_csv(folder / "index.csv", index=False)
    torch.manual_seed(0)
    options = {"regions": ["vein", "tip"], "region_weights": [0.4, 0.3], "region_loss_weights": [0.1, 0.1]}
    for method, own in {"baseline": {}, "mga": {}, "mgfe": options}.items():
        model = methods.create(method, backbones.small(3), own)
        info = {"method": method, "backbone": "small", "classes": CLASSES, "options": own}
        weights.write(folder / method / "model.pt", model, info)
    return folder


def measured(squares, tmp_path, *words, runs=("baseline", "mga")):
    options = ["--index", squares / "index.csv", "--store", squares / "store", "--device", "cpu", *words]
    options += ["--runs", *(squares / run for run in runs), "--output", tmp_path / "attention.csv"]
    measure_attention.main(measure_attention.parse_args(list(map(str, options))))
    return pd.read_csv(tmp_path / "attention.csv")


def test_each_test_image_is_measured_against_its_own_mask(squares, tmp_path):
    table = measured(squares, tmp_path, "--truth", "--masks", squares / "masks")
    counts = table.groupby(["run", "masks"], sort=False).size()
    assert counts.tolist() == [8, 9] * 2  # one test image has no true mask
    model, _ = methods.load(squares / "mga" / "model.pt")
    own = table[table["run"] == str(squares / "mga")]
    assert set(own["map"]) == {"attention"}
    for row in own[own["masks"] == "truth"].to_dict("records"):
        path = squares / f"{row['image_id']}.png"
        with torch.no_grad():
            attention = model(images_on(np.array(read_rgb(path))[None], "cpu")).attention[0, 0].numpy()
        soft = np.array(Image.open(squares / "masks" / "soft" / path.name)) / 255
        found = looking.over_cells((255 * soft).astype(np.uint8), (6, 5), (0.0, 8.0))
        assert row["roc_area"] == pytest.approx(
            roc_auc_score((found >= 0.5).ravel(), attention.ravel()), abs=1e-5
        )
        assert row["energy"] == pytest.approx((found * attention).sum() / attention.sum(), abs=1e-4)
        assert row["share"] == pytest.approx(found.mean(), abs=1e-5)
        assert 0 <= row["mean_mask_roc_area"] <= 1
    assert set(table.loc[table["run"] == str(squares / "baseline"), "map"]) == {"class activation"}


def test_a_mean_mask_that_is_the_mask_has_an_area_of_one(squares, tmp_path):
    same = tmp_path / "same"
    (same / "soft").mkdir(parents=True)
    mask = np.zeros((48, 40), np.uint8)
    mask[8:32, 10:30] = 255
    for image_id in pd.read_csv(squares / "index.csv")["image_id"]:
        Image.fromarray(mask).save(same / "soft" / f"{image_id}.png")
    table = measured(squares, tmp_path, "--masks", same)
    assert set(table["masks"]) == {"same"} and table["mean_mask_roc_area"].tolist() == [1.0] * 18


def test_each_of_several_maps_has_its_mask(squares, tmp_path):
    table = measured(squares, tmp_path, "--truth", "--masks", squares / "masks", runs=["mgfe"])
    assert table["masks"].value_counts().to_dict() == {"masks": 9, "truth": 8}
    with pytest.raises(InputError, match="mgfe: has 2 maps, but 1 masks are given; give one for each"):
        measured(squares, tmp_path, "--truth", runs=["mgfe"])
    with pytest.raises(InputError, match="--truth, --masks: no masks to measure against"):
        measured(squares, tmp_path)


def test_a_network_that_follows_the_colour_looks_at_the_square(squares):
    """The measure can say yes: a class activation made of the class's colour alone."""
    model = methods.create("baseline", backbones.small(3), {}).eval()

    class Colours(torch.nn.Module):
        def forward(self, images):
            return functional.avg_pool2d(images, 8)

    model.backbone.features = torch.nn.Sequential(Colours())
    model.backbone.head = torch.nn.Sequential(
        torch.nn.AdaptiveAvgPool2d(1), torch.nn.Flatten(), torch.nn.Linear(3, 3)
    )
    model.backbone.head[-1].weight.data = torch.eye(3)
    index = pd.read_csv(squares / "index.csv")
    for row in index.head(6).to_dict("records"):
        pixels = images_on(np.array(read_rgb(squares / row["path"]))[None], "cpu")
        maps, _ = looking.maps_of(model, pixels, torch.tensor([row["class_id"]]))
        mask = np.array(Image.open(squares / "masks" / "soft" / row["path"]))
        cells = looking.over_cells(mask, (6, 5), (3.5, 8.0))
        assert looking.agreement(maps[0, 0].numpy(), cells).roc_area > 0.95
