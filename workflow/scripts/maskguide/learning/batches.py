"""What the classifiers learn from: random crops out of the stores, the mask following its image."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from itertools import product
from typing import Protocol

import numpy as np
import torch
from torch import Tensor

from maskguide.data.ahead import ahead
from maskguide.data.pooling import Rectangle, Spans, cells, pooled, summed_area_table
from maskguide.data.store import ImageStore, MaskStore
from maskguide.learning.interface import Batch
from maskguide.learning.transforms import normalise
from maskguide.system.files import InputError

WORKERS = {"cpu": 0, "cuda": 4}  # threads that make batches ahead; on a CPU they would take its time
FLIP_PROBABILITY = 0.5
ERASED_SHARE = (0.02, 0.33)  # of the crop's area
ERASED_RATIO = (0.3, 3.3)  # height / width


@dataclass(frozen=True)
class Draw:
    """One image's augmentation: cut the window, flip it left to right, erase (in the flipped window).

    shown: how many rows and columns of the flipped window, from its top left corner, show the image, its
    padding included.
    """

    window: Rectangle
    flip: bool
    erased: Rectangle | None
    shown: tuple[int, int]


def draw_augmentation(
    rng: np.random.Generator, height: int, width: int, crop: int, erasing: float, padding: int = 0
) -> Draw:
    """Draw a crop×crop window inside the image with `padding` black pixels around it, flip and erasing.

    Where the image is smaller, as MGA's published code has it: the flipped image stands in the window's top
    left corner, so that what it lacks lies at the right and at the bottom. erasing: probability that a
    rectangle is erased.
    """
    height, width = height + 2 * padding, width + 2 * padding
    top = int(rng.integers(0, max(0, height - crop), endpoint=True))
    left = int(rng.integers(0, max(0, width - crop), endpoint=True))
    flip = bool(rng.random() < FLIP_PROBABILITY)
    erased = draw_erasing(rng, crop) if rng.random() < erasing else None
    if flip and width < crop:  # the window is flipped after it is cut
        left = width - crop
    window = Rectangle(top - padding, left - padding, crop, crop)
    return Draw(window, flip, erased, (min(height, crop), min(width, crop)))


def draw_erasing(rng: np.random.Generator, crop: int) -> Rectangle | None:
    """A rectangle of random area and log-uniform ratio inside the crop; None if ten tries do not fit."""
    for _ in range(10):
        area = crop * crop * rng.uniform(*ERASED_SHARE)
        ratio = math.exp(rng.uniform(*np.log(ERASED_RATIO)))
        height, width = round(math.sqrt(area * ratio)), round(math.sqrt(area / ratio))
        if height < crop and width < crop:
            top, left = rng.integers(0, [crop - height, crop - width], endpoint=True)
            return Rectangle(int(top), int(left), height, width)
    return None


def cut(image: np.ndarray, window: Rectangle, flip: bool) -> np.ndarray:
    """The window of an image uint8 [h, w, 3], black beyond it, flipped left to right if `flip`."""
    pixels = np.zeros((window.height, window.width, 3), dtype=np.uint8)
    top, left = max(window.top, 0), max(window.left, 0)
    bottom, right = max(window.top + window.height, 0), max(window.left + window.width, 0)
    seen = image[top:bottom, left:right]
    top, left = top - window.top, left - window.left
    pixels[top : top + seen.shape[0], left : left + seen.shape[1]] = seen
    return pixels[:, ::-1] if flip else pixels


def normalised_mask(pooled: np.ndarray) -> np.ndarray:
    """Divide by the maximum; a mask that is zero everywhere stays zero."""
    maximum = pooled.max()
    return pooled / maximum if maximum > 0 else pooled


Moved = Callable[[np.ndarray], np.ndarray]  # what becomes of a mask uint8 [h, w] of a changed image


class Change(Protocol):
    """What is changed at random in training images alone, before they are cropped (`maskguide.views`)."""

    def changed(
        self, rng: np.random.Generator, row: int, pixels: np.ndarray
    ) -> tuple[np.ndarray, Moved | None]:
        """Image `row` of the store, uint8 [h, w, 3] → the same size, and what becomes of its masks.

        None: they stay.
        """


@dataclass(frozen=True)
class Source:
    """A training image: row of one of the image stores, and its name in the mask stores."""

    store: int
    row: int
    image_id: str
    label: int


class TrainingImages:
    """The training images of a store, in random batches, with the masks of each mask store pooled to `grid`.

    `spans`: what each cell of the grid averages, of rows and of columns of the crop; None: equal parts.
    `padding`: black pixels around each image, before it is cropped and normalised.
    `own_crops`: masks are cut and flipped by draws of their own, and never erased.
    `counterparts`: stores of further training images, which share names, classes and masks with the first.
    `changes`: of what is seen in the images of the first store, one after another.
    `workers`: threads that make batches ahead; None: as many as the device is worth.
    What a batch holds depends on (seed, epoch, image) alone: neither threads nor an interruption change it.
    A last batch of a single image is left out (batch norm cannot learn from one).
    """

    def __init__(
        self,
        images: ImageStore,
        masks: Sequence[MaskStore],
        grid: tuple[int, int],
        crop: int,
        batch_size: int,
        seed: int,
        erasing: float = 0.5,
        counterparts: Sequence[ImageStore] = (),
        workers: int | None = None,
        spans: tuple[Spans, Spans] | None = None,
        own_crops: bool = False,
        padding: int = 0,
        changes: Sequence[Change] = (),
    ):
        self.images, self.masks, self.grid, self.workers = images, masks, grid, workers
        self.spans, self.own_crops = spans or (cells(crop, grid[0]), cells(crop, grid[1])), own_crops
        self.crop, self.batch_size, self.seed, self.erasing = crop, batch_size, seed, erasing
        self.padding, self.changes = padding, changes
        self.labels = images.layout["class_id"].to_numpy()
        self.stores = [images, *counterparts]
        self.sources = []
        for place, store in enumerate(self.stores):
            rows = store.rows("train")
            chosen = store.layout.iloc[rows]
            columns = (rows.tolist(), chosen["image_id"].tolist(), chosen["class_id"].tolist())
            self.sources += [Source(place, *each) for each in zip(*columns, strict=True)]
        if min(len(self.sources), batch_size) < 2:
            found = f"{len(self.sources)} training image(s), --batch-size {batch_size}"
            raise InputError(f"{found}: 2 are needed")
        for store, image_id in product(masks, [source.image_id for source in self.sources]):
            if image_id not in store:
                raise InputError(f"{store.folder}: has no mask of image {image_id}; pool them again")

    def epoch(self, epoch: int, device: str) -> Iterator[Batch]:
        """The batches of one epoch on `device`, made ahead where there are threads for it."""
        order = np.random.default_rng([self.seed, epoch]).permutation(len(self.sources))
        parts = [order[start : start + self.batch_size] for start in range(0, len(order), self.batch_size)]
        parts = [part for part in parts if len(part) > 1]
        workers = WORKERS[device] if self.workers is None else self.workers

        def ready(part: Sequence[int]) -> tuple:
            pixels, *known = self.assemble(part, epoch)
            return pinned(pixels, device), *known

        for made in ahead(ready, parts, workers):
            yield finish_batch(*made, device)

    def assemble(
        self, chosen: Sequence[int], epoch: int
    ) -> tuple[np.ndarray, list[Draw], np.ndarray | None, np.ndarray]:
        """Pixels uint8 [B, crop, crop, 3], their draws, masks float32 [B, R, h, w] or None, labels [B]."""
        pixels = np.empty((len(chosen), self.crop, self.crop, 3), dtype=np.uint8)
        shape = (len(chosen), len(self.masks), *self.grid)
        masks = np.empty(shape, dtype=np.float32) if self.masks else None
        draws = []
        for position, source in enumerate(self.sources[place] for place in chosen):
            image, moves = self.shown(source, epoch)
            rng = np.random.default_rng([self.seed, epoch, source.row, *[source.store] * (source.store > 0)])
            size = *image.shape[:2], self.crop
            draw = draw_augmentation(rng, *size, self.erasing, self.padding)
            pixels[position] = cut(image, draw.window, draw.flip)
            seen = draw_augmentation(rng, *size, 0.0, self.padding) if self.own_crops else draw
            for place, store in enumerate(self.masks):
                table = moved_table(store, source.image_id, moves)
                found = pooled(table, seen.window, self.spans, seen.flip, seen.erased)
                masks[position, place] = normalised_mask(found)
            draws.append(draw)
        return pixels, draws, masks, np.array([self.sources[place].label for place in chosen])

    def shown(self, source: Source, epoch: int) -> tuple[np.ndarray, list[Moved]]:
        """An image as this epoch changes it, uint8 [h, w, 3], and what becomes of its masks."""
        image, moves = self.stores[source.store].image(source.row), []
        for place, change in enumerate(self.changes if source.store == 0 else ()):
            rng = np.random.default_rng([self.seed, epoch, source.row, 0, 1 + place])
            image, moved = change.changed(rng, source.row, image)
            moves += [moved] if moved else []
        return image, moves


def moved_table(store: MaskStore, image_id: str, moves: Sequence[Moved]) -> np.ndarray:
    """The summed-area table of an image's mask, after the moves."""
    table = store.table(image_id)
    if not moves:
        return table
    mask = store.mask(image_id)
    for moved in moves:
        mask = moved(mask)
    return summed_area_table(mask, table.dtype)


