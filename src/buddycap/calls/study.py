"""A study, or the published comparison, in one call."""

from collections.abc import Iterable, Sequence
from concurrent.futures import Executor
from pathlib import Path
from typing import Any

import numpy as np

from .. import recorded
from ..errors import MisuseError
from ..nearest import meant
from ..policies.files import Policy, find_policies
from ..presets import PRESETS
from ..progress import Progress
from ..sizes import parse_pages
from ..study.comparison import compare_plan
from ..study.config import DEFAULT_POLICIES, MEMORY, StudyConfig, preset_config
from ..study.export import export
from ..study.faultload import FAULTERS, faulting_config
from ..study.plan import Case, Plan, sweep_over, with_periods
from ..study.running import run_plan
from ..study.store import Store
from ..study.workers import Pool, recorded_load
from .results import StudyResult
from .seeds import Seeds, seeds_of

__all__ = ["run_comparison", "run_study"]

Policies = str | Iterable[str | Policy]


def run_study(
    policies: Policies | None = None,
    *,
    seeds: Seeds = 8,
    count: int = 8,
    kernel: str | Sequence[str] = "2.6.27",
    threads: int | Sequence[int] | None = None,
    preset: str | Sequence[str] = "x86_64",
    memory: int | str | Sequence[int | str] | None = None,
    config: StudyConfig | str | Path | None = None,
    source: str | Path | None = None,
    zone: str | None = None,
    load: str | Path | None = None,
    periods: Sequence[float] = (1,),
    out: str | Path | None = None,
    resume: bool = False,
    executor: str | Executor | Pool = "process",
    jobs: int | None = None,
    timeout_s: float | None = None,
    **parameters: Any,
) -> StudyResult:
    """Run the experiment under one policy after another, paired by seed: `buddycap study` as one call.

    Parameters
    ----------
    policies : str or iterable
        Names and TOML files by commas, "all", or rows of `CapturePolicy` and `CompactionPolicy`; gains are against the
        first of a kernel. "none,v3" if not given, for later kernels "off,capture".
    seeds, count : int, iterable of int, SeedSequence or Generator; and int
        Runs of each policy and case: see `buddycap.calls.seeds.seeds_of`. `seeds=24` is 24 runs with seeds 1..24.
    kernel : str or sequence of str
        What is simulated: "2.6.27", "6.1" or "6.12". A sequence is swept.
    threads : int or sequence of int, optional
        Threads that fault in huge pages, in place of the requests; 12 but for 2.6.27 if not given. A sequence is swept.
    preset : str or sequence of str
        Machines: "x86_64", "ppc64".
    memory : int, bytes, or str, or a sequence of these
        Size of the memory, such as "4GiB"; "1GiB" if not given. A sequence is swept.
    config : StudyConfig or path, optional
        The whole machine and load, or a TOML file of it, in place of preset and memory.
    source, zone : path, str, optional
        Recording of a real machine's memory to start from, and its zone.
    load : path, optional
        Trace, or folder of a recording, in place of the builds.
    periods : sequence of float
        Factors of the time between requests.
    out, resume : path, bool
        Folder that keeps every run, and whether to go on with what it has.
    executor, jobs, timeout_s
        As `buddycap.study.running.run_plan`.
    **parameters
        Fields of `StudyConfig`. A value holds for all cases; a list, a tuple or an array of values is swept, and
        several make every combination.

    Returns
    -------
    StudyResult

    Raises
    ------
    MisuseError, PolicyError
        If a name or value is not allowed, or a policy's hook cannot go to worker processes.
    FormatError, OSError
        If a file cannot be read.

    Examples
    --------
    >>> import buddycap
    >>> result = buddycap.run_study(seeds=2, memory="128MiB", warmup_s=1, builds=[1, 3], executor="thread")
    >>> sorted(set(result.runs["builds"].tolist()))
    [1, 3]
    """
    cases = _cases(preset, memory, config, source, zone, _listed(kernel)[0], threads)
    if load is not None:
        recorded_load(str(load))  # what is wrong with it is said once, before anything runs
    fixed = {name: value for name, value in parameters.items() if not _is_swept(value)}
    cases = [Case(case.label, case.config.replace(**fixed)) for case in cases]
    axes = {name: list(value) for name, value in parameters.items() if name not in fixed}
    for name, value in (("threads", threads), (MEMORY, memory), ("kernel", kernel)):
        if _is_swept(value):
            axes = {name: _listed(value)} | axes
    for name, values in axes.items():
        if not values:
            raise MisuseError(f"{name}: at least one value is wanted")
    cases = sweep_over(with_periods(cases, periods), axes)
    paths = (None if path is None else str(path) for path in (source, load))
    plan = Plan(tuple(cases), _policies(policies, cases), seeds_of(seeds, count), next(paths), zone, next(paths))
    return _run(plan, out, resume, executor=executor, jobs=jobs, timeout_s=timeout_s)


