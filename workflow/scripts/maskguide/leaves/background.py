"""What lies behind a generated leaf: paper, ruler, label, colour card, dust, and the leaf's shadow on them.

`draw_scene` draws all of it for one picture and `paint_scene` paints it. Nothing here knows the cultivar. The
bytes of a data set depend on the order in which properties are drawn.
Lengths and points (x, y) are in image sizes, colours are float64 [3], RGB, 0..255.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.ndimage import gaussian_filter

from maskguide.leaves.leaf_paint import Array, Coverage, blend, blob, noise

LONG_TICK, SHORT_TICK = 0.6, 0.35  # of the ruler's breadth; every fifth tick is long


@dataclass(frozen=True)
class Ruler:
    """A ruler along the left border, turned with the image by `turns` quarters to one of the others.

    inset: of its outer edge from the border. start: where its end lies, 0 at or beyond the border. slant: how
    far it leans, width / height.
    """

    breadth: float
    pitch: float  # from tick to tick
    first: float  # tick's place
    turns: int
    colour: NDArray
    ink: NDArray
    inset: float = 0.0
    start: float = 0.0
    slant: float = 0.0


@dataclass(frozen=True)
class Label:
    """A paper label: its corners [4, 2] and its handwriting, curves [points, 2]."""

    corners: NDArray
    writing: list[NDArray]
    colour: NDArray
    ink: NDArray


@dataclass(frozen=True)
class Chip:
    """A field of a colour card: left, top, right, bottom."""

    place: tuple[float, float, float, float]
    colour: NDArray


@dataclass(frozen=True)
class Dust:
    """Specks, polygons [points, 2], and hairs, curves [points, 2]."""

    specks: list[NDArray]
    hairs: list[NDArray]
    colour: NDArray


@dataclass(frozen=True)
class Shadow:
    """The leaf's: how dark (0..1), how soft its edge, how many pixels down and right of the leaf."""

    opacity: float
    softness: float
    shift: tuple[float, float]


@dataclass(frozen=True)
class Scene:
    """All that lies behind one leaf; paper: float32 [size, size, 3], 0..255."""

    paper: Array
    ruler: Ruler | None
    label: Label | None
    card: list[Chip]
    dust: list[Dust]
    shadow: Shadow


def draw_scene(rng: np.random.Generator, size: int, amount: float) -> Scene:
    """A scanner's bed; `amount` scales how much lies on it."""
    tone = rng.choice([236.0, 214.0, 186.0], p=[0.6, 0.25, 0.15]) + rng.uniform(-10, 10)
    paper = np.empty((size, size, 3), dtype=np.float32)
    paper[:] = tone + 3.0 * rng.standard_normal(3, dtype=np.float32)
    paper += 2.5 * noise(rng, size, 4)[..., None]
    return Scene(
        paper=paper,
        ruler=_draw_ruler(rng) if rng.random() < 0.45 * amount else None,
        label=_draw_label(rng) if rng.random() < 0.4 * amount else None,
        card=_draw_card(rng) if rng.random() < 0.3 * amount else [],
        dust=[_draw_dust(rng, amount)],
        shadow=Shadow(rng.uniform(0.1, 0.4), 0.01, tuple(rng.integers(-2, 3, 2))),
    )


def _draw_ruler(rng: np.random.Generator) -> Ruler:
    breadth, pitch = rng.uniform(0.05, 0.09), rng.uniform(0.018, 0.03)
    return Ruler(
        breadth=breadth,
        pitch=pitch,
        first=rng.uniform(0, pitch),
        turns=rng.integers(0, 4),
        colour=rng.uniform(170, 250) * np.array([1.0, 0.99, rng.uniform(0.8, 1.0)]),
        ink=np.full(3, rng.uniform(20, 80)),
    )


def corner(rng: np.random.Generator, width: float, height: float) -> tuple[float, float]:
    """Left and top of something that lies in one of the corners, partly cut by the image's border."""
    left, top = rng.uniform(-0.3, 0.25) * width, rng.uniform(-0.3, 0.25) * height
    left = left if rng.random() < 0.5 else 1 - width - left
    return left, (top if rng.random() < 0.5 else 1 - height - top)


def rectangle(left: float, top: float, width: float, height: float) -> NDArray:
    """Its corners, [4, 2]."""
    return np.array([[left, top], [left + width, top], [left + width, top + height], [left, top + height]])


