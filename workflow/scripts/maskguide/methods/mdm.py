"""Handcrafted baseline: the multiscale distance matrix of a contour.

Hu, Jia, Ling, Huang: Multiscale Distance Matrix for Fast Plant Leaf Recognition, IEEE Transactions on Image
Processing 21(11), 2012. Here with Euclidean distances and without their dimensionality reduction.
"""

from __future__ import annotations

import numpy as np
from scipy.spatial.distance import cdist

POINTS = 128  # N


def distances(asked: np.ndarray, known: np.ndarray) -> np.ndarray:
    """Multiscale distance matrices in L1; contours float [contours, N, 2] → float [asked, known]."""
    flat = [[multiscale_distance_matrix(points).ravel() for points in each] for each in (asked, known)]
    return cdist(*flat, metric="cityblock")


def multiscale_distance_matrix(points: np.ndarray) -> np.ndarray:
    """The multiscale distance matrix of a closed contour, points float [N, 2], not all equal.

    D[i, j] = ‖p_i − p_j‖. Each column j is shifted up cyclically by j, so that the zero diagonal becomes row
    0 and row k holds the distances of all points that lie k steps apart, the k-th scale. Sorting within each
    row makes it independent of the start point and of the contour's direction. D is symmetric, so rows k
    and N − k hold the same distances: rows 1 .. ⌊N/2⌋ are kept. Division by the largest distance makes it
    independent of scale. float64 [⌊N/2⌋, N], 0..1, ascending in each row.
    """
    count = len(points)
    pairs = cdist(points, points)
    steps, columns = np.ogrid[1 : count // 2 + 1, :count]
    shifted = pairs[(columns + steps) % count, columns]
    return np.sort(shifted, axis=1) / pairs.max()
