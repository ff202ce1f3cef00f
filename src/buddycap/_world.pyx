"""Simulated time around one machine: tasks, devices and background load, as far as the experiment needs them.

Every actor has a random stream of its own, so that two runs with different policies stay as alike as they can.
"""

from libc.stdlib cimport calloc, free
from libc.string cimport memset

import operator

import numpy as np

cimport cython
from cpython.exc cimport PyErr_CheckSignals

from buddycap.errors import MisuseError

from ._core cimport MAX_ORDERS, ST_OK, request_status, zone_begin, zone_end, zone_ready

include "world/chance.pxi"
include "world/queues.pxi"
include "world/pages.pxi"
include "world/answers.pxi"
include "world/actors.pxi"
include "world/load.pxi"
include "world/passes.pxi"
include "world/turns.pxi"
include "world/tasks.pxi"

cdef enum:
    EVENTS_A_TURN = 20000       # between two looks at signals


cdef tuple parameter_names():
    """The fields of params_t, in their order."""
    cdef params_t nothing
    cdef dict values
    memset(&nothing, 0, sizeof(nothing))
    values = nothing
    return tuple(values)


PARAMETERS = parameter_names()

# At least 1: a rate, a distance in time or a size that is divided by.
_POSITIVE = (
    "anon_median_pages", "anon_min_pages", "duration_median_ns", "gap_mean_ns", "kernel_life_ns",
    "kernel_long_life_ns", "stream_period_ns", "resident_touch_ns", "flush_period_ns", "unmovable_short_life_ns",
    "unmovable_long_life_ns", "request_period_ns", "requesters", "passes", "chunk_pages", "budget_pages", "yield_ns",
    "cold_read_pages", "hot_read_pages", "congestion_ns", "retry_ns", "cpus",
)

# Largest values, by name or else by the unit that ends it, so that no sum and no product of them leaves 63 bits.
_LARGEST = {
    "ns": 1 << 50, "pages": 1 << 40, "permille": 1000, "ps": 10**12, "q16": 1 << 16, "touches": 10**6,
    "request_start_ns": 1 << 61,    # never
    "request_period_ns": 1 << 57, "load_duration_ns": 1 << 57, "duration_median_ns": 1 << 40,
    **dict.fromkeys(("scan_ns", "free_ns", "active_ns", "pageout_ns", "fault_ns"), 10**9),
    **dict.fromkeys(("disk_page_ns", "disk_read_ns", "disk_swapin_ns", "disk_write_ns", "yield_ns"), 1 << 40),
    "anon_median_pages": 1 << 26, "anon_min_pages": 1 << 26, "anon_max_pages": 1 << 26, "hot_pages": 1 << 28,
    "resident_pages": 1 << 31, "process_kernel_pages": 1 << 16, "chunk_pages": 1024, "budget_pages": 1 << 20,
    "cold_read_pages": 1 << 20, "hot_read_pages": 1 << 20,
    "builds": 1000, "loads": 1000, "requesters": 1000, "requests": 1 << 31, "passes": LAST_PASS, "swappiness": 100,
    "lumpy": 1, "sync_pass": 1, "kswapd_orders": 1, "cpus": 4096, "request_order": MAX_ORDERS - 1,
    "request_gfp": (1 << 32) - 1,
}

RESULT_DTYPE = np.dtype([
    ("start_ns", "<i8"), ("latency_ns", "<i8"), ("sync_wait_ns", "<i8"), ("wait_ns", "<i8"), ("scanned", "<i8"),
    ("freed", "<i8"), ("path", "<i4"), ("page", "<i4"), ("own", "<i4"), ("merged", "<i4"), ("foreign", "<i4"),
    ("largest", "<i4"), ("givebacks", "<i4"), ("consults", "<i4"), ("holds", "<i4"), ("rescued", "<i4"),
    ("queue_waits", "<i4"), ("sync_passes", "<i4"), ("sync_waits", "<i4"), ("steals", "<i4"),
    ("reclaims", "<i4"), ("oom_rounds", "<i4"), ("cause", "<i4"), ("pass_number", "<i4"),
])

PASS_DTYPE = np.dtype([
    ("start_ns", "<i8"), ("end_ns", "<i8"), ("requests", "<i8"), ("successes", "<i8"), ("clean_left", "<i8"),
    ("free_pages", "<i8"), ("background_pages", "<i8"),
])

# What requests did, turn by turn; `wait` is the number of a row in `_core.WAITS`.
TURN_DTYPE = np.dtype([
    ("request_ns", "<i8"), ("start_ns", "<i8"), ("work_end_ns", "<i8"), ("end_ns", "<i8"), ("task", "<i4"),
    ("wait", "<i4"), ("holding", "<i4"), ("sync_passes", "<i4"),
])

LOAD_DTYPE = np.dtype([("time_ns", "<i8"), ("lifetime_ns", "<i8"), ("order", "<i4"), ("migratetype", "<i4")])

