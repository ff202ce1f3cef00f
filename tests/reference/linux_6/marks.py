"""Watermarks, sizes of the per-CPU lists, reserves between zones; who may take from which zone."""

import math

from . import pcp
from .buddy import (
    ALLOC_CMA,
    ALLOC_HIGHATOMIC,
    ALLOC_MIN_RESERVE,
    ALLOC_NOFRAGMENT,
    ALLOC_NON_BLOCK,
    ALLOC_OOM,
    mult_frac,
)
from .state import HIGHATOMIC, MAX_PAGE_ORDER, NODE_ZONES, ORDINARY, PAGEBLOCK_PAGES

PAGE_KB = 4
ALLOC_WMARK_MASK = 0x03
BUFFER_ZONES = 3  # DMA, DMA32, Normal: the zones that count as buffer memory


# What the kernel computes from sizes alone.


def proportion(managed, total, kb):
    """A zone's share of the pages to keep free."""
    return kb // PAGE_KB * managed // total if total else 0


def mark_distance(managed, share, scale):
    """Pages from each mark to the next."""
    return max(share // 4, mult_frac(managed, scale, 10000))


def zone_batchsize(managed):
    """Pages moved at a time between a per-CPU list and the zone; 0 for a small zone."""
    batch = max(min(managed // 1024, 256) // 4, 1)
    return (1 << (batch + batch // 2).bit_length() - 1) - 1


def zone_highsize(managed, low_mark, cpus, fraction, batch):
    """Pages that a CPU's lists may hold, by the zone's marks or its size."""
    total = managed // fraction if fraction else low_mark
    return max(total // cpus, 4 * batch)


def lowmem_reserve(managed, ratio):
    """For each zone, pages kept from requests that could have used a higher one, by the highest they could use."""
    rows = [[0] * NODE_ZONES for _ in range(NODE_ZONES)]
    for idx, row in enumerate(rows):
        for highest in range(idx + 1, NODE_ZONES):
            if ratio[idx] and managed[idx]:
                row[highest] = sum(managed[idx + 1 : highest + 1]) // ratio[idx]
    return rows


def nr_free_buffer_pages(managed, wmarks):
    """Pages above the high marks."""
    return sum(max(0, managed[idx] - wmarks[idx][2]) for idx in range(BUFFER_ZONES))


def default_min_free_kbytes(buffer_pages):
    """Four times the square root of the memory in KiB, within limits."""
    return min(max(math.isqrt(buffer_pages * PAGE_KB * 16), 128), 262144)


def khugepaged_min_free_kbytes(managed, wmarks):
    """What khugepaged wants: room for two huge pages and for each pair of types to fall back, in each zone."""
    zones = sum(managed[idx] > 0 for idx in range(BUFFER_ZONES))
    wanted = PAGEBLOCK_PAGES * zones * 2 + PAGEBLOCK_PAGES * zones * 9
    return min(wanted, nr_free_buffer_pages(managed, wmarks) // 20) * PAGE_KB


def totalreserve_pages(managed, reserves, wmarks):
    """What is not available to user space: reserves and high marks of all zones."""
    pages = zip(managed, reserves, wmarks, strict=True)
    return sum(min(size, max(row[idx:]) + wmark[2]) for idx, (size, row, wmark) in enumerate(pages))


# What it sets.


def setup_per_zone_wmarks(node, kb, scale):
    """New marks for all zones; boosts end."""
    managed = [node.zones[idx].managed if idx in node.zones else 0 for idx in range(NODE_ZONES)]
    marks = node.kernel.node_wmarks(managed, kb, scale)
    for idx, zone in node.zones.items():
        zone.wmark = marks[idx]
        zone.boost = 0
    zone_set_pageset_high_and_batch(node)


def zone_set_pageset_high_and_batch(node):
    """New sizes of the per-CPU lists of all zones."""
    for zone in node.zones.values():
        batch = max(1, zone_batchsize(zone.managed))
        low = zone.wmark[1] + zone.boost
        limits = node.kernel.pcp_limits(zone.managed, low, node.cpus, node.percpu_fraction, batch)
        zone.pcp_sizes = {**limits, "batch": batch}
        pcp.set_sizes(zone, zone.pcp_sizes)


def setup_per_zone_lowmem_reserve(node):
    """New reserves of all zones."""
    managed = [node.zones[idx].managed if idx in node.zones else 0 for idx in range(NODE_ZONES)]
    rows = lowmem_reserve(managed, node.lowmem_ratio)
    for idx, zone in node.zones.items():
        zone.lowmem_reserve = rows[idx]


# Who may take.


def unusable_free(zone, order, flags):
    """Free pages that this request cannot use."""
    unusable = (1 << order) - 1
    if not flags & (ALLOC_OOM | ALLOC_NON_BLOCK | ALLOC_MIN_RESERVE | ALLOC_HIGHATOMIC):
        unusable += max(zone.highatomic_pages(), 0)
    if zone.node.cma is not None and not flags & ALLOC_CMA:
        unusable += max(zone.nr_free_cma, 0)
    return unusable


def watermark_ok(zone, order, mark, highest, flags):
    """Whether a request may take from this zone: enough is left, and there is a block."""
    free = max(zone.nr_free_pages, 0) - unusable_free(zone, order, flags)
    if flags & ALLOC_MIN_RESERVE:
        mark -= mark // 2
        if flags & ALLOC_NON_BLOCK:
            mark -= mark // 4
    if flags & ALLOC_OOM:
        mark -= mark // 2
    if free <= mark + zone.lowmem_reserve[highest]:
        return False
    if order == 0:
        return True
    types = list(ORDINARY)
    if zone.node.cma is not None and flags & ALLOC_CMA:
        types.append(zone.node.cma)
    if flags & (ALLOC_OOM | ALLOC_HIGHATOMIC):
        types.append(HIGHATOMIC)
    return any(zone.free_area[o][t] for o in range(order, MAX_PAGE_ORDER + 1) for t in types)


def boosted_mark(zone, number):
    """A mark with the boost."""
    return zone.wmark[number] + zone.boost


def asked_mark(zone, flags):
    """The mark that a request's flags name, with the boost."""
    return boosted_mark(zone, flags & ALLOC_WMARK_MASK)


def watermark_fast(zone, order, mark, highest, flags, urgent):
    """The same with less work for single pages; who is urgent may forget the boost."""
    if order == 0:
        free = max(zone.nr_free_pages, 0)
        if free - min(free, unusable_free(zone, 0, flags)) > mark + zone.lowmem_reserve[highest]:
            return True
    if watermark_ok(zone, order, mark, highest, flags):
        return True
    if order == 0 and urgent and zone.boost and not flags & ALLOC_WMARK_MASK:
        return watermark_ok(zone, order, zone.wmark[0], highest, flags)
    return False


def get_page_from_freelist(node, order, migratetype, flags, highest, atomic):
    """A block from the first zone, downwards, that may give one; or None."""
    kernel = node.kernel
    for zone in node.walk(highest):
        if not kernel.marks_permit(zone, order, highest, flags, atomic):
            continue
        pfn = kernel.rmqueue(zone, order, migratetype, flags)
        if pfn is not None:
            return pfn
    if flags & ALLOC_NOFRAGMENT:
        return get_page_from_freelist(node, order, migratetype, flags & ~ALLOC_NOFRAGMENT, highest, atomic)
    return None


# How scattered free memory is, for a request of an order.


def fragmentation_indexes(zone, order):
    """(fragmentation index, extfrag index in hundredths, unusable index in thousandths)."""
    pages = sum(count << o for o, count in enumerate(zone.nr_free))
    blocks = sum(zone.nr_free)
    suitable = sum(zone.nr_free[o] << (o - order) for o in range(order, MAX_PAGE_ORDER + 1))
    left = pages - (suitable << order)
    if not blocks:
        index = 0
    elif suitable:
        index = -1000
    else:
        index = 1000 - (1000 + 1000 * pages // (1 << order)) // blocks
    return [index, left * 100 // pages if pages else 0, left * 1000 // pages if pages else 1000]
