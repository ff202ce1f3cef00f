"""Isolation in Linux 6.12: larger blocks are freed in pieces, and pageblocks at a zone's ends stay."""

from ..linux_6.buddy import ALLOC_CMA
from ..linux_6.marks import watermark_ok
from ..linux_6.state import MAX_PAGE_ORDER, MOVABLE, ORDINARY
from .buddy import free_blocks, is_inside, move_freepages_block


def larger_block(node, block):
    """First page of the free block of two pageblocks that this one belongs to, or None."""
    below = block - node.pageblock_pages
    if not node.is_free(block, node.pageblock_order) and node.is_free(below, MAX_PAGE_ORDER):
        return below
    return block if node.is_free(block, MAX_PAGE_ORDER) else None


def retype_pageblock(zone, block, migratetype):
    """Give a pageblock a type, with its free blocks; whether it could be (move_freepages_block_isolate)."""
    node = zone.node
    if not is_inside(zone, block):
        return False
    first = larger_block(node, block)
    if first is None:
        return move_freepages_block(zone, block, node.get_pageblock_migratetype(block), migratetype) is not None
    old = node.get_pageblock_migratetype(first)
    order = zone.del_page_from_free_list(first)
    zone.account_freepages(-(1 << order), old)
    node.set_pageblock_migratetype(block, migratetype)
    free_blocks(zone, first, order)
    return True


def split_free_page(zone, pfn, first_part):
    """Split a free block where a range ends: a pageblock of its own type is a block of its own, so there is none."""
    raise AssertionError(f"free block at {pfn} lies across a border of isolated pageblocks")


def isolate_free_page(node, pfn):
    """Take a free block off its list, if the marks allow it: its size, or 0."""
    zone, order = node.link[pfn], node.buddy_order[pfn]
    migratetype = node.get_pageblock_migratetype(pfn)
    if migratetype != node.isolate and not watermark_ok(zone, 0, zone.wmark[0] + (1 << order), 0, ALLOC_CMA):
        return 0
    zone.del_page_from_free_list(pfn)
    zone.account_freepages(-(1 << order), migratetype)
    if order >= node.pageblock_order - 1:
        for page in range(pfn, pfn + (1 << order) - 1, node.pageblock_pages):
            old = node.get_pageblock_migratetype(page)
            if old in ORDINARY:
                move_freepages_block(zone, page, old, MOVABLE)
    return 1 << order
