"""Run folders such as training leaves them, with plausible numbers drawn at random, for the tests."""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

import numpy as np
import pandas as pd
import yaml
from maskguide.plan import declared
from maskguide.reporting import labels


@contextmanager
def known(variants: dict, datasets: dict | None = None) -> Iterator[str]:
    """These names are known besides the repository's, as `--names` makes them; the option's value."""
    names = json.dumps({"variants": variants, "datasets": datasets or {}})
    labels.know(names)
    try:
        yield names
    finally:
        labels.know("{}")


def write_run(
    root: Path,
    dataset: str = "btfpis",
    method: str = "baseline",
    backbone: str = "mobilenet_v2",
    seed: int = 1,
    accuracy: float = 0.9,
    classes: int = 10,
    test_per_class: int = 8,
    epochs: int = 12,
    names: list[str] | None = None,
    regions: list[str] | None = None,
    family: str = "mga",
    options: dict | None = None,
    split: int | str = 1,
    images: Sequence[int] | None = None,
    **metrics,
) -> Path:
    """Write `root/<dataset>/split<split>/<method>/<backbone>/seed<k>` and return it.

    regions: those that guide MGFE where its name does not say (none: vein and contour). family: the method of
    a name that is not known. options, metrics: replace those of args.yaml and measurements. split: its
    number, or "2-validation". images: the numbers of the test images (none: all from 0), in equal shares of
    the classes.
    """
    folder = root / dataset / f"split{split}" / method / backbone / f"seed{seed}"
    folder.mkdir(parents=True)
    own = f"{dataset}{method}{backbone}{'' if split == 1 else split}"
    generator = np.random.default_rng([seed, *map(ord, own)])
    numbers = np.arange(classes * test_per_class) if images is None else np.array(images)
    truth = np.repeat(np.arange(classes), test_per_class) if images is None else numbers % classes

    def answers() -> np.ndarray:
        wrong = generator.random(len(truth)) > accuracy
        return np.where(wrong, (truth + generator.integers(1, classes, len(truth))) % classes, truth)

    last, best = answers(), answers()
    if (best == truth).sum() < (last == truth).sum():
        last, best = best, last
    variant = labels.variant(method, family)
    guided = variant.method in ("mga", "mgfe")
    top1 = {
        "top1_best": 100 * float((best == truth).mean()),
        "top1_last": 100 * float((last == truth).mean()),
    }
    regions = (
        variant.options.get("regions", regions or ["vein", "contour"]) if variant.method == "mgfe" else []
    )
    mask_source = variant.options.get("mask_source", "segmenter")
    source = f"{'+'.join(regions)}, filled" if regions else mask_source
    record = {
        "dataset": dataset,
        "method": variant.method,
        "backbone": backbone,
        "masks": source if guided else None,
        "seed": seed,
        "num_train": 10 * classes,
        "num_test": len(truth),
        "epochs": epochs,
        **top1,
        "best_epoch": max(epochs - 2, 0),
        "macro_f1_best": top1["top1_best"] - 0.3,
        "macro_f1_last": top1["top1_last"] - 0.3,
        "train_seconds": 61.5,
        "total_seconds": 80.25,
        "parameters": 2236682,
        "device": "cpu",
        "num_annotated": variant.options.get("annotated"),
        "annotation": "published" if regions or (guided and source == "segmenter") else None,
        "classes": names or [f"class {number}" for number in range(classes)],
    }
    (folder / "metrics.json").write_text(json.dumps(record | metrics))
    recorded = {"epochs": epochs, "crop": 224, "batch_size": 32, "learning_rate": 0.01}
    recorded["weights"] = f"weights/{backbone}-imagenet.pth"
    # every run has the options of all methods, meant or not; those that two of them have are as its own says
    for each in sorted(declared.methods().values(), key=lambda each: each.name == variant.method):
        recorded |= {name: facts.get("default") for name, facts in each.options.items()}
    recorded |= {
        **variant.options,
        "regions": regions,
        "mask_source": source if guided else None,
        **(options or {}),
    }
    (folder / "args.yaml").write_text(
        yaml.safe_dump({"options": recorded if epochs else {}, "versions": {}, "commit": "0123456789abcdef"})
    )
    pd.DataFrame(
        {
            "image_id": [f"{number:05d}" for number in numbers],
            "class_id": truth,
            "predicted_last": last,
            "predicted_best": best,
            "confidence_last": generator.random(len(truth)),
        }
    ).to_csv(folder / "predictions.csv", index=False)
    if epochs:
        losses = [f"attention_{region}" for region in regions] or ["attention"] * guided
        write_history(folder, epochs, accuracy, losses, generator)
    return folder


