"""How many trainings side by side give the most images per second in total on this machine's cores?

Each arrangement (processes × threads) trains the same epochs of the loop on one store, all processes from the
same start; the arrangements take turns. The ratio to one process on all cores is the median over the rounds.

Example:
    python bench/packing.py --backbone small --crop 128 --batch-size 16 --rounds 5
    python bench/packing.py --backbone mobilenet_v2 --freeze 10 --crop 224 --images 64 --rounds 5
"""

from __future__ import annotations

import argparse
import multiprocessing
import os
import tempfile
import time
from multiprocessing.synchronize import Barrier
from pathlib import Path
from statistics import median

from generated import CLASSES, photographs, print_table
from maskguide.data import datasets, store


def train(folder: Path, args: argparse.Namespace, threads: int, start: Barrier, ends: list[float]) -> None:
    """Train `args.epochs` epochs after one that warms up and a common start; append the moment of the end."""
    import torch
    from maskguide import methods
    from maskguide.learning import backbones, precision, training
    from maskguide.learning.batches import TrainingImages
    from maskguide.learning.loop import Learner

    torch.set_num_threads(threads)
    backbone = backbones.create(args.backbone, None, CLASSES)
    backbone.freeze(args.freeze)
    model = methods.create("baseline", backbone, {"feature_scale": 1.0})
    data = TrainingImages(store.ImageStore(folder), [], (1, 1), args.crop, args.batch_size, seed=0)
    precision.choose("auto", "cpu")
    learner = Learner(model, training.Schedule(1, 0.001, 0.9, 5e-4).create_optimizer, "cpu", "training")
    for epoch in range(1 + args.epochs):
        if epoch == 1:
            start.wait()
        training.train_epoch(learner, data, 0.001, epoch)
    ends.append(time.monotonic())


def images_per_second(folder: Path, args: argparse.Namespace, processes: int, threads: int) -> float:
    """Of all processes together, until the last has ended."""
    context = multiprocessing.get_context("spawn")
    with context.Manager() as manager:
        start, ends = context.Barrier(processes + 1), manager.list()
        workers = [
            context.Process(target=train, args=(folder, args, threads, start, ends)) for _ in range(processes)
        ]
        for worker in workers:
            worker.start()
        start.wait()
        began = time.monotonic()
        for worker in workers:
            worker.join()
        return processes * args.epochs * args.images / (max(ends) - began)


def main(args: argparse.Namespace) -> None:
    cores = os.cpu_count() or 1
    arrangements = sorted({(1, cores), (max(cores // 2, 1), 2), (cores, 1), (cores + 1, 1), (2 * cores, 1)})
    with tempfile.TemporaryDirectory() as temporary:
        index = photographs(Path(temporary) / "files", args.images, 0, args.crop + 32)
        folder = Path(temporary) / "store"
        store.build_images(datasets.read_index(index), folder)
        rates: dict[tuple[int, int], list[float]] = {each: [] for each in arrangements}
        for _ in range(args.rounds):
            for each in arrangements:
                rates[each].append(images_per_second(folder, args, *each))
    print(f"{cores} cores: {args.backbone}, {args.crop} pixels, batches of {args.batch_size}")
    base = rates[1, cores]
    rows = []
    for (processes, threads), values in rates.items():
        ratio = median(value / one for value, one in zip(values, base, strict=True))
        rows.append((f"{processes} × {threads}", f"{median(values):.1f}", f"{ratio:.2f}"))
    print_table(("processes × threads", "images/s", f"÷ 1 × {cores}"), rows)


if __name__ == "__main__":
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--backbone", default="small", help="small, or a torchvision name")
    parser.add_argument("--freeze", type=int, default=0, help="leading children that do not learn")
    parser.add_argument("--crop", type=int, default=128, help="side of the crops, in pixels")
    parser.add_argument("--images", type=int, default=160, help="training images of an epoch")
    parser.add_argument("--batch-size", type=int, default=16, help="images of one step")
    parser.add_argument("--epochs", type=int, default=3, help="epochs that are timed")
    parser.add_argument("--rounds", type=int, default=5, help="turns of every arrangement")
    main(parser.parse_args())
