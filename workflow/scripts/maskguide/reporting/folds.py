"""Is one row better than another over the folds of repeated cross-validation?

Trainings that have images in common are no independent replicates: their accuracies vary less than those of
networks that learned from other images. `bench/fold_rates.py` shows how often the test errs.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy.special import stdtr, stdtrit

from maskguide.reporting.statistics import LEVEL, POWER, PairedTest

TEST = "corrected t-test of repeated cross-validation (Nadeau and Bengio; Bouckaert and Frank)"


def fold_tests(differences: ArrayLike, tested_share: float) -> tuple[NDArray, NDArray, NDArray]:
    """Mean, its standard error and p of many experiments at once, each float64 [...].

    differences: float [..., J], accuracy of one minus that of the other, of each fold of each repeat. With k
    folds tested_share is 1 / k, the share of the images that a fold tests. With S² their variance,

        V = S² (1 / J + tested_share / (1 - tested_share)), t = mean / √V with J - 1 degrees of freedom

    (Nadeau and Bengio 2003, equation 9; for repeats Bouckaert and Frank 2004).
    """
    differences = np.asarray(differences, float)
    count = differences.shape[-1]
    mean = differences.mean(axis=-1)
    variance = differences.var(axis=-1, ddof=1) * (1 / count + tested_share / (1 - tested_share))
    error = np.sqrt(variance)
    with np.errstate(invalid="ignore", divide="ignore"):
        t = np.where(mean == 0, 0.0, np.abs(mean) / error)
    return mean, error, 2 * stdtr(count - 1, -t)


def fold_test(differences: ArrayLike, tested_share: float) -> PairedTest:
    """The same of one experiment, in percentage points; differences: float [J] in -1…1, J ≥ 2.

    `ValueError` for other shapes. detectable is NaN where all folds are alike; replicates_for_2 always: more
    folds of the same images do not help.
    """
    differences = np.asarray(differences, float)
    if differences.ndim != 1 or len(differences) < 2 or not 0 < tested_share < 1:
        raise ValueError(f"expected differences [folds] of two or more, got {differences.shape}")
    mean, error, p = (float(each) for each in fold_tests(differences, tested_share))
    freedom = len(differences) - 1
    margin = stdtrit(freedom, 1 - LEVEL / 2) * error
    detectable = error * (stdtrit(freedom, 1 - LEVEL / 2) + stdtrit(freedom, POWER)) if error else np.nan
    points = [100 * float(value) for value in (mean, mean - margin, mean + margin)]
    return PairedTest(*points, p, freedom, 100 * float(detectable), np.nan, len(differences))
