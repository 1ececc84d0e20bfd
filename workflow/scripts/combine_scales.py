"""Average the networks of all scales and, of ACA, of both heads: the prediction of the whole method.

Each scale's probability is the mean of its heads' probabilities, the prediction the mean over scales. Writes
predictions.csv, args.yaml and metrics.json: that of a run, with the accuracy of each scale and head. Epochs,
seconds and parameters are the sums over the networks, train_top1 is the least of theirs.

Example:
    python workflow/scripts/combine_scales.py --store results/demo/store/leaves/images \\
        --runs results/demo/runs/leaves/split1/aca-s{1,2,3}/small/seed1 \\
        --zooms results/demo/attend/leaves/split1/aca-s{1,2}/small/seed1/attended.csv \\
        --output-dir results/demo/runs/leaves/split1/aca/small/seed1
"""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import Any

from maskguide.system import cli, gpu
from maskguide.system.files import InputError, read_json, read_yaml, write_csv, write_json
from maskguide.system.stopwatch import Stopwatch

SUMS = ("epochs", "train_seconds", "total_seconds", "parameters")
SAME = (
    *("dataset", "method", "backbone", "seed", "num_train", "num_counterparts", "num_test", "classes"),
    *("masks", "annotation", "num_annotated"),
)
HEADS = ("local", "object", "average")  # None where a head was not taught


def parse_args(argv: list[str] | None = None) -> argparse.Namespace:
    parser = cli.parser(__doc__)
    add = parser.add_argument
    add("--store", type=Path, required=True, help="image store, made by build_store.py")
    add("--index", type=Path, help="index.csv of the split (none: as the store says)")
    add("--runs", type=Path, nargs="+", required=True, help="run folders of scale 1, 2, …, in this order")
    cut_out = "attended.csv that cut out the images of scale 2, 3, …, in this order"
    add("--zooms", type=Path, nargs="*", default=[], help=cut_out)
    cli.add_device_options(parser)
    cli.add_numerics_options(parser)
    add("--output-dir", type=Path, required=True, help="folder of the run to write")
    return parser.parse_args(argv)


def read_runs(folders: list[Path]) -> list[dict[str, Any]]:
    """The metrics of each scale's run; `InputError` where they are not scales of one method and seed."""
    found = [read_json(folder / "metrics.json") for folder in folders]
    for folder, metrics in zip(folders, found, strict=True):
        for key in (*SAME, "train_top1"):
            if not isinstance(metrics, dict) or key not in metrics:
                raise InputError(f"{folder}/metrics.json: {key} is missing; delete the folder and run again")
            if key in SAME and metrics[key] != found[0][key]:
                differs = f"its {key} is {metrics[key]}, that of {folders[0]} {found[0][key]}"
                raise InputError(f"{folder}: {differs}; give the scales of one method")
    return found


def main(args: argparse.Namespace) -> None:
    if len(args.zooms) != len(args.runs) - 1:
        counts = f"{len(args.zooms)} given for {len(args.runs)} runs"
        raise InputError(f"--zooms: {counts}; give one for each after the first")
    found = read_runs(args.runs)
    device = gpu.lease(args.slots, args.device, args.deterministic)  # before torch starts CUDA
    import numpy as np
    from maskguide import methods, views
    from maskguide.data.store import ImageStore
    from maskguide.learning import evaluation, precision

    precision.choose(args.precision, device)
    scales, inference = [], Stopwatch("inference")
    for run, zoom in zip(args.runs, [None, *args.zooms], strict=True):
        model, info = methods.load(run / "model.pt")
        images = ImageStore(args.store, [views.create("zoom", zoom)] if zoom else [], args.index)
        rows = images.rows("test")
        with inference:
            scales.append(evaluation.head_probabilities(model.to(device), images, rows, device))
    inference.say()
    test = images.layout.iloc[rows]
    labels = test["class_id"].to_numpy()
    together = {head: np.mean([scale[head] for scale in scales], axis=0) for head in scales[0]}
    accuracies = [
        {
            head: evaluation.top1(labels, scale[head].argmax(axis=1)) if head in scale else None
            for head in HEADS
        }
        for scale in [*scales, together]
    ]
    probability = together["average"]
    predicted = probability.argmax(axis=1)
    predictions = test[["image_id", "class_id"]].assign(
        predicted_last=predicted, predicted_best=predicted, confidence_last=probability.max(axis=1)
    )
    top1 = evaluation.top1(labels, predicted)
    f1 = evaluation.macro_f1(labels, predicted, len(info["classes"]))
    totals = {key: sum(metrics[key] for metrics in found) for key in SUMS}
    metrics = {
        **{key: found[0][key] for key in SAME},
        **totals,
        **{"top1_best": top1, "top1_last": top1, "best_epoch": totals["epochs"]},
        **{"macro_f1_best": f1, "macro_f1_last": f1},
        "train_top1": min(metrics["train_top1"] for metrics in found),
        **{key: found[0].get(key) for key in ("device", "precision")},
        **{key: info["options"].get(key) for key in ("classifiers", "losses")},
        "networks": len(scales),
        "scales": [{"scale": place + 1, **each} for place, each in enumerate(accuracies[:-1])],
        "multi": accuracies[-1],
    }
    write_csv(args.output_dir / "predictions.csv", predictions)
    trained = read_yaml(args.runs[0] / "args.yaml")["options"]
    own = {**vars(args), "scales": len(scales)}
    cli.save_arguments(args.output_dir / "args.yaml", argparse.Namespace(**{**trained, **own}))
    write_json(args.output_dir / "metrics.json", metrics)
    of_scales = " ".join(f"{each['average']:.2f}" for each in accuracies[:-1])
    cli.log.info("scales %s, together %.2f %%", of_scales, top1)


if __name__ == "__main__":
    cli.run(main, parse_args())
