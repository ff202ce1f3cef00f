"""The memory of a zone as ctypes sees it: header and bits of _core.pxd, so that tests can break single cells."""

import ctypes
from ctypes import c_int32, c_int64, c_uint8, c_uint32, c_uint64

MAX_ORDERS = 15
MIGRATE_TYPES = 5
NR_PAGE_LISTS = 6
PG_FREE, PG_CAPTURED, PG_USED, PG_PCP, PG_MARKED, PG_HOLE, PG_TAIL = 0x00, 0x10, 0x20, 0x30, 0x40, 0xFE, 0xFF
PG_STATE = 0xF0  # the other bits of an order byte are the order
PF_ORPHAN = 1 << 10  # reclaim has taken the page from its owner and not freed it yet


class Link(ctypes.Structure):
    """link_t"""

    _fields_ = (("next", c_int32), ("prev", c_int32))


class Slot(ctypes.Structure):
    """slot_t"""

    _fields_ = (
        ("head", Link),
        *((name, c_uint32) for name in ("own", "merged", "foreign", "seq")),
        ("kind", c_uint8),
        ("largest", c_uint8),
        ("rules", c_uint8),
        ("wanted", c_uint8),
        ("reserved", c_uint32),
    )


class Pcp(ctypes.Structure):
    """pcp_t"""

    _fields_ = tuple((name, c_int32) for name in ("count", "high", "batch", "reserved"))


class Header(ctypes.Structure):
    """zone_t"""

    _fields_ = (
        ("magic", c_uint64),
        ("version", c_uint32),
        ("header_bytes", c_uint32),
        ("bytes", c_uint64),
        ("image_bytes", c_uint64),
        ("image_hash", c_uint64 * 2),
        *((name, c_int64) for name in ("base_pfn", "start_pfn", "spanned_pages", "present_pages")),
        *((name, c_int32) for name in ("nr_index", "first", "end", "max_page_order", "pageblock_order")),
        *((name, c_int32) for name in ("nr_pageblocks", "pageblock_origin", "grouping", "zone_idx", "cpus")),
        ("pcp_bulk_cold", c_int32),
        ("kernel", c_int32),
        *(
            (f"off_{name}", c_uint64)
            for name in ("pcp", "pageblock", "order", "bits", "flags", "owner", "link", "heads")
        ),
        ("nr_free_pages", c_int64),
        ("nr_free", c_int64 * MAX_ORDERS),
        *((name, c_int64) for name in ("pages_min", "pages_low", "pages_high")),
        ("lowmem_reserve", c_int64 * 4),
        ("node_present", c_int64 * 4),
        ("min_free_kbytes", c_int64),
        ("lowmem_reserve_ratio", c_int32 * 4),
        ("node_highmem", c_uint32),
        ("cpuset_allowed", c_int32),
        ("all_unreclaimable", c_int32),
        ("nr_lru", c_int64 * NR_PAGE_LISTS),
        ("nr_scan", c_int64 * 5),
        ("recent_scanned", c_int64 * 2),
        ("recent_rotated", c_int64 * 2),
        ("pages_scanned", c_int64),
        *((name, c_int32) for name in ("prev_priority", "inactive_ratio", "slot_limit", "slots_used")),
        ("slot_seq", c_uint32),
        ("pcp_bypass", c_uint32),
        ("vm", c_uint64 * 23),
        ("random", c_uint64 * 4),
    )


class Memory:
    """The cells of a zone, to be read and written in place. Pages are named by their PFN."""

    def __init__(self, zone):
        self.zone = zone  # keeps the memory
        self.header = Header.from_address(zone.address)
        if self.header.header_bytes != ctypes.sizeof(Header):
            raise AssertionError(f"zone_t has {self.header.header_bytes} bytes, its mirror {ctypes.sizeof(Header)}")

    def _array(self, kind, offset, index):
        return kind.from_address(self.zone.address + offset + index * ctypes.sizeof(kind))

    def order(self, pfn):
        """The order byte of a page."""
        return self._array(c_uint8, self.header.off_order, pfn - self.header.base_pfn)

    def flags(self, pfn):
        """The flags of a page."""
        return self._array(c_uint32, self.header.off_flags, pfn - self.header.base_pfn)

    def owner(self, pfn):
        """The owner cookie of a page."""
        return self._array(c_uint64, self.header.off_owner, pfn - self.header.base_pfn)

    def bits(self, word):
        """64 bits of the scratch of bulk operations."""
        return self._array(c_uint64, self.header.off_bits, word)

    def pageblock(self, number):
        """The type of a pageblock."""
        return self._array(c_uint8, self.header.off_pageblock, number)

    def pcp(self, cpu):
        """The sizes of a per-CPU list."""
        return self._array(Pcp, self.header.off_pcp, cpu)

    def link(self, pfn):
        """The link of a page."""
        return self.link_at(pfn - self.header.base_pfn)

    def link_at(self, index):
        """The link of an index; heads have negative ones."""
        return self._array(Link, self.header.off_link, index)

    def slot(self, number):
        """A private list."""
        return Slot.from_address(ctypes.addressof(self.link_at(self.header.nr_index + 4 * number)))


def free_list(order, migratetype):
    """Index of the head of a free list."""
    return -1 - (order * MIGRATE_TYPES + migratetype)


def page_list(lru):
    """Index of the head of an LRU list."""
    return -1 - (MAX_ORDERS * MIGRATE_TYPES + lru)


def pcp_list(cpu):
    """Index of the head of a per-CPU list."""
    return -1 - (MAX_ORDERS * MIGRATE_TYPES + NR_PAGE_LISTS + cpu)
