"""Records this machine: a trace of its page allocator with a snapshot before and after, in a folder for `replay`.

The trace is made in an instance of tracefs of its own, which is removed whatever happens; nothing else of the machine
is changed. A recording that does not come to its end leaves no files.
"""

import gzip
import json
import os
import platform
import secrets
import shutil
import subprocess
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from ..errors import FormatError, MisuseError
from ..formats.livesnapshot import record_snapshot
from ..newfile import replacing, write_file

__all__ = ["RECORDED_EVENTS", "RecordReport", "TraceInstance", "record_machine", "run_command"]

TRACEFS = ("/sys/kernel/tracing", "/sys/kernel/debug/tracing")
RECORDED_EVENTS = (
    *(f"kmem/mm_page_{name}" for name in ("alloc", "free", "free_batched", "alloc_zone_locked", "pcpu_drain")),
    "kmem/mm_page_alloc_extfrag",
    *(f"compaction/mm_compaction_{name}" for name in ("begin", "end", "isolate_freepages", "fast_isolate_freepages")),
)
_NEEDED = RECORDED_EVENTS[:2]
_LEAST_KIB, _MOST_KIB = 1 << 12, 1 << 20  # of the buffer of a CPU
_PIECE = 1 << 20
_PATIENCE_S = 5.0  # for a command that is to end, and for an instance that is still being read
_LOSSES = ("overrun", "commit overrun", "dropped events")


@dataclass(frozen=True)
class RecordReport:
    """What has been recorded.

    Parameters
    ----------
    folder : str
    seconds : float
        How long the work took.
    status : int
        Exit status of the command; 0 without one.
    lost : int
        Events for which the buffer had no room.
    bytes : int
        Of the trace, as text.
    buffer_kib : int
        Of each CPU.
    missing_events : tuple of str
        Events that this kernel does not have.
    missing : dict of str to str
        What a snapshot lacks, and why.
    """

    folder: str
    seconds: float
    status: int
    lost: int
    bytes: int
    buffer_kib: int
    missing_events: tuple[str, ...]
    missing: dict[str, str]


def tracefs_at(path: str | Path | None = None) -> Path:
    """Return where tracefs is, which must be writable.

    Raises
    ------
    MisuseError
        If it is not there, or only root may write to it.
    """
    places = [Path(path)] if path is not None else [Path(place) for place in TRACEFS]
    found = next((place for place in places if (place / "instances").is_dir()), None)
    if found is None and os.geteuid() != 0:
        raise MisuseError(f"record: {places[0]} cannot be read: only root may record")
    if found is None:
        raise MisuseError(f"record: no tracefs at {places[0]}: mount -t tracefs nodev {places[0]}")
    if not os.access(found / "instances", os.W_OK):
        raise MisuseError(f"record: {found}/instances: only root may make an instance")
    return found


