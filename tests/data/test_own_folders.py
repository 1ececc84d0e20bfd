"""Data sets of one's own, read where they lie, by the command line of index_dataset.py."""

import json
import re
import shutil
import subprocess
import sys
import zipfile
from pathlib import Path

import index_dataset
import numpy as np
import pandas as pd
import pytest
from bad_input import mask, picture
from maskguide.data import label_masks
from maskguide.data.datasets import read_index
from maskguide.plan import datasets
from maskguide.system.files import InputError
from PIL import Image

ROOT = Path(__file__).parents[2]
KINDS = (".jpg", ".png", ".JPEG", ".tif")
VINES = {"masks": "drawn", "mask_classes": ["leaf", "vein"]}


@pytest.fixture(autouse=True)
def folder(tmp_path, monkeypatch):
    """A working folder with the images of vines, of four kinds, masks elsewhere, and images of pears."""
    monkeypatch.chdir(tmp_path)
    for dataset in ("vines", "pears"):
        for number, name in enumerate(("elm", "oak")):
            for i, suffix in enumerate(KINDS):
                picture(Path(dataset) / name / f"{i}{suffix}", 100 * number + i)
    for i in range(2):
        mask(Path("drawn/elm") / f"{i}.png", 1 + i)
    return tmp_path


def options(name, more=None):
    """What the config says of a data set, and the options of index_dataset.py for it."""
    said = {"images": name, **(more or {})}
    entry = json.dumps(datasets.entry(name, said))
    output = Path("results/run/data") / name
    command = ["--dataset", name, "--entry", entry, "--files", said["images"]]
    command += ["--own-masks", said["masks"]] if "masks" in said else []
    return [*command, "--masks", str(output / "masks"), "--output", str(output / "index.csv")]


def index(name, more=None, *further):
    args = index_dataset.parse_args([*options(name, more), *further])
    index_dataset.main(args)
    return read_index(args.output)


def test_two_data_sets_of_ones_own(folder):
    vines, pears = index("vines", VINES), index("pears")
    names = [f"{name}-{i}" for name in ("elm", "oak") for i in range(4)]
    for found in (vines, pears):
        assert found["image_id"].tolist() == names
        assert found.groupby("class")["split"].value_counts().tolist() == [3, 1, 3, 1]  # 2:1 of four
        assert all(Path(path).is_file() for path in found["path"])
    masked = vines[vines["mask"] != ""].set_index("image_id")["mask"]
    assert masked.index.tolist() == ["elm-0", "elm-1"]
    assert [np.asarray(Image.open(path)).max() for path in masked] == [1, 2]
    assert (pears["mask"] == "").all()
    raw = pd.read_csv("results/run/data/vines/index.csv", keep_default_na=False)
    assert raw["path"][0] == "../../../../vines/elm/0.jpg"
    assert raw["mask"][0] == "../../../../drawn/elm/0.png"
    assert not list(Path("results/run/data/pears/masks").iterdir())


def test_folders_elsewhere_on_the_disk_are_found_when_the_project_moves(folder, tmp_path_factory):
    elsewhere = tmp_path_factory.mktemp("disk")
    for name in ("vines", "drawn"):
        shutil.move(name, elsewhere / name)
    places = {key: str(elsewhere / name) for key, name in (("images", "vines"), ("masks", "drawn"))}
    index("vines", VINES | places)
    Path("moved/deeper").mkdir(parents=True)
    shutil.move("results", "moved/deeper/results")
    found = read_index("moved/deeper/results/run/data/vines/index.csv")
    assert all(Path(path).is_file() for path in found["path"])
    assert found["mask"][0] == str(elsewhere / "drawn/elm/0.png")


def test_masks_in_the_folder_of_the_images(folder):
    shutil.move("drawn", "vines/by hand")
    found = index("vines", VINES | {"masks": f"{folder}/vines/by hand"})
    assert set(found["class"]) == {"elm", "oak"}
    assert (found["mask"] != "").sum() == 2


def test_masks_elsewhere_in_two_parts(folder):
    for name in ("vines", "drawn"):
        shutil.move(name, "whole")
        shutil.copytree("whole", f"{name}/train")
        shutil.move("whole", f"{name}/test")
    for path in Path("vines/test").rglob("*.*"):
        picture(path, 7000 + len(str(path)) + int(path.stem))
        path.rename(path.with_stem(f"{path.stem}b"))
    for path in Path("drawn/test").rglob("*.png"):
        path.rename(path.with_stem(f"{path.stem}b"))
    found = index("vines", VINES, "--split", "published").set_index("image_id")
    assert found["split"].value_counts().to_dict() == {"train": 8, "test": 8}
    assert found[found["mask"] != ""].index.tolist() == ["elm-0", "elm-0b", "elm-1", "elm-1b"]
    assert (found.loc[["elm-0b", "oak-3b"], "split"] == "test").all()
    mask(Path("drawn/elm/0.png"))
    with pytest.raises(InputError, match="drawn/elm: belongs to no class"):
        index("vines", VINES, "--split", "published")


def test_masks_elsewhere_fit_the_upright_image(folder):
    exif = Image.Exif()
    exif[0x0112] = 6
    picture(Path("vines/elm/0.jpg"), 0, (8, 6), exif=exif)
    found = index("vines", VINES).set_index("image_id")
    assert found.loc["elm-0", "path"].endswith("vines/masks/upright/elm-0.png")
    mask(Path("drawn/elm/0.png"), size=(8, 6))
    with pytest.raises(InputError, match=r"drawn/elm/0\.png: is 6×8 pixels, its image \(upright\) 8×6"):
        index("vines", VINES)


