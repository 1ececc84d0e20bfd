"""Otsu's threshold for many maps at once, on their own device.

N. Otsu, "A Threshold Selection Method from Gray-Level Histograms", 1979.
"""

from __future__ import annotations

import torch
from torch import Tensor

BINS = 256


def thresholds(maps: Tensor) -> Tensor:
    """For each map of a batch the threshold that best parts its values in two.

    maps: [B, …] float, finite. Returns float64 [B]: the centre of the histogram's bin after which the
    variance between the two parts is largest, the first of equals, of 256 bins between the map's extremes;
    for a constant map its value. The same as scikit-image's `threshold_otsu` of each map in float64.
    """
    values = maps.detach().flatten(start_dim=1).double()  # [B, N]
    lowest, highest = values.amin(dim=1, keepdim=True), values.amax(dim=1, keepdim=True)
    span = highest - lowest
    steps = torch.arange(BINS + 1, device=values.device, dtype=values.dtype)
    edges = lowest + steps * (span / BINS)  # [B, 257]
    edges[:, -1:] = highest
    # as numpy.histogram: the bin by division, then set right where rounding put it beside its edges
    places = ((values - lowest) / span.where(span > 0, 1) * BINS).long().clamp(0, BINS - 1)
    places -= (values < edges.gather(1, places)).long()
    places += ((values >= edges.gather(1, places + 1)) & (places < BINS - 1)).long()
    counts = torch.zeros_like(edges[:, 1:]).scatter_add_(1, places, torch.ones_like(values))
    centres = (edges[:, :-1] + edges[:, 1:]) / 2
    below, above = counts.cumsum(dim=1), counts.flip(1).cumsum(dim=1).flip(1)
    mean_below = (counts * centres).cumsum(dim=1) / below
    mean_above = ((counts * centres).flip(1).cumsum(dim=1) / above.flip(1)).flip(1)
    variance = below[:, :-1] * above[:, 1:] * (mean_below[:, :-1] - mean_above[:, 1:]).square()
    found = centres.gather(1, variance.argmax(dim=1, keepdim=True))
    return torch.where(span > 0, found, lowest).squeeze(1)
