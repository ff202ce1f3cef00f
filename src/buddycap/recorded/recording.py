"""A recording: a trace with the snapshots around it, from files or from a folder as a whole."""

from collections.abc import Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ..errors import FormatError, MisuseError
from ..formats.kpageflags import KPF, SECTION_PAGES, PageKind, ZoneFrames
from ..formats.liststate import read_list_state
from ..formats.packed import unpacked
from ..formats.snapshot import TEXTS, Snapshot, read_snapshot
from ..formats.tracefile import Trace, read_trace
from ..jsontext import parse_object
from .lifetimes import traced_span
from .reported import reported_blocks

__all__ = [
    "Recording",
    "bare_recording",
    "frames_from_recording",
    "has_start",
    "open_recording",
    "recorded_files",
    "trace_of",
]

_MAX_META_BYTES = 1 << 24
_MARK = "buddycap: snapshot "
_TRACES = ("trace.bct", "trace.txt", "trace.txt.gz", "trace.txt.zst", "trace", "perf_script.txt.gz", "perf_script.txt")


@dataclass(frozen=True, eq=False)
class Recording:
    """A trace with the snapshots around it.

    Parameters
    ----------
    name : str
        What it is called in reports.
    trace : Trace
    start : Snapshot
    end : Snapshot or None
    reported : int
        Pages of free blocks that the start does not show, because they were being reported to a hypervisor. They are
        free in `start`: see `with_reported`.

    Notes
    -----
    The moments of the snapshots are marks in the trace, `buddycap: snapshot start begin`, `... end begin` and
    `... end kpageflags done`; without them the whole trace lies between the two. `buddycap snapshot` notes by the
    monotonic clock when it read, which is up to a second after the mark: where these times lie between the marks, the
    trace has that clock, and they count. The free lists of a stopped machine are those behind its last event.
    """

    name: str
    trace: Trace
    start: Snapshot
    end: Snapshot | None = None
    reported: int = 0

    @property
    def zones(self) -> list[tuple[int, int]]:
        """First PFN and length of every zone."""
        return [(zone.start_pfn, len(zone.kinds)) for zone in self.start.frames]

    @cached_property
    def events(self) -> NDArray[np.void]:
        """The events from the start snapshot on."""
        return self.trace.events[int(np.argmax(self.trace.events["time_ns"] >= self.first_ns)) :]

    @property
    def first_ns(self) -> int:
        """When the start snapshot began to be read."""
        return self.start_ns[0]

    @property
    def start_ns(self) -> tuple[int, int]:
        """When the start snapshot began to be read, and when its pages had been; the same if that is not known."""
        begin, done = (self.trace.mark_ns(f"{_MARK}start {name}") for name in ("begin", "end"))
        if begin is None:
            begin = int(self.trace.events["time_ns"][0])
            return begin, begin
        return _noted_ns(self.start, begin, done) or (begin, begin)

    @property
    def end_ns(self) -> tuple[int, int]:
        """When the end snapshot began to be read, and when its pages had been."""
        last = int(self.trace.events["time_ns"].max())
        if self.end is not None and self.end.meta.get("stopped") is True:
            return last, last
        begin = self.trace.mark_ns(_MARK + "end begin")
        done = self.trace.mark_ns(_MARK + "end kpageflags done")
        noted = None if begin is None or self.end is None else _noted_ns(self.end, begin, done)
        if noted:
            return noted
        begin = last if begin is None else begin
        return begin, max(begin, last if done is None else done)


def _noted_ns(snapshot: Snapshot, begin: int, end: int | None) -> tuple[int, int] | None:
    """Return when a snapshot noted that it was read, if that is between two marks."""
    noted = snapshot.meta.get("monotonic_ns")
    if end is None or not isinstance(noted, list) or [type(ns) for ns in noted] != [int, int]:
        return None
    first, last = noted
    return (first, last) if begin <= first <= last <= end else None


def open_recording(
    path: str | Path, start: str | Path | None = None, end: str | Path | None = None, kernel: str | None = None
) -> Recording:
    """Read a trace and the snapshots that belong to it.

    Parameters
    ----------
    path : str or Path
        A trace; or a folder with a trace (`trace.txt`, also .gz or .zst, or `trace.bct`) and `kpageflags.start.npz`,
        perhaps `kpageflags.end.npz`, with the texts of /proc beside them. Or with `state.start.json.gz`, the free
        lists of a stopped machine, and `state.end.json.gz`.
    start, end : str or Path, optional
        Snapshots; those of the folder if not given.
    kernel : str, optional
        Release of the recorded kernel; that of the snapshot if not given.

    Returns
    -------
    Recording

    Raises
    ------
    MisuseError
        If there is no snapshot to start from.
    FormatError, OSError
        If a file is damaged, or cannot be read.
    """
    path = Path(path)
    folder = path if path.is_dir() else path.parent
    name = path.name or path.resolve().name
    if path.is_dir():
        path = trace_of(path)
        start = start or _beside(folder, "start") or folder
        end = end or _beside(folder, "end")
    if start is None:
        raise MisuseError(f"{path}: from which state? give a snapshot, or a folder that has one")
    with ThreadPoolExecutor(1) as meanwhile:
        ending = meanwhile.submit(_read_state, end) if end is not None else None
        first = _read_state(start)
        trace = read_trace(path, kernel or _release(folder, first.meta))
        if not len(trace):
            raise FormatError("no event in the trace", str(path))
        last = ending.result() if ending else None
    if last is not None and [z.name for z in last.frames] != [z.name for z in first.frames]:
        raise MisuseError(f"{end}: zones differ from those of {start}")
    if last is not None and last.frames[0].max_page_order != first.frames[0].max_page_order:
        theirs, ours = (snapshot.frames[0].max_page_order + 1 for snapshot in (last, first))
        raise FormatError(f"free blocks of {theirs} orders, those of the start are of {ours}", last.file)
    return with_reported(Recording(name, trace, first, last))


