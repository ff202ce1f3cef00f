"""The runs of a study go by once, and what is kept of them is the table: a row for each configuration and policy.

Of a run nothing stays but its gain, sixteen bytes, for the bootstrap has to draw from the gains of all.
"""

from array import array
from collections.abc import Iterable, Iterator
from dataclasses import asdict
from math import isfinite
from typing import Self

from .plan import Case, Plan
from .stats import Moments
from .store import Record
from .summary import GAIN, Row, judged_gains

__all__ = ["Aggregate", "alike", "summarize"]

# What a pair of runs needs of one: its figure, and the state in which it ended; none without a result.
Told = tuple[float, str] | None


class _Tally:
    """What is kept of the runs of one case and policy."""

    def __init__(self) -> None:
        self.seeds = self.errors = 0
        self.figures: dict[str, Moments] = {}
        self._places = array("q")
        self._gains = array("d")

    def add(self, record: Record) -> None:
        """Count a run.  A figure that it could not give (`nan` or none) is left out."""
        self.seeds += record.ok
        self.errors += not record.ok
        for name, value in record.summary.items() if record.ok else ():
            if isinstance(value, int | float) and isfinite(value):
                moments = self.figures.get(name)
                if moments is None:
                    moments = self.figures[name] = Moments()
                moments.add(value)

    def pair(self, place: int, own: Told, base: Told) -> None:
        """Keep by how much a run differs from that of the first policy; `place` is where it stood among all runs."""
        if own is not None and base is not None and isfinite(own[0]) and isfinite(base[0]):
            self._places.append(place)
            self._gains.append(float(own[0]) - float(base[0]))

    @property
    def gains(self) -> list[float]:
        """The differences, in the order of the runs."""
        return [gain for _, gain in sorted(zip(self._places, self._gains, strict=True), key=lambda pair: pair[0])]


class _CaseTally:
    """What is kept of the runs of one case."""

    def __init__(self, names: list[str]) -> None:
        self.tallies = {name: _Tally() for name in names}
        self._begun: dict[int, dict[str, tuple[int, Told]]] = {}  # by seed, until all policies have run with it
        # Of each two policies, the earlier one second, whose runs have been the same so far.
        self._same = {(name, other) for k, name in enumerate(names) for other in names[:k]}

    def add(self, place: int, record: Record) -> None:
        """Count a run."""
        if record.policy not in self.tallies:
            return
        self.tallies[record.policy].add(record)
        told = (record.summary[GAIN], record.digest) if record.ok else None
        seed = self._begun.setdefault(record.seed, {})
        seed[record.policy] = place, told
        if len(seed) == len(self.tallies):
            self._finish(self._begun.pop(record.seed))

    def _finish(self, seed: dict[str, tuple[int, Told]]) -> None:
        """Compare the runs of a seed."""
        _, base = seed.get(next(iter(self.tallies)), (0, None))
        for name, (place, own) in seed.items():
            self.tallies[name].pair(place, own, base)
        for name, other in list(self._same):
            own, theirs = (seed.get(policy, (0, None))[1] for policy in (name, other))
            if own is not None and (theirs is None or own[1] != theirs[1]):
                self._same.discard((name, other))

    def finish(self) -> None:
        """Compare the runs of seeds with which not all policies have run."""
        while self._begun:
            self._finish(self._begun.popitem()[1])

    def same(self, name: str, other: str) -> bool:
        """Whether a policy has runs, and each ended in the very state of that of an earlier policy."""
        return (name, other) in self._same and self.tallies[name].seeds > 0

    def ran(self, name: str) -> bool:
        """Whether the policy has runs, errors among them."""
        return name in self.tallies and self.tallies[name].seeds + self.tallies[name].errors > 0


class Aggregate:
    """The table of a study while its runs go by.

    Parameters
    ----------
    plan : Plan
    """

    def __init__(self, plan: Plan) -> None:
        self._plan = plan
        self._cases = {case.label: _CaseTally([p.name for p in plan.policies_of(case)]) for case in plan.cases}
        self._count = 0

    @classmethod
    def of(cls, plan: Plan, records: Iterable[Record]) -> Self:
        """Return the table of some runs."""
        found = cls(plan)
        for record in records:
            found.add(record)
        return found

    def add(self, record: Record) -> None:
        """Count a run.  Those of one seed come near each other, or wait in memory until they are together."""
        case = self._cases.get(record.case)
        if case is not None:
            case.add(self._count, record)
            self._count += 1

    def _finished(self, case: Case) -> _CaseTally:
        """Return what is kept of a case, after its last run."""
        self._cases[case.label].finish()
        return self._cases[case.label]

    def gains(self) -> Iterator[tuple[str, list[float]]]:
        """Yield the gains of each policy over the first in each case, under the name of both."""
        for case in self._plan.cases:
            _, *others = self._finished(case).tallies.items()
            for name, tally in others:
                yield f"{case.label} {name}".strip(), tally.gains

    def rows(self) -> list[Row]:
        """Return the rows of `summarize`."""
        return [row for case in self._plan.cases for row in self._rows(case, self._finished(case))]

    def _rows(self, case: Case, found: _CaseTally) -> Iterator[Row]:
        """Yield the rows of a case."""
        base = next(iter(found.tallies))
        for name, tally in found.tallies.items():
            yield {
                "case": case.label,
                "kernel": case.config.kernel,
                "preset": case.config.preset,
                "order": case.config.order,
                "memory_pages": case.config.memory_pages,
                "policy": name,
                "seeds": tally.seeds,
                "errors": tally.errors,
                "identical": found.same(name, base),
                "figures": {figure: asdict(moments.interval()) for figure, moments in tally.figures.items()},
                "gain": None if name == base else judged_gains(tally.gains),
            }

    def alike(self) -> list[tuple[str, str]]:
        """Return what `alike` returns."""
        names = [policy.name for policy in self._plan.policies]
        cases = [self._finished(case) for case in self._plan.cases]
        found = []
        for k, name in enumerate(names):
            for other in names[:k]:
                if all(case.same(name, other) for case in cases if case.ran(name) or case.ran(other)):
                    found.append((name, other))
                    break
        return found


def summarize(plan: Plan, records: Iterable[Record]) -> list[Row]:
    """Return a row for each configuration and policy.

    Parameters
    ----------
    plan : Plan
    records : iterable of Record
        Runs of this plan; seeds that are missing or ended in an error are counted, and left out of the means.

    Returns
    -------
    list of dict
        `case`, `kernel`, `preset`, `order`, `memory_pages`, `policy`, `seeds`, `errors`, `identical` (every run ended
        in the very state of the first policy), `figures` (name to mean, half width, n) and `gain` against the first
        policy (see `difference`; none for that one).
    """
    return Aggregate.of(plan, records).rows()


def alike(plan: Plan, records: Iterable[Record]) -> list[tuple[str, str]]:
    """Return the policies that made the very runs of an earlier one in every case, each with the first such."""
    return Aggregate.of(plan, records).alike()
