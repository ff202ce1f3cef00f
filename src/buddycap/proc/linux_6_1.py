"""/proc as 6.1 prints it on x86-64, in a kernel with NUMA and huge pages, as distributions build it.

Every line of the kernel is there, in its place; what has no counterpart here (slab pages in use, refaults, counters of
NUMA, huge pages of tmpfs, ...) reads 0.
"""

from collections.abc import Iterable, Mapping, Sequence

from .._core import MachineBase, Zone
from ..formats.procfs import format_pagetypeinfo, format_vmstat
from ..formats.zoneinfo import Pageset, ZoneinfoZone, format_zoneinfo
from ..kernels.linux_6_1 import LINUX_6_1
from .blocks import count_blocks

__all__ = ["pagetypeinfo", "vmstat", "zoneinfo"]

_TYPES = ("Unmovable", "Movable", "Reclaimable", "HighAtomic")
_LISTS = ("inactive_anon", "active_anon", "inactive_file", "active_file", "unevictable")
_ZONE_COUNTERS = (
    *("nr_free_pages", *(f"nr_zone_{name}" for name in _LISTS), "nr_zone_write_pending", "nr_mlock", "nr_bounce"),
    *("nr_zspages", "nr_free_cma", "numa_hit", "numa_miss", "numa_foreign", "numa_interleave", "numa_local"),
    "numa_other",
)
_NODE_COUNTERS = (
    *(*(f"nr_{name}" for name in _LISTS), "nr_slab_reclaimable", "nr_slab_unreclaimable", "nr_isolated_anon"),
    *("nr_isolated_file", "workingset_nodes", "workingset_refault_anon", "workingset_refault_file"),
    *("workingset_activate_anon", "workingset_activate_file", "workingset_restore_anon", "workingset_restore_file"),
    *("workingset_nodereclaim", "nr_anon_pages", "nr_mapped", "nr_file_pages", "nr_dirty", "nr_writeback"),
    *("nr_writeback_temp", "nr_shmem", "nr_shmem_hugepages", "nr_shmem_pmdmapped", "nr_file_hugepages"),
    *("nr_file_pmdmapped", "nr_anon_transparent_hugepages", "nr_vmscan_write", "nr_vmscan_immediate_reclaim"),
    *("nr_dirtied", "nr_written", "nr_throttled_written", "nr_kernel_misc_reclaimable", "nr_foll_pin_acquired"),
    *("nr_foll_pin_released", "nr_kernel_stack", "nr_page_table_pages", "nr_sec_page_table_pages", "nr_swapcached"),
    *("pgpromote_success", "pgpromote_candidate"),
)
_SUFFIXES = tuple(f"_{name.lower()}" for name in LINUX_6_1.zone_names)
_EVENTS = (
    *("nr_dirty_threshold", "nr_dirty_background_threshold", "pgpgin", "pgpgout", "pswpin", "pswpout"),
    *(f"pgalloc{zone}" for zone in _SUFFIXES),
    *(f"allocstall{zone}" for zone in _SUFFIXES),
    *(f"pgskip{zone}" for zone in _SUFFIXES),
    *("pgfree", "pgactivate", "pgdeactivate", "pglazyfree", "pgfault", "pgmajfault", "pglazyfreed", "pgrefill"),
    *("pgreuse", "pgsteal_kswapd", "pgsteal_direct", "pgdemote_kswapd", "pgdemote_direct", "pgscan_kswapd"),
    *("pgscan_direct", "pgscan_direct_throttle", "pgscan_anon", "pgscan_file", "pgsteal_anon", "pgsteal_file"),
    *("zone_reclaim_failed", "pginodesteal", "slabs_scanned", "kswapd_inodesteal", "kswapd_low_wmark_hit_quickly"),
    *("kswapd_high_wmark_hit_quickly", "pageoutrun", "pgrotated", "drop_pagecache", "drop_slab", "oom_kill"),
    *("numa_pte_updates", "numa_huge_pte_updates", "numa_hint_faults", "numa_hint_faults_local"),
    *("numa_pages_migrated", "pgmigrate_success", "pgmigrate_fail", "thp_migration_success", "thp_migration_fail"),
    *("thp_migration_split", "compact_migrate_scanned", "compact_free_scanned", "compact_isolated", "compact_stall"),
    *("compact_fail", "compact_success", "compact_daemon_wake", "compact_daemon_migrate_scanned"),
    *("compact_daemon_free_scanned", "htlb_buddy_alloc_success", "htlb_buddy_alloc_fail", "unevictable_pgs_culled"),
    *("unevictable_pgs_scanned", "unevictable_pgs_rescued", "unevictable_pgs_mlocked", "unevictable_pgs_munlocked"),
    *("unevictable_pgs_cleared", "unevictable_pgs_stranded", "thp_fault_alloc", "thp_fault_fallback"),
    *("thp_fault_fallback_charge", "thp_collapse_alloc", "thp_collapse_alloc_failed", "thp_file_alloc"),
    *("thp_file_fallback", "thp_file_fallback_charge", "thp_file_mapped", "thp_split_page", "thp_split_page_failed"),
    *("thp_deferred_split_page", "thp_split_pmd", "thp_scan_exceed_none_pte", "thp_scan_exceed_swap_pte"),
    *("thp_scan_exceed_share_pte", "thp_split_pud", "thp_zero_page_alloc", "thp_zero_page_alloc_failed"),
    *("thp_swpout", "thp_swpout_fallback", "balloon_inflate", "balloon_deflate", "balloon_migrate", "swap_ra"),
    *("swap_ra_hit", "ksm_swpin_copy", "cow_ksm", "zswpin", "zswpout", "direct_map_level2_splits"),
    *("direct_map_level3_splits", "nr_unstable"),
)
_PER_ZONE_EVENTS = ("pgalloc", "allocstall")
_STAT_SHIFT = 27 - 12  # memory of a zone counts in units of 128 MiB for the threshold of its counters
_THRESHOLD_MAX = 125


