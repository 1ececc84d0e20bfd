"""A whole run of images whose folders and classes have names that a shell would trip over."""

import json

import pandas as pd
import pytest
import yaml
from bad_input import my_images
from test_hostile_names import LEGAL
from whole_run import copy_project, read_config, snakemake


def outside(*folders):
    """Every file below folders, with its time of change."""
    return {
        path: path.stat().st_mtime_ns
        for folder in folders
        for path in folder.rglob("*")
        if path.is_file() and "__pycache__" not in path.parts
    }


@pytest.mark.slow
def test_a_whole_run_with_hostile_names(root, tmp_path, monkeypatch):
    """From a folder of images to table and figures: nothing runs, nothing lies where it should not."""
    project = copy_project(root, tmp_path / 'it\'s a "project" $(touch pwned); #1')
    names = LEGAL[:6]
    given = my_images(project / "my 'leaves' $(touch pwned)", names, count=6, masks=False)
    config = read_config(project, "smoke.yaml")
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
    for name, value in {"HOME": home, "TMPDIR": temporary, "PYTHONDONTWRITEBYTECODE": "1"}.items():
        monkeypatch.setenv(name, str(value))
    done = snakemake(project, "--configfile", "mine.yaml")
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
    index = pd.read_csv(results / "data/folder/split1/index.csv", dtype=str, keep_default_na=False)
    assert set(index["class"]) == set(names)
    metrics = json.loads((results / "runs/folder/split1/baseline/small/seed1/metrics.json").read_text())
    assert metrics["classes"] == sorted(names)
    assert len(pd.read_csv(results / "tables/compare.csv")) == 2
    assert (results / "figures/compare.png").stat().st_size > 5000
