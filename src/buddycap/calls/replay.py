"""A recorded trace followed page by page, and served anew under other rules, in one call."""

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from ..errors import MisuseError
from ..escape import for_html, for_terminal
from ..recorded.lifetimes import MatchedRequests, TracedFlags
from ..recorded.recording import Recording, bare_recording, has_start, open_recording
from ..replay.band import Band, Control, figures_of, predict
from ..replay.course import reconstruct
from ..replay.ending import EndReport
from ..replay.prepared import Prepared
from ..replay.timeline import HUGE_ORDER, Timeline, sample_times
from ..replay.whatif import WhatIf, WhatIfResult, what_if
from ..views.fragmentation import draw_timelines, timelines_figure

__all__ = ["MOST_SAMPLES", "ReplayResult", "counts_of", "end_table", "follow", "run_replay"]

MOST_SAMPLES = 100_000


@dataclass(frozen=True, eq=False)
class ReplayResult:
    """What a replay gave.

    Parameters
    ----------
    recording : Recording
    matched : MatchedRequests
        Requests with their ends.
    timeline : Timeline or None
        Of the reconstruction; none without a snapshot of the start.
    end : EndReport or None
        How far the end is from the recorded one; none without a snapshot of the end.
    oddities : dict of str to int
        What did not fit: docs/replay.md.
    what_if : tuple of WhatIfResult
    interrupted : bool
        Whether Ctrl-C came before all was done.
    bands : tuple of Band
        With more than one seed: where each what-if may lie.
    """

    recording: Recording
    matched: MatchedRequests
    timeline: Timeline | None
    end: EndReport | None
    oddities: dict[str, int]
    what_if: tuple[WhatIfResult, ...]
    interrupted: bool = False
    bands: tuple[Band, ...] = ()

    @property
    def lines(self) -> list[tuple[str, Timeline]]:
        """The time lines that there are, and what each is called."""
        own = [("reconstructed", self.timeline)] if self.timeline else []
        return own + [(result.what.label, result.timeline) for result in self.what_if]

    def as_dict(self, order: int = HUGE_ORDER) -> dict[str, Any]:
        """Return what `buddycap replay --json` prints, with the indices of an order."""
        recording, end = self.recording, self.end
        return {
            "name": recording.name,
            "trace": recording.trace.report.as_dict(),
            "seconds": round((recording.end_ns[0] - recording.first_ns) / 1e9, 6),
            "requests": counts_of(self.matched),
            "reported_at_start_pages": recording.reported,
            "reconstruction": None
            if self.timeline is None
            else {
                "end": None if end is None else end.as_dict(),
                "oddities": self.oddities,
                "zones": self.timeline.summary(order),
            },
            "what_if": [result.as_dict() for result in self.what_if],
            **({"bands": [band.as_dict() for band in self.bands]} if self.bands else {}),
        }

    def table(self, order: int = HUGE_ORDER) -> str:
        """Return the table that `buddycap replay` prints: the state at the end, reconstruction and what-ifs."""
        table = end_table(self.lines, order)
        return f"{table}\n\n{band_table(self.bands, self.timeline)}" if self.bands else table

    def to_pandas(self, order: int = HUGE_ORDER) -> Any:
        """Return the time lines as a pandas.DataFrame, a row for each line, moment and zone.

        Raises
        ------
        MisuseError
            If pandas is not installed.
        """
        try:
            import pandas
        except ImportError:
            raise MisuseError("to_pandas needs pandas: pip install 'buddycap[frame]'") from None
        return pandas.DataFrame([{"line": label} | row for label, line in self.lines for row in line.rows(order)])

    def plot(self, path: str | Path | None = None, order: int = HUGE_ORDER) -> Any:
        """Draw the time lines.

        Parameters
        ----------
        path : path, optional
            Picture to write.
        order : int
            Of the pieces that are wanted.

        Returns
        -------
        Path, or matplotlib.figure.Figure without a path

        Raises
        ------
        MisuseError
            If matplotlib is missing, or there is no time line.
        OSError
            If the file cannot be written.
        """
        if not self.lines:
            raise MisuseError("plot: without a snapshot or a what-if there is no time line")
        if path is None:
            return timelines_figure(self.lines, order, self.recording.name)
        draw_timelines(path, self.lines, order, self.recording.name)
        return Path(path)

    def __repr__(self) -> str:
        events, seconds = len(self.recording.trace.events), self.recording.end_ns[0] - self.recording.first_ns
        wrong = "" if self.end is None else f", {self.end.wrong} of {self.end.changed} changed pages wrong"
        rules = "".join(f", what if {result.what.label}" for result in self.what_if)
        return f"<ReplayResult of {self.recording.name}: {events} events in {seconds / 1e9:.2f} s{wrong}{rules}>"

    def _repr_html_(self) -> str:
        """Return the table for a notebook."""
        table = "\n".join(map(for_html, self.table().split("\n")))
        return f"<p>{for_html(repr(self))}</p><pre>{table}</pre>"


