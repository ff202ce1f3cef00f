"""The blocks of docs/study.md about what its findings hang on: the tornado, the slope of the fit, other marks."""

from collections.abc import Callable, Sequence
from typing import Any

from pages import table
from study_tables import MACHINES, by_case, figure, gain

from buddycap.study.stats import Interval
from buddycap.study.summary import shown

Figures = dict[str, Any]
Row = dict[str, Any]

SIDES = ("less", "more")
NAMED = 3  # parameters of each machine that are named
FITTED = "hot_pages"
MEANINGS = {
    "hot_pages": "the builds' hot file pages",
    "warmup_permille": "file pages read before the first request",
    "builds_4gib": "builds at work",
    "request_mib_per_s": "rate of the requests",
    "unmovable_permille": "kernel pages made before the first request",
    "warmup_s": "time before the first request",
    "process_pages": "memory of a process",
}

# Where holding and queueing were tried besides the study's one requester and the kernel's marks.
RANGES = {
    "requesters": "4 requesters and the kernel's marks",
    "marks": "1 requester and marks x64",
    "both": "4 requesters and marks x64",
    "both-1GiB": "the same at 1 GiB",
}
HOLDERS = ("v3", "hold", "hold-16")


def interval(value: Row) -> Interval:
    """Return an interval of the figures."""
    return Interval(value["mean"], value["half_width"], value["n"])


def by_machine(figures: Figures) -> dict[str, list[Row]]:
    """Return the parameters of each machine, the one that moves the gain most first."""
    found: dict[str, list[Row]] = {}
    for row in figures["sensitivity"]:
        found.setdefault(row["preset"], []).append(row)
    return found


def named(row: Row) -> str:
    """Return a parameter, and what it is if it is one of those that are named in sentences."""
    name = row["parameter"]
    return f"`{name}` ({MEANINGS[name]}):" if name in MEANINGS else f"`{name}`:"


def told_side(row: Row, side: str) -> str:
    """Return the gain with a parameter changed to one side."""
    return shown(row[side]["gain"], signed=True)


def hangs_on(figures: Figures) -> str:
    """What each machine's gain hangs on, in sentences that follow from the runs."""
    return "\n".join(_hangs_on(machine, rows) for machine, rows in by_machine(figures).items())


def _hangs_on(machine: str, rows: list[Row]) -> str:
    told = [
        f"{named(row)} {told_side(row, 'less')} with less of it and {told_side(row, 'more')} with more"
        for row in rows[:NAMED]
    ]
    return (
        f"- {MACHINES[machine]}: the gain is {shown(rows[0]['gain'], signed=True)} points as it is, and hangs on "
        f"{'; on '.join(told)}. None of the other {len(rows) - NAMED} moves it by more than {rows[NAMED]['swing']:.1f}."
    )


def trusted(figures: Figures) -> str:
    """How far sign and size of the gain can be trusted, counted."""
    rows = figures["sensitivity"]
    n = min(row[side]["gain"]["n"] for row in rows for side in SIDES)
    gains = [interval(row[side]["gain"]) for row in rows for side in SIDES]
    above, below = (sum(g.excludes_zero and g.mean * sign > 0 for g in gains) for sign in (1, -1))
    moved = sum(interval(row[side]["change"]).excludes_zero for row in rows for side in SIDES)
    least, most = min(g.mean for g in gains), max(g.mean for g in gains)
    return (
        f"Of these {len(gains)} gains (seeds 1..{n}) {above} have an interval above 0, {below or 'none'} below; they "
        f"go from {least:+.1f} to {most:+.1f} points. {moved} differ from the gain as it is by more than the interval "
        f"of the difference; chance alone would make about {round(len(gains) / 20)}."
    )


def sensitivity(figures: Figures) -> str:
    """Every parameter on both machines, the one that moves most first."""
    machines = by_machine(figures)
    rows = {(row["preset"], row["parameter"]): row for row in figures["sensitivity"]}
    names = {}
    for row in figures["sensitivity"]:
        names[row["parameter"]] = max(row["swing"], names.get(row["parameter"], 0.0))
    found = []
    for name in sorted(names, key=lambda name: -names[name]):
        own = [rows[machine, name] for machine in machines]
        values = dict.fromkeys(f"{r['value']:g} ({r['less']['value']:g}, {r['more']['value']:g})" for r in own)
        found.append([f"`{name}`", "; ".join(values), *(_moved(row[side]) for row in own for side in SIDES)])
    heads = [f"{MACHINES[machine]}: {side}" for machine in machines for side in SIDES]
    return table(["parameter", "as it is (less, more)", *heads], found)


