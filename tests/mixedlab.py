"""Zones of Linux 6.1 or 6.12 on which everybody works at once: callers, compaction, requests, kswapd, kcompactd.

All in one thread, in an order that a seed gives.  Callers like to name what others hold: pages that are isolated, pages
that compaction moves to, pages under writeback.
"""

import random

import numpy as np

from buddycap import REQUEST_DTYPE, Machine, MisuseError, RequestOp, Zone
from buddycap._core import Node
from buddycap.kernels import KERNELS

GFP = KERNELS["6.1"].GFP  # those used here are the same in 6.12
ATOMIC = GFP.HIGH | GFP.KSWAPD_RECLAIM
LRU, ISOLATED, WRITEBACK = 0x20, 1 << 28, 0x100
MARKS = (LRU, 0x5020, 0x60, LRU | 1 << 26, LRU | 1 << 29, LRU | 1, LRU | 1 << 18, LRU | 0x10, 0, LRU | WRITEBACK)
OUTCOMES = (None, "moves", "eagain", "ebusy")


class Mixed:
    """Two zones of one node, a machine on them, and runs and requests that are under way."""

    def __init__(self, seed, folder, kernel):
        self.draw, self.path = random.Random(seed), folder / "zone"
        pages, cma = self.draw.choice([1024, 2048, 2048]), self.draw.random() < 0.5
        options = {
            "kernel": kernel,
            "cpus": 2,
            "owners": True,
            "pageblock_order": self.draw.choice([9, 9, 6]),
            "cma": cma,
        }
        self.zones = [Zone(3, pages - 3, zone_idx=0, **options), Zone(pages, pages, zone_idx=2, **options)]
        self.node = Node(self.zones)
        self.machine = Machine(self.zones, events=True, writeback_limit=64)
        self.runs, self.requests, self.ranges = [], [], []
        for zone in self.zones:
            self.populate(zone)

    def populate(self, zone):
        """Most of a zone is allocated, most of that marked, and some of it freed again."""
        got = zone.alloc_many(
            zone.spanned_pages - self.draw.choice([40, 200, 500, 700]), 0, self.draw.choice([0, 1, 1])
        )
        pfns = [pfn for pfn in got.tolist() if pfn >= 0]
        for pfn in pfns:
            if self.draw.random() < 0.8:
                zone.compaction.set_page_flags(pfn, self.mark())
        for pfn in self.draw.sample(pfns, self.draw.choice([100, 300])):
            zone.free_pages(pfn, 0)

    # --- arguments ---

    @property
    def zone(self):
        return self.draw.choice(self.zones)

    def often(self, share):
        return self.draw.random() < share

    def mark(self):
        return self.draw.choice(MARKS)

    def order(self):
        return self.draw.choice([0, 0, 0, 1, 2, 3, 4, 6, 9, 10])

    def spot(self, zone):
        """A PFN of a zone: anywhere, or one of some kind."""
        flags, state = zone.page_flags, zone.page_order
        kinds = (ISOLATED, LRU, WRITEBACK)
        what = self.draw.randrange(8)
        if what < 3:
            found = np.flatnonzero(flags & kinds[what])
        elif what < 6:
            found = np.flatnonzero((state & 0xF0) == (0x20, 0x70, 0xD0)[what - 3])
        else:
            found = ()
        return zone.start_pfn + int(self.draw.choice(found) if len(found) else self.draw.randrange(len(state)))

    def pfn(self):
        return self.spot(self.zone)

    def place(self):
        """A zone, and a PFN of it."""
        zone = self.zone
        return zone, self.spot(zone)

    def held_order(self, zone, pfn):
        return int(zone.page_order[pfn - zone.start_pfn]) & 0x0F

    def run(self):
        if not self.runs:
            begin_run(self)
        return self.draw.choice(self.runs)

    def request(self):
        if not self.requests:
            begin_request(self)
        return self.draw.choice(self.requests)


# --- operations ---


def allocate(s):
    zone = s.zone
    for _ in range(s.draw.choice([1, 10, 40])):
        order = s.draw.choice([0, 0, 0, 0, s.order()])
        pfn = zone.rmqueue_zone(order, s.draw.randrange(3), compound=s.often(0.5))
        if pfn is not None and order == 0:
            zone.compaction.set_page_flags(pfn, s.mark())


