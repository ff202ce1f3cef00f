"""Guests from their folders: read, play, and say what came out.

A folder holds `state.start.json.gz`, `state.end.json.gz` and `trace.txt.gz` (Linux 6.1), or `kpageflags.start.npz`,
`zoneinfo.start`, `kpageflags.end.npz` and a trace (6.12); `meta.json` is not needed.
"""

from collections import Counter
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from ...errors import FormatError, MisuseError
from ...formats.tracefile import read_trace
from .allocator import NodeMaker, compiled_node
from .pages import START, read_pages_guest
from .pages_player import PagesPlayer
from .player import Player, Tally
from .requests import COMPACTION_BEGIN, Events, played_part, requests
from .state import read_state

__all__ = ["GuestResult", "GuestsResult", "play_guest", "play_guests"]

KERNEL = "6.1"
_LISTS = "state.start.json.gz"
TOLD_EACH = 10  # differences that are printed of each guest


@dataclass
class GuestResult:
    """What playing one guest has shown.

    Parameters
    ----------
    name : str
    tally : Tally
        Up to the first event of compaction, or the end.
    apart : Tally or None
        What follows it: compaction moves pages with no event of the allocator. None if that is not played.
    compaction : int or None
        Number of the first event of compaction.
    """

    name: str
    tally: Tally
    apart: Tally | None
    compaction: int | None = None

    def lines(self) -> list[str]:
        """Return what is to be said: the first differences, then the counts."""
        differing = self.tally.differences
        lines = [f"{self.name}: {difference}" for difference in differing[:TOLD_EACH]]
        if len(differing) > TOLD_EACH:
            lines.append(f"{self.name}: and {len(differing) - TOLD_EACH} more")
        hints = sum(self.tally.hints.values())
        lines.append(f"{self.name}: {self.tally.events} events, {hints} hints, {len(differing)} differences")
        wrong = Counter(difference.what for difference in differing)
        lines += [f"{self.name}: {what}: {n - wrong[what]} of {n}" for what, n in sorted(self.tally.compared.items())]
        if self.compaction is not None and self.apart is None:
            lines.append(f"{self.name}: compaction begins at event {self.compaction}: what follows is not played")
        elif self.compaction is not None and self.apart is not None:
            later = self.apart.differences
            place = f", the first one at event {later[0].event}" if later else ""
            lines.append(
                f"{self.name}: from compaction at event {self.compaction} on, apart: {self.apart.events} events, "
                f"{sum(self.apart.hints.values())} hints, {len(later)} differences{place}"
            )
        return lines


@dataclass
class GuestsResult:
    """What playing guests has shown.

    Parameters
    ----------
    guests : list of GuestResult
    errors : list of FormatError
        Of folders that could not be read.
    """

    guests: list[GuestResult] = field(default_factory=list)
    errors: list[FormatError] = field(default_factory=list)

    @property
    def hints(self) -> Counter[str]:
        """Hints by kind, without those after compaction."""
        return sum((guest.tally.hints for guest in self.guests), Counter())

    @property
    def summary(self) -> str:
        """The line that says it all."""
        events = sum(guest.tally.events for guest in self.guests)
        differing = sum(len(guest.tally.differences) for guest in self.guests)
        return (
            f"guests: {len(self.guests)} machines, {events} events, {sum(self.hints.values())} hints, "
            f"{differing} differences"
        )

    @property
    def status(self) -> int:
        """Exit status: 2 after an unreadable folder, 1 after a difference, else 0."""
        return 2 if self.errors else int(any(guest.tally.differences for guest in self.guests))

    def lines(self) -> list[str]:
        """Return all that is to be said; the summary comes last."""
        lines = [line for guest in self.guests for line in guest.lines()]
        lines += [f"hints: {count} {kind}" for kind, count in sorted(self.hints.items())]
        return [*lines, self.summary]

    def as_dict(self) -> dict[str, Any]:
        """Return the result as JSON can hold it."""
        return {
            "guests": [
                {
                    "name": guest.name,
                    "compaction": guest.compaction,
                    **{part: _tally_dict(getattr(guest, part)) for part in ("tally", "apart")},
                }
                for guest in self.guests
            ],
            "errors": [vars(error) for error in self.errors],
            "summary": self.summary,
        }


