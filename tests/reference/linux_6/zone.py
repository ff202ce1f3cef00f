"""The twin as a user sees it: `Zone` and `Node`, with the names that the compiled ones have.

A zone is a node of one, until `Node` makes them one. No page is None. Each kernel has a class with what is its own.
"""

import copy

from buddycap import MisuseError

from . import buddy, isolation, marks, pcp
from .state import MAX_PAGE_ORDER, MOVABLE, NODE_ZONES, PAGEBLOCK_ORDER, PAGEBLOCK_PAGES


def of_state(name, settable=False):
    """A property of a zone that its state has under this name."""

    def get(zone):
        return getattr(zone.state, name)

    def put(zone, value):
        setattr(zone.state, name, value)

    return property(get, put if settable else None)


class Node:
    """Several zones with one page map."""

    def __init__(self, zones, *, min_free_kbytes=None, watermark_scale_factor=10, lowmem_reserve_ratio=None, events=0):
        self.zones = sorted(zones, key=lambda zone: zone.zone_idx)
        self.pages = self.zones[0].pages
        for zone in self.zones[1:]:
            for part in self.pages.PARTS:
                getattr(self.pages, part).update(getattr(zone.pages, part))
            self.pages.zones[zone.zone_idx] = zone.state
            zone.pages = zone.state.node = self.pages
        if lowmem_reserve_ratio is not None:
            self.pages.lowmem_ratio = list(lowmem_reserve_ratio)
        marks.setup_per_zone_lowmem_reserve(self.pages)
        self.set_min_free_kbytes(self.sizes(min_free_kbytes), watermark_scale_factor)

    def sizes(self, kb):
        """`kb`, or what the kernel computes if there is none."""
        if kb is not None:
            return kb
        managed = [self.pages.zones[idx].managed if idx in self.pages.zones else 0 for idx in range(NODE_ZONES)]
        return marks.default_min_free_kbytes(marks.nr_free_buffer_pages(managed, [[0] * 4] * NODE_ZONES))

    @property
    def cpu(self):
        """The current CPU."""
        return self.pages.cpu

    @cpu.setter
    def cpu(self, cpu):
        self.pages.cpu = cpu

    @property
    def pgfree(self):
        """Pages freed, as the kernel counts them."""
        return self.pages.pgfree

    @property
    def wakeups(self):
        """Times that kswapd was woken because of a boost."""
        return self.pages.wakeups

    def copy(self):
        """An independent node in the same state."""
        return copy.deepcopy(self)

    def take_events(self):
        """What has been told since the last time."""
        events = [tuple(event) for event in self.pages.events]
        self.pages.events.clear()
        return events

    def canonical_dump(self):
        """The state as text."""
        return self.pages.canonical_dump()

    # Pages

    def check_in_use(self, pfns):
        """Refuse what nobody holds."""
        for pfn in pfns:
            if not self.pages.refs.get(pfn):
                raise MisuseError(f"pfn {pfn} is not in use")

    def alloc_walk(self, order, migratetype, alloc_flags, *, classzone_idx, atomic=False):
        """A block from the first zone, downwards, that may give one."""
        kind = self.pages.requested(migratetype)
        return marks.get_page_from_freelist(self.pages, order, kind, alloc_flags, classzone_idx, atomic)

    def free_pages(self, pfn, order):
        """Drop a reference."""
        self.check_in_use([pfn])
        pcp.free_pages(self.pages, pfn, order)

    def free_one_page(self, pfn, order):
        """Free a block past the per-CPU lists."""
        self.check_in_use([pfn])
        pcp.free_pages_ok(self.pages.link[pfn], pfn, order)

    def free_list(self, pfns):
        """Free single pages together."""
        self.check_in_use(pfns)
        self.pages.kernel.free_unref_page_list(self.pages, pfns)

    def get_page(self, pfn):
        """One more reference."""
        self.pages.refs[pfn] += 1

    def split_page(self, pfn, order):
        """Make a block single pages."""
        for page in range(pfn, pfn + (1 << order)):
            self.pages.refs[page] = 1
            self.pages.compound.pop(page, None)

    def join_pages(self, pfn, order):
        """Make single pages a block."""
        self.check_in_use(range(pfn, pfn + (1 << order)))
        for page in range(pfn + 1, pfn + (1 << order)):
            del self.pages.refs[page]

    def set_lru(self, pfn, n, lru=True):
        """Mark pages as being on an LRU list."""
        (self.pages.lru.update if lru else self.pages.lru.difference_update)(range(pfn, pfn + n))

    # Sizes

    def set_min_free_kbytes(self, kb, watermark_scale_factor=None):
        """New marks, and sizes of the per-CPU lists."""
        if watermark_scale_factor is not None:
            self.pages.scale = watermark_scale_factor
        marks.setup_per_zone_wmarks(self.pages, kb, self.pages.scale)

    def set_pcp_high_fraction(self, fraction):
        """Size the per-CPU lists by the zone, or by its marks (0)."""
        self.pages.percpu_fraction = fraction
        marks.zone_set_pageset_high_and_batch(self.pages)

    def set_lowmem_ratio(self, zone_idx, ratio):
        """New reserves."""
        self.pages.lowmem_ratio[zone_idx] = ratio
        marks.setup_per_zone_lowmem_reserve(self.pages)

    def set_boost_factor(self, factor):
        """How far a fallback raises the marks."""
        self.pages.boost_factor = factor

    # Blocks that are kept, borrowed and isolated

    def unreserve_highatomic(self, migratetype, *, classzone_idx, force=False):
        """Give up a reserved pageblock."""
        kind = self.pages.requested(migratetype)
        return buddy.unreserve_highatomic_pageblock(self.pages, kind, classzone_idx, force)

    def end_capture(self):
        """The block that was captured, if one was."""
        capture, self.pages.capture = self.pages.capture, None
        if capture.page is not None:
            self.pages.prep_new_page(capture.page, capture.order)
        return capture.page

    def take_free_block(self, pfn):
        """Borrow a free block: its pages, or 0."""
        return self.pages.kernel.isolate_free_page(self.pages, pfn)

    def put_free_block(self, pfn, order, migratetype):
        """Give it back."""
        isolation.putback_isolated_page(self.pages, pfn, order, migratetype)

    def isolate_range(self, start, end, migratetype):
        """Isolate all pageblocks of a range; whether they could be."""
        return isolation.start_isolate_page_range(self.pages, start, end, migratetype)

    def undo_isolate_range(self, start, end, migratetype):
        """End their isolation."""
        isolation.undo_isolate_page_range(self.pages, start, end, migratetype)

    def is_isolated(self, start, end):
        """Whether a range is isolated and free."""
        return isolation.test_pages_isolated(self.pages, start, end)

    def init_cma(self, pfn):
        """Make a reserved pageblock one for CMA."""
        pages = self.pages
        pages.release_reserved(pfn, pfn + PAGEBLOCK_PAGES)
        pages.set_pageblock_migratetype(pfn, pages.cma)
        pcp.free_the_page(pages, pfn, PAGEBLOCK_ORDER)
        pages.link[pfn].managed += PAGEBLOCK_PAGES


