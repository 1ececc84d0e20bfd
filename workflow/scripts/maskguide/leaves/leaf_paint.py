"""Light and matter of a generated leaf: blade, veins' relief, blemishes, exposure; and what paints them.

Nothing here knows the cultivar: what it draws carries no information about the class.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageDraw
from scipy.ndimage import find_objects, gaussian_filter

SUPERSAMPLE = 3  # masks are drawn this much larger and averaged down
Array = NDArray[np.float32]


class Coverage:
    """Draws polygons and curves; `mask()` is the covered share of every pixel, float32 [size, size], 0..1."""

    def __init__(self, size: int) -> None:
        self.scale = size * SUPERSAMPLE
        self.image = Image.new("L", (self.scale, self.scale))
        self.pen = ImageDraw.Draw(self.image)

    def polygon(self, points: NDArray, value: int = 255) -> None:
        """Fill a polygon; points [n, 2] in image sizes."""
        self.pen.polygon((points * self.scale).ravel().tolist(), fill=value)

    def curve(self, points: NDArray, width: float | NDArray) -> None:
        """A curve through points [n, 2], as wide as `width` (one, or one per point), all in image sizes."""
        padded = np.concatenate([points[:1], points, points[-1:]])
        along = padded[2:] - padded[:-2]
        across = along[:, ::-1] * (-0.5, 0.5)
        across *= np.reshape(width / np.maximum(np.hypot(along[:, 0], along[:, 1]), 1e-9), (-1, 1))
        self.polygon(np.concatenate([points + across, (points - across)[::-1]]))

    def hairlines(self, lines: NDArray, width: float) -> None:
        """Many short lines [n, points, 2] at once, with neither taper nor corners."""
        for line in (lines * self.scale).reshape(len(lines), -1).tolist():
            self.pen.line(line, fill=255, width=max(round(width * self.scale), 1))

    def mask(self) -> Array:
        """The covered share of every pixel."""
        covered = np.zeros((self.scale // SUPERSAMPLE, self.scale // SUPERSAMPLE), dtype=np.float32)
        drawn = self.image.getbbox()
        if drawn:  # looked at there alone: most shapes are small
            left, top = (edge // SUPERSAMPLE for edge in drawn[:2])
            right, bottom = (-(-edge // SUPERSAMPLE) for edge in drawn[2:])
            box = tuple(SUPERSAMPLE * edge for edge in (left, top, right, bottom))
            part = np.asarray(self.image.reduce(SUPERSAMPLE, box), dtype=np.float32)
            covered[top:bottom, left:right] = part / 255.0
        return covered


def blend(image: Array, colour: NDArray, alpha: Array) -> None:
    """Lay `colour` ([3] or [h, w, 3]) over `image` in place, as opaque as `alpha` [h, w]."""
    colour = np.broadcast_to(np.asarray(colour, dtype=np.float32), image.shape)
    for part in find_objects((alpha != 0).view(np.uint8)):  # one box, or none: elsewhere nothing changes
        image[part] += alpha[part][..., None] * (colour[part] - image[part])


def noise(rng: np.random.Generator, size: int, cells: int | tuple[int, int]) -> Array:
    """Smooth noise, [size, size], about unit variance, with about `cells` bumps across, or (down, across)."""
    cells = (cells, cells) if isinstance(cells, int) else cells
    coarse = Image.fromarray(rng.standard_normal(cells, dtype=np.float32))
    return np.asarray(coarse.resize((size, size), Image.Resampling.BICUBIC))


def blob(rng: np.random.Generator, centre: NDArray, radius: float) -> NDArray:
    """An uneven round polygon, [16, 2], in the units of `centre` and `radius`."""
    turn = np.linspace(0.0, 2 * np.pi, 16, endpoint=False)
    uneven = 1.0 + 0.22 * np.sin(2 * turn + 6.3 * rng.random()) + 0.13 * np.sin(3 * turn + 6.3 * rng.random())
    return centre + radius * uneven[:, None] * np.stack([np.cos(turn), np.sin(turn)], axis=1)


def paint_blade(rng: np.random.Generator, blade: Array, left_half: Array, veins: Array) -> Array:
    """The blade's colour, float32 [size, size, 3]: green, uneven, folded, bulging between veins."""
    size = len(blade)
    green = np.array([74.0, 118.0, 48.0]) + rng.uniform(-1, 1) * np.array([30.0, 14.0, 12.0])
    green = green + 5.0 * rng.standard_normal(3)
    # chlorophyll varies over the blade: towards yellow where there is less of it
    patches = 0.6 * noise(rng, size, 4) + 0.4 * noise(rng, size, 9)
    grain = 0.7 * noise(rng, size, max(size // 4, 2)) + 0.5 * noise(rng, size, max(size // 2, 2))
    fold = rng.uniform(-0.09, 0.09) * (left_half - 0.5)
    # the blade bulges between the veins, so it is lit on the slopes that face the light
    relief = gaussian_filter(veins, 0.012 * size)
    slope = np.gradient(relief)
    light = rng.uniform(0, 2 * np.pi)
    lit = slope[0] * np.sin(light) + slope[1] * np.cos(light)
    shade = 1.0 + fold + 0.045 * grain + rng.uniform(0.0, 1.4) * size / 100 * lit
    shade = shade - 0.10 * (relief - relief.mean())
    colour = green + patches[..., None] * rng.uniform(2, 7) * np.array([1.6, 1.0, 0.2])
    margin = 1.0 - gaussian_filter(blade, 0.02 * size)  # paler towards the margin
    return (colour * shade[..., None] + 26.0 * margin[..., None]).astype(np.float32)


def paint_blemishes(rng: np.random.Generator, image: Array, blade: Array, amount: float) -> None:
    """Spots with halo, rust, mildew and miners' trails, in place; they lie anywhere on the blade."""
    size = len(image)
    rows, columns = np.nonzero(blade > 0.5)

    def somewhere() -> NDArray:
        pick = rng.integers(len(rows))
        return np.array([columns[pick], rows[pick]]) / size

    spots = Coverage(size)
    for _ in range(rng.poisson(3.0 * amount)):
        spots.polygon(blob(rng, somewhere(), rng.uniform(0.006, 0.028)))
    for _ in range(rng.poisson(10.0) if rng.random() < 0.3 * amount else 0):  # rust
        spots.polygon(blob(rng, somewhere(), rng.uniform(0.002, 0.006)))
    brown = spots.mask() * blade
    blend(image, [168, 158, 62], np.minimum(1.4 * gaussian_filter(brown, 0.012 * size), 0.6) * blade)
    blend(image, rng.uniform([80, 48, 20], [150, 100, 60]), 0.9 * brown)
    if rng.random() < 0.3 * amount:
        mildew = Coverage(size)
        for _ in range(rng.integers(2, 7)):
            mildew.polygon(blob(rng, somewhere(), rng.uniform(0.015, 0.05)))
        soft = gaussian_filter(mildew.mask(), 0.012 * size) * (0.75 + 0.25 * noise(rng, size, size // 3))
        blend(image, [214, 216, 200], np.clip(0.6 * soft, 0, 1) * blade)
    if rng.random() < 0.3 * amount:
        trail = Coverage(size)
        heading = rng.uniform(0, 2 * np.pi) + np.cumsum(0.5 * rng.standard_normal(30))
        steps = 0.009 * np.stack([np.cos(heading), np.sin(heading)], axis=1)
        trail.curve(somewhere() + np.cumsum(steps, axis=0), np.linspace(0.003, 0.011, 30))
        blend(image, [196, 190, 140], 0.75 * trail.mask() * blade)


def cut_blade(rng: np.random.Generator, outline: NDArray, size: int, amount: float) -> tuple[Array, Array]:
    """(bitten, holed): the shares of each pixel that insects ate, at the margin and inside of the blade."""
    bites, holes = Coverage(size), Coverage(size)
    for _ in range(rng.poisson(0.9 * amount)):
        centre, radius = outline[rng.integers(len(outline))], rng.uniform(0.012, 0.035)
        for _ in range(rng.integers(1, 4)):
            bites.polygon(blob(rng, centre + 0.8 * radius * rng.standard_normal(2), radius))
    middle = outline.mean(axis=0)
    for _ in range(rng.poisson(1.1 * amount)):
        centre = middle + rng.uniform(0.15, 0.85) * (outline[rng.integers(len(outline))] - middle)
        holes.polygon(blob(rng, centre, rng.uniform(0.005, 0.02)))
    return bites.mask(), holes.mask()


def expose(rng: np.random.Generator, image: Array) -> NDArray[np.uint8]:
    """The scanner's exposure: uneven light, white balance, contrast, sensor noise; uint8 [size, size, 3]."""
    size = len(image)
    y, x = np.meshgrid(np.linspace(-1, 1, size), np.linspace(-1, 1, size), indexing="ij")
    toward = rng.uniform(0, 2 * np.pi)
    light = 1.0 + rng.uniform(0.0, 0.12) * (x * np.cos(toward) + y * np.sin(toward))
    gain = rng.uniform(0.88, 1.08) * (1.0 + 0.02 * rng.standard_normal(3))
    exposed = image * light[..., None].astype(np.float32) * gain.astype(np.float32)
    exposed += rng.uniform(1.5, 4.0) * rng.standard_normal(image.shape, dtype=np.float32)
    return np.clip(exposed + 0.5, 0, 255).astype(np.uint8)
