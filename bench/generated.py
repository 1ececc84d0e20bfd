"""What the benchmarks share: generated photographs, the project's scripts on the path, a printed table."""

from __future__ import annotations

import json
import subprocess
import sys
import time
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pandas as pd
from PIL import Image

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "workflow" / "scripts"))

from maskguide.data.datasets import COLUMNS

SCRIPTS = Path(__file__).resolve().parents[1] / "workflow" / "scripts"
CLASSES = 8
# On a machine that others use too, what one thread computes is better told by the processor's own seconds.
CLOCKS = {"wall": time.perf_counter, "processor": time.process_time}
DIFFERENT = 60  # photographs that are drawn; further ones are copies of these


def photographs(folder: Path, train: int, test: int, size: int) -> Path:
    """Write JPEG files of size×size pixels and their index.csv; its path.

    Soft colours with a camera's noise, so that the files are about as large and decode about as slowly as
    photographs. No class can be told from them: they measure time only.
    """
    folder.mkdir(parents=True)
    rng = np.random.default_rng(0)
    drawn = []
    for _ in range(min(DIFFERENT, train + test)):
        rough = Image.fromarray(rng.integers(0, 256, (size // 16 + 1, size // 16 + 1, 3), dtype=np.uint8))
        pixels = np.asarray(rough.resize((size, size), Image.Resampling.BICUBIC), dtype=np.float32)
        pixels = (pixels + rng.normal(0, 8, pixels.shape)).clip(0, 255).astype(np.uint8)
        Image.fromarray(pixels).save(folder / "drawn.jpg", quality=90)
        drawn.append((folder / "drawn.jpg").read_bytes())
    (folder / "drawn.jpg").unlink()
    index = pd.DataFrame("", index=range(train + test), columns=COLUMNS)
    index["image_id"] = [f"i{number}" for number in index.index]
    index["path"] = [f"i{number}.jpg" for number in index.index]
    index["class_id"] = index.index % CLASSES
    index["class"] = [f"c{number}" for number in index["class_id"]]
    index["split"] = ["train"] * train + ["test"] * test
    for number, name in enumerate(index["path"]):
        (folder / name).write_bytes(drawn[number % len(drawn)])
    index.to_csv(folder / "index.csv", index=False)
    return folder / "index.csv"


def print_table(columns: Sequence[str], rows: Sequence[Sequence[str]]) -> None:
    """Columns side by side: the first to the left, the others to the right."""
    lines = [columns, *rows]
    widths = [max(len(line[place]) for line in lines) for place in range(len(columns))]
    for line in lines:
        cells = [cell.rjust(width) for cell, width in zip(line, widths, strict=True)]
        print("  ".join([line[0].ljust(widths[0]), *cells[1:]]))


def in_own_process(words: Sequence[str], seconds: float | None = None) -> dict | str:
    """What this interpreter found with these words, as JSON on its last line; or in words why nothing.

    seconds: patience.
    """
    command = [sys.executable, *words]
    try:
        done = subprocess.run(command, capture_output=True, text=True, check=False, timeout=seconds)
    except subprocess.TimeoutExpired:
        return f"not done after {seconds:.0f} s"
    if done.returncode:
        return (done.stderr.strip().splitlines() or [f"ended with {done.returncode}"])[-1]
    return json.loads(done.stdout.splitlines()[-1])
