"""Zones in which one rule of compaction decides: pages that never move, free blocks, and pages in use that do."""

from buddycap import Zone

BLOCK = 512
ANON, FILE = 0x5020, 0x20  # flags of pages that move
UNMOVABLE, MOVABLE, HIGHATOMIC, CMA = 0, 1, 3, 4


def zone_with(free, pages=4 * BLOCK, used=(), *, kernel, flags=ANON, start=0, zone_idx=2):
    """Return a zone of pages that never move, but for the free blocks (pfn, order, type) and the used ones, that do."""
    zone = Zone(start, pages, kernel=kernel, zone_idx=zone_idx, owners=True, min_free_kbytes=0)
    zone.alloc_many(pages)
    zone.drain_pages()
    for pfn in range(start, start + pages, BLOCK):
        zone.set_pageblock_migratetype(pfn, MOVABLE)
    zone.set_free_blocks(free)
    for pfn in used:
        zone.compaction.set_page_flags(pfn, flags)
    zone.check()
    return zone


def singles(pfns):
    """Single movable pages as free blocks."""
    return [(pfn, 0, MOVABLE) for pfn in pfns]
