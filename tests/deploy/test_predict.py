"""New images named through predict.py by all seeds; what cannot be read is named, the rest done."""

import json
import shutil
import subprocess
import sys
from argparse import Namespace

import numpy as np
import pandas as pd
import predict
import pytest
import split_dataset
import torch
from bad_input import picture, refused
from example_folds import make_calibrated, run_of, train
from maskguide import methods
from maskguide.data import masks
from maskguide.deploy import calibration
from maskguide.deploy.ensemble import Ensemble, averaged, over_pixels
from maskguide.learning.batches import images_on
from maskguide.learning.transforms import normalise
from maskguide.segment import segmenters
from maskguide.system import cli
from maskguide.views.blank import blanked
from maskguide.views.objects import box_of
from maskguide.views.zoom import enlarged, grown
from PIL import Image


@pytest.fixture(scope="module")
def calibrated(tmp_path_factory):
    folder = tmp_path_factory.mktemp("squares")
    return folder, make_calibrated(folder)


@pytest.fixture
def photos(calibrated, tmp_path):
    """Test images of the squares, one in a subfolder, and a text that is called an image."""
    folder, _ = calibrated
    (tmp_path / "photos/field").mkdir(parents=True)
    for number in range(15, 20):
        shutil.copy(folder / f"i{number}.png", tmp_path / "photos")
    shutil.copy(folder / "i20.png", tmp_path / "photos/field")
    (tmp_path / "photos/text.jpg").write_text("no image")
    (tmp_path / "photos/notes.txt").write_text("passed over")
    return tmp_path / "photos"


def named(photos, run, *words):
    output = photos.parent / "named.csv"
    asked = ["--run", str(run), "--images", str(photos), "--output", str(output), "--device", "cpu", *words]
    predict.main(predict.parse_args(asked))
    return pd.read_csv(output, keep_default_na=False)


def probabilities(run, path):
    """By hand: each seed's network on the image as it is, softmax, mean."""
    pixels = np.asarray(Image.open(path).convert("RGB"))
    found = []
    for seed in (1, 2):
        model, _ = methods.load(run / f"seed{seed}/model.pt")
        found.append(model(images_on(pixels[None].copy(), "cpu")).logits.softmax(dim=1).detach().numpy()[0])
    return np.mean(found, axis=0)


def test_classes_confidence_and_second_choice(calibrated, photos):
    _, run = calibrated
    table = named(photos, run)
    columns = [
        "file",
        "class",
        "confidence",
        "second_class",
        "second_confidence",
        "unlike_training",
        "problem",
    ]
    assert list(table.columns) == columns
    assert table["file"].tolist() == [
        "field/i20.png",
        *(f"i{number}.png" for number in range(15, 20)),
        "text.jpg",
    ]
    temperature = json.loads((run / calibration.CALIBRATION).read_text())["temperature"]
    for row in table.iloc[:-1].to_dict("records"):
        expected = calibration.tempered(probabilities(run, photos / row["file"])[None], temperature)[0]
        order = np.argsort(-expected)
        assert [row["class"], row["second_class"]] == [f"c{place}" for place in order[:2]]
        sure = [float(row["confidence"]), float(row["second_confidence"])]
        assert sure == pytest.approx(100 * expected[order[:2]], abs=0.06)


def test_an_unreadable_image_is_named_and_the_rest_done(calibrated, photos, caplog):
    row = named(photos, calibrated[1]).iloc[-1]
    assert "does not decode as an image" in row["problem"] and row["class"] == row["unlike_training"] == ""
    assert "text.jpg: does not decode as an image" in caplog.text


def test_an_image_unlike_the_training_is_said(calibrated, photos):
    _, run = calibrated
    Image.fromarray(np.full((48, 40, 3), 255, np.uint8)).save(photos / "white.png")
    table = named(photos, run).set_index("file")
    assert table.loc["white.png", "unlike_training"] == "yes"
    assert (table["unlike_training"] == "no").sum() >= 4


def test_without_calibration_the_columns_say_so(calibrated, photos, caplog):
    _, run = calibrated
    table = named(photos, run / "seed1")
    columns = ["class", "confidence_not_calibrated", "second_class", "second_confidence_not_calibrated"]
    assert list(table.columns) == ["file", *columns, "problem"]
    assert "give the folder of all seeds" in caplog.text


