import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as arrays
from maskguide.learning import otsu
from maskguide.methods.aca import attended, unit_range
from skimage.filters import threshold_otsu

MAPS = arrays.arrays(
    np.float64,
    arrays.array_shapes(min_dims=3, max_dims=3, min_side=1, max_side=9),
    elements=st.floats(-1e4, 1e4, width=32),
)


@settings(max_examples=200)
@given(MAPS)
def test_thresholds_are_those_of_scikit_image(maps):
    found = otsu.thresholds(torch.from_numpy(maps)).numpy()
    for values, threshold in zip(maps, found, strict=True):
        expected = threshold_otsu(values)
        assert threshold == pytest.approx(expected, rel=1e-9, abs=1e-9)


def test_every_kind_of_map_in_one_batch():
    rng = np.random.default_rng(0)
    maps = np.stack(
        [
            rng.standard_normal((7, 7)),
            np.exp(3 * rng.standard_normal((7, 7))),  # a long tail
            rng.integers(0, 3, (7, 7)).astype(float),  # ties
            np.where(rng.random((7, 7)) < 0.5, -1.0, 1.0),  # two values
            np.full((7, 7), 0.25),  # constant
        ]
    )
    found = otsu.thresholds(torch.from_numpy(maps)[:, None])
    assert found.dtype == torch.float64
    np.testing.assert_allclose(found.numpy(), [threshold_otsu(each) for each in maps], rtol=1e-12)
    mask = attended(torch.from_numpy(maps)[:, None])[:, 0].numpy()
    for place in range(4):
        assert np.array_equal(mask[place] > 0, maps[place] > threshold_otsu(maps[place]))
        assert 0 < mask[place].sum() < 49
    assert mask[4].all()  # nothing stands out of a constant map: all of it is looked at


@given(MAPS)
def test_maps_are_scaled_to_their_own_extremes(maps):
    scaled = unit_range(torch.from_numpy(maps)[:, None])[:, 0].numpy()
    for one, values in zip(scaled, maps, strict=True):
        if values.min() == values.max():
            assert (one == 0).all()
        else:
            assert (one.min(), one.max()) == (0, 1)
            assert values.flat[one.argmax()] == pytest.approx(values.max())
