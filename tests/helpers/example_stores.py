"""A tiny data set in its stores, for tests that train."""

import json

import build_store
import numpy as np
import pandas as pd
import pool_masks
from PIL import Image

CLASSES = 3
COLUMNS = ["image_id", "path", "class", "class_id", "split", "mask", "outline", "boxes"]


def make_squares(folder):
    """Pictures of a bright square whose colour is the class, its mask, both stored through the scripts."""
    (folder / "masks" / "soft").mkdir(parents=True)
    rng = np.random.default_rng(0)
    rows = []
    for number in range(CLASSES * 8):
        class_id, split = number % CLASSES, "train" if number < CLASSES * 5 else "test"
        pixels = rng.integers(0, 120, (48, 40, 3), dtype=np.uint8)
        mask = np.zeros((48, 40), dtype=np.uint8)
        top, left = rng.integers(0, 24), rng.integers(0, 16)
        pixels[top : top + 24, left : left + 24, class_id] = 250
        mask[top : top + 24, left : left + 24] = 255
        Image.fromarray(pixels).save(folder / f"i{number}.png")
        Image.fromarray(mask).save(folder / "masks" / "soft" / f"i{number}.png")
        rows.append((f"i{number}", f"i{number}.png", f"c{class_id}", class_id, split, "", "", ""))
    pd.DataFrame(rows, columns=COLUMNS).to_csv(folder / "index.csv", index=False)
    index = ["--index", str(folder / "index.csv")]
    build_store.main(build_store.parse_args([*index, "--output", str(folder / "store")]))
    masks = ["--masks", str(folder / "masks"), "--output", str(folder / "pooled")]
    pool_masks.main(pool_masks.parse_args([*index, *masks]))
    return folder


def without_times(folder):
    """What a run measured, times apart."""
    metrics = json.loads((folder / "metrics.json").read_text())
    history = pd.read_csv(folder / "history.csv").drop(columns="seconds").to_csv()
    metrics = {name: value for name, value in metrics.items() if not name.endswith("_seconds")}
    return metrics, history, (folder / "predictions.csv").read_text()
