"""Do the cores of Linux 6.1 and 6.12 and their twins stay the same, whatever is done to them?

Hypothesis makes a small node and plays random operations, all that the vectors know, on both; after every one the
results, the events, the whole state and the invariants must hold.
"""

from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule

import buddycap
from reference.linux_6.isolation import down, up
from reference.linux_6_1 import zone as twin_61
from reference.linux_6_12 import zone as twin_612

EVENT_ROOM = 1 << 16
HIGHATOMIC, CMA = 3, 4
STARTS = (0, 100, 4096, 32256, 40960)

indices = st.integers(0, 2**16)
orders = st.integers(0, 10)
types = st.integers(0, 2)
alloc_flags = st.sampled_from([0, 1, 2, 0x800, 0x100, 0x900, 0x80, 0x980, 0x200, 0x220, 0x08, 0x10, 0x04, 0x20, 0x30])
classes = st.integers(0, 4)
switches = st.booleans()


@st.composite
def zone_arguments(draw, idx, start):
    """(positional, keyword) arguments of a zone of up to five pageblocks."""
    spanned = draw(st.integers(64, 1100) | st.integers(2048, 2600))
    end = start + spanned
    present = [(start, end)]
    if draw(st.booleans()):
        hole = draw(st.integers(start + 1, end - 1))
        present = [(start, hole), (min(hole + draw(st.integers(1, 300)), end - 1), end)]
    return (start, spanned), {"present_ranges": present, "zone_idx": idx}


@st.composite
def node_arguments(draw):
    """Arguments of the zones, of both kinds of classes, and those of the node."""
    start = draw(st.sampled_from(STARTS))
    first, count = draw(st.integers(0, 2)), draw(st.integers(1, 2))
    zones = []
    for idx in range(first, first + count):
        arguments = draw(zone_arguments(idx, start))
        zones.append(arguments)
        (start, spanned), _ = arguments
        start = (start + spanned + 1023) // 1024 * 1024
    common = {
        "cpus": draw(st.integers(1, 2)),
        "group_by_mobility": draw(st.booleans() | st.just(True)),
        "cma": draw(st.booleans()),
        "watermark_boost_factor": draw(st.sampled_from([15000, 0, 500])),
    }
    return zones, common, {"min_free_kbytes": draw(st.integers(0, 1000))}


