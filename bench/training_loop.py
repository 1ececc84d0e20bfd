"""How fast is the training loop beside its own model on a batch that is always at hand?

In turn, in one process, each round: an epoch of the loop as train_classifier.py runs it (random crops out of
the store, flips, erasing, normalisation, sums of the losses); the same steps (forward, loss, backward,
optimizer) on one resident batch; the same with the model in NCHW memory. The medians count, after a first
round that does not. The ratios are medians over the rounds of the ratios within a round.

Example:
    python bench/training_loop.py --rounds 9
    python bench/training_loop.py --device cuda --backbone resnet50 --crop 448 --images 640 --rounds 9
"""

from __future__ import annotations

import argparse
import copy
import tempfile
from pathlib import Path
from statistics import median

from generated import CLASSES, CLOCKS, photographs, print_table
from maskguide.data import datasets, store
from maskguide.system import gpu


class Resident:
    """The steps of an epoch with nothing to wait for: each takes its images from one batch made before."""

    def __init__(self, model, batch, steps, memory_format, device, schedule):
        from maskguide.learning import precision

        self.model = copy.deepcopy(model).to(device, memory_format=memory_format).train()
        batch.images = batch.images.contiguous(memory_format=memory_format)
        self.batch, self.steps, self.device = batch, steps, device
        self.optimizer = schedule.create_optimizer(self.model)
        self.scaler = precision.create_scaler(device)

    def epoch(self) -> None:
        """As many steps, of as many images each, as the loop makes."""
        from maskguide.learning import batches, precision

        for count in self.steps:
            whole = count == len(self.batch.labels)
            batch = self.batch if whole else batches.part_of(self.batch, slice(count))
            self.model.zero_grad(set_to_none=True)
            with precision.mixed_precision(self.device):
                output = self.model(batch.images)
            loss = sum(self.model.loss(output, batch).values())
            self.scaler.scale(loss).backward()
            self.scaler.step(self.optimizer)
            self.scaler.update()


def seconds_of(work, device: str, clock: str) -> float:
    """Of `work()`, all of its kernels included."""
    import torch

    started = CLOCKS[clock]()
    work()
    if device != "cpu":
        torch.cuda.synchronize()
    return CLOCKS[clock]() - started


def main(args: argparse.Namespace) -> None:
    device = gpu.lease(device=args.device)
    import torch
    from maskguide import methods
    from maskguide.learning import allocation, backbones, precision, training
    from maskguide.learning.batches import TrainingImages
    from maskguide.learning.loop import Learner

    precision.choose(args.precision, device)
    if args.threads:
        torch.set_num_threads(args.threads)
    if device == "cpu" and not args.hand_back:
        allocation.keep_freed_memory()
    with tempfile.TemporaryDirectory() as temporary:
        index = photographs(Path(temporary) / "files", args.images, 0, args.crop + 32)
        store.build_images(datasets.read_index(index), Path(temporary) / "store")
        images = store.ImageStore(Path(temporary) / "store")
        torch.manual_seed(0)
        backbone = backbones.create(args.backbone, None, CLASSES)
        backbone.freeze(args.freeze)
        model = methods.create("baseline", backbone, {"feature_scale": 1.0})
        data = TrainingImages(images, [], (1, 1), args.crop, args.batch_size, seed=0)
        schedule = training.Schedule(1, 0.001, 0.9, 5e-4)
        steps = [len(batch.labels) for batch in data.epoch(0, device)]
        formats = {"channels-last": torch.channels_last, "NCHW": torch.contiguous_format}
        alone = {}
        for name, memory_format in formats.items():
            batch = next(iter(data.epoch(0, device)))
            alone[name] = Resident(model, batch, steps, memory_format, device, schedule)
        learner = Learner(model, schedule.create_optimizer, device, "training")
        epochs = iter(range(10**6))

        def loop() -> None:
            training.train_epoch(learner, data, schedule.rate(0), next(epochs))

        kinds = {"training loop": loop}
        kinds |= {f"model alone, {name}": resident.epoch for name, resident in alone.items()}
        seconds: dict[str, list[float]] = {kind: [] for kind in kinds}
        for turn in range(1 + args.rounds):
            order = list(kinds)[turn % 3 :] + list(kinds)[: turn % 3]
            for kind in order:
                seconds[kind].append(seconds_of(kinds[kind], device, args.clock))
    where = torch.cuda.get_device_name() if device != "cpu" else f"CPU, {torch.get_num_threads()} thread(s)"
    print(f"{where}: {args.backbone}, {args.freeze} children frozen, {args.crop} pixels, steps of {steps}")
    rates = {kind: [sum(steps) / each for each in values[1:]] for kind, values in seconds.items()}
    rows = [
        (kind, f"{median(each):.2f}", f"{min(each):.2f}", f"{max(each):.2f}") for kind, each in rates.items()
    ]
    print_table((f"images per second ({args.clock})", "median", "least", "most"), rows)
    for kind in list(kinds)[1:]:
        ratios = [ours / theirs for ours, theirs in zip(rates["training loop"], rates[kind], strict=True)]
        spread = f"{min(ratios):.3f} to {max(ratios):.3f}, {args.rounds} rounds"
        print(f"training loop / {kind} = {median(ratios):.3f} ({spread})")


if __name__ == "__main__":
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--backbone", default="mobilenet_v2", help="small, or a torchvision name")
    parser.add_argument("--freeze", type=int, default=10, help="leading children that do not learn")
    parser.add_argument("--crop", type=int, default=224, help="side of the crops, in pixels")
    parser.add_argument("--images", type=int, default=100, help="training images of an epoch")
    parser.add_argument("--batch-size", type=int, default=32, help="images of one step")
    parser.add_argument("--rounds", type=int, default=9, help="epochs of each kind that are timed")
    parser.add_argument("--threads", type=int, help="CPU threads that compute (none: torch's own choice)")
    parser.add_argument(
        "--hand-back",
        action="store_true",
        help="let all three run without what trainings do to malloc (CPU)",
    )
    parser.add_argument("--precision", default="auto", choices=("auto", "full"), help="of all three")
    parser.add_argument("--clock", default="wall", choices=CLOCKS, help="whose seconds are counted")
    parser.add_argument("--device", default="cpu", help="cpu, cuda or auto")
    main(parser.parse_args())
