"""Simulated time around one machine: tasks, devices and background load, as far as the experiment needs them.

Every actor has a random stream of its own, so that two runs with different policies stay as alike as they can.
"""

from libc.stdlib cimport calloc, free
from libc.string cimport memcpy, memset

import operator

import numpy as np

cimport cython
from cpython.exc cimport PyErr_CheckSignals

from buddycap.errors import MisuseError

from ._core cimport (KERNEL_2_6_27, MAX_ORDERS, ST_OK, as_policy, ask_hook, policy_t, request_status, shape_t,
                     zone_begin, zone_copy, zone_end, zone_look, zone_ready, zone_settled, zone_shape)

include "world/chance.pxi"
include "world/queues.pxi"
include "world/cpus.pxi"
include "world/pages.pxi"
include "world/answers.pxi"
include "world/actors.pxi"
include "world/load.pxi"
include "world/faults.pxi"
include "world/passes.pxi"
include "world/turns.pxi"
include "world/tasks.pxi"
include "world/copy.pxi"

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
    "cold_read_pages", "hot_read_pages", "congestion_ns", "retry_ns", "cpus", "reader_file_pages", "reader_gap_ns",
    "compact_budget_pages",
)

_GFP = ("user_gfp", "kernel_gfp", "reclaimable_gfp", "journal_gfp")

_LAST_NS = (1 << 63) - 1        # later than anything that is due

# Largest values, by name or else by the unit that ends it, so that no sum and no product of them leaves 63 bits.
_LARGEST = {
    "ns": 1 << 50, "pages": 1 << 40, "permille": 1000, "ps": 10**12, "q16": 1 << 16, "touches": 10**6,
    "request_start_ns": 1 << 61,    # never
    "request_period_ns": 1 << 57, "load_duration_ns": 1 << 57, "duration_median_ns": 1 << 40,
    **dict.fromkeys(("scan_ns", "free_ns", "active_ns", "pageout_ns", "fault_ns", "migrate_ns", "batch_ns"), 10**9),
    **dict.fromkeys(("disk_page_ns", "disk_read_ns", "disk_swapin_ns", "disk_write_ns", "yield_ns"), 1 << 40),
    "anon_median_pages": 1 << 26, "anon_min_pages": 1 << 26, "anon_max_pages": 1 << 26, "hot_pages": 1 << 28,
    "resident_pages": 1 << 31, "process_kernel_pages": 1 << 16, "chunk_pages": 1024, "budget_pages": 1 << 20,
    "compact_budget_pages": 1 << 20,
    "cold_read_pages": 1 << 20, "hot_read_pages": 1 << 20,
    "builds": 1000, "loads": 1000, "requesters": 1000, "requests": 1 << 31, "passes": LAST_PASS, "swappiness": 100,
    "lumpy": 1, "sync_pass": 1, "kswapd_orders": 1, "cpus": 4096, "request_order": MAX_ORDERS - 1,
    **dict.fromkeys(("request_gfp", "fault_second_gfp", *_GFP), (1 << 32) - 1),
    "journal_flags": 0xFFFF, "reserve_type": 255, "faulters": 1000, "fault_regions": 1 << 22, "readers": 1000,
    "reader_pages": 1 << 30, "reader_file_pages": 1024, "aged_run_pages": 1 << 20,
}

RESULT_DTYPE = np.dtype([
    ("start_ns", "<i8"), ("latency_ns", "<i8"), ("sync_wait_ns", "<i8"), ("wait_ns", "<i8"), ("scanned", "<i8"),
    ("freed", "<i8"), ("path", "<i4"), ("page", "<i4"), ("own", "<i4"), ("merged", "<i4"), ("foreign", "<i4"),
    ("largest", "<i4"), ("givebacks", "<i4"), ("consults", "<i4"), ("holds", "<i4"), ("rescued", "<i4"),
    ("queue_waits", "<i4"), ("sync_passes", "<i4"), ("sync_waits", "<i4"), ("steals", "<i4"),
    ("reclaims", "<i4"), ("oom_rounds", "<i4"), ("cause", "<i4"), ("pass_number", "<i4"),
])

