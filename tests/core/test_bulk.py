"""Does a whole array in one call do exactly what single calls do, in every state a zone can be in?

Hypothesis draws a geometry and a seed; the seed plays a zone into some state (mixed orders and types, holes, per-CPU
pages, page flags, owners, capture lists). Then the same blocks go through one call and through single ones, and
everything that can be seen must be equal.
"""

from functools import partial

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from buddycap import Machine, MigrateType, MisuseError, PageFlags, Zone
from bulklab import everything, same
from zone_struct import PG_MARKED, PG_STATE, PG_USED

TYPES = (MigrateType.UNMOVABLE, MigrateType.RECLAIMABLE, MigrateType.MOVABLE)
HARMLESS = (PageFlags.DIRTY, PageFlags.REFERENCED, PageFlags.DIRTY | PageFlags.MMAP)

# --- states -------------------------------------------------------------------------------------------------------


@st.composite
def geometries(draw):
    """Arguments of a zone of at most some thousand pages: any orders, holes, not aligned."""
    start = draw(st.integers(0, 3000) | st.integers(0, 2**40))
    spanned = draw(st.integers(1, 9000) | st.integers(500, 3000))
    cuts = sorted(draw(st.lists(st.integers(start, start + spanned), max_size=6, unique=True)))
    ranges = list(zip(cuts[::2], cuts[1::2], strict=False))
    return {
        "start_pfn": start,
        "spanned_pages": spanned,
        "present_ranges": ranges or None,
        "max_page_order": draw(st.integers(0, 14) | st.integers(3, 10)),
        "pageblock_order": draw(st.integers(0, 10) | st.integers(2, 5)),
        "min_free_kbytes": draw(st.sampled_from([0, 0, None])),
        "pageblock_index": draw(st.sampled_from(["absolute", "zone_relative"])),
        "owners": draw(st.booleans()),
        "group_by_mobility": draw(st.sampled_from([True, True, True, False])),
        "seed": draw(st.integers(0, 3)),
    }


class Played:
    """A zone that has been played into some state, and the blocks that are allocated in it."""

    def __init__(self, geometry, seed):
        self.random = np.random.default_rng(seed)
        self.zone = Zone(**geometry)
        self.machine = Machine([self.zone])
        self.held = []
        style = self.random.integers(4)
        self.largest = (0, 3, 9, self.zone.max_page_order)[style]
        self.fill(self.random.choice([0.3, 0.9, 1.1]))
        self.give_back(self.random.choice([0, 0, 0.3, 0.7]))
        if self.random.integers(2):
            self.capture(self.random.choice([0.02, 0.3]), self.random.integers(1, 4))
        if self.random.integers(2):
            self.mark(self.random.choice([0.01, 0.5]))
        if self.random.integers(3) == 0:
            self.per_cpu()
        self.random.shuffle(self.held)
        if self.random.integers(3) == 0:
            self.held.sort()

    def fill(self, share):
        """Allocate that share of the pages, in random orders and types."""
        wanted = share * self.zone.present_pages
        misses = 0
        while wanted > 0 and misses < 5:
            order = min(self.random.geometric(0.5) - 1, self.largest, self.zone.max_page_order)
            pfn = self.zone.rmqueue(order, TYPES[self.random.choice(3, p=[0.1, 0.1, 0.8])])
            if pfn is None:
                misses += 1
                continue
            wanted -= 1 << order
            if order and self.random.integers(4) == 0:
                self.zone.split_page(pfn, order)
                self.held += [(page, 0) for page in range(pfn, pfn + (1 << order))]
            else:
                self.held.append((pfn, order))

    def take(self, share):
        """A random share of the blocks, no longer held."""
        taken = self.random.random(len(self.held)) < share
        blocks = [block for block, out in zip(self.held, taken, strict=True) if out]
        self.held = [block for block, out in zip(self.held, taken, strict=True) if not out]
        return blocks

    def give_back(self, share):
        for pfn, order in self.take(share):
            self.zone.free_one_page(pfn, order)

    def capture(self, share, lists):
        """Blocks on several capture lists; some of the lists stay empty."""
        captures = [self.zone.capture_list() for _ in range(lists)]
        for pfn, order in self.take(share):
            captures[self.random.integers(lists)].capture_one_page(pfn, order)

    def mark(self, share):
        """Flags that do not outlive a page, and owners."""
        for (pfn, order), draw in zip(self.held, self.random.random(len(self.held)), strict=True):
            if draw < share and order == 0:
                self.machine.set_page_flags(pfn, set=HARMLESS[self.random.integers(len(HARMLESS))])
            if draw < share and self.zone.owner is not None:
                self.zone.set_owner(pfn, 1 + pfn)

    def per_cpu(self):
        pages = [block for block in self.held if block[1] == 0][:20]
        for pfn, _ in pages:
            self.zone.free_hot_cold_page(pfn)
        self.held = [block for block in self.held if block not in pages]

    def batch(self, single_pages):
        """Some or all of the blocks, as arrays of PFNs and orders."""
        blocks = [block for block in self.held if block[1] == 0] if single_pages else self.held
        if self.random.integers(2):
            blocks = blocks[: self.random.integers(len(blocks) + 1)]
        pfns, orders = zip(*blocks, strict=True) if blocks else ((), ())
        return np.array(pfns, np.int64), np.array(orders, np.int64)