def run_comparison(
    policies: Policies = "none,v3",
    *,
    seeds: Seeds = 24,
    count: int = 24,
    memory: int | str = "4GiB",
    periods: Sequence[float] = (0.5, 1, 2),
    out: str | Path | None = None,
    resume: bool = False,
    executor: str | Executor | Pool = "process",
    jobs: int | None = None,
    timeout_s: float | None = None,
) -> StudyResult:
    """Run what was published in 2008: both machines at three rates of requests, `buddycap compare` as one call.

    Parameters
    ----------
    policies : str or iterable
        As `run_study`; "none" comes first.
    seeds, count, memory, periods, out, resume, executor, jobs, timeout_s
        As `run_study`.

    Returns
    -------
    StudyResult
        `buddycap.study.comparison.comparison(result.plan, result.records)` has the published figures beside its own.

    Raises
    ------
    MisuseError, PolicyError
        As `run_study`; or the first policy is not "none".

    Examples
    --------
    >>> import buddycap
    >>> result = buddycap.run_comparison(seeds=1, memory="1GiB", periods=[1], executor="thread")
    >>> result.runs["preset"].tolist()
    ['x86_64', 'x86_64', 'ppc64', 'ppc64']
    """
    plan = compare_plan(policies, seeds_of(seeds, count), periods, parse_pages(memory, MEMORY))
    return _run(plan, out, resume, executor=executor, jobs=jobs, timeout_s=timeout_s)


def _cases(
    preset: str | Sequence[str],
    memory: object,
    config: StudyConfig | str | Path | None,
    source: str | Path | None,
    zone: str | None,
    kernel: str,
    threads: object,
) -> list[Case]:
    """Return a case for each machine; what is swept is still to come."""
    if zone is not None and source is None:
        raise MisuseError("zone: of which recording? source names it")
    if memory is not None and (config is not None or source is not None):
        raise MisuseError("memory: config or source says how much memory there is")
    if config is not None:
        return [Case("", config if isinstance(config, StudyConfig) else StudyConfig.from_toml(config))]
    names = [preset] if isinstance(preset, str) else list(preset)
    for name in names:
        if name not in PRESETS:
            raise MisuseError(f"preset={name!r}: {meant(str(name), PRESETS)}")
    if source is not None:
        pages = len(recorded.frames_from_recording(str(source), zone).kinds)
    else:
        pages = parse_pages("1GiB" if memory is None or _is_swept(memory) else memory, MEMORY)  # type: ignore[arg-type]
    if kernel == "2.6.27" and threads in (None, 0):
        return [Case(name if len(names) > 1 else "", preset_config(name, pages)) for name in names]
    if names != ["x86_64"] or source is not None:
        raise MisuseError("kernel, threads: later kernels and faults are on the synthetic machine x86_64 alone")
    return [Case("", faulting_config(kernel, FAULTERS if threads is None else _listed(threads)[0], pages))]


def _policies(policies: Policies | None, cases: Sequence[Case]) -> tuple[Policy, ...]:
    """Return the policies that are asked for: of every kernel that is simulated."""
    kernels = dict.fromkeys(case.config.kernel for case in cases)
    rows = policies if policies is None or isinstance(policies, str) else list(policies)
    found = [find_policies(rows or DEFAULT_POLICIES[kernel], kernel) for kernel in kernels]
    return tuple(dict.fromkeys(policy for some in found for policy in some))


def _listed(value: Any) -> list[Any]:
    """Return the values of a parameter: one, or those to be swept."""
    values = list(value) if _is_swept(value) else [value]
    if not values:
        raise MisuseError("a parameter to be swept: at least one value is wanted")
    return values


def _is_swept(value: object) -> bool:
    """Whether a value is several values."""
    return isinstance(value, Sequence | np.ndarray | range) and not isinstance(value, str)


def _run(plan: Plan, out: str | Path | None, resume: bool, **how: Any) -> StudyResult:
    """Run a plan into a folder or into memory."""
    if out is None and resume:
        raise MisuseError("resume: which study? out names it")
    with Store(out) as store:
        if store.plan is not None and not resume:
            raise MisuseError(f"out={str(out)!r}: there are results in it; resume=True goes on with them")
        with Progress(0, "runs") as progress:
            run_plan(plan, store, progress=progress, **how)
        if store.folder is not None:
            export(store, plan, ["run_study"])
    return StudyResult(plan, store)
