"""Is one method better than another, or is it chance? A paired bootstrap over seeds and images."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

TEST = "paired bootstrap over seeds and images"
BLOCK = 500  # resamples at once: bounds the memory, 500 × images × 8 bytes a few times over


@dataclass(frozen=True)
class PairedTest:
    """Difference of two accuracies in percentage points, a minus b.

    `low` and `high` bound the 95 % interval, `p` is two-sided, in (0, 1].
    """

    difference: float
    low: float
    high: float
    p: float
    seeds: int
    images: int

    @property
    def verdict(self) -> str:
        """ "higher" or "lower" (a than b) where the interval leaves out 0, else "no difference shown"."""
        if self.low > 0:
            return "higher"
        return "lower" if self.high < 0 else "no difference shown"


def paired_bootstrap(
    correct_a: np.ndarray, correct_b: np.ndarray, resamples: int = 10_000, seed: int = 0
) -> PairedTest:
    """Test the difference of two methods' accuracies on the same seeds and the same images.

    With d[s, i] = a[s, i] - b[s, i], each resample draws seeds and images, both with replacement and
    independently of each other, and averages d over the drawn seeds × images; the interval is the middle
    95 % of these averages, and p is twice the smaller share of them on one side of 0 (plus one, so never 0).

    Of S seeds, S - 1 are drawn: with so few, drawing S would make the spread between seeds look smaller by
    the factor (S - 1) / S (Rao and Wu, 1988). With S = 1 only the images vary, and the answer holds for
    those two trained networks, not for the methods.

    correct_a, correct_b: bool [S, N], was image i classified correctly with seed s? Row s of both is the same
    seed, column i the same image. `ValueError` if the shapes differ, are not two-dimensional, or are empty.
    """
    correct_a, correct_b = np.asarray(correct_a, dtype=bool), np.asarray(correct_b, dtype=bool)
    if correct_a.shape != correct_b.shape or correct_a.ndim != 2 or correct_a.size == 0:
        raise ValueError(f"expected two arrays [seeds, images], got {correct_a.shape} and {correct_b.shape}")
    difference = correct_a.astype(np.float64) - correct_b
    seeds, images = difference.shape
    drawn = max(seeds - 1, 1)
    generator = np.random.default_rng(seed)
    averages = np.empty(resamples)
    for start in range(0, resamples, BLOCK):
        block = averages[start : start + BLOCK]
        seed_weights = generator.multinomial(drawn, np.full(seeds, 1 / seeds), size=len(block)) / drawn
        image_weights = generator.multinomial(images, np.full(images, 1 / images), size=len(block)) / images
        block[:] = 100 * ((seed_weights @ difference) * image_weights).sum(axis=1)
    averages = np.round(averages, 9)  # sums that are 0 on paper must count as 0 on both sides
    low, high = np.quantile(averages, [0.025, 0.975])
    rarer_side = min(np.count_nonzero(averages <= 0), np.count_nonzero(averages >= 0))
    p = min(1.0, 2 * (rarer_side + 1) / (resamples + 1))
    return PairedTest(float(100 * difference.mean()), float(low), float(high), p, seeds, images)