# Why a request has failed, by its number in `RESULT_DTYPE`'s cause; the first is that of a success.
CAUSES = ("", "kernel page", "page kept", "stolen", "nothing isolated", "watermark")


@cython.no_gc_clear
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
    load : ndarray of LOAD_DTYPE, shape (allocations,), optional
        A recorded load, in order of time, for parameters["loads"] copies of it.

    Raises
    ------
    MisuseError
        If a parameter is missing, unknown or out of range.

    Notes
    -----
    The same arguments give the same results on every machine.
    """

    cdef world_t w
    cdef object zone
    cdef object hook
    cdef object error           # what the hook has raised
    cdef bint running
    cdef bint holding           # `run` holds the zone: all the time but for that in which the hook is asked

    def __cinit__(self, zone, policy, dict parameters, seed, load=None):
        cdef const uint8_t[::1] events
        cdef uint64_t number = ranged(seed, "seed", (1 << 64) - 1)
        memset(&self.w, 0, sizeof(self.w))
        check_tables()
        self.w.z = zone_ready(zone)
        self.zone = zone
        if not self.w.z.off_owner:
            raise MisuseError("zone: must be made with owners=True")
        self.read_parameters(parameters)
        events = checked_load(load, self.w.p.loads, self.w.z.max_page_order).view(np.uint8)
        self.attach(policy)
        if not (load_start(&self.w, &events[0], events.shape[0] // sizeof(load_t)) and world_start(&self.w, number)):
            raise MemoryError("no memory for the tables of the world")

    cdef int attach(self, policy) except -1:
        """The machine of the one zone."""
        cdef int k
        machine_init(&self.w.m)
        for k in range(NR_GFP_ZONES):
            self.w.m.gfp_zone[k] = self.w.z.zone_idx
        machine_attach_zone(&self.w.m, self.w.z)
        self.w.m.swap_total = self.w.m.swap_free = self.w.p.swap_pages
        self.w.m.swappiness = <int32_t> self.w.p.swappiness
        self.w.m.no_lumpy = not self.w.p.lumpy
        self.w.m.no_sync_pass = not self.w.p.sync_pass
        self.w.m.kswapd_order0 = not self.w.p.kswapd_orders
        if request_status(&self.w.m, self.w.p.request_order, self.w.p.request_gfp, 0) != ST_OK:
            raise MisuseError(f"request_gfp={self.w.p.request_gfp:#x}: unknown bits, or MOVABLE and RECLAIMABLE")
        as_policy(policy, &self.w.m.policy)
        self.hook = policy.hook
        self.w.owner = <void *> self
        return 0

    cdef int read_parameters(self, dict parameters) except -1:
        cdef params_t *p = &self.w.p
        if set(parameters) != set(PARAMETERS):
            names = sorted(set(parameters) ^ set(PARAMETERS), key=str)
            raise MisuseError(f"parameters: {names} are missing or unknown")
        values = {name: ranged(parameters[name], name, _LARGEST.get(name) or _LARGEST[name.rpartition("_")[2]])
                  for name in PARAMETERS}
        p[0] = values
        for name in _POSITIVE:
            if values[name] < 1:
                raise MisuseError(f"{name}=0: must be at least 1")
        if p.request_order > self.w.z.max_page_order:
            raise MisuseError(f"request_order={p.request_order}: allowed range is 0..{self.w.z.max_page_order}")
        if p.cpus != self.w.z.cpus:
            raise MisuseError(f"cpus={p.cpus}: the zone has {self.w.z.cpus}")
        if p.builds + p.loads + p.requesters > 1000 or p.anon_min_pages > p.anon_max_pages:
            raise MisuseError("builds, loads, requesters or anon_min_pages: too many")
        if p.request_period_ns > (<int64_t> 1 << 62) // p.requesters:
            raise MisuseError(f"request_period_ns={p.request_period_ns}: too long for {p.requesters} requesters")
        return 0

    def __dealloc__(self):
        world_free(&self.w)

    def run(self, int64_t events=EVENTS_A_TURN):
        """Go on for about so many events; True when the last request has been answered.  Ctrl-C is obeyed.

        What the policy's hook raises comes out here.  The world is as it was when the hook was asked, and asks it
        again if it is run on.

        Raises
        ------
        MisuseError
            If the world is running already, the zone is held by this thread, or somebody else has freed or changed
            pages of the world's between two calls: then it cannot go on.

        Notes
        -----
        Without the GIL.  Methods of the zone and of this world wait in other threads until a turn is over.
        """
        cdef int more = 1
        cdef int64_t left = events
        if self.running:
            raise MisuseError("run: called while the world is running, by the hook of its policy or another thread")
        while more and left > 0:
            self.running = True
            try:
                zone_begin(self.zone)
            except BaseException:
                self.running = False
                raise
            self.holding = True
            with nogil:
                more = world_run(&self.w, min(left, <int64_t> EVENTS_A_TURN))
            if self.holding:
                self.holding = False
                zone_end(self.zone)
            self.running = False
            left -= EVENTS_A_TURN
            if self.error is not None:
                self.raise_error()
            PyErr_CheckSignals()
            if self.w.failed:
                raise MemoryError("no memory for the tables of the world")
            if self.w.robbed:
                raise MisuseError(f"zone: pfn={self.w.z.base_pfn + self.w.robbed - 1}: a page of the world's, which "
                                  "somebody else has freed or changed; it cannot go on")
        return not more

    cdef int ask(self, request_t *r) except -1:
        """Ask the hook of the policy; meanwhile the zone is everybody's."""
        self.holding = False
        zone_end(self.zone)
        try:
            return ask_hook(self.hook, &self.w.m, r, self.zone)
        finally:
            zone_begin(self.zone)           # refused only if the hook has left its thread with the zone's lock
            self.holding = True

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
        zone_ready(self.zone)
        return np.frombuffer((<char *> self.w.result)[:self.w.nr_results * sizeof(result_t)], dtype=RESULT_DTYPE)

    def keep_turns(self):
        """Keep a diary of the requests from now on; it changes nothing else."""
        zone_ready(self.zone)
        self.w.keep_turns = 1

    def turns(self):
        """The diary of the requests in order of time: structured array, `TURN_DTYPE`."""
        zone_ready(self.zone)
        if self.w.nr_turns == 0:
            return np.zeros(0, dtype=TURN_DTYPE)
        return np.frombuffer((<char *> self.w.turn)[:self.w.nr_turns * sizeof(turn_t)], dtype=TURN_DTYPE)

    def passes(self):
        """The passes that have ended: structured array, `PASS_DTYPE`."""
        cdef int64_t n = 0
        zone_ready(self.zone)
        while n < LAST_PASS and self.w.passes[n].end_ns:
            n += 1
        return np.frombuffer((<char *> self.w.passes)[:n * sizeof(pass_t)], dtype=PASS_DTYPE)

    def totals(self):
        """Counters of the whole run."""
        zone_ready(self.zone)
        return {"events": self.w.events, "background_pages": self.w.background_pages,
                "background_failed": self.w.background_failed, "no_progress": self.w.no_progress,
                "memallocs": self.w.memallocs, "rereads": self.w.rereads, "swapins": self.w.swapins,
                "kswapd_scanned": self.w.m.kswapd.total.scanned, "simulated_ns": self.w.now,
                "blocked_ns": self.w.blocked_ns, "held_ns": self.w.held_ns,
                "dirty_pages": self.w.dirty_last - self.w.dirty_first,
                "present_pages": self.w.z.present_pages, **self.zone.vmstat()}


