"""Do the core and the reference twin stay the same, whatever is done to them?

Hypothesis makes a small zone and plays random operations on both; after every one the results, the whole state and the
invariants must hold. `HYPOTHESIS_PROFILE=soak` searches for hours.
"""

from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule

import buddycap
from reference import model

MAX_CAPTURE_LISTS = 3

indices = st.integers(0, 2**16)
orders = st.integers(0, 12)
migratetypes = st.sampled_from([model.UNMOVABLE, model.RECLAIMABLE, model.MOVABLE])
alloc_flags = st.integers(0, 0x7F)
classzones = st.integers(0, 3)
kilobytes = st.integers(0, 1200)


@st.composite
def present_ranges(draw, start, spanned):
    """One to three ranges with holes around and between them, or None."""
    end = start + spanned
    cuts = draw(st.lists(st.integers(start, end), min_size=2, max_size=6, unique=True).map(sorted))
    return draw(st.none() | st.just(list(zip(cuts[::2], cuts[1::2], strict=False))))


@st.composite
def zone_arguments(draw):
    """(positional, keyword) arguments of a small zone."""
    start = draw(st.integers(0, 1200) | st.integers(0, 2**30))
    spanned = draw(st.integers(1, 600))
    ranges = draw(present_ranges(start, spanned))
    present = sum(end - first for first, end in ranges) if ranges else spanned
    max_page_order = draw(st.integers(3, 12))
    zone_idx = draw(st.integers(0, 3))
    node_present = draw(st.lists(st.integers(0, 4000), min_size=4, max_size=4))
    node_present[zone_idx] = present
    keywords = {
        "present_ranges": ranges,
        "max_page_order": max_page_order,
        "pageblock_order": draw(st.integers(2, min(5, max_page_order)) | st.integers(2, max_page_order)),
        "zone_idx": zone_idx,
        "node_present_pages": draw(st.none() | st.just(tuple(node_present))),
        "lowmem_reserve_ratio": draw(st.just((256, 256, 32, 32)) | st.tuples(*[st.integers(1, 300)] * 4)),
        "min_free_kbytes": draw(st.none() | st.just(0) | kilobytes),
        "cpus": draw(st.integers(1, 2)),
        "pageblock_index": draw(st.sampled_from(["absolute", "zone_relative"])),
        "pcp_bulk_cold": draw(st.booleans()),
    }
    if draw(st.booleans()):
        keywords["pcp_batch"] = draw(st.integers(1, 8))
        keywords["pcp_high"] = draw(st.integers(keywords["pcp_batch"], 30))
    return (start, spanned), keywords


