"""Ours against what a user would pick instead: fastai, ultralytics, scikit-learn on frozen features.

Same images, splits, epochs, batches and starting weights (MobileNetV2's of ImageNet), one thread each, in
turn within each replicate (a split of the butterflies). Each rival has an environment of its own, made on the
first run with the versions of PyTorch that ours has, and its own defaults for all else. Seconds are of the
whole process: start, images from files (ours: from its store), training, answers for the test images.

The archive is BtfPIS's, the weights are MobileNetV2's as torchvision publishes them.

Example:
    python bench/against.py --archive butterflies.zip --weights mobilenet_v2.pth --environments rivals
"""

from __future__ import annotations

import argparse
import json
import os
import shutil
import subprocess
import sys
import tempfile
import time
from importlib.metadata import version
from pathlib import Path

import numpy as np
import pandas as pd
import project
from generated import print_table
from maskguide.data import datasets
from scipy import stats

RIVALS = {"fastai": "fastai", "ultralytics": "ultralytics", "sklearn": "scikit-learn"}
OURS = ("baseline", "baseline-adam")
SIDE, CROP, BATCH, THREADS = 288, 224, 16, 1


def environment(folder: Path, package: str) -> Path:
    """The interpreter of an environment that holds the package and our PyTorch; made if it is not there."""
    python = folder / package / "bin" / "python"
    if not python.exists():
        uv = shutil.which("uv", path=f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}")
        wanted = [f"{each}=={version(each).split('+')[0]}" for each in ("torch", "torchvision")]
        subprocess.run([uv, "venv", "--quiet", "--python", sys.executable, python.parents[1]], check=True)
        subprocess.run([uv, "pip", "install", "--quiet", "--python", python, *wanted, package], check=True)
    return python


def ours(folder: Path, args: argparse.Namespace) -> tuple[str, ...]:
    """The options of a run of ours on the same splits, up to its images, which are read in."""
    config = project.butterflies(folder, "against", OURS, args.archive, args.weights)
    config["seeds"] = [1]
    config["datasets"]["btfpis"]["repeats"] = args.replicates
    config["classify"] |= {"epochs": args.epochs, "test_every": args.epochs}
    options = ("--cores", "1", "--configfile", project.write_config(folder, config))
    project.snakemake(folder, "--until", "build_store", "split_dataset", *options)
    return options


def our_training(folder: Path, method: str, split: int, options: tuple[str, ...]) -> dict[str, float]:
    results = folder / "results/against"
    metrics = results / f"runs/btfpis/split{split}/{method}/mobilenet_v2/seed1/metrics.json"
    project.snakemake(folder, str(metrics.relative_to(folder)), *options)
    found = json.loads(metrics.read_text())
    job = results / f"benchmarks/train_classifier/btfpis-split{split}-{method}-mobilenet_v2-seed1.tsv"
    return {
        "top1": found["top1_last"],
        "rate": found["num_train"] * found["epochs"] / found["train_seconds"],
        "seconds": pd.read_csv(job, sep="\t")["s"][0],
    }


def rival(
    python: Path, name: str, index: pd.DataFrame, seed: int, args: argparse.Namespace
) -> dict[str, float]:
    """One training of a rival, in a process of its own."""
    parts = {
        part: [[str(Path(path).resolve()), label] for path, label in rows[["path", "class"]].to_numpy()]
        for part, rows in index.groupby("split")
    }
    told = {**parts, "classes": sorted(index["class"].unique()), "weights": str(args.weights.resolve())}
    told |= {
        "epochs": args.epochs,
        "seed": seed,
        "side": SIDE,
        "crop": CROP,
        "batch": BATCH,
        "threads": THREADS,
    }
    script = Path(__file__).parent / "rivals" / f"with_{name}.py"
    settings = {"OMP_NUM_THREADS": str(THREADS), "YOLO_CONFIG_DIR": tempfile.gettempdir()}
    started = time.perf_counter()
    done = subprocess.run(
        [python, script, json.dumps(told)],
        capture_output=True,
        text=True,
        env={**os.environ, **settings},
        check=False,
    )
    if done.returncode:
        sys.exit(f"{name} failed:\n{done.stderr[-3000:]}")
    found = json.loads(done.stdout.splitlines()[-1])
    rate = found["images"] / found["training"] if found["images"] else float("nan")
    return {"top1": found["top1"], "rate": rate, "seconds": time.perf_counter() - started}


def difference(ours: pd.Series, theirs: pd.Series) -> str:
    """The mean of ours − theirs, with its 95 % interval over replicates (t)."""
    found = (ours - theirs).to_numpy()
    half = stats.t.ppf(0.975, len(found) - 1) * found.std(ddof=1) / np.sqrt(len(found))
    return f"{found.mean():+.1f} ({found.mean() - half:+.1f} to {found.mean() + half:+.1f})"


def main(args: argparse.Namespace) -> None:
    pythons = {name: environment(args.environments, package) for name, package in RIVALS.items()}
    rows = []
    with tempfile.TemporaryDirectory() as temporary:
        folder = project.copy(Path(temporary) / "project")
        options = ours(folder, args)
        for split in range(1, args.replicates + 1):
            index = datasets.read_index(folder / f"results/against/data/btfpis/split{split}/index.csv")
            for method in OURS:
                rows.append({"who": method, "split": split, **our_training(folder, method, split, options)})
            for name, python in pythons.items():
                rows.append({"who": RIVALS[name], "split": split, **rival(python, name, index, split, args)})
            print(rows[-len(OURS) - len(RIVALS) :], file=sys.stderr, flush=True)
    table = pd.DataFrame(rows).set_index(["who", "split"])
    if args.output:
        table.round(3).to_csv(args.output)
    shown = []
    for who in dict.fromkeys(table.index.get_level_values("who")):
        each = table.loc[who]
        theirs = [difference(table.loc[name].top1, each.top1) if who not in OURS else "" for name in OURS]
        accuracy = f"{each.top1.mean():.1f} ± {each.top1.std(ddof=1):.1f}"
        rate = "–" if each.rate.isna().all() else f"{each.rate.median():.1f}"
        shown.append((who, rate, f"{each.seconds.median():.0f}", accuracy, *theirs))
    print(f"MobileNetV2 at {CROP}, {args.epochs} epochs, {args.replicates} replicates, one thread")
    heads = ("images/s of training", "seconds", "accuracy")
    print_table(("", *heads, *(f"{name} − it, points (95 %)" for name in OURS)), shown)


if __name__ == "__main__":
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--archive", type=Path, required=True, help="BtfPIS as a zip file")
    parser.add_argument("--weights", type=Path, required=True, help="MobileNetV2's weights")
    parser.add_argument("--environments", type=Path, required=True, help="folder of the rivals' environments")
    parser.add_argument("--epochs", type=int, default=15, help="of each training")
    parser.add_argument("--replicates", type=int, default=5, help="splits of the images")
    parser.add_argument("--output", type=Path, help="a CSV of all trainings")
    main(parser.parse_args())
