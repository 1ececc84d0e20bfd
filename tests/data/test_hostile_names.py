"""Names that a shell, a table or another system would trip over: refused in one line, or kept as they are."""

import json
import os
import shutil
import subprocess
import sys
import unicodedata
from pathlib import Path

import index_dataset
import pandas as pd
import pytest
import yaml
from bad_input import index_options, my_images, picture, refused
from maskguide.data import layouts
from maskguide.system import cli

ROOT = Path(__file__).parents[2]
ACCENT = unicodedata.normalize("NFC", "é")


def renamed(folder, old, new):
    (folder / "images" / old).rename(folder / "images" / new)


CASES = {
    "name-line-break": lambda folder: renamed(folder, "elm/2.png", "elm/2\nerror: well.png"),
    "name-tab": lambda folder: renamed(folder, "elm/2.png", "elm/2\t2.png"),
    "name-escape": lambda folder: renamed(folder, "elm/2.png", "elm/\x1b[2J.png"),
    "name-no-utf8": lambda folder: renamed(folder, "elm/2.png", os.fsdecode(b"elm/\xe9.png")),
    "name-class-line-break": lambda folder: my_images(folder, ["a\nb"], masks=False),
    "name-classes-case": lambda folder: [picture(folder / f"images/Elm/{i}.png", 50 + i) for i in range(2)],
    "name-classes-accent": lambda folder: [
        picture(folder / "images" / unicodedata.normalize(form, ACCENT) / f"{i}.png", seed + i)
        for form, seed in (("NFC", 50), ("NFD", 60))
        for i in range(2)
    ],
    "name-images-case": lambda folder: [
        picture(folder / "images/elm/a.png", 50),
        picture(folder / "images/elm/A.png", 51),
    ],
}


@pytest.mark.parametrize("row", CASES)
def test_refused(row, tmp_path, capfd):
    CASES[row](my_images(tmp_path / "files", masks=False))
    refused(row, index_dataset, index_options(tmp_path), tmp_path, capfd)


LEGAL = [
    "-rf",
    "$(touch pwned)",
    "`touch pwned`",
    "; touch pwned #",
    "a 'b' \"c\" & d",
    f"caf{ACCENT} ツバメ 🦋",
    "{wildcards} {input} <results> %s \\n",
    "*" + "long" * 50,
]


def test_legal_names_stay_what_they_are(tmp_path):
    """Their class is the folder's name; their image_id can be a file's name anywhere."""
    my_images(tmp_path / "files", LEGAL)
    index_dataset.main(index_dataset.parse_args([str(o) for o in index_options(tmp_path)]))
    table = pd.read_csv(tmp_path / "out" / "index.csv", dtype=str, keep_default_na=False)
    assert set(table["class"]) == set(LEGAL)
    assert table["image_id"].is_unique and (table["image_id"].str.len() <= 130).all()
    assert all(Path(path).is_file() for path in tmp_path.glob("out/masks/*.png"))


def test_masks_are_found_whatever_the_form_of_their_accents(tmp_path):
    """A Mac writes names decomposed; an archive from there may hold both forms."""
    root = my_images(tmp_path / "files")
    picture(root / "images/elm" / f"{ACCENT}.png", 9)
    shutil.copy(
        root / "masks/elm/0.png", root / "masks/elm" / (unicodedata.normalize("NFD", ACCENT) + ".png")
    )
    entries = layouts.read("folder", tmp_path / "files")
    assert sum(entry.mask is not None for entry in entries) == 3


def test_errors_escape_what_a_terminal_would_act_on():
    assert cli.one_line("a\nb\x1b[2Jé 日本") == "a\\nb\\x1b[2Jé 日本"


def outside(*folders):
    """Every file below folders, with its time of change."""
    return {
        path: path.stat().st_mtime_ns
        for folder in folders
        for path in folder.rglob("*")
        if path.is_file() and "__pycache__" not in path.parts
    }


@pytest.mark.slow
def test_a_whole_run_with_hostile_names(tmp_path):
    """From a folder of images to table and figures: nothing runs, nothing lies where it should not."""
    project = tmp_path / 'it\'s a "project" $(touch pwned); #1'
    names = LEGAL[:6]
    given = my_images(project / "my 'leaves' $(touch pwned)", names, count=6, masks=False)
    for kind in ("workflow", "profiles", "envs"):
        shutil.copytree(ROOT / kind, project / kind, ignore=shutil.ignore_patterns("__pycache__"))
    (project / "resources").mkdir()
    for file in ("Snakefile", "resources/datasets.yaml"):
        shutil.copy(ROOT / file, project / file)
    config = yaml.safe_load((ROOT / "config/smoke.yaml").read_text())
    config |= {
        "run": "hostile",
        "seeds": [1],
        "datasets": {"folder": {"split": "2:1"}},
        "archives": {"folder": given.name},
        "tables": {
            "compare": {"datasets": ["folder"], "backbone": "small", "methods": ["baseline", "aca-s1"]}
        },
        "classify": {**config["classify"], "weights": "none", "epochs": 1, "crop": 32},
    }
    del config["classifiers_figure"], config["annotation_figure"]
    (project / "mine.yaml").write_text(yaml.safe_dump(config))
    home, temporary = tmp_path / "home", tmp_path / "tmp"
    home.mkdir()
    temporary.mkdir()
    before = outside(project, home, temporary)
    environment = {**os.environ, "HOME": str(home), "TMPDIR": str(temporary), "PYTHONDONTWRITEBYTECODE": "1"}
    environment["PATH"] = f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}"
    command = [sys.executable, "-m", "snakemake", "--cores", "2", "--configfile", "mine.yaml"]
    done = subprocess.run(command, cwd=project, env=environment, capture_output=True, text=True, timeout=900)
    assert done.returncode == 0, done.stdout[-3000:] + done.stderr[-3000:]
    after = outside(project, home, temporary)
    ours = [project / name for name in ("results", "resources", ".snakemake")]
    strange = [
        path
        for path in after
        if before.get(path) != after[path] and not any(path.is_relative_to(each) for each in ours)
    ]
    assert strange == []
    assert not list(tmp_path.rglob("pwned*"))
    results = project / "results" / "hostile"
    index = pd.read_csv(results / "data/folder/index.csv", dtype=str, keep_default_na=False)
    assert set(index["class"]) == set(names)
    metrics = json.loads((results / "runs/folder/baseline/small/seed1/metrics.json").read_text())
    assert metrics["classes"] == sorted(names)
    assert len(pd.read_csv(results / "tables/compare.csv")) == 2
    assert (results / "figures/compare.png").stat().st_size > 5000
