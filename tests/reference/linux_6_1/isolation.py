"""Ranges of pageblocks that are taken out of the allocator's hands, and put back."""

from .buddy import ALLOC_CMA, free_one_page, move_freepages_block
from .marks import watermark_ok
from .state import MAX_PAGE_ORDER, MOVABLE, ORDINARY

MOVABLE_ZONE = 3
LARGEST_BLOCK = 1 << MAX_PAGE_ORDER


def down(node, pfn):
    """Start of the page's pageblock."""
    return pfn - pfn % node.pageblock_pages


def up(node, pfn):
    """Start of the next pageblock, unless one starts here."""
    return down(node, pfn + node.pageblock_pages - 1)


# One pageblock


def has_unmovable_pages(node, first, end, block, migratetype):
    """Whether a page of the range could not be moved away."""
    if node.cma is not None and node.get_pageblock_migratetype(block) == node.cma:
        return migratetype != node.cma
    page = first
    while page < end:
        if page in node.reserved:
            return True
        zone = node.link.get(page)
        step = 1
        if zone is not None and zone.idx == MOVABLE_ZONE:
            pass
        elif page in node.compound:
            head, order = node.compound[page]
            if head not in node.lru:
                return True
            step = head + (1 << order) - page
        elif not node.refs.get(page):
            step = 1 << node.buddy_order.get(page, 0)
        elif page not in node.lru:
            return True
        page += step
    return False


def set_migratetype_isolate(node, block, migratetype, start, end):
    """Isolate a pageblock; whether it could be."""
    old = node.get_pageblock_migratetype(block)
    if old == node.isolate:
        return False
    if has_unmovable_pages(node, max(block, start), min(block + node.pageblock_pages, end), block, migratetype):
        return False
    zone = node.link[block]
    node.set_pageblock_migratetype(block, node.isolate)
    zone.nr_isolate_pageblock += 1
    moved, _ = move_freepages_block(zone, block, node.isolate)
    zone.account_freepages(-moved, old)
    return True


def unset_migratetype_isolate(node, block, migratetype):
    """End the isolation of a pageblock; a free one is freed anew, to merge with what it was kept from."""
    if node.get_pageblock_migratetype(block) != node.isolate:
        return
    zone = node.link[block]
    buddy = block ^ node.pageblock_pages
    mergeable = (
        node.is_free(block, node.pageblock_order)
        and node.is_free(buddy, node.pageblock_order)
        and node.same_zone(block, buddy)
        and node.get_pageblock_migratetype(buddy) != node.isolate
    )
    if mergeable:
        zone.del_page_from_free_list(block)
        node.set_pageblock_migratetype(block, migratetype)
        free_one_page(zone, block, node.pageblock_order, migratetype, to_tail=True)
    else:
        moved, _ = move_freepages_block(zone, block, migratetype)
        zone.account_freepages(moved, migratetype)
        node.set_pageblock_migratetype(block, migratetype)
    zone.nr_isolate_pageblock -= 1


# Edges of a range


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


def isolate_single_pageblock(node, boundary, before, skip_isolation, migratetype):
    """Isolate the pageblock before or after a boundary, and split what lies across; whether both could be done."""
    block = boundary - node.pageblock_pages if before else boundary
    if not skip_isolation and not set_migratetype_isolate(
        node, block, migratetype, block, block + node.pageblock_pages
    ):
        return False
    if not node.exists(boundary if before else boundary - 1):
        return True
    zone = node.link[block]
    page = max(block - block % LARGEST_BLOCK, zone.start)
    while page < boundary:
        if page in node.buddy_order:
            size = 1 << node.buddy_order[page]
            if page + size > boundary:
                split_free_page(zone, page, boundary - page)
            page += size
        elif page in node.compound:
            head, order = node.compound[page]
            page = head + (1 << order)
            if page > boundary:
                if not skip_isolation:
                    unset_migratetype_isolate(node, block, migratetype)
                return False
        else:
            page += 1
    return True


# Ranges


def start_isolate_page_range(node, start, end, migratetype):
    """Isolate every pageblock that the range touches, or none; whether it could be done."""
    first, last = down(node, start), up(node, end) - node.pageblock_pages
    if not isolate_single_pageblock(node, first, False, False, migratetype):
        return False
    if not isolate_single_pageblock(node, last + node.pageblock_pages, True, first == last, migratetype):
        unset_migratetype_isolate(node, first, migratetype)
        return False
    for block in range(first + node.pageblock_pages, last, node.pageblock_pages):
        if not set_migratetype_isolate(node, block, migratetype, start, end):
            for undone in (*range(first, block, node.pageblock_pages), last):
                unset_migratetype_isolate(node, undone, migratetype)
            return False
    return True


def undo_isolate_page_range(node, start, end, migratetype):
    """End the isolation of every pageblock that the range touches."""
    for block in range(down(node, start), up(node, end), node.pageblock_pages):
        unset_migratetype_isolate(node, block, migratetype)


def test_pages_isolated(node, start, end):
    """Whether the range is isolated and free throughout."""
    if any(node.get_pageblock_migratetype(page) != node.isolate for page in range(start, end, node.pageblock_pages)):
        return False
    page = start
    while page < end and page in node.buddy_order:
        page += 1 << node.buddy_order[page]
    return page >= end


# Free blocks that somebody borrows


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


def putback_isolated_page(node, pfn, order, migratetype):
    """Put such a block back."""
    free_one_page(node.link[pfn], pfn, order, migratetype, to_tail=True)
