"""Is every word of a figure readable: inside the figure, and not over another?"""

import numpy as np
from maskguide.drawing import style as figure_style
from matplotlib.axis import Tick
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure
from matplotlib.text import Text


def words(figure: Figure) -> list[tuple[str, tuple]]:
    """Every text of a drawn figure with its box in pixels: left, bottom, right, top."""
    canvas = FigureCanvasAgg(figure)
    with figure_style.style():
        canvas.draw()
    axes = [axis for panel in figure.axes for axis in (panel.xaxis, panel.yaxis)]
    # Ticks beyond the limits exist, but are not drawn.
    ticks = {id(text) for axis in axes for tick in axis.findobj(Tick) for text in tick.findobj(Text)}
    drawn = {
        id(label)
        for axis in axes
        for tick in axis.get_major_ticks(len(axis.get_majorticklocs()))
        if min(axis.get_view_interval()) <= tick.get_loc() <= max(axis.get_view_interval())
        for label in (tick.label1, tick.label2)
    }
    hidden = {id(text) for panel in figure.axes if not panel.get_visible() for text in panel.findobj(Text)}
    return [
        (text.get_text(), text.get_window_extent(canvas.get_renderer()).extents)
        for text in figure.findobj(Text)
        if text.get_visible() and text.get_text().strip()
        if id(text) not in hidden and (id(text) not in ticks or id(text) in drawn)
    ]


def assert_legible(figure: Figure) -> None:
    """No text leaves the figure, no two texts overlap (by more than a pixel)."""
    found = words(figure)
    texts, boxes = [text for text, _ in found], np.array([box for _, box in found])
    low, high = boxes[:, :2], boxes[:, 2:]
    cut = ((low < -1) | (high > np.array(figure.bbox.size) + 1)).any(axis=1)
    assert not cut.any(), f"cut off: {[text for text, is_cut in zip(texts, cut, strict=True) if is_cut]}"
    shared = np.minimum(high[:, None], high) - np.maximum(low[:, None], low)
    overlap = np.triu((shared > 1).all(axis=2), k=1)
    assert not overlap.any(), f"overlap: {[(texts[a], texts[b]) for a, b in np.argwhere(overlap)]}"
