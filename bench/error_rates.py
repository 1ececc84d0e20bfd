"""How often does the paired test say that two methods differ, where they do not, and where they do?

Simulated experiments: two methods, each image as easy or hard as it is, each replicate as lucky; right
where μ[method] + image + method × image + replicate + noise > 0, all normal, so that true accuracies are
known. The spread between replicates of one method is SD points of accuracy. Designs:

  one split     R seeds on one split, N test images
  disjoint      R splits of two seeds each; training parts disjoint, the test images of a split are the rest
  overlapping   R splits of two seeds each, drawn anew: two thirds of the images train

What a user is told is judged: a verdict where the test says "higher" or "lower". Beside it, the paired
bootstrap over seeds and images that maskguide used before (one split), and what the other designs would get
if each run were counted as a replicate and overlap forgotten.

Ends with 1 if a bound is broken: without a true difference a verdict in 2 to 7 % of the experiments for R
of 5 or more and N of 240 or more, never above 7 % wherever one is given. With --accuracy 0.95 and an SD of
8, where most replicates are good and a few are bad, the lower bound breaks: the test is then too careful,
with verdicts in 1 to 2 %.

Example:
    python bench/error_rates.py --experiments 2000

The test over folds of the table `probe` is judged by fold_rates.py.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Iterator, Sequence
from itertools import product
from pathlib import Path
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray
from scipy.special import ndtri

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "workflow" / "scripts"))

from maskguide.reporting.statistics import FEWEST, LEVEL, crossed_effects, may_judge

ONE, DISJOINT, OVERLAPPING = DESIGNS = ("one split", "disjoint", "overlapping")
REPLICATES, IMAGES, SPREADS, DIFFERENCES = (3, 5, 10, 20), (100, 240, 400), (0, 2, 8), (0, 2, 5)
OF_IMAGES, OF_METHODS = 1.5, 0.5  # standard deviations of image and method × image; the noise has 1
SEEDS = 2  # of each split
CELLS = 4_000_000  # at once: bounds the memory
BOUND, LEAST, ENOUGH_IMAGES = 7.0, 2.0, 240


class Parts(NamedTuple):
    """Which images a design's replicates train and test on; bool [replicates, images of all splits]."""

    trained: NDArray
    tested: NDArray

    @property
    def overlap(self) -> float:
        """Share of the training images that two replicates have in common, mean over pairs."""
        common = (self.trained.astype(float) @ self.trained.T) / max(self.trained[0].sum(), 1)
        return float(common[~np.eye(len(common), dtype=bool)].mean())


def parts(design: str, replicates: int, images: int, rng: np.random.Generator) -> Parts:
    """Training and test images of a design, each replicate with so many test images."""
    if design == ONE:
        return Parts(np.zeros((replicates, images), bool), np.ones((replicates, images), bool))
    learn = images // (replicates - 1) if design == DISJOINT else 2 * images
    trained = np.zeros((replicates, images + learn), bool)
    for number, row in enumerate(trained):
        start = number * learn
        row[slice(start, start + learn) if design == DISJOINT else rng.permutation(len(row))[:learn]] = True
    return Parts(trained, ~trained)


def differences(
    design: Parts,
    spread: float,
    difference: float,
    accuracy: float,
    experiments: int,
    rng: np.random.Generator,
) -> NDArray:
    """d [experiments, seeds of a replicate, replicates, images]: a minus b, in -1…1; 0 where not tested."""
    replicates, images = design.tested.shape
    of_splits = design.trained.any()
    seeds = SEEDS if of_splits else 1
    density = np.exp(-(ndtri(accuracy) ** 2) / 2) / np.sqrt(2 * np.pi)
    share = (spread / 100 / density) ** 2  # of the whole variance that is the replicate's
    total = (1 + OF_IMAGES**2 + OF_METHODS**2) / (1 - share)
    deviation = np.sqrt(share * total)

    def normal(*shape: int) -> np.ndarray:
        return rng.standard_normal((experiments, *shape), np.float32)

    at = np.stack([np.flatnonzero(row) for row in design.tested])  # [replicates, test images]
    easy = OF_IMAGES * normal(images)
    right = []
    for sign in (1, -1):
        mean = np.sqrt(total) * ndtri(accuracy + sign * difference / 200)
        latent = mean + easy + OF_METHODS * normal(images)
        if of_splits:  # half of the variance is the training images', half the seed's
            of_training = normal(images) @ design.trained.T / np.sqrt(design.trained.sum(axis=1))
            lucky = np.sqrt(0.5) * (of_training[:, None] + normal(seeds, replicates))
        else:
            lucky = normal(seeds, replicates)
        level = latent[:, at][:, None] + (deviation * lucky)[..., None]
        right.append(level + normal(seeds, *at.shape) > 0)
    answers = np.zeros((experiments, seeds, replicates, images), np.float32)
    answers[:, :, np.arange(replicates)[:, None], at] = right[0].astype(np.float32) - right[1]
    return answers


def bootstrap(cells: NDArray, resamples: int, rng: np.random.Generator) -> tuple[NDArray, NDArray]:
    """The paired bootstrap of before: bounds of its 95 % interval, of cells [experiments, seeds, images].

    Each resample draws seeds (one less than there are) and images, both with replacement, and averages the
    cells over what it drew. All experiments share the draws.
    """
    seeds, images = cells.shape[1:]
    of_seeds = rng.multinomial(seeds - 1, np.full(seeds, 1 / seeds), resamples) / (seeds - 1)
    of_images = rng.multinomial(images, np.full(images, 1 / images), resamples) / images
    averages = cells @ of_images.T.astype(np.float32)  # [experiments, seeds, resamples]
    averages = np.einsum("esb,bs->eb", averages, of_seeds.astype(np.float32), optimize=True)
    return tuple(np.quantile(np.round(averages, 6), [0.025, 0.975], axis=1))


