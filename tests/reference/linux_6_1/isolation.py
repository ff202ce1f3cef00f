"""Isolation in Linux 6.1: blocks move to the lists of their new type wherever they can, and are counted afterwards."""

from ..linux_6.buddy import ALLOC_CMA, free_one_page
from ..linux_6.marks import watermark_ok
from ..linux_6.state import MAX_PAGE_ORDER, MOVABLE, ORDINARY
from .buddy import move_freepages_block


def retype_pageblock(zone, block, migratetype):
    """Give a pageblock a type, with its free blocks; whether it could be."""
    node = zone.node
    old = node.get_pageblock_migratetype(block)
    moved, _ = move_freepages_block(zone, block, migratetype)
    zone.account_freepages(-moved, old)
    zone.account_freepages(moved, migratetype)
    node.set_pageblock_migratetype(block, migratetype)
    return True


def split_free_page(zone, pfn, first_part):
    """Split a free block where the range ends, after `first_part` pages, and free its parts each by its own type."""
    node = zone.node
    order = node.buddy_order[pfn]
    zone.account_freepages(-(1 << order), node.get_pageblock_migratetype(pfn))
    zone.del_page_from_free_list(pfn)
    page, end, left = pfn, pfn + (1 << order), first_part
    while page < end:
        alignment = (page & -page).bit_length() - 1 if page else MAX_PAGE_ORDER
        part = min(alignment, left.bit_length() - 1)
        free_one_page(zone, page, part, node.get_pageblock_migratetype(page))
        page += 1 << part
        left -= 1 << part
        if left == 0:
            left = end - page


def isolate_free_page(node, pfn):
    """Take a free block off its list, if the marks allow it: its size, or 0."""
    zone, order = node.link[pfn], node.buddy_order[pfn]
    migratetype = node.get_pageblock_migratetype(pfn)
    if migratetype != node.isolate:
        if not watermark_ok(zone, 0, zone.wmark[0] + (1 << order), 0, ALLOC_CMA):
            return 0
        zone.account_freepages(-(1 << order), migratetype)
    zone.del_page_from_free_list(pfn)
    if order >= node.pageblock_order - 1:
        for page in range(pfn, pfn + (1 << order) - 1, node.pageblock_pages):
            if node.get_pageblock_migratetype(page) in ORDINARY:
                node.set_pageblock_migratetype(page, MOVABLE)
    return 1 << order
