"""Data sets that cannot be used, and whether every row of docs/bad-input.md has its test."""

import ast
import re
import shutil
import subprocess
import sys
from pathlib import Path

import detect_regions
import import_annotation
import index_dataset
import numpy as np
import pandas as pd
import pytest
import test_bad_archives
import test_bad_images
import test_bad_marks
import test_hostile_names
import test_security
import yaml
from bad_input import REGISTRY, index_options, mask, matches, my_images, picture, refused, rows
from maskguide.data.datasets import COLUMNS
from PIL import Image

ROOT = Path(__file__).parents[2]


def other_format(folder, suffix):
    mask((folder / "masks/elm/0").with_suffix(suffix))


def both_parts(folder):
    shutil.copy(folder / "images/elm/0.png", folder / "images/oak/9.png")


def coloured(path):
    Image.fromarray(np.full((6, 8, 3), (0, 255, 0), np.uint8)).save(path)


def palette(path, second):
    path.parent.mkdir(parents=True, exist_ok=True)
    image = Image.fromarray((np.arange(48).reshape(6, 8) > 30).astype(np.uint8), mode="P")
    image.putpalette([0, 0, 0, *second])
    image.save(path)


def transparent(path):
    pixels = np.zeros((6, 8, 4), np.uint8)
    pixels[:, :4] = (255, 255, 255, 255)
    pixels[:, 4:6] = (90, 90, 90, 255)
    Image.fromarray(pixels).save(path)


def jpeg_labels(folder):
    (folder / "masks/elm/0.png").unlink()
    mask(folder / "masks/elm/0.jpg", value=60, size=(6, 8))


def some_inverted(folder):
    inner = np.zeros((6, 8), np.uint8)
    inner[2:4, 2:5] = 255
    for name in ("elm/0", "elm/1", "oak/0", "oak/1"):
        Image.fromarray(inner if name < "f" else 255 - inner).save(folder / "masks" / f"{name}.png")


def all_zero(folder):
    for name in ("elm", "oak"):
        mask(folder / "masks" / name / "0.png", value=0)


CASES = {
    "class-alone": lambda folder: [shutil.rmtree(folder / kind / "oak") for kind in ("images", "masks")],
    "class-one-image": lambda folder: [(folder / f"images/oak/{i}.png").unlink() for i in (1, 2)],
    "class-empty": lambda folder: (folder / "images/ash").mkdir(),
    "folder-empty": lambda folder: [shutil.rmtree(folder / kind) for kind in ("images", "masks")],
    "image-in-both-parts": both_parts,
    "image-name-twice": lambda folder: picture(folder / "images/elm/0.jpg", 9),
    "mask-size": lambda folder: mask(folder / "masks/elm/0.png", size=(6, 9)),
    "mask-without-image": lambda folder: mask(folder / "masks/elm/7.png"),
    "mask-of-other-class": lambda folder: [
        picture(folder / "images/oak/7.png", 9),
        mask(folder / "masks/elm/7.png"),
    ],
    "mask-without-class": lambda folder: mask(folder / "masks/ash/0.png"),
    "mask-beside-classes": lambda folder: mask(folder / "masks/0.png"),
    "mask-twice": lambda folder: other_format(folder, ".tif"),
    "mask-values": lambda folder: [mask(folder / f"masks/elm/{i}.png", 5 + i) for i in range(3)],
    "mask-scales": lambda folder: mask(folder / "masks/elm/0.png", value=255),
    "mask-palettes": lambda folder: [
        palette(folder / "masks/elm/0.png", (255, 0, 0)),
        palette(folder / "masks/oak/0.png", (0, 255, 0)),
    ],
    "mask-transparent": lambda folder: transparent(folder / "masks/elm/0.png"),
    "mask-jpeg": jpeg_labels,
    "mask-photograph": lambda folder: picture(folder / "masks/elm/0.png", size=(6, 8)),
    "mask-inverted": some_inverted,
    "mask-values-class": lambda folder: None,
    "mask-values-absent": lambda folder: None,
    "mask-values-key": lambda folder: None,
    "mask-values-twice": lambda folder: None,
    "mask-values-unsaid": lambda folder: mask(folder / "masks/elm/0.png", value=255),
    "mask-values-colour": lambda folder: coloured(folder / "masks/elm/0.png"),
    "mask-values-alpha": lambda folder: transparent(folder / "masks/elm/0.png"),
    "mask-coloured": lambda folder: coloured(folder / "masks/elm/0.png"),
    "mask-broken": lambda folder: (folder / "masks/elm/0.png").write_bytes(b"x"),
    "mask-all-zero": all_zero,
}
# What the registry says of the data set otherwise.
TWO_CLASSES = {"mask_classes": ["vein", "stalk"], "regions": {"vein": ["vein"]}}
LABELS = {"mask_values": {0: "background", 1: "object"}}
ENTRIES = {
    "mask-values": TWO_CLASSES,
    "mask-palettes": TWO_CLASSES,
    "mask-values-class": {"mask_values": {0: "background", 1: "objekt"}},
    "mask-values-absent": {**TWO_CLASSES, "mask_values": {0: "background", 1: "vein"}},
    "mask-values-key": {"mask_values": {"black": "background", 1: "object"}},
    "mask-values-twice": {**LABELS, "void": [1]},
    "mask-values-unsaid": LABELS,
    "mask-values-colour": LABELS,
    "mask-values-alpha": LABELS,
}
SPLITS = {
    "split-rule": ["--split", "2;1"],
    "split-too-large": ["--split", "10/40"],
    "group-nowhere": ["--group", "plant([0-9]+)"],
    "group-alone": ["--group", "([a-z]+)"],
    "group-pattern": ["--group", "([0-9]+"],
    "split-unpublished": ["--split", "published"],
    "split-file-columns": "name,part\nelm-0,train\n",
    "split-file-stranger": "image,split\nelm-0,train\nelm-99,test\n",
    "split-file-part": "image,split\nelm-0,training\n",
    "split-file-class": "image,split\nelm-0,train\nelm-1,test\noak-0,train\n",
}


