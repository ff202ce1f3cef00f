"""From a configuration to the integers that the simulated world takes."""

from ..kernels import KERNELS
from ..sizes import PAGE_SIZE
from .config import PAGES_4GIB, SECOND_NS, StudyConfig

__all__ = ["world_parameters"]

MS_NS = 1_000_000


def world_parameters(config: StudyConfig, *, warm: bool, load_ns: int = 0) -> dict[str, int]:
    """Return a value for each of `buddycap._world.PARAMETERS`, for `buddycap._world.World`.

    Parameters
    ----------
    config : StudyConfig
    warm : bool
        The memory is in use already, so there is no warm-up.
    load_ns : int, ns
        Length of the recorded load that replaces the builds and the short kernel allocations; 0: there is none.

    Examples
    --------
    >>> world_parameters(StudyConfig(memory_pages=1 << 15), warm=True)["warmup_pages"]
    0
    """
    start_ns = (2 if warm else config.warmup_s) * SECOND_NS
    return {
        **_builds(config, load_ns),
        **_other_load(config),
        **_warmup(config, start_ns, warm=warm),
        **_requests(config, start_ns),
        **_faults(config),
        **_kernel(config),
        **_machine(config),
    }


def _builds(config: StudyConfig, load_ns: int) -> dict[str, int]:
    pages = config.memory_pages
    hz = config.kernel_rate_hz * config.cpus if not load_ns else 0
    return {
        "builds": config.nr_builds if not load_ns else 0,
        "anon_median_pages": config.process_pages,
        "anon_min_pages": config.process_pages_least,
        "anon_max_pages": pages * config.process_pages_most_permille // 1000,
        "anon_sigma_q16": round(config.process_sigma * 65536),
        "duration_median_ns": config.process_ms * MS_NS,
        "duration_sigma_q16": round(config.process_time_sigma * 65536),
        "gap_mean_ns": config.gap_ms * MS_NS,
        "cold_pages": config.cold_pages,
        "hot_touches": config.hot_touches,
        "hot_pages": config.hot_pages * pages // PAGES_4GIB,
        "touch_permille": config.touch_permille,
        "recent_permille": config.recent_permille,
        "dirty_pages": config.dirty_pages,
        "slab_pages": config.slab_pages,
        "process_kernel_pages": config.process_kernel_pages,
        "process_order2_permille": config.process_order2_permille,
        "loads": config.load_copies if load_ns else 0,
        "load_duration_ns": load_ns,
        "kernel_period_ns": SECOND_NS // hz if hz else 0,
    }


