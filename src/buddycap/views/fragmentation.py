"""The time line of a replay as a picture: free memory, pieces of the wanted size, unusable memory, mixed pageblocks."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from ..replay.timeline import Timeline
from ..sizes import PAGE_SIZE, size_text
from .figures import COLOURS, figure_class, save_figure, verbatim

__all__ = ["draw_timelines", "timelines_figure"]

FEWEST_COUNTS = 10  # that an axis spans


def draw_timelines(path: str | Path, lines: Sequence[tuple[str, Timeline]], order: int, title: str = "") -> None:
    """Draw `timelines_figure` into a file, whose suffix decides the format.

    Raises
    ------
    MisuseError
        If matplotlib is not installed, or knows no such format.
    OSError
        If the file cannot be written.
    """
    save_figure(timelines_figure(lines, order, title), path)


def timelines_figure(lines: Sequence[tuple[str, Timeline]], order: int, title: str = "") -> Any:
    """Draw time lines, one row of panels a zone that changes.

    Parameters
    ----------
    lines : sequence of (label, Timeline)
        With the same zones.
    order : int
        Of the pieces that are wanted.
    title : str

    Returns
    -------
    matplotlib.figure.Figure

    Raises
    ------
    MisuseError
        If matplotlib is not installed.
    """
    names = [
        name
        for z, name in enumerate(lines[0][1].names)
        if any(line.free_pages[:, z].min() != line.free_pages[:, z].max() for _, line in lines)
    ] or list(lines[0][1].names[-1:])
    figure = figure_class()(figsize=(13, 3.2 * len(names) + 0.6), layout="constrained")
    grid = figure.subplots(len(names), 4, squeeze=False, sharex=True)
    page_size = lines[0][1].page_size
    size = size_text((page_size << order) // PAGE_SIZE)
    heads = ("free, MiB", f"pieces of {size} that are free", f"free, but unusable for {size}, %", "mixed pageblocks")
    for row, name in zip(grid, names, strict=True):
        for k, (label, line) in enumerate(lines):
            z = line.names.index(name)
            seconds = (line.time_ns - line.time_ns[0]) / 1e9
            curves = (
                line.free_pages[:, z] * page_size / 2**20,
                line.pieces(order)[:, z],
                line.unusable(order)[:, z] / 10,
                line.mixed[:, z],
            )
            colour, width = COLOURS[k % len(COLOURS)], 1.2 if k else 2.4  # the first one shows beneath the others
            for axes, curve in zip(row, curves, strict=True):
                axes.plot(seconds, curve, color=colour, lw=width, label=verbatim(label), drawstyle="steps-post")
        for axes, head in zip(row, heads, strict=True):
            axes.set_title(f"{verbatim(name)}: {head}", fontsize=10)
            axes.grid(alpha=0.3)
        for axes in (row[1], row[3]):
            _count(axes)
    for axes in grid[-1]:
        axes.set_xlabel("s")
    if len(lines) > 1:
        figure.legend(*grid[0][0].get_legend_handles_labels(), fontsize=8, loc="outside lower center", ncols=len(lines))
    figure.suptitle(verbatim(title))
    return figure


def _count(axes: Any) -> None:
    """Scale an axis for numbers of things: whole, not below 0, and one more or less is no cliff."""
    low, high = axes.dataLim.intervaly
    short = max(FEWEST_COUNTS - (high - low), 0.0)
    room = max((high - low) * 0.05, short / 2)
    axes.set_ylim(max(low - room, -0.05 * (high + room)), high + room)
    axes.yaxis.get_major_locator().set_params(integer=True)
