"""Light and matter of a generated leaf: scanner background, blade, veins' relief, blemishes.

Nothing here knows the cultivar: what it draws carries no information about the class.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageDraw
from scipy.ndimage import gaussian_filter

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
        return np.asarray(self.image.reduce(SUPERSAMPLE), dtype=np.float32) / 255.0


def blend(image: Array, colour: NDArray, alpha: Array) -> None:
    """Lay `colour` ([3] or [h, w, 3]) over `image` in place, as opaque as `alpha` [h, w]."""
    image += alpha[..., None] * (np.asarray(colour, dtype=np.float32) - image)


def noise(rng: np.random.Generator, size: int, cells: int) -> Array:
    """Smooth noise, [size, size], about unit variance, with about `cells` bumps across."""
    coarse = Image.fromarray(rng.standard_normal((cells, cells), dtype=np.float32))
    return np.asarray(coarse.resize((size, size), Image.Resampling.BICUBIC))


def blob(rng: np.random.Generator, centre: NDArray, radius: float) -> NDArray:
    """An uneven round polygon, [16, 2], in the units of `centre` and `radius`."""
    turn = np.linspace(0.0, 2 * np.pi, 16, endpoint=False)
    uneven = 1.0 + 0.22 * np.sin(2 * turn + 6.3 * rng.random()) + 0.13 * np.sin(3 * turn + 6.3 * rng.random())
    return centre + radius * uneven[:, None] * np.stack([np.cos(turn), np.sin(turn)], axis=1)


def paint_background(rng: np.random.Generator, size: int, amount: float) -> Array:
    """A scanner's bed, float32 [size, size, 3], 0..255, with ruler, label, colour card, dust."""
    tone = rng.choice([236.0, 214.0, 186.0], p=[0.6, 0.25, 0.15]) + rng.uniform(-10, 10)
    image = np.empty((size, size, 3), dtype=np.float32)
    image[:] = tone + 3.0 * rng.standard_normal(3, dtype=np.float32)
    image += 2.5 * noise(rng, size, 4)[..., None]
    if rng.random() < 0.45 * amount:
        _paint_ruler(rng, image)
    if rng.random() < 0.4 * amount:
        _paint_label(rng, image)
    if rng.random() < 0.3 * amount:
        _paint_colour_card(rng, image)
    _paint_dust(rng, image, amount)
    return image


def _corner(rng: np.random.Generator, width: float, height: float) -> tuple[float, float]:
    """Left and top of something that lies in one of the corners, partly cut by the image's border."""
    left, top = rng.uniform(-0.3, 0.25) * width, rng.uniform(-0.3, 0.25) * height
    left = left if rng.random() < 0.5 else 1 - width - left
    return left, (top if rng.random() < 0.5 else 1 - height - top)


def _rectangle(left: float, top: float, width: float, height: float) -> NDArray:
    return np.array([[left, top], [left + width, top], [left + width, top + height], [left, top + height]])


def _paint_ruler(rng: np.random.Generator, image: Array) -> None:
    size = len(image)
    body, ticks = Coverage(size), Coverage(size)
    breadth, pitch = rng.uniform(0.05, 0.09), rng.uniform(0.018, 0.03)
    body.polygon(_rectangle(0.0, 0.0, breadth, 1.0))
    for number, top in enumerate(np.arange(rng.uniform(0, pitch), 1.0, pitch)):
        length = breadth * (0.6 if number % 5 == 0 else 0.35)
        ticks.polygon(_rectangle(breadth - length, top, length, 0.004))
    turns = rng.integers(0, 4)  # along any of the four borders
    colour = rng.uniform(170, 250) * np.array([1.0, 0.99, rng.uniform(0.8, 1.0)])
    blend(image, colour, np.rot90(body.mask(), turns))
    blend(image, np.full(3, rng.uniform(20, 80)), np.rot90(ticks.mask(), turns))


def _paint_label(rng: np.random.Generator, image: Array) -> None:
    size = len(image)
    paper, writing = Coverage(size), Coverage(size)
    width, height = rng.uniform(0.18, 0.3), rng.uniform(0.09, 0.16)
    left, top = _corner(rng, width, height)
    paper.polygon(_rectangle(left, top, width, height))
    for line in np.arange(top + 0.02, top + height - 0.015, 0.028):
        x = np.linspace(left + 0.015, left + width * rng.uniform(0.6, 0.93), 40)
        hand = line + 0.007 * rng.standard_normal(40)
        writing.curve(np.stack([x, hand], axis=1), 0.004)
    blend(image, rng.uniform(215, 253) * np.array([1.0, 1.0, rng.uniform(0.88, 1.0)]), paper.mask())
    blend(image, rng.uniform([10, 10, 40], [80, 80, 130]), writing.mask())


def _paint_colour_card(rng: np.random.Generator, image: Array) -> None:
    side = rng.uniform(0.05, 0.075)
    left, top = _corner(rng, 2 * side, 3 * side)
    for row in range(3):
        for column in range(2):
            chip = [[top + row * side, top + (row + 0.9) * side]]
            chip += [[left + column * side, left + (column + 0.9) * side]]
            rows, columns = np.clip(np.round(np.array(chip) * len(image)), 0, None).astype(int)
            image[slice(*rows), slice(*columns)] = rng.uniform(20, 240, 3)


def _paint_dust(rng: np.random.Generator, image: Array, amount: float) -> None:
    dust = Coverage(len(image))
    for _ in range(rng.poisson(14 * amount)):
        dust.polygon(blob(rng, rng.random(2), rng.uniform(0.001, 0.006)))
    for _ in range(rng.poisson(1.5 * amount)):  # hairs
        steps = np.cumsum(0.02 * rng.standard_normal(2) + 0.012 * rng.standard_normal((10, 2)), axis=0)
        dust.curve(rng.random(2) + steps, 0.003)
    blend(image, np.full(3, rng.uniform(60, 150)), 0.8 * dust.mask())


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
