"""Pictures of where networks looked in new images."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path

import numpy as np
from matplotlib import colormaps
from PIL import Image

from maskguide.deploy.ensemble import Ensemble, Shown
from maskguide.system.files import atomic_file

SHARE = 0.6  # of the heat's colour; the rest is the image in grey


def writer(
    ensemble: Ensemble, folder: Path, names: Sequence[str]
) -> Callable[[int, Shown, np.ndarray], None]:
    """A function that writes the picture of an image: of its place in `names`, itself, its probabilities."""

    def write(place: int, image: Shown, probabilities: np.ndarray) -> None:
        heat = ensemble.where(image, int(probabilities.argmax()))
        path = folder / f"{names[place]}.png"
        path.parent.mkdir(parents=True, exist_ok=True)
        with atomic_file(path) as temporary:
            Image.fromarray(overlaid(image.pixels, heat)).save(temporary, format="PNG")

    return write


def overlaid(pixels: np.ndarray, heat: np.ndarray) -> np.ndarray:
    """An image uint8 [h, w, 3] in grey under a map [h, w] in 0…1, in the colours of the other figures."""
    grey = pixels.astype(float) @ [0.299, 0.587, 0.114]
    colours = 255 * colormaps["inferno"](heat)[..., :3]
    return np.rint(SHARE * colours + (1 - SHARE) * grey[..., None]).astype(np.uint8)
