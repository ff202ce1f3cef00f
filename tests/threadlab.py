"""Every public operation on memory that threads share, to be done by two threads at once."""

import contextlib
import copy
import pickle
import random
import threading
import time

import numpy as np

import worldlab
from buddycap import GFP, POLICIES, CapturePolicy, Machine, MisuseError, PolicyError, RequestOp, Zone
from buddycap._core import OP_DTYPE, REQUEST_DTYPE, Node
from buddycap._trace import EVENT_DTYPE, EVENT_NAMES, Follower, Scanner, match_requests
from buddycap.formats.tracetext import TraceReader
from buddycap.kernels import KERNELS
from buddycap.study.config import StudyConfig

PAGES = 1 << 13
MODERN_KERNELS = ("6.1", "6.12")
MARKS_61 = (0x20, 0x20, 0x5020, 0x60, 0x21, 0x4000020)  # on the LRU: of a file, anonymous, active, locked, blocking
WORLD = StudyConfig(memory_pages=1 << 15, warmup_s=0, builds=1, passes=1)
LINE = "sh-7 [001] ..... 10.{:06}: mm_page_alloc: page=0 pfn=0x{:x} order=0 migratetype=1 gfp_flags=GFP_{}\n"
TEXT = "".join(LINE.format(k, k, k % 500) for k in range(2000)).encode()


class HookError(Exception):
    """What hooks and signal handlers raise here."""


ALLOWED = (MisuseError, PolicyError, HookError)


class Index:
    """A number whose conversion lets others in, and now and then does something itself."""

    def __init__(self, scene, value):
        self.scene, self.value = scene, value

    def __index__(self):
        self.scene.foreign_code()
        return self.value