def _moved(side: Row) -> str:
    """Return baseline and gain of a side, the gain bold where it differs from the gain as it is."""
    text = shown(side["gain"], signed=True)
    gain = f"**{text}**" if interval(side["change"]).excludes_zero else text
    return f"{side['baseline']['mean']:.1f}; {gain}"


def slope(figures: Figures) -> str:
    """The gain along the parameter that it hangs on most."""
    found = []
    rows = figures["slope"]
    for none, v3 in zip(rows[::2], rows[1::2], strict=True):
        machine, _, case = none["case"].partition(" ")
        cells = [figure(none, "ceiling_percent"), figure(none, "success_percent"), gain(v3)]
        left = [figure(none, name, 0) for name in ("clean_left", "failed_stolen")]
        found.append([MACHINES[machine], case.partition("=")[2], *cells, *left])
    heads = ["machine", f"`{FITTED}`", "ceiling, %", "none, %", "gain of v3, points"]
    return table([*heads, "clean blocks that none leaves", "failed by theft, none"], found)


def slope_said(figures: Figures) -> str:
    """That the fit is one point on a slope, with its figures."""
    gains = {row["case"]: shown(row["gain"], signed=True) for row in figures["slope"] if row["gain"]}
    ppc = by_machine(figures)["ppc64"][0]
    x86 = [gains[f"x86_64 {FITTED}={pages}"] for pages in (26250, 31500, 35000, 38500, 43750)]
    return (
        f"The fit is one point on a steep slope. On x86-64 the gain of v3 is {x86[2]} points with the `{FITTED}` of "
        f"both machines, {x86[1]} with 10 % less of them and {x86[0]} with 25 % less, {x86[3]} with 10 % more and "
        f"{x86[4]} with 25 % more. On ppc64 it is steepest along {named(ppc)} {told_side(ppc, 'less')} with 25 % less "
        f"and {told_side(ppc, 'more')} with 25 % more."
    )


def _ranges(figures: Figures, policies: tuple[str, ...]) -> list[tuple[str, str, Row]]:
    """Return name of the range, machine and row of some policies wherever they were tried."""
    return [
        (part, MACHINES[row["preset"]], row) for part in RANGES for row in figures[part] if row["policy"] in policies
    ]


def holding(figures: Figures) -> str:
    """What holding on does where blocks are given back."""
    found = []
    for part, machine, row in _ranges(figures, HOLDERS):
        less = "-" if row["policy"] == "v3" else "the very runs" if row["same"] else shown(row["against"], signed=True)
        counts = [figure(row, name, 1) for name in ("holds", "rescued", "givebacks")]
        found.append([RANGES[part], machine, f"`{row['policy']}`", gain(row), less, *counts])
    heads = ["tried with", "machine", "policy", "gain over none, points", "less v3"]
    return table([*heads, "held", "rescued", "given back"], found)


def queueing(figures: Figures) -> str:
    """What the queue does where requests meet."""
    found = []
    for part, machine, row in _ranges(figures, ("queue",)):
        none, v3 = (by_case(figures[part])[row["case"], policy] for policy in ("none", "v3"))
        own = "the very runs of none" if row["identical"] else gain(row)
        waits = [figure(row, "queue_waits", 0), *(figure(r, "latency_ms", 0) for r in (none, row))]
        found.append([RANGES[part], machine, figure(none, "success_percent"), own, gain(v3), *waits])
    heads = ["tried with", "machine", "none, %", "gain of `queue`", "gain of v3"]
    return table([*heads, "stood in the queue", "latency: none, ms", "queue"], found)


def _span(rows: Sequence[Row], name: str) -> str:
    """Return the least and the greatest mean of a figure, or the one that both are."""
    told = [f"{row['figures'][name]['mean']:.1f}" for row in sorted(rows, key=lambda r: r["figures"][name]["mean"])]
    return told[0] if told[0] == told[-1] else f"{told[0]} to {told[-1]}"


