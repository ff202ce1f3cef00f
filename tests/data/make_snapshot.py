"""Cut one GiB, or one zone, out of a recording of /proc/kpageflags.

    python make_snapshot.py RECORDING.npz OUT.npz [FIRST_PFN | ZONE]

tests/data/kpageflags.mixed-1GiB.npz was made so from the start of a recording of a 24 GiB virtual machine (Linux 6.18)
that builds software and reads files: the GiB of its Normal zone, on a 1 GiB boundary, that has free blocks of every
order and the most pages in use. kpageflags.dma.npz is the DMA zone at the start of another recording of that machine,
whose /proc texts are the samples proc/compile.*.start.

machine/ is a /proc of a machine that has this DMA zone only: the words as raw 64-bit numbers from PFN 0 on, and the
zone's part of those texts.
"""

import sys

import numpy as np

from buddycap.formats.kpageflags import PageKind, ZoneFrames, read_kpageflags, write_kpageflags

PAGES = 1 << 18


def interest(frames: ZoneFrames) -> tuple[int, int]:
    """How much there is to see: orders with free blocks, then pages in use."""
    return int(np.count_nonzero(frames.nr_free)), int((frames.kinds > PageKind.FREE).sum())


def main() -> None:
    recording, out, *choice = sys.argv[1:]
    zones = read_kpageflags(recording)
    named = [zone for zone in zones if choice == [zone.name]]
    best = named[0] if named else gibibyte(max(zones, key=lambda zone: len(zone.kinds)), *map(int, choice))
    write_kpageflags(out, [best])
    print(best.start_pfn, dict(best.nr_pages()), best.nr_free.tolist())


def gibibyte(zone: ZoneFrames, *start_pfns: int) -> ZoneFrames:
    """Cut out the part with the most to see, of those that begin at `start_pfns` if there are any."""
    first = -(-zone.start_pfn // PAGES) * PAGES
    pfns = start_pfns or range(first, zone.end_pfn - PAGES + 1, PAGES)
    return max((zone.window(pfn, pfn + PAGES) for pfn in pfns), key=interest)


if __name__ == "__main__":
    main()
