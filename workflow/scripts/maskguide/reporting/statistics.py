"""Is one method better than another, or is it chance? Crossed random effects of replicates and images.

A cell d[r, i] is what method a answered of test image i in replicate r, right (1) or wrong (0), minus what
b did, and d[r, i] = μ + A[r] + B[i] + E[r, i]: replicates vary, images vary, and so does what is left. The
test is of μ, for all trainings and all images that might have been. `bench/error_rates.py` shows how often
it errs.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray

TEST = "crossed random effects of replicates and images, t with Satterthwaite's degrees of freedom"
LEVEL, POWER = 0.05, 0.80
FEWEST = 5  # replicates of a verdict
WANTED = 2  # percentage points that `replicates_for_2` is about
MOST = 1000  # replicates that anybody would train
HIGHER, LOWER, NOT_SHOWN, NO_VERDICT = "higher", "lower", "no difference shown", "no verdict"


@dataclass(frozen=True)
class PairedTest:
    """The difference of two accuracies, a minus b, in percentage points, and how sure it is.

    low, high: its 95 % interval. p: two-sided. detectable: the smallest true difference that this design
    finds with 80 % power, by the variance and degrees of freedom measured (`CrossedEffects.detectable`).
    replicates_for_2: how many replicates (at least five) would find 2 points with 80 % power on as many
    images, by the variances measured; NaN where `MOST` would not, for the images are too few. Both are NaN
    where no variance was seen, and all of these for less than two replicates or two images.
    """

    difference: float
    low: float
    high: float
    p: float
    degrees_of_freedom: float
    detectable: float
    replicates_for_2: float
    replicates: int


def paired_test(
    correct_a: ArrayLike,
    correct_b: ArrayLike,
    splits: ArrayLike | None = None,
    tested: ArrayLike | None = None,
    overlap: float = 0.0,
) -> PairedTest:
    """Test the difference of two methods on the same replicates and the same images.

    correct_a, correct_b: bool [runs, images]; row r of both is the same split and seed, column i the same
    image. splits: [runs], the split of each run (none: all are of one). tested: bool [runs, images], whether
    an image is a test image of a run's split (none: all are). overlap: as in `crossed_effects`.

    With one split each seed is a replicate, with several each split: its seeds are averaged, for seeds of one
    split have the training images in common. `ValueError` if the shapes differ or are empty, if splits have
    unlike numbers of seeds, or seeds of one split other test images.
    """
    a, b = np.asarray(correct_a, bool), np.asarray(correct_b, bool)
    there = np.ones(a.shape, bool) if tested is None else np.asarray(tested, bool)
    of = np.zeros(a.shape[:1]) if splits is None else np.asarray(splits)
    if a.shape != b.shape or a.shape != there.shape or a.ndim != 2 or a.size == 0 or len(of) != len(a):
        raise ValueError(f"expected two arrays [runs, images], got {a.shape} and {b.shape}")
    cells = np.where(there, a.astype(float) - b, 0.0)
    cells, there = by_replicate(cells, there, of)
    if not there.any(axis=1).all():
        raise ValueError("a replicate has no test image")
    if len(cells) < 2 or there.sum(axis=1).min() < 2:
        means = np.where(there, cells, 0).sum(axis=1) / there.sum(axis=1)
        return PairedTest(float(100 * means.mean()), *[np.nan] * 6, len(cells))
    effects = crossed_effects(cells, there, overlap)
    p, low, high = effects.test()
    points = [100 * float(value) for value in (effects.difference, low, high, effects.detectable())]
    needed = float(effects.replicates_for(WANTED / 100))
    if effects.error()[0] == 0:  # all replicates alike: nothing is known of their variance
        points[3] = needed = np.nan
    return PairedTest(*points[:3], float(p), float(effects.error()[1]), points[3], needed, len(cells))


def by_replicate(cells: NDArray, there: NDArray, splits: NDArray) -> tuple[NDArray, NDArray]:
    """Cells [runs, images], 0 where they are not there, by what is counted: runs of one split, else splits.

    The seeds of a split are averaged. `ValueError` if splits have unlike numbers of seeds, or seeds of one
    split other images.
    """
    numbers = np.unique(splits)
    if len(numbers) == 1:
        return cells, there
    for number in numbers:
        rows = there[splits == number]
        if len(rows) != len(splits) / len(numbers) or (rows != rows[0]).any():
            raise ValueError(f"split {number}: another number of seeds than others, or other test images")
    means = np.stack([cells[splits == number].mean(axis=0) for number in numbers])
    return means, np.stack([there[splits == number][0] for number in numbers])


@dataclass(frozen=True)
class CrossedEffects:
    """What the cells of one or many experiments of one design say; shares, not points, float64 [...] each.

    difference: the mean over replicates. of_replicates: variance of one replicate's mean. of_images: variance
    between images, may be negative as an estimate. residual: what is left of a replicate's mean, at least 0.
    correlated: overlap / (1 - overlap). shared: how much of `of_images` all means have in common. spread:
    squared uncertainty of shared · of_images, for the degrees of freedom.
    """

    difference: NDArray
    of_replicates: NDArray
    of_images: NDArray
    residual: NDArray
    correlated: float
    shared: float
    spread: NDArray
    replicates: int

    def error(self, replicates: ArrayLike | None = None) -> tuple[NDArray, NDArray]:
        """Standard error and degrees of freedom of the difference, for so many replicates."""
        count = self.replicates if replicates is None else np.asarray(replicates)
        own = self.of_replicates * (1 / count + self.correlated)
        variance = np.maximum(own + self.shared * self.of_images, self.residual / count)
        with np.errstate(invalid="ignore", divide="ignore"):
            freedom = variance**2 / (own**2 / (count - 1) + self.spread)
        return np.sqrt(variance), np.where(variance > 0, freedom, count - 1.0)

    def test(self) -> tuple[NDArray, NDArray, NDArray]:
        """p, two-sided, and the bounds of the 95 % interval."""
        from scipy.special import stdtr, stdtrit  # here: who only shows tables needs none of it

        error, freedom = self.error()
        with np.errstate(invalid="ignore", divide="ignore"):
            t = np.where(self.difference == 0, 0.0, np.abs(self.difference) / error)
        margin = stdtrit(freedom, 1 - LEVEL / 2) * error
        return 2 * stdtr(freedom, -t), self.difference - margin, self.difference + margin

    def detectable(self, replicates: ArrayLike | None = None) -> NDArray:
        """The true difference that is found with the power `POWER`: (t(1 - LEVEL / 2) + t(POWER)) · error.

        The usual approximation of the noncentral t distribution; with 4 degrees of freedom 1 % too small.
        """
        from scipy.special import stdtrit

        error, freedom = self.error(replicates)
        return error * (stdtrit(freedom, 1 - LEVEL / 2) + stdtrit(freedom, POWER))

    def replicates_for(self, difference: float) -> NDArray:
        """How few replicates, `FEWEST` to `MOST`, find such a difference; NaN where none do."""
        low, high = (np.full(self.difference.shape, number) for number in (FEWEST, MOST + 1))
        while (low < high).any():  # by halves: more replicates find smaller differences
            middle = (low + high) // 2
            enough = self.detectable(middle) <= difference
            low, high = np.where(enough | (low >= high), low, middle + 1), np.where(enough, middle, high)
        return np.where(low > MOST, np.nan, low)


def crossed_effects(
    cells: ArrayLike, tested: ArrayLike | None = None, overlap: float = 0.0
) -> CrossedEffects:
    """The analysis of many experiments of one design at once.

    cells: float [..., replicates, images], d[r, i] in -1…1. tested: bool [replicates, images], which of them
    there are (none: all). overlap: share of the training images that two replicates have in common, on
    average over pairs, at least 0 and below 1 (0: disjoint training parts, or one split, whose result holds
    for that split). At least two replicates of at least two images each, else `ValueError`.

    With S² the variance of the replicates' means over the R replicates, n[r] their numbers of images and
    n[r, s] that of the images which r and s share:

        V = S² (1/R + overlap / (1 - overlap)) + σ²_image · mean over r ≠ s of n[r, s] / (n[r] n[s])

    where σ²_image is estimated without bias from the products of centred cells of one image in two
    replicates. Where every cell is there and nothing overlaps, this is the analysis of variance,
    V = (MS_replicate + MS_image - MS_residual) / (R N), with its degrees of freedom (Satterthwaite, 1946).
    V is never less than what the residual alone makes. The term of the overlap is Nadeau and Bengio's (2003):
    means of two trainings with a share c of their training images in common correlate by c at most
    (Hoeffding, 1948).
    """
    cells = np.asarray(cells, float)
    replicates, images = cells.shape[-2:]
    there = np.ones((replicates, images)) if tested is None else np.asarray(tested, float)
    counts = there.sum(axis=1)
    if replicates < 2 or counts.min() < 2 or not 0 <= overlap < 1:
        raise ValueError(f"needs 2 replicates of 2 images, and overlap from 0 to below 1, not {overlap}")
    cells = cells * there
    means = cells.sum(axis=-1) / counts
    centred = (cells - means[..., None]) * there
    pairs = ~np.eye(replicates, dtype=bool)
    common, product = there @ there.T, np.outer(counts, counts)
    expected = (common * (1 - 1 / counts - 1 / counts[:, None] + common / product))[pairs].sum()
    squares = (centred**2).sum(axis=(-2, -1))
    products = (centred.sum(axis=-2) ** 2).sum(axis=-1) - squares
    of_images = products / expected if expected > 0 else np.zeros_like(products)
    residual = squares / (counts - 1).sum() - of_images
    shared = (common / product)[pairs].mean()
    several = there.sum(axis=0)
    several = several[several > 1]  # of the images that two replicates share, in how many each is
    spread, left = np.zeros_like(products), several.sum() - len(several) - (replicates - 1)
    if len(several) > 1 and left > 0:
        each = several.mean()
        spread = (each * of_images + residual) ** 2 / (len(several) - 1) + residual**2 / left
        spread = spread * (shared / each) ** 2
    return CrossedEffects(
        means.mean(axis=-1),
        means.var(axis=-1, ddof=1),
        of_images,
        residual.clip(min=0) * (1 / counts).mean(),
        overlap / (1 - overlap),
        shared,
        spread,
        replicates,
    )


def holm(p: ArrayLike) -> NDArray:
    """Holm's (1979) adjusted p of a family of tests, float64 [n], for p in 0…1; NaN stays and counts not."""
    p = np.asarray(p, float)
    known = np.flatnonzero(~np.isnan(p))
    order = known[np.argsort(p[known], kind="stable")]
    adjusted = np.full(p.shape, np.nan)
    stepped = p[order] * np.arange(len(order), 0, -1)
    adjusted[order] = np.minimum(np.maximum.accumulate(stepped), 1) if len(order) else stepped
    return adjusted


def may_judge(replicates: int, overlap: float) -> bool:
    """Whether a test gets a verdict: of five replicates or more, their training parts known to be disjoint.

    overlap: as in `crossed_effects`, NaN where it is not known. Overlapping splits have an interval that is
    wide enough, and next to no power: their test would find hardly anything that is there.
    """
    return replicates >= FEWEST and overlap == 0


def verdict(difference: float, p: float) -> str:
    """What is said of a vs. b; p: Holm's, NaN for a test that may not judge."""
    if np.isnan(p):
        return NO_VERDICT
    if p >= LEVEL:
        return NOT_SHOWN
    return HIGHER if difference > 0 else LOWER