def _engaged(figures: Figures, policy: str) -> list[Row]:
    """Return the rows of a policy wherever blocks were given back at all."""
    where = {(part, machine) for part, machine, row in _ranges(figures, ("v3",)) if row["figures"]["givebacks"]["mean"]}
    return [row for part, machine, row in _ranges(figures, (policy,)) if (part, machine) in where]


def _worth(figures: Figures) -> str:
    """Return what holding on is worth, over all rows in which it does something."""
    against = [row["against"] for policy in HOLDERS[1:] for row in _engaged(figures, policy)]
    apart = sum(interval(value).excludes_zero for value in against)
    most = max(abs(value["mean"]) for value in against)
    told = f"in {apart} of" if apart else "in none of"
    return f"A difference from v3 is shown {told} {len(against)} comparisons; the largest is {most:.2f} points."


def _rescues(figures: Figures) -> str:
    """Return how many blocks one round and sixteen rounds rescue."""
    once, often = (_engaged(figures, policy) for policy in HOLDERS[1:])
    return (
        f"One round of 32 pages rescues {_span(once, 'rescued')} of {_span(once, 'holds')} held, sixteen rounds "
        f"{_span(often, 'rescued')} of {_span(often, 'holds')}."
    )


def held_said(figures: Figures) -> str:
    """What follows from the table of holding."""
    quiet = [part for part in RANGES if all(not row["figures"]["givebacks"]["mean"] for row in figures[part])]
    where = " and ".join(RANGES[part] for part in quiet) or "none of these ranges"
    v3 = _engaged(figures, "v3")
    return (
        f"With {where} no run gives a block back, so `hold` has nothing to hold. Elsewhere v3 gives back "
        f"{_span(v3, 'givebacks')} blocks a run. {_rescues(figures)} {_worth(figures)} Where the marks are so high "
        f"that they forbid a block they bound the success as well: v3 ends with {_span(v3, 'free_percent')} % of "
        f"memory free, little more than they keep for others, and what is rescued for one request another does not get."
    )


def queued_said(figures: Figures) -> str:
    """What follows from the table of queueing."""
    rows = [row for _, _, row in _ranges(figures, ("queue",))]
    idle = [row for row in rows if row["identical"]]
    busy = [row for row in rows if not row["identical"]]
    shown_gain = sum(interval(row["gain"]).excludes_zero and row["gain"]["mean"] > 0 for row in busy)
    return (
        f"In {len(idle)} of these {len(rows)} cases nobody stands in the queue. In the others "
        f"{_span(busy, 'queue_waits')} allocations of a run do, and a gain over none is shown in {shown_gain or 'no'} "
        f"case: the queue keeps those apart who reclaim, and theft is by those who allocate."
    )


def readme_hold(figures: Figures) -> str:
    """What holding on is worth, for README.md."""
    quiet = [row for row in (*figures["policies_rows"], *figures["requesters"]) if row["policy"] in HOLDERS]
    if any(row["figures"]["givebacks"]["mean"] for row in quiet):
        raise SystemExit("blocks are given back with the kernel's marks: README.md says that they never are")
    v3 = _engaged(figures, "v3")
    free = _span([row for row in figures["requesters"] if row["policy"] == "v3"], "free_percent")
    told = [
        "**When it engages.** With the kernel's marks never, be it one requester or four: no run gives a block back.",
        "The mark is asked with order 0, and kswapd, which works for the order asked for, leaves far more than that:",
        f"{free} % of memory. With marks 64 times as high v3 gives back {_span(v3, 'givebacks')} blocks a run.",
        f"**What it is worth.** {_rescues(figures)}",
        _worth(figures),
        "**Why.** Marks that forbid a block bound the success as well: what one request rescues another does not get.",
    ]
    return "\n".join(f"- {line}" if line.startswith("**") else f"  {line}" for line in told)


def tried(figures: Figures) -> str:
    """The range in which the verdicts were tried."""
    return figures["policies"]["tried"]


BLOCKS: dict[str, Callable[[Figures], str]] = {
    function.__name__: function
    for function in (
        hangs_on,
        trusted,
        sensitivity,
        slope,
        slope_said,
        holding,
        held_said,
        queueing,
        queued_said,
        tried,
    )
}
