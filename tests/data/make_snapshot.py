"""Cut one GiB out of a recording of /proc/kpageflags: python make_snapshot.py RECORDING.npz OUT.npz [FIRST_PFN]

tests/data/kpageflags.thpfrag-1GiB.npz was made so from the recording "thpfrag" (start): the GiB of the Normal zone, on
a 1 GiB boundary, that holds free blocks of every order and the most LRU pages.
"""

import sys

import numpy as np

from buddycap.formats.kpageflags import PageKind, ZoneFrames, read_kpageflags, write_kpageflags

PAGES = 1 << 18


def interest(frames: ZoneFrames) -> tuple[int, int]:
    """How much there is to see: orders with free blocks, then pages on the LRU."""
    return int(np.count_nonzero(frames.nr_free)), int((frames.kinds >= PageKind.INACTIVE_ANON).sum())


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
