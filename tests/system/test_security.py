"""Code in files that users are given does not run, and our own scripts start no shell."""

import ast
import os
import pickle
import re
from pathlib import Path

import attend_regions
import build_store
import detect_regions
import index_dataset
import infer_masks
import numpy as np
import pytest
import torch
import train_classifier
from bad_input import index_options, my_images, picture, refused

ROOT = Path(__file__).parents[2]
SOURCES = [*(ROOT / "workflow").rglob("*.py"), *(ROOT / "workflow").rglob("*.smk"), ROOT / "Snakefile"]


class Harmful:
    """What runs a program when it is unpickled."""

    def __reduce__(self):
        return os.system, ("touch harmed",)


def model(folder):
    """A .pt whose pickle runs a program."""
    torch.save({"state_dict": {}, "harm": Harmful()}, folder / "model.pt")
    return ["--model", folder / "model.pt"]


def index_of(folder):
    """An index of a small folder of images."""
    my_images(folder / "files", masks=False)
    index_dataset.main(index_dataset.parse_args([str(o) for o in index_options(folder)]))
    return ["--index", folder / "out" / "index.csv"]


def soybeans(folder):
    for split in ("train", "test"):
        picture(folder / "files" / split / f"{split}.png", len(split))
    (folder / "files" / "labels.pkl").write_bytes(pickle.dumps({"train": 1, "test": Harmful()}))
    return index_options(folder, dataset="hainanleaf")


CASES = {
    "pickle-labels": (index_dataset, soybeans),
    "pickle-segmenter": (
        infer_masks,
        lambda folder: [*index_of(folder), *model(folder), "--device", "cpu", "--output", folder / "masks"],
    ),
    "pickle-detector": (
        detect_regions,
        lambda folder: [*index_of(folder), *model(folder), "--device", "cpu", "--output", folder / "d.csv"],
    ),
}


def weights(folder):
    torch.save({"features.0.weight": Harmful()}, folder / "weights.pth")
    return ["--weights", folder / "weights.pth"]


def to_train(folder):
    """A data set in its store, and a classifier's options."""
    index = index_of(folder)
    options = [*index, "--output", folder / "store"]
    build_store.main(build_store.parse_args([str(option) for option in options]))
    options = [
        "--store",
        folder / "store",
        "--dataset",
        "mine",
        "--method",
        "baseline",
        "--backbone",
        "small",
    ]
    return [*options, "--crop", "32", "--device", "cpu", "--output-dir", folder / "run"]


def harmful_store(folder):
    """A store whose arrays are pickled objects, as NumPy allows when it is told to."""
    options = to_train(folder)
    np.save(folder / "store" / "images.npy", np.array([Harmful()], dtype=object), allow_pickle=True)
    return options


CASES |= {
    "pickle-classifier": (
        attend_regions,
        lambda folder: ["--run", model(folder)[1].parent, "--store", folder, "--output", folder / "a.csv"],
    ),
    "pickle-weights": (train_classifier, lambda folder: [*to_train(folder), *weights(folder)]),
    "pickle-store": (train_classifier, harmful_store),
}


@pytest.mark.parametrize("row", CASES)
def test_code_in_a_file_does_not_run(row, tmp_path, monkeypatch, capfd):
    monkeypatch.chdir(tmp_path)
    script, make = CASES[row]
    options = make(tmp_path)
    capfd.readouterr()
    refused(row, script, options, tmp_path, capfd)
    assert not (tmp_path / "harmed").exists()


def test_the_file_would_run_if_it_were_let(tmp_path, monkeypatch):
    """The control: read as a pickle, it does."""
    monkeypatch.chdir(tmp_path)
    (tmp_path / "p.pkl").write_bytes(pickle.dumps(Harmful()))
    pickle.loads((tmp_path / "p.pkl").read_bytes())
    assert (tmp_path / "harmed").exists()


def calls():
    """(file, called name, call) of every call in the workflow's Python files."""
    for path in SOURCES:
        if path.suffix == ".py":
            for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
                if isinstance(node, ast.Call):
                    yield path.name, ast.unparse(node.func), node


def test_no_source_runs_strings_or_reads_pickles():
    loads, started = 0, 0
    for file, name, call in calls():
        keywords = {each.arg: ast.unparse(each.value) for each in call.keywords}
        assert name not in ("eval", "exec", "compile", "__import__"), file
        assert name.split(".")[-1] not in ("system", "popen", "getoutput", "unsafe_load"), (file, name)
        assert not name.startswith(("pickle.load", "joblib.", "dill.", "yaml.load", "yaml.full_load")), file
        assert keywords.get("shell", "False") == keywords.get("allow_pickle", "False") == "False", file
        if name == "torch.load":
            assert keywords["weights_only"] == "True", file
            loads += 1
        if name.startswith("subprocess.") and name != "subprocess.CalledProcessError":
            words = call.args[0]
            assert isinstance(words, ast.List) or (isinstance(words, ast.Name) and words.id == "command"), (
                file
            )
            started += 1
    assert loads >= 4 and started >= 2  # they were seen at all


def test_no_rule_puts_a_string_into_a_shell_unquoted():
    """In `shell:`, file names are quoted; params are by `flags` (test_hostile_names)."""
    rules = "".join(path.read_text(encoding="utf-8") for path in SOURCES if path.suffix == ".smk")
    blocks = re.findall(r"wildcard_constraints:\n((?:.*[^:\n]\n)+)", rules)
    names = {name for block in blocks for name in re.findall(r"^ +(\w+)=", block, re.MULTILINE)}
    harmless = {"threads", *(f"wildcards.{name}" for name in names)}
    assert "wildcards.seed" in harmless
    seen = 0
    for path in SOURCES:
        if path.suffix != ".smk":
            continue
        text = path.read_text(encoding="utf-8")
        assert "    run:" not in text and "os.system" not in text and "shell(" not in text
        for command in re.findall(r"^    shell:\n((?:^        .*\n)+)", text, re.MULTILINE):
            seen += 1
            for field in re.findall(r"\{([^{}]+)\}", command):
                rendered = field in harmless or field.startswith("params.")
                assert field.endswith(":q") or rendered, f"{path.name}: {{{field}}}"
    assert seen > 20
