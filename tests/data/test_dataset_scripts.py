"""From an archive or folder to index.csv, by the scripts' own options."""

import json
import pickle
import shutil
import subprocess
import sys
import zipfile
import zlib
from pathlib import Path

import fetch_dataset
import index_dataset
import numpy as np
import pandas as pd
import pytest
import unpack_dataset
from maskguide.data import datasets
from maskguide.system.files import InputError
from PIL import Image

ROOT = Path(__file__).parents[2]
REGISTRY = ROOT / "resources" / "datasets.yaml"
REAL = ROOT.parent / "shared/data/leedsbutterfly_176px.zip"
SPLIT = REAL.with_name("btfpis_split.csv")


def picture(path, seed=0, size=(6, 8), **options):
    path.parent.mkdir(parents=True, exist_ok=True)
    pixels = np.random.default_rng(seed).integers(0, 256, (*size, 3), dtype=np.uint8)
    Image.fromarray(pixels).save(path, **options)


def mask(path, size=(6, 8), value=255):
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.fromarray(np.full(size, value, dtype=np.uint8)).save(path)


def my_images(root, count=4):
    """Two classes of images, a mask for the first image of each."""
    for number, name in enumerate(["elm", "oak"]):
        for i in range(count):
            picture(root / "images" / name / f"{i}.png", 100 * number + i)
        mask(root / "masks" / name / "0.png")
    return root


def index(tmp_path, *options, dataset="folder", files=None, registry=REGISTRY):
    command = ["--dataset", dataset, "--registry", str(registry), "--files", str(files or tmp_path / "files")]
    command += ["--masks", str(tmp_path / "masks"), "--output", str(tmp_path / "index.csv"), *options]
    index_dataset.main(index_dataset.parse_args(command))
    return datasets.read_index(tmp_path / "index.csv")


def fetch(tmp_path, dataset, *options, registry=REGISTRY):
    command = ["--dataset", dataset, "--registry", str(registry), "--resources", str(tmp_path / "resources")]
    command += ["--output", str(tmp_path / "source.json"), *options]
    fetch_dataset.main(fetch_dataset.parse_args(command))
    return json.loads((tmp_path / "source.json").read_text())


def unpack(tmp_path):
    command = ["--source", str(tmp_path / "source.json"), "--output", str(tmp_path / "files")]
    unpack_dataset.main(unpack_dataset.parse_args(command))


def test_index_of_my_images(tmp_path):
    my_images(tmp_path / "files" / "mine")
    found = index(tmp_path)
    assert list(found.columns) == datasets.COLUMNS
    assert found["class"].tolist() == ["elm"] * 4 + ["oak"] * 4
    assert found["class_id"].tolist() == [0] * 4 + [1] * 4
    assert found.groupby("class")["split"].value_counts().tolist() == [2, 2, 2, 2]
    assert all(Path(path).is_file() for path in found["path"])
    with_mask = found[found["mask"] != ""]
    assert with_mask["image_id"].tolist() == ["elm-0", "oak-0"]
    with Image.open(with_mask["mask"].iloc[0]) as image:
        assert image.mode == "L" and image.size == (8, 6)
        assert np.unique(np.asarray(image)).tolist() == [1]
    raw = pd.read_csv(tmp_path / "index.csv", dtype=str, keep_default_na=False)
    assert raw["path"].iloc[0] == "files/mine/images/elm/0.png"
    assert raw["mask"].iloc[0] == "masks/elm-0.png"


def test_larger_images_are_brought_to_a_longest_side(tmp_path):
    root = my_images(tmp_path / "files")
    picture(root / "images" / "elm" / "0.png", 5, (60, 80))
    half = np.zeros((60, 80), dtype=np.uint8)
    half[:, :40] = 255
    Image.fromarray(half).save(root / "masks" / "elm" / "0.png")
    found = index(tmp_path, "--longest-side", "20").set_index("image_id")
    with Image.open(root / "images" / "elm" / "0.png") as image:
        expected = np.asarray(image.resize((20, 15), Image.Resampling.LANCZOS))
    assert np.array_equal(np.asarray(Image.open(found.loc["elm-0", "path"])), expected)
    expected = np.repeat([[1] * 10 + [0] * 10], 15, axis=0)
    assert np.array_equal(np.asarray(Image.open(found.loc["elm-0", "mask"])), expected)
    assert found.loc["elm-1", "path"].endswith("files/images/elm/1.png")
    with pytest.raises(InputError, match="--longest-side 0: must be above 0"):
        index(tmp_path, "--longest-side", "0")


