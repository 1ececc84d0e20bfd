"""CUDA out of memory: compute fewer images at a time and go on with the same batches.

A batch is then computed in parts whose gradients are added up, each weighted by its share of the images. Of
whatever is a mean over images that is the batch's gradient. Two things differ: batch norm sees the smaller
parts (and once more the images of the try that failed), and a term that is averaged over some images or
pixels alone (those with a mask; the segmenter's weighted cross-entropy, its Dice) is averaged in each part.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from itertools import pairwise
from typing import TypeVar

import torch

from maskguide.system.files import InputError

log = logging.getLogger("maskguide")
Result = TypeVar("Result")
WAY_OUT = "take smaller images or a smaller network, fewer jobs on the GPU (slots), or --device cpu"


class AtOnce:
    """How many images are computed at a time: all of a batch, until the GPU's memory is once too small.

    purpose: what they are computed for, as the log's lines and the `InputError` at a single image call it.
    """

    def __init__(self, purpose: str):
        self.purpose = purpose
        self.most: int | None = None

    def parts(self, count: int) -> list[slice]:
        """`count` images in as few parts as may be, of about equal size."""
        number = 1 if self.most is None else -(-count // self.most)
        edges = [count * place // number for place in range(number + 1)]
        return [slice(start, stop) for start, stop in pairwise(edges)]

    def compute(self, count: int, whole: Callable[[list[slice]], Result]) -> Result:
        """`whole(parts)` of a batch of `count` images; again, with halved parts, while memory runs out."""
        while True:
            parts = self.parts(count)
            try:
                return whole(parts)
            except torch.OutOfMemoryError:
                pass  # what the try held is freed when its exception is gone, not before
            self.halve(max(part.stop - part.start for part in parts))

    def halve(self, count: int) -> None:
        """Memory ran out with `count` images at a time: from now on half as many, or `InputError` after 1."""
        if count == 1:
            raise InputError(f"{self.purpose}: out of GPU memory with a single image; {WAY_OUT}")
        self.most = (count + 1) // 2
        if torch.cuda.is_available():
            torch.cuda.empty_cache()
        told = "%s: out of GPU memory with %d images at a time; from now on %d, batches stay as they are"
        log.info(told, self.purpose, count, self.most)


@contextmanager
def running_out_is_said(purpose: str) -> Iterator[None]:
    """Turn running out of GPU memory, where no smaller part can help, into an `InputError`."""
    try:
        yield
    except torch.OutOfMemoryError as error:
        raise InputError(f"{purpose}: out of GPU memory; {WAY_OUT}") from error