def allocate_many(s):
    zone = s.zone
    pfns = zone.alloc_many(s.draw.choice([3, 30, 300]))
    pfns = pfns[pfns >= 0]
    zone.set_owners(pfns, 7)
    if s.often(0.7):
        zone.free_many(pfns)


def free(s):
    zone, pfn = s.place()
    s.draw.choice([zone.free_pages, zone.free_one_page, s.node.free_pages, s.machine.free_pages])(
        pfn, s.draw.choice([0, s.held_order(zone, pfn), s.order()])
    )


def free_several(s):
    zone = s.zone
    s.draw.choice([zone.free_list, zone.free_many])([s.spot(zone) for _ in range(s.draw.choice([1, 2, 5]))])


def join(s):
    zone, pfn = s.place()
    order = s.draw.randrange(5)
    s.draw.choice([zone.join_pages, zone.split_page, zone.compaction.make_compound])(pfn >> order << order, order)


def refer(s):
    zone, pfn = s.place()
    s.draw.choice([zone.get_page, zone.references])(pfn)


def take(s):
    zone, pfn = s.place()
    blocks = zone.free_blocks()["pfn"]
    zone.take_free_block(int(s.draw.choice(blocks)) if len(blocks) and s.often(0.7) else pfn)


def put(s):
    zone, pfn = s.place()
    zone.put_free_block(pfn, s.draw.choice([0, s.held_order(zone, pfn)]), s.draw.randrange(4))


def isolate(s):
    zone = s.zone
    size = 1 << zone.pageblock_order
    start = zone.start_pfn // size * size + s.draw.randrange(zone.spanned_pages // size) * size
    end = min(start + s.draw.choice([1, 2]) * size, zone.start_pfn + zone.spanned_pages)
    start = max(start, zone.start_pfn)
    zone.isolate_range(start, end)
    if s.often(0.7):
        zone.undo_isolate_range(start, end)


def copied(s):
    """A copy, or what comes back from a file; others cannot harm it either."""
    zone = s.zone
    if s.often(0.5):
        twin = zone.copy()
    else:
        zone.save(s.path)
        twin = Zone.load(s.path)
        s.path.unlink()
    twin.check()
    for _ in range(5):
        pfn = s.spot(twin)
        try:
            s.draw.choice([lambda p: twin.free_pages(p, 0), twin.compaction.release, twin.take_free_block])(pfn)
            twin.compaction.begin(s.draw.choice([-1, 2, 9]), mode=s.draw.choice(["async", "sync"])).run()
        except MisuseError:
            pass
        twin.check()


def settings(s):
    zone = s.zone
    zone.cpu = s.draw.randrange(2)
    zone.set_min_free_kbytes(s.draw.choice([0, 16, 64]))
    zone.compaction.skip = [s.often(0.3) for _ in zone.compaction.skip]
    zone.compaction.set_state(cached_free=zone.start_pfn + s.draw.randrange(zone.spanned_pages))
    zone.lock_pcp(s.draw.randrange(2), s.often(0.3))
    zone.disable_pcp(s.often(0.2))
    zone.compaction.defer(s.draw.choice([4, 9]))
    zone.compaction.reset_skip()


def begin_run(s):
    draw, zone = s.draw, s.zone
    order = draw.choice([-1, 1, 2, 3, 4, 9])
    s.runs.append(draw.choice([
        lambda: zone.compaction.begin(
            order, draw.choice([None, GFP.HIGHUSER_MOVABLE]), mode=draw.choice(["async", "sync-light", "sync"]),
            direct=order > 0 and s.often(0.5), whole=s.often(0.5), ignore_skip=s.often(0.5),
            ignore_suitable=s.often(0.5), proactive=draw.choice([None, 10]), alloc_flags=draw.choice([0, 0, 4]),
            capture=order > 0 and s.often(0.5), stops=s.often(0.7),
        ),
        lambda: s.node.compact(draw.choice([1, 2, 4, 9]), priority=draw.choice(["async", "full"]), stops=s.often(0.7)),
        lambda: s.node.kcompactd(4, stops=s.often(0.5), classzone_idx=4),
        lambda: s.node.compact_memory(proactiveness=draw.choice([None, 20]), stops=s.often(0.5)),
    ])())  # fmt: skip