def _other_load(config: StudyConfig) -> dict[str, int]:
    pages = config.memory_pages
    return {
        "kernel_order1_permille": config.kernel_order1_permille,
        "kernel_order2_permille": config.kernel_order2_permille,
        "kernel_order3_permille": config.kernel_order3_permille,
        "kernel_life_ns": config.kernel_life_ms * MS_NS,
        "kernel_long_life_ns": config.kernel_long_life_ms * MS_NS,
        "kernel_long_permille": config.kernel_long_permille,
        "stream_period_ns": int(config.chunk_pages * PAGE_SIZE * SECOND_NS // (config.stream_mib_per_s * (1 << 20))),
        "resident_pages": int(pages * config.resident_permille // 1000),
        "resident_touch_ns": SECOND_NS // config.resident_touches_hz,
        "flush_period_ns": config.flush_ms * MS_NS,
        "dirty_age_ns": config.dirty_age_ms * MS_NS,
        "dirty_background_pages": pages * config.dirty_background_permille // 1000,
        "dirty_limit_pages": pages * config.dirty_limit_permille // 1000,
    }


def _warmup(config: StudyConfig, start_ns: int, *, warm: bool) -> dict[str, int]:
    return {
        "warmup_pages": 0 if warm else config.memory_pages * config.warmup_permille // 1000,
        "warmup_ns": start_ns,
        "warmup_slab_permille": config.warmup_slab_permille,
        "warmup_pinned_permille": config.warmup_pinned_permille,
        "warmup_unmovable_permille": config.unmovable_permille,
        "unmovable_short_permille": config.unmovable_short_permille,
        "unmovable_short_life_ns": config.unmovable_short_life_ms * MS_NS,
        "unmovable_long_permille": config.unmovable_long_permille,
        "unmovable_long_life_ns": config.unmovable_long_life_ms * MS_NS,
    }


def _requests(config: StudyConfig, start_ns: int) -> dict[str, int]:
    tries = _huge_gfp(config)
    return {
        "request_start_ns": start_ns,
        "request_period_ns": config.period_ns,
        "request_order": config.order,
        "request_gfp": tries[0],
        "fault_second_gfp": tries[1] if len(tries) > 1 else 0,
        "requests": config.memory_pages >> config.order,
        "requesters": config.requesters,
        "passes": config.passes,
        "rest_ns": config.rest_s * SECOND_NS,
    }


def _huge_gfp(config: StudyConfig) -> tuple[int, ...]:
    """Return how a huge page is allocated, try for try: by a page fault, or by a request."""
    kernel = KERNELS[config.kernel]
    gfp = kernel.GFP
    if config.threads:
        return kernel.fault_gfp(config.defrag, config.madvised)
    flags = gfp["HIGHUSER_MOVABLE"] | gfp["COMP"] | gfp["NOWARN"]
    return (int(flags | kernel.repeat if config.repeat else flags),)


def _faults(config: StudyConfig) -> dict[str, int]:
    pages = config.memory_pages
    return {
        "faulters": config.threads,
        "fault_regions": (pages * config.fault_permille // 1000) >> config.order if config.threads else 0,
        "huge_fault_ns": config.huge_fault_us * 1000,
        "readers": config.readers,
        "reader_pages": pages * config.reader_files_permille // 1000,
        "reader_file_pages": config.reader_file_pages,
        "reader_gap_ns": config.reader_gap_us * 1000,
        "reader_write_permille": config.reader_write_permille,
        "reader_slab_permille": config.reader_slab_permille,
        "slice_ns": config.slice_us * 1000,
        "aged_run_pages": config.aged_run_pages,
    }


def _kernel(config: StudyConfig) -> dict[str, int]:
    """Return what the kernel decides: how to allocate."""
    kernel = KERNELS[config.kernel]
    gfp = kernel.GFP
    return {
        "user_gfp": int(gfp["HIGHUSER_MOVABLE"]),
        "kernel_gfp": int(gfp["KERNEL"]),
        "reclaimable_gfp": int(gfp["KERNEL"] | gfp["RECLAIMABLE"]),
        "journal_gfp": int(gfp["NOFS"]),
        "journal_flags": int(kernel.AllocFlags["NO_WATERMARKS"]),
        "reserve_type": int(kernel.reserve),
    }


def _machine(config: StudyConfig) -> dict[str, int]:
    return {
        "congestion_pages": config.congestion_pages,
        "congestion_ns": config.congestion_ms * MS_NS,
        "retry_ns": config.retry_ms * MS_NS,
        "swap_pages": config.memory_pages * config.swap_permille // 1000,
        "swappiness": config.swappiness,
        "lumpy": int(config.lumpy),
        "sync_pass": int(config.sync_pass),
        "kswapd_orders": int(config.kswapd_orders),
        "memalloc_permille": config.memalloc_permille,
        "look_period_ns": config.look_ms * MS_NS if KERNELS[config.kernel].compacts else 0,
        "compact_budget_pages": config.compact_budget_pages,
        "compact_scan_ps": config.compact_scan_ps,
        "migrate_ns": config.migrate_ns,
        "batch_ns": config.batch_ns,
        "cpus": config.cpus,
        "chunk_pages": config.chunk_pages,
        "budget_pages": config.budget_pages,
        "yield_ns": config.yield_us * 1000,
        "scan_ns": config.scan_ns,
        "free_ns": config.free_ns,
        "look_ps": config.look_ps,
        "active_ns": config.active_ns,
        "pageout_ns": config.pageout_ns,
        "fault_ns": config.fault_ns,
        "disk_page_ns": int(PAGE_SIZE * SECOND_NS // (config.disk_mib_per_s * (1 << 20))),
        "disk_read_ns": config.read_cost_us * 1000,
        "disk_swapin_ns": config.swap_cost_us * 1000,
        "disk_write_ns": config.write_cost_us * 1000,
        "cold_read_pages": config.cold_read_pages,
        "hot_read_pages": config.hot_read_pages,
    }
