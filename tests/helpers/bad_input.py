"""Bad input as a user gives it: a script's options, and the line that docs/bad-input.md promises for it."""

import re
from pathlib import Path

import numpy as np
import pytest
from maskguide.system import cli
from PIL import Image

ROOT = Path(__file__).parents[2]
PAGE = ROOT / "docs" / "bad-input.md"
REGISTRY = ROOT / "resources" / "datasets.yaml"
ROW = re.compile(r"^\| `([a-z0-9-]+)` \| (.+?) \| (.+?) \| (?:`` (.+) ``|`([^`]+)`) \|$", re.MULTILINE)


def rows():
    """The page's rows: id → the line that a user sees, … standing for anything."""
    found = ROW.findall(PAGE.read_text(encoding="utf-8"))
    assert len({row[0] for row in found}) == len(found), "an id occurs twice"
    return {row[0]: row[3] or row[4] for row in found}


def matches(line, text):
    """Whether `text` is the page's line."""
    return re.fullmatch(".+?".join(re.escape(part) for part in line.split("…")), text, re.DOTALL)


def listing(folder):
    """The files in a folder, temporary ones as well, with their sizes; a lock may stay, and empty folders."""
    return {
        path.relative_to(folder): path.stat().st_size
        for path in folder.rglob("*")
        if path.is_file() and path.name != ".fetch.lock"
    }


def refused(row, script, options, folder, capfd):
    """Run a script as its command line does: the page's line, exit code 2, and `folder` as it was."""
    before = listing(folder)
    with pytest.raises(SystemExit) as ended:
        cli.run(script.main, script.parse_args([str(option) for option in options]))
    said = capfd.readouterr().err
    lines = [line for line in said.splitlines() if line.startswith("error: ")]
    assert ended.value.code == 2
    assert len(lines) == 1 and said.rstrip().endswith(lines[0]), said
    assert matches(f"error: {rows()[row]}", lines[0]), f"{row}\n  page: {rows()[row]}\n  said: {lines[0]}"
    assert listing(folder) == before
    return lines[0]


def picture(path, seed=0, size=(6, 8), **options):
    """A file of seeded noise of `size` (height, width)."""
    path.parent.mkdir(parents=True, exist_ok=True)
    pixels = np.random.default_rng(seed).integers(0, 256, (*size, 3), dtype=np.uint8)
    Image.fromarray(pixels).save(path, **options)


def mask(path, value=1, size=(6, 8)):
    """A grey mask whose first half of columns is `value`."""
    path.parent.mkdir(parents=True, exist_ok=True)
    pixels = np.zeros(size, np.uint8)
    pixels[:, : size[1] // 2] = value
    Image.fromarray(pixels).save(path)


def my_images(root, classes=("elm", "oak"), count=3, masks=True):
    """A folder of images for each class, a mask for the first image of each."""
    for number, name in enumerate(classes):
        for i in range(count):
            picture(root / "images" / name / f"{i}.png", 100 * number + i)
        if masks:
            mask(root / "masks" / name / "0.png")
    return root


def index_options(folder, *more, dataset="folder"):
    """The options of index_dataset.py for the files in `folder`/files."""
    command = ["--dataset", dataset, "--registry", REGISTRY, "--files", folder / "files"]
    return [*command, "--masks", folder / "out" / "masks", "--output", folder / "out" / "index.csv", *more]
