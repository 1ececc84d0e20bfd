"""What networks use: backgrounds alone, the five conditions, and measure_backgrounds.py."""

import subprocess
import sys
import types

import build_store
import measure_backgrounds
import numpy as np
import pandas as pd
import pool_masks
import pytest
import torch
import train_classifier
from maskguide import methods, views
from maskguide.data.masks import read_grey
from maskguide.data.store import ImageStore
from maskguide.learning.interface import Output
from maskguide.plan.conditions import ACROSS, BACKGROUND_ONLY, CONDITIONS, OBJECT_ONLY, WITHIN
from maskguide.system.files import InputError
from maskguide.views import objects
from maskguide.views.background import without_box
from maskguide.views.blank import GREY
from maskguide.views.conditions import Scenes
from PIL import Image

SIZE = HEIGHT, WIDTH = 48, 40
COLUMNS = ["image_id", "path", "class", "class_id", "split", "mask", "outline", "boxes"]
LEFT_OUT = {
    "i15": None,
    "i16": 0,
    "i17": 255,
    "i18": "frame",
}  # no mask; of nothing, of all, whose box is all


def disc():
    rows, columns = np.indices(SIZE)
    return np.where((rows - 24) ** 2 + (columns - 20) ** 2 < 110, 255, 0).astype(np.uint8)


def frame():
    mask = np.full(SIZE, 255, np.uint8)
    mask[2:-2, 2:-2] = 0
    return mask


@pytest.fixture(scope="module")
def stores(tmp_path_factory):
    """A disc in the colour of its class; around it the same colour in training, the next class's in tests."""
    folder = tmp_path_factory.mktemp("scenes")
    (folder / "masks" / "soft").mkdir(parents=True)
    rng, rows = np.random.default_rng(0), []
    for number in range(30):
        class_id, split, name = number % 3, "train" if number < 15 else "test", f"i{number}"
        pixels = rng.integers(0, 100, (*SIZE, 3), dtype=np.uint8)
        pixels[disc() > 0, class_id] = 250
        pixels[disc() == 0, (class_id + (split == "test")) % 3] = 250
        Image.fromarray(pixels).save(folder / f"{name}.png")
        mask = LEFT_OUT.get(name, disc())
        mask = (
            frame()
            if isinstance(mask, str)
            else np.full(SIZE, mask, np.uint8)
            if isinstance(mask, int)
            else mask
        )
        if mask is not None:
            Image.fromarray(mask).save(folder / "masks" / "soft" / f"{name}.png")
        rows.append((name, f"{name}.png", f"c{class_id}", class_id, split, "", "", ""))
    pd.DataFrame(rows, columns=COLUMNS).to_csv(folder / "index.csv", index=False)
    words = ["--index", str(folder / "index.csv"), "--output", str(folder / "store")]
    build_store.main(build_store.parse_args(words))
    return folder


def scenes_of(folder, index="index.csv"):
    def mask(image_id):
        path = folder / "masks" / "soft" / f"{image_id}.png"
        return read_grey(path) if path.is_file() else None

    return Scenes(ImageStore(folder / "store", [], folder / index), mask)


def test_the_whole_box_is_filled_from_around_it():
    rng = np.random.default_rng(0)
    pixels = rng.integers(0, 100, (*SIZE, 3), dtype=np.uint8)
    pixels[disc() > 0] = 250
    there = np.argwhere(disc() > 0)
    (top, left), (bottom, right) = there.min(axis=0), there.max(axis=0)
    wider = 4 * objects.edge_of(SIZE) + 1  # what a swap takes away around an object
    found = without_box(pixels, disc())
    changed = (found != pixels).any(axis=2)
    assert found.max() < 100  # nothing of the object
    assert changed[top : bottom + 1, left : right + 1].mean() > 0.99  # corners too, which the disc has not
    away = np.ones(SIZE, bool)
    away[top - wider : bottom + wider + 1, left - wider : right + wider + 1] = False
    assert not changed[away].any()
    for nothing in (np.zeros(SIZE, np.uint8), np.full(SIZE, 255, np.uint8), frame()):
        assert without_box(pixels, nothing) is None


def test_conditions_against_numpy(stores):
    scenes = scenes_of(stores)
    images, conditions = scenes.images, dict(scenes.conditions())
    assert {images.layout["image_id"][row] for row in scenes.rows} == {f"i{n}" for n in range(19, 30)}
    weight = objects.soft_edge(disc())[..., None] / 255.0
    for row in map(int, scenes.rows):
        pixels, (same, other) = images.image(row), scenes.drawn(row)
        classes = images.layout["class_id"]
        assert classes[same] == classes[row] != classes[other]
        assert {images.layout["split"][same], images.layout["split"][other]} == {"train"}
        backs = {WITHIN: same, ACROSS: other}
        expected = {OBJECT_ONLY: weight * pixels + (1 - weight) * GREY}
        for name, drawn in backs.items():
            back = objects.without_object(images.image(drawn), disc())
            expected[name] = weight * pixels + (1 - weight) * back
        expected[BACKGROUND_ONLY] = without_box(pixels, disc())
        for name, wanted in expected.items():
            found = conditions[name].image(images.layout["image_id"][row], pixels)
            np.testing.assert_allclose(found, wanted, atol=0.5001, err_msg=name)
            assert found.dtype == np.uint8


def test_what_is_drawn_depends_on_the_image_alone(stores):
    scenes = scenes_of(stores)
    index = pd.read_csv(stores / "index.csv", keep_default_na=False)
    index.drop(index.index[20:25]).to_csv(stores / "fewer.csv", index=False)
    fewer = scenes_of(stores, "fewer.csv")
    drawn = {scenes.names[row]: scenes.drawn(row) for row in scenes.rows}
    assert {fewer.names[row]: fewer.drawn(row) for row in fewer.rows}.items() < drawn.items()


