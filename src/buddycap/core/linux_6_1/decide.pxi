# What is decided about compaction in Linux 6.1 alone.
#
# Kernel: mm/compaction.c, mm/page_alloc.c of 6.1: compaction_zonelist_suitable, proactive_compact_node,
# compaction_capture.


cdef int could_compact_zone_61(zone_t *z, int order, int flags, int highest_zoneidx, int64_t free) noexcept nogil:
    """Whether compaction would be needed, and possible if so many pages were free."""
    return (not watermark_ok_61(z, order, boosted_mark_61(z, flags & ALLOC61_WMARK), highest_zoneidx, flags)
            and has_room_61(z, order, highest_zoneidx, free))


cdef inline int is_daemons_work_61(const compact_walk_t *w) noexcept nogil:
    """Whether the daemon's counters take a walk in: only what was asked of it, nothing proactive."""
    return w.kind == WALK_DAEMON


cdef inline void capture_open_61(zone_t *z, int order, int movable) noexcept nogil:
    """A block of the order is captured; `movable`: small ones of movable pageblocks, too."""
    only_61(z).capture_order = order
    only_61(z).capture_movable = movable


cdef inline void capture_close_61(zone_t *z) noexcept nogil:
    """Nothing is captured."""
    only_61(z).capture_order = NO_PAGE
    only_61(z).capture_movable = 0
