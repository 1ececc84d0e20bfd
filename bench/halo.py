"""Does the seam around a swapped-in object give away the photograph that it came from?

Leaves of `leaves_sessions`, those of its test part: each cultivar in all sessions, so that the leaf itself
says nothing of its session. Each is put before the background of another image, and everything but the seam
is made grey: what is left is a band around the outline. A logistic regression of frozen features is asked
which session the leaf was photographed in. If the seam tells nothing it guesses.

Bands: of the photographs as they are (the background itself, the session in plain sight); of leaves cut out
along the mask's hard edge; of leaves cut out with the soft edge of `swap`, which gives the outermost pixels
to the new background.

Example:
    python bench/halo.py
"""

from __future__ import annotations

import argparse
import tempfile
from pathlib import Path

import numpy as np
import pandas as pd
from generated import SCRIPTS, print_table
from maskguide.reporting.folds import fold_test
from scipy.ndimage import distance_transform_edt

GREY = 128
WEIGHTS = SCRIPTS.parents[1] / "resources" / "small-leaves.pth"


def band(mask: np.ndarray, width: int) -> np.ndarray:
    """Pixels that lie at most so far from the outline, on either side, bool [h, w]."""
    inside = mask >= 128
    return np.where(inside, distance_transform_edt(inside), distance_transform_edt(~inside)) <= width


def main(args: argparse.Namespace) -> None:
    import generate_leaves
    import torch
    from maskguide.data.masks import read_grey
    from maskguide.data.pictures import read_rgb
    from maskguide.learning import backbones, evaluation, probes
    from maskguide.learning.batches import images_on
    from maskguide.views.objects import composed, edge_of, soft_edge, without_object

    with tempfile.TemporaryDirectory() as temporary:
        folder = Path(temporary) / "leaves"
        words = ["--sessions", "--train-images", "1", "--test-images", str(args.images)]
        words += ["--size", str(args.size), "--seed", str(args.seed), "--output", str(folder)]
        generate_leaves.main(generate_leaves.parse_args(words))
        labels = pd.read_csv(folder / "labels.csv")
        labels = labels[labels["split"] == "test"]
        places = [
            next(folder.glob(f"images/*/{each}.png")).relative_to(folder / "images")
            for each in labels["image_id"]
        ]
        pixels = [read_rgb(folder / "images" / place) for place in places]
        masks = [255 * (read_grey(folder / "outlines" / place) > 0).astype(np.uint8) for place in places]
    rng = np.random.default_rng(args.seed)
    backgrounds = [without_object(image, mask) for image, mask in zip(pixels, masks, strict=True)]
    others = [(place + rng.integers(1, len(pixels))) % len(pixels) for place in range(len(pixels))]
    width = args.width * edge_of(masks[0].shape)
    seams = [band(mask, width)[..., None] for mask in masks]
    cut = {
        "photograph as it is": lambda place: pixels[place],
        "hard edge": lambda place: composed(pixels[place], backgrounds[others[place]], masks[place]),
        "soft edge": lambda place: composed(
            pixels[place], backgrounds[others[place]], soft_edge(masks[place])
        ),
    }
    network = backbones.create("small", WEIGHTS, 2)
    network = evaluation.folded(network.features)
    sessions, chance = labels["session"].to_numpy(), 1 / labels["session"].nunique()
    folds, rows = list(probes.folds_of(sessions, 5, 4)), []
    for name, made in cut.items():
        shown = np.stack([np.where(seams[place], made(place), GREY) for place in range(len(pixels))])
        with torch.inference_mode():
            maps = network(images_on(shown.astype(np.uint8), "cpu"))
        features = np.repeat(maps.mean(dim=(2, 3)).float().numpy()[:, None], 3, axis=1)
        right = []
        for _, _, test in folds:
            said = probes.answers(features, sessions, ~test, "probe")
            right.append((said == sessions)[test].mean())
        found = fold_test(np.array(right) - chance, 1 / 5)
        bounds = f"{100 * chance + found.low:.1f} to {100 * chance + found.high:.1f}"
        rows.append((name, f"{100 * np.mean(right):.1f}", bounds, f"{found.p:.3f}"))
    print(f"{len(pixels)} leaves of {args.size} pixels, bands {width} pixels to each side of the outline")
    print_table(("session named from the band", "right, %", "95 %", "p, against chance"), rows)
    print(f"chance: {100 * chance:.1f} %")


if __name__ == "__main__":
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--images", type=int, default=48, help="of each cultivar")
    parser.add_argument("--size", type=int, default=128, help="side of the images, in pixels")
    parser.add_argument("--width", type=int, default=3, help="of the band, in edges of the soft edge")
    parser.add_argument("--seed", type=int, default=0, help="of leaves and backgrounds")
    main(parser.parse_args())
