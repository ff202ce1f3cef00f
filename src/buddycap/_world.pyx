"""Simulated time around one machine: tasks, devices and background load, as far as the experiment needs them.

Every actor has a random stream of its own, so that two runs with different policies stay as alike as they can.
"""

from libc.stdlib cimport calloc, free
from libc.string cimport memset

import numpy as np

from cpython.exc cimport PyErr_CheckSignals

from buddycap.errors import MisuseError

include "world/chance.pxi"
include "world/queues.pxi"
include "world/pages.pxi"
include "world/actors.pxi"
include "world/tasks.pxi"

cdef enum:
    EVENTS_A_TURN = 20000       # between two looks at signals

PARAMETERS = (
    "builds", "anon_median_pages", "anon_min_pages", "anon_max_pages", "anon_sigma_q16", "duration_median_ns",
    "duration_sigma_q16", "gap_mean_ns", "cold_pages", "hot_touches", "hot_pages", "dirty_pages", "slab_pages",
    "kernel_rate_hz", "kernel_life_ns", "kernel_long_life_ns", "stream_period_ns", "resident_pages",
    "resident_touch_ns", "warmup_pages", "warmup_ns", "warmup_slab_permille", "warmup_pinned_permille",
    "warmup_unmovable_permille", "request_start_ns", "request_period_ns", "request_order", "request_gfp", "requests",
    "requesters", "congestion_pages", "congestion_ms_permille", "cpus", "budget_pages", "scan_ns", "free_ns",
    "look_ps", "active_ns", "pageout_ns", "fault_ns", "disk_page_ns", "disk_read_ns", "disk_swapin_ns",
    "disk_write_ns",
)

RESULT_DTYPE = np.dtype([
    ("start_ns", "<i8"), ("latency_ns", "<i8"), ("scanned", "<i8"), ("freed", "<i8"), ("path", "<i4"), ("page", "<i4"),
    ("own", "<i4"), ("merged", "<i4"), ("foreign", "<i4"), ("largest", "<i4"), ("givebacks", "<i4"),
    ("sync_passes", "<i4"), ("steals", "<i4"), ("reclaims", "<i4"),
])


