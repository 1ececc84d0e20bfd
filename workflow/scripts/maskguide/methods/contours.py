"""Contours of masks, and the nearest neighbour, for the methods that compare contours."""

from __future__ import annotations

import numpy as np
from skimage import measure

from maskguide.marks.silhouette import largest_component


def contour_points(mask: np.ndarray, count: int) -> np.ndarray:
    """Points at equal arc lengths along the outer contour of a mask's largest component; mask: bool [H, W].

    float [count, 2], (row, column) in pixels. `ValueError` if the mask is empty.
    """
    if not mask.any():
        raise ValueError("the mask is empty: it has no contour")
    padded = np.pad(largest_component(mask), 1).astype(float)
    contours = measure.find_contours(padded, 0.5)
    steps = [np.linalg.norm(np.diff(contour, axis=0), axis=1) for contour in contours]
    longest = int(np.argmax([each.sum() for each in steps]))
    contour, along = contours[longest] - 1, np.concatenate([[0], np.cumsum(steps[longest])])
    places = np.linspace(0, along[-1], count, endpoint=False)
    return np.stack([np.interp(places, along, coordinate) for coordinate in contour.T], axis=1)


def nearest_neighbour(distances: np.ndarray, known_classes: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """The classes of the asked contours by the nearest known one, and confidences.

    distances: float [asked, known], 0 or more; known_classes: int [known], at least two classes. Confidence
    is d_other / (d_nearest + d_other) with the distances of the nearest known contour and the nearest one of
    any other class: 0.5 = undecided, 1 = an exact copy.
    """
    predicted = known_classes[np.argmin(distances, axis=1)]
    nearest = distances.min(axis=1)
    other = np.where(known_classes[None, :] == predicted[:, None], np.inf, distances).min(axis=1)
    total = nearest + other
    confidence = np.divide(other, total, out=np.full(len(total), 0.5), where=total > 0)
    return predicted, confidence