def pagetypeinfo(machine: MachineBase, names: Sequence[str]) -> str:
    """Return the text of /proc/pagetypeinfo."""
    titles = (*_TYPES, *(["CMA"] if machine.zones[0].cma else []), "Isolate")
    return format_pagetypeinfo(count_blocks(machine.zones, names, dict(enumerate(titles)), capped=True))


def zoneinfo(machine: MachineBase, names: Sequence[str]) -> str:
    """Return the text of /proc/zoneinfo: of all zones that the kernel knows, also those without memory."""
    by_index = {zone.zone_idx: zone for zone in machine.zones}
    node = _picked(_NODE_COUNTERS, _node_counters(machine))
    rows: list[ZoneinfoZone] = []
    for zone_idx, name in enumerate(LINUX_6_1.zone_names):
        zone = by_index.get(zone_idx)
        rows.append(_empty_zone(name) if zone is None else _zone(zone, name, None if any_shown(rows) else node))
    return format_zoneinfo(rows)


def any_shown(rows: Iterable[ZoneinfoZone]) -> bool:
    """Tell whether a zone with memory stands among the rows: the first one bears the counters of the node."""
    return any(row.pagesets for row in rows)


def _empty_zone(name: str) -> ZoneinfoZone:
    """Return what is said of a zone without memory."""
    pages = ("free", "boost", "min", "low", "high", "spanned", "present", "managed", "cma")
    return ZoneinfoZone(0, name, dict.fromkeys(pages, 0), (0,) * len(LINUX_6_1.zone_names))


def _zone(zone: Zone, name: str, node: Mapping[str, int] | None) -> ZoneinfoZone:
    """Return what is said of a zone with memory."""
    pages = {
        "free": zone.nr_free_pages,
        "boost": zone.boost,
        "min": zone.pages_min + zone.boost,
        "low": zone.pages_low + zone.boost,
        "high": zone.pages_high + zone.boost,
        "spanned": zone.spanned_pages,
        "present": zone.present_pages,
        "managed": zone.managed_pages,
        "cma": _cma_pages(zone),
    }
    return ZoneinfoZone(
        0,
        name,
        pages,
        tuple(zone.lowmem_reserve.tolist()),
        counters=_picked(_ZONE_COUNTERS, _zone_counters(zone)),
        pagesets=tuple(
            Pageset(cpu, {key: zone.pcp(cpu)[key] for key in ("count", "high", "batch")}, threshold=_threshold(zone))
            for cpu in range(zone.cpus)
        ),
        trailer={"node_unreclaimable": 0, "start_pfn": zone.start_pfn},
        node_counters=node,
    )


def _cma_pages(zone: Zone) -> int:
    """Return the pages of CMA pageblocks."""
    number = len(_TYPES)
    return int((zone.pageblock_migratetype == number).sum()) << zone.pageblock_order if zone.cma else 0


def _threshold(zone: Zone) -> int:
    """Return how far a CPU may count by itself. Linux: mm/vmstat.c calculate_normal_threshold."""
    return min(2 * zone.cpus.bit_length() * (1 + (zone.managed_pages >> _STAT_SHIFT).bit_length()), _THRESHOLD_MAX)


def _picked(names: Iterable[str], values: Mapping[str, int]) -> dict[str, int]:
    """Return all counters in the kernel's order; 0 is that of what is not here."""
    return {name: values.get(name, 0) for name in names}


def _zone_counters(zone: Zone) -> dict[str, int]:
    """Return the counters of a zone."""
    counters: dict[str, int] = zone.vmstat()
    return {**counters, "nr_free_cma": zone.nr_free_cma if zone.cma else 0}


def _node_counters(machine: MachineBase) -> dict[str, int]:
    """Return the counters of the node."""
    zones = [zone.vmstat() for zone in machine.zones]
    total = {f"nr_{name}": sum(zone[f"nr_zone_{name}"] for zone in zones) for name in _LISTS}
    same = ("nr_slab_reclaimable", "nr_vmscan_write")
    return {
        **total,
        **{name: sum(zone[name] for zone in zones) for name in same},
        "nr_writeback": len(machine.writeback),
    }


def vmstat(machine: MachineBase, names: Sequence[str]) -> str:
    """Return the text of /proc/vmstat."""
    counters: dict[str, int] = {}
    for name, zone in zip(names, machine.zones, strict=True):
        for counter, count in _zone_counters(zone).items():
            key = f"{counter}_{name.lower()}" if counter in _PER_ZONE_EVENTS else counter
            counters[key] = counters.get(key, 0) + count
    counters.update(_node_counters(machine))
    return format_vmstat(_picked((*_ZONE_COUNTERS, *_NODE_COUNTERS, *_EVENTS), counters))
