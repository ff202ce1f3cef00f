"""The twin of Linux 6.1: its page allocator again, slow and plain, written from the text of its vectors alone.

One small function for each function of the kernel, or paragraph of the text. They take the zone, or the node:

    state.py        zones, pages, per-CPU lists: what there is, and the canonical dump
    buddy.py        free, split, fallback, take
    pcp.py          per-CPU lists, and the allocation and free of pages through them
    marks.py        watermarks, per-CPU sizes, reserves, and the walk over the zones
    isolation.py    ranges of isolated pageblocks
    zone.py         all of it as a user sees it, with the names of the compiled classes
    replay.py       the meaning of the lines of a vector
"""
