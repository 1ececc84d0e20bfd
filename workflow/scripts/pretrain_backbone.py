"""Pre-train a backbone on freely generated leaves: an offline stand-in for ImageNet.

Each leaf belongs to a cultivar of its own, which no data set of ours contains; the network learns to tell
the traits of its outline and its venation (angle, number of pairs, …). Telling a few dozen cultivars apart
instead left it at chance in the same time. Writes a plain state dict, as train_classifier.py --weights takes.
An interrupted training continues from --checkpoint, on a CPU with the same result to the bit.

Example:
    python workflow/scripts/pretrain_backbone.py --backbone small \\
        --output resources/weights/small-generated.pth
"""

from __future__ import annotations

import argparse
from dataclasses import astuple
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from maskguide.leaves import leaf_shape, synthetic
from maskguide.system import cli, gpu
from maskguide.system.files import InputError
from maskguide.system.stopwatch import Stopwatch
from tqdm import tqdm

if TYPE_CHECKING:
    from maskguide.learning.backbones import Backbone

WEIGHT_DECAY = 0.01  # of AdamW
CHANGES_NO_RESULT = ("test_leaves", "device", "slots", "checkpoint", "half", "output")


def parse_args(argv: list[str] | None = None) -> argparse.Namespace:
    parser = cli.parser(__doc__)
    add = parser.add_argument
    add("--backbone", default="small", help="small, or a torchvision name")
    add("--leaves", type=int, default=1920, help="leaves to learn from, each of its own cultivar")
    add("--test-leaves", type=int, default=96, help="leaves to test on")
    add("--size", type=int, default=160, help="side of the leaves' images, in pixels")
    add("--crop", type=int, default=128, help="side of the random training crop, in pixels")
    add("--epochs", type=int, default=6, help="passes over the leaves")
    add("--batch-size", type=int, default=32, help="images of one step")
    add("--learning-rate", type=float, default=0.003, help="highest learning rate (one-cycle schedule)")
    add("--seed", type=int, default=1000, help="seed of cultivars, leaves and training")
    cli.add_device_options(parser)
    cli.add_numerics_options(parser)
    parser.set_defaults(precision="full")  # all CPUs begin with the same weights
    add("--checkpoint", type=Path, help="folder of the state of an interrupted training (none: not kept)")
    add("--half", action="store_true", help="write the kernels in float16: a file of half the size")
    add("--output", type=Path, required=True, help="state dict to write")
    return parser.parse_args(argv)


def draw_leaves(count: int, size: int, seed: int) -> tuple[np.ndarray, np.ndarray]:
    """Images uint8 [count, size, size, 3] and their cultivars' traits float32 [count, traits]."""
    images = np.empty((count, size, size, 3), dtype=np.uint8)
    traits = []
    for number in tqdm(range(count), desc="drawing", disable=None):
        rng = np.random.default_rng([seed, number])
        cultivar = synthetic.random_cultivar(rng)
        images[number] = synthetic.draw_leaf(cultivar, size, rng, difficulty=1.0).image
        traits.append(astuple(cultivar))
    return images, np.array(traits, dtype=np.float32)


class Draws:
    """What orders and crops are drawn with, and dropout: one stream from the first epoch to the last."""

    def __init__(self, seed: int):
        self.rng = np.random.default_rng([seed])

    def state_dict(self) -> dict:
        import torch

        return {"order": self.rng.bit_generator.state, "dropout": torch.get_rng_state()}

    def load_state_dict(self, state: dict) -> None:
        import torch

        self.rng.bit_generator.state = state["order"]
        torch.set_rng_state(state["dropout"])


