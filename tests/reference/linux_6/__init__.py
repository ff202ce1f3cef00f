"""The twins of Linux 6.1 and 6.12: their page allocators again, slow and plain, from the texts of their vectors alone.

One small function for each function of the kernel, or paragraph of the text. They take the zone, or the node:

    state.py        zones, pages, per-CPU lists: what there is, and the canonical dump
    buddy.py        free, split, who helps out
    pcp.py          per-CPU lists, and the allocation and free of pages through them
    marks.py        watermarks, per-CPU sizes, reserves, and the walk over the zones
    isolation.py    ranges of isolated pageblocks
    zone.py         all of it as a user sees it, with the names of the compiled classes
    replay.py       the meaning of the lines of a vector
    compaction/     the same for compaction, and the slow path around it

Here is what is equal in both. What differs stands in linux_6_1/ and linux_6_12/, under the same names, and functions of
this folder reach it through `node.kernel`: each kernel's kernel.py lists it. To see what four years have changed, read
the two folders side by side.
"""