cdef int check_tables() except -1:
    """The names that Python reads must lie where the structs have their fields."""
    if sizeof(result_t) != RESULT_DTYPE.itemsize or sizeof(pass_t) != PASS_DTYPE.itemsize or \
            sizeof(load_t) != LOAD_DTYPE.itemsize or sizeof(turn_t) != TURN_DTYPE.itemsize:
        raise MisuseError("the tables of names do not fit the structs")
    return 0


cdef object ranged(object value, str name, object high):
    """An integer in 0..high."""
    try:
        number = operator.index(value)
    except TypeError:
        raise TypeError(f"{name}={value!r}: an integer is wanted, not {type(value).__name__}") from None
    if not 0 <= number <= high:
        raise MisuseError(f"{name}={number}: allowed range is 0..{high}")
    return number


cdef object checked_load(object load, int64_t loads, int max_page_order):
    """A copy of the recorded load, which nobody else can change; one record for none."""
    if (load is None) != (loads == 0):
        raise MisuseError(f"loads={loads}: copies of a recorded load, which must be given with them")
    if load is None:
        return np.zeros(1, LOAD_DTYPE)
    if not isinstance(load, np.ndarray) or load.dtype != LOAD_DTYPE or load.ndim != 1 or not len(load):
        raise MisuseError("load: a non-empty array of LOAD_DTYPE is wanted")
    load = np.array(load, dtype=LOAD_DTYPE, order="C")
    high = _LARGEST["load_duration_ns"]
    times, lives = load["time_ns"], load["lifetime_ns"]
    if (min(times.min(), lives.min()) < 0 or max(times.max(), lives.max()) > high or (np.diff(times) < 0).any()):
        raise MisuseError("load: times must ascend from 0 or above, lifetimes not be negative, and none exceed 2^57 ns")
    if not ((load["order"] >= 0) & (load["order"] <= max_page_order)).all():
        raise MisuseError(f"load: order: allowed range is 0..{max_page_order}")
    if not ((load["migratetype"] >= 0) & (load["migratetype"] <= 2)).all():
        raise MisuseError("load: migratetype: allowed range is 0..2")
    return load


cdef int consult_hook(world_t *w, request_t *r) noexcept with gil:
    """Ask the hook of the world's policy; 0 if it has raised, and then the world stops."""
    cdef World world = <World> w.owner
    try:
        return world.ask(r)
    except BaseException as error:
        world.error = error
        w.stopped = 1
        return 0
