"""Ranges of pageblocks that are taken out of the allocator's hands, and put back."""

from .buddy import free_one_page
from .state import MAX_PAGE_ORDER, ZONE_MOVABLE

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
        if zone is not None and zone.idx == ZONE_MOVABLE:
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
    if node.get_pageblock_migratetype(block) == node.isolate:
        return False
    if has_unmovable_pages(node, max(block, start), min(block + node.pageblock_pages, end), block, migratetype):
        return False
    zone = node.link[block]
    if not node.kernel.retype_pageblock(zone, block, node.isolate):
        return False
    zone.nr_isolate_pageblock += 1
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
        node.kernel.retype_pageblock(zone, block, migratetype)
    zone.nr_isolate_pageblock -= 1


# Edges of a range


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
            end = page + (1 << node.buddy_order[page])
            if end > boundary:
                node.kernel.split_free_page(zone, page, boundary - page)
            page = end
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


def putback_isolated_page(node, pfn, order, migratetype):
    """Put a free block back that was borrowed."""
    free_one_page(node.link[pfn], pfn, order, migratetype, to_tail=True)
