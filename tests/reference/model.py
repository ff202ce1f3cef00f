"""A plain-Python twin of the zone: dicts, lists and sets, one small function per kernel function.

It is written from the specification, never from the core, and favours the reader over speed.

Where a page can be, and who knows it:

    on a free list       buddy_order[first page], home[first page] is a list of free_area
    on a capture list    buddy_order[first page], home[first page] is a CaptureList
    in use               in_use[first page] = order; the pages on per-CPU lists are among these

Every list is a dict whose *last* key is the list's head, so both ends and any page in between are at hand.

One deviation from 2.6.27 with the capture series: a pageblock move steps over captured blocks.
"""

import copy
import math

from .lists import BlockList, CaptureList

UNMOVABLE, RECLAIMABLE, MOVABLE, RESERVE, ISOLATE = range(5)
MIGRATE_TYPES = 5
FALLBACKS = {
    UNMOVABLE: (RECLAIMABLE, MOVABLE),
    RECLAIMABLE: (UNMOVABLE, MOVABLE),
    MOVABLE: (RECLAIMABLE, UNMOVABLE),
}

NO_WATERMARKS, WMARK_MIN, WMARK_LOW, HARDER, HIGH = 0x01, 0x02, 0x04, 0x10, 0x20

PAGE_KB = 4


# What the kernel computes from sizes alone.


def default_min_free_kbytes(lowmem_pages):
    """Four times the square root of the memory in KiB, held to 128..65536."""
    return min(max(math.isqrt(16 * PAGE_KB * lowmem_pages), 128), 65536)


