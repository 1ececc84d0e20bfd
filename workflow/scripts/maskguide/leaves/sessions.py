"""Leaves photographed in sessions: a truth that is known, and told by what lies behind the leaf.

All training leaves of a cultivar are photographed in one session, on the same table under the same lamp; the
test leaves of every cultivar go through all sessions. A network that learns the table is right in training
and has no idea in the test. What lies behind the leaf is the session's as far as `strength` says, from 0 (the
plain leaves, to the bit) to 1; the leaf itself stays the same to the bit. Light and camera colour the leaf
too, where no mask takes it away: they have a strength of their own.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from maskguide.leaves import synthetic
from maskguide.leaves.background import (
    Dust,
    Label,
    Ruler,
    Scene,
    Shadow,
    corner,
    handwriting,
    rectangle,
)
from maskguide.leaves.leaf_paint import Array, Coverage, blend, blob, noise
from maskguide.leaves.leaf_shape import Cultivar
from maskguide.leaves.synthetic import Leaf

COMMON, SESSION, IMAGE = 0, 1, 2  # random streams beside those of cultivars and leaves
# The R₃ sequence (Roberts 2018): points (n/φ, n/φ², n/φ³) mod 1 lie apart, however many there are.
APART = 1.2207440846057596 ** -np.arange(1.0, 4.0)  # φ⁴ = φ + 1
RULERS = np.array(
    [[226, 196, 146], [198, 202, 206], [240, 240, 234], [230, 214, 154]]
)  # wood, steel, plastics
DUSTS = np.array([[92, 70, 50], [120, 118, 114], [150, 124, 92]])  # soil, lint, chaff
SLIPS = np.array([[250, 250, 248], [246, 238, 206], [222, 232, 240], [240, 222, 214]])  # colours of labels


@dataclass(frozen=True)
class Paper:
    """What the leaf lies on.

    colour: RGB. grain: standard deviation of its grey levels. fibre: how much longer than wide the grain is.
    grid: distance of printed lines in image sizes, 0 for none.
    """

    colour: tuple[float, float, float]
    grain: float
    fibre: float = 1.0
    grid: float = 0.0


PAPERS = (
    Paper((238, 239, 238), 0.8),  # copying paper
    Paper((232, 221, 196), 1.6),  # cream, laid
    Paper((160, 163, 164), 3.0),  # grey board
    Paper((184, 152, 116), 3.5, fibre=2.5),  # kraft paper
    Paper((190, 206, 222), 1.2),  # pale blue card
    Paper((236, 235, 228), 0.8, grid=0.03),  # graph paper
    Paper((88, 92, 97), 4.0),  # slate
    Paper((194, 203, 184), 2.2, fibre=2.0),  # sage blotting paper
)


@dataclass(frozen=True)
class Slip:
    """A session's label, before it is written on; angle: radians."""

    left: float
    top: float
    width: float
    height: float
    angle: float
    colour: NDArray
    ink: NDArray


@dataclass(frozen=True)
class Session:
    """What all pictures of one session share.

    paper: with the session's own shade of colour. fall: how much brighter the sheet is at the bottom and at
    the right (shares). slip: its label. specks: their mean number; speck: their greatest radius; dust: their
    colour. shadow: of the leaf, shifted in image sizes. gains, gamma: of lamp and camera, by channel and of
    all.
    """

    paper: Paper
    fall: NDArray
    ruler: Ruler | None
    slip: Slip | None
    specks: float
    speck: float
    dust: NDArray
    shadow: Shadow
    gains: NDArray
    gamma: float


def stream(seed: int, *key: int) -> np.random.Generator:
    """Random numbers that nothing else draws from."""
    return np.random.default_rng(np.random.SeedSequence(seed, spawn_key=key))


def jitter(seed: int, cultivar: int, index: int) -> np.random.Generator:
    """What differs between the pictures of a session, of one picture."""
    return stream(seed, IMAGE, cultivar, index)


def session_of(cultivar: int, index: int, train_images: int, count: int) -> int:
    """The session of a cultivar's image: the cultivar's own in training, then all in turn.

    All test parts have the same sessions, so that a session says nothing about the class there.
    """
    return cultivar if index < train_images else (index - train_images) % count


