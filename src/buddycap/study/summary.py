"""What some runs say beside others, seed by seed, and tables of that."""

import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict
from typing import Any

from .stats import FEWEST_RESAMPLED, Interval, bootstrap_interval, mean_interval, seeds_needed
from .store import Record

__all__ = [
    "GAIN",
    "columns",
    "difference",
    "grouped",
    "identical",
    "judged_gains",
    "laid_out",
    "pairs",
    "resampled",
    "shown",
    "table",
]

GAIN = "success_percent"
WANTED_POINTS = 0.5  # the half width for which `seeds_needed` is told

Row = dict[str, Any]


def grouped(records: Iterable[Record]) -> dict[tuple[str, str], list[Record]]:
    """Return the runs of each case and policy, in the order of `records`."""
    groups: dict[tuple[str, str], list[Record]] = {}
    for record in records:
        groups.setdefault((record.case, record.policy), []).append(record)
    return groups


def columns(records: Iterable[Record]) -> dict[str, list[float]]:
    """Return the figures of some runs, a list for each; errors are left out.

    A figure that a run could not give (`nan` or none) is left out of its list.
    """
    found: dict[str, list[float]] = {}
    for record in records:
        if record.ok:
            for name, value in record.summary.items():
                if isinstance(value, int | float) and math.isfinite(value):
                    found.setdefault(name, []).append(float(value))
    return found


def pairs(records: Sequence[Record], base: Sequence[Record], name: str) -> tuple[list[float], list[float]]:
    """Return a figure of both, for the seeds that have a result in both, in the order of `records`."""
    others = {record.seed: record for record in base if record.ok}
    both = [(record.summary[name], others[record.seed].summary[name]) for record in records if _paired(record, others)]
    kept = [(a, b) for a, b in both if math.isfinite(a) and math.isfinite(b)]
    return [float(a) for a, _ in kept], [float(b) for _, b in kept]


def _paired(record: Record, others: Mapping[int, Record]) -> bool:
    return record.ok and record.seed in others


def difference(records: Sequence[Record], base: Sequence[Record], name: str = GAIN) -> Row:
    """Return how much a figure differs from that of the same seeds under another policy.

    Returns
    -------
    dict
        `mean`, `half_width` (t) and `n`; `needed`, the seeds for a half width of half a unit; with at least
        `FEWEST_RESAMPLED` pairs `low` and `high` (bootstrap).
    """
    return judged_gains([a - b for a, b in zip(*pairs(records, base, name), strict=True)])


def judged_gains(gains: Sequence[float]) -> Row:
    """Return what `difference` says of differences."""
    found: Row = asdict(mean_interval(gains))
    if len(gains) >= FEWEST_RESAMPLED:
        found["low"], found["high"] = bootstrap_interval(gains)
    found["needed"] = seeds_needed(gains, WANTED_POINTS) if len(gains) > 1 else None
    return found


def identical(records: Sequence[Record], base: Sequence[Record]) -> bool:
    """Whether the runs of two policies ended in the same states, seed by seed."""
    states = {record.seed: record.digest for record in base if record.ok}
    own = [record for record in records if record.ok]
    return bool(own) and all(states.get(record.seed) == record.digest for record in own)


def shown(value: Mapping[str, Any] | None, digits: int = 2, signed: bool = False) -> str:
    """Return a mean with its interval as text.

    Examples
    --------
    >>> shown({"mean": 2.5, "half_width": 0.25, "n": 8}, signed=True)
    '+2.50 ± 0.25'
    """
    if value is None or not value["n"]:
        return "-"
    interval = Interval(value["mean"], value["half_width"], value["n"])
    sign = "+" if signed else ""
    spread = f" ± {interval.half_width:.{digits}f}" if interval.n > 1 else ""
    return f"{interval.mean:{sign}.{digits}f}{spread}"


