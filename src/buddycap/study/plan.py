"""What a study is to run: configurations, policies and seeds, and the key under which each run is kept."""

import json
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass, fields
from functools import cache, lru_cache
from hashlib import sha256
from itertools import product
from pathlib import Path
from typing import Any, Self

import numpy as np

from ..errors import MisuseError
from ..policies.capture import CapturePolicy
from ..policies.compaction import CompactionPolicy
from ..policies.files import Policy
from ..version import installed
from .ablations import ABLATIONS
from .config import LEAST_REQUESTED, MEMORY, StudyConfig
from .parameters import world_parameters
from .ranges import WORDS

__all__ = ["Case", "Plan", "Task", "ablations", "code_version", "sweep", "sweep_over", "with_periods"]

PACKAGE = Path(__file__).parent.parent

# What a run's result depends on, besides configuration, policy and seed: the compiled sources and these modules. The
# modules that make parameters of a configuration are not among them, for the parameters themselves are in the key.
_MODULES = (
    "flags.py",
    "machine.py",
    "presets.py",
    "sizes.py",
    "kernels/linux_2_6_27.py",
    "kernels/linux_6_1.py",
    "policies/capture.py",
    "policies/compaction.py",
    "formats/kpageflags.py",
    "formats/npz.py",
    "recorded/pageblocks.py",
    "formats/pagekinds.py",
    "formats/livesnapshot.py",
    "formats/snapshot.py",
    "formats/tracefile.py",
    "formats/tracetext.py",
    "recorded/load.py",
    "recorded/lifetimes.py",
    "recorded/recording.py",
    "recorded/zones.py",
    "study/faults.py",
    "study/run.py",
)


@dataclass(frozen=True)
class Case:
    """One configuration of a study and what tables call it.

    Parameters
    ----------
    label : str
        Unique in a study, such as "builds=7".
    config : StudyConfig
    """

    label: str
    config: StudyConfig


@dataclass(frozen=True)
class Task:
    """One run: what a worker is given.

    Parameters
    ----------
    config : StudyConfig
    policy : CapturePolicy or CompactionPolicy
    seed : int
    source : str, optional
        Recording of /proc/kpageflags to start from.
    zone : str, optional
        Its zone; the largest if not given.
    load : str, optional
        Trace, or folder of a recording, whose allocations take the place of the builds.
    """

    config: StudyConfig
    policy: Policy
    seed: int
    source: str | None = None
    zone: str | None = None
    load: str | None = None

    @property
    def key(self) -> tuple[str, str, int, str]:
        """Digest of the configuration, digest of the policy, seed, and version of the code."""
        source = file_digest(self.source) if self.source else None
        load = file_digest(self.load) if self.load else None
        config = _config_digest(self.config, source, self.zone if source else None, load)
        return config, policy_digest(self.policy), self.seed, code_version()


