"""What paints the leaves: shares of pixels and colours laid over, by the whole image's sums."""

from __future__ import annotations

import numpy as np
from hypothesis import given
from hypothesis import strategies as st
from maskguide.leaves.leaf_paint import SUPERSAMPLE, Coverage, blend

POINT = st.tuples(st.floats(-0.5, 1.5), st.floats(-0.5, 1.5))


@given(size=st.integers(1, 40), points=st.lists(POINT, min_size=3, max_size=6))
def test_a_pixels_share_is_the_mean_of_what_was_drawn_in_it(size, points):
    coverage = Coverage(size)
    coverage.polygon(np.array(points))
    fine = np.asarray(coverage.image, dtype=np.float64).reshape(size, SUPERSAMPLE, size, SUPERSAMPLE)
    mask = coverage.mask()
    assert mask.shape == (size, size) and mask.dtype == np.float32
    np.testing.assert_allclose(mask, fine.mean(axis=(1, 3)) / 255, atol=0.51 / 255)  # in whole levels


@given(seed=st.integers(0, 2**32 - 1), share=st.sampled_from([0.0, 0.02, 0.5, 1.0]), picture=st.booleans())
def test_a_colour_lies_over_the_image_as_opaque_as_asked(seed, share, picture):
    rng = np.random.default_rng(seed)
    image = rng.uniform(0, 255, (9, 12, 3)).astype(np.float32)
    alpha = (rng.random((9, 12)) * (rng.random((9, 12)) < share)).astype(np.float32)
    colour = rng.uniform(0, 255, (9, 12, 3) if picture else 3)
    expected = (1.0 - alpha[..., None].astype(np.float64)) * image + alpha[..., None] * colour
    blend(image, colour, alpha)
    np.testing.assert_allclose(image, expected, rtol=1e-5, atol=1e-3)
