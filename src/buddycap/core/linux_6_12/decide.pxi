# What is decided about compaction in Linux 6.12 alone.
#
# Kernel: mm/compaction.c, mm/page_alloc.c of 6.12: compaction_zonelist_suitable, proactive_compact_node,
# compaction_capture.


cdef int could_compact_zone_612(zone_t *z, int order, int flags, int highest_zoneidx, int64_t free) noexcept nogil:
    """Whether compaction would be possible if so many pages were free; that it may not be needed does not matter."""
    return has_room_612(z, order, highest_zoneidx, free)


cdef inline int is_daemons_work_612(const compact_walk_t *w) noexcept nogil:
    """Whether the daemon's counters take a walk in: what was asked of it, and what it does proactively."""
    return w.kind == WALK_DAEMON or (w.kind == WALK_NODE and w.cc.proactive)


cdef inline void capture_open_612(zone_t *z, int order, int movable) noexcept nogil:
    """A block of the order is captured; `movable`: small ones of movable pageblocks, too."""
    only_61(z).capture_order = order
    own_612(z).capture_type = MT61_MOVABLE if movable else MT61_UNMOVABLE


cdef inline void capture_close_612(zone_t *z) noexcept nogil:
    """Nothing is captured."""
    only_61(z).capture_order = NO_PAGE
    own_612(z).capture_type = MT61_MOVABLE