class Reader(torch.nn.Module):
    """Names the brightest colour of the image's border, or of its middle."""

    def __init__(self, border):
        super().__init__()
        self.border = border
        self.backbone = types.SimpleNamespace(features=torch.nn.Sequential(torch.nn.Identity()))

    def forward(self, images):
        part = images[:, :, :4] if self.border else images[:, :, 20:28, 16:24]
        return Output(part.mean(dim=(2, 3)))


def measured(folder, output, *more, runs=("border", "middle")):
    words = ["--index", folder / "index.csv", "--store", folder / "store", "--masks", folder / "masks"]
    words += ["--runs", *(folder / run for run in runs), "--device", "cpu", "--precision", "full", *more]
    measure_backgrounds.main(measure_backgrounds.parse_args([*map(str, [*words, "--output", output])]))
    return pd.read_csv(output)


def test_a_network_that_reads_the_border_has_a_gap_and_one_that_reads_the_middle_has_none(
    stores, tmp_path, monkeypatch, caplog
):
    monkeypatch.setattr(methods, "load", lambda path: (Reader(path.parent.name == "border"), {}))
    with caplog.at_level("INFO"):
        table = measured(stores, tmp_path / "backgrounds.csv")
    assert table.columns.tolist() == ["run", "masks", "image_id", "class_id", *CONDITIONS]
    assert len(table) == 22 and set(table["masks"]) == {"masks"}
    right = {
        run: [float((group[name] == group["class_id"]).mean()) for name in CONDITIONS]
        for run, group in table.groupby(table["run"].str.rsplit("/").str[-1])
    }
    # the tests' own backgrounds are of other classes: no swap among them would show what the border is worth
    assert right["border"][0] == right["border"][2] == right["border"][4] == 0 and right["border"][3] == 1
    assert right["middle"][:2] == right["middle"][3:] == [1, 1] and right["middle"][2] == 0
    assert "4 of 15 test images are left out: no mask shows an object before a background" in caplog.text
    assert "gap 50.0" in caplog.text  # of both networks


def test_networks_see_it_all_through_their_own_views(stores, tmp_path, monkeypatch):
    """Where the background is grey in training and test, no background is listened to."""
    for name in LEFT_OUT:
        Image.fromarray(disc()).save(tmp_path / f"{name}.png")
    (tmp_path / "soft").mkdir()
    for path in [*(stores / "masks" / "soft").glob("*.png"), *tmp_path.glob("*.png")]:
        (tmp_path / "soft" / path.name).write_bytes(path.read_bytes())
    words = ["--index", stores / "index.csv", "--masks", tmp_path, "--parts", "train", "test"]
    pool_masks.main(pool_masks.parse_args([*map(str, [*words, "--output", tmp_path / "objects"])]))
    monkeypatch.setattr(methods, "load", lambda path: (Reader(path.parent.name == "border"), {}))
    table = measured(stores, tmp_path / "blank.csv", "--blank", tmp_path / "objects")
    border = table[table["run"].str.endswith("border")]
    assert (border[WITHIN] == border[ACROSS]).all()
    seen = ImageStore(stores / "store", [views.create("background", tmp_path / "objects")])
    for row in (0, 20):
        expected = without_box(ImageStore(stores / "store").image(row), disc())
        np.testing.assert_array_equal(seen.image(row), expected)
        assert seen.image(row) is seen.image(row)  # made once


def test_where_no_background_is_known_it_is_grey_all_over(stores, tmp_path):
    """Nothing of an object is seen by what learns from backgrounds."""
    Image.fromarray(disc()).save(stores / "masks" / "soft" / "i15.png")
    try:
        words = ["--index", stores / "index.csv", "--masks", stores / "masks", "--parts", "train", "test"]
        pool_masks.main(pool_masks.parse_args([*map(str, [*words, "--output", tmp_path / "objects"])]))
    finally:
        (stores / "masks" / "soft" / "i15.png").unlink()
    view = views.create("background", tmp_path / "objects")
    seen = ImageStore(stores / "store", [view])
    for name in ("i16", "i17", "i18"):
        assert (seen.image(int(name[1:])) == GREY).all()
    command = ["--dataset", "d", "--store", stores / "store", "--method", "baseline", "--backbone", "small"]
    command += ["--epochs", 1, "--batch-size", 8, "--crop", 32, "--freeze", 0, "--device", "cpu"]
    command += [
        "--background",
        tmp_path / "objects",
        "--mask-source",
        "truth",
        "--output-dir",
        tmp_path / "run",
    ]
    train_classifier.main(train_classifier.parse_args([*map(str, command)]))
    assert '"masks": "truth"' in (tmp_path / "run" / "metrics.json").read_text()


def test_bad_input_is_one_line(stores, tmp_path):
    script = [sys.executable, measure_backgrounds.__file__, "--index", stores / "index.csv"]
    script += [
        "--store",
        stores / "store",
        "--runs",
        tmp_path,
        "--output",
        tmp_path / "x.csv",
        "--device",
        "cpu",
    ]
    done = subprocess.run([*script, "--masks", tmp_path], capture_output=True, text=True)
    assert done.returncode == 2 and done.stderr.count("\n") == 1
    assert f"error: {tmp_path}: has no folder soft; make the masks first" in done.stderr
    (tmp_path / "soft").mkdir()
    with pytest.raises(InputError, match="in none of the 15 test images a mask shows an object"):
        measure_backgrounds.main(
            measure_backgrounds.parse_args([*map(str, script[2:]), "--masks", str(tmp_path)])
        )
    assert not (tmp_path / "x.csv").exists()