def pages_marks(present, lowmem_pages, min_free_kbytes, highmem=False):
    """(pages_min, pages_low, pages_high) of one zone."""
    share = min_free_kbytes // PAGE_KB * present // lowmem_pages if lowmem_pages else 0
    pages_min = min(max(present // 1024, 32), 128) if highmem else share
    return pages_min, pages_min + share // 4, pages_min + share // 2


def lowmem_reserve(zone_idx, node_present_pages, ratio):
    """Pages of this zone kept from requests that could have used a higher zone, by the request's class."""
    return tuple(
        sum(node_present_pages[zone_idx + 1 : classzone_idx + 1]) // max(ratio[zone_idx], 1)
        for classzone_idx in range(len(node_present_pages))
    )


def totalreserve_pages(node_present_pages, reserves, pages_high):
    """What the kernel takes for not available to user space: reserves and high marks of all zones."""
    zones = enumerate(zip(node_present_pages, reserves, pages_high, strict=True))
    return sum(min(present, max(reserve[idx:]) + high) for idx, (present, reserve, high) in zones)


def zone_batchsize(present):
    """Pages moved at a time between a per-CPU list and the zone; 0 for a small zone."""
    batch = max(min(present // 1024, 128) // 4, 1)
    return (1 << ((batch + batch // 2).bit_length() - 1)) - 1


class Zone:
    """One zone of one node, from `start_pfn`, with its free lists, per-CPU lists and capture lists."""

    def __init__(
        self,
        start_pfn,
        spanned_pages,
        *,
        present_ranges=None,
        max_page_order=10,
        pageblock_order=9,
        zone_idx=0,
        node_present_pages=None,
        lowmem_reserve_ratio=(256, 256, 32, 32),
        min_free_kbytes=None,
        cpus=1,
        pcp_batch=None,
        pcp_high=None,
        pageblock_index="absolute",
        pcp_bulk_cold=False,
    ):
        self.start_pfn = start_pfn
        self.end_pfn = start_pfn + spanned_pages
        self.present_ranges = [tuple(r) for r in present_ranges or [(self.start_pfn, self.end_pfn)]]
        self.present_pages = sum(end - first for first, end in self.present_ranges)
        self.max_page_order = max_page_order
        self.pageblock_order = pageblock_order
        self.pageblock_base = start_pfn if pageblock_index == "zone_relative" else 0

        self.free_area = [[BlockList() for _ in range(MIGRATE_TYPES)] for _ in range(max_page_order + 1)]
        self.nr_free = [0] * (max_page_order + 1)
        self.nr_free_pages = 0
        self.buddy_order = {}
        self.home = {}
        self.in_use = {}
        self.open_lists = []

        batch = zone_batchsize(self.present_pages)
        self.pcp = [[] for _ in range(cpus)]
        self.pcp_batch = max(1, batch) if pcp_batch is None else pcp_batch
        self.pcp_high = 6 * batch if pcp_high is None else pcp_high
        self.pcp_bulk_cold = pcp_bulk_cold

        if node_present_pages is None:
            node_present_pages = [self.present_pages if idx == zone_idx else 0 for idx in range(4)]
        self.lowmem_pages = sum(node_present_pages)
        self.lowmem_reserve = lowmem_reserve(zone_idx, node_present_pages, lowmem_reserve_ratio)

        self.pageblock_type = {}
        self.memmap_init()
        self.free_all_bootmem()
        if min_free_kbytes is None:
            min_free_kbytes = default_min_free_kbytes(self.lowmem_pages)
        self.set_min_free_kbytes(min_free_kbytes)

    # The life of a zone

    def memmap_init(self):
        """Every pageblock whose first page is in the zone is movable; a partial first one stays unmovable."""
        blocks = range(self.pageblock(self.start_pfn), self.pageblock(self.end_pfn - 1) + 1)
        self.pageblock_type = dict.fromkeys(blocks, UNMOVABLE)
        step = 1 << self.pageblock_order
        for pfn in range(-(-self.start_pfn // step) * step, self.end_pfn, step):
            self.set_pageblock_migratetype(pfn, MOVABLE)

    def free_all_bootmem(self):
        """Free the present ranges upward, as the largest aligned blocks."""
        for pfn, end in self.present_ranges:
            while pfn < end:
                order = self.max_page_order
                while pfn % (1 << order) or pfn + (1 << order) > end:
                    order -= 1
                self.in_use[pfn] = order
                self.free_one_page(pfn, order)
                pfn += 1 << order

    def set_min_free_kbytes(self, kb):
        """New marks, and a reserve to match."""
        self.min_free_kbytes = kb
        self.pages_min, self.pages_low, self.pages_high = pages_marks(self.present_pages, self.lowmem_pages, kb)
        self.setup_zone_migrate_reserve()

    def setup_zone_migrate_reserve(self):
        """As many reserve pageblocks as cover pages_min, the lowest ones; any others become movable."""
        step = 1 << self.pageblock_order
        wanted = -(-self.pages_min // step)
        for pfn in range(self.start_pfn, self.end_pfn, step):
            if not self.is_present(pfn):
                continue
            migratetype = self.get_pageblock_migratetype(pfn)
            if wanted and migratetype in (RESERVE, MOVABLE):
                wanted -= 1
                if migratetype == MOVABLE:
                    self.change_pageblock(pfn, RESERVE)
            elif migratetype == RESERVE:
                self.change_pageblock(pfn, MOVABLE)

    def copy(self):
        """An independent zone in the same state."""
        return copy.deepcopy(self)

    # Pageblocks

    def is_present(self, pfn):
        """Whether the page is memory and not a hole."""
        return any(first <= pfn < end for first, end in self.present_ranges)

    def pageblock(self, pfn):
        """Index of the page's pageblock."""
        return (pfn - self.pageblock_base) >> self.pageblock_order

    def get_pageblock_migratetype(self, pfn):
        """Type of the page's pageblock."""
        return self.pageblock_type[self.pageblock(pfn)]

    def set_pageblock_migratetype(self, pfn, migratetype):
        """Set the type of the page's pageblock."""
        self.pageblock_type[self.pageblock(pfn)] = migratetype

    def change_pageblock(self, pfn, migratetype):
        """Set the type and move the free blocks along."""
        self.set_pageblock_migratetype(pfn, migratetype)
        self.move_freepages_block(pfn, migratetype)

    def move_freepages_block(self, pfn, migratetype):
        """Move the free blocks of the aligned range around `pfn` to the lists of `migratetype`; returns pages moved."""
        first = pfn >> self.pageblock_order << self.pageblock_order
        end = first + (1 << self.pageblock_order)
        if end > self.end_pfn:
            return 0
        if first < self.start_pfn:
            first = pfn
        moved, page = 0, first
        while page < end:
            if page not in self.home or self.is_captured(page):
                page += 1
                continue
            order = self.unlink(page)
            self.link(page, order, self.free_area[order][migratetype])
            moved += 1 << order
            page += 1 << order
        return moved

    # Blocks on lists

    def link(self, pfn, order, block_list):
        """Put a block at the head of a list."""
        self.buddy_order[pfn] = order
        self.home[pfn] = block_list
        block_list.add_head(pfn)

    def unlink(self, pfn):
        """Take a block off the list it is on; returns its order."""
        del self.home.pop(pfn)[pfn]
        return self.buddy_order.pop(pfn)

    def add_to_free_list(self, pfn, order, migratetype):
        """Link a free block and count it."""
        self.link(pfn, order, self.free_area[order][migratetype])
        self.nr_free[order] += 1

    def del_from_free_list(self, pfn):
        """Unlink a free block and count it off; returns its order."""
        order = self.unlink(pfn)
        self.nr_free[order] -= 1
        return order

    def is_captured(self, pfn):
        """Whether the listed block is on a capture list."""
        return isinstance(self.home[pfn], CaptureList)

    def find_buddy(self, pfn, order, capture_list=None):
        """The buddy if it can be merged with a block in nobody's hands, or in those of a capture list; else None."""
        buddy = pfn ^ (1 << order)
        if order == self.max_page_order or self.buddy_order.get(buddy) != order:
            return None
        home = self.home[buddy]
        if capture_list is not None and capture_list.private:
            return buddy if home is capture_list else None
        return None if self.is_captured(buddy) and home.keeps_apart(buddy) else buddy

    def leave_use(self, pfn, order):
        """The block's user lets go of it."""
        assert self.in_use.get(pfn) == order, f"{pfn}:{order} is not a block in use"
        del self.in_use[pfn]

    # Freeing

    def free_one_page(self, pfn, order):
        """Free a block: merge it upward, or join the capture list of the first captured buddy it meets."""
        self.leave_use(pfn, order)
        migratetype = self.get_pageblock_migratetype(pfn)
        self.nr_free_pages += 1 << order
        while (buddy := self.find_buddy(pfn, order)) is not None:
            if self.is_captured(buddy):
                self.nr_free_pages -= 1 << order
                self.capture_and_merge(self.home[buddy], pfn, order)
                return
            self.del_from_free_list(buddy)
            pfn = min(pfn, buddy)
            order += 1
        self.add_to_free_list(pfn, order, migratetype)

    def capture_and_merge(self, capture_list, pfn, order):
        """Put a block on a capture list, swallowing the buddies that its rules allow, of whichever list."""
        while (buddy := self.find_buddy(pfn, order, capture_list)) is not None:
            if self.is_captured(buddy):
                self.unlink(buddy)
            else:
                self.del_from_free_list(buddy)
                self.nr_free_pages -= 1 << order
            pfn = min(pfn, buddy)
            order += 1
        self.link(pfn, order, capture_list)
        capture_list.arrived(pfn, order)

    def split_page(self, pfn, order):
        """Make single pages of a block in use."""
        self.leave_use(pfn, order)
        self.in_use.update(dict.fromkeys(range(pfn, pfn + (1 << order)), 0))

    # Allocating

    def expand(self, pfn, low, high, migratetype):
        """Keep the low 2^low pages of a block of order `high`; the rest goes to the free lists, largest first."""
        for order in range(high - 1, low - 1, -1):
            self.add_to_free_list(pfn + (1 << order), order, migratetype)

    def carve_off(self, pfn, actual, desired):
        """Trim a block in use to 2^desired pages."""
        self.nr_free_pages += (1 << actual) - (1 << desired)
        self.expand(pfn, desired, actual, self.get_pageblock_migratetype(pfn))
        self.in_use[pfn] = desired

    def take_free_block(self, pfn, order, migratetype):
        """Take a free block into use, trimmed to `order`, the rest going to `migratetype`."""
        current_order = self.del_from_free_list(pfn)
        self.nr_free_pages -= 1 << order
        self.expand(pfn, order, current_order, migratetype)
        self.in_use[pfn] = order
        return pfn

    def rmqueue_smallest(self, order, migratetype):
        """The head of the smallest fitting list of one type, or None."""
        for current_order in range(order, self.max_page_order + 1):
            free_list = self.free_area[current_order][migratetype]
            if free_list:
                return self.take_free_block(free_list.head(), order, migratetype)
        return None

    def rmqueue_fallback(self, order, start_migratetype):
        """The largest block of another type, then the reserve."""
        for current_order in range(self.max_page_order, order - 1, -1):
            for migratetype in FALLBACKS[start_migratetype]:
                free_list = self.free_area[current_order][migratetype]
                if free_list:
                    pfn = free_list.head()
                    rest = self.steal(pfn, current_order, migratetype, start_migratetype)
                    return self.take_free_block(pfn, order, rest)
        return self.rmqueue_smallest(order, RESERVE)

    def steal(self, pfn, current_order, migratetype, start_migratetype):
        """Move or claim the pageblock of a block about to be taken; returns the type its rest goes to."""
        rest = migratetype
        if current_order >= self.pageblock_order >> 1 or start_migratetype == RECLAIMABLE:
            rest = start_migratetype
            if self.move_freepages_block(pfn, rest) >= 1 << self.pageblock_order >> 1:
                self.set_pageblock_migratetype(pfn, start_migratetype)
        if current_order == self.pageblock_order:
            self.set_pageblock_migratetype(pfn, start_migratetype)
        return rest

    def rmqueue(self, order, migratetype):
        """Take a block of 2^order pages; its first page, or None."""
        pfn = self.rmqueue_smallest(order, migratetype)
        return self.rmqueue_fallback(order, migratetype) if pfn is None else pfn

    # Per-CPU lists: [(pfn, type), ...], head first

    def rmqueue_bulk(self, pcp, migratetype, cold):
        """Fetch a batch for a per-CPU list."""
        fetched = []
        while len(fetched) < self.pcp_batch and (pfn := self.rmqueue(0, migratetype)) is not None:
            fetched.append((pfn, migratetype))
        if cold and self.pcp_bulk_cold:
            pcp.extend(reversed(fetched))
        else:
            pcp[:0] = fetched

    def rmqueue_pcplist(self, migratetype, cold=False, cpu=0):
        """One page through a per-CPU list, from its tail when cold."""
        pcp = self.pcp[cpu]
        if not pcp:
            self.rmqueue_bulk(pcp, migratetype, cold)
            if not pcp:
                return None
        matching = [i for i, (_, tag) in enumerate(pcp) if tag == migratetype]
        if matching:
            return pcp.pop(matching[-1 if cold else 0])[0]
        self.rmqueue_bulk(pcp, migratetype, cold)
        return pcp.pop(0)[0]

    def free_hot_cold_page(self, pfn, cold=False, cpu=0):
        """Free one page to a per-CPU list, at its tail when cold; a full list sheds a batch."""
        pcp = self.pcp[cpu]
        pcp.insert(len(pcp) if cold else 0, (pfn, self.get_pageblock_migratetype(pfn)))
        if len(pcp) >= self.pcp_high:
            self.free_pages_bulk(pcp, min(self.pcp_batch, len(pcp)))

    def free_pages_bulk(self, pcp, count):
        """Free `count` pages from the tail of a per-CPU list."""
        for _ in range(count):
            self.free_one_page(pcp.pop()[0], 0)

    def drain_pages(self, cpu=0):
        """Empty a per-CPU list."""
        self.free_pages_bulk(self.pcp[cpu], len(self.pcp[cpu]))

    # Watermarks

    def watermark_ok(self, order, mark, *, classzone_idx, alloc_flags):
        """Whether 2^order pages may leave the zone."""
        if alloc_flags & HIGH:
            mark -= mark // 2
        if alloc_flags & HARDER:
            mark -= mark // 4
        free_pages = self.nr_free_pages - (1 << order) + 1
        if free_pages <= mark + self.lowmem_reserve[classzone_idx]:
            return False
        for smaller in range(order):
            free_pages -= self.nr_free[smaller] << smaller
            mark //= 2
            if free_pages <= mark:
                return False
        return True

    def watermark_permits(self, order, classzone_idx, alloc_flags):
        """watermark_ok for the mark that the flags name."""
        if alloc_flags & NO_WATERMARKS:
            return True
        if alloc_flags & WMARK_MIN:
            mark = self.pages_min
        else:
            mark = self.pages_low if alloc_flags & WMARK_LOW else self.pages_high
        return self.watermark_ok(order, mark, classzone_idx=classzone_idx, alloc_flags=alloc_flags)

    # Capture

    def capture_list(self, **rules):
        """Open a capture list."""
        self.open_lists.append(CaptureList(self, **rules))
        return self.open_lists[-1]

    def capture_lists(self):
        """The open capture lists, in order of creation."""
        return list(self.open_lists)

    # Looking

    @property
    def pageblock_migratetype(self):
        """Types of all pageblocks, from the one of the first page."""
        return [self.pageblock_type[block] for block in sorted(self.pageblock_type)]

    def free_blocks(self):
        """(pfn, order, migratetype) of every free block, by order, then type, then in list order."""
        return [
            (pfn, order, migratetype)
            for order, lists in enumerate(self.free_area)
            for migratetype, free_list in enumerate(lists)
            for pfn in reversed(free_list)
        ]

    def canonical_dump(self):
        """The whole state as text, for comparison; one P line per CPU."""
        lines = [f"N {self.nr_free_pages}"]
        for order, lists in enumerate(self.free_area):
            lines.append(f"O {order} {self.nr_free[order]}")
            for migratetype, free_list in enumerate(lists):
                if free_list:
                    lines.append(" ".join(map(str, ["L", order, migratetype, *reversed(free_list)])))
        for index, capture_list in enumerate(self.open_lists):
            lines.append(" ".join([f"C {index}", *(f"{pfn}:{order}" for pfn, order in capture_list.blocks())]))
        lines.append("B " + "".join(map(str, self.pageblock_migratetype)))
        for pcp in self.pcp:
            lines.append(" ".join([f"P {len(pcp)}", *(f"{pfn}:{tag}" for pfn, tag in pcp)]))
        return "".join(line + "\n" for line in lines)

    # Invariants

    def check(self):
        """Raise AssertionError where the state contradicts itself."""
        self.check_counters()
        self.check_lists()
        self.check_pages()
        self.check_buddies()
        self.check_pcp()

    def check_counters(self):
        """nr_free and NR_FREE_PAGES are what the free lists hold."""
        lengths = [sum(map(len, lists)) for lists in self.free_area]
        assert self.nr_free == lengths
        assert self.nr_free_pages == sum(length << order for order, length in enumerate(lengths))

    def check_lists(self):
        """Every listed block is on exactly the list it names, and a free list holds one order."""
        lists = [free_list for row in self.free_area for free_list in row] + self.open_lists
        assert self.home.keys() == self.buddy_order.keys()
        assert len(self.home) == sum(map(len, lists))
        assert all(self.home[pfn] is block_list for block_list in lists for pfn in block_list)
        assert all(self.buddy_order[pfn] == order for pfn, order, _ in self.free_blocks())

    def check_pages(self):
        """Blocks are aligned, and every present page is in exactly one: free, captured or in use."""
        blocks = [*self.buddy_order.items(), *self.in_use.items()]
        assert all(pfn % (1 << order) == 0 and 0 <= order <= self.max_page_order for pfn, order in blocks)
        pages = sorted(page for pfn, order in blocks for page in range(pfn, pfn + (1 << order)))
        assert pages == sorted(page for first, end in self.present_ranges for page in range(first, end))

    def check_buddies(self):
        """No two buddies of one order stand side by side that would have merged."""
        for pfn, order in self.buddy_order.items():
            home = self.home[pfn]
            if not self.is_captured(pfn) or not home.keeps_apart(pfn):
                assert self.find_buddy(pfn, order) is None
            elif home.private:
                assert self.find_buddy(pfn, order, home) is None

    def check_pcp(self):
        """Pages on per-CPU lists are single pages, each on one list."""
        pages = [pfn for pcp in self.pcp for pfn, _ in pcp]
        assert len(pages) == len(set(pages))
        assert all(self.in_use.get(pfn) == 0 for pfn in pages)