# Regions that were faulted in; `page` is that of a huge page, or -1.
FAULT_DTYPE = np.dtype([
    ("start_ns", "<i8"), ("latency_ns", "<i8"), ("huge_ns", "<i8"), ("wait_ns", "<i8"), ("scanned", "<i8"),
    ("freed", "<i8"), ("page", "<i4"), ("path", "<i4"), ("tries", "<i4"), ("thread", "<i4"), ("reclaims", "<i4"),
    ("captured", "<i4"),
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
    policy : CapturePolicy or CompactionPolicy
        One of the zone's kernel.
    parameters : dict of str to int
        A value for each name in `PARAMETERS`; units are in the names.
    seed : int
    load : ndarray of LOAD_DTYPE, shape (allocations,), optional
        A recorded load, in order of time, for parameters["loads"] copies of it.

    Raises
    ------
    MisuseError
        If a parameter is missing, unknown or out of range, or the policy is another kernel's.

    Notes
    -----
    The same arguments give the same results on every machine.
    """

    cdef world_t guarded        # the zone's guard is the world's, too
    cdef object zone
    cdef object hook
    cdef object error           # what the hook has raised
    cdef bint running
    cdef bint holding           # `run` holds the zone: all the time but for that in which the hook is asked

    def __cinit__(self, zone, policy, parameters, seed, load=None):
        if type(parameters) is World:                   # see `copy`
            self.become(zone, policy, <World> parameters)
        else:
            self.start(zone, policy, parameters, seed, load)

    cdef int start(self, zone, policy, dict parameters, seed, load) except -1:
        """The world before its first event."""
        cdef const shape_t *shape = zone_shape(zone)
        cdef uint64_t number = ranged(seed, "seed", (1 << 64) - 1)
        cdef const uint8_t[::1] events
        cdef int64_t n
        cdef params_t p
        cdef dict given
        cdef int wrong
        cdef bint room = False
        cdef world_t *w
        check_tables()
        if not shape.off_owner:
            raise MisuseError("zone: must be made with owners=True")
        read_parameters(&p, parameters, shape)
        machine_init(&self.guarded.m)
        as_policies(policy, shape.kernel, &self.guarded.m)
        self.hook = getattr(policy, "hook", None)
        events = checked_load(load, p.loads, shape.max_page_order).view(np.uint8)
        n = events.shape[0] // sizeof(load_t)
        self.zone = zone
        w = self.begin()
        wrong = attach(w, &p)
        if not wrong:
            with nogil:
                room = load_start(w, &events[0], n) and world_start(w, number)
        zone_end(zone)
        if wrong:
            given = p
            name = _ASKED[wrong - 1]
            raise MisuseError(f"{name}={given[name]:#x}: unknown bits, or MOVABLE and RECLAIMABLE")
        return check_room(room)

    cdef int become(self, zone, policy, World other) except -1:
        """The world as another one is, on what will be a copy of its zone; for requests from now on another policy."""
        cdef policy_t row
        cdef bint room
        if policy is not None:
            as_policy(policy, &row)
        self.hook = other.hook if policy is None else policy.hook
        self.zone = zone
        self.begin()
        try:
            room = self.take_over(other)
            if policy is not None:
                self.guarded.m.policy = row
        finally:
            zone_end(zone)
        return check_room(room)

    cdef int take_over(self, World other) except -1:
        """Copy zone and world of another one, between `begin` and `zone_end` of this one; whether there was room."""
        cdef bint room
        cdef world_t *w = other.begin()
        with nogil:
            zone_copy(w.z, self.guarded.z)
            self.guarded.z.pcp_bypass = w.z.pcp_bypass          # by requests that come along
            room = world_copy(w, self.guarded.z, &self.guarded)
        zone_end(other.zone)
        return room

    def __dealloc__(self):
        if self.zone is not None and zone_settled(self.zone) != NULL:
            world_abort(&self.guarded)
        world_free(&self.guarded)

    # --- the only ways to the world: see facade/turns.pxi ---

    cdef world_t *ready(self) except NULL:
        """The world, once no other thread is in a long call on its zone; good until the next foreign code."""
        zone_ready(self.zone)
        return &self.guarded

    cdef world_t *look(self) except NULL:
        """`ready` for readers of a number: they may, in the thread that holds the zone by `lock`."""
        zone_look(self.zone)
        return &self.guarded

    cdef world_t *begin(self) except NULL:
        """The world for work without the GIL; `zone_end` must follow."""
        self.guarded.z = zone_begin(self.zone)
        self.guarded.owner = <void *> self
        return &self.guarded

    def copy(self, policy=None):
        """An independent world in the same state, on a copy of the zone, with all that is under way.

        Parameters
        ----------
        policy : CapturePolicy, optional
            Of the copy's allocations from now on; those under way keep what they began with. That of this world if not
            given.

        Returns
        -------
        zone : Zone
        world : World

        Raises
        ------
        MisuseError
            If the world is running, the zone is held by this thread, or it is one of Linux 6.1.
        """
        if self.running:
            raise MisuseError("copy: called while the world is running, by the hook of its policy or another thread")
        if zone_shape(self.zone).kernel != KERNEL_2_6_27:
            raise MisuseError("copy: a world of Linux 6.1 or 6.12 may hold pages that are being moved: run it again")
        zone = self.zone.copy()
        return zone, World.__new__(World, zone, policy, self, 0)

    def run(self, int64_t events=EVENTS_A_TURN, until_ns=None):
        """Go on for about so many events; True when the last request has been answered.  Ctrl-C is obeyed.

        True, too, when what comes next is due at `until_ns` or later, if that is given.

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
        cdef int64_t until = _LAST_NS if until_ns is None else ranged(until_ns, "until_ns", _LAST_NS)
        cdef int64_t robbed
        cdef bint failed
        cdef world_t *w
        if self.running:
            raise MisuseError("run: called while the world is running, by the hook of its policy or another thread")
        while more and left > 0:
            self.running = True
            try:
                w = self.begin()
            except BaseException:
                self.running = False
                raise
            self.holding = True
            with nogil:
                more = world_run(w, min(left, <int64_t> EVENTS_A_TURN), until)
            failed, robbed = w.failed, w.robbed
            w.stopped = 0
            if self.holding:
                self.holding = False
                zone_end(self.zone)
            self.running = False
            left -= EVENTS_A_TURN
            if self.error is not None:
                error, self.error = self.error, None
                raise error
            PyErr_CheckSignals()
            if failed:
                raise MemoryError("no memory for the tables of the world")
            if robbed:
                raise MisuseError(f"zone: pfn={zone_shape(self.zone).base_pfn + robbed - 1}: a page of the world's, "
                                  "which somebody else has freed or changed; it cannot go on")
        return not more

    cdef int ask(self, request_t *r) except -1:
        """Ask the hook of the policy; meanwhile the zone is everybody's."""
        self.holding = False
        zone_end(self.zone)
        try:
            return ask_hook(self.hook, self.machine(), r, self.zone)
        finally:
            zone_begin(self.zone)           # refused only if the hook has left its thread with the zone's lock
            self.holding = True

    cdef machine_t *machine(self) noexcept:
        """Where the machine is, for those who ask the guard themselves before they look at it."""
        return &self.guarded.m

    @property
    def answered(self):
        """Requests answered so far."""
        return self.look().nr_results

    @property
    def slow_orders(self):
        """Orders of the allocations that have not come from the free lists at once: bit o for order o.

        No other has looked at what a policy says, but for whether it makes allocations queue.
        """
        return self.look().slow_orders

    @property
    def now_ns(self):
        """Simulated time since the start."""
        return self.look().now

    def results(self):
        """The requests answered so far, in order of their ends: structured array, `RESULT_DTYPE`."""
        return self.records(RESULT_DTYPE, of_results)

    def faults(self):
        """The regions faulted in so far, in order of their ends: structured array, `FAULT_DTYPE`."""
        return self.records(FAULT_DTYPE, of_faults)

    def keep_turns(self):
        """Keep a diary of the requests from now on; it changes nothing else."""
        cdef world_t *w = self.ready()
        w.keep_turns = 1

    def turns(self):
        """The diary of the requests in order of time: structured array, `TURN_DTYPE`."""
        return self.records(TURN_DTYPE, of_turns)

    def passes(self):
        """The passes that have ended: structured array, `PASS_DTYPE`."""
        return self.records(PASS_DTYPE, of_passes)

    cdef object records(self, dtype, table_t (*table)(world_t *w) noexcept nogil):
        """A copy of a table of the world's."""
        cdef int64_t size = dtype.itemsize
        cdef int64_t n = -1
        cdef uint8_t[::1] out
        cdef table_t found
        while True:
            found = table(self.ready())
            if found.n == n:                            # to make the array may have let the world go on
                break
            n = found.n
            copied = np.zeros(n * size + 1, np.uint8)
            out = copied
        if n:
            memcpy(&out[0], found.first, n * size)
        return copied[:n * size].view(dtype)

    def totals(self):
        """Counters of the whole run."""
        cdef world_t *w = self.ready()
        cdef totals_t t
        read_totals(w, &t)
        return {"events": t.events, "background_pages": t.background_pages,
                "background_failed": t.background_failed, "no_progress": t.no_progress,
                "memallocs": t.memallocs, "rereads": t.rereads, "swapins": t.swapins,
                "kswapd_scanned": t.kswapd_scanned, "simulated_ns": t.simulated_ns,
                "blocked_ns": t.blocked_ns, "held_ns": t.held_ns, "dirty_pages": t.dirty_pages,
                "present_pages": zone_shape(self.zone).present_pages,
                **(direct_totals(t.direct) if w.p.look_period_ns else {}),
                **self.zone.vmstat()}


ctypedef struct table_t:        # records that the world has written
    void *first
    int64_t n


cdef table_t of_results(world_t *w) noexcept nogil:
    cdef table_t found
    found.first, found.n = w.result, w.nr_results
    return found


cdef table_t of_faults(world_t *w) noexcept nogil:
    cdef table_t found
    found.first, found.n = w.fault, w.nr_faults
    return found


cdef table_t of_turns(world_t *w) noexcept nogil:
    cdef table_t found
    found.first, found.n = w.turn, w.nr_turns
    return found


cdef table_t of_passes(world_t *w) noexcept nogil:
    cdef table_t found
    found.first, found.n = &w.passes[0], 0
    while found.n < LAST_PASS and w.passes[found.n].end_ns:
        found.n += 1
    return found


ctypedef struct totals_t:       # numbers of a world at one moment
    int64_t events
    int64_t background_pages
    int64_t background_failed
    int64_t no_progress
    int64_t memallocs
    int64_t rereads
    int64_t swapins
    int64_t kswapd_scanned
    int64_t simulated_ns
    int64_t blocked_ns
    int64_t held_ns
    int64_t dirty_pages
    direct_t direct


cdef dict direct_totals(direct_t direct):
    """Direct compaction, counted by how it ended."""
    cdef dict found = direct
    return {f"direct_{name}": number for name, number in found.items()}


cdef void read_totals(const world_t *w, totals_t *t) noexcept nogil:
    t.events, t.background_pages, t.background_failed = w.events, w.background_pages, w.background_failed
    t.no_progress, t.memallocs, t.rereads, t.swapins = w.no_progress, w.memallocs, w.rereads, w.swapins
    t.kswapd_scanned, t.simulated_ns = w.m.kswapd.total.scanned, w.now
    t.direct = w.m.direct
    t.blocked_ns, t.held_ns, t.dirty_pages = w.blocked_ns, w.held_ns, w.dirty_last - w.dirty_first


# Parameters that say how to allocate, in the order in which `attach` looks at them.
_ASKED = ("request_gfp", "fault_second_gfp", *_GFP)


cdef int attach(world_t *w, const params_t *p) noexcept nogil:
    """The parameters, and the machine of the one zone; 0, or 1 + the row of `_ASKED` that it cannot serve."""
    cdef int64_t *asked = [p.request_gfp, p.fault_second_gfp, p.user_gfp, p.kernel_gfp, p.reclaimable_gfp,
                           p.journal_gfp]
    cdef int k
    w.p = p[0]
    for k in range(NR_GFP_ZONES):
        w.m.gfp_zone[k] = w.z.zone_idx
    machine_attach_zone(&w.m, w.z)
    w.m.swap_total = w.m.swap_free = p.swap_pages
    w.m.swappiness = <int32_t> p.swappiness
    w.m.no_lumpy = not p.lumpy
    w.m.no_sync_pass = not p.sync_pass
    w.m.kswapd_order0 = not p.kswapd_orders
    w.m.batch_steps = 1
    for k in range(6):
        if request_status(&w.m, p.request_order if k < 2 else 0, asked[k], 0) != ST_OK:
            return k + 1
    return 0


cdef int check_room(bint room) except -1:
    if not room:
        raise MemoryError("no memory for the tables of the world")
    return 0


cdef int read_parameters(params_t *p, dict parameters, const shape_t *shape) except -1:
    if set(parameters) != set(PARAMETERS):
        names = sorted(set(parameters) ^ set(PARAMETERS), key=str)
        raise MisuseError(f"parameters: {names} are missing or unknown")
    values = {name: ranged(parameters[name], name, _LARGEST.get(name) or _LARGEST[name.rpartition("_")[2]])
              for name in PARAMETERS}
    p[0] = values
    for name in _POSITIVE:
        if values[name] < 1:
            raise MisuseError(f"{name}=0: must be at least 1")
    if p.request_order > shape.max_page_order:
        raise MisuseError(f"request_order={p.request_order}: allowed range is 0..{shape.max_page_order}")
    if p.cpus != shape.cpus:
        raise MisuseError(f"cpus={p.cpus}: the zone has {shape.cpus}")
    if p.builds + p.loads + p.requesters + p.faulters + p.readers > 1000 or p.anon_min_pages > p.anon_max_pages:
        raise MisuseError("builds, loads, requesters, faulters, readers or anon_min_pages: too many")
    if p.request_period_ns > (<int64_t> 1 << 62) // p.requesters:
        raise MisuseError(f"request_period_ns={p.request_period_ns}: too long for {p.requesters} requesters")
    return 0


cdef int check_tables() except -1:
    """The names that Python reads must lie where the structs have their fields."""
    if sizeof(result_t) != RESULT_DTYPE.itemsize or sizeof(pass_t) != PASS_DTYPE.itemsize or \
            sizeof(fault_t) != FAULT_DTYPE.itemsize or sizeof(load_t) != LOAD_DTYPE.itemsize or \
            sizeof(turn_t) != TURN_DTYPE.itemsize:
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
