"""Time lines for the Perfetto viewer (ui.perfetto.dev): slices and counters as a trace file.

The file is a protocol buffer, written by hand: perfetto/trace/trace_packet.proto, track_event/track_event.proto,
track_descriptor.proto, counter_descriptor.proto and debug_annotation.proto of Perfetto; the numbers of the fields are
in `_Field`.
"""

from collections.abc import Mapping
from enum import IntEnum
from pathlib import Path

from ..errors import MisuseError
from ..newfile import write_file

__all__ = ["Timeline"]

_SEQUENCE = 1  # all packets come from one writer
_SLICE_BEGIN, _SLICE_END, _INSTANT, _COUNTER = 1, 2, 3, 4
_VARINT, _BYTES = 0, 2


class _Field(IntEnum):
    """Numbers of the fields that are used, by message."""

    TRACE_PACKET = 1
    PACKET_TIMESTAMP = 8
    PACKET_SEQUENCE = 10
    PACKET_EVENT = 11
    PACKET_DESCRIPTOR = 60
    TRACK_UUID = 1
    TRACK_NAME = 2
    TRACK_COUNTER = 8
    COUNTER_UNIT_NAME = 6
    EVENT_ANNOTATION = 4
    EVENT_TYPE = 9
    EVENT_TRACK = 11
    EVENT_CATEGORY = 22
    EVENT_NAME = 23
    EVENT_COUNTER = 30
    ANNOTATION_INT = 4
    ANNOTATION_STRING = 6
    ANNOTATION_NAME = 10


def _varint(number: int) -> bytes:
    """Encode an integer; a negative one as its 64-bit complement."""
    number &= (1 << 64) - 1
    out = bytearray()
    while number > 0x7F:
        out.append(number & 0x7F | 0x80)
        number >>= 7
    out.append(number)
    return bytes(out)


def _number(field: int, number: int) -> bytes:
    return _varint(field << 3 | _VARINT) + _varint(number)


def _message(field: int, content: bytes) -> bytes:
    return _varint(field << 3 | _BYTES) + _varint(len(content)) + content


def _text(field: int, text: str) -> bytes:
    return _message(field, text.encode())


class Timeline:
    """Collects slices and counters.

    Examples
    --------
    >>> timeline = Timeline()
    >>> timeline.slice("requests", "order 9", 1000, 5000, category="request", scanned=32)
    >>> timeline.counter("free pages", 1000, 77, unit="pages")
    >>> len(timeline.encode())
    124
    """

    def __init__(self) -> None:
        self._slices: list[tuple[int, int, str, bytes]] = []
        self._points: list[tuple[int, str, str | None, bytes]] = []

    def slice(
        self, track: str, name: str, start_ns: int, end_ns: int, *, category: str = "buddycap", **facts: int | str
    ) -> None:
        """Add something that lasts. Slices of a track that overlap, neither inside the other, get rows of their own.

        Parameters
        ----------
        track, name : str
        start_ns, end_ns : int, ns
        category : str
        **facts
            Numbers and texts to show with it.

        Raises
        ------
        MisuseError
            If it ends before it starts.
        """
        if not 0 <= start_ns <= end_ns:
            raise MisuseError(f"slice {name!r}: {start_ns} to {end_ns} is no span of time")
        content = _text(_Field.EVENT_NAME, name) + _text(_Field.EVENT_CATEGORY, category) + _annotations(facts)
        self._slices.append((start_ns, end_ns, track, content))

    def instant(self, track: str, name: str, time_ns: int, **facts: int | str) -> None:
        """Add something that happens at one time; parameters as for `slice`."""
        content = _number(_Field.EVENT_TYPE, _INSTANT) + _text(_Field.EVENT_NAME, name) + _annotations(facts)
        self._points.append((time_ns, track, None, content))

    def counter(self, track: str, time_ns: int, value: int, *, unit: str = "") -> None:
        """Add a value of a counter, which holds until the next one.

        Parameters
        ----------
        track : str
        time_ns : int, ns
        value : int, 64 bits
        unit : str
        """
        content = _number(_Field.EVENT_TYPE, _COUNTER) + _number(_Field.EVENT_COUNTER, value)
        self._points.append((time_ns, track, unit, content))

    def encode(self) -> bytes:
        """Return the trace file."""
        tracks = _Tracks()
        events = [(time, 1, 0, tracks.event(name, content, unit)) for time, name, unit, content in self._points]
        rows: dict[str, list[list[int]]] = {}
        for start, end, track, content in sorted(self._slices, key=lambda part: (part[0], -part[1])):
            row = _free_row(rows.setdefault(track, []), start, end)
            name = f"{track} ({row + 1})" if row else track
            begin = tracks.event(name, _number(_Field.EVENT_TYPE, _SLICE_BEGIN) + content)
            # At one time ends come first, that of the inner slice before that of the outer; a slice that takes no time
            # ends last.
            events.append((start, 1, len(events), begin))
            order = (0, -start) if end > start else (2, 0)
            events.append((end, *order, tracks.event(name, _number(_Field.EVENT_TYPE, _SLICE_END))))
        events.sort(key=lambda event: event[:3])
        return b"".join(tracks.packets) + b"".join(_packet(time, content) for time, _, _, content in events)

    def write(self, path: str | Path) -> None:
        """Write the trace file."""
        write_file(path, self.encode())


class _Tracks:
    """Gives tracks their numbers, and collects the packets that describe them."""

    def __init__(self) -> None:
        self.packets: list[bytes] = []
        self._numbers: dict[str, int] = {}

    def event(self, name: str, content: bytes, unit: str | None = None) -> bytes:
        """Return an event of a track; with a unit, of a counter."""
        if name not in self._numbers:
            number = self._numbers[name] = len(self._numbers) + 1
            track = _number(_Field.TRACK_UUID, number) + _text(_Field.TRACK_NAME, name)
            if unit is not None:
                track += _message(_Field.TRACK_COUNTER, _text(_Field.COUNTER_UNIT_NAME, unit) if unit else b"")
            packet = _number(_Field.PACKET_SEQUENCE, _SEQUENCE) + _message(_Field.PACKET_DESCRIPTOR, track)
            self.packets.append(_message(_Field.TRACE_PACKET, packet))
        return _number(_Field.EVENT_TRACK, self._numbers[name]) + content


def _free_row(rows: list[list[int]], start: int, end: int) -> int:
    """Return the first row where a slice nests with those that are still open, and open it there."""
    for number, ends in enumerate(rows):
        while ends and ends[-1] <= start:
            ends.pop()
        if not ends or ends[-1] >= end:
            ends.append(end)
            return number
    rows.append([end])
    return len(rows) - 1


def _packet(time_ns: int, event: bytes) -> bytes:
    """Return the packet of an event."""
    head = _number(_Field.PACKET_TIMESTAMP, time_ns) + _number(_Field.PACKET_SEQUENCE, _SEQUENCE)
    return _message(_Field.TRACE_PACKET, head + _message(_Field.PACKET_EVENT, event))


def _annotations(facts: Mapping[str, int | str]) -> bytes:
    """Return facts about an event."""
    out = b""
    for name, value in facts.items():
        content = _text(_Field.ANNOTATION_NAME, name)
        if isinstance(value, str):
            content += _text(_Field.ANNOTATION_STRING, value)
        else:
            content += _number(_Field.ANNOTATION_INT, int(value))
        out += _message(_Field.EVENT_ANNOTATION, content)
    return out
