"""Runs tasks through any `concurrent.futures.Executor`; a run that fails, hangs or kills its worker ends alone."""

import faulthandler
import multiprocessing
import os
import signal
import threading
import time
from collections import deque
from collections.abc import Callable, Generator, Iterable, Iterator, Mapping, Sequence
from concurrent.futures import (
    BrokenExecutor,
    Executor,
    Future,
    ProcessPoolExecutor,
    ThreadPoolExecutor,
)
from contextlib import AbstractContextManager, contextmanager, nullcontext
from dataclasses import dataclass
from functools import cache, partial
from importlib import import_module
from itertools import chain, groupby, islice
from queue import SimpleQueue
from types import MappingProxyType
from typing import TYPE_CHECKING, Any

from .. import recorded
from ..errors import MisuseError
from .carrying import Parcel, carried
from .packing import Packed
from .plan import Task
from .run import Run, run_all

if TYPE_CHECKING:
    from ..formats.kpageflags import ZoneFrames

__all__ = ["EXECUTORS", "Outcome", "find_executor", "perform", "perform_all", "pool_of", "recorded_load", "usable_cpus"]

Pool = Callable[[], AbstractContextManager[Executor]]
Group = tuple[Task, ...]  # they differ in their policies alone
Batch = tuple[Group, ...]  # done by one worker, whose results come all at once
Ended = list[tuple[Task, "Outcome"]]

# Memory of the machines of a batch, in pages: of one group, and of several that are short enough to go together.
BATCH_PAGES = 1 << 22
JOINED_PAGES = 1 << 19

_ASKED_AGAIN_S = 2.0  # after which a cluster may have other workers
_NUMPY_THREADS = "OPENBLAS_NUM_THREADS"


@dataclass(frozen=True)
class Outcome:
    """How a task ended.

    Parameters
    ----------
    run : Packed, optional
        What is kept of it; none after an error.
    error : str
        What went wrong; nothing in it depends on the machine or the time of day.
    """

    run: Packed | None = None
    error: str = ""


def perform(task: Task | Parcel, timeout_s: float | None = None) -> Outcome:
    """Do one task.  An exception becomes part of the outcome; a run that takes too long ends with its process.

    Parameters
    ----------
    task : Task or Parcel
    timeout_s : float, s, optional
        Only in a worker process: its end is the only way to end a run that is stuck in compiled code.

    Raises
    ------
    MisuseError
        If a time limit is given to a process that is no worker.
    """
    return perform_batch(((task,),), timeout_s)[0]


def perform_batch(batch: Sequence[Sequence[Task | Parcel]], timeout_s: float | None = None) -> list[Outcome]:
    """Do the tasks of a batch: as `perform`, but what comes before the first request is simulated once for each group.

    The time limit is that of a run, and what those of a group have in common belongs to the first.
    """
    if timeout_s is not None and multiprocessing.parent_process() is None:
        raise MisuseError(f"timeout={timeout_s:g} s: a time limit needs worker processes")
    return [outcome for group in batch for outcome in _perform_group(group, timeout_s)]


def _perform_group(group: Sequence[Task | Parcel], timeout_s: float | None) -> list[Outcome]:
    """Do tasks that differ in their policies alone."""
    found: list[Outcome] = []
    runs: Iterator[Run] | None = None
    while len(found) < len(group):
        with _deadline(timeout_s):
            try:
                runs = runs or _runs(group[len(found) :])
                found.append(Outcome(Packed.of(next(runs))))
            except Exception as error:  # the others begin anew
                runs = None
                found.append(Outcome(error=f"{type(error).__name__}: {error}"))
    return found


def _runs(group: Sequence[Task | Parcel]) -> Iterator[Run]:
    """Return the runs of a group, which begin when the first is asked for."""
    tasks = [task.opened() if isinstance(task, Parcel) else task for task in group]
    first = tasks[0]
    frames = _frames(first.source, first.zone) if first.source else None
    load = recorded_load(first.load) if first.load else None
    return run_all(first.config, [task.policy for task in tasks], first.seed, frames, load)


@contextmanager
def _deadline(timeout_s: float | None) -> Iterator[None]:
    """End the process after a time, whatever it does; faulthandler's watchdog needs no interpreter lock."""
    if timeout_s is None:
        yield
        return
    with open(os.devnull, "w") as nowhere:
        faulthandler.dump_traceback_later(timeout_s, exit=True, file=nowhere)
        try:
            yield
        finally:
            faulthandler.cancel_dump_traceback_later()


