"""Features of a network that learns nothing: means of its last map, whole, inside and outside masks."""

from __future__ import annotations

import copy
from collections.abc import Callable, Sequence

import numpy as np
import torch
from torch import Tensor

from maskguide.data.ahead import ahead
from maskguide.data.store import ImageStore, resized
from maskguide.learning import evaluation
from maskguide.learning.backbones import Backbone, cell_grid
from maskguide.learning.batches import WORKERS, images_on, pinned
from maskguide.learning.looking import cell_means
from maskguide.learning.precision import mixed_precision
from maskguide.plan.places import PLACES

LEAST = 1e-3  # cells: a mask that covers less of them, or leaves less, tells no inside from an outside


def place_means(maps: Tensor, masks: Tensor) -> Tensor:
    """Means of maps [B, C, h, w] over all cells, weighted by masks and by what they leave, float32 [B, 3, C].

    masks: [B, h, w] in 0…1, the share of each cell that is the object. NaN inside and outside where a mask
    covers or leaves less than `LEAST` cells.
    """
    maps = maps.float()
    found = [maps.mean(dim=(2, 3))]
    for weight in (masks, 1 - masks):
        total = weight.sum(dim=(1, 2))
        mean = torch.einsum("bchw,bhw->bc", maps, weight) / total[:, None]
        found.append(mean.masked_fill((total < LEAST)[:, None], torch.nan))
    found[1] = found[1].masked_fill(found[2].isnan(), torch.nan)
    found[2] = found[2].masked_fill(found[1].isnan(), torch.nan)
    return torch.stack(found, dim=1)


def features(
    backbone: Backbone,
    images: ImageStore,
    rows: Sequence[int],
    masks: Callable[[str], np.ndarray | None],
    device: str,
) -> np.ndarray:
    """`place_means` of these images of a store, seen whole, float32 [rows, 3, channels].

    masks: of an image's name its mask, uint8 [h, w] of any size, 255 × the share that is the object; None
    where there is none, whose means inside and outside are NaN.
    """
    cells, names = cell_grid(backbone.features), images.layout["image_id"].tolist()
    network = evaluation.folded(copy.deepcopy(backbone.features)).to(device)
    batches, computing = evaluation.in_batches(images, rows, device)
    found = np.zeros((len(rows), len(PLACES), backbone.channels), np.float32)

    def read(positions: list[int]) -> tuple[torch.Tensor, list[np.ndarray | None]]:
        pixels = np.stack([images.image(rows[i]) for i in positions])
        return pinned(pixels, device), [masks(names[rows[i]]) for i in positions]

    loaded = ahead(read, batches, WORKERS[device])
    for positions, (pixels, seen) in zip(batches, loaded, strict=True):
        with torch.inference_mode(), mixed_precision(device), computing():
            maps = network(images_on(pixels, device))
        size, grid = tuple(pixels.shape[1:3]), tuple(maps.shape[2:])
        shares = [
            np.zeros(grid) if mask is None else cell_means(resized(mask, size), grid, cells) / 255
            for mask in seen
        ]
        weights = torch.from_numpy(np.stack(shares).astype(np.float32)).to(maps.device)
        found[positions] = place_means(maps, weights).cpu().numpy()
    return found
