"""Pre-train a backbone on generated leaves of many freely drawn cultivars: an offline stand-in for ImageNet.

The network learns to tell cultivars apart that no data set of ours contains. Each outline is shared by four,
so that it must look at the veins. Writes a plain state dict, as train_classifier.py --weights takes it.

Example:
    python workflow/scripts/pretrain_backbone.py --backbone small \\
        --output resources/weights/small-generated.pth
"""

from __future__ import annotations

import argparse
import logging
import tempfile
from dataclasses import replace
from pathlib import Path

import numpy as np
import pandas as pd
from maskguide import cli, gpu, synthetic
from maskguide.files import InputError, atomic_file
from PIL import Image
from tqdm import tqdm

log = logging.getLogger("maskguide")
CULTIVARS_PER_OUTLINE = 4


def parse_args(argv: list[str] | None = None) -> argparse.Namespace:
    parser = cli.parser(__doc__)
    add = parser.add_argument
    add("--backbone", default="small", help="small, or a torchvision name")
    add("--cultivars", type=int, default=32, help="cultivars to tell apart")
    add("--images", type=int, default=60, help="leaves of each cultivar to learn from")
    add("--test-images", type=int, default=4, help="leaves of each cultivar to test on")
    add("--size", type=int, default=160, help="side of the images, in pixels")
    add("--difficulty", type=float, default=1.0, help="nuisance of the leaves, as of generate_leaves.py")
    add("--epochs", type=int, default=6, help="passes over the leaves")
    add("--batch-size", type=int, default=32, help="images of one step")
    add("--learning-rate", type=float, default=0.05, help="initial learning rate")
    add("--seed", type=int, default=1000, help="seed of cultivars, leaves and training")
    add("--device", default="auto", help="auto, cpu or cuda")
    add("--slots", type=int, default=1, help="trainings that may share one GPU")
    add("--output", type=Path, required=True, help="state dict to write")
    return parser.parse_args(argv)


def free_cultivars(count: int, rng: np.random.Generator) -> list[synthetic.Cultivar]:
    """Freely drawn cultivars; each four share one outline and differ in all traits of the venation."""
    cultivars = []
    for number in range(count):
        drawn = synthetic.random_cultivar(rng)
        if number % CULTIVARS_PER_OUTLINE == 0:
            species = drawn
        outline = {name: getattr(species, name) for name in synthetic.OUTLINE}
        cultivars.append(replace(drawn, **outline))
    return cultivars


def draw_leaves(args: argparse.Namespace, folder: Path) -> pd.DataFrame:
    """Draw all leaves into `folder`; their index, as `read_index` gives one."""
    cultivars = free_cultivars(args.cultivars, np.random.default_rng(args.seed))
    rows = []
    for class_id, cultivar in enumerate(tqdm(cultivars, desc="drawing", disable=None)):
        for number in range(args.images + args.test_images):
            rng = np.random.default_rng([args.seed, class_id, number])
            path = folder / f"{class_id}-{number}.png"
            leaf = synthetic.draw_leaf(cultivar, args.size, rng, args.difficulty)
            Image.fromarray(leaf.image).save(path, compress_level=1)
            split = "train" if number < args.images else "test"
            rows.append((path.stem, str(path), f"cultivar{class_id}", class_id, split))
    return pd.DataFrame(rows, columns=["image_id", "path", "class", "class_id", "split"])


def main(args: argparse.Namespace) -> None:
    for name in ("cultivars", "images", "test_images", "epochs", "batch_size", "learning_rate"):
        if getattr(args, name) <= 0:
            raise InputError(f"--{name.replace('_', '-')} {getattr(args, name)}: must be above 0")
    if args.size < synthetic.SMALLEST:
        raise InputError(f"--size {args.size}: give {synthetic.SMALLEST} or more")
    device = gpu.lease(args.slots, args.device)  # before torch starts CUDA
    import torch
    from maskguide import backbones, methods, store, training
    from maskguide.batches import TrainingImages

    torch.manual_seed(args.seed)
    backbone = backbones.create(args.backbone, None, args.cultivars)
    model = methods.create("baseline", backbone, {})
    with tempfile.TemporaryDirectory() as temporary:
        log.info("drawing %d leaves", args.cultivars * (args.images + args.test_images))
        store.build_images(draw_leaves(args, Path(temporary)), Path(temporary) / "store")
        images = store.ImageStore(Path(temporary) / "store")
        data = TrainingImages(images, None, (1, 1), args.size, args.batch_size, args.seed)
        schedule = training.Schedule(args.epochs, args.learning_rate, momentum=0.9, weight_decay=5e-4)
        training.train(model, data, schedule, device)
    with atomic_file(args.output) as path:
        torch.save({name: tensor.cpu() for name, tensor in backbone.state_dict().items()}, path)
    log.info("pre-trained %s in %s", args.backbone, args.output)


if __name__ == "__main__":
    cli.run(main, parse_args())
