"""Are free blocks found that a snapshot shows in use, because they were just being reported to a hypervisor?"""

from dataclasses import replace

import numpy as np
import pytest

from buddycap.formats.kpageflags import KPF, PageKind, ZoneFrames
from buddycap.formats.snapshot import Snapshot
from buddycap.formats.tracefile import Trace
from buddycap.formats.tracetext import EVENT_DTYPE, EVENTS
from buddycap.recorded.recording import Recording, with_reported
from buddycap.recorded.reported import reported_blocks

FIRST = 1024
ALLOC, FREE, DRAIN = (EVENTS[f"mm_page_{name}"] for name in ("alloc", "free", "pcpu_drain"))
TAKE = EVENTS["mm_page_alloc_zone_locked"]


def zone_of(*blocks):
    """A zone of pageblocks: F free, b without a flag, c coming back or g going while they were read, u in use."""
    flags = np.zeros(512 * len(blocks), np.uint64)
    for k, block in enumerate(blocks):
        row = flags[512 * k : 512 * (k + 1)]
        if block == "F":
            row[:] = KPF.BUDDY
        elif block == "u":
            row[::2] = KPF.SLAB
        elif block == "c":
            row[195:] = KPF.BUDDY
        elif block == "g":
            row[:256] = KPF.BUDDY
    return ZoneFrames.from_flags("Normal", FIRST, flags)


def events_of(*moves):
    events = np.zeros(len(moves), EVENT_DTYPE)
    for k, (event, block) in enumerate(moves):
        events[k]["event"], events[k]["pfn"] = event, FIRST + 512 * block + 3
    return events


def snapshot_of(zone, before, after=None):
    """A snapshot whose buddyinfo has so many blocks of order 9 more than the pages show."""
    shown = zone.nr_free.tolist()
    rows = [
        {"Normal": (*shown[:9], shown[9] + more, shown[10])} for more in (before, before if after is None else after)
    ]
    return Snapshot("", (zone,), *rows)


@pytest.mark.parametrize(
    ("blocks", "end", "more", "moves", "found"),
    [
        ("Fbu", "FFu", (1, 1), [], [1]),
        ("Fbu", "FFu", (0, 0), [], []),
        ("Fbu", "FFu", (1, 0), [], []),
        ("Fbu", "FFu", (0, 1), [], []),
        ("Fbu", "Fbu", (1, 1), [], []),
        ("ubb", "uub", (1, 1), [(TAKE, 1)], [1]),
        ("ubb", "uuF", (1, 1), [(TAKE, 1)], [1]),
        ("ubb", "uFF", (1, 1), [(FREE, 1)], [2]),
        ("ubb", "uFF", (1, 1), [(DRAIN, 1)], [2]),
        ("ubb", "uFF", (1, 1), [(ALLOC, 1), (FREE, 1)], [2]),
        ("ucg", "uFF", (2, 2), [], [1, 2]),
        ("ucg", "uFu", (2, 2), [], [1]),
    ],
)
def test_what_happens_later_tells(blocks, end, more, moves, found):
    zone = zone_of(*blocks)
    blocks = reported_blocks(snapshot_of(zone, *more), zone, zone_of(*end), events_of(*moves))
    assert sorted(blocks) == [(512 * k, 9) for k in found]


def test_without_an_end_only_what_fits_is_taken():
    zone = zone_of("u", "b", "b")
    assert reported_blocks(snapshot_of(zone, 1), zone, None, events_of()) == []
    assert reported_blocks(snapshot_of(zone, 2), zone, None, events_of()) == [(512, 9), (1024, 9)]
    assert reported_blocks(Snapshot("", (zone,)), zone, None, events_of()) == []


def test_a_recording_begins_with_them_free():
    zone = zone_of("u", "b", "u")
    recording = Recording("r", Trace(events_of((TAKE, 1))), snapshot_of(zone, 1))
    found = with_reported(recording)
    assert found.reported == 512
    kinds = found.start.frames[0].kinds
    assert (kinds[512:1024] == PageKind.FREE).all()
    assert (np.delete(kinds, np.s_[512:1024]) == np.delete(zone.kinds, np.s_[512:1024])).all()
    assert not kinds.flags.writeable
    stopped = replace(recording, start=replace(recording.start, meta={"stopped": True}))
    assert with_reported(stopped) is stopped
