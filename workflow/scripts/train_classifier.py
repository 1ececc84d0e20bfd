"""Train a classifier by one of the methods and test it after every k-th epoch.

Writes model.pt (last epoch), history.csv, predictions.csv, metrics.json and args.yaml into the output folder.
An interrupted training continues from --checkpoint, on a CPU with the same result to the bit. The defaults
are those of the MGA paper and its published code.

Example:
    python workflow/scripts/train_classifier.py --dataset leaves --store results/demo/store/leaves/images \\
        --method mga --backbone small --crop 160 --epochs 10 \\
        --mask-store results/demo/store/leaves/split1/masks/truth --mask-source truth \\
        --output-dir results/demo/runs/leaves/split1/mga-truth/small/seed1
"""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from dataclasses import fields
from pathlib import Path
from typing import TYPE_CHECKING, Any

from maskguide.plan import declared, options, sources
from maskguide.system import cli, gpu
from maskguide.system.files import InputError, read_csv, sha256, write_csv, write_json

if TYPE_CHECKING:
    from maskguide.data.store import ImageStore, View
    from maskguide.learning.batches import Change, TrainingImages
    from maskguide.learning.training import Progress

CHANGES_NO_RESULT = (
    *("store", "index", "mask_store", "counterparts", "objects", "weights", "annotated", "checkpoint"),
    "output_dir",
    *("device", "slots", "threads", "workers"),
    *(name for name, view in declared.views().items() if not view.training_only),
)

CHOICES = {
    "optimizer": ("sgd", "adam"),
    "normalisation": ("imagenet", "half"),
    "new_layers": ("last", "head", "all"),
}


def parse_args(argv: list[str] | None = None) -> argparse.Namespace:
    parser = cli.parser(__doc__)
    add = parser.add_argument
    add("--store", type=Path, required=True, help="image store, made by build_store.py")
    add("--index", type=Path, help="index.csv of the split (none: as the store says)")
    folders = {"type": Path, "nargs": "+", "default": []}
    add("--mask-store", **folders, help="of pool_masks.py: one, or one for each of --regions (by the method)")
    add("--counterparts", **folders, help="of masked training images besides (build_store.py --masked)")
    options.add_views(parser)
    objects = "mask store of the objects in training images, for what changes their background"
    add("--objects", type=Path, help=f"{objects}; {sources.RECTANGLES}: random ones instead")
    add("--dataset", required=True, help="name of the data set, for the tables")
    add("--method", default="mga", help=f"one of {', '.join(options.trainable())}")
    add("--backbone", default="densenet161", help="small, or a torchvision name")
    add("--weights", type=Path, help="state dict to start from (none: random values)")
    add("--epochs", type=int, default=150, help="passes over the training images")
    add("--batch-size", type=int, default=32, help="images of one step")
    add("--crop", type=int, default=448, help="side of the random training crop, in pixels")
    add("--learning-rate", type=float, default=0.01, help="initial (paper: densenet161 0.05, vgg19 0.005)")
    steps = "divide the rate by 10 after each of these epochs (none: cosine)"
    add("--learning-rate-steps", type=int, nargs="+", default=[], help=steps)
    add("--optimizer", default="sgd", help="sgd or adam")
    tested = "k: test after every k-th epoch and the last; the best epoch is the best of those"
    add("--test-every", type=int, default=1, help=tested)
    add("--erasing", type=float, default=0.5, help="probability that a rectangle of a crop is erased")
    add("--padding", type=int, default=0, help="black pixels around each training image before it is cropped")
    add("--normalisation", default="imagenet", help="of pixels: imagenet, or half (mean and deviation 0.5)")
    anew = "start from PyTorch's default initialisation: last (layer), head, or all (without --weights)"
    add("--new-layers", default="last", help=anew)
    add("--momentum", type=float, default=0.9, help="momentum of SGD")
    add("--weight-decay", type=float, default=5e-4, help="weight decay of SGD")
    add("--freeze", default="paper", help="leading children of the backbone not to learn; paper: its number")
    options.add_methods(parser)
    add("--seed", type=int, default=1, help="seed of new layers, order, crops and dropout")
    add("--mask-source", help="name of the masks' source, for the tables")
    add("--annotated", type=Path, help="annotated.csv behind the masks, whose sources go into the tables")
    add("--checkpoint", type=Path, help="folder of the state of an interrupted training (none: not kept)")
    cli.add_device_options(parser)
    cli.add_numerics_options(parser)
    add("--threads", type=int, help="CPU threads that compute (none: as OMP_NUM_THREADS says)")
    add("--workers", type=int, help="threads that make batches ahead (none: 4 for a GPU, 0 on the CPU)")
    add("--output-dir", type=Path, required=True, help="folder of the run")
    return parser.parse_args(argv)


