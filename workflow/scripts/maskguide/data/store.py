"""Images decoded once and masks summed once, memory-mapped: training reads pixels, never files to decode.

An image store holds all images one after another in `images.npy` (flat uint8, RGB); a mask store holds one
summed-area table per mask in `tables.npy`, from which the average over any rectangle is exact and costs four
reads, whatever its size. `layout.csv` beside them says where each begins; `content.sha256` is their identity;
`resize.json`, of images, what they were brought to.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Iterator, Sequence
from itertools import chain
from pathlib import Path
from typing import NamedTuple, Protocol

import numpy as np
import pandas as pd
from PIL import Image
from tqdm import tqdm

from maskguide.data import datasets, masks
from maskguide.data.ahead import ahead
from maskguide.data.pictures import image_size, read_rgb
from maskguide.data.pooling import Rectangle, Spans, cells, pooled, summed_area_table
from maskguide.system.files import (
    InputError,
    atomic_directory,
    read_json,
    reserve,
    sha256,
    write_csv,
    write_json,
    write_text,
)

LAYOUT, CONTENT, RESIZE = "layout.csv", "content.sha256", "resize.json"


class Resize(NamedTuple):
    """What images are brought to, in pixels: squares, of a side for each split, or a short edge."""

    train: int | None
    test: int | None
    short_edge: int | None = None

    def of(self, split: str, size: tuple[int, int]) -> tuple[int, int]:
        """The new height and width of an image of `size` (height, width)."""
        if self.short_edge:
            height, width = size
            factor = self.short_edge / min(size)
            return max(self.short_edge, round(height * factor)), max(self.short_edge, round(width * factor))
        side = self.train if split == "train" else self.test
        return (side, side) if side else size


AS_THEY_ARE = Resize(None, None)


def resize_option(train: int | None, test: int | None = None, short_edge: int | None = None) -> Resize:
    """The options --resize, --test-resize and --short-edge."""
    for name, side in (("--resize", train), ("--test-resize", test), ("--short-edge", short_edge)):
        if side is not None and side < 1:
            raise InputError(f"{name} {side}: must be at least 1 pixel")
    if train is None and test is not None:
        raise InputError(f"--test-resize {test}: give --resize too")
    if train is not None and short_edge is not None:
        raise InputError(f"--short-edge {short_edge}: squares have none; leave --resize out")
    return Resize(train, test or train, short_edge)


def build_images(index: pd.DataFrame, folder: Path, resize: Resize = AS_THEY_ARE, workers: int = 2) -> None:
    """Decode every image of the index (columns as `read_index` gives them) into a new image store.

    An image whose split is "" is stored for both parts: once where they are of one size, else in both sizes.
    """
    layout = index[["image_id", "class", "class_id", "split"]].reset_index(drop=True)
    paths = list(index["path"])
    if resize.train != resize.test:
        layout["split"] = [[split] if split else ["train", "test"] for split in layout["split"]]
    else:
        layout["split"] = [[split] for split in layout["split"]]
    found = [image_size(path) for path in paths]
    sizes = [
        [resize.of(split, size) for split in splits]
        for splits, size in zip(layout["split"], found, strict=True)
    ]
    layout = layout.explode("split", ignore_index=True)
    layout[["height", "width"]] = list(chain.from_iterable(sizes))
    entries = layout["height"] * layout["width"] * 3
    images = decoded(paths, "RGB", sizes, workers)
    write_store(folder, "images.npy", layout, entries, np.uint8, images, resize)


def build_masks(
    index: pd.DataFrame,
    source: Path,
    folder: Path,
    resize: Resize = AS_THEY_ARE,
    workers: int = 2,
    parts: Sequence[str] = ("train",),
) -> None:
    """Sum the soft masks `source`/soft/<image_id>.png of the index's training images into a new mask store.

    parts: of the split, whose images' masks are summed. `InputError` where one of test images is missing.

    A mask is uint8, 255 × the probability of "look here", of its image's size; it is resized as its image.
    """
    chosen = index[index["split"].isin(parts)].reset_index(drop=True)
    layout = chosen[["image_id"]].copy()
    paths = [source / "soft" / f"{image_id}.png" for image_id in layout["image_id"]]
    missing = [path for path in paths if not path.is_file()]
    if missing and set(parts) != {"train"}:
        raise InputError(
            f"{missing[0]}: is missing, the first of {len(missing)}; where tests see by masks, each image "
            "needs one: take those of a segmenter or of image processing (objects: segmenter, auto)"
        )
    sizes = [image_size(path) for path in paths]
    for path, image_path, (height, width) in zip(paths, chosen["path"], sizes, strict=True):
        rows, columns = image_size(image_path)
        if (rows, columns) != (height, width):
            raise InputError(f"{path}: is {width}×{height}, its image {columns}×{rows}; make the masks again")
    targets = [resize.of(*each) for each in zip(chosen["split"], sizes, strict=True)]
    layout[["height", "width"]] = targets
    entries = (layout["height"] + 1) * (layout["width"] + 1)
    largest = 255 * int((layout["height"] * layout["width"]).max())
    dtype = np.uint32 if largest < 2**32 else np.uint64
    tables = (
        summed_area_table(mask, dtype) for mask in decoded(paths, "L", [[size] for size in targets], workers)
    )
    write_store(folder, "tables.npy", layout, entries, dtype, tables)


def write_store(
    folder: Path,
    name: str,
    layout: pd.DataFrame,
    sizes: pd.Series,
    dtype: type,
    arrays: Iterable[np.ndarray],
    resize: Resize | None = None,
) -> None:
    """Write a new store: the arrays of these sizes (entries) one after another, layout and identity.

    resize: what images were brought to, for who meets new ones.
    """
    layout["offset"] = sizes.cumsum() - sizes
    with atomic_directory(folder) as temporary:
        place = temporary / name
        flat = np.lib.format.open_memmap(place, mode="w+", dtype=dtype, shape=(int(sizes.sum()),))
        reserve(place)
        for offset, array in zip(layout["offset"], arrays, strict=True):
            flat[offset : offset + array.size] = array.ravel()
        flat.flush()
        write_csv(temporary / LAYOUT, layout)
        if resize:
            write_json(temporary / RESIZE, resize._asdict())
        write_text(temporary / CONTENT, f"{sha256(place)} {sha256(temporary / LAYOUT)}\n")


def decode(path: str | Path, mode: str) -> np.ndarray:
    """An image file as uint8 [h, w, 3] (mode "RGB") or [h, w] (mode "L")."""
    return read_rgb(path) if mode == "RGB" else masks.read_grey(path)


def resized(pixels: np.ndarray, size: tuple[int, int]) -> np.ndarray:
    """The image in `size` (height, width), bilinear."""
    if size == pixels.shape[:2]:
        return pixels
    return np.asarray(Image.fromarray(pixels).resize(size[::-1], Image.Resampling.BILINEAR))


def decoded(
    paths: Iterable[str | Path], mode: str, sizes: Sequence[Sequence[tuple[int, int]]], workers: int
) -> Iterator[np.ndarray]:
    """Decode image files in order, `workers` at a time, each resized to its sizes.

    No more than two images for each worker are in memory at once, however large they are.
    """
    shown = tqdm(list(zip(paths, sizes, strict=True)), desc="decoding", disable=None)

    def in_each_size(job: tuple[str | Path, Sequence[tuple[int, int]]]) -> list[np.ndarray]:
        pixels = decode(job[0], mode)
        return [resized(pixels, size) for size in job[1]]

    yield from chain.from_iterable(ahead(in_each_size, shown, workers))


def open_store(folder: Path, name: str) -> tuple[np.memmap, pd.DataFrame, str]:
    """Data (read-only, memory-mapped), layout and identity of a store."""
    try:
        texts = {"image_id": str, "class": str, "split": str}
        layout = pd.read_csv(folder / LAYOUT, dtype=texts, keep_default_na=False)
        content = (folder / CONTENT).read_text(encoding="utf-8").strip()
        return np.load(folder / name, mmap_mode="r"), layout, content
    except (OSError, ValueError) as error:
        raise InputError(f"{folder}: is no store ({error}); delete it and run again") from error


class View(Protocol):
    """What changes what a network sees of an image (`maskguide.views`); the size stays.

    content: the identity of what it reads, which decides results. check: `InputError` where a store's layout
    holds an image that it does not know.
    """

    content: str

    def check(self, layout: pd.DataFrame) -> None: ...

    def image(self, image_id: str, pixels: np.ndarray) -> np.ndarray:
        """uint8 [h, w, 3] → uint8 [h, w, 3]."""

    def mask(self, image_id: str, mask: np.ndarray) -> np.ndarray:
        """What becomes of a mask of that image, uint8 [h, w] → uint8 [h, w]."""


def content_seen(content: str, views: Sequence[View], layout: pd.DataFrame) -> str:
    """A store's identity with those of the views, which know all of its images."""
    for view in views:
        view.check(layout)
    return " ".join([content, *(view.content for view in views)])


