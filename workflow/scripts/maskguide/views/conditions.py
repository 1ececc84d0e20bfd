"""Test images with the object alone, the background alone, or another background: what does a network use?

After "Noise or Signal" (Xiao et al., ICLR 2021), whose backgrounds are those of other test images. Here they
are those of training images: of these alone it is certain that they go with the class as a network learned
it. Test images may have been photographed otherwise, and then no swap among them would show what the network
listens to.
"""

from __future__ import annotations

import zlib
from collections.abc import Callable, Iterator
from functools import partial

import numpy as np
import pandas as pd

from maskguide.data.store import ImageStore, resized
from maskguide.plan.conditions import ACROSS, AS_IS, BACKGROUND_ONLY, OBJECT_ONLY, WITHIN
from maskguide.views.background import without_box
from maskguide.views.blank import GREY
from maskguide.views.objects import Kept, composed, is_object, soft_edge, without_object

Masks = Callable[[str], np.ndarray | None]  # image_id → uint8 [h, w], of any size; None where there is none


class Condition:
    """A view of the test images: each as `made` makes it from its row of the store, once for all networks."""

    content = ""

    def __init__(self, made: Callable[[int], np.ndarray], rows: dict[str, int]):
        self.made, self.rows = Kept(made), rows

    def check(self, layout: pd.DataFrame) -> None:
        """It is of no other images than those it was made for."""

    def image(self, image_id: str, pixels: np.ndarray) -> np.ndarray:
        """uint8 [h, w, 3], of the same size."""
        return self.made(self.rows[image_id])

    def mask(self, image_id: str, mask: np.ndarray) -> np.ndarray:
        """No mask is looked at."""
        return mask


class Scenes:
    """The test images of a store, seen without views, of which every condition can be made.

    rows: theirs in the store. An image is left out whose mask is missing or covers all or nothing, whose
    object's box leaves no background, or for whose class no training image lends one.
    """

    def __init__(self, images: ImageStore, masks: Masks, seed: int = 0):
        self.images, self.seed = images, seed
        self.names, classes = images.layout["image_id"].tolist(), images.layout["class_id"].to_numpy()
        self.masks = Kept(partial(self._mask, masks))
        lending = np.array([row for row in images.rows("train") if is_object(self.masks(row))], dtype=int)
        self.lenders = {
            each: (lending[classes[lending] == each], lending[classes[lending] != each])
            for each in np.unique(classes)
        }
        self.classes = classes
        self.rows = np.array([row for row in images.rows("test") if self._usable(row)], dtype=int)
        self._background = Kept(lambda row: without_object(images.image(row), self.masks(row)))

    def _mask(self, masks: Masks, row: int) -> np.ndarray:
        """The mask in its image's size; nothing where there is none."""
        size = tuple(self.images.layout[["height", "width"]].iloc[row])
        found = masks(self.names[row])
        return np.zeros(size, np.uint8) if found is None else resized(found, size)

    def _usable(self, row: int) -> bool:
        lenders = self.lenders[self.classes[row]]
        mask = self.masks(row)
        return min(map(len, lenders)) > 0 and without_box(self.images.image(row), mask) is not None

    def drawn(self, row: int) -> tuple[int, int]:
        """The training images that lend a test image their background, of its class and of another one.

        It depends on (seed, image) alone.
        """
        rng = np.random.default_rng([self.seed, zlib.crc32(self.names[row].encode())])
        within, across = (
            int(lenders[rng.integers(len(lenders))]) for lenders in self.lenders[self.classes[row]]
        )
        return within, across

    def before(self, row: int, place: int) -> np.ndarray:
        """The object before the background of the first (0) or second (1) of `drawn`, uint8 [h, w, 3]."""
        pixels = self.images.image(row)
        other = resized(np.ascontiguousarray(self._background(self.drawn(row)[place])), pixels.shape[:2])
        return composed(pixels, other, soft_edge(self.masks(row)))

    def object_only(self, row: int) -> np.ndarray:
        """The object before the grey of the view `blank`, uint8 [h, w, 3]."""
        return composed(self.images.image(row), GREY, soft_edge(self.masks(row)))

    def background_only(self, row: int) -> np.ndarray:
        """The image with the object's box filled, uint8 [h, w, 3]."""
        return without_box(self.images.image(row), self.masks(row))

    def conditions(self) -> Iterator[tuple[str, Condition]]:
        """Each condition with its name, as a view of the store, one after the other: each keeps images."""
        made = {
            AS_IS: self.images.image,
            OBJECT_ONLY: self.object_only,
            BACKGROUND_ONLY: self.background_only,
            WITHIN: lambda row: self.before(row, 0),
            ACROSS: lambda row: self.before(row, 1),
        }
        rows = {self.names[row]: int(row) for row in self.rows}
        for name, each in made.items():
            yield name, Condition(each, rows)
