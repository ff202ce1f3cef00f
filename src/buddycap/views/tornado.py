"""The tornado of a study with `--sensitivity`: how far each parameter moves the gain, machine beside machine."""

from collections.abc import Mapping, Sequence
from statistics import median
from typing import Any

from ..study.summary import shown
from .figures import BLACK, BLUE, ORANGE, figure_class, verbatim

__all__ = ["tornado_of"]

MOST_ROWS = 20
ROW_INCHES = 0.27
BAR = 0.38  # of a row; two share one
REST = "#999999"

Row = dict[str, Any]


def tornado_of(machines: Mapping[str, Sequence[Row]], policy: str, base: str) -> Any:
    """Draw the parameters that move the gain most, and the span of all others in one row.

    Parameters
    ----------
    machines : mapping of str to list of dict
        Rows of `buddycap.study.sensitivity.swings` by what a machine is called, the widest first.
    policy, base : str
        Whose gain it is, over whom.

    Returns
    -------
    matplotlib.figure.Figure
    """
    count = max(min(len(rows), MOST_ROWS + 1) for rows in machines.values())
    size = (max(5.0 * len(machines), 6.4), 1.7 + ROW_INCHES * count)
    figure = figure_class()(figsize=size, layout="constrained")
    for ax, (name, rows) in zip(figure.subplots(1, len(machines), squeeze=False)[0], machines.items(), strict=True):
        ax.set_title(f"{verbatim(name)}; as it is: {shown(rows[0]['gain'], signed=True)}", fontsize=10)
        _machine(ax, rows)
        ax.set_xlabel(f"gain of {verbatim(policy)} over {verbatim(base)}, points")
    handles, labels = ax.get_legend_handles_labels()
    figure.legend(handles, labels, loc="outside lower center", ncols=4, frameon=False, fontsize=9)
    share = round(100 * median(row["more"]["value"] / row["value"] - 1 for row in rows))
    figure.suptitle(f"What the gain hangs on: one parameter at a time {share} % down and up", fontsize=11)
    return figure


def _machine(ax: Any, rows: Sequence[Row]) -> None:
    """Draw one machine: a row for each parameter, the bar of less above that of more."""
    ax.grid(True, axis="x", color="#dddddd", linewidth=0.6)
    ax.set_axisbelow(True)
    for side in ("top", "right"):
        ax.spines[side].set_visible(False)
    gain = rows[0]["gain"]
    spread = gain["half_width"] if gain["n"] > 1 else 0.0
    ax.axvspan(gain["mean"] - spread, gain["mean"] + spread, color="#000000", alpha=0.08, linewidth=0)
    ax.axvline(gain["mean"], color=BLACK, linewidth=0.9)
    ax.axvline(0, color=BLACK, linewidth=0.8, linestyle=":")
    for side, colour, off in (("less", BLUE, -BAR / 2), ("more", ORANGE, BAR / 2)):
        told = [row[side]["gain"] for row in rows[:MOST_ROWS]]
        ax.barh(
            [place + off for place in range(len(told))],
            [value["mean"] - gain["mean"] for value in told],
            left=gain["mean"],
            height=BAR,
            color=colour,
            xerr=[value["half_width"] if value["n"] > 1 else 0.0 for value in told],
            error_kw={"elinewidth": 0.7, "ecolor": "#444444"},
            label=side,
        )
    names = [row["parameter"] for row in rows[:MOST_ROWS]] + _others(ax, rows[MOST_ROWS:])
    ax.set_yticks(range(len(names)), names, fontsize=9)
    ax.set_ylim(len(names) - 0.4, -0.6)


def _others(ax: Any, rows: Sequence[Row]) -> list[str]:
    """Draw from where to where the gain goes with the parameters that have no row; what to call that."""
    if not rows:
        return []
    means = [row[side]["gain"]["mean"] for row in rows for side in ("less", "more")]
    ax.barh(MOST_ROWS, max(means) - min(means), left=min(means), height=BAR, color=REST, label="span of all others")
    return [f"the other {len(rows)}"]