@pytest.mark.parametrize("row", CASES)
def test_folders_are_refused(row, tmp_path, capfd):
    options = index_options(tmp_path)
    if row == "image-in-both-parts":
        options += ["--split-file", split_file(tmp_path, both=True)]
    if row in ENTRIES:
        registry = yaml.safe_load(REGISTRY.read_text())
        registry["folder"] |= ENTRIES[row]
        (tmp_path / "datasets.yaml").write_text(yaml.safe_dump(registry))
        options += ["--registry", tmp_path / "datasets.yaml"]
    CASES[row](my_images(tmp_path / "files"))
    refused(row, index_dataset, options, tmp_path, capfd)


def split_file(folder, both=False):
    """A split that puts an image of elm into training and its copy among the oaks into the test."""
    names = [f"{name}-{i}" for name in ("elm", "oak") for i in range(3)] + (["oak-9"] if both else [])
    parts = [f"{name},{'train' if int(name[-1]) < 2 else 'test'}\n" for name in names]
    (folder / "split.csv").write_text("image,split\n" + "".join(parts))
    return folder / "split.csv"


@pytest.mark.parametrize("row", SPLITS)
def test_splits_are_refused(row, tmp_path, capfd):
    my_images(tmp_path / "files")
    options = SPLITS[row]
    if isinstance(options, str):
        (tmp_path / "split.csv").write_text(options)
        options = ["--split-file", tmp_path / "split.csv"]
    refused(row, index_dataset, [*index_options(tmp_path), *options], tmp_path, capfd)


def test_one_mask_of_nothing_is_legal(tmp_path, caplog):
    mask(my_images(tmp_path / "files") / "masks/elm/0.png", value=0)
    index_dataset.main(index_dataset.parse_args([str(o) for o in index_options(tmp_path)]))
    assert "0.png: is zero everywhere; so are 1 masks in all, kept" in caplog.text


def test_files_that_are_no_images_are_passed_over_and_named(tmp_path, caplog):
    """A phone's .heic would else be missed by nobody."""
    root = my_images(tmp_path / "files")
    for name in ("3.heic", "notes.txt", "Thumbs.db", ".DS_Store"):
        (root / "images/elm" / name).write_text("x")
    index_dataset.main(index_dataset.parse_args([str(o) for o in index_options(tmp_path)]))
    assert "images/elm: 2 files are passed over, not images: 3.heic" in caplog.text


def test_annotated_masks_of_nothing_are_refused(tmp_path, capfd):
    """The masks of the chosen images, all of them zero: a segmenter would learn that there is nothing."""
    root = my_images(tmp_path / "files")
    table = [
        [f"{name}-{i}", f"files/images/{name}/{i}.png", name, number, part, "files/masks/elm/0.png", "", ""]
        for number, name in enumerate(("elm", "oak"))
        for i, part in enumerate(("train", "test"))
    ]
    mask(root / "masks/elm/0.png", value=0)
    pd.DataFrame(table, columns=COLUMNS).to_csv(tmp_path / "index.csv", index=False)
    (tmp_path / "chosen.csv").write_text("image_id\nelm-0\noak-0\n")
    options = ["--index", tmp_path / "index.csv", "--chosen", tmp_path / "chosen.csv", "--dataset", "mine"]
    options += ["--classes", "vein", "--output", tmp_path / "out" / "annotated.csv"]
    options += ["--marks-output", tmp_path / "out" / "marks"]
    options += ["--contact-sheet", tmp_path / "out" / "sheet.png"]
    (tmp_path / "out").mkdir()
    refused("mask-chosen-all-zero", import_annotation, options, tmp_path, capfd)