def train(
    backbone: Backbone, images: np.ndarray, traits: np.ndarray, args: argparse.Namespace, device: str
) -> None:
    """Regress standardised traits [N, traits] from random crops, some flipped, by a smooth L1 loss."""
    import torch
    from maskguide.learning.batches import cut, draw_augmentation, images_on, move
    from maskguide.learning.loop import Learner
    from maskguide.learning.optimizers import AdamW
    from maskguide.learning.precision import mixed_precision
    from torch.nn.functional import smooth_l1_loss

    learner = Learner(
        *(backbone, lambda model: AdamW(model.parameters(), args.learning_rate, weight_decay=WEIGHT_DECAY)),
        *(device, f"--batch-size {args.batch_size}, --crop {args.crop}"),
    )
    steps = len(images) // args.batch_size
    schedule = torch.optim.lr_scheduler.OneCycleLR(
        learner.optimizer, args.learning_rate, total_steps=args.epochs * steps, pct_start=0.1
    )
    draws = Draws(args.seed)

    def terms_of(rows: np.ndarray, crops: np.ndarray, part: slice) -> tuple[dict, None]:
        with mixed_precision(device):
            predicted = backbone(images_on(crops[part], device))
        target = move(traits[rows[part]], device)
        return {"smooth_l1": smooth_l1_loss(predicted.float(), target)}, None

    def one_epoch(epoch: int) -> dict[str, float]:
        backbone.train()
        order = draws.rng.permutation(len(images))
        losses = []
        for rows in np.split(order[: steps * args.batch_size], steps):
            windows = [draw_augmentation(draws.rng, args.size, args.size, args.crop, 0.0) for _ in rows]
            pairs = zip(rows, windows, strict=True)
            crops = np.stack([cut(images[row], each.window, each.flip) for row, each in pairs])
            found = learner.step(len(rows), partial(terms_of, rows, crops))
            losses += [terms["loss"] for _, terms, _ in found]
            schedule.step()
        return {"loss": torch.stack(losses).mean().item()}

    options = {name: value for name, value in vars(args).items() if name not in CHANGES_NO_RESULT}
    learner.epochs(args.epochs, one_epoch, args.checkpoint, options, schedule=schedule, draws=draws)


def explained(backbone: Backbone, images: np.ndarray, traits: np.ndarray, device: str) -> np.ndarray:
    """R² of each trait on leaves not learnt from: 1 perfect, 0 no better than their mean."""
    import torch
    from maskguide.learning.batches import images_on
    from sklearn.metrics import r2_score

    backbone.eval()
    with torch.inference_mode():
        predicted = [backbone(images_on(image[None], device)).cpu().numpy()[0] for image in images]
    return r2_score(traits, predicted, multioutput="raw_values")


def main(args: argparse.Namespace) -> None:
    cli.check(args, above_0=["leaves", "test_leaves", "epochs", "batch_size", "learning_rate", "crop"])
    if args.size < synthetic.SMALLEST:
        raise InputError(f"--size {args.size}: give {synthetic.SMALLEST} or more")
    if args.crop > args.size:
        raise InputError(f"--crop {args.crop}: the leaves have {args.size} pixels (--size); give no more")
    if args.leaves < args.batch_size:
        raise InputError(f"--leaves {args.leaves}: give at least one batch of {args.batch_size}")
    device = gpu.lease(args.slots, args.device, args.deterministic)  # before torch starts CUDA
    import torch
    from maskguide.learning import backbones, checkpoints, precision, weights

    precision.choose(args.precision, device)
    cli.log.info("drawing %d leaves", args.leaves + args.test_leaves)
    images, traits = draw_leaves(args.leaves + args.test_leaves, args.size, args.seed)
    spread = traits[: args.leaves].std(axis=0)
    traits = (traits - traits[: args.leaves].mean(axis=0)) / np.where(spread > 0, spread, 1)
    torch.manual_seed(args.seed)
    backbone = backbones.create(args.backbone, None, traits.shape[1])
    with Stopwatch("training") as training:
        train(backbone, images[: args.leaves], traits[: args.leaves], args, device)
    training.say()
    scores = explained(backbone, images[args.leaves :], traits[args.leaves :], device)
    names = (*leaf_shape.OUTLINE, *leaf_shape.VENATION)
    of_traits = [f"{name} {score:.2f}" for name, score in zip(names, scores, strict=True)]
    cli.log.info("R²: %s", ", ".join(of_traits))
    weights.write(args.output, backbone, half=args.half)
    checkpoints.clear(args.checkpoint)
    cli.log.info("pre-trained %s in %s", args.backbone, args.output)


if __name__ == "__main__":
    cli.run(main, parse_args())
