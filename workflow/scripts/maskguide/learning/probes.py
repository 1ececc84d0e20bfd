"""Classifiers of frozen features, and the folds that they are judged by."""

from __future__ import annotations

import warnings
from collections.abc import Iterator, Sequence

import numpy as np
from sklearn.exceptions import ConvergenceWarning
from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import StratifiedGroupKFold, StratifiedKFold
from sklearn.neighbors import KNeighborsClassifier
from sklearn.pipeline import Pipeline, make_pipeline
from sklearn.preprocessing import Normalizer, StandardScaler

from maskguide.plan.places import PLACES, ROWS
from maskguide.system.files import InputError

NEIGHBOURS = 5


def classifier(name: str) -> Pipeline:
    """What learns: logistic regression (C = 1) of standardised features, or the nearest by their angle."""
    if name == "knn":
        nearest = KNeighborsClassifier(NEIGHBOURS, weights="distance")
        return make_pipeline(StandardScaler(), Normalizer(), nearest)
    return make_pipeline(StandardScaler(), LogisticRegression(max_iter=1000))


def seen(features: np.ndarray, name: str) -> np.ndarray:
    """What a row's classifier sees of features [images, 3, channels]: [images, channels or twice as many].

    Where a mask tells no inside from an outside, the whole image stands for both.
    """
    whole = features[:, PLACES.index("whole")]
    parts = (features[:, PLACES.index(place)] for place in ROWS[name][1])
    return np.concatenate([np.where(np.isfinite(part), part, whole) for part in parts], axis=1)


def answers(features: np.ndarray, classes: np.ndarray, train: np.ndarray, name: str) -> np.ndarray:
    """The classes that a row's classifier names of all images, having learned from those of `train`, bool."""
    shown = seen(features, name)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ConvergenceWarning)  # near enough after 1000 steps
        return classifier(name).fit(shown[train], classes[train]).predict(shown)


def overlap(trained: Sequence[np.ndarray]) -> float:
    """The share of training images that two parts have in common, mean over pairs; 0 of one part.

    trained: bool [images], of each part which images train.
    """
    if len(trained) < 2:
        return 0.0
    shown = np.stack(trained).astype(float)
    common = (shown @ shown.T) / np.minimum.outer(shown.sum(axis=1), shown.sum(axis=1))
    return float(common[~np.eye(len(shown), dtype=bool)].mean())


def folds_of(
    classes: np.ndarray,
    folds: int,
    repeats: int,
    groups: Sequence[str] | None = None,
    kept: np.ndarray | None = None,
) -> Iterator[tuple[int, int, np.ndarray]]:
    """(repeat, fold, test images as bool [images]) of repeated cross-validation, classes spread evenly.

    groups: images of one group stay together. kept: bool [images], those that always train, because a guide
    learned from them; so do all of their group. `InputError` where a class has too few images or groups.
    """
    groups = None if groups is None else np.asarray(groups)
    fixed = np.zeros(len(classes), bool) if kept is None else kept.copy()
    if groups is not None:
        fixed |= np.isin(groups, groups[fixed])
    free = np.flatnonzero(~fixed)
    alone = np.arange(len(classes)) if groups is None else groups
    counts = {each: len(np.unique(alone[free[classes[free] == each]])) for each in np.unique(classes)}
    fewest = min(counts, key=counts.get)
    if counts[fewest] < folds:
        what = "images" if groups is None else "groups of images"
        taught = " that taught no guide" if fixed.any() else ""
        raise InputError(
            f"class {fewest}: has {counts[fewest]} {what}{taught}, fewer than {folds} folds; "
            "take fewer folds (tables.probe.folds), or add images"
        )
    for repeat in range(repeats):
        options = {"n_splits": folds, "shuffle": True, "random_state": repeat}
        if groups is None:
            parts = StratifiedKFold(**options).split(free, classes[free])
        else:
            parts = StratifiedGroupKFold(**options).split(free, classes[free], groups[free])
        for fold, (_, tested) in enumerate(parts):
            test = np.zeros(len(classes), bool)
            test[free[tested]] = True
            yield repeat + 1, fold + 1, test