class Zone(Node):
    """One zone; with `populate=False` every present page is an allocated single page."""

    VERSION, KERNEL = None, None  # of a kernel's own class: its name, and its module

    nr_free_pages = of_state("nr_free_pages")
    nr_free = of_state("nr_free")
    wmark = of_state("wmark")
    lowmem_reserve = of_state("lowmem_reserve")
    boost = of_state("boost")
    boosted = of_state("boosted")
    pgalloc = of_state("pgalloc")
    isolated_pageblocks = of_state("nr_isolate_pageblock")
    reclaim_active = of_state("reclaim_active", settable=True)
    reserved_highatomic = of_state("nr_reserved_highatomic", settable=True)
    managed_pages = of_state("managed", settable=True)

    def __init__(
        self,
        start_pfn,
        spanned_pages,
        *,
        kernel=None,
        present_ranges=None,
        free_ranges=None,
        zone_idx=2,
        cpus=1,
        min_free_kbytes=None,
        watermark_scale_factor=10,
        watermark_boost_factor=15000,
        lowmem_reserve_ratio=(256, 256, 32, 0, 0),
        group_by_mobility=True,
        cma=False,
        linked_outside=(),
        events=0,
        populate=True,
    ):
        assert kernel in (None, self.VERSION)
        self.pages = self.KERNEL.Node(self.KERNEL, cpus=cpus, with_cma=cma)
        self.state = self.pages.add_zone(zone_idx, start_pfn, spanned_pages)
        self.zone_idx = zone_idx
        present = present_ranges or [(self.state.start, self.state.end)]
        for first, end in present:
            for pfn in range(isolation.up(self.pages, first), end, PAGEBLOCK_PAGES):
                self.pages.set_pageblock_migratetype(pfn, MOVABLE)
        for pfn in linked_outside:
            self.pages.link[pfn] = self.state
        for first, end in free_ranges or present:
            if populate:
                free_boot_range(self.state, first, end)
            else:
                self.pages.reserved.difference_update(range(first, end))
                self.state.managed += end - first
        self.pages.reset_events()
        self.pages.mobility_disabled = not group_by_mobility
        self.pages.boost_factor = watermark_boost_factor
        super().__init__(
            [self],
            min_free_kbytes=min_free_kbytes,
            watermark_scale_factor=watermark_scale_factor,
            lowmem_reserve_ratio=lowmem_reserve_ratio,
        )

    @property
    def start_pfn(self):
        """First page."""
        return self.state.start

    @property
    def spanned_pages(self):
        """Pages from the first to the last."""
        return self.state.end - self.state.start

    # Allocation

    def rmqueue_zone(self, order, migratetype, alloc_flags=0, *, compound=False):
        """A block through the per-CPU lists."""
        return self.KERNEL.rmqueue(self.state, order, self.pages.requested(migratetype), alloc_flags, compound)

    def rmqueue(self, order, migratetype, alloc_flags=0):
        """A block past the per-CPU lists."""
        pfn = buddy.rmqueue_buddy(self.state, order, self.pages.requested(migratetype), alloc_flags)
        if pfn is not None:
            self.pages.prep_new_page(pfn, order)
        return pfn

    def alloc_bulk(self, n, migratetype, alloc_flags=0):
        """Single pages from the per-CPU list."""
        return pcp.alloc_pages_bulk(self.state, n, self.pages.requested(migratetype), alloc_flags)

    def arm_capture(self, order, migratetype):
        """Keep the next free block of exactly this order."""
        self.pages.capture = buddy.Capture(self.state, order, self.pages.requested(migratetype))

    # Per-CPU lists

    def lock_pcp(self, cpu, locked=True):
        """The lists are in somebody's hands."""
        self.state.pcp[cpu].locked = bool(locked)

    def drain_pages(self, cpu=None):
        """Empty the lists of a CPU, or of all."""
        if cpu is None:
            pcp.drain_all_pages(self.state)
        else:
            pcp.drain_pages_zone(self.state, cpu)

    def disable_pcp(self, disabled=True):
        """Pages go on to the zone at once."""
        (pcp.zone_pcp_disable if disabled else pcp.zone_pcp_enable)(self.state)

    def drain_batch(self, cpu):
        """Give back one batch."""
        pcp.drain_zone_pages(self.state, cpu)

    # Marks

    def watermark_ok(self, order, mark, *, classzone_idx, alloc_flags):
        """Whether a request may take from this zone."""
        return marks.watermark_ok(self.state, order, mark, classzone_idx, alloc_flags)

    def watermark_fast(self, order, *, classzone_idx, alloc_flags, atomic=False):
        """The same with the zone's own marks."""
        return self.KERNEL.zone_watermark_fast(self.state, order, classzone_idx, alloc_flags, atomic)

    def balance_boost(self, pages):
        """kswapd has balanced the zone."""
        self.state.boost -= min(self.state.boost, pages)

    def fragmentation(self):
        """Three indexes for each order."""
        return [tuple(marks.fragmentation_indexes(self.state, order)) for order in range(MAX_PAGE_ORDER + 1)]

    # A recorded state

    def set_free_blocks(self, blocks):
        """Allocated single pages become free blocks, in the order of the lists."""
        for pfn, order, migratetype in blocks:
            for page in range(pfn, pfn + (1 << order)):
                self.pages.refs.pop(page, None)
            self.state.account_freepages(1 << order, migratetype)
            self.state.add_to_free_list(pfn, order, migratetype, to_tail=True)

    def set_pcp_blocks(self, cpu, index, blocks):
        """Allocated single pages, each with a type, go on a per-CPU list, in its order."""
        of_cpu, order = self.state.pcp[cpu], pcp.pindex_to_order(self.pages, index)
        for pfn, _ in blocks:
            for page in range(pfn, pfn + (1 << order)):
                self.pages.refs.pop(page, None)
            of_cpu.lists[index].append(pfn)
            of_cpu.count += 1 << order

    def set_pcp(self, cpu, **values):
        """Numbers of a CPU's lists, by their names."""
        for name, value in values.items():
            setattr(self.state.pcp[cpu], name, value)

    def set_pageblock_migratetype(self, pfn, migratetype):
        """Set a type, and leave the pages where they are."""
        self.pages.pageblock_type[pfn // PAGEBLOCK_PAGES] = migratetype

    def set_marks(self, wmark, *, lowmem_reserve=None, boost=None):
        """Marks as they were found."""
        self.state.wmark = list(wmark)
        if lowmem_reserve is not None:
            self.state.lowmem_reserve = list(lowmem_reserve)
        if boost is not None:
            self.state.boost = boost

    # What can be read

    def free_blocks(self, order=None, migratetype=None):
        """(pfn, order, migratetype) of free blocks, list by list, head first."""
        return [
            (pfn, o, t)
            for o, lists in enumerate(self.state.free_area)
            for t, blocks in enumerate(lists)
            for pfn in blocks
            if order in (None, o) and migratetype in (None, t)
        ]

    def pcp(self, cpu):
        """Numbers of a CPU's lists."""
        of_cpu = self.state.pcp[cpu]
        return {name: getattr(of_cpu, name) for name in (*of_cpu.NAMES, "locked")}

    def pcp_blocks(self, cpu, index):
        """(pfn, order, type by which it would leave) of a per-CPU list, head first."""
        order = pcp.pindex_to_order(self.pages, index)
        return [(pfn, order, self.state.page_type(pfn)) for pfn in self.state.pcp[cpu].lists[index]]

    @property
    def pageblock_migratetype(self):
        """Types, from the pageblock of the first page on."""
        first, last = self.state.start // PAGEBLOCK_PAGES, (self.state.end - 1) // PAGEBLOCK_PAGES
        return [self.pages.pageblock_type.get(k, 0) for k in range(first, last + 1)]


def free_boot_range(zone, first, end):
    """Free a range upward, as the largest aligned blocks."""
    zone.node.release_reserved(first, end)
    while first < end:
        order = MAX_PAGE_ORDER
        while first % (1 << order) or first + (1 << order) > end:
            order -= 1
        zone.managed += 1 << order
        zone.node.kernel.free_blocks(zone, first, order, to_tail=True)
        first += 1 << order
