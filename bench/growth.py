"""Do the seconds per image and the memory stay the same when there are more images?

For ×1, ×4 and ×16 images (a third of them test images): build_store.py and train_classifier.py, each in a
process of its own. Seconds without start-up: of a build, those of its `main`; of a training, its epochs but
the first, as history.csv has them. Memory is the peak of the anonymous memory (Linux, RssAnon), read every
10 milliseconds: pages of a store that is mapped into memory belong to the page cache and are not counted.

Example:
    python bench/growth.py --images 60 --size 256 --rounds 3
"""

from __future__ import annotations

import argparse
import json
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from statistics import median

from generated import SCRIPTS, photographs, print_table

FACTORS = (1, 4, 16)
STAGES = ("build", "epoch")
# Imports come first, so that what is timed is the work alone.
BUILD = """
import json, sys, time
import build_store, maskguide.data.pictures
args = build_store.parse_args(sys.argv[1:])
started = time.perf_counter()
build_store.main(args)
print(json.dumps(time.perf_counter() - started))
"""


def peak_of(words: list[str]) -> tuple[float, str]:
    """Run a command; the peak of its anonymous memory in MB, and what it printed."""
    running = subprocess.Popen(words, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, cwd=SCRIPTS)
    status, peak = Path(f"/proc/{running.pid}/status"), 0
    while running.poll() is None:
        for line in status.read_text().splitlines() if status.exists() else ():
            if line.startswith("RssAnon:"):
                peak = max(peak, int(line.split()[1]))
        time.sleep(0.01)
    printed, complaints = running.communicate()
    if running.returncode:
        raise SystemExit(f"{' '.join(words)}: {complaints}")
    return peak / 1000, printed


def build(folder: Path) -> tuple[float, float]:
    """Seconds and MB of building the store of `folder`/files."""
    options = ["--index", f"{folder}/files/index.csv", "--output", f"{folder}/store"]
    peak, printed = peak_of([sys.executable, "-c", BUILD, *options])
    return json.loads(printed.splitlines()[-1]), peak


def epoch(folder: Path, args: argparse.Namespace) -> tuple[float, float]:
    """Seconds of a middling epoch, test included, and MB of the training."""
    import pandas as pd

    options = {"store": f"{folder}/store", "dataset": "generated", "method": "baseline"}
    options |= {"backbone": args.backbone, "crop": args.crop, "batch-size": args.batch_size}
    options |= {"epochs": 1 + args.epochs, "freeze": 0, "device": "cpu", "output-dir": f"{folder}/run"}
    words = [word for name, value in options.items() for word in (f"--{name}", str(value))]
    peak, _ = peak_of([sys.executable, f"{SCRIPTS}/train_classifier.py", *words])
    return median(pd.read_csv(folder / "run" / "history.csv")["seconds"][1:]), peak


def main(args: argparse.Namespace) -> None:
    counts = {factor: factor * args.images for factor in FACTORS}
    seconds: dict[tuple[str, int], list[float]] = {}
    peaks: dict[tuple[str, int], list[float]] = {}
    with tempfile.TemporaryDirectory() as temporary:
        for factor, count in counts.items():
            folder = Path(temporary) / str(factor)
            folder.mkdir()
            photographs(folder / "files", count - count // 3, count // 3, args.size)
        for _ in range(args.rounds):
            for factor, count in counts.items():
                folder = Path(temporary) / str(factor)
                for stage, found in zip(STAGES, (build(folder), epoch(folder, args)), strict=True):
                    seconds.setdefault((stage, factor), []).append(found[0] / count)
                    peaks.setdefault((stage, factor), []).append(found[1])
    rows = [
        (f"{stage}, {counts[factor]}", f"{1000 * median(seconds[key]):.2f}", f"{median(peaks[key]):.0f}")
        for key in seconds
        for stage, factor in [key]
    ]
    print(f"{args.size} pixels; {args.backbone}, crops of {args.crop}; medians of {args.rounds} round(s)")
    print_table(("stage, images", "milliseconds per image", "peak memory (MB)"), sorted(rows, key=order))
    for stage in STAGES:
        for what, found in (("milliseconds per image", seconds), ("peak memory", peaks)):
            first, last = (median(found[stage, factor]) for factor in (FACTORS[0], FACTORS[-1]))
            print(f"{stage}: {what}, ×{FACTORS[-1]} / ×{FACTORS[0]} = {last / first:.3f}")


def order(row: tuple[str, ...]) -> tuple[str, int]:
    """Rows of one stage together, by the number of images."""
    stage, count = row[0].split(", ")
    return stage, int(count)


if __name__ == "__main__":
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--images", type=int, default=60, help="images of ×1, test images included")
    parser.add_argument("--size", type=int, default=256, help="side of the images, in pixels")
    parser.add_argument("--backbone", default="small", help="small, or a torchvision name")
    parser.add_argument("--crop", type=int, default=128, help="side of the training crops, in pixels")
    parser.add_argument("--batch-size", type=int, default=16, help="images of one step")
    parser.add_argument("--epochs", type=int, default=3, help="epochs that are timed, after a first one")
    parser.add_argument("--rounds", type=int, default=3, help="builds and trainings of each size")
    main(parser.parse_args())
