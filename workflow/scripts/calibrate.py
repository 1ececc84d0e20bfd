"""Calibrate a run: how sure it may be of an answer, and which images are unlike those it has learned from.

Neither the run's own answers to its training images can tell, which it knows by heart, nor the test images,
which judge it. So the training images are parted into folds; networks that learned like the run's, but
without one fold, are asked about that fold. Writes calibration.json and training_features.npy beside the
folders of the run's seeds.

Example:
    python workflow/scripts/calibrate.py --run results/demo/runs/leaves/split1/mga/small \\
        --index results/demo/data/leaves/split1/index.csv \\
        --fold-runs results/demo/runs/leaves/split1-fold{1,2,3}/mga/small \\
        --fold-indexes results/demo/data/leaves/split1-fold{1,2,3}/index.csv
"""

from __future__ import annotations

import argparse
from pathlib import Path

from maskguide.system import cli, gpu
from maskguide.system.files import InputError, atomic_file, write_json


def parse_args(argv: list[str] | None = None) -> argparse.Namespace:
    parser = cli.parser(__doc__)
    add = parser.add_argument
    add("--run", type=Path, required=True, help="folder that holds the run's seeds")
    add("--index", type=Path, required=True, help="index.csv of its split")
    add("--fold-runs", type=Path, nargs="+", required=True, help="the same folder of each fold")
    add("--fold-indexes", type=Path, nargs="+", required=True, help="index.csv of each fold")
    cli.add_device_options(parser)
    cli.add_numerics_options(parser)
    return parser.parse_args(argv)


def main(args: argparse.Namespace) -> None:
    if len(args.fold_runs) != len(args.fold_indexes):
        raise InputError(f"--fold-indexes: {len(args.fold_indexes)} for {len(args.fold_runs)} --fold-runs")
    device = gpu.lease(args.slots, args.device, args.deterministic)  # before torch starts CUDA
    import numpy as np
    from maskguide.data import datasets
    from maskguide.deploy import answering, calibration
    from maskguide.deploy.ensemble import Ensemble
    from maskguide.learning import precision

    precision.choose(args.precision, device)

    def asked(ensemble: Ensemble, index, part: str):
        rows = index[index["split"] == part]
        found = answering.answers(ensemble, rows["path"].tolist())
        if found.problems:
            raise InputError(next(iter(found.problems.values())))
        return rows["class_id"].to_numpy(), found

    whole = Ensemble(args.run, device)
    labels, probabilities, away = [], [], []
    for run, path in zip(args.fold_runs, args.fold_indexes, strict=True):
        fold, index = Ensemble(run, device), datasets.read_index(path)
        if fold.classes != whole.classes:
            raise InputError(f"{run}: has other classes than {args.run}; give folds of the same run")
        _, known = asked(fold, index, "train")
        truth, held = asked(fold, index, "test")
        labels.append(truth)
        probabilities.append(held.probabilities)
        away.append(calibration.distances(held.features, known.features))
    said = calibration.fitted(*map(np.concatenate, (probabilities, labels, away)), whole.classes)
    _, learned = asked(whole, datasets.read_index(args.index), "train")
    with atomic_file(args.run / calibration.FEATURES) as temporary, temporary.open("wb") as file:
        np.save(file, learned.features.astype(np.float16))
    write_json(args.run / calibration.CALIBRATION, said)
    told = "%d images held back: %.1f %% right, confidence %.1f %% before and %.1f %% after; temperature %.2f"
    before = said["top1"], said["confidence_before"], said["confidence"], said["temperature"]
    cli.log.info(told, said["images"], *before)


if __name__ == "__main__":
    cli.run(main, parse_args())