def test_images_csv_lists_what_the_split_leaves_out(tmp_path):
    my_images(tmp_path / "files")
    listed = tmp_path / "images.csv"
    found = index(
        tmp_path, "--split", "1/2", "--images", str(listed), "--group", "([0-9])", "--split-seed", "1"
    )
    every = datasets.read_images(listed)
    assert len(found) == 6 and len(every) == 8
    assert every["group"].tolist() == ["0", "1", "2", "3"] * 2
    assert every["content"].nunique() == 8 and set(every["split"]) == {""}
    assert every.set_index("image_id").loc["elm-0", "mask"].endswith("masks/elm-0.png")
    sides = found.merge(every[["image_id", "group"]]).groupby("group")["split"].nunique()
    assert sides.tolist() == [1] * len(sides)


def test_the_same_twice(tmp_path):
    my_images(tmp_path / "files")
    index(tmp_path, "--split-seed", "3")
    first = (tmp_path / "index.csv").read_bytes()
    index(tmp_path, "--split-seed", "3")
    assert (tmp_path / "index.csv").read_bytes() == first


def test_labels_are_left_in_place(tmp_path):
    root = tmp_path / "files"
    for kind in ("images", "masks", "outlines"):
        for name in ("a", "b"):
            for part in ("train", "test"):
                target = root / kind / name / f"{name}-{part}.png"
                picture(target, zlib.crc32(target.name.encode())) if kind == "images" else mask(
                    target, value=2
                )
    rows = [f"{name}-{part},{name},{part}\n" for name in ("a", "b") for part in ("train", "test")]
    (root / "labels.csv").write_text("image_id,class,split\n" + "".join(rows))
    found = index(tmp_path, dataset="leaves")
    assert all("files/masks" in path for path in found["mask"])
    assert all(found["outline"] != "") and all(found["boxes"] == "")
    assert not list((tmp_path / "masks").iterdir())


def test_turned_images_are_copied_upright(tmp_path):
    root = my_images(tmp_path / "files")
    exif = Image.Exif()
    exif[0x0112] = 6
    picture(root / "images" / "elm" / "0.png", 0, (8, 6), exif=exif)
    found = index(tmp_path).set_index("image_id")
    with Image.open(found.loc["elm-0", "path"]) as image:
        assert image.size == (8, 6) and not image.getexif()
    assert found.loc["elm-0", "path"].endswith("masks/upright/elm-0.png")
    mask(root / "masks" / "elm" / "0.png", (8, 6))
    with pytest.raises(InputError, match=r"0\.png: is 6×8 pixels, its image \(upright\) 8×6"):
        index(tmp_path)


@pytest.mark.parametrize(
    ("harm", "message"),
    [
        (lambda root: shutil.copy(root / "images/elm/0.png", root / "images/oak/9.png"), "same content as"),
        (lambda root: (root / "images/elm/2.png").write_bytes(b"no image"), r"elm/2\.png: does not decode"),
        (lambda root: mask(root / "masks/elm/0.png", (6, 9)), r"masks/elm/0\.png: is 9×6 pixels"),
        (
            lambda root: [shutil.rmtree(root / kind / "oak") for kind in ("images", "masks")],
            "is the only one",
        ),
        (lambda root: (root / "masks/elm/0.png").write_bytes(b"x"), r"masks/elm/0\.png: does not decode"),
    ],
)
def test_checks_before_the_index(tmp_path, harm, message):
    root = my_images(tmp_path / "files")
    harm(root)
    if "same content" in message:  # elm-0 and its copy must come into different parts
        path = tmp_path / "split.csv"
        names = [f"{name}-{i}" for name in ("elm", "oak") for i in range(4)]
        rows = [f"{name},{'train' if int(name[-1]) < 2 else 'test'}\n" for name in [*names, "oak-9"]]
        path.write_text("image,split\n" + "".join(rows))
        options = ["--split-file", str(path)]
    else:
        options = []
    with pytest.raises(InputError, match=message) as caught:
        index(tmp_path, *options)
    assert "\n" not in str(caught.value)
    assert sorted(path.name for path in tmp_path.iterdir() if path.name != "split.csv") == ["files"]