@dataclass(frozen=True)
class Plan:
    """A whole study.  The seeds are fixed before it begins, and every one is reported.

    Parameters
    ----------
    cases : tuple of Case
    policies : tuple of CapturePolicy or CompactionPolicy
        Each runs in the cases of its kernel; the first one there is what the others are compared with.
    seeds : tuple of int
    source, zone, load : str, optional
        As `Task`.

    Raises
    ------
    MisuseError
        If one of the lists is empty or names something twice, a seed is out of range, or a case has no policy of its
        kernel or a policy no such case.
    """

    cases: tuple[Case, ...]
    policies: tuple[Policy, ...]
    seeds: tuple[int, ...]
    source: str | None = None
    zone: str | None = None
    load: str | None = None

    def __post_init__(self) -> None:
        names: tuple[tuple[str, list[Any]], ...] = (
            ("cases", [case.label for case in self.cases]),
            ("policies", [policy.name for policy in self.policies]),
            ("seeds", list(self.seeds)),
        )
        for what, values in names:
            if not values:
                raise MisuseError(f"{what}: at least one is wanted")
            twice = [value for value, count in Counter(values).items() if count > 1]
            if twice:
                raise MisuseError(f"{what}: {twice[0]!r} stands there twice")
        for case in self.cases:
            case.config.check_memory(LEAST_REQUESTED)
        for seed in self.seeds:
            if not 0 <= seed < 1 << 63:
                raise MisuseError(f"seed={seed}: allowed range is 0..2^63-1")
        kernels = {case.config.kernel for case in self.cases}
        for policy in self.policies:
            if not kernels.intersection(policy.kernels):
                of = " and ".join(policy.kernels)
                raise MisuseError(f"policies: {policy.name!r} is one of Linux {of}, which is not simulated")
        for kernel in sorted(kernels.difference(*(policy.kernels for policy in self.policies))):
            raise MisuseError(f"policies: none is one of Linux {kernel}, which is simulated")

    def policies_of(self, case: Case) -> tuple[Policy, ...]:
        """Return the policies that run in a case: those of its kernel."""
        return tuple(policy for policy in self.policies if case.config.kernel in policy.kernels)

    def task(self, case: Case, policy: Policy, seed: int) -> Task:
        """Return one run of the study."""
        return Task(case.config, policy, seed, self.source, self.zone, self.load)

    def tasks(self) -> Iterator[tuple[Case, Task]]:
        """Return every run in the order of the reports: seed by seed in each case, so that pairs come together."""
        for case, seed in product(self.cases, self.seeds):
            for policy in self.policies_of(case):
                yield case, self.task(case, policy, seed)

    def as_dict(self) -> dict[str, Any]:
        """Return the plan as JSON can hold it."""
        return {
            "cases": [{"label": case.label, "config": asdict(case.config)} for case in self.cases],
            "policies": [_plain(_fields(policy)) for policy in self.policies],
            "seeds": list(self.seeds),
            "source": self.source,
            "zone": self.zone,
            "load": self.load,
        }

    @classmethod
    def from_dict(cls, table: Mapping[str, Any]) -> Self:
        """Return the plan that `as_dict` has written."""
        return cls(
            tuple(Case(case["label"], StudyConfig(**case["config"])) for case in table["cases"]),
            tuple(_policy(row) for row in table["policies"]),
            tuple(table["seeds"]),
            table["source"],
            table["zone"],
            table["load"],
        )


def _policy(row: Mapping[str, Any]) -> Policy:
    """Return the policy whose fields JSON has held; a hook is a function, which JSON cannot hold."""
    if "form" in row:
        return CompactionPolicy(**row)
    return CapturePolicy(**{**row, "hook": None})


def _fields(policy: Policy) -> dict[str, Any]:
    """Return the fields of a policy; its hook need not be copyable."""
    return {field.name: getattr(policy, field.name) for field in fields(policy)}


def _plain(row: Mapping[str, Any]) -> dict[str, Any]:
    """Return the fields of a policy as JSON can hold them: a function is told by its name."""
    return {name: _function_name(value) if callable(value) else value for name, value in row.items()}


def _function_name(function: Any) -> str:
    return f"{getattr(function, '__module__', '')}.{getattr(function, '__qualname__', type(function).__qualname__)}"


def digest(value: Any) -> str:
    """Return the SHA-256 of a value as JSON, shortened to 16 digits.

    Examples
    --------
    >>> digest({"b": 1, "a": 2}) == digest({"a": 2, "b": 1})
    True
    """
    text = json.dumps(value, sort_keys=True, separators=(",", ":"))
    return sha256(text.encode()).hexdigest()[:16]


@lru_cache(maxsize=256)
def _config_digest(config: StudyConfig, source: str | None, zone: str | None, load: str | None) -> str:
    """Return the digest of all that a run depends on but policy and seed; files are given by their own digests."""
    given = world_parameters(config, warm=source is not None)
    return digest([asdict(config), given, [source, zone] if source else None, load])


@lru_cache(maxsize=256)
def policy_digest(policy: Policy) -> str:
    """Return the digest of what a policy does and is called; the texts about it do not count."""
    return digest(_plain({name: value for name, value in _fields(policy).items() if name not in ("source", "rule")}))


@cache
def file_digest(path: str) -> str:
    """Return the digest of a file's content; of a recording's folder, of its trace."""
    file = Path(path)
    if file.is_dir():
        file = next(iter(sorted(file.glob("trace*"))), file)
    return sha256(file.read_bytes()).hexdigest()[:16]