class CoreAndTwin(RuleBasedStateMachine):
    """A core and a twin in step, with the blocks in use and the capture lists of both."""

    def teardown(self):
        """Whatever was done to a copy, the original is as it was."""
        for core, dump in getattr(self, "left_behind", []):
            assert core.canonical_dump() == dump
            core.check()

    @initialize(arguments=zone_arguments(), capture_lists=st.integers(0, 2))
    def make_zones(self, arguments, capture_lists):
        args, keywords = arguments
        self.core = buddycap.Zone(*args, **keywords)
        self.twin = model.Zone(*args, **keywords)
        self.max_page_order = keywords["max_page_order"]
        self.cpus = keywords["cpus"]
        self.held = []
        self.left_behind = []
        self.lists = [(self.core.capture_list(), self.twin.capture_list()) for _ in range(capture_lists)]

    # Blocks in use

    def holds_blocks(self):
        return bool(self.held)

    def holds_pages(self):
        return any(order == 0 for _, order in self.held)

    def keep(self, pfn, order):
        """Note a block that both gave, if they gave one."""
        if pfn is not None:
            self.held.append((pfn, order))

    def take_page(self, index):
        """Some single page in use, no longer noted."""
        page = [block for block in self.held if block[1] == 0][index % self.count_pages()]
        self.held.remove(page)
        return page[0]

    def count_pages(self):
        return sum(order == 0 for _, order in self.held)

    def take_blocks(self, index, step):
        """Every `step`-th block in use, no longer noted."""
        taken = self.held[index % len(self.held) :: step]
        self.held = [block for block in self.held if block not in set(taken)]
        return taken

    def rmqueue_both(self, order, migratetype):
        pfn = self.twin.rmqueue(order, migratetype)
        assert self.core.rmqueue(order, migratetype) == pfn
        self.keep(pfn, order)
        return pfn

    # The zone's own operations

    @rule(order=orders, migratetype=migratetypes)
    def rmqueue(self, order, migratetype):
        self.rmqueue_both(min(order, self.max_page_order), migratetype)

    @rule(order=st.integers(0, 4), migratetype=migratetypes, count=st.integers(1, 50) | st.just(600))
    def rmqueue_many(self, order, migratetype, count):
        for _ in range(count):
            if self.rmqueue_both(min(order, self.max_page_order), migratetype) is None:
                break

    @precondition(holds_blocks)
    @rule(index=indices)
    def free_one_page(self, index):
        pfn, order = self.held.pop(index % len(self.held))
        self.core.free_one_page(pfn, order)
        self.twin.free_one_page(pfn, order)

    @precondition(holds_blocks)
    @rule(index=indices, step=st.integers(1, 5))
    def free_some(self, index, step):
        for pfn, order in self.take_blocks(index, step):
            self.core.free_one_page(pfn, order)
            self.twin.free_one_page(pfn, order)

    @precondition(holds_blocks)
    @rule(index=indices)
    def split_page(self, index):
        pfn, order = self.held.pop(index % len(self.held))
        self.core.split_page(pfn, order)
        self.twin.split_page(pfn, order)
        self.held += [(page, 0) for page in range(pfn, pfn + (1 << order))]

    @rule(kb=kilobytes)
    def set_min_free_kbytes(self, kb):
        for zone in (self.core, self.twin):
            zone.set_min_free_kbytes(kb)

    @rule(
        order=orders | st.just(0),
        slack=st.integers(-12, 3),
        share=st.sampled_from([1, 3 / 4, 1 / 2, 3 / 8]),
        classzone_idx=classzones,
        flags=alloc_flags,
    )
    def watermark_ok(self, order, slack, share, classzone_idx, flags):
        """Around the mark at which the answer changes, for each share of it that the flags leave."""
        order = min(order, self.max_page_order)
        mark = max(0, int((self.twin.nr_free_pages + slack) / share))
        expected = self.twin.watermark_ok(order, mark, classzone_idx=classzone_idx, alloc_flags=flags)
        assert self.core.watermark_ok(order, mark, classzone_idx=classzone_idx, alloc_flags=flags) == expected

    # Per-CPU lists

    @rule(migratetype=migratetypes, cold=st.booleans(), cpu=indices, count=st.integers(1, 10))
    def rmqueue_pcplist(self, migratetype, cold, cpu, count):
        for _ in range(count):
            pfn = self.twin.rmqueue_pcplist(migratetype, cold=cold, cpu=cpu % self.cpus)
            assert self.core.rmqueue_pcplist(migratetype, cold=cold, cpu=cpu % self.cpus) == pfn
            self.keep(pfn, 0)

    @precondition(holds_pages)
    @rule(index=indices, cold=st.booleans(), cpu=indices, count=st.integers(1, 10))
    def free_hot_cold_page(self, index, cold, cpu, count):
        for _ in range(min(count, self.count_pages())):
            pfn = self.take_page(index)
            self.core.free_hot_cold_page(pfn, cold=cold, cpu=cpu % self.cpus)
            self.twin.free_hot_cold_page(pfn, cold=cold, cpu=cpu % self.cpus)

    @rule(cpu=indices)
    def drain_pages(self, cpu):
        self.core.drain_pages(cpu=cpu % self.cpus)
        self.twin.drain_pages(cpu=cpu % self.cpus)

    # Capture lists

    @precondition(lambda self: len(self.lists) < MAX_CAPTURE_LISTS)
    @rule(private=st.booleans(), release_order=st.none() | orders, trim=st.booleans())
    def capture_list(self, private, release_order, trim):
        rules = {"private": private}
        if release_order is not None:
            rules |= {"release_order": min(release_order, self.max_page_order), "trim": trim}
        self.lists.append((self.core.capture_list(**rules), self.twin.capture_list(**rules)))

    @precondition(lambda self: self.held and self.lists)
    @rule(which=indices, index=indices, step=st.integers(1, 50))
    def capture_some(self, which, index, step):
        lists = self.lists[which % len(self.lists)]
        for pfn, order in self.take_blocks(index, step):
            for capture_list in lists:
                capture_list.capture_one_page(pfn, order)

    @precondition(lambda self: self.held and self.lists)
    @rule(index=indices, count=st.integers(1, 64), run=st.integers(1, 4))
    def capture_in_turn(self, index, count, run):
        """Neighbours go to different lists: a few to each in turn, by address."""
        dealt = sorted(self.held)[index % len(self.held) :][:count]
        self.held = [block for block in self.held if block not in set(dealt)]
        for turn, (pfn, order) in enumerate(dealt):
            for capture_list in self.lists[turn // run % len(self.lists)]:
                capture_list.capture_one_page(pfn, order)

    @precondition(lambda self: self.lists)
    @rule(which=indices, order=orders, slack=st.integers(-6, 2), classzone_idx=classzones, hold=st.booleans())
    def capture_at_the_watermark(self, which, order, slack, classzone_idx, hold):
        """With pages_min about what will be free when all but 2^order pages have been given back."""
        captured = sum(1 << block_order for _, block_order in self.lists[which % len(self.lists)][1].blocks())
        pages_min = max(0, self.twin.nr_free_pages + captured - (1 << order) + slack)
        self.set_min_free_kbytes(4 * pages_min * self.twin.lowmem_pages // self.twin.present_pages)
        self.capture_alloc_or_return(which, order, model.WMARK_MIN, classzone_idx, hold)

    @precondition(lambda self: self.lists)
    @rule(
        which=indices,
        order=orders,
        flags=st.just(model.NO_WATERMARKS) | alloc_flags,
        classzone_idx=classzones,
        hold=st.booleans(),
    )
    def capture_alloc_or_return(self, which, order, flags, classzone_idx, hold):
        core_list, twin_list = self.lists[which % len(self.lists)]
        order = min(order, self.max_page_order)
        options = {"alloc_flags": flags, "classzone_idx": classzone_idx, "hold": hold}
        pfn = twin_list.capture_alloc_or_return(order, **options)
        assert core_list.capture_alloc_or_return(order, **options) == pfn
        self.keep(pfn, order)

    @precondition(lambda self: self.lists)
    @rule(which=indices)
    def close(self, which):
        for capture_list in self.lists.pop(which % len(self.lists)):
            with capture_list:
                pass

    # The whole

    @rule()
    def go_on_with_copies(self):
        self.left_behind.append((self.core, self.core.canonical_dump()))
        self.core, self.twin = self.core.copy(), self.twin.copy()
        self.lists = list(zip(self.core.capture_lists(), self.twin.capture_lists(), strict=True))

    @invariant()
    def same_state(self):
        assert self.core.canonical_dump().splitlines() == self.twin.canonical_dump().splitlines()

    @invariant()
    def same_satisfaction(self):
        assert [core.sated for core, _ in self.lists] == [twin.sated for _, twin in self.lists]

    @invariant()
    def same_marks(self):
        for name in ("pages_min", "pages_low", "pages_high"):
            assert getattr(self.core, name) == getattr(self.twin, name)
        assert list(self.core.lowmem_reserve) == list(self.twin.lowmem_reserve)

    @invariant()
    def sound(self):
        self.core.check()
        self.twin.check()


TestCoreAndTwin = CoreAndTwin.TestCase