def narrowed(folder: Path, layout: pd.DataFrame, index: pd.DataFrame) -> pd.DataFrame:
    """The layout's rows of an index's images, in the index's order, with their part of the split.

    `InputError` for an image that the store does not hold.
    """
    place = {(row.image_id, row.split): row.Index for row in layout.itertuples()}
    found = []
    for image_id, split in zip(index["image_id"], index["split"], strict=True):
        row = place.get((image_id, split), place.get((image_id, "")))
        if row is None:
            raise InputError(f"{folder}: does not hold {image_id} as a {split} image; build the store again")
        found.append(row)
    facts = index[["class", "class_id", "split"]].to_numpy()
    rows = layout.iloc[found].reset_index(drop=True)
    rows[["class", "class_id", "split"]] = facts
    return rows.astype({"class_id": int})


class ImageStore:
    """Decoded images, seen through `views`, one after another; those of `index` alone, where it is given.

    `layout`: image_id, class, class_id, split, height, width, offset; row i is image i.
    """

    def __init__(self, folder: str | Path, views: Sequence[View] = (), index: str | Path | None = None):
        self.folder = folder = Path(folder)
        self.pixels, self.layout, content = open_store(folder, "images.npy")
        if index is not None:
            self.layout = narrowed(folder, self.layout, datasets.read_index(index))
            parts = self.layout[["image_id", "class_id", "split"]].to_csv(index=False)
            content = f"{content} {hashlib.sha256(parts.encode()).hexdigest()}"
        self.content, self.views = content_seen(content, views, self.layout), views
        self._places = self.layout[["offset", "height", "width"]].to_numpy()
        self._names = self.layout["image_id"].tolist()

    def image(self, i: int) -> np.ndarray:
        """Image i, uint8 [h, w, 3] RGB, read-only."""
        offset, height, width = self._places[i]
        image = self.pixels[offset : offset + height * width * 3].reshape(height, width, 3)
        for view in self.views:
            image = view.image(self._names[i], image)
        return image

    @property
    def resize(self) -> Resize:
        """What the images were brought to. `InputError` where the store does not say it."""
        return Resize(**read_json(self.folder / RESIZE))

    def rows(self, split: str) -> np.ndarray:
        """The i of all images of a split, in the layout's order."""
        return np.flatnonzero(self.layout["split"] == split)

    def rows_seen(self, image_ids: Iterable[str]) -> np.ndarray:
        """The i of these images as a test sees them: in the size of test images, where they have one.

        `InputError` for an image that the store does not hold.
        """
        sizes = {"train": 0, "": 1, "test": 1}
        place: dict[str, int] = {}
        for row in sorted(self.layout.itertuples(), key=lambda row: sizes[row.split]):
            place[row.image_id] = row.Index
        missing = [each for each in image_ids if each not in place]
        if missing:
            raise InputError(f"the image store does not hold {missing[0]}; build it again (build_store.py)")
        return np.array([place[each] for each in image_ids], dtype=int)

    def classes(self) -> list[str]:
        """Class names, ordered by class_id."""
        return self.layout.drop_duplicates("class_id").sort_values("class_id")["class"].tolist()