seeds = st.integers(0, 2**32)


# --- the same -----------------------------------------------------------------------------------------------------


@given(geometries(), seeds, st.booleans())
def test_frees(geometry, seed, single_pages):
    played = Played(geometry, seed)
    pfns, orders = played.batch(single_pages)
    bulk, single = played.zone.copy(), played.zone
    bulk.free_many(pfns, 0 if single_pages else orders)
    for pfn, order in zip(pfns.tolist(), orders.tolist(), strict=True):
        single.free_one_page(pfn, order)
    same(bulk, single)


@given(geometries(), seeds, st.integers(0, 2**16))
def test_captures(geometry, seed, which):
    played = Played(geometry, seed)
    pfns, _ = played.batch(True)
    if not played.zone.capture_lists():
        played.zone.capture_list()
    bulk, single = played.zone.copy(), played.zone
    which %= len(bulk.capture_lists())
    bulk.capture_lists()[which].capture_many(pfns)
    for pfn in pfns.tolist():
        single.capture_lists()[which].capture_one_page(pfn)
    same(bulk, single)


@given(geometries(), seeds, st.integers(0, 12), st.sampled_from(TYPES), st.floats(0, 1.2))
def test_allocations(geometry, seed, order, migratetype, share):
    zone = Played(geometry, seed).zone
    order = min(order, zone.max_page_order)
    n = int(share * zone.nr_free_pages) >> order
    bulk, single = zone.copy(), zone
    pfns = bulk.alloc_many(n, order, migratetype)
    got = (single.rmqueue(order, migratetype) for _ in range(n))
    assert pfns.tolist() == [-1 if pfn is None else pfn for pfn in got]
    same(bulk, single)


@given(geometries(), seeds, st.booleans())
def test_round_after_round(geometry, seed, capture):
    """The scratch is clean after every call: what one leaves behind would change the next."""
    played = Played(geometry, seed)
    bulk, single = played.zone.copy(), played.zone
    for _ in range(3):
        n = int(played.random.integers(1 + bulk.nr_free_pages))
        pages = bulk.alloc_many(n)
        assert pages.tolist() == [-1 if pfn is None else pfn for pfn in (single.rmqueue(0, 2) for _ in range(n))]
        pages = pages[pages >= 0]
        played.random.shuffle(pages)
        for part in np.array_split(pages, 2):
            bulk.free_many(part)
            for pfn in part.tolist():
                single.free_one_page(pfn, 0)
    same(bulk, single)


# --- all or nothing -----------------------------------------------------------------------------------------------


def spoil(played, pfns, orders):
    """Put one or two bad names into a batch; nothing if the zone has none to offer."""
    state = played.zone.page_order
    first = played.zone.start_pfn
    bad = np.flatnonzero((state & PG_STATE != PG_USED) & (state & PG_STATE != PG_MARKED)) + first
    pool = [*played.random.permutation(bad)[:2].tolist(), *pfns[:1].tolist(), first - 1, first + len(state), -(2**63)]
    for _ in range(played.random.integers(1, 3)):
        at = played.random.integers(len(pfns) + 1)
        pfns = np.insert(pfns, at, pool[played.random.integers(len(pool))])
        orders = np.insert(orders, at, 0)
    return pfns, orders


def first_refused(zone, pfns, orders):
    """Position of the first block that a single free refuses."""
    for k, (pfn, order) in enumerate(zip(pfns.tolist(), orders.tolist(), strict=True)):
        try:
            zone.free_one_page(pfn, order)
        except MisuseError:
            return k
    raise AssertionError("the single calls took everything")


@given(geometries(), seeds, st.booleans(), st.booleans())
def test_bad_batches(geometry, seed, single_pages, capture):
    """The offender is the one that single calls would have stumbled over, and nothing has changed."""
    played = Played(geometry, seed)
    pfns, orders = spoil(played, *played.batch(single_pages))
    zone = played.zone
    call = partial(zone.free_many, pfns, 0 if single_pages else orders)
    if capture and single_pages:
        call = partial(zone.capture_list().capture_many, pfns)
    before = everything(zone)
    with pytest.raises(MisuseError) as refused:
        call()
    assert everything(zone) == before
    k = first_refused(zone, pfns, orders)
    assert str(refused.value).startswith(f"pfns[{k}]={pfns[k]}:")
