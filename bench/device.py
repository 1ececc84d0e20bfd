"""Images per second on the device at hand, by backbone, precision, memory format and trainings side by side.

Each training is a process of its own with its own random crops out of one store; all begin together and run
for the same time. Timed are the steps of the training loop, and beside them the same on a batch that stays on
the device, in turn: "waiting" is the share of the loop that those do not need, that is, what data cost. On a
CPU each training computes on one thread.

Example:
    python bench/device.py --backbones resnet50 densenet161 --crop 448 --slots 1 2 3 --seconds 20
    python bench/device.py --device cpu --backbones small mobilenet_v2 --crop 224 --slots 1 --seconds 30
"""

from __future__ import annotations

import argparse
import itertools
import json
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from statistics import median

from generated import CLASSES, photographs, print_table
from maskguide.data import datasets, store
from maskguide.system import gpu

PRECISIONS = ("fp32", "tf32", "mixed")  # mixed: as trainings are, unless the config says `precision: full`
FORMATS = ("channels-last", "NCHW")
READY, GO = "ready", "go"
TURNS = 4  # in which loop and resident batch take part


def train(args: argparse.Namespace) -> dict[str, float | str]:
    """Images per second of the loop and of a resident batch, in this process."""
    device = gpu.lease(max(args.slots), args.device)
    import torch
    from maskguide.learning import allocation, backbones, batches, precision, training

    torch.backends.cudnn.allow_tf32 = torch.backends.cuda.matmul.allow_tf32 = args.precisions[0] == "tf32"
    torch.manual_seed(0)
    backbone = backbones.create(args.backbones[0], None, CLASSES)
    layout = torch.channels_last if args.formats[0] == "channels-last" else torch.contiguous_format
    model = backbone.to(device, memory_format=layout).train()
    data = batches.TrainingImages(
        store.ImageStore(args.store), [], (1, 1), args.crop, args.batch_size, 0, workers=args.workers
    )
    optimizer = training.Schedule(1, 0.001, 0.9, 5e-4).create_optimizer(model)
    if device == "cpu":
        torch.set_num_threads(1)
        allocation.keep_freed_memory()
    precision.choose("auto" if args.precisions[0] == "mixed" else "full", device)
    scaler = precision.create_scaler(device)

    def step(batch) -> int:
        images = batch.images.contiguous(memory_format=layout)
        model.zero_grad(set_to_none=True)
        with precision.mixed_precision(device):
            logits = model(images)
        loss = torch.nn.functional.cross_entropy(logits.float(), batch.labels)
        scaler.scale(loss).backward()
        scaler.step(optimizer)
        scaler.update()
        return len(batch.labels)

    def rate(source) -> float:
        started, seen = time.perf_counter(), 0
        for batch in source:
            seen += step(batch)
            if time.perf_counter() - started > args.seconds / TURNS:
                break
        if device != "cpu":
            torch.cuda.synchronize()
        return seen / (time.perf_counter() - started)

    resident = next(iter(data.epoch(0, device)))
    epochs = itertools.chain.from_iterable(data.epoch(epoch, device) for epoch in itertools.count())
    for batch in itertools.chain([resident] * args.warm_up, itertools.islice(epochs, args.warm_up)):
        step(batch)
    if device != "cpu":
        torch.cuda.synchronize()
    print(READY, flush=True)
    sys.stdin.readline()
    found = [(rate(epochs), rate(itertools.repeat(resident))) for _ in range(TURNS)]
    name = torch.cuda.get_device_name() if device != "cpu" else "CPU"
    return {"loop": median(each[0] for each in found), "resident": median(each[1] for each in found)} | {
        "device": name
    }


def together(words: list[str], count: int) -> list[dict]:
    """What `count` processes found that began together."""
    pipes = {"stdin": subprocess.PIPE, "stdout": subprocess.PIPE, "text": True}
    running = [subprocess.Popen(words, **pipes) for _ in range(count)]
    if any(process.stdout.readline().strip() != READY for process in running):
        raise SystemExit("a training failed; its message stands above")
    for process in running:
        process.stdin.write(GO + "\n")
        process.stdin.flush()
    found = [process.communicate()[0] for process in running]
    if any(process.returncode for process in running):
        raise SystemExit("a training failed; its message stands above")
    return [json.loads(text.splitlines()[-1]) for text in found]


def main(args: argparse.Namespace) -> None:
    rows = []
    with tempfile.TemporaryDirectory() as temporary:
        index = photographs(Path(temporary) / "files", args.images, 0, args.crop + 32)
        store.build_images(datasets.read_index(index), Path(temporary) / "store")
        choices = itertools.product(args.backbones, args.precisions, args.formats, args.slots)
        for backbone, precision, layout, slots in choices:
            chosen = ["--backbones", backbone, "--precisions", precision, "--formats", layout]
            chosen += ["--slots", str(slots), "--store", f"{temporary}/store"]
            found = together([sys.executable, __file__, *sys.argv[1:], *chosen], slots)
            loop, resident = (sum(each[kind] for each in found) for kind in ("loop", "resident"))
            shown = (f"{loop:.1f}", f"{resident:.1f}", f"{loop / resident:.3f}", f"{1 - loop / resident:.3f}")
            rows.append((f"{backbone} {precision} {layout}", str(slots), *shown))
    print(f"{found[0]['device']}: batches of {args.batch_size} × {args.crop} pixels, images per second")
    print_table(("training", "slots", "loop", "resident", "loop / resident", "waiting"), rows)


if __name__ == "__main__":
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    add = parser.add_argument
    add("--backbones", nargs="+", default=["resnet50"], help="small, or torchvision names")
    add("--precisions", nargs="+", default=PRECISIONS, choices=PRECISIONS, help="what they compute in")
    add("--formats", nargs="+", default=FORMATS, choices=FORMATS, help="memory formats")
    add("--slots", nargs="+", type=int, default=[1, 2, 3], help="trainings on the device at once")
    add("--crop", type=int, default=448, help="side of the crops, in pixels")
    add("--batch-size", type=int, default=32, help="images of one step")
    add("--images", type=int, default=640, help="training images in the store")
    add("--workers", type=int, help="threads that make batches ahead (none: as in trainings)")
    add("--warm-up", type=int, default=10, help="steps of each kind before")
    add("--seconds", type=float, default=20.0, help="that each training's loop runs, and its resident batch")
    add("--device", default="auto", help="auto, cuda or cpu")
    add("--store", type=Path, help=argparse.SUPPRESS)
    arguments = parser.parse_args()
    if arguments.store:
        print(json.dumps(train(arguments)))
    else:
        main(arguments)