@cache
def code_version() -> str:
    """Return the version of buddycap with a digest of the sources that a result depends on.

    A study that is resumed after such a source has changed runs again what it had.
    """
    sources = [p for p in PACKAGE.rglob("*") if p.suffix in (".pyx", ".pxi", ".pxd")]
    sources += [PACKAGE / name for name in _MODULES]
    total = sha256()
    for path in sorted(sources):
        total.update(f"{path.relative_to(PACKAGE).as_posix()}\0".encode())
        total.update(sha256(path.read_bytes()).digest())
    return f"{installed()}+{total.hexdigest()[:12]}"


def sweep(cases: Iterable[Case], words: Sequence[str]) -> list[Case]:
    """Return every combination of swept values, for each case.

    Parameters
    ----------
    cases : iterable of Case
    words : sequence of str
        Each `key=a,b,c` with a field of `StudyConfig`, or `memory`, which takes sizes.

    Raises
    ------
    MisuseError
        If a word has another form, or a name or value is not allowed.

    Examples
    --------
    >>> [case.label for case in sweep([Case("", StudyConfig())], ["builds=2,3", "memory=1GiB,2GiB"])]
    ['builds=2 memory=1GiB', 'builds=2 memory=2GiB', 'builds=3 memory=1GiB', 'builds=3 memory=2GiB']
    """
    return _combined(cases, [_axis(word) for word in words])


def sweep_over(cases: Iterable[Case], axes: Mapping[str, Sequence[Any]]) -> list[Case]:
    """Return every combination of values of some parameters, for each case.

    Examples
    --------
    >>> [case.label for case in sweep_over([Case("", StudyConfig())], {"builds": [2, 3], "memory": ["1GiB"]})]
    ['builds=2 memory=1GiB', 'builds=3 memory=1GiB']
    """
    plain = {name: [value.item() if isinstance(value, np.generic) else value for value in axes[name]] for name in axes}
    return _combined(cases, [[(f"{name}={value}", (name, value)) for value in plain[name]] for name in plain])


def _combined(cases: Iterable[Case], axes: Sequence[Sequence[tuple[str, tuple[str, Any]]]]) -> list[Case]:
    """Return every combination of the values of axes, for each case."""
    found = []
    for case in cases:
        for point in product(*axes):
            changes = dict(change for _, change in point)
            label = " ".join([case.label, *(text for text, _ in point)]).strip()
            found.append(Case(label, case.config.replace(**changes)))
    return found


def _axis(word: str) -> list[tuple[str, tuple[str, Any]]]:
    """Return the values of one swept parameter: the text, and the field with its value."""
    key, equals, values = word.partition("=")
    if not (key and equals and values):
        raise MisuseError(f"--sweep {word}: key=value,value is wanted")
    found: list[tuple[str, tuple[str, Any]]] = []
    for text in values.split(","):
        is_text = key == MEMORY or key in WORDS
        found.append((f"{key}={text}", (key, text if is_text else _number(text, word))))
    return found


def _number(text: str, word: str) -> Any:
    """Return a value of the command line: a number, a truth value or a word."""
    for kind in (int, float):
        try:
            return kind(text)
        except ValueError:
            continue
    if not text:
        raise MisuseError(f"--sweep {word}: a value is empty")
    return {"true": True, "false": False}.get(text.lower(), text)


def with_periods(cases: Iterable[Case], periods: Sequence[float]) -> list[Case]:
    """Return each case with the time between requests multiplied by each factor.

    Examples
    --------
    >>> [c.config.period_percent for c in with_periods([Case("", StudyConfig())], [0.5, 1, 2])]
    [50, 100, 200]
    """
    found = []
    for case in cases:
        for factor in periods:
            percent = round(case.config.period_percent * factor)
            label = case.label if len(periods) == 1 else f"{case.label} period x{factor:g}".strip()
            found.append(Case(label, case.config.replace(period_percent=percent)))
    return found


def ablations(cases: Iterable[Case]) -> list[Case]:
    """Return each case as it is, and once for every row of `ABLATIONS`."""
    found = []
    for case in cases:
        found.append(Case(case.label or "as it is", case.config))
        found += [
            Case(f"{case.label} {name}".strip(), case.config.replace(**changes)) for name, changes in ABLATIONS.items()
        ]
    return found
