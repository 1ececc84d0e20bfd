"""Fetch a detector's COCO weights from ultralytics and keep their numbers: a plain state dict.

ultralytics publishes whole pickled networks; this one is read with the classes of ultralytics alone allowed,
no other code can run from it. They are AGPL-3.0, and so, in their makers' view, is what is trained from them.

Example:
    python workflow/scripts/fetch_detector_weights.py --architecture yolov5n \\
        --output resources/weights/yolov5n-coco.pth
"""

from __future__ import annotations

import argparse
import re
from pathlib import Path

from maskguide.data import downloads
from maskguide.detect import detectors
from maskguide.system import cli
from maskguide.system.files import InputError, atomic_file

RELEASE = "https://github.com/ultralytics/assets/releases/download/v8.4.0"


def parse_args(argv: list[str] | None = None) -> argparse.Namespace:
    parser = cli.parser(__doc__)
    parser.add_argument("--architecture", required=True, help="a YOLO of ultralytics, such as yolov5n")
    parser.add_argument("--output", type=Path, required=True, help="state dict to write")
    return parser.parse_args(argv)


def weights_url(architecture: str) -> str:
    """Where ultralytics keeps the weights; its retrained YOLOv3 and YOLOv5 bear a u at the end."""
    ending = "u" if re.match(r"yolov[35]", architecture) else ""
    return f"{RELEASE}/{architecture}{ending}.pt"


def convert(path: Path, architecture: str, output: Path) -> None:
    """Write the state dict of the network in ultralytics' file `path`."""
    import torch
    from ultralytics.nn.tasks import torch_safe_load

    detectors.create(architecture, 80)
    try:
        content = torch_safe_load(str(path), safe_only=True)[0]
        network = content.get("ema") or content["model"]
        state = {name: tensor.float() for name, tensor in network.state_dict().items()}
    except Exception as error:
        reason = " ".join(str(error).split())[:120]
        raise InputError(f"{path}: holds no network of ultralytics ({reason}); fetch it again") from error
    with atomic_file(output) as temporary:
        torch.save(state, temporary)
        detectors.load_matching(detectors.create(architecture, 80), temporary)


def main(args: argparse.Namespace) -> None:
    with detectors.private_settings(args.output.parent / f"ultralytics-{args.architecture}"):
        detectors.create(args.architecture, 80)  # refuses an unknown name before anything is fetched
        published = args.output.with_suffix(".pt")
        downloads.download(weights_url(args.architecture), published)
        convert(published, args.architecture, args.output)
        published.unlink()
    cli.log.info("COCO weights of %s in %s", args.architecture, args.output)


if __name__ == "__main__":
    cli.run(main, parse_args())
