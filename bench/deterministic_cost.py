"""What do deterministic kernels cost on this GPU, and do they give the same bits?

Trains the same few steps again and again in processes of their own, in turn with fast and with deterministic
kernels, after a first round that counts for nothing; prints the ratio of the seconds and how often two rounds
ended with the same weights. Without a GPU it says so and ends.

Example:
    python bench/deterministic_cost.py --backbone resnet50 --method mga --crop 448 --batch-size 32 --steps 50
"""

from __future__ import annotations

import argparse
import json
import subprocess
import sys
import time
from functools import partial
from pathlib import Path
from statistics import median

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "workflow" / "scripts"))

from maskguide.system import gpu

OPTIONS = {
    **{"feature_weight": 0.5, "attention_weight": 0.5, "guidance_weight": 0.1, "mask_pooling": "parts"},
    **{"classifiers": 16, "losses": "both", "terms": "attention", "feature_scale": 1.0},
    **{"discriminality_weight": 1.5, "diversity_weight": 15.0},
}


def train(args: argparse.Namespace) -> dict[str, float | str]:
    """Seconds of the steps, and a hash of the weights that they led to; {} without a GPU."""
    if gpu.lease(device="auto", deterministic=args.train == "deterministic") == "cpu":
        return {}
    import hashlib

    import torch
    from maskguide import methods
    from maskguide.learning import backbones, training
    from maskguide.learning.interface import Batch
    from maskguide.learning.loop import Learner

    torch.manual_seed(0)
    model = methods.create(args.method, backbones.create(args.backbone, None, 200), OPTIONS)
    grid = training.feature_grid(model, args.crop)
    learner = Learner(model, lambda model: torch.optim.SGD(model.parameters(), 0.01, 0.9), "cuda", "training")
    model.train()
    images = torch.randn(args.batch_size, 3, args.crop, args.crop, device="cuda")
    images = images.contiguous(memory_format=torch.channels_last)
    labels = torch.arange(args.batch_size, device="cuda") % 200
    masks = torch.rand(args.batch_size, 1, *grid, device="cuda")
    batch = Batch(images, labels, masks, torch.ones(args.batch_size, 1, dtype=torch.bool, device="cuda"))
    started = 0.0
    for step in range(args.warm_up + args.steps):
        if step == args.warm_up:
            torch.cuda.synchronize()
            started = time.perf_counter()
        learner.step(args.batch_size, partial(training.batch_terms, learner, batch))
    torch.cuda.synchronize()
    seconds = time.perf_counter() - started
    content = hashlib.sha256()
    for tensor in model.state_dict().values():
        content.update(tensor.cpu().numpy().tobytes())
    return {"seconds": seconds, "weights": content.hexdigest(), "gpu": torch.cuda.get_device_name()}


def main(args: argparse.Namespace) -> None:
    found: dict[str, list[dict]] = {"fast": [], "deterministic": []}
    for _ in range(1 + args.rounds):
        for kind, rounds in found.items():
            words = [sys.executable, __file__, *sys.argv[1:], "--train", kind]
            done = subprocess.run(words, stdout=subprocess.PIPE, text=True, check=True)
            rounds.append(json.loads(done.stdout.splitlines()[-1]))
            if not rounds[-1]:
                print("needs a GPU: on the CPU the kernels are deterministic anyhow")
                return
    seconds = {kind: [each["seconds"] for each in rounds[1:]] for kind, rounds in found.items()}
    ratios = [slow / fast for fast, slow in zip(seconds["fast"], seconds["deterministic"], strict=True)]
    device = found["fast"][0]["gpu"]
    print(f"{device}: {args.method}, {args.backbone}, batches of {args.batch_size} × {args.crop} pixels")
    spread = f"{min(ratios):.2f} to {max(ratios):.2f}, {args.rounds} rounds"
    print(f"deterministic / fast = {median(ratios):.2f} ({spread})")
    for kind, rounds in found.items():
        results = len({each["weights"] for each in rounds})
        print(f"{kind}: {results} different result(s) of {len(rounds)} trainings")


if __name__ == "__main__":
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--method", default="mga", help="baseline, attention, mga, aca, maxpool or tdsa")
    parser.add_argument("--backbone", default="resnet50", help="small, or a torchvision name")
    parser.add_argument("--crop", type=int, default=448, help="side of the images, in pixels")
    parser.add_argument("--batch-size", type=int, default=32, help="images of one step")
    parser.add_argument("--steps", type=int, default=50, help="steps that are timed")
    parser.add_argument("--warm-up", type=int, default=10, help="steps before")
    parser.add_argument("--rounds", type=int, default=3, help="trainings of each kind that are timed")
    parser.add_argument("--train", choices=("fast", "deterministic"), help=argparse.SUPPRESS)
    arguments = parser.parse_args()
    if arguments.train:
        print(json.dumps(train(arguments)))
    else:
        main(arguments)
