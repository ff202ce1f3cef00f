"""Does a machine begin as a recording does?"""

from dataclasses import replace

import numpy as np
import pytest

from buddycap.formats.kpageflags import PageKind
from buddycap.formats.zoneinfo import Pageset, ZoneinfoZone
from buddycap.kernels import KERNELS
from buddycap.recorded.recording import open_recording
from buddycap.recorded.start import first_events, start_machine
from sourcelint import ROOT

COUNTS = [100, 30]


@pytest.fixture(scope="module")
def recording():
    """A recording whose /proc/zoneinfo counts pages on the lists of two CPUs; what is in use has no flags."""
    found = open_recording(ROOT / "tests" / "data" / "replay" / "thpfrag")
    sets = tuple(Pageset(cpu, {"count": n, "high": 500, "batch": 63}) for cpu, n in enumerate(COUNTS))
    zones = {part.name: ZoneinfoZone(0, part.name, {}, (), pagesets=sets) for part in found.start.frames}
    frames = tuple(
        replace(part, kinds=np.where(part.kinds == PageKind.FREE, part.kinds, np.uint8(PageKind.KERNEL)))
        for part in found.start.frames
    )
    return replace(found, start=replace(found.start, frames=frames, zoneinfo=zones))


def waiting(start):
    """The single pages on the lists of each CPU of the first zone."""
    zone = start.machine.zones[0]
    return [np.concatenate([zone.pcp_blocks(cpu, index) for index in range(3)])["pfn"].tolist() for cpu in (0, 1)]


def begun(recording, **how):
    return start_machine(recording, KERNELS["6.1"], first_events(recording), cpus=2, **how)


def test_lists_hold_what_zoneinfo_counts(recording):
    start = begun(recording, follow=False)
    lists = waiting(start)
    assert [len(pages) for pages in lists] == COUNTS
    part = recording.start.frames[0]
    for pfn in [*lists[0], *lists[1]]:
        assert part.kinds[pfn - part.start_pfn] == PageKind.KERNEL
        assert start.idle[0][pfn - part.start_pfn], "it is in nobody's use"
    named = first_events(recording).events
    assert not {*lists[0], *lists[1]} & set(named["pfn"].tolist()), "those that events name are known"
    start.machine.check()


def test_the_seed_draws_them(recording):
    one, two, other = (waiting(begun(recording, follow=False, seed=seed)) for seed in (1, 1, 2))
    assert one == two != other


def test_where_the_background_is_followed_they_would_be_in_the_way(recording):
    assert waiting(begun(recording, follow=True)) == [[], []]