cdef class World:
    """One run of the experiment: a zone, its load, and requests for huge pages.

    Parameters
    ----------
    zone : Zone
        Made with owners=True; the run changes it.
    policy : CapturePolicy
    parameters : dict of str to int
        A value for each name in `PARAMETERS`; units are in the names.
    seed : int

    Notes
    -----
    The same arguments give the same results on every machine.
    """

    cdef world_t w
    cdef object zone
    cdef object hook
    cdef object error           # what the hook has raised
    cdef bint running

    def __cinit__(self, zone, policy, dict parameters, seed):
        cdef int64_t *values = <int64_t *> &self.w.p
        cdef int k
        memset(&self.w, 0, sizeof(self.w))
        if sizeof(params_t) != len(PARAMETERS) * sizeof(int64_t) or sizeof(result_t) != RESULT_DTYPE.itemsize:
            raise MisuseError("the tables of names do not fit the structs")
        if zone.owner is None:
            raise MisuseError("zone: must be made with owners=True")
        if set(parameters) != set(PARAMETERS):
            raise MisuseError(f"parameters: {sorted(set(parameters) ^ set(PARAMETERS))} are missing or unknown")
        for k in range(len(PARAMETERS)):
            if not 0 <= parameters[PARAMETERS[k]] < 1 << 62:
                raise MisuseError(f"{PARAMETERS[k]}={parameters[PARAMETERS[k]]}: allowed range is 0..2^62-1")
            values[k] = parameters[PARAMETERS[k]]
        self.check_parameters(zone)
        self.zone = zone
        self.w.z = <zone_t *> <size_t> zone.address
        machine_init(&self.w.m)
        for k in range(NR_GFP_ZONES):
            self.w.m.gfp_zone[k] = self.w.z.zone_idx
        machine_attach_zone(&self.w.m, self.w.z)
        self.w.m.swap_total = self.w.m.swap_free = 2 * self.w.z.present_pages
        self.w.m.swappiness = 60
        as_policy(policy, &self.w.m.policy)
        self.hook = policy.hook
        self.w.owner = <void *> self
        if not world_start(&self.w, seed):
            raise MemoryError("no memory for the tables of the world")

    cdef int check_parameters(self, zone) except -1:
        cdef params_t *p = &self.w.p
        for name in ("builds", "anon_median_pages", "duration_median_ns", "gap_mean_ns", "kernel_rate_hz",
                     "stream_period_ns", "resident_touch_ns", "request_period_ns", "requesters", "budget_pages",
                     "kernel_life_ns", "kernel_long_life_ns", "anon_min_pages"):
            if (<int64_t *> p)[PARAMETERS.index(name)] < 1:
                raise MisuseError(f"{name}=0: must be at least 1")
        if p.request_order > zone.max_page_order:
            raise MisuseError(f"request_order={p.request_order}: allowed range is 0..{zone.max_page_order}")
        if p.cpus != zone.cpus:
            raise MisuseError(f"cpus={p.cpus}: the zone has {zone.cpus}")
        if p.builds + p.requesters > 1000 or p.anon_min_pages > p.anon_max_pages or p.anon_max_pages > 1 << 26:
            raise MisuseError("builds, requesters or anon_max_pages: too many")
        return 0

    def __dealloc__(self):
        world_free(&self.w)

    def run(self, int64_t events=EVENTS_A_TURN):
        """Go on for about so many events; True when the last request has been answered.  Ctrl-C is obeyed.

        What the policy's hook raises comes out here.  The world is as it was when the hook was asked, and asks it
        again if it is run on.
        """
        cdef int more = 1
        cdef int64_t left = events
        if self.running:
            raise MisuseError("run: called while the world is running, by the hook of its policy")
        while more and left > 0:
            self.running = True
            with nogil:
                more = world_run(&self.w, min(left, <int64_t> EVENTS_A_TURN))
            self.running = False
            left -= EVENTS_A_TURN
            if self.error is not None:
                self.raise_error()
            PyErr_CheckSignals()
            if self.w.failed:
                raise MemoryError("no memory for the tables of the world")
        return not more

    cdef int raise_error(self) except -1:
        """Out with what the hook has raised."""
        error, self.error = self.error, None
        self.w.stopped = 0
        raise error

    @property
    def answered(self):
        """Requests answered so far."""
        return self.w.nr_results

    @property
    def now_ns(self):
        """Simulated time since the start."""
        return self.w.now

    def results(self):
        """The requests answered so far, in order of their ends: structured array, `RESULT_DTYPE`."""
        cdef int64_t k
        table = np.zeros(self.w.nr_results, dtype=RESULT_DTYPE)
        for k in range(self.w.nr_results):
            table[k] = np.frombuffer((<char *> &self.w.result[k])[:sizeof(result_t)], dtype=RESULT_DTYPE)[0]
        return table

    def totals(self):
        """Counters of the whole run."""
        return {"events": self.w.events, "background_pages": self.w.background_pages,
                "background_failed": self.w.background_failed, "rereads": self.w.rereads, "swapins": self.w.swapins,
                "kswapd_scanned": self.w.m.kswapd.total.scanned, "simulated_ns": self.w.now,
                "blocked_ns": self.w.blocked_ns, "held_ns": self.w.held_ns,
                "dirty_pages": self.w.dirty_last - self.w.dirty_first, **self.zone.vmstat()}


cdef int consult_hook(world_t *w, request_t *r) noexcept with gil:
    """Ask the hook of the world's policy; 0 if it has raised, and then the world stops."""
    cdef World world = <World> w.owner
    try:
        return ask_hook(world.hook, &w.m, r)
    except BaseException as error:
        world.error = error
        w.stopped = 1
        return 0
