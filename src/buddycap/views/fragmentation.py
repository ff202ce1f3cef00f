"""The time line of a replay as a picture: free pages, unusable index, extfrag index, mixed pageblocks."""

from collections.abc import Sequence
from pathlib import Path

from ..replay.timeline import Timeline
from .figures import COLOURS, figure_class, save_figure, verbatim

__all__ = ["draw_timelines"]


def draw_timelines(path: str | Path, lines: Sequence[tuple[str, Timeline]], order: int, title: str = "") -> None:
    """Draw time lines into one file, one row of panels a zone that changes.

    Parameters
    ----------
    path : str or Path
        File to write; its suffix decides the format.
    lines : sequence of (label, Timeline)
        With the same zones.
    order : int
        Of the indices.
    title : str

    Raises
    ------
    MisuseError
        If matplotlib is not installed, or knows no such format.
    OSError
        If the file cannot be written.
    """
    names = [
        name
        for z, name in enumerate(lines[0][1].names)
        if any(line.free_pages[:, z].min() != line.free_pages[:, z].max() for _, line in lines)
    ] or list(lines[0][1].names[-1:])
    figure = figure_class()(figsize=(13, 3.2 * len(names) + 0.6), layout="constrained")
    grid = figure.subplots(len(names), 4, squeeze=False, sharex=True)
    for row, name in zip(grid, names, strict=True):
        for colour, (label, line) in zip(COLOURS * len(lines), lines, strict=False):
            z = line.names.index(name)
            seconds = (line.time_ns - line.time_ns[0]) / 1e9
            curves = (
                line.free_pages[:, z] * lines[0][1].page_size / 2**20,
                line.unusable(order)[:, z] / 1000,
                line.extfrag(order)[:, z] / 1000,
                line.mixed[:, z],
            )
            for axes, curve in zip(row, curves, strict=True):
                axes.plot(seconds, curve, color=colour, lw=1.3, label=verbatim(label), drawstyle="steps-post")
        heads = ("free, MiB", f"unusable index, order {order}", f"extfrag index, order {order}", "mixed pageblocks")
        for axes, head in zip(row, heads, strict=True):
            axes.set_title(f"{verbatim(name)}: {head}", fontsize=10)
            axes.grid(alpha=0.3)
    for axes in grid[-1]:
        axes.set_xlabel("s")
    if len(lines) > 1:
        figure.legend(*grid[0][0].get_legend_handles_labels(), fontsize=8, loc="outside lower center", ncols=len(lines))
    figure.suptitle(verbatim(title))
    save_figure(figure, path)