def step_run(s):
    run = s.run()
    run.step(s.draw.choice([1, 10, 100, 1000]))
    s.runs = [run for run in s.runs if not run.done][-6:]


def drop_run(s):
    run = s.run()
    s.runs.remove(run)
    if s.often(0.5):
        run.close()


def at_attempt(s):
    """Whatever others could do to the page that is about to be moved, and to where it goes."""
    stopped = s.draw.choice([s.run, s.request])()
    for pfn in filter(None, stopped.attempt or ()):
        zone = s.node.zone_of(pfn)
        s.draw.choice([
            zone.compaction.release, zone.get_page, stopped.interrupt, s.machine.lru_del, s.machine.release,
            s.machine.start_writeback, s.machine.mlock, lambda p: s.machine.set_page_flags(p, set=4),
            lambda p: s.node.free_pages(p, 0), lambda p: s.node.set_lru(p, 1), lambda p: s.node.free_list([p]),
            lambda p: s.node.put_free_block(p, 0, 1), lambda p: s.node.join_pages(p & -2, 1),
            lambda p: s.node.zone_of(p).compaction.set_page_flags(p, LRU), lambda p: s.machine.lru_cache_add([p]),
        ])(pfn)  # fmt: skip


def begin_range(s):
    zone = s.zone
    size = 1 << zone.pageblock_order
    start, where = s.spot(zone), s.draw.choice([zone, s.node, s.machine])
    s.ranges.append(
        s.draw.choice([
            lambda: where.begin_contig(start, s.draw.choice([1, 10, 300, 700]), s.draw.choice([None, 1, 4])),
            lambda: where.begin_offline(start // size * size, size),
        ])()
    )  # fmt: skip


def step_range(s):
    if not s.ranges:
        begin_range(s)
    run = s.draw.choice(s.ranges)
    run.step(s.draw.choice([1, 10, 100, 2000]))
    if run.done or s.often(0.1):
        s.ranges.remove(run)
        if run.result and s.often(0.7):
            zone = s.node.zone_of(run.start)
            if zone.page_order[run.start - zone.start_pfn] != 0xFE:
                zone.free_range(run.start, run.pages)
    for zone in s.zones:  # what is away comes back now and then
        away = np.flatnonzero(zone.page_order == 0xFE)
        if len(away) and s.often(0.1):
            s.draw.choice([zone, s.node, s.machine]).online_range(
                zone.start_pfn + int(away[0]), 1 << zone.pageblock_order
            )


def begin_request(s):
    gfp = s.draw.choice([GFP.HIGHUSER_MOVABLE, GFP.TRANSHUGE, GFP.KERNEL])
    order = s.draw.choice([0, 1, 2, 4, 9, 10])
    s.requests.append(s.machine.request(order, gfp, stops=s.often(0.5), cpu=s.draw.randrange(2)))


def drop_request(s):
    request = s.request()
    s.requests.remove(request)
    if s.often(0.5):
        request.close()


def stream(s):
    ops = np.zeros(8, REQUEST_DTYPE)
    ops["op"], ops["arg"] = s.draw.choices([op.value for op in RequestOp], k=8), -1
    ops["gfp"], ops["pfn"] = int(GFP.HIGHUSER_MOVABLE), [s.pfn() for _ in range(8)]
    s.machine.run(ops)


def faulted(s):
    pfn = s.machine.alloc_pages(s.draw.choice([0, 0, 1, 4]), s.draw.choice([GFP.HIGHUSER_MOVABLE, GFP.KERNEL, ATOMIC]))
    if pfn is not None:
        s.machine.lru_cache_add([pfn], s.draw.choice([0, 0x10, 0x800 | 1 << 27, 0x5000]))


def page_of_machine(s):
    machine = s.machine
    s.draw.choice([
        machine.release, machine.lru_del, machine.mark_page_accessed, machine.mlock, machine.start_writeback,
        lambda p: machine.lru_cache_add([p]), lambda p: machine.slab_add([p]),
        lambda p: machine.set_page_flags(p, set=s.draw.choice([1, 4, 16, 1 << 29]), clear=s.draw.choice([0, 8])),
    ])(s.pfn())  # fmt: skip


def daemons(s):
    daemon = s.draw.choice([s.machine.kswapd, s.machine.kcompactd])
    daemon.wake(s.draw.choice([1, 2, 4, 9]))
    if s.often(0.2):
        daemon.run()
    daemon.step(s.draw.choice([1, 3, 32, 200]))


def machine_again(s):
    """The machine goes with all that it has in its hands."""
    if s.often(0.05):
        s.requests = []
        s.machine = Machine(s.zones, events=True, writeback_limit=64)


def retype(s):
    pfn = s.pfn()
    s.node.zone_of(pfn).set_pageblock_migratetype(pfn, s.draw.randrange(3))


INEXACT = (put, retype)  # after these check() of 6.12 asks less of the free lists
OPERATIONS = (
    allocate, allocate_many, free, free, free_several, join, refer, take, put, isolate, copied, settings, begin_run,
    begin_range, step_range, step_range, step_range, step_run, step_run, step_run, drop_run, at_attempt, at_attempt,
    at_attempt, begin_request, drop_request, stream, faulted, faulted, page_of_machine, page_of_machine, daemons,
    daemons, machine_again,
    lambda s: s.node.alloc_walk(s.order(), classzone_idx=4),
    lambda s: s.zone.drain_pages(),
    lambda s: s.node.set_lru(s.pfn(), s.draw.choice([1, 4, 64]), s.often(0.7)),
    lambda s: s.node.zone_of(pfn := s.pfn()).compaction.set_page_flags(pfn, s.mark()),
    lambda s: s.node.zone_of(pfn := s.pfn()).compaction.release(pfn),
    lambda s: s.node.zone_of(pfn := s.pfn()).set_pcp_blocks(0, 1, [(pfn, 1)]),
    retype,
    lambda s: s.node.unreserve_highatomic(1, force=s.often(0.5)),
    lambda s: [zone.undo_isolate_range(zone.start_pfn, zone.start_pfn + zone.spanned_pages) for zone in s.zones],
    lambda s: s.zone.arm_capture(s.draw.choice([1, 2, 3, 4, 9, 10])),
    lambda s: s.zone.end_capture(),
    lambda s: s.zone.decay_pcp(s.draw.randrange(2)),  # this and the next: 6.12 alone
    lambda s: s.zone.set_cache_slice(s.draw.choice([0, 1 << 20])),
    lambda s: s.run().answer(s.draw.choice(OUTCOMES)),
    lambda s: s.run().answer(s.draw.choice(OUTCOMES)),
    lambda s: s.run().interrupt(s.pfn()),
    lambda s: s.run().run(),
    lambda s: s.request().step(s.draw.choice([1, 5, 32, 200, 2000])),
    lambda s: s.request().step(s.draw.choice([1, 5, 32, 200, 2000])),
    lambda s: s.request().answer(s.draw.choice(OUTCOMES)),
    lambda s: s.request().answer(s.draw.choice(OUTCOMES)),
    lambda s: s.request().interrupt(s.pfn()),
    lambda s: [s.machine.end_writeback(pfn) for pfn in s.machine.writeback[:4].tolist()],
)  # fmt: skip


def play(seed, steps, folder, kernel):
    """Do `steps` operations, check all zones after each; how many were done and not refused.  Even seeds are exact."""
    scene = Mixed(seed, folder, kernel)
    done = 0
    operations = [operation for operation in OPERATIONS if seed % 2 or operation not in INEXACT]
    for step in range(steps):
        operation = scene.draw.choice(operations)
        try:
            operation(scene)
            done += 1
        except MisuseError:
            pass
        for zone in scene.zones:
            try:
                zone.check()
            except Exception as error:
                raise AssertionError(f"seed {seed}, operation {step}: {operation.__name__}: {error}") from error
    return done
