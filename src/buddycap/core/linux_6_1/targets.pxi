# The targets of a run of compaction in Linux 6.1: single pages.
#
# Those of the block isolated last are handed out first, the highest PFN of a block first.
#
# Kernel: mm/compaction.c of 6.1: compaction_alloc, compaction_free.


cdef int32_t compaction_alloc_61(zone_t *z, compact_control_t *cc) noexcept nogil:
    """A free page to move to, or NO_PAGE."""
    cdef link_t *link = link_array(z)
    cdef int32_t head = slot_list(z, cc.freepages)
    cdef int32_t i
    if list_empty(link, head):
        isolate_freepages_61(z, cc)
    if list_empty(link, head):
        return NO_PAGE
    i = link[head].next
    list_del(link, i)
    cc.nr_freepages -= 1
    return i


cdef void compaction_free_61(zone_t *z, compact_control_t *cc, int32_t i) noexcept nogil:
    """A target that was not used is the next one."""
    list_add(link_array(z), slot_list(z, cc.freepages), i)
    cc.nr_freepages += 1


cdef void drop_targets_61(zone_t *z, compact_control_t *cc) noexcept nogil:
    """The attempt that was under way is given up, and its target is not used."""
    if cc.target != NO_PAGE:
        compaction_free_61(z, cc, cc.target)
        cc.target = NO_PAGE
