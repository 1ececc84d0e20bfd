"""How often does the test of the table `probe` say that two rows differ, where they do not, or do?

Simulated experiments of repeated cross-validation with classifiers that really learn: N images of 8 classes
with two sets of features each, for the two rows; features are normal around their class's mean, and the two
sets agree on which images are hard. The nearest class mean is learned in each fold. Without a true
difference the two sets are drawn alike; with one, the classes of the first lie farther apart, and what is
true is measured on 20,000 other images.

Beside it, what the t-test of before counts that takes folds for independent.

Ends with 1 if there is a verdict in more than 7 % of the experiments without a true difference.

Example:
    python bench/fold_rates.py --experiments 2000
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Iterator
from itertools import product
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from scipy.special import stdtr

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "workflow" / "scripts"))

from maskguide.reporting.folds import fold_tests
from maskguide.reporting.statistics import LEVEL

CLASSES, FEATURES = 8, 16
IMAGES, APART, FOLDS, REPEATS = (96, 240, 480), (0.7, 1.2), (5, 10), (1, 4)
FARTHER = (1.0, 1.05, 1.15)  # how much farther apart the first row's classes are
ALIKE = 0.7  # correlation of the two sets' noise
BOUND, AT_ONCE = 7.0, 100


def folds_of(images: int, folds: int, repeats: int, rng: np.random.Generator) -> NDArray:
    """bool [repeats · folds, images], the test images of each fold, as many of each class as possible."""
    tested = []
    for _ in range(repeats):
        place = np.empty(images, int)
        for name in range(CLASSES):
            members = rng.permutation(np.arange(name, images, CLASSES))
            place[members] = (np.arange(len(members)) + name) % folds
        tested += [place == number for number in range(folds)]
    return np.stack(tested)


def drawn(experiments: int, images: int, means: NDArray, farther: float, rng: np.random.Generator) -> list:
    """The two sets of features, float32 [experiments, images, FEATURES] each; image i is of class i mod 8."""
    shape = (experiments, images, FEATURES)
    common = rng.standard_normal(shape, np.float32)
    found = []
    for factor in (farther, 1.0):
        own = rng.standard_normal(shape, np.float32)
        noise = np.sqrt(ALIKE) * common + np.sqrt(1 - ALIKE) * own
        found.append((factor * means)[:, np.arange(images) % CLASSES] + noise)
    return found


def right(features: NDArray, trained: NDArray, asked: NDArray | None = None) -> NDArray:
    """Whether the nearest mean of the trained images is that of the image's class.

    features: [E, N, F]; trained: [J, N]; → bool [E, J, N]; with `asked` [E, M, F] of these instead.
    """
    names = np.arange(features.shape[1]) % CLASSES
    of_class = (trained[:, None] & (names == np.arange(CLASSES)[:, None])).astype(np.float32)
    of_class /= of_class.sum(axis=-1, keepdims=True)
    means = np.einsum("jcn,enf->ejcf", of_class, features, optimize=True)
    shown = features if asked is None else asked
    scores = np.einsum("enf,ejcf->ejnc", shown, means, optimize=True) - (means**2).sum(-1)[:, :, None] / 2
    return scores.argmax(axis=-1) == np.arange(shown.shape[1]) % CLASSES


def rates(args: argparse.Namespace) -> Iterator[tuple[list[str], float]]:
    """Each row of the table, and its rate of false verdicts in percent."""
    for images, apart, folds, repeats in product(args.images, APART, FOLDS, REPEATS):
        rng = np.random.default_rng([args.seed, images, folds, repeats, round(10 * apart)])
        cells, truths = [], []
        for farther in FARTHER:
            verdicts, before, true, parts = [], [], [], []
            for start in range(0, args.experiments, AT_ONCE):
                size = min(AT_ONCE, args.experiments - start)
                means = apart * rng.standard_normal((1, CLASSES, FEATURES), np.float32)
                pair = drawn(size, images, np.repeat(means, size, axis=0), farther, rng)
                tested = folds_of(images, folds, repeats, rng)
                share = [(right(each, ~tested) & tested).sum(-1) / tested.sum(-1) for each in pair]
                differences = share[0] - share[1]
                mean, _, p = fold_tests(differences, 1 / folds)
                # of these very classes, by classifiers that learned from as many images
                fresh = drawn(4, 20_000, np.repeat(means, 4, axis=0), farther, rng)
                gain = [
                    right(one[:4], ~tested[:1], many).mean() for one, many in zip(pair, fresh, strict=True)
                ]
                true.append(gain[0] - gain[1])
                verdicts.append(p < LEVEL)
                count = differences.shape[-1]
                naive = differences.std(axis=-1, ddof=1) / np.sqrt(count)
                with np.errstate(invalid="ignore", divide="ignore"):
                    t = np.where(mean == 0, 0.0, np.abs(mean) / naive)
                before.append(2 * stdtr(count - 1, -t) < LEVEL)
                parts.append(np.mean(share[1]))
            cells.append([100 * np.mean(np.concatenate(each)) for each in (verdicts, before)])
            truths.append(100 * np.mean(true))
            accuracy = 100 * np.mean(parts)
        yield (
            [
                *(str(each) for each in (images, folds, repeats)),
                f"{accuracy:.0f}",
                f"{cells[0][0]:.1f}",
                f"{cells[0][1]:.1f}",
                *(f"{found[0]:.1f} ({true:.1f})" for found, true in zip(cells[1:], truths[1:], strict=True)),
            ],
            cells[0][0],
        )


HEADER = ["N", "folds", "repeats", "accuracy", "false", "false, before", "finds small", "finds larger"]


def main(args: argparse.Namespace) -> int:
    print(f"{args.experiments} experiments a row, seed {args.seed}.")
    print(
        "false, finds: verdicts in percent of them, without and with a true difference (in brackets, points)."
    )
    print("before: the folds taken for independent.\n")
    widths = [max(13, len(word)) if place > 4 else max(8, len(word)) for place, word in enumerate(HEADER)]

    def line(words: list[str]) -> str:
        return "  ".join(word.rjust(width) for word, width in zip(words, widths, strict=True))

    print(line(HEADER))
    worst = 0.0
    for words, false in rates(args):
        print(line(words), flush=True)
        worst = max(worst, false)
    print(f"\nworst rate of false verdicts: {worst:.1f} %, bound {BOUND:.0f} %")
    return 1 if worst > BOUND else 0


def parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--experiments", type=int, default=2000, help="for each row and true difference")
    parser.add_argument("--images", type=int, nargs="+", default=IMAGES, help="N")
    parser.add_argument("--seed", type=int, default=0, help="of the random numbers")
    return parser


if __name__ == "__main__":
    sys.exit(main(parser().parse_args()))