def end_table(lines: Sequence[tuple[str, Timeline]], order: int) -> str:
    """Return the last moment of time lines, side by side: a text with a row for each figure of each zone.

    Parameters
    ----------
    lines : sequence of (label, Timeline)
        With the same zones.
    order : int
        Of the indices.
    """
    tables = [(for_terminal(label), line.summary(order)) for label, line in lines]
    width = max([14, *(len(label) + 2 for label, _ in tables)])
    rows: list[tuple[str, Sequence[object]]] = []
    for zone in lines[0][1].names if lines else ():
        own = [table[zone] for _, table in tables]
        blocks = [cell["nr_free"] for cell in own]
        rows.append((f"zone {for_terminal(zone)}", [label for label, _ in tables]))
        rows.append(("  free pages", [cell["free_pages"] for cell in own]))
        rows.append((f"  unusable index, order {order}", [cell["unusable"] / 1000 for cell in own]))
        rows.append(("    mean over the time", [round(cell["unusable_mean"] / 1000, 4) for cell in own]))
        rows.append((f"  extfrag index, order {order}", [cell["extfrag"] / 1000 for cell in own]))
        rows.append(("  mixed pageblocks", [cell["mixed_pageblocks"] for cell in own]))
        for k in range(max(map(len, blocks))):
            rows.append((f"  free blocks of order {k}", [cell[k] if k < len(cell) else "" for cell in blocks]))
    return "\n".join(f"{name:<28}" + "".join(f"{value:>{width}}" for value in values) for name, values in rows)


def band_table(bands: Sequence[Band], truth: Timeline | None) -> str:
    """Return where what-ifs may lie at the last moment, a row for each, under what was recorded.

    Parameters
    ----------
    bands : sequence of Band
    truth : Timeline, optional
        The reconstruction.
    """
    first = bands[0]
    heads = ["free pages", f"pieces of order {first.order}", "unusable, permille"]
    rows = [[f"all zones, {first.seeds} seeds", *heads]]
    if truth is not None:
        rows.append(["reconstructed", *(f"{value:.0f}" for value in figures_of(truth, first.order)[:, -1])])
    for band in bands:
        ends = zip(band.middle[:, -1], band.low[:, -1], band.high[:, -1], strict=True)
        alone = "" if band.controlled else " (seeds alone)"
        cells = [f"{middle:.0f} ({low:.0f} to {high:.0f})" for middle, low, high in ends]
        rows.append([for_terminal(band.label) + alone, *cells])
    widths = [max(len(row[k]) for row in rows) for k in range(len(rows[0]))]
    return "\n".join(
        f"{row[0]:<{widths[0]}}" + "".join(f"{cell:>{w + 2}}" for cell, w in zip(row[1:], widths[1:], strict=True))
        for row in rows
    )