def test_overlays_are_drawn_beside_their_subfolders(calibrated, photos, tmp_path):
    _, run = calibrated
    named(photos, run, "--overlays", str(tmp_path / "looked"))
    found = sorted(
        path.relative_to(tmp_path / "looked").as_posix() for path in (tmp_path / "looked").rglob("*.png")
    )
    assert found == ["field/i20.png.png", *(f"i{number}.png.png" for number in range(15, 20))]
    drawn = np.asarray(Image.open(tmp_path / "looked/i15.png.png"))
    assert drawn.shape == (48, 40, 3) and drawn.std() > 10


def test_heat_lies_where_the_cells_look():
    """Cell j of a padded network is centred on pixel start + j·stride, not in the j-th part of the image."""
    map_ = np.zeros((3, 4))
    map_[1, 2] = 1
    heat = over_pixels(map_, (96, 128), (0.0, 32.0))
    assert heat.shape == (96, 128) and heat[32, 64] == 1
    assert heat[32, 80] == heat[16, 64] == 0.5 and heat[16, 80] == 0.25
    assert heat[:, 96:].max() == 0


def test_a_larger_image_is_brought_to_the_largest_of_the_training(calibrated, tmp_path):
    ensemble = Ensemble(calibrated[1], "cpu")
    shown = ensemble.show(ensemble.reduced(np.zeros((480, 1200, 3), np.uint8)))
    assert shown.pixels.shape == (19, 48, 3)  # 48 is the longest side of a square's picture


