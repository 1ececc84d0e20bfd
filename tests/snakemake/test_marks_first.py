"""A person's marks come first and alone; a run of one table of segmenters ends well."""

import numpy as np
import pytest
import yaml
from bad_input import my_images
from PIL import Image
from whole_run import copy_project, jobs, read_config, snakemake


@pytest.fixture
def mine(root, tmp_path):
    """A copy of the project with images and no masks, and a config for them that can be run in a minute."""
    project = copy_project(root, tmp_path / "project")
    my_images(project / "vines", count=4, masks=False)
    smoke = read_config(project, "smoke.yaml")
    config = {"run": "mine", "seeds": [1], "segment": {**smoke["segment"], "epochs": 1}}
    config |= {"datasets": {"vines": {"images": "vines", "split": "1:1"}}, "annotate": {"count": 2}}

    def write(**keys):
        (project / "mine.yaml").write_text(yaml.safe_dump({**config, **keys}))
        return project

    return write


@pytest.mark.slow
def test_nothing_trains_before_the_marks(mine):
    classify = {"weights": "none", "epochs": 1, "crop": 32, "batch_size": 2}
    tables = {"table4": {"datasets": ["vines"], "backbone": "small"}}
    project = mine(annotate={"mode": "manual", "count": 2}, tables=tables, classify=classify)
    done = snakemake(project, "--configfile", "mine.yaml")
    assert done.returncode != 0
    said = done.stdout + done.stderr
    assert "vines: your marks come first" in said.split("Building DAG")[0]
    assert "2 of 2 images are not marked yet" in said
    made = {path.name for path in (project / "results/mine/logs").iterdir()}
    assert made == {"index_dataset", "choose_annotation", "export_annotation", "import_annotation"}
    marks = project / "resources/vines/annotations"
    marks.mkdir(parents=True)
    pixels = np.zeros((6, 8), np.uint8)
    pixels[1:5, 1:5] = 1
    for image_id in (project / "results/mine/annotate/vines/split1/missing.txt").read_text().split():
        Image.fromarray(pixels).save(marks / f"{image_id}.png")
    done = snakemake(project, "results/mine/tables/table4.csv", "--configfile", "mine.yaml")
    assert done.returncode == 0, done.stdout[-3000:] + done.stderr[-3000:]
    assert jobs(project, "results/mine/tables/table4.csv", "--configfile", "mine.yaml") == {}


@pytest.mark.slow
def test_table1_alone_of_images_without_masks(mine):
    project = mine(tables={"table1": {"datasets": ["vines"]}})
    planned = jobs(project, "--configfile", "mine.yaml")
    assert "collect_metrics" not in planned and "marks_read" not in planned
    done = snakemake(project, "--configfile", "mine.yaml")
    assert done.returncode == 0, done.stdout[-3000:] + done.stderr[-3000:]
    assert "image processing draws what is learnt from" in done.stdout + done.stderr
    assert "no test image has a true mask" in (project / "results/mine/tables/table1.md").read_text()
