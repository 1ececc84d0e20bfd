"""Shape of a generated leaf: the outline, the veins as curves, and where they fall in the image.

Leaf frame: x runs along the midrib from the base (0) to the tip (1), y to its left; the unit is the length of
the leaf.
"""

from __future__ import annotations

from dataclasses import dataclass, fields, replace

import numpy as np
from numpy.typing import NDArray

Points = NDArray[np.float64]  # [..., 2]
MARGIN_POINTS = 90  # outline points per side
VEIN_STEPS = 20  # points of a second-order vein


@dataclass(frozen=True)
class Cultivar:
    """What a cultivar hands to all its leaves: the form of the outline and of the venation.

    Outline:
        width: greatest width / length of the blade.
        widest: where along the midrib the blade is widest (0 base, 1 tip).
        base, tip: how the blade closes there: 0.5 is round, 1 pointed, above 1 drawn out.
        teeth: teeth of the margin per side; tooth_depth: their depth / half width.
    Venation:
        angle: of the second-order veins to the midrib at mid-blade (degrees).
        angle_change: how much smaller that angle is at the tip than at the base (degrees).
        pairs: second-order veins per side.
        spacing: 1 is even along the midrib; above 1 crowds the veins towards the base.
        curvature: how far a vein turns towards the tip on its way (degrees).
        looping: how much more it turns next to the margin (degrees).
        offset: 0 is opposite veins, 0.5 alternate ones (in vein spacings).
    """

    width: float
    widest: float
    base: float
    tip: float
    teeth: float
    tooth_depth: float
    angle: float
    angle_change: float
    pairs: float
    spacing: float
    curvature: float
    looping: float
    offset: float


OUTLINE = ("width", "widest", "base", "tip", "teeth", "tooth_depth")
VENATION = tuple(field.name for field in fields(Cultivar) if field.name not in OUTLINE)


@dataclass(frozen=True)
class Shape:
    """One leaf in the leaf frame: curves [points, 2] and, for veins, the width at each point (in lengths)."""

    outline: Points
    main_vein: Points
    second_order: list[Points]
    third_order: Points  # [lines, 3, 2]
    petiole: Points


def half_width(cultivar: Cultivar, x: NDArray) -> NDArray:
    """Half the blade's width (in lengths) at `x`; 0 outside of the blade."""
    inside = np.clip(x, 0.0, 1.0)
    towards_base = 1.0 - inside / cultivar.widest
    towards_tip = (inside - cultivar.widest) / (1.0 - cultivar.widest)
    away = np.where(inside < cultivar.widest, towards_base, towards_tip)
    exponent = np.where(inside < cultivar.widest, cultivar.base, cultivar.tip)
    return 0.5 * cultivar.width * np.maximum(1.0 - away**2, 0.0) ** exponent


def draw_shape(cultivar: Cultivar, rng: np.random.Generator, variation: float) -> Shape:
    """One leaf of the cultivar; no two are alike, by `variation` (1 is what leaves of one plant show)."""
    jitter = variation * rng.standard_normal(8)
    leaf = replace(
        cultivar,
        width=cultivar.width * (1.0 + 0.06 * jitter[0]),
        widest=float(np.clip(cultivar.widest + 0.02 * jitter[1], 0.2, 0.7)),
        base=cultivar.base * np.exp(0.06 * jitter[2]),
        tip=cultivar.tip * np.exp(0.06 * jitter[3]),
        angle=cultivar.angle + 1.2 * jitter[4],
        angle_change=cultivar.angle_change + 2.0 * jitter[5],
        pairs=cultivar.pairs + 0.25 * jitter[6],
        curvature=cultivar.curvature + 2.0 * jitter[7],
    )
    sides = [_second_order_veins(leaf, side, rng, variation) for side in (1.0, -1.0)]
    along = np.linspace(0.0, 1.0, 30)
    outline = _outline(leaf, rng, variation)
    main_vein = np.stack([along * 0.99, np.zeros_like(along)], axis=1)
    second_order = [_inside(leaf, vein) for side in sides for vein in side]
    third_order = np.concatenate([_third_order_veins(side, rng) for side in sides])
    end = [-0.12 - 0.1 * rng.random(), 0.05 * rng.standard_normal()]
    return Shape(outline, main_vein, second_order, third_order, np.array([end, [-0.05, 0.0], [0.02, 0.0]]))


def _outline(leaf: Cultivar, rng: np.random.Generator, variation: float) -> Points:
    """The closed margin: both sides with their own slight unevenness and teeth."""
    # points lie denser at both ends, where a round margin turns fastest
    x = 0.5 - 0.5 * np.cos(np.linspace(0.0, np.pi, MARGIN_POINTS))
    sides = []
    for side in (1.0, -1.0):
        phases, strengths = rng.random(4), rng.standard_normal(4) * variation
        waves = (np.sin(np.pi * (k + 2) * x + 2 * np.pi * phases[k]) for k in range(4))
        uneven = sum(0.012 * strength * wave for strength, wave in zip(strengths, waves, strict=True))
        tooth = (x * leaf.teeth + phases[0]) % 1.0
        y = half_width(leaf, x) * (1.0 + uneven + leaf.tooth_depth * (tooth - 0.5))
        sides.append(np.stack([x, side * y], axis=1))
    return np.concatenate([sides[0], sides[1][::-1]])


