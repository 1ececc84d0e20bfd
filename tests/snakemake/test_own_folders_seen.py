"""A person's own folder and Snakemake: edits are seen, braces are no pattern, a moved project goes on."""

import shutil
import subprocess
import sys

import pytest
import yaml
from bad_input import my_images, picture
from whole_run import copy_project, environment, jobs, snakemake

CONFIG = {
    "run": "mine",
    "seeds": [1],
    "archives": {"folder": "my {images}"},
    "datasets": {"folder": {"split": "1:1"}},
    "annotate": {"mode": "automatic", "count": 2},
    "tables": {"compare": {"datasets": ["folder"], "backbone": "small", "methods": ["baseline"]}},
}
INDEX = ("--configfile", "mine.yaml", "--until", "index_dataset")


@pytest.fixture
def mine(root, tmp_path):
    """A copy of the project with images in a folder of its own, and a config for them."""
    project = copy_project(root, tmp_path / "one")
    my_images(project / "my {images}", count=4, masks=False)
    (project / "mine.yaml").write_text(yaml.safe_dump(CONFIG))
    return project


@pytest.mark.slow
def test_edits_are_seen_and_a_renamed_project_goes_on(mine):
    done = snakemake(mine, *INDEX)
    assert done.returncode == 0, done.stderr
    assert "index_dataset" not in jobs(mine, *INDEX)
    moved = mine.rename(mine.with_name("another"))
    assert "index_dataset" not in jobs(moved, *INDEX)
    done = snakemake(moved, "--configfile", "mine.yaml", "--until", "build_store")
    assert done.returncode == 0, done.stderr
    picture(moved / "my {images}/images/elm/new.png", 999)
    assert jobs(moved, *INDEX)["index_dataset"] == 1
    (moved / "my {images}/images/elm/new.png").unlink()
    assert "index_dataset" not in jobs(moved, *INDEX)
    (moved / "my {images}").rename(moved / "gone")
    done = snakemake(moved, *INDEX, "--dry-run")
    assert (
        "config: archives.folder: my {images} does not exist; correct the path" in done.stdout + done.stderr
    )


@pytest.mark.slow
def test_another_repositorys_module(mine, tmp_path):
    """It needs a file of its own and no registry; its rules may have a prefix."""
    theirs = tmp_path / "theirs"
    theirs.mkdir()
    shutil.copytree(mine / "my {images}", theirs / "my {images}")
    module = f"config: {CONFIG!r}\nuse rule * from maskguide as guided_*\n"
    (theirs / "Snakefile").write_text(
        f'module maskguide:\n    snakefile: "{mine}/Snakefile"\n    {module}'
        'rule all:\n    default_target: True\n    input: "results/mine/tables/compare.csv"\n'
    )
    planned = jobs(theirs)
    assert planned["guided_index_dataset"] == planned["guided_train_classifier"] == 1
    done = snakemake(theirs, "--until", "guided_index_dataset")
    assert done.returncode == 0, done.stderr
    assert (theirs / "results/mine/data/folder/split1/index.csv").is_file()
    assert "guided_index_dataset" not in jobs(theirs, "--until", "guided_index_dataset")


@pytest.mark.slow
def test_a_module_from_github_asks_for_a_clone(root, tmp_path, monkeypatch):
    """A rule of git turns the address into a local repository: nothing is fetched from the network."""

    def git(*arguments):
        subprocess.run(["git", "-C", tmp_path, *arguments], check=True, capture_output=True)

    copy_project(root, tmp_path / "source")
    me = ("-c", "user.name=x", "-c", "user.email=x")
    for arguments in (["init"], ["add", "."], [*me, "commit", "-m", "x"], ["tag", "v1"]):
        git("-C", "source", *arguments)
    git("clone", "--bare", "source", "bare.git")
    rule = f'[url "{tmp_path}/bare.git"]\n\tinsteadOf = https://github.com/someone/maskguide\n'
    (tmp_path / "gitconfig").write_text(rule)
    monkeypatch.setenv("GIT_CONFIG_GLOBAL", str(tmp_path / "gitconfig"))
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    (tmp_path / "Snakefile").write_text(
        'module maskguide:\n    snakefile: github("someone/maskguide", path="Snakefile", tag="v1")\n'
        f"    config: {CONFIG!r}\nuse rule * from maskguide\n"
    )
    command = [sys.executable, "-m", "snakemake", "--dry-run"]
    done = subprocess.run(command, cwd=tmp_path, env=environment(), capture_output=True, text=True)
    assert done.returncode != 0
    assert "clone the repository and name the clone in your module" in done.stdout + done.stderr
    assert "Traceback" not in done.stdout + done.stderr