def test_every_class_in_both_parts(tmp_path):
    my_images(tmp_path / "files")
    path = tmp_path / "split.csv"
    path.write_text("image,split\nelm-0,train\nelm-1,test\noak-0,train\n")
    with pytest.raises(InputError, match="class oak: has no image in the test part"):
        index(tmp_path, "--split-file", str(path))


def test_published_masks_must_be_there(tmp_path):
    for number in range(1, 4):
        for name in ("001", "002"):
            picture(tmp_path / "files" / "images" / f"{name}000{number}.png", 10 * number + int(name))
    (tmp_path / "files" / "segmentations").mkdir()
    with pytest.raises(InputError, match="holds no mask though btfpis"):
        index(tmp_path, "--split", "1:1", dataset="btfpis")


def butterflies(path, count=3):
    with zipfile.ZipFile(path, "w") as archive:
        for name in ("001", "002"):
            for number in range(count):
                image = path.parent / "image.png"
                picture(image, 10 * number + int(name))
                archive.write(image, f"leedsbutterfly/images/{name}000{number}.png")
                mask(image)
                archive.write(image, f"leedsbutterfly/segmentations/{name}000{number}_seg0.png")
                image.unlink()
    return path


def test_from_a_given_archive_to_the_index(tmp_path):
    archive = butterflies(tmp_path / "given.zip")
    source = fetch(tmp_path, "btfpis", "--archive", str(archive))
    assert (source["kind"], source["origin"], source["url"]) == ("archive", "config", None)
    assert len(source["sha256"]) == 64 and source["bytes"] == archive.stat().st_size
    unpack(tmp_path)
    assert len(index(tmp_path, "--split", "2:1", dataset="btfpis")) == 6


def test_a_placed_archive_satisfies(tmp_path, caplog):
    place = tmp_path / "resources" / "btfpis"
    place.mkdir(parents=True)
    butterflies(place / "leedsbutterfly_dataset_v1.0.zip")
    assert fetch(tmp_path, "btfpis")["origin"] == "placed"
    assert "not the file that the registry names" in caplog.text
    given = butterflies(tmp_path / "given.zip")
    assert fetch(tmp_path, "btfpis", "--archive", str(given))["path"] == str(given)


def test_a_folder_is_linked_not_copied(tmp_path):
    mine = my_images(tmp_path / "mine")
    before = sorted(mine.rglob("*"))
    source = fetch(tmp_path, "folder", "--archive", str(mine))
    assert (source["kind"], source["sha256"]) == ("folder", None)
    unpack(tmp_path)
    [link] = (tmp_path / "files").iterdir()
    assert link.is_symlink() and not (tmp_path / "files").is_symlink()
    assert len(index(tmp_path)) == 8
    assert sorted(mine.rglob("*")) == before


def test_soybeans_placed_loosely(tmp_path):
    place = tmp_path / "resources" / "hainanleaf"
    for split in ("train", "test"):
        for number in (1, 2):
            picture(place / split / f"{split}{number}.png", number + 10 * len(split))
    labels = {f"{split}{number}": number for split in ("train", "test") for number in (1, 2)}
    (place / "labels.pkl").write_bytes(pickle.dumps(labels))
    assert fetch(tmp_path, "hainanleaf")["path"] == str(place)
    unpack(tmp_path)
    found = index(tmp_path, "--split", "published", dataset="hainanleaf")
    assert found["class"].tolist() == ["1", "1", "2", "2"]


