"""What does a backbone of each family cost to train, and does its ONNX file say what the network says?

Each network, with random weights, in a process of its own: three training steps of the plain method with all
layers learning, the mean of the last two timed; then the network as ONNX, compared with it by onnxruntime.
Random networks are undecided, and no difference would show: the temperature is chosen so that they are sure
of their answers.

Example:
    python bench/families.py --crop 224 --batch-size 16
"""

from __future__ import annotations

import argparse
import json
import sys
import time
from statistics import fmean

from generated import CLASSES, in_own_process, print_table

FAMILIES = {
    "small": "our own",
    "mobilenet_v2": "MobileNet",
    "resnet50": "ResNet",
    "densenet121": "DenseNet",
    "vgg11_bn": "VGG",
    "tf_efficientnet_lite0": "EfficientNet",
    "convnext_atto": "ConvNeXt",
    "tiny_vit_5m_224": "TinyViT",
    "swin_tiny_patch4_window7_224": "Swin",
    "vit_tiny_patch16_224": "ViT",
    "vit_small_patch14_dinov2": "DINOv2",
    "vit_tiny_patch16_dinov3_qkvb": "DINOv3",
}
STEPS = 3
DECISIVE = 4.0  # standard deviation of the logarithms of a network's probabilities
PATIENCE = 900  # seconds for one network


def measure(args: argparse.Namespace) -> dict:
    """Seconds of a step, parameters, and the ONNX file's difference, MB and freedom, in this process."""
    import torch
    from maskguide import methods
    from maskguide.deploy import onnx_file
    from maskguide.learning import backbones, training
    from maskguide.learning.interface import Batch

    torch.manual_seed(0)
    torch.set_num_threads(args.threads)
    model = methods.create("baseline", backbones.create(args.backbones[0], None, CLASSES), {})
    model = model.to(memory_format=torch.channels_last).train()
    optimizer = training.Schedule(1, 0.0001, 0.9, 0).create_optimizer(model)
    images = torch.rand(args.batch_size, 3, args.crop, args.crop).to(memory_format=torch.channels_last)
    batch = Batch(images, torch.arange(args.batch_size) % CLASSES, None, None)
    times = []
    for _ in range(STEPS):
        started = time.perf_counter()
        optimizer.zero_grad(set_to_none=True)
        sum(model.loss(model(batch.images), batch).values()).backward()
        optimizer.step()
        times.append(time.perf_counter() - started)
    found = {"seconds": fmean(times[1:]), "parameters": sum(each.numel() for each in model.parameters())}

    model = model.eval().to(memory_format=torch.contiguous_format).requires_grad_(False)
    size = (args.crop, args.crop)
    logarithms = onnx_file.Probabilities([model], None)(onnx_file.random_images(8, size)).log()
    network = onnx_file.Probabilities([model], float(logarithms.std(dim=1).mean()) / DECISIVE).eval()
    started = time.perf_counter()
    try:
        exported = onnx_file.export(network, size)
    except onnx_file.InputError as error:
        return found | {"refused": str(error)}
    megabytes = len(exported.model.SerializeToString()) / 1e6
    spent = time.perf_counter() - started
    return found | {"of": exported.difference, "mb": megabytes, "free": exported.dynamic, "export": spent}


def row(backbone: str, args: argparse.Namespace) -> tuple[str, ...]:
    words = [__file__, "--one", "--backbones", backbone, "--crop", str(args.crop)]
    words += ["--batch-size", str(args.batch_size), "--threads", str(args.threads)]
    named = (FAMILIES.get(backbone, "–"), backbone)
    found = in_own_process(words, PATIENCE)
    if isinstance(found, str):
        return (*named, "–", "–", found, "–", "–", "–")
    cost = (f"{found['parameters'] / 1e6:.1f}", f"{found['seconds']:.2f}")
    if "refused" in found:
        return (*named, *cost, found["refused"], "–", "–", "–")
    sizes = "any" if found["free"] else f"{args.crop} alone"
    return (*named, *cost, f"{found['of']:.1e}", sizes, f"{found['mb']:.1f}", f"{found['export']:.0f}")


def main(args: argparse.Namespace) -> None:
    rows = []
    for backbone in args.backbones:
        rows.append(row(backbone, args))
        print(*rows[-1], file=sys.stderr, flush=True)
    print(f"{args.crop} pixels, batch of {args.batch_size}, {args.threads} thread(s), CPU, float32")
    heads = ("family", "backbone", "million parameters", "seconds a step")
    print_table((*heads, "ONNX: largest difference", "sizes", "MB", "seconds"), rows)


if __name__ == "__main__":
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument(
        "--backbones", nargs="+", default=list(FAMILIES), help="torchvision's or timm's names"
    )
    parser.add_argument("--crop", type=int, default=224, help="side of the images, in pixels")
    parser.add_argument("--batch-size", type=int, default=16, help="images of one step")
    parser.add_argument("--threads", type=int, default=1, help="CPU threads that compute")
    parser.add_argument("--one", action="store_true", help=argparse.SUPPRESS)
    given = parser.parse_args()
    if given.one:
        print(json.dumps(measure(given)))
    else:
        main(given)