def write_history(
    folder: Path, epochs: int, accuracy: float, attention: list[str], generator: np.random.Generator
) -> None:
    """Write `history.csv`: losses that fall, those of attention as named, and accuracies that rise."""
    epoch = np.arange(1, epochs + 1)
    fall = np.exp(-3 * epoch / epochs)
    history = pd.DataFrame({"epoch": epoch, "learning_rate": 0.005 * (1 + np.cos(np.pi * epoch / epochs))})
    history["loss"] = 2.2 * fall + 0.05 + 0.05 * generator.random(epochs)
    history["cross_entropy"] = history["loss"]
    for name in attention:
        history[name] = 0.1 * (0.05 + 0.15 * fall + 0.01 * generator.random(epochs))
    history["train_top1"] = 100 * np.minimum(1, (1 - fall) * 1.05 + 0.02 * generator.random(epochs))
    history["test_top1"] = 100 * accuracy * (1 - 0.8 * fall) + generator.normal(0, 1.2, epochs)
    history["seconds"] = 2.5
    history.to_csv(folder / "history.csv", index=False)


def write_splits(
    root: Path, methods: dict[str, float], splits: int = 5, seeds: Sequence[int] = (1, 2), **metrics
) -> tuple[list[Path], list[Path]]:
    """Runs of several splits of 300 images with disjoint training parts, the rest test; and their indexes."""
    folders, indexes = [], []
    for split in range(1, splits + 1):
        learn = range(50 * split - 50, 50 * split)
        images = [number for number in range(300) if number not in learn]
        for method, accuracy in methods.items():
            own = {"images": images, "split": split, "classes": 5, "num_train": 50, **metrics}
            folders += [write_run(root, method=method, seed=seed, accuracy=accuracy, **own) for seed in seeds]
        indexes.append(write_index(root / "data" / "btfpis" / f"split{split}" / "index.csv", learn, images))
    return folders, indexes


def write_index(path: Path, learn: Sequence[int], images: Sequence[int]) -> Path:
    """Write an index of these training and test images, as far as tables read it."""
    path.parent.mkdir(parents=True)
    rows = [(f"{number:05d}", "train") for number in learn] + [(f"{number:05d}", "test") for number in images]
    pd.DataFrame(rows, columns=["image_id", "split"]).to_csv(path, index=False)
    return path


def write_ablation(
    root: Path, dataset: str = "btfpis", backbone: str = "mobilenet_v2", seeds=(213, 1, 2), **options
) -> list[Path]:
    """The runs of Table 4 on one data set, controls among them."""
    accuracies = {"baseline": 0.84, "attention": 0.86, "mga": 0.93, "mga-truth": 0.94, "mga-shuffled": 0.83}
    return [
        write_run(root, dataset, method, backbone, seed, accuracy, **options)
        for method, accuracy in accuracies.items()
        for seed in seeds
    ]


def write_segment(path: Path, dataset: str = "btfpis", **metrics) -> Path:
    """Write a segmenter's `metrics.json`."""
    record = {
        "dataset": dataset,
        "architecture": "Unet",
        "encoder": "mobilenet_v2",
        "scales": [0.5, 1.0],
        "num_annotated": 60,
        "annotation": "published",
        "num_test": 400,
        "iou": {"background": 96.123, "foreground": 88.456},
        "miou": 92.2895,
    }
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps(record | metrics))
    return path


REGION_ACCURACIES = {
    "baseline": 0.62,
    "mgfe-vein": 0.66,
    "mgfe-contour": 0.68,
    "mgfe": 0.74,
    "mgfe-sigmoid": 0.78,
    "mgfe-vein-sigmoid": 0.7,
    "mgfe-binarised": 0.71,
    "mgfe-counterparts": 0.73,
    "mgfe-shuffled": 0.6,
    "mgfe-n5": 0.63,
    "mga": 0.73,
}


def write_region_ablation(
    root: Path, dataset: str = "leaves", backbone: str = "small", seeds=(1, 2, 3), **options
) -> list[Path]:
    """The runs of MGFE's Table III on one data set, variants and controls among them."""
    return [
        write_run(root, dataset, method, backbone, seed, accuracy, **options)
        for method, accuracy in REGION_ACCURACIES.items()
        for seed in seeds
    ]


def write_detector(
    path: Path, dataset: str = "leaves", regions: dict[str, dict] | None = None, **metrics
) -> Path:
    """Write a detector's `metrics.json`; `regions` and `metrics` replace measurements."""
    found = {"map50": 99.5, "map50_95": 71.25, "precision": 98.0, "recall": 100.0}
    counts = {"num_boxes": 160, "missing_train": 0, "missing_test": 2}
    regions = {"vein": {}, "contour": {"map50": 98.5, "missing_test": 0}} if regions is None else regions
    record = {
        "dataset": dataset,
        "architecture": "yolov5n",
        "image_size": 480,
        "weights": "none",
        "epochs": 100,
        "num_annotated": 30,
        "annotation": "published",
        "truth": "published",
        "num_test": 160,
        "regions": {name: found | counts | given for name, given in regions.items()},
        **found,
        "map50": 99.0,
        "confidence": 0.25,
        "num_images_train": 160,
        "num_images_test": 160,
        "train_seconds": 312.5,
    }
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps(record | metrics))
    return path
