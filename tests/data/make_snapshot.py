"""Cut one GiB out of a recording of /proc/kpageflags: python make_snapshot.py RECORDING.npz OUT.npz [FIRST_PFN]

tests/data/kpageflags.mixed-1GiB.npz was made so from the start of a recording of a 24 GiB virtual machine (Linux 6.18)
that builds software and reads files: the GiB of its Normal zone, on a 1 GiB boundary, that has free blocks of every
order and the most pages in use.
"""

import sys

import numpy as np

from buddycap.formats.kpageflags import PageKind, ZoneFrames, read_kpageflags, write_kpageflags

PAGES = 1 << 18


def interest(frames: ZoneFrames) -> tuple[int, int]:
    """How much there is to see: orders with free blocks, then pages in use."""
    return int(np.count_nonzero(frames.nr_free)), int((frames.kinds > PageKind.FREE).sum())


def main() -> None:
    normal = max(read_kpageflags(sys.argv[1]), key=lambda zone: len(zone.kinds))
    first = -(-normal.start_pfn // PAGES) * PAGES
    windows = [normal.window(pfn, pfn + PAGES) for pfn in range(first, normal.end_pfn - PAGES + 1, PAGES)]
    if len(sys.argv) > 3:
        windows = [zone for zone in windows if zone.start_pfn == int(sys.argv[3])]
    best = max(windows, key=interest)
    write_kpageflags(sys.argv[2], [best])
    print(best.start_pfn, dict(best.nr_pages()), best.nr_free.tolist())


if __name__ == "__main__":
    main()
