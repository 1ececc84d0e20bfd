"""Runs of ACA, max pooling and TDSA such as training and combining leave them, for the tests."""

from __future__ import annotations

import json
from pathlib import Path

import pandas as pd
from example_runs import write_run
from maskguide.plan import declared
from maskguide.plan.variants import Variant
from maskguide.reporting import labels

NETWORKS = 3
HEADS = ["local", "object"]
ACCURACIES = {
    "baseline": 0.84,
    "maxpool-s1": 0.84,
    "maxpool": 0.86,
    "aca-s1": 0.86,
    "aca": 0.9,
    "aca-local": 0.85,
    "aca-object": 0.87,
    "tdsa-channels": 0.86,
    "tdsa": 0.88,
}


def write_scale_run(
    root: Path,
    dataset: str = "leaves",
    method: str = "aca",
    backbone: str = "small",
    seed: int = 1,
    accuracy: float = 0.9,
    **metrics,
) -> Path:
    """Write a run of any method; one of all scales holds the accuracy of each and has no history."""
    folder = write_run(root, dataset, method, backbone, seed, accuracy)
    path = folder / "metrics.json"
    record = json.loads(path.read_text())
    variant = labels.variant(method)
    if declared.methods()[variant.method].averages_scales and "scale" not in variant.options:
        (folder / "history.csv").unlink()
        answers = pd.read_csv(folder / "predictions.csv", dtype={"image_id": str})
        answers = answers.assign(predicted_best=answers["predicted_last"])
        answers.to_csv(folder / "predictions.csv", index=False)
        record |= _combined(variant, record, seed)
    path.write_text(json.dumps(record | metrics))
    return folder


def _combined(variant: Variant, record: dict, seed: int) -> dict:
    def heads(average: float) -> dict:
        losses = variant.options.get("losses")
        taught = [] if variant.method == "maxpool" else [losses] if losses else HEADS
        answers = {head: average - 1 if head in taught else None for head in HEADS}
        return {**answers, "average": average}

    top1 = record["top1_last"]
    sums = {key: NETWORKS * record[key] for key in ("epochs", "train_seconds", "total_seconds", "parameters")}
    return {
        **sums,
        "top1_best": top1,
        "macro_f1_best": record["macro_f1_last"],
        "best_epoch": sums["epochs"],
        "networks": NETWORKS,
        "scales": [
            {"scale": scale, **heads(top1 - 6 + scale + seed / 4)} for scale in range(1, NETWORKS + 1)
        ],
        "multi": heads(top1),
    }


def write_methods(root: Path, dataset: str = "leaves", backbone: str = "small", methods=(), seeds=(1, 2, 3)):
    """Runs of these methods (none: all of them) with every seed."""
    return [
        write_scale_run(root, dataset, method, backbone, seed, ACCURACIES.get(method, 0.8))
        for method in methods or ACCURACIES
        for seed in seeds
    ]


def write_iou(path: Path, dataset: str = "btfpis", scale: int = 1, seed: int = 1, **record) -> Path:
    """Write the `iou.json` of one run of ACA."""
    found = {
        "dataset": dataset,
        "method": f"aca-s{scale}",
        "backbone": "mobilenet_v2",
        "seed": seed,
        "mean_iou": 0.5 + 0.02 * (seed % 10) - 0.05 * scale,
        "std_iou": 0.2,
        "mean_iou_whole_image": 0.41,
        "num_images": 400,
        "truth": "masks",
        "nothing_attended": seed,
    }
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps(found | record))
    return path