def draw_session(seed: int, number: int) -> Session:
    """The session with this number, from 0 on; it depends on no other."""
    kinds, start = stream(seed, COMMON, 0).permutation(len(PAPERS)), stream(seed, COMMON, 1).random(3)
    apart = 2 * ((start + number * APART) % 1.0) - 1
    rng = stream(seed, SESSION, number)
    paper = PAPERS[kinds[number % len(PAPERS)]]
    shade = rng.uniform(-6, 6) + 1.5 * rng.standard_normal(3)
    from_where = rng.uniform(0, 2 * np.pi)
    return Session(
        paper=replace(paper, colour=tuple(paper.colour + shade)),
        fall=rng.uniform(0.02, 0.12) * _direction(rng.uniform(0, 2 * np.pi)),
        ruler=_draw_ruler(rng) if rng.random() < 0.75 else None,
        slip=_draw_slip(rng) if rng.random() < 0.75 else None,
        specks=rng.uniform(0, 8) ** 2,
        speck=rng.uniform(0.002, 0.006),
        dust=rng.choice(DUSTS) + rng.uniform(-12, 12),
        shadow=Shadow(
            rng.uniform(0.25, 0.7),
            rng.uniform(0.008, 0.025),
            tuple(rng.uniform(0.01, 0.045) * _direction(from_where)),
        ),
        # a warm lamp is red, shade under the sky is blue; 0.9 to 1.1 as bright, flat to contrasty
        gains=(1.0 + 0.1 * apart[1]) * np.array([1.0 + 0.12 * apart[0], 1.0, 1.0 - 0.16 * apart[0]]),
        gamma=1.0 + 0.2 * apart[2],
    )


def _direction(angle: float) -> NDArray:
    return np.array([np.sin(angle), np.cos(angle)])


def _draw_ruler(rng: np.random.Generator) -> Ruler:
    start = max(rng.uniform(-0.3, 0.3), 0.0)
    return Ruler(
        breadth=rng.uniform(0.055, 0.1),
        pitch=rng.uniform(0.016, 0.032),
        first=start + 0.015,
        turns=rng.integers(0, 4),
        colour=rng.choice(RULERS) + rng.uniform(-10, 10),
        ink=np.full(3, rng.uniform(25, 70)),
        inset=rng.uniform(-0.02, 0.02),
        start=start,
        slant=0.02 * rng.standard_normal(),
    )


def _draw_slip(rng: np.random.Generator) -> Slip:
    width, height = rng.uniform(0.18, 0.3), rng.uniform(0.09, 0.15)
    left, top = corner(rng, width, height)
    ink = rng.uniform([10, 10, 40], [80, 80, 130])
    return Slip(left, top, width, height, 0.08 * rng.standard_normal(), rng.choice(SLIPS), ink)


def draw_leaf(
    cultivar: Cultivar,
    size: int,
    rng: np.random.Generator,
    difficulty: float,
    session: Session,
    jitter: np.random.Generator,
    strength: float,
    light: float,
) -> Leaf:
    """`synthetic.draw_leaf`, photographed in a session; labels: 1 the leaf, as its outline says, 0 the rest.

    rng: what draws the plain leaf. jitter: what differs between pictures of a session. strength, light: 0..1.
    """
    leaf = synthetic.draw_leaf(
        cultivar, size, rng, difficulty, lambda scene: laid(scene, session, strength, jitter)
    )
    image = developed(leaf.image, session, light, jitter)
    return replace(leaf, image=image, labels=leaf.outline.astype(np.uint8))


def laid(scene: Scene, session: Session, strength: float, rng: np.random.Generator) -> Scene:
    """A scene between itself (strength 0) and the session's (1).

    Colours, the shadow and the number of specks go from one to the other; of ruler, label and colour card
    each picture shows one or the other, the session's with probability `strength`. The draws are the same at
    all strengths.
    """
    size = len(scene.paper)
    paper, ruler, label = _sheet(session, size, rng), _moved(session, rng), _written(session, rng)
    count = rng.poisson(session.specks)
    specks = [blob(rng, rng.random(2), session.speck * rng.uniform(0.3, 1.0)) for _ in range(count)]
    shown, taken = rng.random(count) < strength, rng.random(3) < strength
    opacity = session.shadow.opacity * rng.uniform(0.85, 1.15)
    shift = size * (np.array(session.shadow.shift) + 0.004 * rng.standard_normal(2))
    dust = Dust([speck for speck, here in zip(specks, shown, strict=True) if here], [], session.dust)
    before = scene.shadow
    return Scene(
        paper=scene.paper + strength * (paper - scene.paper),
        ruler=ruler if taken[0] else scene.ruler,
        label=label if taken[1] else scene.label,
        card=[] if taken[2] else scene.card,
        dust=[*scene.dust, dust],
        shadow=Shadow(
            before.opacity + strength * (opacity - before.opacity),
            before.softness + strength * (session.shadow.softness - before.softness),
            tuple(before.shift + strength * (shift - before.shift)),
        ),
    )


