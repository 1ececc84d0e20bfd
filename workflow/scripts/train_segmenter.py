"""Train a segmenter (hierarchical multi-scale attention) on the annotated training images.

Writes model.pt, history.csv and args.yaml into the output folder. An interrupted training continues from the
folder given by --resume.

Example:
    python workflow/scripts/train_segmenter.py --index results/demo/data/leaves/split1/index.csv \\
        --annotated results/demo/annotate/leaves/split1/annotated.csv --classes main_vein second_order_vein \\
        --encoder resnet18 --crop 160 --epochs 40 --output-dir results/demo/segment/leaves
"""

from __future__ import annotations

import argparse
import hashlib
from pathlib import Path

from maskguide.system import cli
from maskguide.system.files import InputError, sha256, write_csv

CHANGES_NO_RESULT = ("index", "annotated", "resume", "device", "slots", "workers", "output_dir")


def parse_args(argv: list[str] | None = None) -> argparse.Namespace:
    parser = cli.parser(__doc__)
    add = parser.add_argument
    add("--index", type=Path, required=True, help="index.csv of the data set")
    add("--annotated", type=Path, required=True, help="annotated.csv: the masks to learn from")
    add("--classes", nargs="+", required=True, help="mask classes in the masks' order, background excluded")
    add("--architecture", default="Unet", help="segmentation-models-pytorch architecture")
    add("--encoder", default="resnet34", help="segmentation-models-pytorch encoder")
    add("--encoder-depth", type=int, choices=(3, 4, 5), help="encoder stages used (none: all)")
    add("--decoder-channels", type=int, nargs="+", help="channels of the decoder's stages, coarse to fine")
    add("--weights", type=Path, help="torchvision state dict for the encoder (none: random weights)")
    add("--init-from", type=Path, help="model.pt of another data set's segmenter to start from")
    add("--scales", type=float, nargs="+", default=[0.5, 1.0], help="image scales trained on together")
    add("--crop", type=int, default=448, help="side of the training windows in pixels")
    add("--random-scale", type=float, nargs=2, default=[0.5, 2.0], help="range of the random resizing")
    add("--rotation", type=float, default=10.0, help="largest random rotation in degrees")
    add("--flip", type=float, default=0.5, help="probability of a horizontal flip")
    add("--jitter", type=float, default=0.25, help="largest change of brightness, contrast, saturation")
    add("--epochs", type=int, default=60, help="passes over the annotated images")
    add("--batch-size", type=int, default=8, help="windows per step")
    add("--optimizer", choices=("sgd", "adamw"), default="sgd", help="optimiser")
    add("--learning-rate", type=float, default=0.01, help="learning rate at the start")
    add("--momentum", type=float, default=0.9, help="momentum of sgd")
    add("--weight-decay", type=float, default=5e-4, help="weight decay")
    add("--schedule", choices=("polynomial", "cosine"), default="polynomial", help="learning rate's decay")
    add("--power", type=float, default=1.0, help="exponent of the polynomial decay")
    add("--class-balance", type=float, default=0.5, help="class weights: frequency to minus this power, 0..1")
    add("--dice-weight", type=float, default=1.0, help="weight of the Dice loss beside cross-entropy")
    add("--scale-loss-weight", type=float, default=0.05, help="weight of each scale's own cross-entropy")
    add("--seed", type=int, default=0, help="seed of weights and augmentation")
    add("--resume", type=Path, help="folder of the checkpoint (none: no checkpoint)")
    cli.add_device_options(parser)
    cli.add_numerics_options(parser)
    add("--workers", type=int, default=0, help="processes that augment images beside the training")
    add("--output-dir", type=Path, required=True, help="folder for model.pt, history.csv, args.yaml")
    return parser.parse_args(argv)


def check_options(args: argparse.Namespace) -> None:
    """Raise `InputError` for a value out of its range."""
    cli.check(args, above_0=["crop", "epochs", "batch_size", "learning_rate", "slots"])
    cli.check(args, not_below_0=["workers"], from_0_to_1=["flip", "jitter", "class_balance"])
    if not 0 < args.random_scale[0] <= args.random_scale[1]:
        raise InputError(f"--random-scale {args.random_scale}: give two factors above 0, the smaller first")
    if min(args.scales) <= 0 or len(set(args.scales)) < len(args.scales):
        raise InputError(f"--scales {args.scales}: give different factors above 0")


def read_pairs(args: argparse.Namespace, num_classes: int) -> list:
    """The annotated images and their label masks, decoded: uint8 [H, W, 3] and [H, W]."""
    from maskguide.data import datasets, masks

    index = datasets.read_index(args.index).set_index("image_id")
    annotated = masks.read_annotated(args.annotated)
    annotated = annotated[annotated["mask"] != ""]
    if annotated.empty:
        raise InputError(f"{args.annotated}: holds no mask to learn from; annotate some images")
    pairs = []
    for image_id, mask in zip(annotated["image_id"], annotated["mask"], strict=True):
        if image_id not in index.index:
            raise InputError(f"{args.annotated}: image {image_id} is not in {args.index}; import again")
        if index.at[image_id, "split"] != "train":
            raise InputError(f"{args.annotated}: image {image_id} is a test image; annotate training images")
        image = masks.read_image(index.at[image_id, "path"])
        pairs.append((image, masks.read_labels(mask, num_classes, image.shape[:2])))
    return pairs


def result_options(args: argparse.Namespace, pairs: list) -> dict:
    """What decides the result: the options, and the content of the files they name."""
    options = {name: value for name, value in vars(args).items() if name not in CHANGES_NO_RESULT}
    for name in ("weights", "init_from"):
        options[name] = sha256(options[name]) if options[name] else None
    content = hashlib.sha256()
    for image, labels in pairs:
        content.update(str(image.shape).encode() + image.tobytes() + labels.tobytes())
    return {**options, "content": content.hexdigest()}


def main(args: argparse.Namespace) -> None:
    check_options(args)
    from maskguide.data import masks
    from maskguide.system import gpu

    classes = masks.check_classes(args.classes)
    pairs = read_pairs(args, len(classes) + 1)
    cli.log.info("%d annotated images, classes: background, %s", len(pairs), ", ".join(classes))
    device = gpu.lease(args.slots, args.device, args.deterministic)  # before torch starts CUDA
    import pandas
    import torch
    from maskguide.learning import checkpoints, precision
    from maskguide.learning.transforms import Augmentation
    from maskguide.segment import segmenter_training, segmenters

    precision.choose(args.precision, device)
    torch.manual_seed(args.seed)
    channels = tuple(args.decoder_channels) if args.decoder_channels else None
    built_of = segmenters.Architecture(args.architecture, args.encoder, classes, args.encoder_depth, channels)
    model = segmenters.HierarchicalSegmenter(built_of)
    if args.init_from:
        segmenters.load_segmenter_weights(model, args.init_from)
    elif args.weights:
        segmenters.load_encoder_weights(model, args.weights)
    augmentation = Augmentation(args.crop, tuple(args.random_scale), args.rotation, args.flip, args.jitter)
    options = result_options(args, pairs)
    history = segmenter_training.train(model, pairs, augmentation, args, device, args.resume, options)
    write_csv(args.output_dir / "history.csv", pandas.DataFrame(history))
    cli.save_arguments(args.output_dir / "args.yaml", args)
    segmenters.save(args.output_dir / "model.pt", model)
    checkpoints.clear(args.resume)
    cli.log.info("%s written", args.output_dir / "model.pt")


if __name__ == "__main__":
    cli.run(main, parse_args())
