"""The figure of class activation maps; its script is tested beside the maps."""

import numpy as np
from legibility import assert_legible, words
from maskguide.drawing import cam

SIZES = [(60, 90), (120, 60), (48, 48)]  # height, width


def test_activation_figures_are_legible():
    generator = np.random.default_rng(0)
    rows = [
        cam.ActivationRow(
            name="Heliconius erato",
            image=generator.integers(0, 256, (*size, 3), dtype=np.uint8),
            maps=[generator.random((7, 7)), np.zeros(size)],
            predicted=[("Heliconius erato", 0.98), ("an_exceedingly_long_name_of_another_class", 0.5)],
        )
        for size in SIZES
    ]
    titles = ["baseline", "MGFE, contour, sigmoid, binarised masks, boxes of other images, 30 annotated"]
    figure = cam.cam_figure(rows, titles, "GradCAM of the true class; " + "a note " * 12)
    assert_legible(figure)
    texts = " ".join(text for text, _ in words(figure))
    assert texts.count("✓") == texts.count("✗") == len(rows)
    assert "an_exceedingly_long_name_of…" in texts
    assert "(a) original" in texts
    assert "(b) baseline" in texts