class Scene:
    """Objects that two threads share, with a random stream for each of them; what is modern is of this kernel."""

    def __init__(self, seed, folder, kernel):
        self.seed, self.folder = seed, folder
        self.gfp = KERNELS[kernel].GFP
        self.local = threading.local()
        self.policy = CapturePolicy("hooked", capture=True, capture_min_order=1, hook=self.hook)
        self.zone = Zone(3, PAGES - 3, owners=True, cpus=2, min_free_kbytes=64, seed=seed)
        self.machine = Machine([self.zone], policy="v3", events=True)
        pages = self.zone.alloc_many(PAGES - 600)
        self.machine.lru_cache_add(pages[pages % 3 > 0][: PAGES // 2])
        self.machine.slab_add(pages[pages % 3 == 0][:200])
        self.request = self.machine.request(4, GFP.HIGHUSER_MOVABLE, policy=self.policy)
        self.capture = self.zone.capture_list()
        self.follower = Follower([(0, PAGES)])
        self.scanner = Scanner()
        self.events = self.some_events()
        self._world = None
        self.modern = [Zone(k << 11, 1 << 11, kernel=kernel, zone_idx=2 * k, cpus=2, cma=True) for k in (0, 1)]
        self.node = Node(self.modern, events=20_000)
        self.newest = Zone(0, 1 << 12, kernel="6.12", cpus=2)
        for zone in self.modern:
            for pfn in zone.alloc_many(1500).tolist():
                if pfn % 5:
                    zone.compaction.set_page_flags(pfn, MARKS_61[pfn % len(MARKS_61)])
                elif pfn % 3:
                    zone.free_pages(pfn, 0)
        self.modern_machine = Machine(self.modern, events=True)
        self.modern_request = self.modern_machine.request(4, self.gfp.TRANSHUGE, stops=True)
        self.run = self.node.compact(4, stops=True)
        self.range = self.node.begin_contig(100, 600)
        self.area = None

    def zones(self):
        """Whatever must agree with itself in the end."""
        return [self.zone, *self.modern, self.newest, *([self._world[0]] if self._world else [])]

    def some_events(self):
        draw = np.random.default_rng(self.seed)
        events = np.zeros(3000, EVENT_DTYPE)
        events["event"] = draw.choice([EVENT_NAMES[n] for n in ("mm_page_alloc", "mm_page_free", "mm_page_pcpu_drain")])
        events["order"] = draw.integers(0, 4, len(events))
        events["pfn"] = draw.integers(0, PAGES, len(events)) >> 4 << 4
        return events

    @property
    def world(self):
        """A world on a zone of its own; made when it is first wanted."""
        if self._world is None:
            self._world = self.new_world()
        return self._world[1]

    def new_world(self):
        """A small zone and its world."""
        hooked = self.draw.random() < 0.5
        zone = Zone(0, PAGES, owners=True, cpus=WORLD.cpus)
        return worldlab.world_of(self.policy if hooked else POLICIES["v3"], self.draw.randrange(99), WORLD, zone)

    # --- the threads ---

    @property
    def draw(self):
        """The random stream of this thread."""
        if not hasattr(self.local, "draw"):
            self.local.draw, self.local.depth = random.Random(self.seed), 0
        return self.local.draw

    def begin(self, seed):
        """Give this thread its random stream."""
        self.local.draw, self.local.depth = random.Random(seed), 0

    def foreign_code(self):
        """What hooks, conversions and handlers do: wait, re-enter, close."""
        draw, what = self.draw, self.draw.random()
        if what < 0.3:
            time.sleep(0.0002)  # no lock of threading: handlers raise in the middle of it
        elif what < 0.6 and self.local.depth < 2:
            self.local.depth += 1
            try:
                with contextlib.suppress(ALLOWED):
                    OPERATIONS[draw.choice(NAMES)](self)
            finally:
                self.local.depth -= 1

    def hook(self, consultation):
        """Be the hook of a policy."""
        self.foreign_code()
        what = self.draw.random()
        if what < 0.1:
            raise HookError("hook")
        if what < 0.2:
            for capture in self.zone.capture_lists()[:3]:
                capture.close()
        if what < 0.5 and len(consultation.blocks):
            return int(self.draw.choice(consultation.blocks["pfn"]))
        return self.draw.choice([None, "consult", "return", "keep"])

    # --- arguments ---

    @property
    def new(self):
        """A modern zone."""
        return self.draw.choice(self.modern)

    def new_pfn(self):
        return self.number(self.draw.randrange(1 << 12))

    def held_pfn(self):
        """A modern PFN that a run or a reclaimer held a moment ago, or any."""
        zone = self.new
        found = np.flatnonzero((zone.page_flags & 1 << 28) | ((zone.page_order & 0xF0) == 0xD0))
        return zone.start_pfn + int(self.draw.choice(found.tolist())) if len(found) else self.new_pfn()

    def new_pages(self, n):
        """PFNs of modern pages that somebody got a moment ago."""
        return self.new.alloc_bulk(n)

    def new_blocks(self):
        """PFNs [start, end) of some pageblocks of a zone."""
        start = self.draw.randrange(8) << 9
        return start, start + 512

    def pfn(self):
        return self.number(self.draw.randrange(3, PAGES))

    def order(self):
        return self.number(self.draw.choice([0, 0, 0, 1, 2, 3, 5, 9]))

    def number(self, value):
        return Index(self, value) if self.draw.random() < 0.1 else value

    def used(self, n):
        """Some single pages that were allocated a moment ago."""
        heads = np.flatnonzero(self.zone.page_order & 0xF0 == 0x20)
        return self.draw.choices(heads.tolist(), k=n) if len(heads) else [0] * n

    def listed(self):
        """A page that was on an LRU list a moment ago."""
        heads = np.flatnonzero(self.zone.page_order == 0x40)
        return int(self.draw.choice(heads.tolist())) + 3 if len(heads) else 3

    def ops(self, n):
        ops = np.zeros(n, OP_DTYPE)
        ops["op"], ops["migratetype"] = 1 + np.arange(n) % 2, 2
        ops["order"] = np.arange(n) // 2 % 3
        ops["arg"] = np.where(ops["op"] == 2, np.arange(n) - 1, 0)
        return ops

    def requests(self, n):
        ops = np.zeros(n, REQUEST_DTYPE)
        ops["op"], ops["gfp"], ops["arg"] = RequestOp.ALLOC, int(GFP.HIGHUSER_MOVABLE), -1
        ops["order"] = self.draw.choice([0, 3, 5])
        ops["op"][1::2], ops["arg"][1::2] = RequestOp.FREE, np.arange(n)[::2][: n // 2]
        return ops

    def hints(self):
        return np.zeros(len(self.events), np.uint8)


def locked(scene):
    with scene.zone.lock:
        scene.foreign_code()


def begin_run(scene):
    """A new run of compaction; the one of before is dropped, in the middle of whatever it does."""
    draw = scene.draw
    options = {"mode": draw.choice(["async", "sync"]), "stops": draw.random() < 0.5, "capture": draw.random() < 0.5}
    scene.run = draw.choice([
        lambda: scene.new.compaction.begin(scene.number(4), scene.gfp.HIGHUSER_MOVABLE, **options),
        lambda: scene.node.compact(draw.choice([2, 4, 9]), priority=draw.choice(["async", "full"]), stops=True),
        lambda: scene.node.kcompactd(scene.number(4)),
        lambda: scene.node.compact_memory(proactiveness=draw.choice([None, 20])),
    ])()  # fmt: skip


def at_attempt(scene):
    """Others get at the page that is about to be moved, and at where it goes to."""
    stopped = scene.draw.choice([scene.run, scene.modern_request])
    for pfn in filter(None, stopped.attempt or ()):
        node, release = scene.node, scene.node.zone_of(pfn).compaction.release
        calls = [(release,), (node.get_page,), (stopped.interrupt,), (node.free_pages, 0), (node.put_free_block, 0, 1)]
        call, *rest = scene.draw.choice(calls)
        with contextlib.suppress(MisuseError):
            call(pfn, *rest)
    stopped.answer(scene.draw.choice([None, "moves", "eagain", "ebusy"]))


def begin_range(scene):
    """A new range to empty; the one of before is dropped, in the middle of whatever it does."""
    where = scene.draw.choice([scene.new, scene.node, scene.modern_machine])
    start = scene.draw.randrange(1 << 12)
    scene.range = scene.draw.choice([
        lambda: where.begin_contig(start, scene.number(700)),
        lambda: where.begin_offline(start & -512, 512),
    ])()  # fmt: skip


def away_and_back(scene):
    """Pages go away and come back, unless somebody is quicker."""
    where = scene.draw.choice([scene.new, scene.node, scene.modern_machine])
    start = scene.draw.randrange(1 << 12) & -512
    where.offline_range(scene.number(start), 512)
    where.online_range(start, scene.number(512))


def contiguous(scene):
    """An area for pages in one piece, what it gives out, and what comes back."""
    if scene.area is None and scene.draw.random() < 0.2:
        scene.area = scene.draw.choice([scene.node, scene.modern_machine]).cma(scene.number(512))
    if scene.area is not None:
        pfn = scene.area.alloc(scene.number(40), align=scene.number(3))
        if pfn is not None:
            scene.area.release(pfn, scene.number(1))


def begin_modern_request(scene):
    scene.modern_request = scene.modern_machine.request(
        scene.draw.choice([0, 2, 4, 9]), scene.gfp.TRANSHUGE, stops=scene.draw.random() < 0.5
    )
    for _ in range(scene.draw.randrange(6)):
        scene.modern_request.step(scene.number(64))


def filled(scene):
    """Modern pages for reclaim, as many as there are above the low mark."""
    machine = scene.modern_machine
    gfp = scene.gfp.HIGHUSER_MOVABLE & ~scene.gfp.RECLAIM | scene.gfp.NOMEMALLOC
    pages = [machine.alloc_pages(0, gfp) for _ in range(60)]
    machine.lru_cache_add([pfn for pfn in pages if pfn is not None])


def captured(scene):
    """A new list, filled, consulted and closed by this thread or by whoever is quicker."""
    with scene.zone.capture_list() as scene.capture:
        scene.capture.capture_many(list(dict.fromkeys(p + 3 for p in scene.used(20))))
        scene.capture.capture_alloc_or_return(scene.order(), alloc_flags=1)


def new_request(scene):
    policy = scene.draw.choice(["v3", "isolate", "queue", "no-pcp", "hold", scene.policy])
    scene.request = scene.machine.request(scene.order(), GFP.HIGHUSER_MOVABLE, policy=policy)
    for _ in range(scene.draw.randrange(6)):
        scene.request.step(scene.number(64))


def allocated(scene):
    pfns = scene.machine.run(scene.requests(40), policy=scene.draw.choice(["none", scene.policy]))[0]["pfn"]
    scene.machine.lru_cache_add(np.unique(pfns[pfns >= 0]))


def copied(scene):
    twin = scene.draw.choice([copy.copy, lambda zone: pickle.loads(pickle.dumps(zone))])(scene.zone)
    twin.check()


def saved(scene):
    path = scene.folder / f"zone{threading.get_ident()}"
    scene.zone.save(path)
    Zone.load(path).check()


def world_again(scene):
    """The old world is dropped, in the middle of whatever it does."""
    scene._world = scene.new_world()


def in_world_zone(scene):
    zone, _ = scene._world or scene.new_world()
    pages = zone.alloc_many(scene.draw.randrange(1, 1500))
    zone.free_many(pages[pages >= 0])


def scan(scene):
    found = np.zeros(512, EVENT_DTYPE)
    at = 0
    while at < len(TEXT):
        count, at = scene.scanner.scan(TEXT, at, found, True)
        if not count:
            break


def read(scene):
    path = scene.folder / "trace"
    if not path.exists():
        path.write_bytes(TEXT)
    for _ in TraceReader(path):
        scene.foreign_code()


def spoil(scene):
    """Write to the events that others are following."""
    draw = np.random.default_rng(scene.draw.randrange(1 << 30))
    scene.events["order"] = draw.integers(0, 256, len(scene.events))
    scene.events["pfn"] = draw.integers(-5, 2 * PAGES, len(scene.events))
    scene.events["event"] = draw.integers(0, 23, len(scene.events))
    scene.events["cpu"] = draw.integers(0, 1 << 16, len(scene.events))


ZONE = {
    "rmqueue": lambda s: s.zone.rmqueue(s.order(), s.number(2)),
    "free_one_page": lambda s: s.zone.free_one_page(s.pfn(), s.order()),
    "split_page": lambda s: s.zone.split_page(s.pfn(), s.order()),
    "alloc_pages_exact": lambda s: s.zone.alloc_pages_exact(s.number(5)),
    "free_pages_exact": lambda s: s.zone.free_pages_exact(s.pfn(), s.number(3)),
    "free_at": lambda s: s.zone.free_at(s.pfn()),
    "alloc_at": lambda s: s.zone.alloc_at(s.pfn(), s.order()),
    "free_range": lambda s: s.zone.free_range(s.pfn(), s.number(40)),
    "rmqueue_pcplist": lambda s: s.zone.rmqueue_pcplist(s.number(2), cpu=s.number(1)),
    "free_hot_cold_page": lambda s: s.zone.free_hot_cold_page(s.pfn(), cpu=s.number(1)),
    "drain_pages": lambda s: s.zone.drain_pages(s.number(1)),
    "alloc_many": lambda s: s.zone.alloc_many(s.number(s.draw.choice([3, 1500])), s.order()),
    "free_many": lambda s: s.zone.free_many(np.array(s.used(s.draw.choice([3, 1500]))) + 3, s.number(0)),
    "run": lambda s: s.zone.run(s.ops(4000)),
    "capture_list": captured,
    "capture_lists": lambda s: [c.blocks() for c in s.zone.capture_lists()],
    "watermark_ok": lambda s: s.zone.watermark_ok(s.order(), s.number(9)),
    "set_min_free_kbytes": lambda s: s.zone.set_min_free_kbytes(s.number(s.draw.choice([16, 64, 256]))),
    "cpuset_allowed": lambda s: setattr(s.zone, "cpuset_allowed", s.draw.random() < 0.9),
    "set_owner": lambda s: s.zone.set_owner(s.pfn(), s.number(7)),
    "set_owners": lambda s: s.zone.set_owners(np.array(s.used(9)) + 3, s.number(7)),
    "set_pageblock_migratetype": lambda s: s.zone.set_pageblock_migratetype(s.pfn(), s.number(2)),
    "free_blocks": lambda s: s.zone.free_blocks(s.draw.choice([None, 0, 3])),
    "pcp_pages": lambda s: s.zone.pcp_pages(s.number(1)),
    "canonical_dump": lambda s: s.zone.canonical_dump(),
    "vmstat": lambda s: s.zone.vmstat(),
    "bulk_work": lambda s: s.zone.bulk_work(),
    "nr_free_pages": lambda s: s.zone.nr_free_pages,
    "random": lambda s: s.zone.random(),
    "check": lambda s: s.zone.check(),
    "digest": lambda s: s.zone.digest(),
    "copy": copied,
    "save": saved,
    "lock": locked,
    "image_bytes": lambda s: (s.zone.image_bytes, s.zone.pages_min, s.zone.pages_low, s.zone.pages_high),
    "min_free_kbytes": lambda s: (s.zone.min_free_kbytes, s.zone.pcp_batch, s.zone.pcp_high, repr(s.zone)),
}
CAPTURE = {
    "capture_one_page": lambda s: s.capture.capture_one_page(s.pfn(), s.order()),
    "capture_many": lambda s: s.capture.capture_many(np.array(s.used(9)) + 3),
    "capture_alloc_or_return": lambda s: s.capture.capture_alloc_or_return(s.order(), alloc_flags=1),
    "sated": lambda s: s.capture.sated,
    "blocks": lambda s: s.capture.blocks(),
    "stats": lambda s: s.capture.stats,
    "closed": lambda s: s.capture.closed,
    "close": lambda s: s.capture.close(),
}
MACHINE = {
    "alloc_pages": lambda s: s.machine.alloc_pages(
        s.order(), GFP.HIGHUSER_MOVABLE, policy=s.draw.choice(["v3", s.policy])
    ),
    "free_pages": lambda s: s.machine.free_pages(s.pfn(), s.order()),
    "run": allocated,
    "request": new_request,
    "zone_state": lambda s: s.machine.zone_state(s.number(0)),
    "set_nr_scan": lambda s: s.machine.set_nr_scan(0, [s.number(5)] * 4),
    "lru_cache_add": lambda s: s.machine.lru_cache_add(np.unique(s.used(30)) + 3),
    "slab_add": lambda s: s.machine.slab_add(s.pfn()),
    "lru_del": lambda s: s.machine.lru_del(s.listed()),
    "mark_page_accessed": lambda s: s.machine.mark_page_accessed(s.listed()),
    "set_page_flags": lambda s: s.machine.set_page_flags(s.listed(), set=s.number(s.draw.choice([2, 8]))),
    "mlock": lambda s: s.machine.mlock(s.listed(), s.draw.random() < 0.3),
    "release": lambda s: s.machine.release(s.listed()),
    "start_writeback": lambda s: s.machine.start_writeback(s.listed()),
    "end_writeback": lambda s: [s.machine.end_writeback(int(pfn)) for pfn in s.machine.writeback[:9]],
    "writeback": lambda s: s.machine.writeback,
    "write_congested": lambda s: setattr(s.machine, "write_congested", s.draw.random() < 0.1),
    "swap_free": lambda s: s.machine.swap_free,
    "free_swap": lambda s: s.machine.free_swap(s.number(0)),
    "note_events": lambda s: s.machine.note_events(captured=True, freed=s.draw.random() < 0.5),
    "events": lambda s: s.machine.events(),
    "kswapd": lambda s: (s.machine.kswapd.wake(s.order()), s.machine.kswapd.step(s.number(64))),
    "address": lambda s: s.machine.address,
}
REQUEST = {
    "step": lambda s: s.request.step(s.number(64)),
    "run": lambda s: s.request.run(),
    "close": lambda s: s.request.close(),
    "stats": lambda s: (s.request.stats, s.request.pfn, s.request.done, repr(s.request)),
}
KSWAPD = {
    "run": lambda s: s.machine.kswapd.run(),
    "stats": lambda s: (s.machine.kswapd.stats, s.machine.kswapd.asleep, s.machine.kswapd.order),
}
WORLDS = {
    "run": lambda s: s.world.run(s.draw.choice([5, 300])),
    "results": lambda s: (s.world.results(), s.world.faults(), s.world.slow_orders),
    "turns": lambda s: (s.world.keep_turns(), s.world.turns()),
    "passes": lambda s: (s.world.passes(), s.world.answered, s.world.now_ns),
    "totals": lambda s: s.world.totals(),
    "again": world_again,
    "zone": in_world_zone,
}
MODERN = {
    "rmqueue": lambda s: (s.new.rmqueue(s.order(), s.number(1)), s.new.rmqueue_zone(s.order(), compound=True)),
    "free": lambda s: (s.node.free_pages(s.new_pfn(), s.order()), s.node.free_one_page(s.new_pfn(), 0)),
    "free_pages": lambda s: [s.new.free_pages(p, 0) for p in s.new_pages(9)],
    "free_list": lambda s: s.new.free_list(s.new_pages(30)),
    "places": lambda s: (s.new.alloc_at(p := s.new_pfn(), s.number(0)), s.new.free_range(p, s.number(1))),
    "many": lambda s: [z.free_many((p := z.alloc_many(s.number(1500)))[p >= 0]) for z in s.modern],
    "run": lambda s: s.new.run(s.ops(3000)),
    "references": lambda s: (s.new.get_page(p := s.new_pfn()), s.new.references(p), s.new.free_pages(p, 0)),
    "blocks": lambda s: (s.new.split_page(p := s.new_pfn(), 3), s.new.join_pages(p, 3), s.new.set_lru(p, s.number(8))),
    "cpu": lambda s: (setattr(s.new, "cpu", s.number(1)), s.new.cpu, s.new.drain_pages(), s.new.drain_batch(0)),
    "pcp": lambda s: (s.new.pcp(s.number(1)), [s.new.pcp_blocks(0, k) for k in range(14)]),
    "lock_pcp": lambda s: (s.new.lock_pcp(0, s.draw.random() < 0.5), s.new.disable_pcp(s.draw.random() < 0.5)),
    "set_pcp": lambda s: s.new.set_pcp(s.number(1), high=s.number(90), batch=7, free_factor=1),
    "marks": lambda s: (s.new.set_marks([s.number(k) for k in (9, 12, 15, 18)], boost=3), s.new.balance_boost(2)),
    "watermark_fast": lambda s: (s.new.watermark_fast(s.order()), s.new.watermark_ok(s.order(), 9)),
    "set": lambda s: (
        *(s.new.set_min_free_kbytes(s.number(64)), s.new.set_pcp_high_fraction(s.number(8))),
        *(s.new.set_lowmem_ratio(0, s.number(32)), s.new.set_boost_factor(s.number(15000))),
    ),
    "isolate": lambda s: (
        s.new.isolate_range(*(b := s.new_blocks())),
        s.new.is_isolated(*b),
        s.new.undo_isolate_range(*b),
    ),
    "capture": lambda s: (s.new.arm_capture(s.order()), s.new.free_pages(s.new_pfn(), 0), s.new.end_capture()),
    "take": lambda s: (s.new.take_free_block(p := s.new_pfn()), s.new.put_free_block(p, s.order(), 1)),
    "init_cma": lambda s: s.new.init_cma(s.new_pfn()),
    "walk": lambda s: (s.new.alloc_walk(s.order()), s.new.unreserve_highatomic(1, force=True)),
    "recorded": lambda s: (
        s.new.set_free_blocks([]),  # what does not merge would contradict itself
        s.new.set_pcp_blocks(0, 1, [(p, s.number(1)) for p in s.new_pages(4)]),
    ),
    "events": lambda s: (s.new.take_events(), s.node.take_events()),
    "numbers": lambda s: (
        *((z := s.new).wmark, z.boost, z.boosted, z.wakeups, z.nr_free_cma, z.isolated_pageblocks, z.kernel, z.cma),
        *(z.fragmentation(), z.managed_pages, z.reserved_highatomic, z.reclaim_active),
        *(setattr(z, "reclaim_active", True), setattr(z, "managed_pages", s.number(2000))),
    ),
    "dump": lambda s: (s.new.canonical_dump(), s.new.free_blocks(), s.new.copy().check()),
    "newest": lambda s: (
        *((z := s.newest).rmqueue_zone(s.order()), z.free_list(z.alloc_bulk(s.number(40)))),
        *(z.set_pcp(s.number(1), high=s.number(90), flags=1, free_count=s.number(9)), z.set_cache_slice(s.number(9))),
        *(z.decay_pcp(s.number(1)), z.below_high, z.nr_free_highatomic, setattr(z, "below_high", True)),
        *(z.pcp(s.number(1)), z.canonical_dump()),
    ),
}
NODE = {
    "requests": lambda s: [
        s.node.free_pages(p, 0) for k in range(5) if (p := s.node.alloc_walk(s.number(0))) is not None
    ],
    "free_list": lambda s: s.node.free_list([*s.new_pages(9), *s.new_pages(9)]),
    "state": lambda s: (s.node.canonical_dump(), s.node.cpu, repr(s.node), s.node.zone_of(s.new_pfn())),
    "set": lambda s: (
        *(s.node.set_min_free_kbytes(s.number(64)), s.node.set_pcp_high_fraction(s.number(8))),
        *(s.node.set_lowmem_ratio(0, s.number(32)), s.node.set_boost_factor(s.number(15000))),
        *(s.node.unreserve_highatomic(), setattr(s.node, "cpu", s.number(1)), s.node.drain_pages(), s.node.check()),
    ),
    "blocks": lambda s: (
        *(s.node.get_page(p := s.new_pfn()), s.node.split_page(p, 3), s.node.join_pages(p, 3), s.node.set_lru(p, 2)),
        *(s.node.take_free_block(p), s.node.put_free_block(p, 0, 1), s.node.init_cma(p), s.node.end_capture()),
    ),
    "isolate": lambda s: (
        *(s.node.isolate_range(*(b := s.new_blocks())), s.node.is_isolated(*b), s.node.undo_isolate_range(*b)),
    ),
}
COMPACTION = {
    "compaction": lambda s: (
        *((c := s.new.compaction).suitable(s.number(9)), c.fragmentation_index(9), c.score(), c.deferred(s.number(4))),
        *(c.state(), c.skip, c.vmstat(), repr(c), c.is_held(p := s.held_pfn()), c.is_isolated(p)),
        c.is_promising(s.number(4)),
    ),
    "set": lambda s: (
        *((c := s.new.compaction).defer(9), c.defer_reset(s.number(9), True), c.reset_skip()),
        *(c.set_state(cached_free=s.new_pfn(), blockskip_flush=True), setattr(c, "skip", c.skip[::-1])),
    ),
    "pages": lambda s: [
        s.new.compaction.set_page_flags(s.new_pfn(), s.draw.choice(MARKS_61)),
        s.new.compaction.release(s.held_pfn()),
        s.new.compaction.make_compound(s.draw.randrange(256) << 4, s.number(3)),
    ],
    "held": lambda s: s.draw.choice([s.node.free_pages, s.node.free_one_page, s.node.set_lru, s.node.join_pages])(
        s.held_pfn(), s.number(1)
    ),
    "begin": begin_run,
    "step": lambda s: (s.run.step(s.number(s.draw.choice([1, 40, 900]))), s.run.stats, s.run.result, s.run.pfn),
    "attempt": at_attempt,
    "interrupt": lambda s: s.run.interrupt(s.held_pfn()),
    "run": lambda s: s.run.run(),
    "close": lambda s: (s.run.close(), s.run.done, repr(s.run)),
    "begin_range": begin_range,
    "range": lambda s: (s.range.step(s.number(s.draw.choice([1, 40, 900]))), s.range.stats, s.range.result),
    "run_range": lambda s: (s.range.run(), s.range.done, repr(s.range), s.range.start, s.range.pages),
    "close_range": lambda s: s.range.close(),
    "alloc_contig": lambda s: s.draw.choice([s.new, s.node, s.modern_machine]).alloc_contig(s.new_pfn(), s.number(99)),
    "away_and_back": away_and_back,
    "contiguous": contiguous,
    "area": lambda s: s.area and (s.area.start, s.area.pages, s.area.used, s.area.refusals, repr(s.area)),
    "node": lambda s: (
        *(s.node.fragmentation_score(), s.node.kcompactd_suitable(s.number(4))),
        s.node.should_compact_proactively(s.number(20)),
    ),
}
MODERN_MACHINE = {
    "request": begin_modern_request,
    "step": lambda s: (
        s.modern_request.step(s.number(64)),
        s.modern_request.stats,
        s.modern_request.attempt,
        s.modern_request.stage,
    ),
    "answer": lambda s: s.modern_request.answer(s.draw.choice([None, "moves", "eagain", "ebusy"])),
    "interrupt": lambda s: s.modern_request.interrupt(s.held_pfn()),
    "reclaimed": lambda s: s.modern_request.reclaimed(s.number(3)),
    "run": lambda s: s.modern_request.run(),
    "close": lambda s: s.modern_request.close(),
    "filled": filled,
    "alloc_pages": lambda s: s.modern_machine.alloc_pages(s.draw.choice([0, 2, 4]), s.gfp.HIGHUSER_MOVABLE),
    "free_pages": lambda s: s.modern_machine.free_pages(s.held_pfn(), 0),
    "release": lambda s: s.modern_machine.release(s.held_pfn()),
    "kswapd": lambda s: ((k := s.modern_machine.kswapd).wake(s.number(4)), k.step(s.number(64)), k.run()),
    "kcompactd": lambda s: ((k := s.modern_machine.kcompactd).wake(s.number(4)), k.step(s.number(64)), k.stats),
    "events": lambda s: s.modern_machine.events(),
}
TRACES = {
    "load": lambda s: s.follower.load(0, np.ones(PAGES, np.uint8)),
    "guess_compaction": lambda s: s.follower.guess_compaction(0, np.full(PAGES >> 9, 2, np.uint8)),
    "block_types": lambda s: s.follower.block_types(0),
    "hints": lambda s: s.follower.hints(s.events),
    "follow": lambda s: s.follower.follow(s.events, s.hints(), 0, 1 << 60),
    "nr_free": lambda s: (s.follower.nr_free(0), s.follower.mixed_pageblocks(0)),
    "states": lambda s: (s.follower.states(0), s.follower.causes(0)),
    "are_free": lambda s: s.follower.are_free(0, np.arange(64)),
    "oddities": lambda s: s.follower.oddities(),
    "match_requests": lambda s: match_requests(s.events, [(0, s.number(PAGES))]),
    "scan": scan,
    "texts": lambda s: (s.scanner.texts(0), s.scanner.counted()),
    "read": read,
    "spoil": spoil,
}
OPERATIONS = {
    f"{kind}.{name}": operation
    for kind, table in (
        ("zone", ZONE),
        ("capture", CAPTURE),
        ("machine", MACHINE),
        ("request", REQUEST),
        ("kswapd", KSWAPD),
        ("world", WORLDS),
        ("modern", MODERN),
        ("node", NODE),
        ("compaction", COMPACTION),
        ("modern_machine", MODERN_MACHINE),
        ("trace", TRACES),
    )
    for name, operation in table.items()
}
NAMES = list(OPERATIONS)