def check_options(args: argparse.Namespace) -> None:
    """Raise `InputError` for an option out of its range."""
    cli.check(args, above_0=["epochs", "batch_size", "crop", "learning_rate", "test_every", "slots"])
    cli.check(
        args, not_below_0=["momentum", "weight_decay", "padding", "seed", "workers"], from_0_to_1=["erasing"]
    )
    if args.freeze != "paper" and not args.freeze.isdecimal():
        raise InputError(f"--freeze {args.freeze}: give 'paper' or a number of children")
    if min(args.learning_rate_steps, default=1) < 1:
        raise InputError(f"--learning-rate-steps {args.learning_rate_steps}: must be at least 1 epoch")
    for name, known in CHOICES.items():
        if getattr(args, name) not in known:
            given = f"{options.flag(name)} {getattr(args, name)}"
            raise InputError(f"{given}: choose {', '.join(known[:-1])} or {known[-1]}")
    guides = {"": 0, "masks": 1, "regions": len(getattr(args, "regions", []))}
    stores = guides[declared.methods()[args.method].guided_by]
    if len(args.mask_store) < stores:
        needed = f"needs {stores} --mask-store, made by pool_masks.py"
        raise InputError(f"--method {args.method}: {needed}; {len(args.mask_store)} given")


def read_annotation(path: Path | None) -> tuple[str | None, int | None]:
    """How the marks behind the masks were made, and how many images have some.

    published, manual or automatic ("+" between several).
    """
    if path is None:
        return None, None
    table = read_csv(path, ["source"], "annotate again")
    if "split" in table:  # boxes of test images judge the detector, nobody learns from them
        table = table[table["split"] == "train"]
    return "+".join(sorted(table["source"].unique())), len(table)


def untouched(views: Sequence[View | Change]) -> dict[str, int]:
    """How many images stay as they are, their masks covering all or nothing, for metrics.json; said too."""
    counts = [view.untouched for view in views if hasattr(view, "untouched")]
    if any(counts):
        cli.log.warning("%d images stay as they are: their masks cover all or nothing of them", max(counts))
    return {"num_untouched": max(counts)} if counts else {}


def run_metrics(args: argparse.Namespace, data: TrainingImages, progress: Progress) -> dict[str, Any]:
    """What metrics.json says of the images and of the answers to them; accuracies and F1 in percent.

    train_top1 is of the last epoch: the answers to its augmented images while it learnt from them.
    """
    from maskguide.learning import evaluation

    classes, num_train = data.images.classes(), len(data.images.rows("train"))
    guided = declared.methods()[args.method].guided_by
    labels = data.labels[data.images.rows("test")]
    return {
        "dataset": args.dataset,
        "method": args.method,
        "backbone": args.backbone,
        "masks": args.mask_source if guided or data.changes or data.images.views else None,
        "seed": args.seed,
        "num_train": num_train,
        "num_counterparts": len(data.sources) - num_train,
        "num_test": len(labels),
        "epochs": args.epochs,
        "top1_best": evaluation.top1(labels, progress.predicted_best),
        "top1_last": evaluation.top1(labels, progress.predicted_last),
        "best_epoch": progress.best_epoch,
        "train_top1": progress.history[-1]["train_top1"],
        "macro_f1_best": evaluation.macro_f1(labels, progress.predicted_best, len(classes)),
        "macro_f1_last": evaluation.macro_f1(labels, progress.predicted_last, len(classes)),
        "train_seconds": round(progress.train_seconds, 3),
        "total_seconds": round(sum(row["seconds"] for row in progress.history), 3),
    }