def _tally_dict(tally: Tally | None) -> dict[str, Any] | None:
    if tally is None:
        return None
    found = tally.differences
    differences = [{**vars(each), "expected": str(each.expected), "found": str(each.found)} for each in found]
    compared = {"compared": dict(tally.compared)} if tally.compared else {}
    return {"events": tally.events, "hints": dict(tally.hints), **compared, "differences": differences}


def play_guest(folder: str | Path, make_node: NodeMaker = compiled_node) -> GuestResult:
    """Play a guest from its requests alone.

    Parameters
    ----------
    folder : str or Path
    make_node : callable (GuestState) -> AllocatorNode
        Makes an allocator in the first state: the compiled one, if not given. Only for a guest with its lists.

    Returns
    -------
    GuestResult

    Raises
    ------
    FormatError
        If a file is damaged.
    OSError
        If one cannot be read.

    Notes
    -----
    O(events log events + pages).
    """
    folder = Path(folder)
    if not (folder / _LISTS).exists():
        return _play_pages(folder)
    start, end = (read_state(folder / f"state.{name}.json.gz") for name in ("start", "end"))
    if [(z.zone_idx, z.start_pfn, len(z.pcp)) for z in start.zones] != [
        (z.zone_idx, z.start_pfn, len(z.pcp)) for z in end.zones
    ]:
        raise FormatError("the two states are of different machines", str(folder))
    events = Events(read_trace(folder / "trace.txt.gz", KERNEL))
    if max(events.cpu) >= start.cpus:
        raise FormatError(
            f"an event of CPU {max(events.cpu)}: the states have {start.cpus}", str(folder / "trace.txt.gz")
        )
    first, stop = played_part(events, start, end)
    compaction = next((k for k in range(first, stop) if events.event[k] == COMPACTION_BEGIN), None)
    try:
        node = make_node(start)
    except MisuseError as error:
        raise FormatError(f"a state that cannot be: {error}", str(folder / "state.start.json.gz")) from None
    player = Player(node, events, start, end)
    apart = Tally()
    result = GuestResult(folder.name, player.tally, apart, compaction)
    for request in requests(events, first, stop):
        if compaction is not None and request.at > compaction:
            player.tally = apart
        player.serve(request)
    if compaction is not None:
        player.tally = apart
    player.finish(len(events))
    return result


def _play_pages(folder: Path) -> GuestResult:
    """Play a guest of which only the free pages were recorded."""
    player = PagesPlayer(read_pages_guest(folder))
    player.play()
    return GuestResult(folder.name, player.tally, None, player.guest.compaction)


def play_guests(
    folders: Iterable[str | Path],
    make_node: NodeMaker = compiled_node,
    progress: Callable[[Path], None] | None = None,
) -> GuestsResult:
    """Play guests; a folder that cannot be read is an error, and the others are played all the same.

    Parameters
    ----------
    folders : iterable of path
        Folders of guests, or folders that hold such folders.
    make_node : callable (GuestState) -> AllocatorNode
        See `play_guest`.
    progress : callable (Path), optional
        Called with each folder before it is played.

    Returns
    -------
    GuestsResult

    Raises
    ------
    OSError
        If a file cannot be read.
    """
    result = GuestsResult()
    for folder in guest_folders(folders):
        if progress is not None:
            progress(folder)
        try:
            result.guests.append(play_guest(folder, make_node))
        except FormatError as error:
            result.errors.append(error)
    return result


def guest_folders(paths: Iterable[str | Path]) -> list[Path]:
    """Return the folders of guests that paths name.

    Raises
    ------
    FormatError
        If there is no guest in one of them.
    """
    found: list[Path] = []
    for path in map(Path, paths):
        inside = sorted({state.parent for name in (_LISTS, START) for state in path.rglob(name)})
        if not inside:
            raise FormatError(f"no guest ({_LISTS} or {START}) in this folder", str(path))
        found += inside
    return found
