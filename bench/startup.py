"""How long does a job start: from the start of its process to the end of the first training step, on what?

Each script runs in a process of its own on a few generated pictures, ended by PyTorch's hook after the first
step of the optimiser; plot_curves.py runs until its picture is written. What imports take is Python's own
`-X importtime`. A module counts to the package that it is loaded for: torch._dynamo, which an optimiser
loads, to torch, but to torchvision where that came first.

Example:
    python bench/startup.py --rounds 5
"""

from __future__ import annotations

import argparse
import re
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import numpy as np
import pandas as pd
from generated import SCRIPTS, photographs, print_table
from PIL import Image

# argv: time at the process's start, script, its words. Says when it began, and how long after the step ended.
DRIVER = """
import sys, time
sys.stderr.write("BEGAN\\n")
began = time.time()
started, name, *words = sys.argv[1:]
import importlib, os
from maskguide.system import cli, gpu

def end(*_):
    print("TIMES", began - float(started), time.time() - began, flush=True)
    os._exit(0)

lease = gpu.lease
def lease_and_watch(*values):
    device = lease(*values)
    from torch.optim.optimizer import register_optimizer_step_post_hook
    register_optimizer_step_post_hook(end)
    return device

gpu.lease = lease_and_watch
cli.leave = end  # of a script that takes no step of an optimiser
script = importlib.import_module(name)
cli.run(script.main, script.parse_args(words))
"""
LINE = re.compile(r"import time: +(\d+) \| +\d+ \|( +)(\S+)")
PACKAGES = ("torch", "torchvision", "ultralytics", "segmentation_models_pytorch", "matplotlib", "pandas")
OURS = "maskguide and the script"
OTHERS = "other packages"


def imports(printed: str) -> dict[str, float]:
    """Seconds of importing by the outermost of `PACKAGES` that each module was loaded for."""
    seconds = dict.fromkeys((*PACKAGES, OTHERS, OURS), 0.0)
    above: list[str] = []  # the last line's module and those that it is loaded for, outermost first
    for own, indent, name in reversed(LINE.findall(printed)):  # a module's line follows those it loads
        above = [*above[: (len(indent) - 1) // 2], name]
        roots = [each.partition(".")[0] for each in above]
        package = next((root for root in roots if root in PACKAGES), None)
        ours = roots[-1] == "maskguide" or (SCRIPTS / f"{roots[-1]}.py").is_file()
        seconds[package or (OURS if ours else OTHERS)] += int(own) / 1e6
    return seconds


def measure(name: str, words: list[object]) -> dict[str, float]:
    """Seconds of one start of a script, by part."""
    done = subprocess.run(
        [sys.executable, "-X", "importtime", "-c", DRIVER, str(time.time()), name, *map(str, words)],
        cwd=SCRIPTS,
        capture_output=True,
        text=True,
    )
    times = re.search(r"^TIMES (\S+) (\S+)$", done.stdout, re.MULTILINE)
    if times is None:
        sys.exit(f"{name} failed:\n{done.stderr[-3000:]}")
    interpreter, rest = float(times[1]), float(times[2])
    # what is loaded before the driver's first line belongs to the interpreter's own start
    parts = imports(done.stderr.partition("BEGAN")[2])
    return {
        "interpreter": interpreter,
        **parts,
        "up to the step's end": max(0.0, rest - sum(parts.values())),
        "all": interpreter + rest,
    }


def run(name: str, *words: object) -> None:
    """A script to its end, quietly."""
    command = [sys.executable, str(SCRIPTS / f"{name}.py"), *map(str, words)]
    done = subprocess.run(command, capture_output=True, text=True)
    if done.returncode:
        sys.exit(f"{name} failed:\n{done.stderr[-3000:]}")


def prepare(folder: Path) -> dict[str, list[object]]:
    """A few pictures, a mask and a box of each, a finished run; the words of each script that is timed."""
    index = photographs(folder / "images", 16, 8, 160)
    run("build_store", "--index", index, "--output", folder / "store")
    rows = pd.read_csv(index, dtype=str).query("split == 'train'")
    square = np.zeros((160, 160), dtype=np.uint8)
    square[40:120, 40:120] = 1
    Image.fromarray(square).save(folder / "mask.png")
    (folder / "box.txt").write_text("0 0.5 0.5 0.5 0.5\n")
    marked = rows[["image_id", "split"]].assign(mask="mask.png", boxes="box.txt", source="published")
    marked.to_csv(folder / "annotated.csv", index=False)
    marked[["image_id", "split", "boxes", "source"]].to_csv(folder / "boxes.csv", index=False)
    images = ["--dataset", "d", "--store", folder / "store", "--method", "baseline", "--crop", 128]
    images += ["--batch-size", 8, "--freeze", 0]
    finished = folder / "d" / "split1" / "baseline" / "small" / "seed1"
    run("train_classifier", *images, "--backbone", "small", "--epochs", 1, "--output-dir", finished)
    out = ["--output-dir", folder / "out"]
    return {
        "train_classifier small": [*images, "--backbone", "small", *out],
        "train_classifier mobilenet_v2": [*images, "--backbone", "mobilenet_v2", *out],
        "train_segmenter": [
            *("--index", index, "--annotated", folder / "annotated.csv", "--classes", "square"),
            *("--encoder", "resnet18", "--crop", 128, "--batch-size", 4, *out),
        ],
        "train_detector": [
            *("--index", index, "--boxes", folder / "boxes.csv", "--regions", "square"),
            *("--image-size", 160, "--batch-size", 4, *out),
        ],
        "plot_curves": ["--runs", finished, "--output", folder / "curves.png"],
    }


def main(args: argparse.Namespace) -> None:
    with tempfile.TemporaryDirectory() as temporary:
        words = prepare(Path(temporary))
        names = [name for name in words if not args.scripts or name.split()[0] in args.scripts]
        starts: dict[str, list[dict[str, float]]] = {name: [] for name in names}
        for _ in range(args.rounds):
            for name in names:
                starts[name].append(measure(name.split()[0], words[name]))
    parts = list(starts[names[0]][0])
    median = {
        name: [statistics.median(each[part] for each in starts[name]) for part in parts] for name in names
    }
    rows = [[part, *(f"{median[name][place]:.2f}" for name in names)] for place, part in enumerate(parts)]
    print_table([f"seconds, {args.rounds} rounds", *names], rows)
    for name in names:
        print(f"{name}: imports / all = {sum(median[name][1:-2]) / median[name][-1]:.2f}")


if __name__ == "__main__":
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--rounds", type=int, default=5, help="starts of each script")
    parser.add_argument("--scripts", nargs="+", default=[], help="scripts to time (none: all)")
    main(parser.parse_args())
