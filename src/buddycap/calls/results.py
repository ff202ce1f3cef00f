"""What a study gives to a Python session: tables as arrays and frames, gains, pictures, and a page in a notebook."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Self

import numpy as np
from numpy.typing import NDArray

from ..errors import MisuseError
from ..escape import for_html
from ..nearest import meant
from ..study.aggregate import alike, summarize
from ..study.export import export
from ..study.plan import Case, Plan
from ..study.store import Record, Store
from ..study.summary import GAIN, difference, grouped, identical, shown, table
from ..study.tidy import column_names, request_columns, run_rows, structured

__all__ = ["Gain", "Gains", "StudyResult"]


@dataclass(frozen=True)
class Gain:
    """How much a figure differs between two policies, mean over pairs of runs with the same seed.

    Parameters
    ----------
    case, policy, base, figure : str
    mean, half_width : float
        95 % interval (t); the half width is `nan` for a single pair.
    low, high : float
        95 % interval of the bootstrap; `nan` below 20 pairs.
    n : int
        Pairs.
    identical : bool
        Whether every run ended in the very state of the other policy's.
    """

    case: str
    policy: str
    base: str
    figure: str
    mean: float
    half_width: float
    low: float
    high: float
    n: int
    identical: bool

    def __str__(self) -> str:
        where = f"{self.case}: " * bool(self.case)
        if self.identical:
            return f"{where}{self.policy} made the very runs of {self.base} ({self.n} pairs)"
        value = shown({"mean": self.mean, "half_width": self.half_width, "n": self.n}, signed=True)
        return f"{where}{self.figure} of {self.policy} less that of {self.base}: {value} ({self.n} pairs)"


class Gains(tuple[Gain, ...]):
    """The gains of one policy over another, one for each case; printed a line each."""

    def __str__(self) -> str:
        return "\n".join(map(str, self))

    __repr__ = __str__


class StudyResult:
    """The runs of a study.

    Made by `buddycap.run_study` and `run_comparison`, or by `StudyResult.open` of what a command has kept.

    Parameters
    ----------
    plan : Plan
        What was run.
    store : Store
        Where the results are.

    Examples
    --------
    >>> import buddycap
    >>> result = buddycap.run_study("none,v3", seeds=2, memory="128MiB", warmup_s=1, executor="thread")
    >>> result
    <StudyResult: 4 runs, 1 case, policies none, v3, 2 seeds>
    >>> result.runs[["policy", "seed", "success_percent"]].tolist()
    [('none', 1, 23.4375), ('v3', 1, 31.25), ('none', 2, 17.1875), ('v3', 2, 28.125)]
    >>> print(result.compare("v3", "none"))
    success_percent of v3 less that of none: +9.38 ± 19.85 (2 pairs)
    """

    def __init__(self, plan: Plan, store: Store) -> None:
        self.plan = plan
        self._store = store
        self.records: list[Record] = store.records(plan)

    @classmethod
    def open(cls, folder: str | Path) -> Self:
        """Read the results that `buddycap study --out` or `save` has kept.

        Raises
        ------
        FormatError
            If they are damaged.
        MisuseError
            If there are none.
        OSError
            If they cannot be read.
        """
        store = Store.open(folder)
        if store.plan is None:
            raise MisuseError(f"{folder}: no study has been run into it")
        return cls(store.plan, store)

    @property
    def runs(self) -> NDArray[np.void]:
        """One record a run: case, machine, swept parameters, policy, seed, error, figures, counters."""
        rows = run_rows(self.plan, self.records)
        return structured({name: [row.get(name) for row in rows] for name in column_names(rows)})

    @property
    def requests(self) -> NDArray[np.void]:
        """One record a request of every run, with `path` and `cause` in words; for units see docs/model.md."""
        return self._told(faults=False)

    @property
    def faults(self) -> NDArray[np.void]:
        """The same for the faults of runs with `threads`."""
        return self._told(faults=True)

    def _told(self, *, faults: bool) -> NDArray[np.void]:
        parts = list(request_columns(self._store, self.plan, faults))
        return structured({name: [value for part in parts for value in part[name]] for name in column_names(parts)})

    @property
    def errors(self) -> list[Record]:
        """Runs that ended in an error."""
        return [record for record in self.records if not record.ok]

    def to_pandas(self, what: str = "runs") -> Any:
        """Return `runs`, `requests` or `faults` as a pandas.DataFrame.

        Raises
        ------
        MisuseError
            If pandas is not installed, or `what` is none of these.
        """
        if what not in ("runs", "requests", "faults"):
            raise MisuseError(f"what={what!r}: allowed are runs, requests, faults")
        try:
            import pandas
        except ImportError:
            raise MisuseError("to_pandas needs pandas: pip install 'buddycap[frame]'") from None
        return pandas.DataFrame(getattr(self, what))

    def table(self) -> str:
        """Return the table that `buddycap study` prints."""
        notes = [f"{name}: the very runs of {other}" for name, other in alike(self.plan, self.records)]
        return "\n".join([table(summarize(self.plan, self.records)), *notes])

    def compare(self, policy: str, base: str, figure: str = GAIN) -> Gains:
        """Return how much a figure of one policy differs from that of another, for each case.

        Parameters
        ----------
        policy, base : str
            Names of policies of the study.
        figure : str
            A figure of `Run.summary`: success_percent (points), latency_ms, steals, and so on.

        Raises
        ------
        MisuseError
            If there is no such policy or figure.
        """
        names = [row.name for row in self.plan.policies]
        for name in (policy, base):
            if name not in names:
                raise MisuseError(f"policy={name!r}: {meant(name, names)}")
        figures = next((record.summary for record in self.records if record.ok), {})
        if figure not in figures:
            raise MisuseError(f"figure={figure!r}: {meant(figure, figures)}")
        groups = grouped(self.records)

        def runs(case: Case, name: str) -> list[Record]:
            return groups.get((case.label, name), [])

        return Gains(
            _gain(case.label, policy, base, figure, runs(case, policy), runs(case, base))
            for case in self.plan.cases
            if {policy, base} <= {row.name for row in self.plan.policies_of(case)}
        )

    def plot(self, picture: str = "success") -> Any:
        """Draw one of the pictures of `buddycap plot`.

        Parameters
        ----------
        picture : str
            success, course, harvest, latency, steals, curve, cases, tornado or memory.

        Returns
        -------
        matplotlib.figure.Figure
            Shown by a notebook as it is; `savefig` writes it.

        Raises
        ------
        MisuseError
            If matplotlib is missing, or the study has no data for the picture.
        """
        from ..views.plots import PICTURES, Results

        results = Results(self._store)
        makers = {name: (make, missing) for name, make, missing in PICTURES}
        if picture not in makers:
            raise MisuseError(f"picture={picture!r}: {meant(picture, makers)}")
        make, missing = makers[picture]
        why = missing(results)
        if why:
            raise MisuseError(f"picture={picture!r}: not of this study: {why}")
        return make(results)

    def save(self, folder: str | Path) -> list[Path]:
        """Keep everything in a folder, as `buddycap study --out` does; return the files.

        Raises
        ------
        MisuseError
            If there are results in it.
        OSError
            If it cannot be written.
        """
        if Path(folder).is_dir() and any(Path(folder).iterdir()):
            raise MisuseError(f"folder={str(folder)!r}: it is not empty")
        with Store(folder) as store:
            store.take(self._store, self.plan)
            return export(store, self.plan)

    def __repr__(self) -> str:
        cases, seeds = len(self.plan.cases), len(self.plan.seeds)
        names = ", ".join(policy.name for policy in self.plan.policies)
        wrong = f", {len(self.errors)} errors" * bool(self.errors)
        return (
            f"<StudyResult: {len(self.records)} runs, {cases} case{'s' * (cases > 1)}, policies {names}, "
            f"{seeds} seed{'s' * (seeds > 1)}{wrong}>"
        )

    def _repr_html_(self) -> str:
        """Return the table of a notebook: success, gain and latency of each policy and case."""
        heads = ["case", "policy", "seeds", "success, %", "gain, points", "latency, ms"]
        lines = [_html_row("th", heads)]
        for row in summarize(self.plan, self.records):
            figures = row["figures"]
            cells = [row["case"], row["policy"], str(row["seeds"]), shown(figures.get(GAIN))]
            cells += [shown(row["gain"], signed=True), shown(figures.get("latency_ms"), 1)]
            lines.append(_html_row("td", cells))
        same = alike(self.plan, self.records)
        notes = "".join(f"<p>{for_html(name)}: the very runs of {for_html(other)}</p>" for name, other in same)
        return f"<table><caption>{for_html(repr(self))}; 95 % intervals</caption>{''.join(lines)}</table>{notes}"


def _gain(case: str, policy: str, base: str, figure: str, own: Sequence[Record], others: Sequence[Record]) -> Gain:
    """Return the gain in one case."""
    found = difference(own, others, figure)
    interval = found["mean"], found["half_width"], found.get("low", np.nan), found.get("high", np.nan)
    return Gain(case, policy, base, figure, *interval, found["n"], policy != base and identical(own, others))


def _html_row(tag: str, cells: Sequence[str]) -> str:
    """Return a row of a table."""
    return "<tr>" + "".join(f"<{tag}>{for_html(cell)}</{tag}>" for cell in cells) + "</tr>"