def finish_batch(
    pixels: np.ndarray | Tensor, draws: list[Draw], masks: np.ndarray | None, labels: np.ndarray, device: str
) -> Batch:
    """Move to the device and normalise there: what is erased or beyond the image is zero after that."""
    images = images_on(pixels, device)
    for position, draw in enumerate(draws):
        rows, columns = draw.shown
        if min(rows, columns) < images.shape[2]:
            images[position, :, rows:] = 0
            images[position, :, :, columns:] = 0
        if draw.erased is not None:
            top, left, height, width = draw.erased
            images[position, :, top : top + height, left : left + width] = 0
    batch = Batch(images, move(labels, device))
    if masks is not None:
        batch.masks = move(masks, device)
        batch.mask_present = batch.masks.flatten(start_dim=2).amax(dim=2) > 0
    return batch


def part_of(batch: Batch, part: slice) -> Batch:
    """Some images of a batch, and what is known of them."""
    known = (batch.images, batch.labels, batch.masks, batch.mask_present)
    return Batch(*(None if each is None else each[part] for each in known))


def images_on(pixels: np.ndarray | Tensor, device: str) -> Tensor:
    """uint8 [B, H, W, 3] → normalised float32 [B, 3, H, W] on the device, in channels-last memory."""
    return normalise(move(pixels, device).permute(0, 3, 1, 2))


def pinned(values: np.ndarray | Tensor, device: str) -> Tensor:
    """As a tensor; for CUDA in pinned memory, by a copy that threads can make ahead of who trains."""
    tensor = torch.as_tensor(values)
    return tensor if device == "cpu" else tensor.pin_memory()


def move(values: np.ndarray | Tensor, device: str) -> Tensor:
    """To the device; by way of pinned memory to CUDA, so that the copy does not stop the computation."""
    return pinned(values, device).to(device, non_blocking=True)
