"""Handcrafted baseline: the multiscale distance matrix of a contour, and the nearest neighbour.

Hu, Jia, Ling, Huang: Multiscale Distance Matrix for Fast Plant Leaf Recognition, IEEE Transactions on Image
Processing 21(11), 2012. Here with Euclidean distances and without their dimensionality reduction.
"""

from __future__ import annotations

import numpy as np
from scipy.spatial.distance import cdist
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


def multiscale_distance_matrix(points: np.ndarray) -> np.ndarray:
    """The multiscale distance matrix of a closed contour, points float [N, 2], not all equal.

    D[i, j] = ‖p_i − p_j‖. Each column j is shifted up cyclically by j, so that the zero diagonal becomes row
    0 and row k holds the distances of all points that lie k steps apart, the k-th scale. Sorting within each
    row makes it independent of the start point and of the contour's direction. D is symmetric, so rows k
    and N − k hold the same distances: rows 1 .. ⌊N/2⌋ are kept. Division by the largest distance makes it
    independent of scale. float64 [⌊N/2⌋, N], 0..1, ascending in each row.
    """
    count = len(points)
    distances = cdist(points, points)
    steps, columns = np.ogrid[1 : count // 2 + 1, :count]
    shifted = distances[(columns + steps) % count, columns]
    return np.sort(shifted, axis=1) / distances.max()


def nearest_neighbour(
    train: np.ndarray, train_classes: np.ndarray, test: np.ndarray
) -> tuple[np.ndarray, np.ndarray]:
    """The classes of the test images by the nearest training descriptor in the L1 distance, and confidences.

    train, test: float [images, features]; train_classes: int, at least two classes. Confidence is
    d_other / (d_nearest + d_other) with the distances of the nearest training image and the nearest one of
    any other class: 0.5 = undecided, 1 = an exact copy.
    """
    distances = cdist(test, train, metric="cityblock")
    predicted = train_classes[np.argmin(distances, axis=1)]
    nearest = distances.min(axis=1)
    other = np.where(train_classes[None, :] == predicted[:, None], np.inf, distances).min(axis=1)
    total = nearest + other
    confidence = np.divide(other, total, out=np.full(len(total), 0.5), where=total > 0)
    return predicted, confidence