def run_replay(
    trace: str | Path,
    *,
    start: str | Path | None = None,
    end: str | Path | None = None,
    recorded_kernel: str | None = None,
    what_if: Iterable[WhatIf | Mapping[str, Any] | str] = (),
    samples: int = 101,
    seeds: int = 1,
    order: int = HUGE_ORDER,
) -> ReplayResult:
    """Follow a recorded trace, and serve its requests under other rules: `buddycap replay` as one call.

    Parameters
    ----------
    trace : path
        A trace, or the folder of a recording.
    start, end : path, optional
        Snapshots before and after; a folder has its own.
    recorded_kernel : str, optional
        Release that made the trace, if it does not say.
    what_if : iterable of WhatIf, dict or str
        Other rules, such as `{"policy": "v3", "min_free": 65536}` or "policy=v3,empty=yes".
    samples : int, 1..100000
        Moments of the time lines.
    seeds : int, 1..1000
        How often what no recording holds is drawn anew. With more than one, each what-if has a band.
    order : int
        Of the pieces that bands count.

    Returns
    -------
    ReplayResult

    Raises
    ------
    MisuseError
        If a rule is not possible, or a what-if has nothing to start from.
    FormatError, OSError
        If a file cannot be read.
    """
    whats = [_what(rule) for rule in what_if]
    bare = start is None and not has_start(trace)
    recording = bare_recording(trace, recorded_kernel) if bare else open_recording(trace, start, end, recorded_kernel)
    result = follow(recording, whats, samples, bare=bare, seeds=seeds, order=order)
    if result.interrupted:
        raise KeyboardInterrupt
    return result


def _what(rule: WhatIf | Mapping[str, Any] | str) -> WhatIf:
    """Return a what-if from what describes it."""
    if isinstance(rule, WhatIf):
        return rule
    return WhatIf.parse(rule.split(",")) if isinstance(rule, str) else WhatIf(**rule)


def follow(
    recording: Recording,
    whats: Sequence[WhatIf],
    samples: int,
    *,
    bare: bool,
    step: Callable[[], None] | None = None,
    seeds: int = 1,
    order: int = HUGE_ORDER,
) -> ReplayResult:
    """Follow a recording and serve its requests anew; after Ctrl-C with what was done until then.

    Parameters
    ----------
    recording : Recording
    whats : sequence of WhatIf
    samples : int, 1..100000
    bare : bool
        There is no snapshot of the start, so nothing to reconstruct.
    step : callable, optional
        Called after each moment of each time line.
    seeds, order : int
        As `run_replay`.

    Raises
    ------
    MisuseError
        If a what-if has nothing to start from, or the samples are out of range.
    KeyboardInterrupt
        If nothing was done.
    """
    if not 1 <= samples <= MOST_SAMPLES:
        raise MisuseError(f"samples={samples}: allowed range is 1..{MOST_SAMPLES}")
    if bare and not all(what.empty for what in whats):
        raise MisuseError("without a snapshot (--from) a what-if can only begin with empty memory: add empty=yes")
    prepared = Prepared(recording)
    moments = sample_times(recording.first_ns, recording.end_ns[0], samples)
    timeline, end, odd = (None, None, {}) if bare else reconstruct(recording, samples, step=step)
    control = Control(prepared, moments, timeline, seeds)
    results: list[WhatIfResult] = []
    bands: list[Band] = []
    interrupted = False
    try:
        for what in whats:
            if seeds == 1:
                results.append(what_if(prepared, what, moments, step=step or _nothing))
                continue
            result, band = predict(control, what, order, step)
            results.append(result)
            bands.append(band)
    except KeyboardInterrupt:
        if timeline is None and not results:
            raise
        interrupted = True
    return ReplayResult(recording, prepared.matched, timeline, end, odd, tuple(results), interrupted, tuple(bands))


def _nothing() -> None:
    """Do nothing after a moment."""


def counts_of(matched: MatchedRequests) -> dict[str, int]:
    """Return how many requests there are of each sort."""
    flags = matched.requests["flags"]
    found = {flag.name.lower(): int(((flags & int(flag)) != 0).sum()) for flag in TracedFlags if flag.name}
    found["begun"] = len(flags) - found["held"]
    return found | {"silent": matched.silent, "lost_frees": matched.lost_frees, "outside": matched.outside}