class CoreAndTwin(RuleBasedStateMachine):
    """A core and a twin in step, with the blocks in use: first page -> [order, references, compound]."""

    kernel, twins, list_room = "6.1", twin_61, 200

    @initialize(arguments=node_arguments())
    def make_nodes(self, arguments):
        zones, common, of_node = arguments
        self.core, self.twin = (
            module.Node(
                [module.Zone(*args, kernel=self.kernel, **keywords, **common) for args, keywords in zones],
                events=EVENT_ROOM,
                lowmem_reserve_ratio=(256, 256, 32, 0, 0),
                **of_node,
            )
            for module in (buddycap, self.twins)
        )
        self.cpus, self.with_cma = common["cpus"], common["cma"]
        self.held = {}
        self.borrowed = []
        self.armed = None
        self.off = set()

    # Both do the same

    def both(self, name, *args, **keywords):
        """Call a method of both nodes; the results are the same."""
        expected = getattr(self.twin, name)(*args, **keywords)
        assert getattr(self.core, name)(*args, **keywords) == expected
        return expected

    def of_zone(self, index, name, *args, **keywords):
        """Call a method of a zone of both nodes; the results are the same."""
        number = index % len(self.twin.zones)
        expected = getattr(self.twin.zones[number], name)(*args, **keywords)
        found = getattr(self.core.zones[number], name)(*args, **keywords)
        assert (list(found) if isinstance(expected, list) else found) == expected
        return expected

    def keep(self, pfn, order, compound=False):
        """Note a block that both gave, if they gave one."""
        if pfn is not None:
            self.held[pfn] = [order, 1, compound]

    def pick(self, index, wanted=lambda block: True):
        """Some block in use that is as wanted, or None."""
        found = [pfn for pfn, block in self.held.items() if wanted(block)]
        return found[index % len(found)] if found else None

    def holds(self):
        return bool(self.held)

    def may_be_listed(self, order, references, compound):
        """Whether a block may be freed with others."""
        return (order, references) == (0, 1)

    # Allocation

    @rule(zone=indices, order=orders, kind=types, flags=alloc_flags, compound=switches, count=st.integers(1, 30))
    def rmqueue_zone(self, zone, order, kind, flags, compound, count):
        compound = compound and order > 0
        for _ in range(count):
            self.keep(self.of_zone(zone, "rmqueue_zone", order, kind, flags, compound=compound), order, compound)

    @rule(zone=indices, order=orders, kind=types, flags=alloc_flags, count=st.integers(1, 30))
    def rmqueue(self, zone, order, kind, flags, count):
        for _ in range(count):
            self.keep(self.of_zone(zone, "rmqueue", order, kind, flags), order)

    @rule(order=orders, kind=types, flags=alloc_flags, highest=classes, atomic=switches, count=st.integers(1, 10))
    def alloc_walk(self, order, kind, flags, highest, atomic, count):
        for _ in range(count):
            self.keep(self.both("alloc_walk", order, kind, flags, classzone_idx=highest, atomic=atomic), order)

    @rule(zone=indices, n=st.integers(1, 600), kind=types, flags=alloc_flags)
    def alloc_bulk(self, zone, n, kind, flags):
        for pfn in self.of_zone(zone, "alloc_bulk", n, kind, flags):
            self.keep(pfn, 0)

    # Free

    @precondition(holds)
    @rule(index=indices, count=st.integers(1, 30))
    def free_pages(self, index, count):
        for _ in range(min(count, len(self.held))):
            pfn = self.pick(index)
            order, references, compound = self.held[pfn]
            self.both("free_pages", pfn, order)
            if references == 1:
                del self.held[pfn]
            else:
                self.held[pfn] = [order if compound else 0, references - 1, compound]

    @precondition(holds)
    @rule(index=indices, count=st.integers(1, 30))
    def free_one_page(self, index, count):
        for _ in range(count):
            pfn = self.pick(index, lambda block: block[1] == 1)
            if pfn is not None:
                self.both("free_one_page", pfn, self.held.pop(pfn)[0])

    @precondition(holds)
    @rule(index=indices, count=st.integers(1, 200), step=st.integers(1, 3))
    def free_list(self, index, count, step):
        singles = [pfn for pfn, block in self.held.items() if self.may_be_listed(*block)]
        pfns = singles[index % max(len(singles), 1) :: step][: min(count, self.list_room)]
        for pfn in pfns:
            del self.held[pfn]
        self.both("free_list", pfns)

    @precondition(holds)
    @rule(index=indices)
    def get_page(self, index):
        pfn = self.pick(index)
        self.both("get_page", pfn)
        self.held[pfn][1] += 1

    @precondition(holds)
    @rule(index=indices)
    def split_page(self, index):
        pfn = self.pick(index, lambda block: block[1] == 1 and not block[2])
        if pfn is not None:
            order = self.held[pfn][0]
            self.both("split_page", pfn, order)
            self.held.update({page: [0, 1, False] for page in range(pfn, pfn + (1 << order))})

    @precondition(holds)
    @rule(index=indices, value=switches, count=st.integers(1, 40))
    def set_lru(self, index, value, count):
        """Compound blocks larger than a pageblock are left alone: nothing is recorded of such across a border."""
        for k in range(count):
            pfn = self.pick(index + k)
            order, _, compound = self.held[pfn]
            if not compound or order < 10:
                self.both("set_lru", pfn, 1 if compound else 1 << order, value)

    # Per-CPU lists

    @rule(cpu=indices)
    def set_cpu(self, cpu):
        self.core.cpu = self.twin.cpu = cpu % self.cpus

    @rule(zone=indices, cpu=indices, locked=switches)
    def lock_pcp(self, zone, cpu, locked):
        self.of_zone(zone, "lock_pcp", cpu % self.cpus, locked)

    @rule(zone=indices, cpu=st.none() | st.just(0))
    def drain_pages(self, zone, cpu):
        self.of_zone(zone, "drain_pages", cpu)

    @rule(zone=indices, cpu=indices)
    def drain_batch(self, zone, cpu):
        self.of_zone(zone, "drain_batch", cpu % self.cpus)

    @rule(zone=indices)
    def disable_pcp(self, zone):
        number = zone % len(self.twin.zones)
        self.of_zone(zone, "disable_pcp", number not in self.off)
        self.off ^= {number}

    # Marks

    @rule(
        zone=indices,
        order=orders,
        slack=st.integers(-5, 5),
        share=st.sampled_from([1, 2, 3 / 2, 4 / 3]),
        highest=classes,
        flags=alloc_flags,
    )
    def watermark_ok(self, zone, order, slack, share, highest, flags):
        free = self.twin.zones[zone % len(self.twin.zones)].nr_free_pages
        mark = max(0, int((free - (1 << order)) * share) + slack)
        self.of_zone(zone, "watermark_ok", order, mark, classzone_idx=highest, alloc_flags=flags)

    @rule(zone=indices, order=orders, highest=classes, flags=alloc_flags, atomic=switches)
    def watermark_fast(self, zone, order, highest, flags, atomic):
        self.of_zone(zone, "watermark_fast", order, classzone_idx=highest, alloc_flags=flags, atomic=atomic)

    @precondition(lambda self: not self.off)
    @rule(kb=st.integers(0, 4000), scale=st.sampled_from([10, 150, 1000]))
    def set_min_free_kbytes(self, kb, scale):
        self.both("set_min_free_kbytes", kb, scale)

    @precondition(lambda self: not self.off)
    @rule(fraction=st.sampled_from([0, 8, 50, 1000]))
    def set_pcp_high_fraction(self, fraction):
        self.both("set_pcp_high_fraction", fraction)

    @rule(idx=st.integers(0, 3), ratio=st.sampled_from([0, 1, 32, 256]))
    def set_lowmem_ratio(self, idx, ratio):
        self.both("set_lowmem_ratio", idx, ratio)

    @rule(factor=st.sampled_from([0, 1, 500, 15000, 40000]))
    def set_boost_factor(self, factor):
        self.both("set_boost_factor", factor)

    @rule(zone=indices, active=switches)
    def reclaim_active(self, zone, active):
        for node in (self.core, self.twin):
            node.zones[zone % len(node.zones)].reclaim_active = active

    @rule(zone=indices, pages=st.integers(0, 1000))
    def balance_boost(self, zone, pages):
        self.of_zone(zone, "balance_boost", pages)

    @rule(kind=types, highest=classes, force=switches)
    def unreserve_highatomic(self, kind, highest, force):
        self.both("unreserve_highatomic", kind, classzone_idx=highest, force=force)

    @rule(zone=indices)
    def fragmentation(self, zone):
        self.of_zone(zone, "fragmentation")

    # Capture, borrowed blocks, isolation

    @precondition(lambda self: self.armed is None)
    @rule(zone=indices, order=st.integers(1, 9), kind=types)
    def arm_capture(self, zone, order, kind):
        self.of_zone(zone, "arm_capture", order, kind)
        self.armed = order

    @precondition(lambda self: self.armed is not None)
    @rule()
    def end_capture(self):
        self.keep(self.both("end_capture"), self.armed)
        self.armed = None

    @rule(zone=indices, index=indices)
    def take_free_block(self, zone, index):
        blocks = self.twin.zones[zone % len(self.twin.zones)].free_blocks()
        if blocks:
            pfn, order, _ = blocks[index % len(blocks)]
            if self.both("take_free_block", pfn):
                self.borrowed.append((pfn, order))

    @precondition(lambda self: self.borrowed)
    @rule(index=indices)
    def put_free_block(self, index):
        pfn, order = self.borrowed.pop(index % len(self.borrowed))
        self.both("put_free_block", pfn, order, self.twin.pages.get_pageblock_migratetype(pfn))

    @rule(
        zone=indices,
        first=indices,
        count=st.integers(1, 900),
        kind=types | st.just(CMA),
        what=st.sampled_from(["isolate_range", "undo_isolate_range", "is_isolated"]),
    )
    def isolate(self, zone, first, count, kind, what):
        """Only whole pageblocks: nothing is recorded of those that cross a border of the zone."""
        chosen = self.twin.zones[zone % len(self.twin.zones)]
        zone_end = chosen.start_pfn + chosen.spanned_pages
        start = chosen.start_pfn + first % chosen.spanned_pages
        end = min(start + count, zone_end)
        if chosen.start_pfn <= down(self.twin.pages, start) and up(self.twin.pages, end) <= zone_end:
            kind = kind if self.with_cma else kind % CMA
            self.both(what, start, end, *([] if what == "is_isolated" else [kind]))

    # The whole

    @invariant()
    def same_events(self):
        assert [tuple(event) for event in self.core.take_events()] == self.twin.take_events()

    @invariant()
    def same_state(self):
        assert self.core.canonical_dump().splitlines() == self.twin.canonical_dump().splitlines()

    @invariant()
    def sound(self):
        self.core.check()