def sees(images: ImageStore) -> dict[str, int | None]:
    """In which size the network sees an image, for model.pt: what test images were brought to, in pixels.

    Those that keep their size are no longer than `largest`, the longest side in training.
    """
    sizes = images.layout.iloc[images.rows("train")][["height", "width"]]
    brought_to = {"square": images.resize.test, "short_edge": images.resize.short_edge}
    return {**brought_to, "largest": int(sizes.to_numpy().max())}


def main(args: argparse.Namespace) -> None:
    args = options.settled(args)
    check_options(args)
    annotation, num_annotated = read_annotation(args.annotated)
    device = gpu.lease(args.slots, args.device, args.deterministic)  # before torch starts CUDA
    import pandas as pd
    import torch
    from maskguide import methods, views
    from maskguide.data.store import ImageStore, MaskStore
    from maskguide.learning import backbones, checkpoints, precision, training, weights
    from maskguide.learning.batches import TrainingImages

    precision.choose(args.precision, device)
    if args.threads is not None:
        torch.set_num_threads(args.threads)
    method, seen = declared.methods()[args.method], views.given(args)
    images = ImageStore(args.store, seen, args.index)
    torch.manual_seed(args.seed)
    backbone = backbones.create(
        args.backbone, args.weights, len(images.classes()), args.new_layers, args.normalisation
    )
    backbone.freeze(backbone.paper_frozen_children if args.freeze == "paper" else int(args.freeze))
    own = {name: getattr(args, name) for name in method.options}
    model = methods.create(args.method, backbone, own)
    masks = [MaskStore(folder, seen) for folder in args.mask_store] if method.guided_by else []
    counterparts = [ImageStore(folder, seen) for folder in args.counterparts]
    changes, objects = views.changing(args, images, seen)
    grid = training.feature_grid(model, args.crop)
    data = TrainingImages(
        *(
            images,
            masks,
            grid,
            args.crop,
            args.batch_size,
            args.seed,
            args.erasing,
            counterparts,
            args.workers,
        ),
        spans=training.mask_spans(model, args.crop, grid),
        own_crops=training.mask_use(model).own_crops,
        padding=args.padding,
        changes=changes,
    )
    stay = untouched([*seen, *changes])
    schedule = training.Schedule(*(getattr(args, field.name) for field in fields(training.Schedule)))
    deciding = {
        **{name: value for name, value in vars(args).items() if name not in CHANGES_NO_RESULT},
        "images": images.content,
        "masks": [store.content for store in masks],
        "counterparts": [store.content for store in counterparts],
        "weights": sha256(args.weights) if args.weights else None,
        **({"objects": objects.content} if objects else {}),
    }
    progress = training.train(model, data, schedule, device, args.checkpoint, deciding)

    test = images.layout.iloc[images.rows("test")]
    predictions = test[["image_id", "class_id"]].assign(
        predicted_last=progress.predicted_last,
        predicted_best=progress.predicted_best,
        confidence_last=progress.confidence_last,
    )
    metrics = run_metrics(args, data, progress) | {
        "parameters": sum(parameter.numel() for parameter in model.parameters()),
        "device": device,
        "precision": precision.name_of(device),
        "annotation": annotation,
        "num_annotated": num_annotated,
        "classes": images.classes(),
        **stay,
    }
    info = {name: metrics[name] for name in ("method", "backbone", "classes")}
    info |= {"normalisation": args.normalisation, "sees": sees(images)}
    weights.write(args.output_dir / "model.pt", model, {**info, "options": own})
    columns = list(progress.history[-1])  # that of the test too
    write_csv(args.output_dir / "history.csv", pd.DataFrame(progress.history, columns=columns))
    write_csv(args.output_dir / "predictions.csv", predictions)
    cli.save_arguments(args.output_dir / "args.yaml", args)
    write_json(args.output_dir / "metrics.json", metrics)
    checkpoints.clear(args.checkpoint)
    cli.log.info("best epoch %.2f %%, last epoch %.2f %%", metrics["top1_best"], metrics["top1_last"])


if __name__ == "__main__":
    cli.run(main, parse_args())
