"""How sure an answer is: confidence that comes true, and images unlike those of the training.

Both are measured out of fold: the training images are parted, and networks that learned from the other parts
are asked about each, all seeds together, as a new image will be.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from scipy.optimize import minimize_scalar

from maskguide.system.files import InputError, read_json

TEMPERATURES = (0.05, 20.0)
SMALLEST = 1e-12  # a probability
FAMILIAR = 0.95  # share of the held-back training images that count as familiar
CALIBRATION, FEATURES = "calibration.json", "training_features.npy"  # beside a run's seeds


class Calibration(NamedTuple):
    """temperature: T of `tempered`. unlike_above: the distance from which on an image is unlike the training
    images. features: of those, float16 [seeds, N, channels]."""

    temperature: float
    unlike_above: float
    features: np.ndarray


def tempered(probabilities: np.ndarray, temperature: float) -> np.ndarray:
    """p^(1/T) / Σ p^(1/T) of probabilities p [N, classes]: the softmax of their logarithms, divided by T.

    "On Calibration of Modern Neural Networks" (Guo et al., ICML 2017). The order of classes stays.
    """
    logarithms = np.log(np.maximum(probabilities.astype(float), SMALLEST)) / temperature
    powers = np.exp(logarithms - logarithms.max(axis=1, keepdims=True))
    return powers / powers.sum(axis=1, keepdims=True)


def fitted_temperature(probabilities: np.ndarray, labels: np.ndarray) -> float:
    """The temperature of least cross-entropy of probabilities [N, classes] to labels [N].

    The targets are Platt's ("Probabilistic Outputs for Support Vector Machines", 1999): with n images, the
    true class has (n + 1) / (n + classes) and each other 1 / (n + classes). So no confidence comes out that n
    images could not have shown, even where all answers are right.
    """
    count, classes = probabilities.shape
    targets = np.full((count, classes), 1 / (count + classes))
    targets[np.arange(count), labels] = (count + 1) / (count + classes)

    def loss(logarithm: float) -> float:
        found = np.maximum(tempered(probabilities, np.exp(logarithm)), SMALLEST)
        return -float((targets * np.log(found)).sum(axis=1).mean())

    return float(np.exp(minimize_scalar(loss, bounds=np.log(TEMPERATURES), method="bounded").x))


def distances(features: np.ndarray, known: np.ndarray) -> np.ndarray:
    """How far images are from the nearest of the training's, float [N]: 1 − cosine of their features, the
    mean over seeds.

    features: [seeds, N, channels]; known: of the training images, [seeds, M, channels].
    """
    found = [1 - (unit(one) @ unit(other).T).max(axis=1) for one, other in zip(features, known, strict=True)]
    return np.mean(found, axis=0)


def unit(vectors: np.ndarray) -> np.ndarray:
    """Vectors [N, channels] of length 1."""
    vectors = vectors.astype(np.float32)
    return vectors / np.maximum(np.linalg.norm(vectors, axis=1, keepdims=True), 1e-12)


def fitted(
    probabilities: np.ndarray, labels: np.ndarray, away: Sequence[float], classes: Sequence[str]
) -> dict[str, Any]:
    """What calibration.json says, of the held-back images of all folds: probabilities [N, classes], labels
    [N], and each image's distance from those that the network asked about it learned from."""
    temperature = fitted_temperature(probabilities, labels)
    right = probabilities.argmax(axis=1) == labels
    after = tempered(probabilities, temperature)

    def surprise(each: np.ndarray) -> float:
        return -float(np.log(np.maximum(each[np.arange(len(labels)), labels], SMALLEST)).mean())

    return {
        "temperature": temperature,
        "unlike_above": float(np.quantile(away, FAMILIAR, method="higher")),
        "images": len(labels),
        "top1": 100 * float(right.mean()),
        "confidence_before": 100 * float(probabilities.max(axis=1).mean()),
        "confidence": 100 * float(after.max(axis=1).mean()),
        "cross_entropy_before": surprise(probabilities),
        "cross_entropy": surprise(after),
        "classes": list(classes),
    }


def read(run: Path, classes: Sequence[str]) -> Calibration | None:
    """What calibrate.py found of a run, the folder of its seeds; None where it has not been asked.

    `InputError` where it is of other classes.
    """
    if not (run / CALIBRATION).is_file():
        return None
    said = read_json(run / CALIBRATION)
    if said.get("classes") != list(classes):
        raise InputError(f"{run / CALIBRATION}: is of other classes than the run; calibrate it again")
    features = np.load(run / FEATURES, allow_pickle=False)
    return Calibration(said["temperature"], said["unlike_above"], features)
