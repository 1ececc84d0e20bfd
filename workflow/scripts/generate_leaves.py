"""Generate a data set of leaf scans with known veins, outline and boxes.

The cultivars belong to one species and differ by little in their second-order veins; background, light, pose
and blemishes differ from leaf to leaf. The same options give the same bytes.

With --sessions all training leaves of a cultivar lie on one table, its test leaves on all in turn. A mask
then marks the whole leaf, and labels.csv says the session.

Example:
    python workflow/scripts/generate_leaves.py --cultivars 8 --train-images 20 --test-images 20 --size 160 \\
        --difficulty 1.0 --seed 0 --output results/demo/data/leaves/files --contact-sheet leaves.png
"""

from __future__ import annotations

import argparse
import math
from pathlib import Path

import numpy as np
import pandas as pd
from maskguide import leaves
from maskguide.leaves import synthetic
from maskguide.leaves.leaf_shape import Cultivar
from maskguide.leaves.synthetic import Leaf
from maskguide.system import cli
from maskguide.system.files import InputError, atomic_directory, atomic_file, write_csv
from PIL import Image
from tqdm import tqdm

PALETTE = np.array([[24, 32, 24], [255, 255, 255], [230, 60, 50]], dtype=np.uint8)  # of labels, on the sheet
SHEET_LEAVES = 4  # leaves per cultivar on the contact sheet


def parse_args(argv: list[str] | None = None) -> argparse.Namespace:
    parser = cli.parser(__doc__)
    add = parser.add_argument
    add("--cultivars", type=int, default=8, help="number of classes")
    add("--train-images", type=int, default=20, help="training images per cultivar")
    add("--test-images", type=int, default=20, help="test images per cultivar")
    add("--size", type=int, default=160, help="width and height of an image in pixels")
    steps = "0 and above; each step halves the difference between cultivars and adds nuisance"
    add("--difficulty", type=float, default=1.0, help=steps)
    add("--seed", type=int, default=0, help="seed of cultivars and leaves")
    photographed = "photograph each cultivar's training images in a session of their own, test images in all"
    add("--sessions", action="store_true", help=photographed)
    told = "of --sessions: 0 (plain leaves) to 1, how far what lies behind the leaf is its session's"
    add("--strength", type=float, default=1.0, help=told)
    tinted = "of --sessions: 0 to 1, how far light and camera are, which colour the leaf too"
    add("--light", type=float, default=0.0, help=tinted)
    add("--output", type=Path, required=True, help="folder to write; an older one is replaced")
    add("--contact-sheet", type=Path, help="PNG that shows some leaves beside their labels")
    return parser.parse_args(argv)


def check(args: argparse.Namespace) -> None:
    """Refuse options that describe no data set."""
    cli.check(args, at_least_1=["cultivars", "train_images"], not_below_0=["test_images", "seed"])
    cli.check(args, from_0_to_1=["strength", "light"])
    if args.size < synthetic.SMALLEST:
        raise InputError(f"--size {args.size}: too small for veins; give {synthetic.SMALLEST} or more")
    if not (math.isfinite(args.difficulty) and args.difficulty >= 0):
        raise InputError(f"--difficulty {args.difficulty}: not a number from 0 on; give 1 for the usual set")


def main(args: argparse.Namespace) -> None:
    check(args)
    # the cultivars draw from [seed], each leaf from [seed, cultivar, index]: no leaf depends on another
    rng = np.random.default_rng([args.seed])
    cultivars = synthetic.sibling_cultivars(args.cultivars, args.difficulty, rng)
    per_class = args.train_images + args.test_images
    digits = max(2, len(str(args.cultivars)))
    rows, sheet = [], []
    with atomic_directory(args.output) as folder:
        for number, cultivar in enumerate(tqdm(cultivars, desc="cultivars", disable=None)):
            name = f"cultivar_{number + 1:0{digits}d}"
            for kind in ("images", "masks", "outlines", "boxes"):
                (folder / kind / name).mkdir(parents=True)
            for index in range(per_class):
                leaf, session = draw(args, cultivar, number, index)
                image_id = f"{name}_{index + 1:04d}"
                save(leaf, folder, name, image_id)
                rows.append((image_id, name, "train" if index < args.train_images else "test", *session))
                if index < SHEET_LEAVES:
                    sheet.append(leaf)
        columns = ["image_id", "class", "split", *(["session"] if args.sessions else [])]
        write_csv(folder / "labels.csv", pd.DataFrame(rows, columns=columns))
    if args.contact_sheet:
        with atomic_file(args.contact_sheet) as path:
            Image.fromarray(contact_sheet(sheet, min(SHEET_LEAVES, per_class))).save(path)
    cli.log.info("%d leaves of %d cultivars in %s", len(rows), len(cultivars), args.output)


def draw(args: argparse.Namespace, cultivar: Cultivar, number: int, index: int) -> tuple[Leaf, list[int]]:
    """One leaf of the cultivar with this number, and its session's number from 1 on, if it has one."""
    rng = np.random.default_rng([args.seed, number, index])
    if not args.sessions:
        return synthetic.draw_leaf(cultivar, args.size, rng, args.difficulty), []
    sessions = leaves.photography()
    taken = sessions.session_of(number, index, args.train_images, args.cultivars)
    session, jitter = sessions.draw_session(args.seed, taken), sessions.jitter(args.seed, number, index)
    shown = {"session": session, "jitter": jitter, "strength": args.strength, "light": args.light}
    return sessions.draw_leaf(cultivar, args.size, rng, args.difficulty, **shown), [taken + 1]


def save(leaf: Leaf, folder: Path, name: str, image_id: str) -> None:
    """Write one leaf: image, labels, outline, boxes."""
    silhouette = np.where(leaf.outline, 255, 0).astype(np.uint8)
    for kind, pixels in (("images", leaf.image), ("masks", leaf.labels), ("outlines", silhouette)):
        Image.fromarray(pixels).save(folder / kind / name / f"{image_id}.png")
    lines = [f"{int(row[0])} " + " ".join(f"{value:.6f}" for value in row[1:]) for row in leaf.boxes]
    (folder / "boxes" / name / f"{image_id}.txt").write_text("\n".join(lines) + "\n", encoding="utf-8")


def contact_sheet(shown: list[Leaf], per_row: int) -> np.ndarray:
    """One row per cultivar, each leaf beside its labels, uint8 [rows, columns, 3]."""
    tiles = [np.concatenate([leaf.image, PALETTE[leaf.labels]], axis=1) for leaf in shown]
    rows = [np.concatenate(tiles[start : start + per_row], axis=1) for start in range(0, len(tiles), per_row)]
    return np.concatenate(rows, axis=0)


if __name__ == "__main__":
    cli.run(main, parse_args())
