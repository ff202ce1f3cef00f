"""One address space for each process: who owns a frame, and whose translation goes when the kernel takes or moves it.

    python spaces.py 2.6.27
    python spaces.py 6.1

The owner cookie of a frame is process and virtual page in one number.  Page tables, here a dict, are the simulator's,
and so are its TLBs; after every step it reads the machine's events: RECLAIMED tells which translation is gone, MIGRATED
and the MIGRATED_TO behind it which one points elsewhere now (Linux 6.1 alone has compaction).  Each is a shoot-down in
one process.  In C the same are bc_set_owners and bc_events, for machines of 2.6.27.
"""

import sys
from collections import Counter

from buddycap import KERNELS, Machine, Zone
from buddycap.machine import EventKind

PAGE_BITS = 36


class Spaces:
    """Processes on one machine, their page tables, and how often each has been told to forget a translation."""

    def __init__(self, machine):
        self.machine = machine
        self.gfp, self.again = KERNELS[machine.kernel].GFP, KERNELS[machine.kernel].repeat
        self.table = {}  # (process, page) -> frame
        self.shot = Counter()  # by process and reason
        self.old = None  # where the page was that is on its way

    def touch(self, process, page):
        """Return the frame of a page, which a first touch or one after an eviction gives it; None: memory is full."""
        frame = self.table.get((process, page))
        if frame is None:
            frame = self.machine.alloc_pages(0, self.gfp.HIGHUSER_MOVABLE)
            self.hear()  # reclaim has perhaps taken frames of others
            if frame is not None:
                self.zone(frame).set_owners([frame], [process << PAGE_BITS | page])
                self.machine.lru_cache_add([frame])
                self.table[process, page] = frame
        return frame

    def huge(self):
        """Return a huge page, for which others may have to move; None: there is none to be had."""
        frame = self.machine.alloc_pages(9, self.gfp.HIGHUSER_MOVABLE | self.gfp.COMP | self.again)
        self.hear()
        return frame

    def hear(self):
        """Obey what has happened to frames behind their owners' backs."""
        for event in self.machine.events():
            owner = int(event["owner"])
            at = owner >> PAGE_BITS, owner & ((1 << PAGE_BITS) - 1)
            if event["kind"] == EventKind.RECLAIMED:
                assert self.table.pop(at) == event["page"]
                self.shot[at[0], "evicted"] += 1
            elif event["kind"] == EventKind.MIGRATED:
                assert self.table[at] == event["page"]
                self.old = at
            elif event["kind"] == EventKind.MIGRATED_TO:
                self.table[self.old] = int(event["page"])
                self.shot[self.old[0], "moved"] += 1

    def zone(self, frame):
        """Return the zone of a frame."""
        return next(zone for zone in self.machine.zones if 0 <= frame - zone.start_pfn < zone.spanned_pages)


def main():
    """Let three processes use more than there is, and ask for huge pages in between."""
    kernel = sys.argv[1]
    spaces = Spaces(Machine([Zone(0, 8192, owners=True, kernel=kernel, seed=1)], events=True))
    got = 0
    for k in range(20_000):
        process = k % 3
        if spaces.touch(process, k * 7919 % 4000) is None:
            raise SystemExit(f"memory is full after {k} touches")
        if k % 2000 == 1999:
            got += spaces.huge() is not None
    zone = spaces.machine.zones[0]
    zone.check()
    for (process, page), frame in spaces.table.items():
        assert zone.owner[frame - zone.start_pfn] == process << PAGE_BITS | page
    assert len(set(spaces.table.values())) == len(spaces.table)
    print(f"Linux {kernel}: {len(spaces.table)} translations, {got} huge pages")
    for (process, reason), count in sorted(spaces.shot.items()):
        print(f"process {process}: {count} {reason}")


if __name__ == "__main__":
    main()
