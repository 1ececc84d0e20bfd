"""Masks without a person: Otsu's threshold for the object or blade, a ridge filter for the veins.

These masks stand in where neither published nor hand-drawn marks exist, and are marked `automatic`
wherever they are used. They know nothing about leaves but that a blade differs in colour from what
borders the image, and that veins are thin ridges of which the main one runs along the blade.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from scipy import ndimage
from skimage import color, filters, graph, measure, morphology

from maskguide.marks.silhouette import enlarge, largest_component, shrink, silhouette
from maskguide.system.files import InputError

RIDGE_WIDTHS = (1.0, 2.0, 3.0)  # standard deviations of the ridge filter, px
HYSTERESIS = (1.0, 1.5)  # times Otsu's threshold; measured best of five pairs on 32 generated leaves
BLOB_RADIUS = 3  # px; a ridge that holds a disk of this radius is a spot, not a vein
BLADE_MARGIN = 0.02  # of the working image's longer side: the blade's rim is itself a ridge
MAIN_VEIN_NAMES = ("main", "primary", "mid", "first")


def veins(image: np.ndarray, blade: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """The main vein and the second-order veins inside a blade.

    Sato's ridge filter (multi-scale Hessian) on the lightness, for bright or dark veins, whichever
    answer more steadily along the main vein. The main vein is the path of least cost between the two
    ends of the blade's long axis, cost = 1 / (relative ridge + 0.03): the strongest ridge along it.
    Second-order veins are the other ridges that pass a hysteresis threshold and are long enough.

    image: uint8 [H, W, 3], RGB. blade: bool [H, W], the leaf's silhouette. Both parts are bool [H, W] and
    disjoint; both are empty when the blade is.
    """
    small, inside = shrink(image), shrink(blade.astype(np.uint8)).astype(bool)
    main, second = np.zeros_like(inside), np.zeros_like(inside)
    margin = max(2, round(BLADE_MARGIN * max(inside.shape)))
    inner = largest_component(ndimage.binary_erosion(inside, iterations=margin))
    if inner.sum() < 50:
        return tuple(enlarge(part.astype(np.uint8), blade.shape).astype(bool) for part in (main, second))
    answers = [_ridges(small, inside, inner, dark) for dark in (False, True)]
    relative = [np.clip(answer / np.percentile(answer[inner], 99).clip(1e-6), 0, 1) for answer in answers]
    paths = [_main_path(ridge, inside, inner) for ridge in relative]
    # a vein runs on unbroken, the grooves between veins do not: compare the weakest fifth of the paths
    steady = [np.percentile(answer[path], 20) for answer, path in zip(answers, paths, strict=True)]
    better = int(np.argmax(steady))
    ridge, path = relative[better], paths[better]
    strong = inner & filters.apply_hysteresis_threshold(ridge, *_thresholds(ridge[inner]))
    blobs = morphology.opening(strong, morphology.disk(BLOB_RADIUS))
    strong &= ~morphology.dilation(blobs, morphology.disk(1))
    from_path = ndimage.distance_transform_edt(~path)
    widest = max(inside.shape) / 107
    main = path | ((from_path <= max(1.5, widest)) & (ridge > 0.4 * np.median(ridge[path])))
    shortest = 0.06 * np.sqrt(inside.sum())
    for region in measure.regionprops(measure.label(strong & (from_path > max(2.5, widest)), connectivity=2)):
        if region.axis_major_length >= shortest:
            second[tuple(region.coords.T)] = True
    second &= ~main
    return tuple(enlarge(part.astype(np.uint8), blade.shape).astype(bool) for part in (main, second))


def automatic_mask(image: np.ndarray, classes: Sequence[str]) -> np.ndarray:
    """A label mask for the mask classes `classes`.

    Classes whose names contain "vein" are found by `veins` (a single one takes all veins; of two, the
    one named main, primary, mid or first, else the former, takes the main vein). Any other class is
    the `silhouette`, under the veins.

    image: uint8 [H, W, 3], RGB. The result is uint8 [H, W]: 0 = background, k = classes[k - 1].
    """
    check_automatic_classes(classes)
    vein_labels = [label for label, name in enumerate(classes, 1) if "vein" in name.lower()]
    labels = np.zeros(image.shape[:2], dtype=np.uint8)
    blade = silhouette(image)
    for label in set(range(1, len(classes) + 1)) - set(vein_labels):
        labels[blade] = label
    if vein_labels:
        main, second = veins(image, blade)
        is_main = [any(word in name.lower() for word in MAIN_VEIN_NAMES) for name in classes]
        vein_labels.sort(key=lambda label: not is_main[label - 1])
        labels[second] = vein_labels[-1]
        labels[main] = vein_labels[0]
    return labels


def check_automatic_classes(classes: Sequence[str]) -> None:
    """Refuse mask classes that no threshold or ridge filter can tell apart."""
    vein_count = sum("vein" in name.lower() for name in classes)
    if vein_count > 2 or len(classes) - vein_count > 1:
        known = "automatic masks know one object and two orders of veins"
        raise InputError(f"mask classes {', '.join(classes)}: {known}; mark by hand (mode manual)")


def _ridges(image: np.ndarray, inside: np.ndarray, inner: np.ndarray, dark: bool) -> np.ndarray:
    """Sato's answer [H, W] to bright or dark ridges of lightness, >= 0, 0 outside `inner`."""
    lightness = color.rgb2lab(image)[..., 0]
    # outside the blade, the nearest blade pixel's value: no step at the rim for the filter to answer to
    nearest = ndimage.distance_transform_edt(~inside, return_distances=False, return_indices=True)
    lightness = lightness[tuple(nearest)]
    return filters.sato(lightness, sigmas=RIDGE_WIDTHS, black_ridges=dark) * inner


def _main_path(ridge: np.ndarray, inside: np.ndarray, inner: np.ndarray) -> np.ndarray:
    """bool [H, W]: the cheapest path along the ridges between the two ends of the blade's long axis."""
    y, x = np.nonzero(inside)
    points = np.stack([y - y.mean(), x - x.mean()])
    axis = np.linalg.eigh(points @ points.T)[1][:, -1]
    along = np.full(inside.shape, np.nan)
    along[inside] = axis @ points
    first, last = np.nanpercentile(along[inner], [0.5, 99.5])
    cost = np.where(inner, 1 / (ridge + 0.03), -1)  # negative: the path may not go there
    search = graph.MCP_Geometric(cost)
    totals, _ = search.find_costs(np.argwhere(inner & (along <= first)))
    ends = np.argwhere(inner & (along >= last))
    path = np.zeros_like(inside)
    path[tuple(np.array(search.traceback(ends[np.argmin(totals[tuple(ends.T)])])).T)] = True
    return path


def _thresholds(strength: np.ndarray) -> tuple[float, float]:
    """Low and high hysteresis thresholds from Otsu's on the ridge strengths that are not zero."""
    positive = strength[strength > 0]
    if len(positive) < 2 or np.ptp(positive) == 0:
        return 1.0, 1.0
    otsu = filters.threshold_otsu(positive)
    return HYSTERESIS[0] * otsu, HYSTERESIS[1] * otsu
