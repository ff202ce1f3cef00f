"""Pictures of a study's results: what each policy obtains, when, from what, and at what cost.

Colours are those of Okabe and Ito, which the colour-blind can tell apart; intervals are 95 % (t).
"""

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from types import MappingProxyType
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ..errors import MisuseError
from ..nearest import meant
from ..newfile import check_outputs
from ..study.aggregate import summarize
from ..study.comparison import averaged
from ..study.plan import Case, Plan
from ..study.sensitivity import AS_IT_IS, gaining, swings
from ..study.stats import mean_interval
from ..study.store import Store
from ..study.summary import shown
from .curves import MARKERS, curve_of, swept_parameter
from .figures import BLACK, BLUE, COLOURS, ORANGE, RED, figure_class, save_small, verbatim
from .tornado import tornado_of

__all__ = ["PICTURES", "Results", "draw"]

MOST_LINES = 4
MOST_PANELS = 24
WIDE_PANELS = 6  # beside each other
DECILES = 10
GIB_PAGES = 1 << 18
MACHINES = MappingProxyType({"x86_64": "x86-64, 2 MiB pages", "ppc64": "ppc64, 16 MiB pages"})

Row = dict[str, Any]
Axes = Any


@dataclass(frozen=True)
class Panel:
    """One machine or configuration: a column of each picture.

    Parameters
    ----------
    label : str
    cases : tuple of Case
        Configurations whose mean it shows.
    rows : list of dict
        `summarize` of it, the first policy first.
    """

    label: str
    cases: tuple[Case, ...]
    rows: list[Row]

    @property
    def title(self) -> str:
        return MACHINES.get(self.label, verbatim(self.label))


class Results:
    """The results in a store, as pictures need them.

    Parameters
    ----------
    store : Store

    Raises
    ------
    MisuseError
        If there is no study in it.
    """

    def __init__(self, store: Store) -> None:
        plan = store.plan
        if plan is None:
            raise MisuseError(f"{store.path}: no study has been run into it")
        self.store, self.plan = store, plan
        self.records = store.records(plan)
        if not any(record.ok for record in self.records):
            raise MisuseError(f"{store.path}: no run of the study has a result")

    @cached_property
    def panels(self) -> list[Panel]:
        """One for each machine, if the cases are its periods; else one for each case."""
        if _are_periods(self.plan):
            plan, records = averaged(self.plan, self.records)
        else:
            plan, records = self.plan, self.records
        rows = summarize(plan, records)
        panels = []
        for case in plan.cases:
            cases = [c for c in self.plan.cases if c.label == case.label or plan is not self.plan]
            own = tuple(c for c in cases if c.config.preset == case.config.preset)
            label = case.label or case.config.preset
            panels.append(Panel(label, own, [row for row in rows if row["case"] == case.label and row["seeds"]]))
        return [panel for panel in panels if panel.rows]

    @cached_property
    def swings(self) -> list[Row]:
        """How far each parameter moves the gain, of a study with `--sensitivity`."""
        return swings(self.plan, self.records) if len(self.plan.policies) > 1 else []

    @cached_property
    def shown(self) -> list[str]:
        """Policies that have a line: all if few; else the first, v3, and those that gain most and least.

        One whose runs are those of the first has none: it would hide it.
        """
        names = [policy.name for policy in self.plan.policies]
        if len(names) <= MOST_LINES:
            return names
        rows = [row for row in self.panels[0].rows if row["gain"] and not row["identical"]]
        gains = {row["policy"]: row["gain"]["mean"] for row in rows}
        chosen = {names[0], "v3" if "v3" in names else names[1]}
        if gains:
            chosen |= {max(gains, key=gains.__getitem__), min(gains, key=gains.__getitem__)}
        return [name for name in names if name in chosen]

    def colour(self, policy: str) -> str:
        """Return the colour of a policy that has a line."""
        return COLOURS[self.shown.index(policy) % len(COLOURS)]

    def requests(self, panel: Panel, policy: str) -> Iterable[tuple[int, NDArray[np.void]]]:
        """Yield seed and table of requests, first pass only, of each run."""
        for wanted in self.plan.policies:
            if wanted.name == policy:
                for case in panel.cases:
                    for seed in self.plan.seeds:
                        table = self.store.requests(self.plan.task(case, wanted, seed))
                        if table is not None:
                            yield seed, _first_pass(table)


