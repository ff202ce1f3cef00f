"""/proc as 6.1 prints it."""

from .linux_6 import LISTS, NewerTexts, per_zone

__all__ = ["TEXTS_6_1"]

_ZONE_COUNTERS = (
    *("nr_free_pages", *(f"nr_zone_{name}" for name in LISTS), "nr_zone_write_pending", "nr_mlock", "nr_bounce"),
    *("nr_zspages", "nr_free_cma", "numa_hit", "numa_miss", "numa_foreign", "numa_interleave", "numa_local"),
    "numa_other",
)
_NODE_COUNTERS = (
    *(*(f"nr_{name}" for name in LISTS), "nr_slab_reclaimable", "nr_slab_unreclaimable", "nr_isolated_anon"),
    *("nr_isolated_file", "workingset_nodes", "workingset_refault_anon", "workingset_refault_file"),
    *("workingset_activate_anon", "workingset_activate_file", "workingset_restore_anon", "workingset_restore_file"),
    *("workingset_nodereclaim", "nr_anon_pages", "nr_mapped", "nr_file_pages", "nr_dirty", "nr_writeback"),
    *("nr_writeback_temp", "nr_shmem", "nr_shmem_hugepages", "nr_shmem_pmdmapped", "nr_file_hugepages"),
    *("nr_file_pmdmapped", "nr_anon_transparent_hugepages", "nr_vmscan_write", "nr_vmscan_immediate_reclaim"),
    *("nr_dirtied", "nr_written", "nr_throttled_written", "nr_kernel_misc_reclaimable", "nr_foll_pin_acquired"),
    *("nr_foll_pin_released", "nr_kernel_stack", "nr_page_table_pages", "nr_sec_page_table_pages", "nr_swapcached"),
    *("pgpromote_success", "pgpromote_candidate"),
)
_EVENTS = (
    *("nr_dirty_threshold", "nr_dirty_background_threshold", "pgpgin", "pgpgout", "pswpin", "pswpout"),
    *per_zone("pgalloc", "allocstall", "pgskip"),
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

TEXTS_6_1 = NewerTexts(_ZONE_COUNTERS, _NODE_COUNTERS, _EVENTS, ("min", "low", "high"), {})
