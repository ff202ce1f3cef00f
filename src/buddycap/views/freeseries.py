"""Free memory over many moments as a picture: free, pieces of the wanted order, share that is unusable for it."""

from pathlib import Path

from ..explain.freeseries import FreeSeries
from ..formats.series import seconds_of
from .figures import COLOURS, figure_class, save_figure, verbatim

__all__ = ["draw_series"]

MOST_ZONES = 12


def draw_series(path: str | Path, answer: FreeSeries) -> None:
    """Draw a series of free lists into a file, one curve a zone.

    Parameters
    ----------
    path : str or Path
        File to write; its suffix decides the format.
    answer : FreeSeries
        With the moments. Without times the axis counts them.

    Raises
    ------
    MisuseError
        If matplotlib is not installed, or knows no such format.
    OSError
        If the file cannot be written.
    """
    found = answer.as_dict()
    moments = found["moments"]
    times = [seconds_of(moment["when"]) for moment in moments]
    begin = times[0]
    timed = begin is not None and None not in times
    axis = [float(time or 0) - float(begin or 0) for time in times] if timed else list(map(float, range(len(moments))))
    figure = figure_class()(figsize=(13, 4), layout="constrained")
    grid = figure.subplots(1, 3, squeeze=False)
    rows = answer.rows_by_zone()
    for colour, ((node, name), own) in zip(COLOURS * len(rows), list(rows.items())[:MOST_ZONES], strict=False):
        x = [axis[at] for at, _ in own]
        free = [row.nr_free_pages * answer.page_kb / 1024 for _, row in own]
        curves = (free, [answer.pieces(row) for _, row in own], [answer.unusable(row) / 1000 for _, row in own])
        for axes, curve in zip(grid[0], curves, strict=True):
            label = verbatim(f"node {node} {name}")
            axes.plot(x, curve, color=colour, lw=1.3, label=label, drawstyle="steps-post", marker=".", ms=3)
    heads = ("free, MiB", f"pieces of order {answer.order}", f"unusable index, order {answer.order}")
    for axes, head in zip(grid[0], heads, strict=True):
        axes.set_title(head, fontsize=10)
        axes.set_xlabel("s" if timed else "moment")
        axes.set_ylim(bottom=0)
        axes.grid(alpha=0.3)
    grid[0][1].yaxis.get_major_locator().set_params(integer=True)  # pieces are counted
    figure.legend(*grid[0][0].get_legend_handles_labels(), fontsize=8, loc="outside lower center", ncols=4)
    save_figure(figure, path)
