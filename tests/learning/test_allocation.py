import subprocess
import sys

import pytest

FAULTS = """
import resource, sys
import torch
from maskguide.learning.allocation import keep_freed_memory

kept = keep_freed_memory() if sys.argv[1] == "kept" else None
for step in range(40):
    torch.ones(16, 2**20)  # 64 MB, freed at once
    if step == 29:  # small allocations between settle first
        before = resource.getrusage(resource.RUSAGE_SELF).ru_minflt
print(kept, resource.getrusage(resource.RUSAGE_SELF).ru_minflt - before)
"""


def faults(root, kind):
    done = subprocess.run(
        [sys.executable, "-c", FAULTS, kind],
        cwd=root / "workflow" / "scripts",
        capture_output=True,
        text=True,
        check=True,
    )
    kept, count = done.stdout.split()
    return kept, int(count)


@pytest.mark.slow
def test_freed_memory_is_used_again_rather_than_cleared_again(root):
    kept, count = faults(root, "kept")
    if kept == "False":
        pytest.skip("this C library has no mallopt")
    assert count < 0.1 * faults(root, "handed back")[1]
