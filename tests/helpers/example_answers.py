"""Answers of two methods, drawn at random, for the tests."""

import numpy as np


def drawn_answers(replicates, images, accuracy_a, accuracy_b, seed=0):
    """Two methods' answers, with hard and easy images."""
    generator = np.random.default_rng(seed)
    hard = generator.normal(0, 0.1, images)
    drawn = [generator.random((replicates, images)) < each + hard for each in (accuracy_a, accuracy_b)]
    return drawn[0], drawn[1]