@pytest.mark.parametrize(
    ("harm", "line"),
    [
        (
            lambda: mask(Path("drawn/elm/9.png")),
            "drawn/elm/9.png: no image in vines/elm belongs",
        ),
        (lambda: mask(Path("drawn/ash/0.png")), "drawn/ash: belongs to no class"),
        (lambda: mask(Path("drawn/0.png")), "drawn/0.png: belongs to no class"),
        (
            lambda: [mask(Path(f"drawn/elm/{i}.png"), 5 + i) for i in range(3)],
            "drawn/elm/0.png: the masks hold the grey levels",
        ),
        (
            lambda: [path.unlink() for path in Path("drawn").rglob("*.png")],
            "drawn: holds no mask though",
        ),
        (lambda: shutil.rmtree("drawn"), "drawn: is no folder; correct the path"),
        (lambda: shutil.rmtree("vines"), "vines: is no folder; correct the path"),
        (lambda: shutil.rmtree("vines/oak"), "class elm: is the only one"),
        (lambda: Path("vines/ash").mkdir(), "vines/ash: a class folder without an image"),
        (
            lambda: picture(Path("vines/elm/0.png")),
            "vines/elm/0.png: same image id 'elm-0'",
        ),
        (lambda: picture(Path("vines/Elm/7.png")), "vines: the classes 'Elm' and 'elm' differ in case"),
        (lambda: Path("vines/oak/1.png").write_bytes(b"x"), "vines/oak/1.png: does not decode"),
        (
            lambda: [shutil.copy("vines/elm/1.png", f"vines/oak/{i}{KINDS[i]}") for i in range(4)],
            "same content as",
        ),
    ],
)
def test_nothing_is_written_for_bad_folders(folder, harm, line):
    command = options("vines", VINES)
    harm()
    with pytest.raises(InputError, match=re.escape(line)):
        index_dataset.main(index_dataset.parse_args(command))
    assert not [path for path in Path("results").rglob("*") if path.is_file()]


def test_masks_elsewhere_are_for_ones_own_images_alone(folder):
    command = ["--dataset", "btfpis", "--registry", str(ROOT / "resources/datasets.yaml"), "--files", "vines"]
    command += ["--own-masks", "drawn", "--masks", "out/masks", "--output", "out/index.csv"]
    with pytest.raises(InputError, match="drawn: the layout 'btfpis' says where masks lie"):
        index_dataset.main(index_dataset.parse_args(command))


def test_as_a_command(folder):
    script = [sys.executable, ROOT / "workflow/scripts/index_dataset.py"]
    done = subprocess.run([*script, *options("vines", VINES)], capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    assert len(read_index("results/run/data/vines/index.csv")) == 8
    done = subprocess.run([*script, *options("pears"), "--entry", "{"], capture_output=True, text=True)
    assert done.returncode == 2 and done.stderr.startswith("error: --entry {: is no JSON")


@pytest.mark.slow
def test_real_images(folder, shared):
    """Silhouettes of coca cultivars without masks, and butterflies whose masks lie elsewhere."""
    with zipfile.ZipFile(shared / "data/coca_cultivars_silhouettes.zip") as archive:
        for name in archive.namelist():
            if name.endswith(".tif"):
                target = Path("coca") / Path(name).name[:3] / Path(name).name
                target.parent.mkdir(parents=True, exist_ok=True)
                target.write_bytes(archive.read(name))
    with zipfile.ZipFile(shared / "data/leedsbutterfly_176px.zip") as archive:
        archive.extractall("published")
    drawn = {}
    for path in sorted(Path("published").rglob("*_seg0.png")):
        stem = path.stem.removesuffix("_seg0")
        labels = label_masks.read_butterfly(path)
        drawn[stem] = labels.sum()
        mask_path = Path("drawn butterflies") / stem[:3] / f"{stem}.png"
        mask_path.parent.mkdir(parents=True, exist_ok=True)
        Image.fromarray(255 * labels).save(mask_path)
        image_path = Path("butterflies") / stem[:3] / f"{stem}.jpg"
        image_path.parent.mkdir(parents=True, exist_ok=True)
        Image.open(path.parents[1] / "images" / f"{stem}.png").convert("RGB").save(image_path)
    with pytest.raises(InputError, match=r"TPE4_a\.tif: same content as coca/PER/PER1_a\.tif"):
        index("coca")  # as it was published
    for path in Path("coca/TPE").glob("TPE4_*"):  # all of this plant
        path.unlink()
    coca = index("coca")
    assert len(coca) == 314 and coca["class"].nunique() == 16
    butterflies = index("butterflies", {"masks": "drawn butterflies", "mask_classes": ["butterfly"]})
    assert len(butterflies) == len(drawn) == 550 and butterflies["class"].nunique() == 10
    for row in butterflies.itertuples():
        assert np.asarray(Image.open(row.mask)).sum() == drawn[Path(row.path).stem]


@pytest.mark.parametrize("edited", ["vines/elm/2.JPEG", "drawn/elm/0.png"])
def test_an_edit_of_a_file_changes_the_index_though_no_name_changes(folder, edited):
    """What hangs on the index is made anew: Snakemake compares small files by their content."""
    output = Path("results/run/data/vines/index.csv")
    index("vines", VINES)
    before = output.read_text()
    index("vines", VINES)
    assert output.read_text() == before
    if edited.endswith(".JPEG"):
        picture(Path(edited), 4711)
    else:
        mask(Path(edited), 2)
    index("vines", VINES)
    assert output.read_text() != before
