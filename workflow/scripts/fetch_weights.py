"""Fetch a backbone's weights by torchvision's own loader, hash checked, or by timm's. Needs the network.

Without one, name a file you have in the config instead, weights: {resnet50: PATH}. A file in PyTorch's own
cache is taken from there; what is fetched goes beside the output, never into that cache.

Example:
    python workflow/scripts/fetch_weights.py --backbone resnet50 \\
        --output resources/weights/resnet50-imagenet.pth
"""

from __future__ import annotations

import argparse
import re
import sys
import tempfile
from pathlib import Path

import torch
from maskguide.learning import backbones
from maskguide.system import cli
from maskguide.system.files import InputError, atomic_file, sha256
from torchvision import models


def parse_args(argv: list[str] | None = None) -> argparse.Namespace:
    parser = cli.parser(__doc__)
    parser.add_argument("--backbone", required=True, help="a torchvision name, or timm's")
    parser.add_argument("--output", type=Path, required=True, help="state dict to write")
    return parser.parse_args(argv)


def weights_url(backbone: str) -> str:
    """Where torchvision keeps the weights the papers start from, the first ImageNet set of each network."""
    if backbone == backbones.SMALL:
        raise InputError("--backbone small: is our own, without ImageNet's; set classify weights: generated")
    if backbone not in backbones.names():
        raise InputError(f"--backbone {backbone}: unknown; choose one of {', '.join(backbones.names()[1:])}")
    return models.get_model_weights(backbone)["IMAGENET1K_V1"].url


def fetch(url: str, folder: Path) -> dict[str, torch.Tensor]:
    """The state dict at `url`, from PyTorch's cache or by way of `folder`; its name's hash is checked."""
    name = url.rpartition("/")[2]
    cached = Path(torch.hub.get_dir()) / "checkpoints" / name
    place = cached if cached.is_file() else folder / name
    try:
        state = torch.hub.load_state_dict_from_url(
            *(url, str(place.parent), "cpu"), progress=sys.stderr.isatty(), check_hash=True, weights_only=True
        )
    except (OSError, RuntimeError) as error:
        reason = " ".join(str(error).split())
        way_out = "name a file you have in the config, weights: {NAME: PATH}"
        raise InputError(f"{url}: cannot be fetched ({reason}); {way_out}") from error
    expected = re.search(r"-([0-9a-f]{8,})\.", name)
    if expected and not sha256(place).startswith(expected[1]):
        raise InputError(f"{place}: its SHA-256 does not begin with {expected[1]}; delete it and run again")
    if place != cached:
        place.unlink()
    return state


def fetch_from_timm(backbone: str, folder: Path) -> dict[str, torch.Tensor]:
    """The state dict of timm's network of that name, through `folder`, by timm's own loader."""
    import timm

    if not timm.is_model(backbone.partition(".")[0]):
        raise InputError(f"--backbone {backbone}: neither torchvision nor timm has it")
    with tempfile.TemporaryDirectory(dir=folder) as cache:
        try:
            network = timm.create_model(backbone, pretrained=True, cache_dir=cache)
        except Exception as error:  # whatever a download may raise
            reason = " ".join(str(error).split())
            raise InputError(
                f"{backbone}: cannot be fetched ({reason}); name a file you have in the config, weights: "
                "{NAME: PATH}"
            ) from error
    return network.state_dict()


def main(args: argparse.Namespace) -> None:
    args.output.parent.mkdir(parents=True, exist_ok=True)
    if args.backbone == backbones.SMALL or args.backbone in backbones.names():
        state = fetch(weights_url(args.backbone), args.output.parent)
    else:
        state = fetch_from_timm(args.backbone, args.output.parent)
    with atomic_file(args.output) as temporary:
        torch.save(dict(state), temporary)
        backbones.create(args.backbone, temporary, num_classes=2)  # refuses what does not fit
    cli.log.info("ImageNet weights of %s in %s", args.backbone, args.output)


if __name__ == "__main__":
    cli.run(main, parse_args())
