"""Handcrafted baseline: a contour as the turns and steps that lead from each of its points to the next.

Demisse, Aouada, Ottersten: Deformation Based Curved Shape Representation, IEEE Transactions on Pattern
Analysis and Machine Intelligence 40(6), 2018; here with points at equal arc lengths, as MGA's Table 3 has it.
"""

from __future__ import annotations

import numpy as np

POINTS = 100  # N
CELLS_AT_ONCE = 2_000_000  # of the known contours' differences in turns, which take memory


def distances(asked: np.ndarray, known: np.ndarray) -> np.ndarray:
    """Distances between contours, float [contours, N, 2], N equal for all and no contour a single point.

    d² = Σᵢ [wrap(Δθᵢ)² + ‖Δtᵢ‖²], the least over all start points, both directions and mirror images of the
    asked contour, each turned onto the known one as its points fit best (Procrustes). float [asked, known].
    """
    theirs = [centred(points) for points in known]
    count = len(theirs[0])
    points, turns, steps = (np.stack(each) for each in zip(*map(represented, theirs), strict=True))
    starts = np.add.outer(np.arange(count), np.arange(count)) % count
    at_once = max(1, CELLS_AT_ONCE // count**2)
    found = np.full((len(asked), len(known)), np.inf)
    for row, own in zip(found, map(centred, asked), strict=True):
        for seen in (own, own[::-1], own.conj(), own.conj()[::-1]):
            moved, turned, stepped = (each[starts] for each in represented(seen))
            for first in range(0, len(known), at_once):
                some = slice(first, first + at_once)
                apart = np.abs(turned - turns[some, None])
                apart = np.minimum(apart, 2 * np.pi - apart)
                rotation = np.exp(1j * np.angle(points[some] @ moved.conj().T))
                alike = (rotation.conj() * (steps[some] @ stepped.conj().T)).real
                lengths = squared_lengths(steps[some])[:, None] + squared_lengths(stepped)
                squares = np.einsum("ksi,ksi->ks", apart, apart) + lengths - 2 * alike
                row[some] = np.minimum(row[some], squares.min(axis=1))
    return np.sqrt(np.maximum(found, 0))


def centred(points: np.ndarray) -> np.ndarray:
    """A contour, float [N, 2], as complex numbers [N] around their mean, of norm 1."""
    complex_points = points[:, 1] + 1j * points[:, 0]
    complex_points = complex_points - complex_points.mean()
    return complex_points / np.linalg.norm(complex_points)


def represented(points: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Points z, complex [N], the turns θ and the steps t from each to the next.

    θ: as seen from the centre, float [N], −π..π. t, complex [N]: what is missing to the next point after the
    turn, a change of the radius.
    """
    following = np.roll(points, -1)
    turns = np.angle(following * points.conj())
    return points, turns, following - points * np.exp(1j * turns)


def squared_lengths(steps: np.ndarray) -> np.ndarray:
    """Σᵢ ‖tᵢ‖², complex [..., N] → float [...]."""
    return (np.abs(steps) ** 2).sum(axis=-1)
