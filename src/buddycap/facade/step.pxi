# What a step did, as an object.

WAITS = ("none", "congestion", "writeback", "events", "lists", "sleep", "done", "queue", "consult", "attempt",
         "reclaim")


cdef dict cost_dict(const cost_t *cost):
    """The counters by name."""
    return cost[0]


cdef tuple cost_names():
    """The names of the counters, in the order of cost_t."""
    cdef cost_t nothing
    memset(&nothing, 0, sizeof(nothing))
    return tuple(cost_dict(&nothing))


cdef tuple COST_NAMES = cost_names()


@cython.final
cdef class Step:
    """What one step did and what must happen before the next.

    Attributes
    ----------
    wait : str
        "none" or "events" (step again at once or after others), "congestion" (at most `wait_ms` ms), "writeback"
        (until the write of `pfn` has ended), "lists" (after others: every private list of the zone is in use),
        "queue" (after others: the policy's queue), "attempt" (6.1: `AllocRequest.answer`), "reclaim" (6.1:
        `AllocRequest.reclaimed`), "sleep" (kswapd and kcompactd, until they are woken) or "done".
    wait_ms : int, ms
        Limit of a congestion wait.
    pfn : int or None
        Page that is waited for.
    scanned, looked, isolated, active, freed, captured, activated, unmapped, swapped, pageouts : int, pages
        Work done: pages decided on; pfns looked at by isolation; pages taken off the LRU; moved from active to inactive
        lists; freed; captured; made active; unmapped; entered into swap; writes submitted.
    slab_scanned, slab_freed : int
        Objects of the slab caches asked for; pages of them freed.
    migrated, splits, merges, waits : int
        Pages moved by compaction; halvings of blocks; unions of buddies; times it stopped for writes.
    migrate_scanned, free_scanned : int, pages
        Looked at by the two scanners of compaction. Like `migrated` 0 in 2.6.27, which has none.
    """

    cdef readonly str wait
    cdef readonly int64_t wait_ms
    cdef readonly object pfn
    cdef readonly int64_t scanned, looked, isolated, active, freed, captured, activated, unmapped, swapped, pageouts
    cdef readonly int64_t slab_scanned, slab_freed, migrated, splits, merges, waits, migrate_scanned, free_scanned

    @property
    def done(self):
        """Whether this was the last step."""
        return self.wait == "done"

    def __repr__(self):
        work = {name: value for name, value in self.cost().items() if value}
        return f"Step(wait={self.wait!r}, {', '.join(f'{name}={value}' for name, value in work.items())})"

    def cost(self):
        """The work done, as a dict with all counters."""
        return {name: getattr(self, name) for name in COST_NAMES}


cdef Step make_step(MachineBase machine, const step_t *step):
    cdef Step result = Step.__new__(Step)
    result.wait = WAITS[step.wait]
    result.wait_ms = step.wait_ms
    result.pfn = None if step.page == NO_PAGE else machine.pfn_of(step.zone, <int32_t> step.page)
    result.scanned = step.cost.scanned
    result.looked = step.cost.looked
    result.isolated = step.cost.isolated
    result.active = step.cost.active
    result.freed = step.cost.freed
    result.captured = step.cost.captured
    result.activated = step.cost.activated
    result.unmapped = step.cost.unmapped
    result.swapped = step.cost.swapped
    result.pageouts = step.cost.pageouts
    result.slab_scanned = step.cost.slab_scanned
    result.slab_freed = step.cost.slab_freed
    result.migrated = step.cost.migrated
    result.splits = step.cost.splits
    result.merges = step.cost.merges
    result.waits = step.cost.waits
    result.migrate_scanned = step.cost.migrate_scanned
    result.free_scanned = step.cost.free_scanned
    return result
