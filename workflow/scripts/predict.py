"""Name the class of new images by the networks of a finished run, all of its seeds together.

Writes a CSV with a row per image: its file, the class and how sure that is (percent), the second choice and
how sure that would be, whether the image is unlike those of the training, and what is wrong with a file that
could not be read. The confidence is calibrated where calibrate.py has been asked about the run; where not,
its columns say so by their names, and nothing is said of unlike images.

Example:
    python workflow/scripts/predict.py --run results/demo/runs/leaves/split1/swap/small --images photos \\
        --output named.csv --overlays looked_at
"""

from __future__ import annotations

import argparse
from pathlib import Path

from maskguide.system import cli, gpu
from maskguide.system.files import InputError, write_csv


def parse_args(argv: list[str] | None = None) -> argparse.Namespace:
    parser = cli.parser(__doc__)
    add = parser.add_argument
    add("--run", type=Path, required=True, help="folder of one seed of a run, or of all its seeds")
    add("--images", type=Path, required=True, help="folder of images, with all its subfolders")
    add("--output", type=Path, required=True, help="the CSV to write")
    add("--overlays", type=Path, help="folder for pictures of where the networks looked (none: not drawn)")
    cli.add_device_options(parser)
    cli.add_numerics_options(parser)
    return parser.parse_args(argv)


def images_in(folder: Path) -> list[Path]:
    """The image files of a folder and its subfolders, by their endings; `InputError` where there is none."""
    from maskguide.data.found import files_below
    from maskguide.data.layout_files import IMAGE_SUFFIXES

    if not folder.is_dir():
        raise InputError(f"{folder}: is no folder; give the one that holds the images")
    found = [path for path in map(Path, files_below([folder])) if path.suffix.lower() in IMAGE_SUFFIXES]
    if not found:
        raise InputError(f"{folder}: holds no image file ({', '.join(sorted(IMAGE_SUFFIXES))})")
    return found


def main(args: argparse.Namespace) -> None:
    paths = images_in(args.images)
    device = gpu.lease(args.slots, args.device, args.deterministic)  # before torch starts CUDA
    import numpy as np
    import pandas as pd
    from maskguide.deploy import answering, calibration, overlays
    from maskguide.deploy.ensemble import Ensemble
    from maskguide.learning import precision

    precision.choose(args.precision, device)
    ensemble = Ensemble(args.run, device)
    known = calibration.read(args.run, ensemble.classes)
    names = [path.relative_to(args.images).as_posix() for path in paths]
    draw = overlays.writer(ensemble, args.overlays, names) if args.overlays else None
    found = answering.answers(ensemble, paths, draw)
    if len(found.problems) == len(paths):
        first = next(iter(found.problems.values()))
        raise InputError(f"{args.images}: none of its {len(paths)} images can be read; the first: {first}")
    probabilities = found.probabilities
    read = np.array([place not in found.problems for place in range(len(paths))])
    if known:
        probabilities[read] = calibration.tempered(probabilities[read], known.temperature)
    order = np.argsort(-np.nan_to_num(probabilities), axis=1, kind="stable")
    classes, sure = np.array(ensemble.classes), "confidence" if known else "confidence_not_calibrated"
    table = pd.DataFrame({"file": names})
    for place, name in enumerate(("", "second_")):
        table[f"{name}class"] = np.where(read, classes[order[:, place]], "")
        table[f"{name}{sure}"] = (100 * np.take_along_axis(probabilities, order, axis=1)[:, place]).round(1)
    if known:
        away = calibration.distances(found.features, known.features)
        table["unlike_training"] = np.where(read, np.where(away > known.unlike_above, "yes", "no"), "")
    table["problem"] = [found.problems.get(place, "") for place in range(len(paths))]
    write_csv(args.output, table)
    for problem in found.problems.values():
        cli.log.warning("%s", problem)
    cli.log.info("%d images named, %d could not be read", read.sum(), len(found.problems))
    if known:
        cli.log.info("%d of them are unlike the training images", (table["unlike_training"] == "yes").sum())
    else:
        way_out = (
            f"calibrate the run first: snakemake {args.run / calibration.CALIBRATION}, with its --configfile"
        )
        if len(ensemble.members) == 1 and (args.run / "metrics.json").is_file():
            way_out = "give the folder of all seeds, which can be calibrated"
        cli.log.warning("the confidence is not calibrated, and too high as a rule; %s", way_out)


if __name__ == "__main__":
    cli.run(main, parse_args())
