"""What each policy obtains along a parameter that a study has swept: a curve with the band of its interval."""

from collections.abc import Sequence
from dataclasses import fields
from typing import Any

from ..study.config import StudyConfig
from ..study.plan import Plan
from .figures import COLOURS, figure_class, verbatim

__all__ = ["MARKERS", "curve_of", "swept_parameter"]

MARKERS = ("o", "s", "^", "D", "v", "P", "X")
FEWEST_POINTS = 3

Row = dict[str, Any]


def swept_parameter(plan: Plan) -> str | None:
    """Return the number in which alone the cases of a study differ, apart from machine and kernel.

    Examples
    --------
    >>> from buddycap import POLICIES
    >>> from buddycap.study.plan import Case, sweep
    >>> cases = sweep([Case("", StudyConfig())], ["builds=2,3,4"])
    >>> swept_parameter(Plan(tuple(cases), (POLICIES["none"],), (1,)))
    'builds'
    """
    found = []
    for field in fields(StudyConfig):
        values = {getattr(case.config, field.name) for case in plan.cases}
        if len(values) > 1 and field.name not in ("preset", "kernel"):
            found.append((field.name, values))
    if len(found) != 1:
        return None
    name, values = found[0]
    numbers = all(isinstance(value, int | float) and not isinstance(value, bool) for value in values)
    return name if numbers and len(values) >= FEWEST_POINTS else None


def curve_of(plan: Plan, rows: Sequence[Row], name: str) -> Any:
    """Draw the success of every policy along a parameter, machine beside machine.

    Parameters
    ----------
    plan : Plan
    rows : list of dict
        `summarize` of it.
    name : str
        Of `swept_parameter`.

    Returns
    -------
    matplotlib.figure.Figure
    """
    configs = {case.label: case.config for case in plan.cases}
    machines = list(dict.fromkeys((config.kernel, config.preset) for config in configs.values()))
    figure = figure_class()(figsize=(max(5.2 * len(machines), 6.4), 4.2), layout="constrained")
    for ax, machine in zip(figure.subplots(1, len(machines), squeeze=False, sharey=True)[0], machines, strict=True):
        ax.grid(True, color="#dddddd", linewidth=0.6)
        for k, policy in enumerate(plan.policies):
            own = [row for row in rows if row["policy"] == policy.name and row["seeds"]]
            own = [row for row in own if (row["kernel"], row["preset"]) == machine]
            points = sorted((getattr(configs[row["case"]], name), row["figures"]["success_percent"]) for row in own)
            if points:
                _line(ax, points, policy.name, k)
        ax.set_title(f"Linux {machine[0]}, {machine[1]}", fontsize=10)
        ax.set_xlabel(name)
        ax.set_ylim(bottom=0)
    figure.axes[0].set_ylabel("huge pages obtained, %")
    handles = {label: line for ax in figure.axes for line, label in zip(*ax.get_legend_handles_labels(), strict=True)}
    figure.legend(handles.values(), handles, loc="outside lower center", ncols=5, frameon=False, fontsize=9)
    figure.suptitle(f"What each policy obtains along {name} (bands: 95 % intervals)", fontsize=11)
    return figure


def _line(ax: Any, points: Sequence[tuple[float, Row]], policy: str, k: int) -> None:
    """Draw the curve of one policy; a share has no interval below 0 or above 100."""
    places, values = zip(*points, strict=True)
    middle = [value["mean"] for value in values]
    spread = [value["half_width"] if value["n"] > 1 else 0.0 for value in values]
    colour, mark = COLOURS[k % len(COLOURS)], MARKERS[k // len(COLOURS) % len(MARKERS)]
    ax.plot(places, middle, color=colour, marker=mark, markersize=4, label=verbatim(policy))
    low = [max(m - s, 0.0) for m, s in zip(middle, spread, strict=True)]
    high = [min(m + s, 100.0) for m, s in zip(middle, spread, strict=True)]
    ax.fill_between(places, low, high, color=colour, alpha=0.15, linewidth=0)
