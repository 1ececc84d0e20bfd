"""Write the networks of a finished run as one ONNX file, to be used without maskguide and without PyTorch.

It takes pixels as they are, uint8 [images, height, width, 3], RGB, in the size that the networks see, and
gives probabilities [images, classes]: the mean over the run's seeds, calibrated if the run is. Classes and
what to do with an image stand in the file's metadata. Before it is kept it is compared with the networks.

Example:
    python workflow/scripts/export_model.py --run results/demo/runs/leaves/split1/swap/small \\
        --output leaves.onnx
"""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import Any

from maskguide.system import cli
from maskguide.system.files import InputError, atomic_file

PIXELS = "uint8 [images, height, width, 3], RGB, 0 to 255, upright; transparent pixels on white"


def parse_args(argv: list[str] | None = None) -> argparse.Namespace:
    parser = cli.parser(__doc__)
    add = parser.add_argument
    add("--run", type=Path, required=True, help="folder of one seed of a run, or of all its seeds")
    add("--output", type=Path, required=True, help="the ONNX file to write")
    return parser.parse_args(argv)


def sizing(sees: dict[str, Any], side: int | None) -> str:
    """How an image is brought to the networks' size, in words; side: of the only one they take, a square."""
    side = side or sees["square"]
    if side:
        return f"bring the image to {side} × {side} pixels, bilinear"
    if sees["short_edge"]:
        return f"bring the image's short edge to {sees['short_edge']} pixels, bilinear"
    return f"leave the image's size, but bring a longest side of over {sees['largest']} pixels to that"


def main(args: argparse.Namespace) -> None:
    from maskguide import methods
    from maskguide.deploy import calibration, ensemble, onnx_file

    run = ensemble.Ensemble(args.run, "cpu")
    if any(len(scales) > 1 or scales[0].seen != ensemble.Seen() for scales in run.members):
        raise InputError(
            f"{args.run}: its networks see parts of images, or blanked ones, which an ONNX file cannot make; "
            "use predict.py, or export a run that sees whole images, such as ACA's scale 1 (aca-s1)"
        )
    known, info = calibration.read(args.run, run.classes), run.members[0][0].info
    folders = ensemble.seed_folders(args.run)
    networks = [methods.load(folder / "model.pt")[0] for folder in folders]  # as trained, nothing folded
    network = onnx_file.Probabilities(networks, known.temperature if known else None).eval()
    network.requires_grad_(False)
    sees, side = info["sees"], info["sees"]["square"] or info["sees"]["short_edge"] or info["sees"]["largest"]
    exported = onnx_file.export(network, (side, side))
    facts = {
        "classes": run.classes,
        "method": info["method"],
        "backbone": info["backbone"],
        "seeds": len(networks),
        "temperature": network.temperature,
        "sees": sees,
        "pixels": PIXELS,
        "sizing": sizing(sees, None if exported.dynamic else side),
    }
    onnx_file.described(exported.model, facts)
    with atomic_file(args.output) as temporary:
        temporary.write_bytes(onnx_file.content(exported.model))
    told = "%s: %.1f MB, images of %s; largest difference of a probability from the networks' %.1e"
    sizes = "any size" if exported.dynamic else f"{side} × {side} pixels alone"
    cli.log.info(told, args.output, args.output.stat().st_size / 1e6, sizes, exported.difference)
    if not known:
        cli.log.warning("its confidence is not calibrated; see calibrate.py")


if __name__ == "__main__":
    cli.run(main, parse_args())
