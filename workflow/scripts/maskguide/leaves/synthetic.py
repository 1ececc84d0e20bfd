"""Generated leaf photographs with known truth: cultivars, and one leaf of a cultivar at a time.

Cultivars of one data set share their outline and differ by little in the venation; everything else in a
picture (background, light, pose, blemishes) is drawn for each leaf and says nothing about its class.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from maskguide.data.boxes import THIN_TRIMMED, box_of_mask
from maskguide.leaves import background, leaf_paint, leaf_shape
from maskguide.leaves.background import Scene
from maskguide.leaves.leaf_paint import Coverage, blend
from maskguide.leaves.leaf_shape import VENATION, Cultivar

SMALLEST = 48  # pixels; below this, second-order veins run into each other
BACKGROUND, MAIN_VEIN, SECOND_ORDER_VEIN = 0, 1, 2
VEIN_BOX, CONTOUR_BOX = 0, 1

# A soybean leaflet: ovate, entire margin, pinnate veins that turn towards the tip before the margin.
SPECIES = Cultivar(
    **dict(width=0.62, widest=0.4, base=0.55, tip=0.85, teeth=0.0, tooth_depth=0.0),
    **dict(angle=50.0, angle_change=14.0, pairs=8.0, spacing=1.0, curvature=16.0, looping=20.0, offset=0.25),
)
# How far the cultivars of one data set spread around the species at difficulty 1, either way. The first three
# traits show most in a picture (a small network regresses them best).
SPREAD = dict(angle=9.5, pairs=1.7, spacing=0.1, angle_change=7.0, curvature=10.0, looping=8.5, offset=0.25)
SHOWING = 3


@dataclass(frozen=True)
class Leaf:
    """One picture and its truth.

    image: uint8 [size, size, 3] RGB. labels: uint8 [size, size], 0 background and blade, 1 main vein,
    2 second-order vein. outline: bool [size, size], the silhouette, holes filled, bites taken out.
    boxes: float64 [2, 5], YOLO rows (box class, centre x, centre y, width, height) in image sizes; box
    class 0 is the veins' central region, 1 the contour.
    """

    image: NDArray[np.uint8]
    labels: NDArray[np.uint8]
    outline: NDArray[np.bool_]
    boxes: NDArray[np.float64]


def random_cultivar(rng: np.random.Generator) -> Cultivar:
    """A freely drawn cultivar of some species, for pre-training on leaves that no data set contains."""
    toothed = rng.random() < 0.4
    return Cultivar(
        width=rng.uniform(0.4, 0.85),
        widest=rng.uniform(0.33, 0.55),
        base=rng.uniform(0.45, 1.0),
        tip=rng.uniform(0.55, 1.3),
        teeth=float(rng.integers(8, 22)) if toothed else 0.0,
        tooth_depth=rng.uniform(0.04, 0.12) if toothed else 0.0,
        angle=rng.uniform(32.0, 68.0),
        angle_change=rng.uniform(-5.0, 30.0),
        pairs=rng.uniform(4.5, 12.0),
        spacing=rng.uniform(0.8, 1.3),
        curvature=rng.uniform(0.0, 35.0),
        looping=rng.uniform(0.0, 40.0),
        offset=rng.uniform(0.0, 0.5),
    )


def sibling_cultivars(count: int, difficulty: float, rng: np.random.Generator) -> list[Cultivar]:
    """`count` cultivars of one species: one outline up to a hair, venations that differ by little.

    Every vein trait takes `count` evenly spread values within ± SPREAD · 2^(1 - difficulty), in an order of
    its own (a Latin hypercube); of 200 such orders the one whose two closest cultivars lie furthest apart
    in the traits that show most is taken, so that no seed makes two cultivars look the same.
    """
    levels = np.linspace(-1.0, 1.0, count) if count > 1 else np.zeros(1)
    designs = [np.stack([rng.permutation(levels) for _ in SPREAD], axis=1) for _ in range(200)]
    design = max(designs, key=lambda design: _closest_pair(design[:, :SHOWING]))
    scale = 2.0 ** (1.0 - difficulty)
    cultivars = []
    for row in design:
        traits = {name: getattr(SPECIES, name) for name in VENATION}
        for level, (name, spread) in zip(row, SPREAD.items(), strict=True):
            traits[name] += float(level) * spread * scale
        traits["pairs"] = max(traits["pairs"], 3.0)
        traits["offset"] = float(np.clip(traits["offset"], 0.0, 0.5))
        traits["angle"] = float(np.clip(traits["angle"], 20.0, 80.0))
        hair = 1.0 + 0.005 * rng.standard_normal(2)
        traits |= {"width": SPECIES.width * hair[0], "widest": SPECIES.widest * hair[1]}
        cultivars.append(replace(SPECIES, **traits))
    return cultivars


def _closest_pair(design: NDArray) -> float:
    """The distance of the two closest rows."""
    distances = np.linalg.norm(design[:, None] - design[None], axis=2)
    return float(np.min(distances + np.diag(np.full(len(design), np.inf))))


def draw_leaf(
    cultivar: Cultivar,
    size: int,
    rng: np.random.Generator,
    difficulty: float = 1.0,
    arrange: Callable[[Scene], Scene] | None = None,
) -> Leaf:
    """One scanned leaf of `cultivar`, `size` pixels square; `difficulty` scales the nuisance.

    arrange: what else lies behind the leaf, made of what would; the leaf itself stays the same to the bit.
    """
    nuisance = 0.4 + 0.6 * difficulty
    shape = leaf_shape.draw_shape(cultivar, rng, nuisance)
    place = leaf_shape.draw_pose(rng, cultivar.width, nuisance).place
    outline = place(shape.outline)
    main_vein, petiole = place(shape.main_vein), place(shape.petiole)
    second_order = [place(vein) for vein in shape.second_order]

    blade, half, veins, fine, stalk = (Coverage(size) for _ in range(5))
    blade.polygon(outline)
    half.polygon(np.concatenate([outline[: len(outline) // 2], main_vein[::-1]]))
    thickness = rng.uniform(0.85, 1.2)
    for vein in second_order:
        veins.curve(vein, thickness * np.linspace(0.0085, 0.0035, len(vein)))
    veins.curve(main_vein, thickness * np.linspace(0.020, 0.004, len(main_vein)))
    fine.hairlines(place(shape.third_order), 0.0028)
    stalk.curve(petiole, 0.020)

    bitten, holed = leaf_paint.cut_blade(rng, outline, size, nuisance)
    silhouette = blade.mask() * (1.0 - bitten)
    surface = silhouette * (1.0 - holed)
    scene = background.draw_scene(rng, size, nuisance)
    image = background.paint_scene(arrange(scene) if arrange else scene, silhouette)

    relief = veins.mask()
    leaf_image = leaf_paint.paint_blade(rng, silhouette, half.mask(), relief)
    pale = leaf_image.mean(axis=(0, 1)) + rng.uniform([38, 38, 14], [72, 62, 40])
    blend(leaf_image, pale, rng.uniform(0.08, 0.22) * fine.mask())
    leaf_paint.paint_blemishes(rng, leaf_image, silhouette, nuisance)
    blend(leaf_image, pale, rng.uniform(0.55, 0.9) * relief)
    blend(image, pale * 0.9, stalk.mask())
    blend(image, leaf_image, surface)

    labels = _labels(size, main_vein, second_order, surface)
    visible = silhouette >= 0.5
    boxes = np.array([[VEIN_BOX, *_box(labels > 0, THIN_TRIMMED)], [CONTOUR_BOX, *_box(visible, 0.0)]])
    return Leaf(leaf_paint.expose(rng, image), labels, visible, boxes)


def _labels(size: int, main_vein: NDArray, second_order: list[NDArray], surface: NDArray) -> NDArray:
    """Veins as an annotator's pen paints them: as wide as they are, yet never narrower than 1.5 pixels."""
    thin, thick = Coverage(size), Coverage(size)
    for vein in second_order:
        thin.curve(vein, np.maximum(np.linspace(0.0085, 0.0035, len(vein)), 1.5 / size))
    thick.curve(main_vein, np.maximum(np.linspace(0.020, 0.004, len(main_vein)), 1.5 / size))
    labels = np.where(thin.mask() >= 0.5, SECOND_ORDER_VEIN, BACKGROUND)
    labels = np.where(thick.mask() >= 0.5, MAIN_VEIN, labels)
    return np.where(surface >= 0.5, labels, BACKGROUND).astype(np.uint8)


def _box(mask: NDArray, trimmed: float) -> tuple[float, float, float, float]:
    """(centre x, centre y, width, height) in image sizes of a mask, less `trimmed` at each end."""
    left, top, right, bottom = box_of_mask(mask, trimmed)
    height, width = mask.shape
    centre = (left + right) / 2 / width, (top + bottom) / 2 / height
    return *centre, (right - left) / width, (bottom - top) / height