def test_the_command(calibrated, photos, root):
    words = ["--run", calibrated[1], "--images", photos, "--output", photos.parent / "named.csv"]
    script = root / "workflow/scripts/predict.py"
    done = subprocess.run([sys.executable, script, *words], capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    assert "6 images named" in done.stderr and (photos.parent / "named.csv").is_file()


# Networks that see parts of images, or blanked ones


def test_scales_follow_what_the_one_before_attends_to(tmp_path):
    """ACA's three runs as the workflow lays them out: predict.py says what combine_scales.py found."""
    import attend_regions
    import combine_scales
    from example_stores import make_squares

    folder = make_squares(tmp_path / "squares")
    first, second, both = (run_of(folder, name) for name in ("aca-s1", "aca-s2", "aca"))
    train(folder, first, method="aca")
    attended = folder / "results/r/attend/squares/split1/aca-s1/small/seed1/attended.csv"
    cpu = ["--device", "cpu"]
    words = [*cpu, "--store", folder / "store", "--run", first / "seed1", "--output", attended]
    attend_regions.main(attend_regions.parse_args([*map(str, words)]))
    train(folder, second, "--zoom", attended, method="aca")
    words = [*cpu, "--store", folder / "store", "--zooms", attended]
    words += ["--runs", first / "seed1", second / "seed1"]
    combine_scales.main(combine_scales.parse_args([*map(str, [*words, "--output-dir", both / "seed1"])]))
    known = pd.read_csv(both / "seed1/predictions.csv").set_index("image_id")
    (tmp_path / "photos").mkdir()
    for image_id in known.index:
        shutil.copy(folder / f"{image_id}.png", tmp_path / "photos")
    table = named(tmp_path / "photos", both)
    for row in table.to_dict("records"):
        expected = known.loc[row["file"].removesuffix(".png")]
        assert row["class"] == f"c{expected['predicted_last']:.0f}"
        assert float(row["confidence_not_calibrated"]) == pytest.approx(
            100 * expected["confidence_last"], abs=0.06
        )
    assert len(named(tmp_path / "photos", second)) == len(known)  # the second scale alone finds its parts too


def segmenter_of(pixels):
    """A segmenter that learned what is bright in an image, and its mask."""
    torch.manual_seed(1)
    architecture = segmenters.Architecture("Unet", "resnet18", ("object",), 3, (16, 8, 8))
    network = segmenters.HierarchicalSegmenter(architecture).eval()
    optimizer = torch.optim.Adam(network.parameters(), 0.01)
    images = normalise(torch.from_numpy(pixels.copy()).permute(2, 0, 1)[None])
    for _ in range(40):
        optimizer.zero_grad()
        logits, _ = network(images, [1.0])
        bright = torch.from_numpy((pixels[None, ..., 0] > 128).astype(int))
        torch.nn.functional.cross_entropy(logits, bright).backward()
        optimizer.step()
    probability = segmenters.predict(network, pixels, [1.0])
    return network, masks.soft_of_probability(1 - probability[0])


@pytest.mark.parametrize("view", ["blank", "zoom"])
def test_what_is_seen_by_masks_of_the_segmenter_is_made_of_new_images(calibrated, tmp_path, view):
    """The segmenter of the run's split, its masks brought to the image's size as the stores have them."""
    _, run = calibrated
    pixels = np.full((48, 40, 3), 20, np.uint8)
    pixels[10:30, 8:30] = 230
    network, mask = segmenter_of(pixels)
    results = tmp_path / "results/r"
    segmenters.save(results / "segment/squares/split1-n5/model.pt", network)
    cli.save_arguments(results / "masks/squares/split1/segmenter-n5/args.yaml", Namespace(scales=[1.0]))
    place = results / "runs/squares/split1-fold2/x/small"
    shutil.copytree(run / "seed1", place / "seed1")
    said = {"blank": "store/squares/split1/objects/segmenter-n5"}
    said |= {"zoom": "objects/squares/split1/segmenter-n5-0.2/attended.csv"}
    text = (place / "seed1/args.yaml").read_text()
    (place / "seed1/args.yaml").write_text(text.replace(f"{view}: null", f"{view}: results/r/{said[view]}"))
    ensemble = Ensemble(place, "cpu")
    if view == "blank":
        seen = blanked(pixels, mask)
    else:
        box = np.array([box_of(mask, 0.2)])
        seen = enlarged(pixels, grown(box, np.array([[48, 40]]))[0])
    assert (seen != pixels).any()
    model, _ = methods.load(run / "seed1/model.pt")
    expected = model(images_on(seen[None].copy(), "cpu")).logits.softmax(dim=1).detach().numpy()
    found = averaged(ensemble.ask([ensemble.show(pixels)]))
    np.testing.assert_allclose(found, expected, atol=1e-5)
    heat = ensemble.where(ensemble.show(pixels), 0)
    assert heat.shape == (48, 40) and 0 <= heat.min() <= heat.max() <= 1


def test_a_network_that_sees_by_true_masks_is_refused(calibrated, tmp_path, capfd):
    _, run = calibrated
    copy = tmp_path / "results/r/runs/squares/split1/blank/small"
    shutil.copytree(run / "seed1", copy / "seed1")
    text = (copy / "seed1/args.yaml").read_text()
    blank = "blank: results/r/store/squares/split1/objects/truth"
    (copy / "seed1/args.yaml").write_text(text.replace("blank: null", blank))
    (tmp_path / "photos").mkdir()
    picture(tmp_path / "photos/a.png")
    words = ["--run", copy, "--images", tmp_path / "photos", "--output", tmp_path / "named.csv"]
    refused("predict-true-masks", predict, words, tmp_path, capfd)


# Bad input


def test_a_network_of_an_older_version(calibrated, photos, tmp_path, capfd):
    shutil.copytree(calibrated[1] / "seed1", tmp_path / "old/seed1")
    held = torch.load(tmp_path / "old/seed1/model.pt", weights_only=True)
    del held["sees"]
    torch.save(held, tmp_path / "old/seed1/model.pt")
    words = ["--run", tmp_path / "old", "--images", photos, "--output", tmp_path / "named.csv"]
    refused("predict-old-run", predict, words, tmp_path, capfd)


def test_too_few_training_images_for_folds(tmp_path, capfd):
    rows = [
        (f"{name}{i}", "a.png", name, class_id, "train")
        for class_id, name in enumerate(("elm", "oak"))
        for i in range(2)
    ]
    rows += [(f"{name}9", "a.png", name, class_id, "test") for class_id, name in enumerate(("elm", "oak"))]
    table = pd.DataFrame(rows, columns=["image_id", "path", "class", "class_id", "split"])
    for column in ("mask", "outline", "boxes", "group", "content", "marks"):
        table[column] = table["image_id"] if column == "content" else ""
    table.to_csv(tmp_path / "images.csv", index=False)
    words = [
        "--images",
        tmp_path / "images.csv",
        "--fold",
        1,
        "--folds",
        3,
        "--output",
        tmp_path / "index.csv",
    ]
    refused("calibrate-few", split_dataset, words, tmp_path, capfd)


def test_no_run_no_images(calibrated, photos, tmp_path, capfd):
    _, run = calibrated
    words = ["--images", photos, "--output", tmp_path / "named.csv"]
    refused("predict-no-run", predict, ["--run", tmp_path, *words], tmp_path, capfd)
    (tmp_path / "empty").mkdir()
    words = ["--run", run, "--output", tmp_path / "named.csv", "--images", tmp_path / "empty"]
    refused("predict-no-image", predict, words, tmp_path, capfd)
    (tmp_path / "empty/text.jpg").write_text("no image")
    refused("predict-none-readable", predict, words, tmp_path, capfd)