def test_a_gpu_asked_for_where_there_is_none(tmp_path, capfd, monkeypatch):
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", "")
    options = ["--index", tmp_path / "index.csv", "--model", tmp_path / "model.pt", "--device", "cuda"]
    refused("gpu-absent", detect_regions, [*options, "--output", tmp_path / "x.csv"], tmp_path, capfd)


CONFIGS = {
    "config-key": {"classify": {"epochz": 3}},
    "config-section": {"sedes": [1]},
    "config-repeats": {"datasets": {"leaves": {"repeats": 5}}},
    "config-type": {"seeds": "many"},
    "config-value": {"boxes": {"mode": "drawn"}},
    "config-method": {
        "tables": {"compare": {"datasets": ["leaves"], "backbone": "small", "methods": ["mgx"]}}
    },
    "config-backbone": {"tables": {"aca_boxes": {"datasets": ["leaves"], "backbone": "resnet51"}}},
    "config-dataset": {"datasets": {"leavs": {}}},
    "config-table-dataset": {"tables": {"table1": {"datasets": ["btfpis"]}}},
    "config-archive": {"archives": {"butterflies": "x.zip"}},
}


@pytest.fixture(scope="module")
def project(tmp_path_factory):
    """A copy of what a dry run reads."""
    folder = tmp_path_factory.mktemp("project")
    for name in ("workflow", "config", "profiles", "envs"):
        shutil.copytree(ROOT / name, folder / name, ignore=shutil.ignore_patterns("__pycache__"))
    (folder / "resources").mkdir()
    for name in ("Snakefile", "resources/datasets.yaml"):
        shutil.copy(ROOT / name, folder / name)
    return folder


@pytest.mark.parametrize("row", CONFIGS)
def test_configs_are_refused_at_the_plan(row, project):
    """By a dry run; Snakemake itself adds the place in the rules around the line."""
    config = {**yaml.safe_load((project / "config/smoke.yaml").read_text()), **CONFIGS[row]}
    (project / "edited.yaml").write_text(yaml.safe_dump(config))
    command = [sys.executable, "-m", "snakemake", "--cores", "1", "--dry-run", "--configfile", "edited.yaml"]
    done = subprocess.run(command, cwd=project, capture_output=True, text=True, timeout=300)
    said = (done.stdout + done.stderr).splitlines()
    assert done.returncode != 0
    assert any(matches(rows()[row], line) for line in said), f"{rows()[row]}\n" + "\n".join(said[-5:])
    assert len(said) < 10
    assert not (project / "results").exists()


# Rows whose tests need more than a line: id → the test.
ELSEWHERE = {
    "disk-full": "test_interruption.py::test_a_full_disk_is_one_line_and_leaves_nothing",
    "disk-full-checkpoint": "test_checkpoints.py::test_a_full_disk_is_one_line_and_loses_nothing",
    "results-read-only": "test_interruption.py::test_read_only_results_are_one_line",
    **dict.fromkeys(
        ["own-missing", "own-packed", "own-without-images", "own-published", "own-archive", "own-region"],
        "test_datasets.py::test_what_is_wrong_is_one_line",
    ),
    "gpu-memory": "test_memory.py::test_a_training_through_the_command_line",
    "gpu-memory-one-image": "test_memory.py::test_a_single_image_too_many_is_one_line",
}


def test_every_row_has_its_test_and_every_test_its_row():
    """The test of a row names it."""
    tests = [path.read_text(encoding="utf-8") for path in (ROOT / "tests").rglob("test_*.py")]
    untested = [row for row in rows() if not any(f'"{row}"' in text for text in tests)]
    assert not untested
    tested = [*CASES, *SPLITS, *CONFIGS, *ELSEWHERE, *test_bad_images.CASES, *test_bad_archives.CASES]
    tested += [*test_bad_marks.ROWS, *test_hostile_names.CASES, *test_security.CASES]
    assert set(tested) <= set(rows())
    for place in ELSEWHERE.values():
        file, name = place.split("::")
        functions = ast.walk(ast.parse(next((ROOT / "tests").rglob(file)).read_text()))
        assert any(isinstance(node, ast.FunctionDef) and node.name == name for node in functions), place


def test_every_line_says_where_and_what_to_do():
    """File, row or key, a colon, the problem, a semicolon or another way to the way out."""
    for row, line in rows().items():
        place, said = line.split(": ", 1)
        assert place and re.search(r"[;,:] |\?$|, not a data set of this run", said), row
