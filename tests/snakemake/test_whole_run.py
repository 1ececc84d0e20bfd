"""The smoke run from end to end: its tables and figures, and what an edit re-runs afterwards."""

import os
import shutil

import pandas as pd
from whole_run import jobs, plan, read_config, snakemake, trained, write_config


def test_the_whole_road(finished):
    results = finished / "results/smoke"
    tables = [*(f"table{n}" for n in (1, 2, 3, 4)), *(f"mgfe_table{n}" for n in (1, 2, 3))]
    tables += ["aca_table6", "aca_boxes", "compare", "probe"]
    for table in tables:
        assert len(pd.read_csv(results / f"tables/{table}.csv")) > 0
        assert (results / f"tables/{table}.md").read_text().strip()
        assert (results / f"figures/{table}.png").stat().st_size > 5000
    assert "Does telling the network where to look" in (results / "answer.md").read_text()
    assert (results / "answer.html").read_text().count(
        "data:image/png;base64,"
    ) == 3  # two tables, the strips
    kinds = ["strips", "curves", "confusion", "regions", "cam", "annotation"]
    for kind in (*kinds, "attention", "attended", "classifiers"):
        assert (results / f"figures/{kind}_leaves.png").stat().st_size > 5000
    metrics = pd.read_csv(results / "metrics.csv")
    for name in set(metrics["method"]) - {"mdm", "dbcsr"}:
        assert "What it is" in (results / f"runs/leaves/split1/{name}/small/card.md").read_text()
    assert set(metrics["method"]) == {
        *("baseline", "attention", "mga", "mga-truth", "mga-shuffled", "mdm", "dbcsr"),
        *("mgfe", "mgfe-vein", "mgfe-contour", "mgfe-n2", "mgfe-binarised-counterparts-shuffled"),
        *("aca", "aca-s1", "aca-n1-s1", "tdsa"),
    }
    assert (metrics.groupby("method").size().drop(["mdm", "dbcsr"]) == 2).all()
    assert not list(results.glob(".resume/**/*.pt")), "resume state is deleted on success"


def test_a_finished_run_has_nothing_to_do(finished):
    assert jobs(finished, "--configfile", "config/smoke.yaml") == {}


def test_editing_tau_reruns_the_guided_methods_only(finished):
    config = read_config(finished, "smoke.yaml")
    config["classify"]["guidance_weight"] = 0.2
    listing = plan(finished, "--configfile", write_config(finished, config))
    assert trained(listing) == {"mga", "mga-truth", "mga-shuffled"}
    assert "rule train_segmenter" not in listing


def test_editing_the_regions_options_reruns_what_uses_them(finished):
    config = read_config(finished, "smoke.yaml")
    config["mgfe"] = {"region_loss_weights": {"default": 0.2}}
    listing = plan(finished, "--configfile", write_config(finished, config))
    assert {name.split("-")[0] for name in trained(listing)} == {"mgfe"}
    assert "rule train_detector" not in listing and "rule mask_regions" not in listing
    config = read_config(finished, "smoke.yaml")
    config["detect"]["keep"] = "all"
    counts = jobs(finished, "--configfile", write_config(finished, config))
    # filled by two counts of boxes, binarised ones shuffled, and as they are to judge the network by
    assert counts["mask_regions"] == 8 and "train_detector" not in counts and "table4" not in counts


def test_editing_acas_options_reruns_aca_and_what_sees_its_crops(finished):
    config = read_config(finished, "smoke.yaml")
    config["aca"]["classifiers"] = 3
    listing = plan(finished, "--configfile", write_config(finished, config))
    assert trained(listing) == {"aca", "aca-s1", "aca-s2", "aca-n2-s1"}
    config = read_config(finished, "smoke.yaml")
    config["tdsa"] = {"diversity_weight": 10}
    listing = plan(finished, "--configfile", write_config(finished, config))
    assert trained(listing) == {"tdsa"}


def test_editing_a_shared_module_reruns_what_imports_it(finished):
    module = finished / "workflow/scripts/maskguide/learning/training.py"
    text, before = module.read_text(), module.stat()
    module.write_text(text + "\n# edited\n")
    try:
        counts = jobs(finished, "--configfile", "config/smoke.yaml")
    finally:
        module.write_text(text)
        os.utime(module, ns=(before.st_atime_ns, before.st_mtime_ns))
    assert counts["train_classifier"] == 28
    assert "train_segmenter" not in counts and "generate_leaves" not in counts


def test_the_report_shows_tables_and_figures(finished):
    done = snakemake(finished, "--configfile", "config/smoke.yaml", "--report", "report.zip")
    assert done.returncode == 0, done.stdout + done.stderr
    shutil.unpack_archive(finished / "report.zip", finished / "report")
    assert list((finished / "report").rglob("report.html"))