def with_reported(recording: Recording) -> Recording:
    """Return a recording in whose start the blocks are free that were being reported: see `reported_blocks`."""
    start, ends = recording.start, recording.end.frames if recording.end else (None,) * len(recording.start.frames)
    if not start.buddyinfo_after or start.meta.get("stopped") is True:
        return recording
    frames, pages = [], 0
    for zone, end in zip(start.frames, ends, strict=True):
        kinds = zone.kinds.copy()
        for block, order in reported_blocks(start, zone, end, recording.events):
            kinds[block : block + (1 << order)] = PageKind.FREE
            pages += 1 << order
        kinds.flags.writeable = False
        frames.append(replace(zone, kinds=kinds))
    return replace(recording, start=replace(start, frames=tuple(frames)), reported=pages) if pages else recording


def _beside(folder: Path, when: str) -> Path | None:
    """Return the snapshot of a folder."""
    names = (f"kpageflags.{when}.npz", f"state.{when}.json.gz", f"state.{when}.json")
    return next((folder / name for name in names if (folder / name).exists()), None)


def _read_state(path: str | Path) -> Snapshot:
    """Read a snapshot, or the free lists of a stopped machine."""
    return read_list_state(path) if str(path).endswith((".json", ".json.gz")) else read_snapshot(path)


def recorded_files(path: str | Path | None) -> list[Path]:
    """Return the files that a command may read when it is given a path: itself, or of a folder those of a recording."""
    if path is None:
        return []
    folder = Path(path)
    if not folder.is_dir():
        return [folder]
    names = ("kpageflags", "trace", "perf_script", "state.", "meta.json", *TEXTS)
    return [file for file in folder.iterdir() if file.name.startswith(names)]


def has_start(path: str | Path) -> bool:
    """Tell whether a path is a folder with a snapshot to start from."""
    path = Path(path)
    return path.is_dir() and (_beside(path, "start") is not None or (path / "kpageflags.npz").exists())


def trace_of(path: str | Path) -> Path:
    """Return the trace that a path stands for: itself, or that of a folder.

    Raises
    ------
    FormatError
        If the folder has none.
    """
    path = Path(path)
    return _trace_in(path) if path.is_dir() else path


def bare_recording(path: str | Path, kernel: str | None = None) -> Recording:
    """Read a trace, or that of a folder, without snapshots: one zone that holds its PFNs, all of it free.

    Raises
    ------
    FormatError, OSError
        As `open_recording`.
    """
    file = trace_of(path)
    trace = read_trace(file, kernel or (_release(Path(path), {}) if file != Path(path) else None))
    if not len(trace):
        raise FormatError("no event in the trace", str(file))
    first, pages = traced_span(trace)
    end = -(-(first + pages) // SECTION_PAGES) * SECTION_PAGES
    first -= first % SECTION_PAGES
    pages = end - first
    words = np.broadcast_to(np.uint64(KPF.BUDDY), pages)  # one word stands for all: a span costs nothing
    zone = ZoneFrames("Normal", first, words, np.broadcast_to(np.uint8(PageKind.FREE), pages))
    return Recording(Path(path).name or Path(path).resolve().name, trace, Snapshot("", (zone,)))


def _trace_in(folder: Path) -> Path:
    """Return the trace of a folder."""
    for name in _TRACES:
        if (folder / name).exists():
            return folder / name
    raise FormatError(f"the folder has no trace: none of {', '.join(_TRACES)}", str(folder))


def _release(folder: Path, meta: Mapping[str, Any]) -> str | None:
    """Return the kernel's release as the snapshot or the folder's meta.json tells it."""
    found = meta.get("kernel")
    file = folder / "meta.json"
    if found is None and file.is_file():
        found = parse_object(unpacked(file, _MAX_META_BYTES), str(file)).get("kernel")
    return found if isinstance(found, str) and found[:1].isdigit() else None


def frames_from_recording(path: str | Path, zone: str | None = None) -> ZoneFrames:
    """Read one zone of a snapshot or of a recording: the one named, or that with the most pages.

    Raises
    ------
    FormatError
        If the file is damaged.
    MisuseError
        If there is no zone of that name.
    """
    frames = {part.name: part for part in read_snapshot(path).frames}
    if zone is not None and zone not in frames:
        raise MisuseError(f"zone={zone!r}: {path} has {', '.join(frames)}")
    return frames[zone] if zone is not None else max(frames.values(), key=lambda part: np.count_nonzero(part.kinds))