# Title, figure, digits.
_COLUMNS = (
    ("success %", GAIN, 2),
    ("latency ms", "latency_ms", 1),
    ("steals", "steals", 1),
    ("own", "own", 1),
    ("merged", "merged", 1),
    ("foreign", "foreign", 2),
    ("give-backs", "givebacks", 2),
)
_OF_FAULTS = (
    ("latency ms", "latency_ms", 2),
    ("huge ms", "latency_huge_ms", 2),
    ("base ms", "latency_base_ms", 2),
    ("migrate scanned", "compact_migrate_scanned", 0),
    ("free scanned", "compact_free_scanned", 0),
    ("success/stall %", "stall_success_percent", 1),
    ("reclaimed", "freed", 1),
)
_LATER_PASSES = (("2nd pass %", "success2_percent", 2), ("3rd pass %", "success3_percent", 2))


def table(rows: Sequence[Row], width: int | None = None) -> str:
    """Lay rows of `summarize` out for a terminal; the second and third pass where there are any.

    With a width, columns that do not fit are left out, the last ones first, and named below.
    """
    of_load: tuple[tuple[str, str, int], ...] = _COLUMNS
    if any("latency_huge_ms" in row["figures"] for row in rows):
        of_load = (_COLUMNS[0], *(c for c in _OF_FAULTS if any(c[1] in row["figures"] for row in rows)))
    columns = (*of_load, *(c for c in _LATER_PASSES if any(c[1] in row["figures"] for row in rows)))
    heads = ["case", "policy", "seeds", "success %", "gain, points", "bootstrap", *(c[0] for c in columns[1:])]
    place = heads.index("bootstrap")
    lines = [heads]
    for row in rows:
        figures = row["figures"]
        cells = [row["case"], row["policy"], f"{row['seeds']}" + (f" (-{row['errors']})" if row["errors"] else "")]
        values = [shown(figures.get(name), digits) for _, name, digits in columns]
        lines.append([*cells, values[0], shown(row["gain"], signed=True), resampled(row["gain"]), *values[1:]])
    if not any("low" in row["gain"] for row in rows if row["gain"]):
        lines = [line[:place] + line[place + 1 :] for line in lines]
    left = 3
    if not any(line[0] for line in lines[1:]):
        lines, left = [line[1:] for line in lines], 2
    kept = _fitting(lines, left + 2, width)
    text = laid_out([line[:kept] for line in lines], left)
    if kept == len(lines[0]):
        return text
    return f"{text}\nno room for: {', '.join(lines[0][kept:])} (--format csv has all)"


def _fitting(lines: Sequence[Sequence[str]], least: int, width: int | None) -> int:
    """Return how many columns fit into a width, at least so many."""
    wide = [max(len(line[k]) for line in lines) for k in range(len(lines[0]))]
    kept = len(wide)
    while width is not None and kept > least and sum(wide[:kept]) + 2 * (kept - 1) > width:
        kept -= 1
    return kept


def laid_out(lines: Sequence[Sequence[str]], left: int, last_left: bool = False) -> str:
    """Return lines of cells in columns; the first `left` columns, and perhaps the last, begin at the left.

    Examples
    --------
    >>> print(laid_out([["a", "bb"], ["ccc", "d"]], left=1))
    a    bb
    ccc   d
    """
    widths = [max(len(line[k]) for line in lines) for k in range(len(lines[0]))]
    end = len(widths) - 1 if last_left else len(widths)
    texts = []
    for line in lines:
        cells = [
            c.rjust(w) if left <= k < end else c.ljust(w) for k, (c, w) in enumerate(zip(line, widths, strict=True))
        ]
        texts.append("  ".join(cells).rstrip())
    return "\n".join(texts)


def resampled(gain: Row | None) -> str:
    """Return the bootstrap interval of a gain as text, if there are enough pairs for one."""
    return "-" if gain is None or "low" not in gain else f"{gain['low']:+.2f}..{gain['high']:+.2f}"
