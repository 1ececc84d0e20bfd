"""Files of new images, decoded ahead and asked about together; what cannot be read is named."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from tqdm import tqdm

from maskguide.data.ahead import ahead
from maskguide.data.pictures import read_rgb
from maskguide.deploy.ensemble import Ensemble, Shown, averaged, first_features
from maskguide.system.files import InputError

READERS = 2  # threads that decode
AT_ONCE = 32  # images held in memory together


@dataclass
class Answers:
    """probabilities: float [N, classes]. features: float32 [seeds, N, channels]. problems: what is wrong with
    the files that could not be read, by their place; these have NaN."""

    probabilities: np.ndarray
    features: np.ndarray
    problems: dict[int, str]


def answers(
    ensemble: Ensemble,
    paths: Sequence[str | Path],
    watch: Callable[[int, Shown, np.ndarray], None] | None = None,
) -> Answers:
    """What an ensemble says of image files. watch: is told of each its place, image and probabilities."""
    found = Answers(np.full((len(paths), len(ensemble.classes)), np.nan), np.zeros((0, 0, 0)), {})
    for places, images in in_groups(ensemble, paths, found.problems):
        said = ensemble.ask(images)
        features = first_features(said)
        if not found.features.size:
            found.features = np.full((len(features), len(paths), features.shape[2]), np.nan, np.float32)
        found.probabilities[places], found.features[:, places] = averaged(said), features
        for place, image in zip(places if watch else (), images, strict=False):
            watch(place, image, found.probabilities[place])
    return found


def in_groups(
    ensemble: Ensemble, paths: Sequence[str | Path], problems: dict[int, str]
) -> Iterator[tuple[list[int], list[Shown]]]:
    """The images of files, a few at a time, with their places; what is wrong with others is a problem."""

    def read(path: str | Path) -> Shown | InputError:
        try:
            return ensemble.reduced(read_rgb(path))
        except InputError as error:
            return error

    places, images = [], []
    shown = tqdm(ahead(read, paths, READERS), total=len(paths), desc="images", unit="image", disable=None)
    for place, image in enumerate(shown):
        if isinstance(image, InputError):
            problems[place] = str(image)
        else:
            places.append(place)
            images.append(ensemble.show(image))
        if len(images) == AT_ONCE:
            yield places, images
            places, images = [], []
    if images:
        yield places, images
