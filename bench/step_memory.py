"""What does one training step of each method cost: peak memory, seconds, parameters?

Each method in a process of its own: a network with random weights, a batch of random images and, where the
method is guided, masks; two steps of SGD with all layers learning, of which the second is timed. Peak memory
is the process's, less what it held before the network was made. Of methods whose head learns alone at first,
the steps are of the stage in which everything learns.

Example:
    python bench/step_memory.py --backbone resnet50 --crop 448 --batch-size 4
"""

from __future__ import annotations

import argparse
import json
import resource
import time

from generated import CLASSES, in_own_process, print_table
from maskguide.plan import declared

TRAINED = [name for name, each in declared.methods().items() if each.script == declared.TRAINED]
REGIONS = 2  # of methods that are guided by regions


def peak_mb() -> float:
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024


def step(args: argparse.Namespace) -> dict:
    """Two steps of one method in this process; MB, seconds, parameters."""
    import torch
    from maskguide import methods
    from maskguide.learning import backbones, training
    from maskguide.learning.interface import Batch

    torch.manual_seed(0)
    torch.set_num_threads(args.threads)
    before = peak_mb()
    method = declared.methods()[args.methods[0]]
    backbone = backbones.create(args.backbone, None, CLASSES)
    options = {}
    if method.guided_by == "regions":
        regions = [f"region{number}" for number in range(REGIONS)]
        weighed = {name: each["default"] for name, each in method.options.items() if each.get("by")}
        options = {name: declared.for_each(values, regions) for name, values in weighed.items()}
        options["regions"] = regions
    model = methods.create(method.name, backbone, options).to(memory_format=torch.channels_last)
    optimizer = training.Schedule(1, 0.0001, 0.9, 0).create_optimizer(model)
    grid = training.feature_grid(model, args.crop)
    images = torch.rand(args.batch_size, 3, args.crop, args.crop).to(memory_format=torch.channels_last)
    maps = {"": 0, "masks": 1, "regions": REGIONS}[method.guided_by]
    masks = torch.rand(args.batch_size, maps, *grid) if maps else None
    present = torch.ones(args.batch_size, maps, dtype=torch.bool) if maps else None
    model.train()
    batch = Batch(images, torch.arange(args.batch_size) % CLASSES, masks, present)
    for _ in range(2):
        started = time.perf_counter()
        optimizer.zero_grad(set_to_none=True)
        sum(model.loss(model(batch.images), batch).values()).backward()
        optimizer.step()
    seconds = time.perf_counter() - started
    parameters = sum(each.numel() for each in model.parameters())
    return {"mb": peak_mb() - before, "seconds": seconds, "parameters": parameters}


def main(args: argparse.Namespace) -> None:
    rows = []
    for name in args.methods:
        words = [__file__, "--one", "--methods", name, "--backbone", args.backbone]
        words += ["--crop", str(args.crop), "--batch-size", str(args.batch_size)]
        found = in_own_process([*words, "--threads", str(args.threads)])
        if isinstance(found, str):
            rows.append((name, "–", "–", found))
            continue
        millions = f"{found['parameters'] / 1e6:.1f}"
        rows.append((name, f"{found['mb']:.0f}", f"{found['seconds']:.1f}", millions))
    print(f"{args.backbone}, {args.crop} pixels, batch of {args.batch_size}, {args.threads} thread(s), CPU")
    print_table(("method", "peak MB", "seconds a step", "million parameters"), rows)


if __name__ == "__main__":
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--methods", nargs="+", default=TRAINED, choices=TRAINED, help="which")
    parser.add_argument("--backbone", default="resnet50", help="small, or a torchvision name")
    parser.add_argument("--crop", type=int, default=448, help="side of the images, in pixels")
    parser.add_argument("--batch-size", type=int, default=4, help="images of one step")
    parser.add_argument("--threads", type=int, default=2, help="CPU threads that compute")
    parser.add_argument("--one", action="store_true", help=argparse.SUPPRESS)
    given = parser.parse_args()
    if given.one:
        print(json.dumps(step(given)))
    else:
        main(given)