def handwriting(rng: np.random.Generator, left: float, top: float, width: float, height: float) -> list:
    """Lines of writing on a label, curves [40, 2]."""
    lines = []
    for line in np.arange(top + 0.02, top + height - 0.015, 0.028):
        x = np.linspace(left + 0.015, left + width * rng.uniform(0.6, 0.93), 40)
        lines.append(np.stack([x, line + 0.007 * rng.standard_normal(40)], axis=1))
    return lines


def _draw_label(rng: np.random.Generator) -> Label:
    width, height = rng.uniform(0.18, 0.3), rng.uniform(0.09, 0.16)
    left, top = corner(rng, width, height)
    return Label(
        corners=rectangle(left, top, width, height),
        writing=handwriting(rng, left, top, width, height),
        colour=rng.uniform(215, 253) * np.array([1.0, 1.0, rng.uniform(0.88, 1.0)]),
        ink=rng.uniform([10, 10, 40], [80, 80, 130]),
    )


def _draw_card(rng: np.random.Generator) -> list[Chip]:
    side = rng.uniform(0.05, 0.075)
    left, top = corner(rng, 2 * side, 3 * side)
    places = [(left + column * side, top + row * side) for row in range(3) for column in range(2)]
    return [Chip((x, y, x + 0.9 * side, y + 0.9 * side), rng.uniform(20, 240, 3)) for x, y in places]


def _draw_dust(rng: np.random.Generator, amount: float) -> Dust:
    count = rng.poisson(14 * amount)
    specks = [blob(rng, rng.random(2), rng.uniform(0.001, 0.006)) for _ in range(count)]
    hairs = []
    for _ in range(rng.poisson(1.5 * amount)):
        steps = np.cumsum(0.02 * rng.standard_normal(2) + 0.012 * rng.standard_normal((10, 2)), axis=0)
        hairs.append(rng.random(2) + steps)
    return Dust(specks, hairs, np.full(3, rng.uniform(60, 150)))


def paint_scene(scene: Scene, silhouette: Array) -> Array:
    """The picture without the leaf, float32 [size, size, 3]; silhouette: its share of each pixel, 0..1."""
    image = scene.paper.copy()
    size = len(image)
    if scene.ruler:
        _paint_ruler(image, scene.ruler)
    if scene.label:
        _paint_label(image, scene.label)
    for chip in scene.card:
        edges = np.clip(np.round(np.array(chip.place) * size), 0, None).astype(int)
        image[edges[1] : edges[3], edges[0] : edges[2]] = chip.colour
    for dust in scene.dust:
        _paint_dust(image, dust)
    shadow = scene.shadow.opacity * gaussian_filter(silhouette, scene.shadow.softness * size)
    blend(image, image * 0.45, np.roll(shadow, np.round(scene.shadow.shift).astype(int), axis=(0, 1)))
    return image


def _paint_ruler(image: Array, ruler: Ruler) -> None:
    body, ticks = Coverage(len(image)), Coverage(len(image))

    def leaning(points: NDArray) -> NDArray:
        return np.stack([points[:, 0] + ruler.slant * (points[:, 1] - 0.5), points[:, 1]], axis=1)

    body.polygon(leaning(rectangle(ruler.inset, ruler.start, ruler.breadth, 1.0 - ruler.start)))
    for number, top in enumerate(np.arange(ruler.first, 1.0, ruler.pitch)):
        length = ruler.breadth * (LONG_TICK if number % 5 == 0 else SHORT_TICK)
        ticks.polygon(leaning(rectangle(ruler.inset + (ruler.breadth - length), top, length, 0.004)))
    blend(image, ruler.colour, np.rot90(body.mask(), ruler.turns))
    blend(image, ruler.ink, np.rot90(ticks.mask(), ruler.turns))


def _paint_label(image: Array, label: Label) -> None:
    paper, writing = Coverage(len(image)), Coverage(len(image))
    paper.polygon(label.corners)
    for line in label.writing:
        writing.curve(line, 0.004)
    blend(image, label.colour, paper.mask())
    blend(image, label.ink, writing.mask())


def _paint_dust(image: Array, dust: Dust) -> None:
    mask = Coverage(len(image))
    for speck in dust.specks:
        mask.polygon(speck)
    for hair in dust.hairs:
        mask.curve(hair, 0.003)
    blend(image, dust.colour, 0.8 * mask.mask())