def _second_order_veins(leaf: Cultivar, side: float, rng: np.random.Generator, variation: float) -> Points:
    """Second-order veins of one side, [veins, VEIN_STEPS, 2], from the midrib outwards.

    They start at x = ((i + phase) / pairs)^spacing and are integrated in equal steps; the direction turns
    towards the tip evenly by `curvature` and, close to the margin, by `looping`.
    """
    # opposite veins start together; on alternate ones the second side starts later by the offset
    phase = 0.45 + (leaf.offset if side < 0 else 0.0)
    index = np.arange(np.ceil(leaf.pairs + 1))
    start = (index + phase + 0.10 * variation * rng.standard_normal(len(index))) / (leaf.pairs + 0.7)
    start = np.maximum(start[start < 0.93], 0.02) ** leaf.spacing
    angle = leaf.angle + leaf.angle_change * (0.5 - start) + 1.8 * variation * rng.standard_normal(len(start))
    wander = 3.0 * variation * rng.standard_normal((len(start), 3))
    points = np.empty((len(start), VEIN_STEPS, 2))
    x, y = start.copy(), np.zeros_like(start)
    # enough to reach the margin at this angle, also after the bend
    across = half_width(leaf, start + 0.25 * leaf.width) + 0.05
    length = 1.25 * across / np.sin(np.radians(np.maximum(angle, 20)))
    for step in range(VEIN_STEPS):
        points[:, step, 0], points[:, step, 1] = x, side * y
        way = step / (VEIN_STEPS - 1)
        near = np.clip(y / np.maximum(half_width(leaf, x), 1e-6), 0.0, 1.0) ** 5
        swing = wander[:, 0] * np.sin(4 * way + wander[:, 1]) + wander[:, 2] * way
        direction = np.radians(np.maximum(angle - leaf.curvature * way - leaf.looping * near + swing, 3.0))
        x = x + np.cos(direction) * length / (VEIN_STEPS - 1)
        y = y + np.sin(direction) * length / (VEIN_STEPS - 1)
    return points


def _inside(leaf: Cultivar, vein: Points) -> Points:
    """The part of a vein from the midrib to just before the margin."""
    outside = np.abs(vein[:, 1]) > 0.94 * half_width(leaf, vein[:, 0])
    outside[:3] = False  # at a narrow tip even the first steps would be outside
    return vein[: int(np.argmax(outside))] if outside.any() else vein


def _third_order_veins(side: Points, rng: np.random.Generator) -> Points:
    """Fine rungs between neighbouring second-order veins, as in percurrent venation, [rungs, 3, 2]."""
    lower, upper = side[:-1], side[1:]
    steps = np.arange(2, VEIN_STEPS - 2, 2)
    pairs = np.arange(len(lower))[:, None]
    starts = lower[pairs, steps + rng.integers(0, 3, (len(lower), len(steps)))]
    ends = upper[pairs, steps - rng.integers(0, 2, (len(lower), len(steps)))]
    middles = (starts + ends) / 2 + 0.012 * rng.standard_normal(starts.shape)
    return np.stack([starts, middles, ends], axis=2).reshape(-1, 3, 2)


@dataclass(frozen=True)
class Pose:
    """Where the leaf lies in the image: slightly bent, turned, scaled, moved and seen at a slant."""

    bend: float  # sideways, of the midrib's middle (lengths)
    turn: float  # radians from upright
    length: float  # of the leaf / image size
    shift: tuple[float, float]  # of its middle from the image's, / image size
    slant: tuple[float, float]  # perspective: relative change of scale across the image

    def place(self, points: Points) -> Points:
        """Leaf frame → image plane, where x and y run from 0 to 1, y downwards."""
        x, y = points[..., 0] - 0.5, points[..., 1]
        y = y + self.bend * (1.0 - 4.0 * x**2)
        right = self.length * (x * np.sin(self.turn) + y * np.cos(self.turn))
        up = self.length * (x * np.cos(self.turn) - y * np.sin(self.turn))
        depth = 1.0 + self.slant[0] * right + self.slant[1] * up
        return np.stack([0.5 + self.shift[0] + right / depth, 0.5 + self.shift[1] - up / depth], axis=-1)


def draw_pose(rng: np.random.Generator, width: float, variation: float) -> Pose:
    """A leaf laid on the scanner by hand: nearly upright, nearly centred."""
    return Pose(
        bend=0.025 * variation * rng.standard_normal(),
        turn=float(np.radians(np.clip(9.0 * variation * rng.standard_normal(), -25, 25))),
        # wide leaves are laid down smaller, so that they fit
        length=float(rng.uniform(0.74, 0.86) / max(1.0, width / 0.85)),
        shift=tuple(0.02 * variation * rng.standard_normal(2)),
        slant=tuple(0.05 * variation * rng.standard_normal(2)),
    )
