"""Names that a shell, a table or another system would trip over: refused in one line, or kept as they are."""

import os
import shutil
import unicodedata
from pathlib import Path

import index_dataset
import pandas as pd
import pytest
from bad_input import index_options, my_images, picture, refused
from maskguide.data import layouts
from maskguide.system import cli

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