def _sheet(session: Session, size: int, rng: np.random.Generator) -> Array:
    """The session's paper as one picture shows it, float32 [size, size, 3], 0..255."""
    paper = session.paper
    image = np.empty((size, size, 3), dtype=np.float32)
    image[:] = np.array(paper.colour) + 2.0 * rng.standard_normal() + 0.7 * rng.standard_normal(3)
    if paper.grid:
        _print_grid(image, paper.grid, rng)
    long = max(2, round(size / (2 * paper.fibre)))
    grain = noise(rng, size, (max(2, size // 2), long)) + 0.5 * noise(rng, size, 5)
    image += paper.grain * grain[..., None]
    y, x = np.meshgrid(np.linspace(-1, 1, size), np.linspace(-1, 1, size), indexing="ij")
    lit = 1.0 + session.fall[0] * y + session.fall[1] * x
    return np.clip(image * lit[..., None].astype(np.float32), 0, 255)


def _print_grid(image: Array, pitch: float, rng: np.random.Generator) -> None:
    """The lines of graph paper, every fifth one stronger, in place; the sheet lies a little differently."""
    start, slant = rng.uniform(-5 * pitch, 0.0, 2), 0.01 * rng.standard_normal()
    for every, ink in ((1, 0.18), (5, 0.3)):
        lines = Coverage(len(image))
        for axis in (0, 1):
            at = np.arange(start[axis] - pitch * 5, 1.0 + pitch * 5, every * pitch)
            ends = np.stack([np.stack([at, 0 * at], axis=1), np.stack([at, 0 * at + 1], axis=1)], axis=1)
            ends[:, 1, 0] += slant if axis else -slant
            lines.hairlines(ends if axis else ends[..., ::-1], 0.004)
        blend(image, np.array([206.0, 140.0, 104.0]), ink * lines.mask())


def _moved(session: Session, rng: np.random.Generator) -> Ruler | None:
    """The session's ruler, pushed a little."""
    ruler = session.ruler
    if ruler is None:
        return None
    along, aside, slant = 0.008 * rng.standard_normal(3)
    start = max(ruler.start + along, 0.0) if ruler.start else 0.0
    first = start + 0.015 if ruler.start else rng.uniform(0.0, ruler.pitch)
    return replace(ruler, start=start, first=first, inset=ruler.inset + aside, slant=ruler.slant + slant)


def _written(session: Session, rng: np.random.Generator) -> Label | None:
    """The session's label, written on for this picture and put down a little differently."""
    slip = session.slip
    if slip is None:
        return None
    left, top = np.array([slip.left, slip.top]) + 0.008 * rng.standard_normal(2)
    angle = slip.angle + 0.03 * rng.standard_normal()
    middle = np.array([left + slip.width / 2, top + slip.height / 2])
    turn = np.array([[np.cos(angle), np.sin(angle)], [-np.sin(angle), np.cos(angle)]])
    place = left, top, slip.width, slip.height
    corners, *lines = [
        (each - middle) @ turn + middle for each in (rectangle(*place), *handwriting(rng, *place))
    ]
    return Label(corners, lines, slip.colour, slip.ink)


def developed(
    image: NDArray[np.uint8], session: Session, light: float, rng: np.random.Generator
) -> NDArray[np.uint8]:
    """The picture under the session's lamp and camera, leaf and all: white balance, exposure and gamma.

    Each channel's levels v / 255 become gain · (v / 255)^gamma; `light` 0 leaves them as they are.
    """
    gains = 1.0 + light * (session.gains * (1.0 + 0.01 * rng.standard_normal(3)) - 1.0)
    gamma = 1.0 + light * (session.gamma - 1.0)
    levels = np.arange(256)[:, None] / 255
    table = np.clip(255 * gains * levels**gamma + 0.5, 0, 255).astype(np.uint8)  # [256, 3]
    return np.stack([table[image[..., channel], channel] for channel in range(3)], axis=-1)
