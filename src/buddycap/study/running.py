"""A study is run: what a store does not have of a plan, by any executor, or until its gains are certain enough."""

from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import Executor
from dataclasses import replace

from ..errors import MisuseError
from ..progress import Progress
from .aggregate import Aggregate
from .plan import Plan, Task
from .stats import mean_interval, seeds_needed
from .store import Record, Records, Store
from .workers import Pool, perform_all, pool_of, usable_cpus

__all__ = ["complete", "precision_told", "run_plan", "run_to_precision"]

FEWEST_MORE = 4  # seeds added at least, when the interval is still too wide

Runner = Callable[[Plan], Iterable[Record]]


def run_plan(
    plan: Plan,
    store: Store | None = None,
    *,
    executor: str | Executor | Pool = "process",
    jobs: int | None = None,
    timeout_s: float | None = None,
    progress: Progress | None = None,
) -> list[Record]:
    """Run what a store does not have of a study.

    Parameters
    ----------
    plan : Plan
    store : Store, optional
        Where the results go, run by run; forgotten if not given.
    executor : str, Executor or callable
        See `find_executor`; a `concurrent.futures.Executor`, such as `Client.get_executor()` of Dask, which is left
        open; or what returns a context manager that opens one, and can do so again when workers have died.
    jobs : int, optional
        Workers; one for each CPU if not given.
    timeout_s : float, s, optional
        A run that takes longer ends in an error.
    progress : Progress, optional

    Returns
    -------
    list of Record
        One for each run, in the order of the plan, errors among them.

    Raises
    ------
    MisuseError
        If executor, jobs or time limit are not possible.

    Examples
    --------
    >>> from buddycap import POLICIES
    >>> from buddycap.study.config import StudyConfig
    >>> from buddycap.study.plan import Case
    >>> case = Case("tiny", StudyConfig(memory_pages=1 << 15, warmup_s=1))
    >>> plan = Plan((case,), (POLICIES["none"], POLICIES["v3"]), (1, 2))
    >>> [(record.policy, record.seed, record.error) for record in run_plan(plan, executor="thread")]
    [('none', 1, ''), ('v3', 1, ''), ('none', 2, ''), ('v3', 2, '')]
    """
    if store is None:
        with Store() as own:
            return run_plan(plan, own, executor=executor, jobs=jobs, timeout_s=timeout_s, progress=progress)
    complete(plan, store, executor=executor, jobs=jobs, timeout_s=timeout_s, progress=progress)
    return store.records(plan)


def complete(
    plan: Plan,
    store: Store,
    *,
    executor: str | Executor | Pool = "process",
    jobs: int | None = None,
    timeout_s: float | None = None,
    progress: Progress | None = None,
) -> Records:
    """Run what a store does not have of a study, as `run_plan`; the records stay in the store."""
    missing = _Missing(plan, store)
    count = sum(1 for _ in missing)
    width = min(usable_cpus() if jobs is None else jobs, max(count, 1))
    pool = pool_of(executor, width, timeout_s)
    store.plan = plan
    if progress is not None:
        progress.more(count)
    for ended in perform_all(missing, pool, 2 * width, timeout_s):
        store.add(ended)
        if progress is not None:
            progress.step(len(ended))
    return Records(store, plan)


class _Missing:
    """The tasks of a study that have no result, looked for each time they are gone through."""

    def __init__(self, plan: Plan, store: Store) -> None:
        self._plan, self._store = plan, store

    def __iter__(self) -> Iterator[Task]:
        return (task for _, task in self._plan.tasks() if not self._store.has(task))


def run_to_precision(plan: Plan, half_width: float, run: Runner) -> Iterable[Record]:
    """Run a study with as many of its seeds as make every gain certain enough, or all of them.

    Parameters
    ----------
    plan : Plan
        Its seeds are all that may be used, in this order; how many are used depends on results, which ones does not.
    half_width : float, points
        Wanted of the 95 % interval (t) of the gain of every policy in every case.
    run : callable
        Runs a plan and returns its records, such as `run_plan` or `complete` with a store.

    Returns
    -------
    iterable of Record
        Of every seed that has been run.
    """
    if not half_width > 0:
        raise MisuseError(f"precision={half_width}: above 0 is wanted")
    if len(plan.policies) < 2:
        raise MisuseError("precision: a gain needs two policies")
    n = min(len(plan.seeds), 8)
    while True:
        records = run(replace(plan, seeds=plan.seeds[:n]))
        needed = max(_needed(gain, half_width, 2 * n) for _, gain in Aggregate.of(plan, records).gains())
        if needed <= n or n == len(plan.seeds):
            return records
        n = min(len(plan.seeds), max(needed, n + FEWEST_MORE))


def precision_told(plan: Plan, records: Iterable[Record], half_width: float) -> list[str]:
    """Return how certain the gains of `run_to_precision` are: a line for each that is not certain enough, or one."""
    lines = []
    for name, gain in Aggregate.of(plan, records).gains():
        known = mean_interval(gain).half_width
        if not known <= half_width:
            likely = f"about {seeds_needed(gain, half_width)} would do" if len(gain) > 1 else "too few to tell"
            lines.append(f"± {half_width:g} not reached: {name} ± {known:.2f} with {len(gain)} seeds, {likely}")
    return lines or [f"every gain is known to ± {half_width:g} points"]


def _needed(gains: Sequence[float], half_width: float, most: int) -> int:
    """Return the seeds for a half width; twice as many as there are if they are too few to judge."""
    return seeds_needed(gains, half_width, most) if len(gains) > 1 else most