class CoreAndTwin612(CoreAndTwin):
    """Those of Linux 6.12, which has more to do."""

    kernel, twins, list_room = "6.12", twin_612, 31

    def may_be_listed(self, order, references, compound):
        """Whether a block may be freed with others: compound ones, too."""
        return references == 1 and (order == 0 or compound)

    @rule(zone=indices, cpu=indices)
    def decay(self, zone, cpu):
        self.of_zone(zone, "decay_pcp", cpu % self.cpus)

    @rule(zone=indices, below=switches)
    def below_high(self, zone, below):
        for node in (self.core, self.twin):
            node.zones[zone % len(node.zones)].below_high = below

    @rule(size=st.sampled_from([0, 12288, 16384, 1 << 20]))
    def cache_slice(self, size):
        for zone in self.core.zones:
            zone.set_cache_slice(size)
        self.twin.set_cache_slice(size)

    @precondition(lambda self: self.borrowed)
    @rule(index=indices, kind=types | st.just(HIGHATOMIC))
    def put_free_block_elsewhere(self, index, kind):
        """As one of a type that its pageblocks may not have."""
        pfn, order = self.borrowed.pop(index % len(self.borrowed))
        self.both("put_free_block", pfn, order, kind)


TestCoreAndTwin = CoreAndTwin.TestCase
TestCoreAndTwin612 = CoreAndTwin612.TestCase
TestCoreAndTwin.settings = TestCoreAndTwin612.settings = settings(max_examples=settings().max_examples // 5)
