"""Does the picture of a replay show what its time lines say?"""

import numpy as np
import pytest

from buddycap.replay.timeline import Timeline
from buddycap.views.fragmentation import draw_timelines, timelines_figure

pytest.importorskip("matplotlib", reason="pictures need pip install 'buddycap[plot]'")


def line(huge, mixed):
    """A time line of two zones, the first of which never changes; `huge`: blocks of order 9 in the other."""
    counts = np.zeros((len(huge), 2, 11), np.int64)
    counts[:, 0, 0], counts[:, 1, 0], counts[:, 1, 9] = 7, np.arange(len(huge)) * 512, huge
    states = np.array([[0, m] for m in mixed])
    return Timeline(("DMA", "Normal"), np.arange(len(huge)) * 10**9, counts, states)


def test_pieces_are_counted_in_larger_blocks_too():
    counts = np.zeros((1, 1, 11), np.int64)
    counts[0, 0, 8:] = 5, 2, 3
    assert Timeline(("A",), np.array([0]), counts, np.zeros((1, 1))).pieces(9).tolist() == [[2 + 2 * 3]]


def test_a_row_for_each_zone_that_changes():
    figure = timelines_figure([("a", line([3, 1, 0], [4, 4, 5])), ("b", line([3, 2, 2], [4, 4, 4]))], 9, "two")
    heads = [axes.get_title() for axes in figure.axes]
    assert len(heads) == 4
    assert all(head.startswith("Normal: ") for head in heads)
    _, pieces, unusable, mixed = figure.axes
    assert [curve.get_ydata().tolist() for curve in pieces.lines] == [[3, 1, 0], [3, 2, 2]]
    assert unusable.lines[0].get_ydata()[-1] == 100
    assert [curve.get_ydata().tolist() for curve in mixed.lines] == [[4, 4, 5], [4, 4, 4]]


@pytest.mark.parametrize("huge", [[0, 0, 0], [0, 1, 0], [900, 901, 900], [0, 4000, 2]])
def test_axes_of_counts_are_whole_and_hold_their_curves(huge):
    axes = timelines_figure([("a", line(huge, [0, 0, 0]))], 9).axes
    for panel in (axes[1], axes[3]):
        low, high = panel.get_ylim()
        values = panel.lines[0].get_ydata()
        assert low <= values.min() <= values.max() <= high
        assert high - low >= 5, "one more or less is no cliff"
        assert low > -0.1 * high, "nothing is counted below 0"
        ticks = [tick for tick in panel.get_yticks() if low <= tick <= high]
        assert ticks == [round(tick) for tick in ticks]


def test_it_is_written_as_the_suffix_says(tmp_path):
    draw_timelines(tmp_path / "a.svg", [("a", line([3, 1], [0, 0]))], 9)
    assert "<svg" in (tmp_path / "a.svg").read_text()