@cache
def _frames(source: str, zone: str | None) -> "ZoneFrames":
    return recorded.frames_from_recording(source, zone)


@cache
def recorded_load(path: str) -> "recorded.Load":
    """Read a recorded load, once in each process."""
    return recorded.Load.load(path)


def perform_all(tasks: Iterable[Task], pool: Pool, width: int, timeout_s: float | None = None) -> Iterator[Ended]:
    """Do all tasks and yield them with their outcomes, in the order in which they end: all that have ended at a time.

    Tasks are asked for as they are handed out.  When a worker dies, its executor is broken and everything under way
    is lost.  The tasks that were under way are then done one at a time by a new executor, so that only the one that
    kills its worker ends in an error.

    Parameters
    ----------
    tasks : iterable of Task
        Gone through twice: counted, then done.
    pool : callable
        Returns a context manager that opens an executor: a row of `EXECUTORS`, or any other.
    width : int, 1..
        Batches handed out at a time; more where the executor says so (see `Cluster`).
    timeout_s : float, s, optional
        As `perform`.

    Yields
    ------
    list of tuple of Task and Outcome

    Raises
    ------
    MisuseError
        If workers do not even start.
    """
    groups = sum(1 for _ in groupby(tasks, _common))
    queue, suspects = _Queue(batches(tasks, width, groups)), deque[Task]()
    while queue or suspects:
        lost: list[Batch] = []
        with pool() as executor:
            if suspects:
                _probe(executor)
            while suspects and not lost:
                begin = time.monotonic()
                lost = yield from _drain(executor, _Queue(iter([((suspects.popleft(),),)])), 1, timeout_s)
                hung = timeout_s is not None and time.monotonic() - begin >= timeout_s
            if lost:
                error = f"hung: no result after {timeout_s:g} s" if hung else "the worker process died"
                yield [(task, Outcome(error=error)) for task in _tasks_of(lost)]
            else:
                suspects.extend(_tasks_of((yield from _drain(executor, queue, width, timeout_s))))


def _tasks_of(found: Iterable[Batch]) -> Iterator[Task]:
    """Return the tasks of some batches."""
    return chain.from_iterable(chain.from_iterable(found))


class _Queue:
    """Batches as they come, with those that come again before them."""

    def __init__(self, source: Iterator[Batch]) -> None:
        self._source = source
        self._next = deque[Batch]()

    def __bool__(self) -> bool:
        """Look whether there is another."""
        self._next.extend(() if self._next else islice(self._source, 1))
        return bool(self._next)

    def pop(self) -> Batch:
        return self._next.popleft() if self else ()

    def push(self, batch: Batch) -> None:
        self._next.append(batch)


