"""The benchmarks run and print what they promise; how fast anything is is not tested."""

import re
import subprocess
import sys

import pytest
import torch

pytestmark = pytest.mark.slow

OPTIONS = {
    "training_loop": "--backbone small --freeze 1 --crop 32 --images 6 --batch-size 4 --rounds 2 --threads 1",
    "store": "--images 5 --size 48 --crop 32 --batch-size 4 --rounds 2",
    "growth": "--images 9 --size 40 --crop 32 --batch-size 4 --epochs 1 --rounds 1",
    "device": "--backbones small --precisions fp32 --formats NCHW --slots 2 --crop 32"
    " --batch-size 2 --images 4 --warm-up 1 --seconds 0.2",
}
RATIOS = {
    "training_loop": ["training loop / model alone, channels-last", "training loop / model alone, NCHW"],
    "store": ["files / store"],
    "growth": [
        *("build: milliseconds per image, ×16 / ×1", "build: peak memory, ×16 / ×1"),
        *("epoch: milliseconds per image, ×16 / ×1", "epoch: peak memory, ×16 / ×1"),
    ],
    "device": [],
}
ROWS = {
    "training_loop": ["training loop", "model alone, channels-last", "model alone, NCHW"],
    "store": ["from the store", "from the files"],
    "growth": [f"{stage}, {count}" for stage in ("build", "epoch") for count in (9, 36, 144)],
    "device": ["small fp32 NCHW"],
}


def printed(root, name, options):
    done = subprocess.run(
        [sys.executable, str(root / "bench" / f"{name}.py"), *options.split()], capture_output=True, text=True
    )
    assert done.returncode == 0, done.stderr
    return done.stdout.splitlines()


@pytest.mark.parametrize("name", OPTIONS)
def test_a_benchmark_prints_its_table_and_its_ratios(root, name):
    lines = printed(root, name, OPTIONS[name])
    cells = [re.split(r"\s{2,}", line) for line in lines]
    heading = next(place for place, each in enumerate(cells) if len(each) > 2)
    table = cells[heading : heading + 1 + len(ROWS[name])]
    assert [each[0] for each in table[1:]] == ROWS[name]
    for row in table[1:]:
        assert len(row) == len(table[0])
        assert float(row[1]) > 0 and float(row[2]) > 0
    if name == "device":
        assert lines[0].startswith(torch.cuda.get_device_name() if torch.cuda.is_available() else "CPU")
    ratios = [line.split(" = ") for line in lines if " = " in line]
    assert [each[0] for each in ratios] == RATIOS[name]
    assert all(float(each[1].split()[0]) > 0 for each in ratios)
