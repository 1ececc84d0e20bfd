"""How much faster is pooling a mask from the store than from its file, or from its pixels?

From the store: a summed-area table, four reads a cell. From the file: decoded, cut and pooled each time. From
pixels that lie in memory, a quarter of the table's bytes: cut and summed anew for each crop. All are timed in
turn within one run on the same random crops; only the ratios mean something.

Example:
    python bench/pooling.py --size 1024 --crop 448 --rounds 200
"""

from __future__ import annotations

import argparse
import sys
import tempfile
import time
from pathlib import Path

import numpy as np
import pandas as pd
from PIL import Image

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "workflow" / "scripts"))

from maskguide.data import pooling, store


def main(args: argparse.Namespace) -> None:
    import torch
    from torch.nn.functional import adaptive_avg_pool2d

    rng = np.random.default_rng(0)
    with tempfile.TemporaryDirectory() as temporary:
        folder = Path(temporary)
        (folder / "soft").mkdir()
        rough = rng.integers(0, 256, (args.size // 16, args.size // 16), dtype=np.uint8)
        mask = Image.fromarray(rough).resize((args.size, args.size), Image.Resampling.BILINEAR)
        mask.save(folder / "soft" / "mask.png")
        path = folder / "soft" / "mask.png"
        index = pd.DataFrame({"image_id": ["mask"], "split": ["train"], "path": [str(path)]})
        store.build_masks(index, folder, folder / "store")
        masks = store.MaskStore(folder / "store")
        seconds = {"store": 0.0, "file": 0.0, "pixels": 0.0}
        memory = store.decode(path, "L")
        table = masks.table("mask")
        print(
            f"bytes a pixel: table {table.nbytes / memory.size:.1f}, pixels {memory.nbytes / memory.size:.1f}"
        )
        for top, left in rng.integers(0, args.size - args.crop + 1, (args.rounds, 2)).tolist():
            window = pooling.Rectangle(top, left, args.crop, args.crop)
            start = time.perf_counter()
            pooled = masks.pool("mask", window, (14, 14))
            middle = time.perf_counter()
            pixels = store.decode(path, "L")[top : top + args.crop, left : left + args.crop]
            expected = adaptive_avg_pool2d(torch.from_numpy(pixels / 255.0)[None], 14)[0].numpy()
            seconds["store"] += middle - start
            seconds["file"] += time.perf_counter() - middle
            start = time.perf_counter()
            cut = memory[top : top + args.crop, left : left + args.crop]
            own = pooling.summed_area_table(cut, np.uint32)
            inside = window._replace(top=0, left=0)
            spans = tuple(pooling.cells(side, 14) for side in (args.crop, args.crop))
            summed = pooling.pooled(own, inside, spans)
            seconds["pixels"] += time.perf_counter() - start
            assert np.allclose(pooled, expected, atol=1e-5)
            assert np.array_equal(summed, pooled)
    per_crop = ", ".join(f"{name} {1e6 * value / args.rounds:.0f}" for name, value in seconds.items())
    print(f"microseconds a crop: {per_crop} ({args.rounds} crops)")
    print(f"from the file / from the store = {seconds['file'] / seconds['store']:.1f}")
    print(f"from pixels / from the store = {seconds['pixels'] / seconds['store']:.1f}")


if __name__ == "__main__":
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--size", type=int, default=1024, help="side of the mask, in pixels")
    parser.add_argument("--crop", type=int, default=448, help="side of the crops, in pixels")
    parser.add_argument("--rounds", type=int, default=200, help="number of crops")
    main(parser.parse_args())