def batches(tasks: Iterable[Task], width: int, groups: int) -> Iterator[Batch]:
    """Yield tasks in batches: those that follow each other and differ in their policies alone are a group.

    Groups are divided where there are too few of them for so many batches at a time, or where their machines are large.
    Small ones go together, the fewer the less is left, so that all workers end at about the same time.

    Examples
    --------
    >>> from buddycap import POLICIES
    >>> from buddycap.study.config import StudyConfig
    >>> config = StudyConfig(memory_pages=1 << 18)
    >>> tasks = [Task(config, policy, seed) for seed in range(9) for policy in POLICIES.values()]
    >>> [[len(group) for group in batch] for batch in batches(tasks, 2, 9)]
    [[13], [13], [13], [13], [13], [13], [13], [13], [13]]
    >>> [[len(group) for group in batch] for batch in batches(tasks[:13], 4, 1)]
    [[4], [4], [4], [1]]
    >>> small = config.replace(memory_pages=1 << 15)
    >>> [len(batch) for batch in batches((Task(small, POLICIES["none"], seed) for seed in range(40)), 2, 40)]
    [5, 4, 3, 3, 3, 2, 2, 2, 2, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1]
    """
    parts = -(-width // max(groups, 1)) if groups < width else 1 + (groups < 4 * width)
    joined: list[Group] = []
    for number, (_, found) in enumerate(groupby(tasks, _common)):
        group = tuple(found)
        pages = group[0].config.memory_pages
        size = min(-(-len(group) // parts), max(BATCH_PAGES // pages, 2))
        if size < len(group):
            yield from ((group[k : k + size],) for k in range(0, len(group), size))
            continue
        joined.append(group)
        wanted = min((groups - number + len(joined) - 1) // (4 * width), JOINED_PAGES // (pages * len(group)))
        if len(joined) >= wanted:
            yield tuple(joined)
            joined = []
    if joined:
        yield tuple(joined)


def _common(task: Task) -> tuple[Any, ...]:
    """Return all of a task but its policy."""
    return task.config, task.seed, task.source, task.zone, task.load


def _probe(executor: Executor) -> None:
    """Refuse workers that die of themselves, before tasks are blamed for it."""
    try:
        executor.submit(os.getpid).result()
    except BrokenExecutor:
        raise MisuseError(
            "executor: its worker processes do not start; in a script, what starts a study stands under "
            "if __name__ == '__main__':, and a session that is no file needs executor='thread'"
        ) from None


class Cluster(Executor):
    """The workers of a Dask client, who come and go.

    Parameters
    ----------
    client : distributed.Client
    """

    def __init__(self, client: Any) -> None:
        self._client = client
        self._executor = client.get_executor()
        self._wanted, self._known_until = 0, 0.0

    def submit(self, function: Any, /, *args: Any, **named: Any) -> Future[Any]:
        """Hand a call to any of the workers."""
        future: Future[Any] = self._executor.submit(function, *args, **named)
        return future

    def shutdown(self, wait: bool = True, *, cancel_futures: bool = False) -> None:
        """Take no more calls; the workers stay."""
        self._executor.shutdown(wait=wait)

    def wanted(self) -> int:
        """Return how many batches keep all workers busy: two for each thread, as was asked a short while ago."""
        now = time.monotonic()
        if now >= self._known_until:
            self._wanted, self._known_until = 2 * sum(self._client.ncores().values()), now + _ASKED_AGAIN_S
        return self._wanted


def _drain(
    executor: Executor, queue: _Queue, width: int, timeout_s: float | None
) -> Generator[Ended, None, list[Batch]]:
    """Do batches until there are none or the executor breaks; return those that were lost with it."""
    running: dict[Future[list[Outcome]], Batch] = {}
    ended: SimpleQueue[Future[list[Outcome]]] = SimpleQueue()
    lost: list[Batch] = []
    while running or (queue and not lost):
        most = max(width, executor.wanted()) if isinstance(executor, Cluster) else width
        while not lost and len(running) < most and queue:
            batch = queue.pop()
            given = tuple(tuple(carried(task, executor) for task in group) for group in batch)
            try:
                future = executor.submit(perform_batch, given, timeout_s)
            except BrokenExecutor:
                lost.append(batch)
            else:
                running[future] = batch
                future.add_done_callback(ended.put)
        found: Ended = []
        for future in _all_of(ended) if running else ():
            batch = running.pop(future)
            try:
                found += zip(_tasks_of([batch]), future.result(), strict=True)
            except BrokenExecutor:
                lost.append(batch)
            except MisuseError:
                raise
            except Exception as error:  # of the executor, or of the way between the processes
                tasks = list(_tasks_of([batch]))
                if len(tasks) > 1:
                    for task in tasks:
                        queue.push(((task,),))
                else:
                    found.append((tasks[0], Outcome(error=f"{type(error).__name__} between the processes")))
        if found:
            yield found
    return lost


def _all_of(ended: SimpleQueue[Future[list[Outcome]]]) -> Iterator[Future[list[Outcome]]]:
    """Wait for a future, and yield it with all that have ended, too."""
    yield ended.get()
    while not ended.empty():
        yield ended.get()


def usable_cpus() -> int:
    """Return the number of CPUs that this process may use."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


def _start_worker() -> None:
    """Prepare a worker process: Ctrl-C ends it at once, and it does not outlive its parent."""
    signal.signal(signal.SIGINT, signal.SIG_DFL)
    threading.Thread(target=_follow_parent, daemon=True).start()


def _follow_parent() -> None:
    parent = multiprocessing.parent_process()
    if parent is not None:
        parent.join()
        os._exit(1)


@contextmanager
def _numpy_alone() -> Iterator[None]:
    """Let processes that start meanwhile import numpy without its threads for linear algebra, which nobody here needs.

    Starting those takes long where every CPU has a worker already.  Who has set their number keeps it.
    """
    given = _NUMPY_THREADS in os.environ
    os.environ.setdefault(_NUMPY_THREADS, "1")
    try:
        yield
    finally:
        if not given:
            os.environ.pop(_NUMPY_THREADS, None)


@contextmanager
def processes(jobs: int) -> Iterator[Executor]:
    """Open worker processes on this machine, started anew and not forked."""
    before = set(multiprocessing.active_children())
    executor = ProcessPoolExecutor(jobs, multiprocessing.get_context("spawn"), _start_worker)
    results = executor._result_queue
    try:
        with _numpy_alone():
            yield executor
    except BaseException:  # Ctrl-C: what is under way is given up
        executor.shutdown(wait=False, cancel_futures=True)
        for child in set(multiprocessing.active_children()) - before:
            child.terminate()
        # A worker that ends while it sends leaves half a message.  The executor's thread would wait for the rest for
        # ever, because this process could still write to the pipe: it must not be able to.
        results._writer.close()  # type: ignore[attr-defined]
        raise
    executor.shutdown()


@contextmanager
def dask(jobs: int, address: str = "") -> Iterator[Executor]:
    """Open a Dask cluster: the one at an address, or one of `jobs` processes on this machine."""
    distributed = _optional("distributed", "dask[distributed]")
    if address:
        with distributed.Client(address) as client, _given_up(Cluster(client)) as executor:
            yield executor
        return
    with (
        distributed.LocalCluster(n_workers=jobs, threads_per_worker=1, dashboard_address=None) as cluster,
        distributed.Client(cluster) as client,
        _given_up(Cluster(client)) as executor,
    ):
        yield executor


@contextmanager
def _given_up(executor: Executor) -> Iterator[Executor]:
    """Close an executor of Dask.  After Ctrl-C what is under way is given up: workers that had it too may be gone."""
    try:
        yield executor
    except BaseException:
        executor.shutdown(wait=False)
        raise
    executor.shutdown()


@contextmanager
def mpi(jobs: int) -> Iterator[Executor]:
    """Open the ranks of `mpiexec -n N python -m mpi4py.futures -m buddycap study --executor mpi`."""
    with _optional("mpi4py.futures", "mpi4py").MPIPoolExecutor() as executor:
        yield executor


def _optional(module: str, package: str) -> Any:
    try:
        return import_module(module)
    except ImportError:
        raise MisuseError(f"this executor needs {package}: pip install '{package}'") from None


EXECUTORS: Mapping[str, Callable[[int], AbstractContextManager[Executor]]] = MappingProxyType(
    {"process": processes, "thread": ThreadPoolExecutor, "dask": dask, "mpi": mpi}
)
_ENDS_WORKERS = ("process", "dask")


def find_executor(name: str, jobs: int, timeout_s: float | None = None) -> Pool:
    """Return what opens an executor.

    Parameters
    ----------
    name : str
        A row of `EXECUTORS`, or `dask:ADDRESS` for a scheduler that runs already.
    jobs : int, 1..4096
        Number of workers.
    timeout_s : float, s, optional
        Time limit of a run.

    Raises
    ------
    MisuseError
        If there is no such executor, or it cannot end a run that takes too long.

    Examples
    --------
    >>> with find_executor("thread", 2)() as executor:
    ...     executor.submit(max, 1, 2).result()
    2
    """
    kind, _, address = name.partition(":")
    if kind not in EXECUTORS or (address and kind != "dask"):
        raise MisuseError(f"executor={name!r}: allowed are {', '.join(EXECUTORS)}, dask:ADDRESS")
    if not 1 <= jobs <= 4096:
        raise MisuseError(f"jobs={jobs}: allowed range is 1..4096")
    if timeout_s is not None and kind not in _ENDS_WORKERS:
        raise MisuseError(f"executor={kind!r}: it cannot end a run; a time limit needs {' or '.join(_ENDS_WORKERS)}")
    if timeout_s is not None and not timeout_s > 0:
        raise MisuseError(f"timeout={timeout_s}: above 0 is wanted")
    return partial(dask, jobs, address) if address else partial(EXECUTORS[kind], jobs)


def pool_of(executor: str | Executor | Pool, jobs: int, timeout_s: float | None = None) -> Pool:
    """Return what opens an executor given by name (see `find_executor`), by itself or by what opens it.

    One that is given by itself is left open.
    """
    if isinstance(executor, str):
        return find_executor(executor, jobs, timeout_s)
    if isinstance(executor, Executor):
        return lambda: nullcontext(executor)
    return executor