def outcomes(
    name: str, design: Parts, spread: float, difference: float, args: argparse.Namespace
) -> dict[str, NDArray]:
    """Of each experiment: whether the test rejects, covers the truth, what it could detect; the others."""
    found: dict[str, list[NDArray]] = {}
    rng = np.random.default_rng([args.seed, *design.tested.shape, DESIGNS.index(name)])
    block = max(1, CELLS // (design.tested.size * SEEDS))
    for start in range(0, args.experiments, block):
        size = min(block, args.experiments - start)
        runs = differences(design, spread, difference, args.accuracy, size, rng)
        effects = crossed_effects(runs.mean(axis=1), design.tested, design.overlap)
        p, low, high = effects.test()
        truth = difference / 100
        told = {"rejects": p < LEVEL, "covers": (low <= truth) & (truth <= high)}
        told["detectable"] = 100 * effects.detectable()
        if name == ONE:
            low, high = bootstrap(runs[:, 0], args.resamples, rng)
            told |= {"naive": (low > 0) | (high < 0), "naive covers": (low <= truth) & (truth <= high)}
        else:
            every = runs.reshape(size, -1, runs.shape[-1])
            told["naive"] = crossed_effects(every, np.tile(design.tested, (SEEDS, 1))).test()[0] < LEVEL
        for key, values in told.items():
            found.setdefault(key, []).append(values)
    return {key: np.concatenate(values) for key, values in found.items()}


def percent(values: NDArray | None) -> str:
    return "–" if values is None else f"{100 * values.mean():.1f}"


def rows(args: argparse.Namespace) -> Iterator[tuple[list[str], str]]:
    """Each row of the table, and what is wrong with it."""
    for name, replicates, images, spread in product(args.designs, args.replicates, args.images, args.spreads):
        design = parts(name, replicates, images, np.random.default_rng(args.seed))
        null, *real = (outcomes(name, design, spread, each, args) for each in DIFFERENCES)
        told = may_judge(replicates, design.overlap)
        false = 100 * null["rejects"].mean()
        least = LEAST if images >= ENOUGH_IMAGES else 0.0
        wrong = told and not least <= false <= BOUND
        yield (
            [
                *(name, str(replicates), str(images), str(spread)),
                percent(null["rejects"]) if told else f"none ({percent(null['rejects'])})",
                percent(null["covers"]),
                *(
                    percent(each["rejects"]) if told else f"none ({percent(each['rejects'])})"
                    for each in real
                ),
                f"{np.median(null['detectable']):.1f}",
                percent(null["naive"]),
                percent(null.get("naive covers")),
                *(percent(each["naive"]) for each in real),
            ],
            f"{name}, R {replicates}, N {images}, SD {spread}: {false:.1f} %" if wrong else "",
        )


HEADER = [
    *("design", "R", "N", "SD", "false", "covers", "finds 2", "finds 5", "detectable"),
    *("false, before", "covers, before", "finds 2, before", "finds 5, before"),
]
LEGEND = f"""\
R replicates of N test images each; SD: between replicates of one method, in points of accuracy.
false: verdicts in percent of experiments without a true difference. none: fewer than {FEWEST} replicates, and
overlapping training parts, get no verdict; in brackets how often p < {LEVEL}.
covers: the 95 % interval holds the truth. finds 2, finds 5: verdicts where 2 or 5 points are true.
detectable: the difference that the test says it finds with 80 % power, in points, median.
before: with one split the paired bootstrap over seeds and images, with several splits every run counted as a
replicate and overlap forgotten.
"""


def main(args: argparse.Namespace) -> int:
    print(f"{args.experiments} experiments a row, accuracy {100 * args.accuracy:.0f} %, seed {args.seed}.")
    print(LEGEND)
    widths = [
        max(len(word), 11) if place in (0, 4, 6, 7) else max(len(word), 4)
        for place, word in enumerate(HEADER)
    ]
    broken = []

    def line(cells: Sequence[str]) -> str:
        return "  ".join(cell.rjust(width) for cell, width in zip(cells, widths, strict=True))

    print(line(HEADER))
    for cells, wrong in rows(args):
        print(line(cells), flush=True)
        broken += [wrong] if wrong else []
    print(f"\nbounds broken: {'; '.join(broken) or 'none'}")
    return 1 if broken else 0


def parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    add = parser.add_argument
    add("--experiments", type=int, default=2000, help="for each row and true difference")
    add("--designs", nargs="+", choices=DESIGNS, default=DESIGNS, help="which designs")
    add("--replicates", type=int, nargs="+", default=REPLICATES, help="R, 2 or more")
    add("--images", type=int, nargs="+", default=IMAGES, help="N")
    add("--spreads", type=int, nargs="+", default=SPREADS, help="SD, points")
    add("--accuracy", type=float, default=0.8, help="of both methods, in the middle")
    add("--resamples", type=int, default=1000, help="of the bootstrap")
    add("--seed", type=int, default=0, help="of the random numbers")
    return parser


if __name__ == "__main__":
    sys.exit(main(parser().parse_args()))
