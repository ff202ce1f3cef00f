"""Results as users of mmtests read them: a figure a row, a policy a column, the change against the first in brackets.

As in the reports of compare-mmtests: what is better is positive, whether more or less of it is better, and a change
whose 95 % interval excludes 0 stands between asterisks.  Here the intervals are of differences paired by seed.
"""

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from statistics import fmean, stdev

from ..escape import for_html
from ..study.plan import Case, Plan
from ..study.store import Record
from ..study.summary import columns, difference, grouped, laid_out

__all__ = ["mmtests_html", "mmtests_text"]

# Figure, what it is called, and whether more of it is better.
_FIGURES = (
    ("success_percent", "Success 1", True),
    ("success2_percent", "Success 2", True),
    ("success3_percent", "Success 3", True),
    ("latency_ms", "latency-ms", False),
    ("latency_huge_ms", "fault-huge-ms", False),
    ("latency_base_ms", "fault-base-ms", False),
    ("latency_worst_ms", "latency-max-ms", False),
    ("steals", "stolen pages", False),
    ("background_per_s", "background/s", True),
)
_STATISTICS = (("Min", min), ("Amean", fmean), ("Max", max))


@dataclass(frozen=True)
class _Cell:
    """One value, its change for the better in percent (none for the first policy), and whether that is certain."""

    value: float
    percent: float | None
    certain: bool = False

    @property
    def words(self) -> str:
        """Value and change where the eye sees by colour what is certain."""
        told = "" if self.percent is None or not math.isfinite(self.percent) else f" ({self.percent:+.2f} %)"
        return (f"{self.value:.2f}" if math.isfinite(self.value) else "-") + told

    def __str__(self) -> str:
        value = f"{self.value:.2f}" if math.isfinite(self.value) else "-"
        if self.percent is None or not math.isfinite(self.percent):
            return f"{value} (       )"
        left, right = ("*", "*") if self.certain else ("(", ")")
        return f"{value} {left}{self.percent:7.2f}%{right}"


def _rows(plan: Plan, records: Sequence[Record], case: Case) -> Iterator[tuple[str, str, list[_Cell]]]:
    """Yield statistic, figure and cells of each row of a case."""
    groups = grouped(records)
    own = [groups.get((case.label, policy.name), []) for policy in plan.policies_of(case)]
    figures = [columns(runs) for runs in own]
    for name, title, more in _FIGURES:
        if not all(name in found for found in figures):
            continue
        for statistic, value_of in _STATISTICS:
            values = [float(value_of(found[name])) for found in figures]
            changes = [None, *(_better(value, values[0], more) for value in values[1:])]
            sure = [statistic == "Amean" and _certain(runs, own[0], name) for runs in own]
            yield statistic, title, [_Cell(*cell) for cell in zip(values, changes, sure, strict=True)]
        spread = [stdev(found[name]) if len(found[name]) > 1 else math.nan for found in figures]
        yield "Stddev", title, [_Cell(v, _better(v, spread[0], False) if k else None) for k, v in enumerate(spread)]


def _better(value: float, base: float, more: bool) -> float:
    """Return how much better a value is, in percent of the base."""
    if not base:
        return 0.0 if not value else math.nan
    return 100 * (value - base if more else base - value) / abs(base)


def _certain(runs: Sequence[Record], base: Sequence[Record], name: str) -> bool:
    """Whether the interval of the paired difference excludes 0."""
    change = difference(runs, base, name)
    return runs is not base and change["n"] > 1 and abs(change["mean"]) > change["half_width"]


def mmtests_text(plan: Plan, records: Sequence[Record]) -> str:
    """Return the report as text, a table for each case.

    Parameters
    ----------
    plan : Plan
    records : sequence of Record
        Runs of it; errors are left out.
    """
    parts = []
    for case in plan.cases:
        names = [policy.name for policy in plan.policies_of(case)]
        lines = [["", case.label, *names]]
        lines += [[statistic, title, *map(str, cells)] for statistic, title, cells in _rows(plan, records, case)]
        parts.append(laid_out(lines, left=2))
    note = "better is positive; * change whose 95 % interval, paired by seed, excludes 0"
    return "\n\n".join([*parts, note])


_STYLE = """\
:root { color-scheme: light dark; }
body { font: 14px/1.45 system-ui, sans-serif; margin: 16px 20px; max-width: 72em; }
table { border-collapse: collapse; margin: 0 0 1.5em; font-variant-numeric: tabular-nums; }
th, td { padding: 2px 10px; text-align: right; white-space: nowrap; }
th:first-child, td:first-child, th:nth-child(2), td:nth-child(2) { text-align: left; }
tbody tr.first { border-top: 1px solid #8886; }
.wide { overflow-x: auto; }
.better { background: #00a05030; } .worse { background: #e0400030; }
.note { opacity: 0.75; }
"""


def mmtests_html(plan: Plan, records: Sequence[Record], *, title: str, notes: Sequence[str] = ()) -> str:
    """Return the report as a page that needs nothing else; certain changes are coloured.

    Parameters
    ----------
    plan, records
        As `mmtests_text`.
    title : str
    notes : sequence of str
        Paragraphs below the title.
    """
    parts = [f"<h1>{for_html(title)}</h1>", *(f"<p>{for_html(note)}</p>" for note in notes)]
    for case in plan.cases:
        heads = ["", "", *(policy.name for policy in plan.policies_of(case))]
        head = f"<thead><tr>{''.join(f'<th>{for_html(head)}</th>' for head in heads)}</tr></thead>"
        body = ""
        for statistic, figure, cells in _rows(plan, records, case):
            told = "".join(f"<td{_look(cell)}>{for_html(cell.words)}</td>" for cell in cells)
            first = ' class="first"' if statistic == _STATISTICS[0][0] else ""
            body += f"<tr{first}><td>{statistic}</td><td>{figure}</td>{told}</tr>"
        parts.append(
            f'<h2>{for_html(case.label)}</h2><div class="wide"><table>{head}<tbody>{body}</tbody></table></div>'
        )
    note = "Better is positive. Coloured: a change whose 95 % interval, paired by seed, excludes 0."
    parts.append(f'<p class="note">{note}</p>')
    return (
        '<!DOCTYPE html>\n<html lang="en"><head><meta charset="utf-8">'
        '<meta name="viewport" content="width=device-width, initial-scale=1">'
        f"<title>{for_html(title)}</title><style>{_STYLE}</style></head><body>{''.join(parts)}</body></html>\n"
    )


def _look(cell: _Cell) -> str:
    """Return the class of a cell."""
    if not cell.certain or cell.percent is None:
        return ""
    return ' class="better"' if cell.percent > 0 else ' class="worse"'
