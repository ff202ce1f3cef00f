"""Per-CPU lists, and pages that come and go through them."""

from .buddy import free_one_page
from .state import HUGE_LISTS, MOVABLE, PCP_LISTS


def order_to_pindex(order, migratetype):
    """Number of the list for blocks of an order and a type."""
    if order in (0, 1, 2, 3):
        return 3 * order + migratetype
    return HUGE_LISTS + (migratetype == MOVABLE)


def pindex_to_order(node, index):
    """Order of the blocks on a list."""
    return index // 3 if index < HUGE_LISTS else node.pageblock_order


# Allocation


def rmqueue_pcplist_core(zone, order, migratetype, flags):
    """Take the head of the current CPU's list, which is refilled if it is empty; or None."""
    pcp, kernel = zone.this_pcp(), zone.node.kernel
    pages = pcp.lists[order_to_pindex(order, migratetype)]
    if not pages:
        found = kernel.rmqueue_bulk(zone, order, kernel.nr_pcp_alloc(zone, pcp, order), migratetype, flags)
        pages += found
        pcp.count += len(found) << order
    if not pages:
        return None
    pcp.count -= 1 << order
    return pages.pop(0)


def batch_of_order(batch, order):
    """Blocks of an order for a batch of pages, two at least, unless batches are off."""
    return max(batch >> order, 2) if batch > 1 else batch


def rmqueue_pcplist(zone, order, migratetype, flags):
    """A page through the per-CPU list; or None, if the list is locked, too."""
    pcp = zone.this_pcp()
    if pcp.locked:
        return None
    pcp.note_allocation()
    pfn = rmqueue_pcplist_core(zone, order, migratetype, flags)
    if pfn is not None:
        zone.pgalloc += 1 << order
    return pfn


def alloc_pages_bulk(zone, count, migratetype, flags):
    """Single pages from the per-CPU list, up to `count`."""
    pages = []
    while len(pages) < count:
        pfn = rmqueue_pcplist_core(zone, 0, migratetype, flags)
        if pfn is None:
            break
        zone.node.prep_new_page(pfn, 0)
        pages.append(pfn)
    zone.pgalloc += len(pages)
    return pages


# Free


def free_pcppages_bulk(zone, pcp, count, index):
    """Give pages back to the zone: whole lists in turn from `index` on, each from its tail."""
    node = zone.node
    count = min(count, pcp.count)
    while count > 0:
        while not pcp.lists[index]:
            index = (index + 1) % PCP_LISTS
        order = pindex_to_order(node, index)
        while pcp.lists[index] and count > 0:
            pfn = pcp.lists[index].pop()
            count -= 1 << order
            pcp.count -= 1 << order
            migratetype = node.kernel.drained_type(zone, pfn)
            free_one_page(zone, pfn, order, migratetype)
            node.trace("dr", pfn, order, migratetype)
        index = (index + 1) % PCP_LISTS


def free_pages_ok(zone, pfn, order):
    """Free a block past the per-CPU lists."""
    node = zone.node
    node.free_pages_prepare(pfn, order)
    node.kernel.free_blocks(zone, pfn, order)
    node.pgfree += 1 << order


def free_the_page(node, pfn, order):
    """Free a block the way its order goes."""
    free = node.kernel.free_unref_page if order in node.pcp_orders else free_pages_ok
    free(node.link[pfn], pfn, order)


def free_pages(node, pfn, order):
    """Drop a reference. If others are left, a block that is not compound loses all pages but its first."""
    node.refs[pfn] -= 1
    if node.refs[pfn] == 0:
        free_the_page(node, pfn, order)
    elif pfn not in node.compound:
        for part in range(order - 1, -1, -1):
            free_the_page(node, pfn + (1 << part), part)


def drain_pages_zone(zone, cpu):
    """Empty the lists of a CPU."""
    free_pcppages_bulk(zone, zone.pcp[cpu], zone.pcp[cpu].count, 0)


def drain_all_pages(zone):
    """Empty the lists of all CPUs."""
    for cpu in range(zone.node.cpus):
        drain_pages_zone(zone, cpu)


def drain_zone_pages(zone, cpu):
    """Give back one batch."""
    pcp = zone.pcp[cpu]
    free_pcppages_bulk(zone, pcp, min(pcp.count, pcp.batch), 0)


def set_sizes(zone, sizes):
    """Limits and batch of all CPUs' lists."""
    for pcp in zone.pcp:
        vars(pcp).update(sizes)


def zone_pcp_disable(zone):
    """From now on every free goes on to the zone."""
    set_sizes(zone, dict.fromkeys(zone.pcp_sizes, 0) | {"batch": 1})
    drain_all_pages(zone)


def zone_pcp_enable(zone):
    """The lists hold pages again."""
    set_sizes(zone, zone.pcp_sizes)