class MaskStore:
    """Soft masks as summed-area tables, each as `views` show its image.

    `layout`: image_id, height, width, offset.
    """

    def __init__(self, folder: str | Path, views: Sequence[View] = ()):
        self.folder, self.views = Path(folder), views
        self.tables, self.layout, content = open_store(self.folder, "tables.npy")
        self.content = content_seen(content, views, self.layout)
        self._places = {row.image_id: (row.offset, row.height, row.width) for row in self.layout.itertuples()}

    def __contains__(self, image_id: str) -> bool:
        return image_id in self._places

    def table(self, image_id: str) -> np.ndarray:
        """The summed-area table [h+1, w+1] of an image's mask."""
        table = self._stored(image_id)
        return summed_area_table(self.mask(image_id), table.dtype) if self.views else table

    def mask(self, image_id: str) -> np.ndarray:
        """An image's mask itself, uint8 [h, w]."""
        table = self._stored(image_id)
        mask = np.diff(np.diff(table, axis=0), axis=1).astype(np.uint8)  # exact, in unsigned arithmetic too
        for view in self.views:
            mask = view.mask(image_id, mask)
        return mask

    def _stored(self, image_id: str) -> np.ndarray:
        offset, height, width = self._places[image_id]
        return self.tables[offset : offset + (height + 1) * (width + 1)].reshape(height + 1, width + 1)

    def pool(
        self,
        image_id: str,
        window: Rectangle,
        grid: tuple[int, int],
        flip: bool = False,
        erased: Rectangle | None = None,
    ) -> np.ndarray:
        """Average of the mask over each cell of a crop, float32 [grid rows, grid columns] in 0…1.

        Equals adaptive average pooling (cells of PyTorch's `adaptive_avg_pool2d`) of: the window cut out of
        the mask, zeros beyond it; then flipped left to right if `flip`; then zeros in `erased`, which is
        given in the window's own coordinates, after the flip.
        """
        spans = cells(window.height, grid[0]), cells(window.width, grid[1])
        return self.pool_spans(image_id, window, spans, flip, erased)

    def pool_spans(
        self,
        image_id: str,
        window: Rectangle,
        spans: tuple[Spans, Spans],
        flip: bool = False,
        erased: Rectangle | None = None,
    ) -> np.ndarray:
        """The same over cells of any spans: of rows and of columns, in the window, after the flip."""
        return pooled(self.table(image_id), window, spans, flip, erased)
