"""Small machines in known states, for the tests of the LRU, of reclaim and of the slow path."""

from buddycap import GFP, Machine, MigrateType, PageFlags, Zone
from zone_struct import PG_MARKED, PG_STATE, PG_USED

ANON = PageFlags.ANON | PageFlags.SWAPBACKED
COSTLY = 4  # the smallest order above PAGE_ALLOC_COSTLY_ORDER
LISTS = ("inactive_anon", "active_anon", "inactive_file", "active_file", "unevictable", "slab")


def full_zone(pages=64, *, free=(), min_free_kbytes=8, **geometry):
    """Return a zone whose pages are all allocated singly, but for the blocks (pfn, order) in `free`."""
    zone = Zone(0, pages, min_free_kbytes=min_free_kbytes, **geometry)
    for _ in range(pages):
        assert zone.rmqueue(0, MigrateType.MOVABLE) is not None
    for pfn, order in free:
        for page in range(pfn, pfn + (1 << order)):
            zone.free_one_page(page, 0)
    return zone


def full_machine(pages=64, *, free=(), min_free_kbytes=8, geometry=None, **parameters):
    """Return a machine with one such zone, and the zone."""
    zone = full_zone(pages, free=free, min_free_kbytes=min_free_kbytes, **(geometry or {}))
    return Machine([zone], **parameters), zone


def starving_machine(pages=64, **parameters):
    """Return a machine whose marks are above its size, so that every allocation ends in reclaim and fails."""
    return full_machine(pages, min_free_kbytes=8 * pages, **parameters)


def scan_now(machine, **counts):
    """Make the next shrink_zone scan these lists, whatever their size."""
    machine.set_nr_scan(0, [counts.get(name, 0) for name in LISTS[:4]])


def flags_of(zone, pfn):
    """Return the page flags of a page."""
    return PageFlags(int(zone.page_flags[pfn]))


def is_allocated(zone, pfn):
    """Tell whether a single page is allocated, by its order byte."""
    return int(zone.page_order[pfn]) & PG_STATE in (PG_USED, PG_MARKED)


def free_lists(zone):
    """Return the free lists as {order: [pfn, head first]}."""
    lists = {}
    for pfn, order, _ in zone.free_blocks().tolist():
        lists.setdefault(order, []).append(pfn)
    return lists


def lru_counts(machine):
    """Return the lengths of the page lists that are not empty, by name."""
    return {name: n for name, n in zip(LISTS, machine.zone_state(0)["nr_lru"], strict=True) if n}


def isolated(zone):
    """Return the PFNs in the hands of a reclaimer."""
    return [pfn for pfn in range(len(zone.page_flags)) if flags_of(zone, pfn) & PageFlags.ISOLATED]


def reclaim(machine, order=0, gfp=GFP.KERNEL, **options):
    """Run one request to its end, and return it."""
    request = machine.request(order, gfp, **options)
    request.run()
    return request


def awaited_write(pfn, **parameters):
    """Return machine, zone and a request for a costly order that waits for the write of the one page there is.

    The page is dirty, and the first, asynchronous pass may not write it; the synchronous one has just begun to.
    """
    machine, zone = starving_machine(**parameters)
    machine.lru_cache_add(pfn, PageFlags.DIRTY)
    scan_now(machine, inactive_file=32)
    machine.write_congested = True
    request = machine.request(COSTLY, GFP.KERNEL)
    assert request.step(10).wait == "congestion"
    machine.write_congested = False
    step = request.step(10)
    assert (step.wait, step.pfn, step.pageouts) == ("writeback", pfn, 1)
    return machine, zone, request


def steps(request, max_pages=1):
    """Run a request page by page, letting every wait happen as a run to completion does; return the steps."""
    done = []
    while not request.done:
        step = request.step(max_pages)
        done.append(step)
        if step.wait == "congestion":
            for pfn in request.machine.writeback.tolist():
                request.machine.end_writeback(pfn)
        elif step.wait == "writeback":
            request.machine.end_writeback(step.pfn)
    return done