def _first_pass(table: NDArray[np.void]) -> NDArray[np.void]:
    return table[table["pass_number"] == 1] if "pass_number" in (table.dtype.names or ()) else table


def _are_periods(plan: Plan) -> bool:
    """Whether the cases differ in machine and request period alone."""
    configs = {case.config.replace(period_percent=100) for case in plan.cases}
    return len(configs) == len({config.preset for config in configs})


def _figure(panels: int, height: float = 3.4, width: float = 4.2, **shared: Any) -> tuple[Any, list[Axes]]:
    """Return an empty picture and its axes, side by side, in several rows if they are many."""
    wide = min(panels, WIDE_PANELS) if panels <= WIDE_PANELS else 4
    rows = -(-panels // wide)
    figure = figure_class()(figsize=(max(width * wide, 5.0), height * rows), layout="constrained")
    every = list(figure.subplots(rows, wide, squeeze=False, **shared).flat)
    axes = every[:panels]
    for ax in every[panels:]:
        ax.set_visible(False)
    for ax in axes:
        ax.grid(True, color="#dddddd", linewidth=0.6)
        ax.set_axisbelow(True)
        for side in ("top", "right"):
            ax.spines[side].set_visible(False)
    return figure, axes


def _columns(results: Results, height: float = 3.4, share: bool = False) -> tuple[Any, list[tuple[Panel, Axes]]]:
    """Return a picture with a panel for each case; many have one scale, so that they can be compared."""
    panels = results.panels
    shared = {"sharex": True} if share or len(panels) > WIDE_PANELS else {}
    figure, axes = _figure(len(panels), height, **shared)
    for panel, ax in zip(panels, axes, strict=True):
        ax.set_title(panel.title, fontsize=10)
    return figure, list(zip(panels, axes, strict=True))


def _above_zero(mean: float, width: float) -> list[list[float]]:
    """Return the two arms of an interval of what cannot be below 0."""
    return [[min(width, max(mean, 0.0))], [width]]


def _rows(ax: Axes, names: Sequence[str]) -> None:
    """Give each name a row, the first on top."""
    ax.set_yticks(range(len(names)), [verbatim(name) for name in names])
    ax.set_ylim(len(names) - 0.5, -0.5)


def _policies(ax: Axes, panel: Panel) -> None:
    """Give each policy a row."""
    _rows(ax, [row["policy"] for row in panel.rows])


def _policy_colours(panel: Panel) -> list[str]:
    """Return the colours of the policies where each has a row: the first one stands out."""
    return [BLUE if k else BLACK for k in range(len(panel.rows))]


def _values(rows: Sequence[Row], name: str) -> tuple[list[float], list[float]]:
    """Return means and half widths of a figure; no half width is none to draw."""
    found = [row["figures"][name] for row in rows]
    return [value["mean"] for value in found], [value["half_width"] if value["n"] > 1 else 0.0 for value in found]


def success(results: Results) -> Any:
    """Success of each policy with its interval."""
    count = len(results.plan.policies)
    figure, columns = _columns(results, 1.6 + 0.28 * count)
    for panel, ax in columns:
        means, widths = _values(panel.rows, "success_percent")
        places = np.arange(len(means))
        ax.axvline(means[0], color=BLACK, linewidth=0.8, linestyle=":")
        for place, mean, width, colour in zip(places, means, widths, _policy_colours(panel), strict=True):
            ax.errorbar(mean, place, xerr=_above_zero(mean, width), fmt="o", color=colour, capsize=3, markersize=5)
        texts = ["paired gain", *(shown(row["gain"], signed=True) for row in panel.rows[1:])]
        for line, text in enumerate(texts):
            ax.text(1.02, line, text, transform=ax.get_yaxis_transform(), va="center", fontsize=8)
        _policies(ax, panel)
        if not any(means):
            ax.set_xlim(-0.05, 1)  # no digits of nothing
        ax.set_xlabel("huge pages obtained, %")
    base = results.plan.policies[0].name
    figure.suptitle(f"What each policy obtains (dotted: {verbatim(base)}; bars: 95 % intervals)", fontsize=11)
    return figure


def course(results: Results) -> Any:
    """Success by tenth of the pass."""
    figure, columns = _columns(results)
    for panel, ax in columns:
        for name in results.shown:
            runs = [_deciles(table["page"] >= 0) for _, table in results.requests(panel, name)]
            means = [mean_interval([run[k] for run in runs]) for k in range(DECILES)]
            place = np.arange(1, DECILES + 1)
            middle = np.array([value.mean for value in means])
            spread = np.array([value.half_width if value.n > 1 else 0.0 for value in means])
            mark = MARKERS[results.shown.index(name) % len(MARKERS)]
            ax.plot(place, middle, color=results.colour(name), marker=mark, markersize=4, label=verbatim(name))
            low, high = np.maximum(middle - spread, 0), np.minimum(middle + spread, 100)
            ax.fill_between(place, low, high, color=results.colour(name), alpha=0.18, linewidth=0)
        ax.set_xticks(range(1, DECILES + 1))
        ax.set_ylim(0, 101)
        ax.set_xlabel("tenth of the pass")
    columns[0][1].set_ylabel("requests served, %")
    _legend(columns[-1][1])
    figure.suptitle("When requests are served, from the first tenth to the last (bands: 95 % intervals)", fontsize=11)
    return figure


def _deciles(served: NDArray[np.bool_]) -> list[float]:
    return [100.0 * float(part.mean()) if len(part) else 0.0 for part in np.array_split(served, DECILES)]


def _legend(ax: Axes) -> None:
    ax.legend(frameon=False, fontsize=9)


def harvest(results: Results) -> Any:
    """Where the gain comes from: every aligned block obtained, clean but left, or with kernel pages in it."""
    count = len(results.plan.policies)
    figure, columns = _columns(results, 1.9 + 0.28 * count)
    for panel, ax in columns:
        config = panel.cases[0].config
        blocks = config.memory_pages >> config.order
        got = np.array(_values(panel.rows, "success_percent")[0])
        left = 100 * np.array(_values(panel.rows, "clean_left")[0]) / blocks
        places = np.arange(len(got))
        ax.barh(places, got, color=BLUE, label="obtained")
        ax.barh(places, left, left=got, color=ORANGE, hatch="///", edgecolor="white", label="clean, left behind")
        rest = 100 - got - left
        ax.barh(places, rest, left=got + left, color="#cccccc", label="holds a kernel page")
        for place, start, share in zip(places, got, left, strict=True):
            ax.text(start + share + 1, place, f"{share:.1f} left", va="center", fontsize=8)
        _policies(ax, panel)
        ax.set_xlim(0, 100)
        ax.grid(False)
        ax.set_xlabel("aligned blocks of memory, %")
    handles, labels = columns[0][1].get_legend_handles_labels()
    figure.legend(handles, labels, loc="outside lower center", ncols=3, frameon=False, fontsize=9)
    figure.suptitle("The gain is clean blocks that are no longer left behind", fontsize=11)
    return figure


def latency(results: Results) -> Any:
    """Distribution of the latency of requests."""
    figure, columns = _columns(results)
    for panel, ax in columns:
        for name in results.shown:
            tables = [table["latency_ns"] for _, table in results.requests(panel, name)]
            values = np.sort(np.concatenate(tables)) / 1e6
            share = 100 * np.arange(1, len(values) + 1) / len(values)
            step = max(1, len(values) // 2000)
            style = "--" if name == results.shown[0] else "-"
            ax.plot(
                np.maximum(values[::step], 1e-2), share[::step], style, color=results.colour(name), label=verbatim(name)
            )
        ax.set_xscale("log")
        ax.set_ylim(0, 101)
        ax.set_xlabel("latency of a request, ms (log scale)")
    columns[0][1].set_ylabel("requests answered within, %")
    _legend(columns[0][1])
    figure.suptitle("How long requests take (all requests, served or not)", fontsize=11)
    return figure


def steals(results: Results) -> Any:
    """Pages that others took from each request."""
    count = len(results.plan.policies)
    figure, columns = _columns(results, 1.6 + 0.28 * count)
    for panel, ax in columns:
        means, widths = _values(panel.rows, "steals")
        places = np.arange(len(means))
        ax.barh(places, means, color=_policy_colours(panel), height=0.6)
        arms = np.hstack([_above_zero(mean, width) for mean, width in zip(means, widths, strict=True)])
        ax.errorbar(means, places, xerr=arms, fmt="none", ecolor=RED, capsize=3)
        _policies(ax, panel)
        ax.set_xlabel("pages stolen per request")
    figure.suptitle("Pages that a request had freed and others took (bars: 95 % intervals)", fontsize=11)
    return figure


def memory(results: Results) -> Any:
    """CPU time of a run against the size of memory."""
    figure, (ax,) = _figure(1, 3.6, 5.6)
    lines: dict[str, dict[float, list[float]]] = {}
    for case, task in results.plan.tasks():
        seconds = results.store.cpu_s(task)
        if seconds:
            sizes = lines.setdefault(f"{case.config.preset}, {task.policy.name}", {})
            sizes.setdefault(case.config.memory_pages / GIB_PAGES, []).append(seconds)
    for k, (name, sizes) in enumerate(sorted(lines.items())):
        gib = sorted(sizes)
        middle = np.array([np.median(sizes[size]) for size in gib])
        spread = np.abs(np.array([[min(sizes[size]), max(sizes[size])] for size in gib]).T - middle)
        colour = COLOURS[k % len(COLOURS)]
        mark = MARKERS[k % len(MARKERS)]
        ax.errorbar(gib, middle, yerr=spread, color=colour, marker=mark, markersize=5, capsize=3, label=verbatim(name))
        if k == 0:
            linear = middle[0] * np.array(gib) / gib[0]
            ax.plot(gib, linear, ":", color="#777777", label="linear")
    ax.set_xscale("log", base=2)
    ax.set_yscale("log")
    ax.set_xticks(gib, [f"{size:g}" for size in gib])
    ax.set_xlabel("memory, GiB")
    ax.set_ylabel("CPU time of a run, s")
    _legend(ax)
    figure.suptitle("What a run costs, by size of memory (median, least and most)", fontsize=11)
    return figure


def cases(results: Results) -> Any:
    """Gain of every policy over the first, in every case."""
    policies = [policy.name for policy in results.plan.policies[1:]]
    labels = [case.label for case in results.plan.cases]
    rows = [row for row in summarize(results.plan, results.records) if row["gain"] and row["gain"]["n"]]
    figure, (ax,) = _figure(1, 1.4 + 0.3 * len(labels) * max(1.0, len(policies) / 3), 7.0)
    ax.axvline(0, color=BLACK, linewidth=0.8)
    for row in rows:
        k = policies.index(row["policy"])
        gain, place = row["gain"], labels.index(row["case"]) + (k - (len(policies) - 1) / 2) * 0.8 / len(policies)
        colour, mark = COLOURS[(k + 1) % len(COLOURS)], MARKERS[k % len(MARKERS)]
        width = gain["half_width"] if gain["n"] > 1 else 0.0
        ax.errorbar(gain["mean"], place, xerr=width, fmt=mark, color=colour, capsize=2, markersize=4)
        if len(policies) == 1:
            told = shown(gain, signed=True)
            ax.text(1.02, place, told, transform=ax.get_yaxis_transform(), va="center", fontsize=8)
    for k, name in enumerate(policies):
        colour, mark = COLOURS[(k + 1) % len(COLOURS)], MARKERS[k % len(MARKERS)]
        ax.plot([], [], color=colour, marker=mark, linestyle="none", label=verbatim(name))
    _rows(ax, labels)
    ax.set_xlabel("gain, points of success")
    if len(policies) > 1:
        figure.legend(loc="outside lower center", ncols=5, frameon=False, fontsize=9)
    base = results.plan.policies[0].name
    figure.suptitle(f"Gain over {verbatim(base)} in every case (95 % intervals)", fontsize=11)
    return figure


def curve(results: Results) -> Any:
    """Success of every policy along the parameter that was swept."""
    return curve_of(results.plan, summarize(results.plan, results.records), swept_parameter(results.plan) or "")


def tornado(results: Results) -> Any:
    """How far each parameter moves the gain of one policy over the first, machine beside machine."""
    machines: dict[str, list[Row]] = {}
    for row in results.swings:
        label = row["preset"] if row["case"] == AS_IT_IS else row["case"]
        machines.setdefault(MACHINES.get(label, label), []).append(row)
    return tornado_of(machines, gaining(results.plan), results.plan.policies[0].name)


def _has(name: str) -> Callable[[Results], str]:
    """Return what says why a picture of a figure in every case is not possible, or nothing."""

    def missing(results: Results) -> str:
        if not all(name in row["figures"] for panel in results.panels for row in panel.rows):
            return f"its runs have no {name}"
        count = len(results.panels)
        return f"{count} cases are more than {MOST_PANELS}; cases or curve show them" if count > MOST_PANELS else ""

    return missing


def _many_cases(results: Results) -> str:
    if len(results.plan.policies) < 2:
        return "a gain needs two policies"
    if results.swings:
        return "tornado shows a study with --sensitivity"
    return "" if len(results.panels) > 2 else "it is for more than two cases"


def _swept(results: Results) -> str:
    return "" if swept_parameter(results.plan) else "one parameter with at least three values is to be swept"


def _swings(results: Results) -> str:
    return "" if results.swings else "it is for a study with --sensitivity and two policies"


def _sizes(results: Results) -> str:
    sizes = {case.config.memory_pages for case in results.plan.cases}
    return "" if len(sizes) > 2 else "more than two sizes of memory are wanted"


# Name, what draws it, and what says why the results have not what it takes, or nothing.
PICTURES: tuple[tuple[str, Callable[[Results], Any], Callable[[Results], str]], ...] = (
    ("success", success, _has("success_percent")),
    ("course", course, _has("tenth1_percent")),
    ("harvest", harvest, _has("clean_left")),
    ("latency", latency, _has("latency_ms")),
    ("steals", steals, _has("steals")),
    ("cases", cases, _many_cases),
    ("curve", curve, _swept),
    ("tornado", tornado, _swings),
    ("memory", memory, _sizes),
)


def draw(
    folder: str | Path,
    out: str | Path | None = None,
    form: str = "png",
    only: Iterable[str] = (),
    *,
    force: bool = True,
) -> list[Path]:
    """Draw the pictures that the results in a folder have enough data for.

    Parameters
    ----------
    folder : path
        Results of `buddycap study --out` or `compare --out`.
    out : path, optional
        Where the pictures go; beside the results if not given.
    form : str
        "png" or "svg".
    only : iterable of str
        Names of `PICTURES`; all that are possible if empty.
    force : bool
        Whether pictures that exist may be replaced.

    Returns
    -------
    list of Path

    Raises
    ------
    MisuseError
        If there are no results, matplotlib is missing, or a picture that is asked for is not possible, or is there.
    """
    wanted = list(only)
    names = [name for name, _, _ in PICTURES]
    for name in wanted:
        if name not in names:
            raise MisuseError(f"picture={name!r}: {meant(name, names)}")
    target = Path(folder if out is None else out)
    with Store.open(folder) as store:
        results = Results(store)
        missing = {name: why(results) for name, _, why in PICTURES}
        makers = {name: make for name, make, _ in PICTURES if not missing[name]}
        for name in wanted:
            if missing[name]:
                raise MisuseError(f"picture={name!r}: not of the results in {folder}: {missing[name]}")
        files = {target / f"{name}.{form}": makers[name] for name in makers if name in (wanted or makers)}
        target.mkdir(parents=True, exist_ok=True)
        check_outputs(files, force=force)
        return [save_small(make(results), path) for path, make in files.items()]
