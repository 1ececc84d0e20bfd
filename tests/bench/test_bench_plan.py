"""The benchmarks of plan, start-up and a whole run: what they print holds together; never how fast."""

import re
import subprocess
import sys

import pytest
from maskguide.system.stopwatch import Stopwatch, said


def bench(root, name, *words):
    done = subprocess.run(
        [sys.executable, root / "bench" / f"{name}.py", *map(str, words)], capture_output=True, text=True
    )
    assert done.returncode == 0, done.stderr
    return done.stdout


def ratios(printed):
    """Those above zero."""
    return [float(found) for found in re.findall(r" = ([0-9.]+)$", printed, re.MULTILINE) if float(found) > 0]


@pytest.mark.slow
def test_plan(root):
    printed = bench(root, "plan", "--rounds", 1, "--config", "config/tdsa.yaml")
    lines = printed.splitlines()
    assert lines[0].split()[-3:] == ["seconds", "CPU", "jobs"]
    jobs = {line.split("  ")[0]: line.split()[-1] for line in lines[1:6]}
    one, all_of_them = int(jobs["plan of config/mga.yaml"]), int(jobs["plan of all papers"])
    assert 100 < one < all_of_them > 700
    assert len(ratios(printed)) == 2


@pytest.mark.slow
def test_startup(root):
    printed = bench(root, "startup", "--rounds", 1, "--scripts", "train_classifier", "plot_curves")
    head, *rows = printed.splitlines()[:12]
    assert head.split()[-4:] == ["small", "train_classifier", "mobilenet_v2", "plot_curves"]
    table = {row[:30].strip(): [float(cell) for cell in row[30:].split()] for row in rows}
    small, mobilenet, plot = zip(*table.values(), strict=True)
    for *parts, whole in (small, mobilenet, plot):
        assert min(parts) >= 0 and sum(parts) == pytest.approx(whole, abs=0.06)  # eleven roundings
    assert table["torchvision"][0] == 0 < table["torchvision"][1]
    assert table["matplotlib"][2] > 0 == table["torch"][2]
    assert len(ratios(printed)) == 3


@pytest.mark.slow
def test_share_of_a_finished_run(root, finished):
    printed = bench(root, "demo", "--folder", finished, "--config", "config/smoke.yaml")
    table = {
        row.split()[0]: [float(cell) for cell in row.split()[1:]]
        for row in printed.splitlines()[1:]
        if " = " not in row and not row.startswith("wall")
    }
    whole = table.pop("all")
    assert whole[0] == sum(row[0] for row in table.values())
    assert whole[2] == pytest.approx(sum(row[2] for row in table.values() if len(row) == 3), abs=1)
    inside = {rule for rule, row in table.items() if len(row) == 3}
    assert inside == {
        *("train_classifier", "train_segmenter", "train_detector", "match_contours", "pretrain_backbone"),
        *("infer_masks", "detect_regions", "attend_regions", "combine_scales"),
        "measure_attention",
    }
    assert len(ratios(printed)) == 2


def test_a_run_that_is_not_there_is_said(root, tmp_path):
    (tmp_path / "config").mkdir()
    (tmp_path / "config" / "config.yaml").write_text("run: none")
    with pytest.raises(AssertionError, match="holds no finished run"):
        bench(root, "demo", "--folder", tmp_path)


def test_a_stopwatch_adds_up_and_its_line_is_read_back(caplog):
    watch = Stopwatch("inference")
    for _ in range(3):
        with watch:
            sum(range(200_000))
    with caplog.at_level("INFO"):
        watch.say()
    assert watch.seconds > 0
    log = f"12:00:00 a line\n12:00:01 {caplog.messages[-1]}\n12:00:02 training took 2.50 s\n"
    assert said(log) == pytest.approx(watch.seconds + 2.5, abs=0.006)
    assert said("training took long\n") == 0
