"""Images of a bright square, its masks or boxes, and untrained ACA networks of each scale, for the tests."""

from __future__ import annotations

import json
from pathlib import Path

import attend_regions
import build_store
import numpy as np
import pandas as pd
import torch
from example_runs import write_run
from maskguide import methods
from maskguide.learning import backbones, weights
from PIL import Image

CLASSES = ["ash", "beech", "cedar"]
SIZE = (60, 80)  # height, width
SQUARE = (20, 10, 60, 40)  # left, top, right, bottom
COLUMNS = ["image_id", "path", "class", "class_id", "split", "mask", "outline", "boxes"]


def write_images(folder: Path, *kinds: str) -> Path:
    """Two training and two test images per class with a `mask`, `outline` or `boxes`; the index."""
    rng = np.random.default_rng(0)
    rows = []
    for class_id, name in enumerate(CLASSES):
        for number in range(4):
            image_id = f"{name}_{number}"
            pixels = rng.integers(0, 120, (*SIZE, 3), dtype=np.uint8)
            mask = np.zeros(SIZE, np.uint8)
            left, top, right, bottom = SQUARE
            pixels[top:bottom, left:right, class_id] = 250
            mask[top:bottom, left:right] = 1
            Image.fromarray(pixels).save(folder / f"{image_id}.png")
            Image.fromarray(mask).save(folder / f"{image_id}_mask.png")
            Image.fromarray(255 * mask).save(folder / f"{image_id}_outline.png")
            lines = ["0 0.375 0.333333 0.25 0.333333", "1 0.625 0.5 0.25 0.333333"]  # together the square
            (folder / f"{image_id}.txt").write_text("\n".join(lines))
            files = {"mask": "_mask.png", "outline": "_outline.png", "boxes": ".txt"}
            marks = [f"{image_id}{ending}" if kind in kinds else "" for kind, ending in files.items()]
            split = "train" if number < 2 else "test"
            rows.append((image_id, f"{image_id}.png", name, class_id, split, *marks))
    pd.DataFrame(rows, columns=COLUMNS).to_csv(folder / "index.csv", index=False)
    return folder / "index.csv"


def write_attended(path: Path, index: Path, box: tuple, share: float = 0.4, scale: float = 1.0) -> Path:
    """attended.csv with the same box in every image; `scale`: the stored images' size to the originals'."""
    table = pd.read_csv(index)[["image_id", "split"]]
    table["height"], table["width"] = round(SIZE[0] * scale), round(SIZE[1] * scale)
    table[["left", "top", "right", "bottom"]] = [scale * side for side in box]
    table["share"] = share
    path.parent.mkdir(parents=True, exist_ok=True)
    table.to_csv(path, index=False)
    return path


def write_iou(path: Path, seed: int = 1, **numbers) -> Path:
    """iou.json of a network."""
    record = {"dataset": "leaves", "method": "aca-s1", "backbone": "small", "seed": seed, "mean_iou": 0.5}
    record |= {"std_iou": 0.1, "mean_iou_whole_image": 0.25, "num_images": 6, "truth": "masks"}
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps(record | {"nothing_attended": 0} | numbers))
    return path


def write_scales(folder: Path, index: Path, count: int) -> tuple[Path, list[Path], list[Path]]:
    """Store, runs and attended boxes of so many scales of an untrained network."""
    store = folder / "store"
    build_store.main(build_store.parse_args(["--index", str(index), "--output", str(store)]))
    runs, attended = [], []
    for scale in range(1, count + 1):
        torch.manual_seed(scale)
        options = {"classifiers": 2, "losses": "both"}
        model = methods.create("aca", backbones.create("small", None, len(CLASSES)), options)
        run = write_run(
            folder / "runs", "leaves", f"aca-s{scale}", "small", classes=len(CLASSES), names=CLASSES
        )
        info = {"method": "aca", "backbone": "small", "classes": CLASSES, "options": options}
        weights.write(run / "model.pt", model, info)
        output = folder / "attend" / f"s{scale}" / "attended.csv"
        zoom = ["--zoom", str(attended[-1])] if attended else []
        words = ["--store", str(store), "--run", str(run), "--device", "cpu", "--output", str(output), *zoom]
        attend_regions.main(attend_regions.parse_args(words))
        runs.append(run)
        attended.append(output)
    return store, runs, attended