def buffer_size(proc: str | Path, cpus: int) -> int:
    """Return the size of the buffer of each CPU, in KiB: an eighth of the available memory in all, at most 1 GiB each.

    Raises
    ------
    OSError
        If /proc/meminfo cannot be read.
    """
    rows = dict(line.split(":", 1) for line in Path(proc, "meminfo").read_text("ascii").splitlines() if ":" in line)
    available = int(rows.get("MemAvailable", rows.get("MemFree", "0")).split()[0])
    return min(max(available // 8 // max(cpus, 1), _LEAST_KIB), _MOST_KIB)


def make_instance(path: Path) -> None:
    """Let the kernel make an instance: a folder in which its files are at once."""
    path.mkdir()


def remove_instance(path: Path) -> None:
    """Let the kernel remove an instance with its files."""
    path.rmdir()


class TraceInstance:
    """A trace instance of one's own; it is removed when the block of `with` is left, however that happens.

    Parameters
    ----------
    tracefs : path
    buffer_kib : int
        Size of the buffer of each CPU.

    Raises
    ------
    MisuseError
        If the kernel lacks the events of allocation, or has no memory for the buffer.
    OSError
        If a file of tracefs cannot be written.
    """

    def __init__(self, tracefs: str | Path, buffer_kib: int) -> None:
        self.path = Path(tracefs, "instances", f"buddycap-{os.getpid()}-{secrets.token_hex(3)}")
        self.buffer_kib = buffer_kib
        self.missing: tuple[str, ...] = ()

    def __enter__(self) -> "TraceInstance":
        make_instance(self.path)
        try:
            self._set_up()
        except BaseException:
            self._remove()
            raise
        return self

    def __exit__(self, *_: object) -> None:
        self._remove()

    def _set_up(self) -> None:
        """Choose clock, size and events."""
        there = [event for event in RECORDED_EVENTS if (self.path / "events" / event).is_dir()]
        self.missing = tuple(event for event in RECORDED_EVENTS if event not in there)
        if any(event in self.missing for event in _NEEDED):
            raise MisuseError(f"record: this kernel has no events {', '.join(_NEEDED)}")
        self.write("tracing_on", "0")
        self.write("trace_clock", "mono")
        try:
            self.write("buffer_size_kb", str(self.buffer_kib))
        except OSError as error:
            raise MisuseError(f"record: no buffer of {self.buffer_kib} KiB for each CPU: {error.strerror}") from None
        for event in there:
            self.write(f"events/{event}/enable", "1")

    def write(self, name: str, text: str) -> None:
        """Write to a file of the instance."""
        with open(self.path / name, "w", encoding="ascii") as file:
            file.write(text)

    def mark(self, text: str) -> None:
        """Write a mark into the trace."""
        self.write("trace_marker", f"buddycap: {text}")

    @property
    def lost(self) -> int:
        """Events that found no room so far."""
        found = 0
        for stats in self.path.glob("per_cpu/cpu*/stats"):
            for line in stats.read_text("ascii", "replace").splitlines():
                name, _, count = line.partition(":")
                found += int(count) if name in _LOSSES and count.strip().isdecimal() else 0
        return found

    def save(self, path: Path) -> int:
        """Write the trace as compressed text; how long the text is."""
        size = 0
        with (
            open(self.path / "trace", "rb") as source,
            replacing(path, private=True) as file,
            gzip.GzipFile("", "wb", compresslevel=1, fileobj=file, mtime=0) as packed,
        ):
            while piece := source.read(_PIECE):
                packed.write(piece)
                size += len(piece)
        return size

    def _remove(self) -> None:
        """Stop and remove the instance; a reader of it may take a moment to let go."""
        with suppress(OSError):
            self.write("tracing_on", "0")
        end = time.monotonic() + _PATIENCE_S
        while True:
            try:
                remove_instance(self.path)
            except OSError:
                if time.monotonic() > end or not self.path.exists():
                    return
                time.sleep(0.05)
            else:
                return


def run_command(words: Sequence[str]) -> int:
    """Run a command and return its exit status; after Ctrl-C it is ended, too.

    Raises
    ------
    MisuseError
        If it cannot be started.

    Examples
    --------
    >>> run_command(["true"]), run_command(["sh", "-c", "exit 3"])
    (0, 3)
    """
    try:
        child = subprocess.Popen(list(words))
    except OSError as error:
        raise MisuseError(f"{words[0]}: {error.strerror}") from None
    try:
        return child.wait()
    except BaseException:
        with suppress(subprocess.TimeoutExpired):  # Ctrl-C in a terminal has reached it, too
            child.wait(timeout=_PATIENCE_S / 10)
        child.terminate()
        with suppress(subprocess.TimeoutExpired):
            child.wait(timeout=_PATIENCE_S)
        child.kill()
        child.wait()
        raise


@contextmanager
def _new_folder(path: Path, force: bool) -> Iterator[Path]:
    """Make a folder beside its place, and move it there when the block has ended well; else nothing is left of it."""
    if path.exists() and not (force and path.is_dir()):
        raise MisuseError(f"{path}: exists" + ("" if path.is_dir() and force else "; --force replaces a folder"))
    if path.is_dir() and any(not _is_ours(file) for file in path.iterdir()):
        raise MisuseError(f"{path}: holds files that are no recording's; they would be lost")
    part = path.parent / f".{path.name}-{secrets.token_hex(4)}"
    part.mkdir(mode=0o700)
    try:
        yield part
        if path.is_dir():
            shutil.rmtree(path)
        part.rename(path)
    finally:
        shutil.rmtree(part, ignore_errors=True)


def _is_ours(file: Path) -> bool:
    """Whether a file is one that a recording has."""
    return file.name in ("trace.txt.gz", "trace.bct", "meta.json", "kpageflags.start.npz", "kpageflags.end.npz")


def record_machine(
    folder: str | Path,
    work: Callable[[], int],
    *,
    tracefs: str | Path | None = None,
    proc: str | Path = "/proc",
    buffer_kib: int | None = None,
    force: bool = False,
) -> RecordReport:
    """Record what the page allocator of this machine does while some work is done.

    Parameters
    ----------
    folder : path
        Where the recording goes: trace.txt.gz, kpageflags.start.npz, kpageflags.end.npz, meta.json.
    work : callable () -> int
        The work; it returns an exit status.
    tracefs : path, optional
        Where tracefs is.
    proc : path
        Where the files of /proc are.
    buffer_kib : int, optional, KiB
        Buffer of each CPU; see `buffer_size` for what is taken if not given.
    force : bool
        Replace an older recording.

    Returns
    -------
    RecordReport

    Raises
    ------
    MisuseError
        If this machine cannot be recorded, or the folder exists.
    FormatError, OSError
        If a file is not as it should be, or cannot be read or written.
    """
    cpus = os.cpu_count() or 1
    at = tracefs_at(tracefs)
    size = buffer_size(proc, cpus) if buffer_kib is None else buffer_kib
    if not 1 <= size <= 1 << 30:
        raise MisuseError(f"buffer_kib={size}: allowed range is 1..{1 << 30}")
    with _new_folder(Path(folder), force) as part, TraceInstance(at, size) as trace:
        trace.write("tracing_on", "1")
        missing = _snapshot(trace, part, "start", proc)
        if "kpageflags" in missing:
            raise MisuseError(f"record: kpageflags: {missing['kpageflags']}")
        trace.mark("workload begin")
        begin = time.monotonic()
        status = work()
        seconds = time.monotonic() - begin
        trace.mark("workload end")
        missing |= _snapshot(trace, part, "end", proc)
        trace.write("tracing_on", "0")
        told = trace.save(part / "trace.txt.gz")
        report = RecordReport(
            str(folder), round(seconds, 3), status, trace.lost, told, size, trace.missing, missing
        )  # fmt: skip
        meta: dict[str, Any] = {"kernel": platform.release(), "machine": platform.machine(), "cpus": cpus}
        write_file(part / "meta.json", json.dumps(meta | {"recorded": asdict(report)}) + "\n")
    return report


def _snapshot(trace: TraceInstance, folder: Path, when: str, proc: str | Path) -> dict[str, str]:
    """Take a snapshot between two marks."""
    trace.mark(f"snapshot {when} begin")
    try:
        missing = record_snapshot(folder / f"kpageflags.{when}.npz", proc)
    except FormatError as error:
        raise FormatError(f"record: {error.message}", error.file) from None
    trace.mark("snapshot start end" if when == "start" else "snapshot end kpageflags done")
    return missing
