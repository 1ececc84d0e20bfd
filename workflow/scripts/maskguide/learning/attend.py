"""Attended boxes: what an image's attention leaves to look at, and the enlarged part that shows it.

The way from one scale of ACA to the next ("Generating Attention from Classifier Activations for Fine-grained
Recognition", section 4.4). Boxes are left, top, right, bottom in pixels of the stored image at any scale.
"""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd
from PIL import Image

from maskguide.system.files import InputError

BOX = ["left", "top", "right", "bottom"]
COLUMNS = ["image_id", "split", "height", "width", *BOX, "share"]


def read_attended(path: str | Path) -> pd.DataFrame:
    """`attended.csv` of attend_regions.py, one row per image: COLUMNS, sizes and boxes in stored pixels.

    `InputError` where it is missing or broken, or a box has no area or leaves its image.
    """
    again = "delete it and run again"
    try:
        table = pd.read_csv(path, dtype={"image_id": str, "split": str})
    except (OSError, ValueError) as error:
        raise InputError(f"{path}: cannot be read as CSV ({error}); {again}") from error
    missing = [column for column in COLUMNS if column not in table.columns]
    if missing or table.empty:
        raise InputError(f"{path}: {missing[0] if missing else 'every row'} is missing; {again}")
    inside = (table["left"] >= 0) & (table["top"] >= 0)
    inside &= (table["right"] <= table["width"]) & (table["bottom"] <= table["height"])
    inside &= (table["left"] < table["right"]) & (table["top"] < table["bottom"])
    if not inside.all():
        raise InputError(f"{path}: the box of {table['image_id'][~inside].iloc[0]} is none; {again}")
    return table


def cell_edges(count: int, length: int, start: float, stride: float) -> np.ndarray:
    """float [count + 1]: the edges between the cells of a map along a side of `length` pixels.

    Cell j is centred on pixel start + j·stride (`backbones.cell_grid`); the outermost reach to the sides.
    """
    edges = np.clip(start + 0.5 + (np.arange(count + 1) - 0.5) * stride, 0, length)
    edges[0], edges[-1] = 0, length
    return edges


def attended_boxes(
    masks: np.ndarray, seen: np.ndarray, size: tuple[int, int], start: float, stride: float
) -> np.ndarray:
    """The smallest boxes around the attended cells.

    masks: bool [B, h, w], of images of one `size` (height, width). seen: [B, 4], the part of the stored image
    that each of them shows. start, stride: of the cells, as in `cell_edges`. Returns float [B, 4]; the seen
    part where nothing is attended.
    """
    boxes = np.array(seen, dtype=float)
    down = cell_edges(masks.shape[1], size[0], start, stride) / size[0]
    across = cell_edges(masks.shape[2], size[1], start, stride) / size[1]
    for place, mask in enumerate(masks):
        if not mask.any():
            continue
        rows, columns = np.flatnonzero(mask.any(axis=1)), np.flatnonzero(mask.any(axis=0))
        left, top, right, bottom = seen[place]
        boxes[place] = (
            *(left + across[columns[0]] * (right - left), top + down[rows[0]] * (bottom - top)),
            *(left + across[columns[-1] + 1] * (right - left), top + down[rows[-1] + 1] * (bottom - top)),
        )
    return boxes


def grown(boxes: np.ndarray, sizes: np.ndarray) -> np.ndarray:
    """Boxes [B, 4] grown to the aspect ratio of their images (sizes [B, 2]: height, width), still inside.

    About the same centre, but for what would leave the image: an enlarged part is not distorted.
    """
    height, width = sizes[:, 0].astype(float), sizes[:, 1].astype(float)
    left, top, right, bottom = boxes.T
    share = np.minimum(1, np.maximum((right - left) / width, (bottom - top) / height))
    wide, high = share * width, share * height
    left = np.clip((left + right - wide) / 2, 0, width - wide)
    top = np.clip((top + bottom - high) / 2, 0, height - high)
    return np.stack([left, top, left + wide, top + high], axis=1)


def enlarged(image: np.ndarray, box: np.ndarray) -> np.ndarray:
    """The part `box` of an image uint8 [H, W, 3], enlarged to the image's own size; bilinear."""
    height, width = image.shape[:2]
    resized = Image.fromarray(image).resize(
        (width, height), Image.Resampling.BILINEAR, box=tuple(map(float, box))
    )
    return np.asarray(resized)


def zooms(path: str | Path, layout: pd.DataFrame) -> np.ndarray:
    """float [images, 4]: for each image of a store's layout, in its order, the part that `path` attends to,
    grown to the image's aspect ratio."""
    table = read_attended(path).set_index("image_id")
    absent = layout["image_id"][~layout["image_id"].isin(table.index)]
    if len(absent):
        raise InputError(f"{path}: has no box of image {absent.iloc[0]}; delete it and run again")
    table = table.loc[layout["image_id"]]
    sizes = layout[["height", "width"]].to_numpy()
    if (table[["height", "width"]].to_numpy() != sizes).any():
        raise InputError(f"{path}: its images have other sizes than the store's; delete it and run again")
    return grown(table[BOX].to_numpy(dtype=float), sizes)