@pytest.mark.parametrize(
    ("dataset", "top"), [("cottoncultivar", "COTTON"), ("soycultivarlocal", "soybean200")]
)
def test_leaves_of_the_ultra_fine_grained_benchmark(tmp_path, dataset, top):
    archive = tmp_path / "given.zip"
    parts = {"train": [], "test": []}
    with zipfile.ZipFile(archive, "w") as packed:
        for label in (1, 2, 3):
            for number, part in enumerate(parts):
                name = f"{label:03d}_{number}.jpg"
                picture(tmp_path / name, 10 * label + number)
                packed.write(tmp_path / name, f"{top}/images/{name}")
                parts[part].append(f"{name} {label}\n")
        for part, lines in parts.items():
            packed.writestr(f"{top}/anno/{part}.txt", "".join(lines))
    fetch(tmp_path, dataset, "--archive", str(archive))
    unpack(tmp_path)
    found = index(tmp_path, dataset=dataset)  # the registry's split: the published one
    assert found["image_id"].tolist() == [f"{label:03d}_{part}" for label in (1, 2, 3) for part in (0, 1)]
    assert found["split"].tolist() == ["train", "test"] * 3
    assert found["class"].tolist() == ["1", "1", "2", "2", "3", "3"]
    assert (found["mask"] == "").all() and (found["boxes"] == "").all()


def test_fetch_refuses(tmp_path):
    for options, message in [
        (["leaves"], "is generated"),
        (["hainanleaf"], "ask the authors"),
        (["btfpis", "--archive", str(tmp_path / "none.zip")], "does not exist"),
    ]:
        with pytest.raises(InputError, match=message):
            fetch(tmp_path, *options)
    quota = tmp_path / "quota.zip"
    quota.write_text("<!DOCTYPE html><title>Google Drive - Quota exceeded</title>")
    with pytest.raises(InputError, match=r"quota\.zip: is a web page"):
        fetch(tmp_path, "btfpis", "--archive", str(quota))
    assert not (tmp_path / "source.json").exists()


def test_unpack_refuses_another_file(tmp_path):
    archive = butterflies(tmp_path / "given.zip")
    fetch(tmp_path, "btfpis", "--archive", str(archive))
    butterflies(archive, 2)
    with pytest.raises(InputError, match="changed since it was fetched"):
        unpack(tmp_path)
    archive.unlink()
    with pytest.raises(InputError, match="is gone"):
        unpack(tmp_path)
    (tmp_path / "source.json").write_text("{}")
    with pytest.raises(InputError, match=r"is no source\.json"):
        unpack(tmp_path)
    assert not (tmp_path / "files").exists()


def test_command_lines(tmp_path):
    """Bad input: exit code 2, one line, nothing written."""
    nothing, output = str(tmp_path / "none"), ["--output", str(tmp_path / "out")]
    bad = {
        "fetch_dataset.py": ["--dataset", "none"],
        "unpack_dataset.py": ["--source", nothing],
        "index_dataset.py": ["--dataset", "folder", "--files", nothing, "--masks", str(tmp_path / "masks")],
    }
    for script, options in bad.items():
        command = [sys.executable, ROOT / "workflow/scripts" / script, *options, *output]
        done = subprocess.run(command, capture_output=True, text=True, cwd=ROOT)
        assert done.returncode == 2
        assert done.stderr.startswith("error: ") and done.stderr.count("\n") == 1
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize("script", [fetch_dataset, unpack_dataset, index_dataset])
def test_help_shows_an_example(script, capsys):
    with pytest.raises(SystemExit, match="0"):
        script.parse_args(["--help"])
    assert "Example:" in capsys.readouterr().out


@pytest.mark.slow
@pytest.mark.skipif(not REAL.exists(), reason="the shared butterflies are not on this machine")
def test_real_butterflies(tmp_path):
    fetch(tmp_path, "btfpis", "--archive", str(REAL))
    unpack(tmp_path)
    found = index(tmp_path, "--split-file", str(SPLIT), dataset="btfpis")
    expected = pd.read_csv(SPLIT, dtype=str).set_index("image")
    assert found["split"].value_counts().to_dict() == {"test": 400, "train": 100}
    names = [Path(path).name for path in found["path"]]
    assert expected.loc[names, "split"].tolist() == found["split"].tolist()
    assert (expected.loc[names, "class_id"].astype(int) - 1).tolist() == found["class_id"].tolist()
    shares = []
    for path in found["mask"]:
        labels = np.asarray(Image.open(path))
        assert set(np.unique(labels)) == {0, 1}
        shares.append(labels.mean())
    assert min(shares) > 0.01 and max(shares) < 0.7
    by_counts = index(tmp_path, "--split", "10/40", dataset="btfpis")
    assert by_counts.groupby("class")["split"].value_counts().unstack().to_numpy().tolist() == [[40, 10]] * 10
