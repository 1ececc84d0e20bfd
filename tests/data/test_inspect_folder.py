"""What inspect_folder.py says of a folder, and that the config it writes makes a plan."""

import re
import shutil
import zipfile
from pathlib import Path

import inspect_folder
import numpy as np
import pytest
import yaml
from bad_input import mask, my_images, picture
from maskguide.data import inspection
from maskguide.marks import marks_seen
from maskguide.plan.plan import Plan
from maskguide.system.files import InputError
from PIL import Image

ROOT = Path(__file__).parents[2]


@pytest.fixture(autouse=True)
def folder(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    return tmp_path


def inspected(capsys, *arguments):
    """What it prints, by its headings."""
    inspect_folder.main(inspect_folder.parse_args([str(each) for each in arguments]))
    said, found, heading = capsys.readouterr().out, {}, ""
    for line in said.splitlines():
        if line.startswith("  "):
            found[heading] += [line.strip()]
        else:
            heading, _, rest = line.partition(":")
            found[heading] = [rest.strip()] if rest.strip() else []
    return found


def test_everything_that_a_folder_holds(capsys):
    my_images(Path("vines"), count=4)
    picture(Path("vines/images/oak/large.png"), 70, (60, 80))
    shutil.copy("vines/images/elm/1.png", "vines/images/elm/copy.png")
    smooth = np.tile(np.arange(0, 240, 3, dtype=np.uint8), (60, 1))
    for name, shift in (("elm/x", 0), ("oak/y", 1)):
        Image.fromarray(smooth + np.uint8(shift)).save(f"vines/images/{name}.png")
    picture(Path("vines/images/elm/more/0.png"), 71)
    Path("vines/images/oak/4.txt").write_text("0 0.5 0.5 0.1 0.1\n16 0.5 0.5 0.1 0.1\n")
    said = inspected(capsys, "vines")
    assert said["classes"] == ["2: elm 6, oak 6"]
    assert said["images"] == ["12, 2 sizes, 8×6 to 80×60"]
    assert said["same pixels"] == ["vines/images/elm/1.png = vines/images/elm/copy.png"]
    assert said["alike in two classes"] == ["vines/images/elm/x.png = vines/images/oak/y.png"]
    assert said["masks"][0].startswith("2 of 12 images, grey levels 0, 1; not 0 are 50% (vines/masks/")
    assert said["not read as images or masks"] == [
        "vines/images/elm/more: 1 × image left out, 0.png",
        "vines/images/oak: 1 × other file, 4.txt",
    ]
    assert said["marks"] == ["1 files of YOLO", "YOLO's class numbers: 0 (1×), 16 (1×)"]


def test_masks_beside_the_folder_of_images_are_named(capsys):
    my_images(Path("vines"), count=4)
    assert inspected(capsys, "vines/images")["masks"] == [
        "none; vines/masks, which lies beside, is not read; --masks vines/masks has it read"
    ]
    assert "beside" not in inspected(capsys, "vines/images", "--masks", "vines/masks")["masks"][0]
    assert "beside" not in inspected(capsys, "vines")["masks"][0]


def test_plain_pictures_that_all_look_alike_are_no_pairs(capsys):
    for name in ("elm", "oak"):
        Path("leaves", name).mkdir(parents=True)
        for number in range(4):
            silhouette = np.full((60, 80), 255, dtype=np.uint8)
            silhouette[20 : 40 + number, 30:50] = 0
            Image.fromarray(silhouette).save(f"leaves/{name}/{name}{number}.png")
    said = inspected(capsys, "leaves")["alike in two classes"]
    assert len(said) == 1 and re.match(r"\d+ pairs, too many to mean anything", said[0])


def test_the_split_and_an_archive(capsys):
    for part in ("train", "valid", "test"):
        my_images(Path("mine") / part, masks=False, count=3 + len(part))
    for number, path in enumerate(sorted(Path("mine").rglob("*.png"))):
        picture(path, 1000 + number)
    shutil.make_archive("mine", "zip", "mine")
    expected = ["the folders': 32 training and 14 test images"]
    assert inspected(capsys, "mine")["split"] == inspected(capsys, "mine.zip")["split"] == expected


def plan_of(path):
    return Plan(
        yaml.safe_load(Path(path).read_text()),
        ROOT / "workflow/scripts",
        str(ROOT / "resources/datasets.yaml"),
    )


@pytest.mark.parametrize("kind", ["few", "parts", "many", "masked", "groups"])
def test_the_config_that_it_writes_is_one(capsys, kind):
    """Read by the plan as it is written; its choices fit the images."""
    Path("resources").mkdir()
    shutil.copy(ROOT / "resources/small-leaves.pth", "resources")
    if kind == "parts":
        places = [
            (part, label, i) for part in ("train", "test") for label in ("elm", "oak") for i in range(4)
        ]
        for number, (part, label, i) in enumerate(places):
            picture(Path("it's") / part / label / f"{i}.png", number)
    else:
        my_images(Path("it's"), count=50 if kind == "many" else 4, masks=False)
    if kind == "masked":
        for path in list(Path("it's/images").rglob("*.png")):
            mask(Path("it's/masks") / path.parent.name / path.name)
    if kind == "groups":
        for path in list(Path("it's/images").rglob("*.png")):
            path.rename(path.with_name(f"plant{int(path.stem) // 2}_{'ab'[int(path.stem) % 2]}.png"))
    inspected(capsys, "it's", "--write", "config/new.yaml")
    plan = plan_of("config/new.yaml")
    options = plan.config["datasets"]["mine"]
    assert options["images"] == "it's" and len(plan.all_runs) == {"many": 40}.get(kind, 20)
    assert options["split"] == {"parts": None, "many": "1:4"}.get(kind, "2:1")
    assert plan.mode("mine", "annotate") == ("published" if kind == "masked" else "automatic")
    training = {"many": 20, "parts": 8}.get(kind, 5)
    classify = plan.config["classify"]
    assert 2 <= classify["batch_size"] <= training
    assert classify["epochs"] * (training // classify["batch_size"]) >= 400
    assert bool(options["group"]) == (kind == "groups")
    with pytest.raises(InputError, match=r"config/new\.yaml: is there already"):
        inspected(capsys, "it's", "--write", "config/new.yaml")


def test_masks_of_two_classes_and_masks_that_cannot_be_read(capsys):
    my_images(Path("vines"), count=4)
    mask(Path("vines/masks/elm/1.png"), 2)
    said = inspected(capsys, "vines", "--write", "mine.yaml")
    assert said["masks mean"] == ["0 is background, 1 part1, 2 part2"]
    written = yaml.safe_load(Path("mine.yaml").read_text())
    assert written["datasets"]["mine"]["mask_classes"] == ["part1", "part2"]
    picture(Path("vines/masks/elm/1.png"), 5)
    assert inspected(capsys, "vines")["masks mean"][0].startswith("not clear: vines/masks/elm/1.png")
    with pytest.raises(InputError, match=r"vines/masks/elm/1\.png"):
        inspected(capsys, "vines", "--write", "new.yaml")


def test_a_single_class_and_what_its_names_say(capsys):
    for name in ("CRE1_a", "CRE1_b", "CRE2_a", "BRO1_a", "BRO2_b"):
        picture(Path(f"all/data/{name}.png"), len(name) + ord(name[0]) + ord(name[3]) + ord(name[5]))
    with pytest.raises(InputError, match="one class only; names begin with BRO, CRE: make a folder of each"):
        inspected(capsys, "all")


@pytest.mark.parametrize(
    ("name", "said"),
    [("empty", "holds no image"), ("gone", "does not exist"), ("labels.zip", "holds no image")],
)
def test_nothing_there(capsys, name, said):
    Path("empty").mkdir()
    with zipfile.ZipFile("labels.zip", "w") as archive:
        archive.writestr("cotton/1_1.txt", "0 0.5 0.5 0.1 0.1\n")
    with pytest.raises(InputError, match=f"^{name}: {said}"):
        inspected(capsys, name)


def test_a_number_that_hardly_occurs_is_a_slip():
    for i in range(60):
        Path(f"{i}.txt").write_text("0 0.5 0.5 0.1 0.1\n" * 2 + ("16 0.5 0.5 0.1 0.1\n" if i == 7 else ""))
    Path("README.txt").write_text("0 is the head\n")
    lines = marks_seen.seen(sorted(Path().glob("*.txt")))
    assert lines == [
        "60 files of YOLO",
        "YOLO's class numbers: 0 (120×), 16 (1×)",
        "class 16 occurs 1× only, first in 7.txt: a slip?",
    ]


def test_a_photograph_saved_anew_is_alike_and_another_is_not():
    ramp = np.add.outer(np.arange(80), np.arange(90)).astype(np.uint8)
    Image.fromarray(ramp).save("a.png")
    Image.fromarray(ramp).resize((45, 40)).save("b.jpg", quality=60)
    picture(Path("c.png"), 3, (80, 90))
    one, again, other = (int(inspection.fingerprint(name)) for name in ("a.png", "b.jpg", "c.png"))
    assert (one ^ again).bit_count() <= inspection.CLOSE < (one ^ other).bit_count()
