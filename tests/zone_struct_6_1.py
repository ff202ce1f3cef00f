"""The memory of a zone of Linux 6.1 or 6.12 as ctypes sees it: what is behind the common header, where lists are."""

import ctypes
from ctypes import c_int16, c_int32, c_int64, c_uint8, c_uint16, c_uint64

import pytest

from buddycap import CorruptionError
from zone_struct import MAX_ORDERS, MIGRATE_TYPES, NR_PAGE_LISTS, Header, Memory

PG_RESERVED, PG_TAKEN, PG_PCP = 0x60, 0x70, 0x80
TYPES = 6
PCP_LISTS = 14


class Compact(ctypes.Structure):
    """compact_zone_6_1_t"""

    _fields_ = (
        ("cached_migrate", c_uint64 * 2),
        *((name, c_uint64) for name in ("cached_free", "init_migrate", "init_free")),
        *((name, c_int32) for name in ("considered", "defer_shift", "order_failed", "blockskip_flush")),
        *((name, c_int32) for name in ("unevictable_allowed", "reserved")),
        ("events", c_int64 * 11),
    )


class Own(ctypes.Structure):
    """zone_6_1_t"""

    _fields_ = (
        *((name, c_int64) for name in ("managed", "nr_free_cma", "pages_promo", "boost", "reserved_highatomic")),
        ("lowmem_reserve", c_int64 * 5),
        *((name, c_int64) for name in ("scale", "boost_factor", "pcp_fraction", "map_start", "map_end", "wakeups")),
        ("events", c_int64 * 5),
        ("lowmem_ratio", c_int32 * 5),
        *((name, c_int32) for name in ("cma", "isolate_type", "boosted", "reclaim", "nr_isolated", "counts_exact")),
        *(
            (name, c_int32)
            for name in ("cpu", "pcp_high", "pcp_batch", "capture_order", "capture_page", "capture_movable")
        ),
        ("compact", Compact),
    )


class Pcp61(ctypes.Structure):
    """pcp_6_1_t"""

    _fields_ = (
        *((name, c_int32) for name in ("count", "high", "batch")),
        ("free_factor", c_int16),
        ("locked", c_int16),
    )


class Own612(ctypes.Structure):
    """own_6_12_t"""

    _fields_ = (
        ("nr_free_highatomic", c_int64),
        *((name, c_int32) for name in ("below_high", "capture_type", "pcp_high_min", "pcp_high_max")),
    )


class Pcp612(ctypes.Structure):
    """pcp_6_12_t"""

    _fields_ = (
        *((name, c_int32) for name in ("count", "high", "batch", "high_min", "high_max", "free_count")),
        *((name, c_int16) for name in ("alloc_factor", "flags", "locked", "reserved")),
    )


class Memory61(Memory):
    """The cells of a zone of 6.1, to be read and written in place."""

    PCP, MORE = Pcp61, 0

    def __init__(self, zone):
        self.zone = zone
        self.header = Header.from_address(zone.address)
        self.own = Own.from_address(zone.address + ctypes.sizeof(Header))
        if self.header.header_bytes != ctypes.sizeof(Header) + ctypes.sizeof(Own) + self.MORE:
            raise AssertionError(f"{self.header.header_bytes} bytes, and the mirror is of another size")

    def refs(self, pfn):
        """References to a block beyond the first."""
        start = self.header.off_flags + 4 * self.header.nr_index
        return self._array(c_uint16, start, pfn - self.header.base_pfn)

    def skip(self, pfn):
        """Skip bits of compaction, behind the types of the pageblocks."""
        start = self.header.off_pageblock + self.header.nr_pageblocks
        return self._array(c_uint8, start, (pfn - self.header.base_pfn) >> self.header.pageblock_order)

    def pcp(self, cpu):
        """The sizes of a CPU's lists."""
        return self._array(self.PCP, self.header.off_pcp, cpu)


class Memory612(Memory61):
    """The cells of a zone of 6.12."""

    PCP, MORE = Pcp612, ctypes.sizeof(Own612)

    def __init__(self, zone):
        super().__init__(zone)
        self.own_612 = Own612.from_address(zone.address + ctypes.sizeof(Header) + ctypes.sizeof(Own))


def free_list_61(order, migratetype):
    """Index of the head of a free list."""
    return -1 - (order * TYPES + migratetype)


def pcp_list_61(cpu, index):
    """Index of the head of a per-CPU list."""
    return -1 - (MAX_ORDERS * MIGRATE_TYPES + NR_PAGE_LISTS + cpu * PCP_LISTS + index)


def broken(zone):
    """Return what check() of a broken zone says: invariant and PFN."""
    with pytest.raises(CorruptionError) as caught:
        zone.check()
    return caught.value.invariant, caught.value.pfn


def broken_by(zone, place, name, value):
    """Give a cell of a sound zone another value; return what check() says, and give the old one back."""
    before = getattr(place, name)
    assert before != value
    setattr(place, name, value)
    found = broken(zone)
    setattr(place, name, before)
    zone.check()
    return found
