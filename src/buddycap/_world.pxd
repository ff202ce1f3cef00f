"""The nouns of the simulated world: tasks on one event queue, a disk, timers, around one machine with one zone.

Times are integer nanoseconds since the start.  Pages are indices in the zone, as in _core.
"""

from libc.stdint cimport int32_t, int64_t, uint8_t, uint32_t, uint64_t

from ._core cimport machine_t, policy_t, request_t, step_t, zone_t


cdef enum:
    CHUNK = 8                   # pages a task allocates in one event, so that others can come in between
    PAGE_BYTES = 4096
    SWAPPED = -2                # in a table of pages: the page is in swap
    ABSENT = -1                 # in a table of pages: never read, or dropped

cdef enum:                      # actors
    TASK_BUILD = 1
    TASK_KERNEL                 # short kernel allocations
    TASK_STREAM                 # reads a file that is never read again
    TASK_RESIDENT               # a program that keeps its memory
    TASK_PDFLUSH
    TASK_WARMUP                 # fills the page cache before the requests begin
    TASK_REQUESTER
    TASK_KSWAPD

cdef enum:                      # what the pages are for that a task is allocating
    WANT_NOTHING = 0
    WANT_ANON                   # new anonymous page number `want_index`
    WANT_SWAPIN                 # the same, from swap
    WANT_CACHE                  # page cache, read once
    WANT_HOT                    # page cache of the hot set, number `want_index`
    WANT_DIRTY                  # page cache, written
    WANT_SLAB                   # reclaimable slab
    WANT_KERNEL                 # freed when the process ends
    WANT_TIMED                  # freed after a while
    WANT_HUGE                   # what it is all about

cdef enum:                      # what a build's process is due besides its anonymous pages
    DUE_PAGE_TABLE
    DUE_COLD                    # file pages read once
    DUE_HOT                     # touches in the hot set
    DUE_TOUCH                   # touches of its own pages
    DUE_DIRTY                   # file pages written
    DUE_SLAB
    NR_DUES

cdef enum:                      # kinds of owner cookies: kind << 56 | task << 40 | number
    OWNER_ANON = 1
    OWNER_HOT = 2
    OWNER_DIRTY = 3

ctypedef struct wtimer_t:       # a block that is freed at `time`
    int64_t time
    uint64_t seq
    int32_t page
    int32_t order

ctypedef struct wake_t:         # when a task goes on
    int64_t time
    uint64_t seq
    int32_t task
    int32_t reserved

ctypedef struct write_t:        # a page on its way to the disk
    int64_t time
    int32_t page
    int32_t reserved

ctypedef struct dirty_t:        # a dirty page of the page cache, known by its cookie
    int64_t time
    uint64_t owner
    int32_t page
    int32_t reserved

ctypedef struct result_t:       # one request for a huge page
    int64_t start_ns
    int64_t latency_ns
    int64_t scanned
    int64_t freed
    int32_t path                # PATH_*
    int32_t page
    int32_t own                 # pages on its capture lists: reclaimed by itself,
    int32_t merged              # free before,
    int32_t foreign             # freed by others
    int32_t largest             # largest order on a capture list, -1: none
    int32_t givebacks
    int32_t sync_passes
    int32_t steals              # pages it freed that others took before it was done
    int32_t reclaims            # calls of direct reclaim

ctypedef struct task_t:
    int32_t kind
    int32_t cpu
    int32_t state
    int32_t in_request          # the request below is under way
    int32_t blocked             # it stands in the policy's queue
    int32_t reserved3
    int64_t blocked_since
    int64_t busy_ns             # cost of what it has done since its last event
    int64_t pause_ns            # asked for by the actor, begins when its wish has been granted
    uint64_t random[4]
    # pages being allocated
    int32_t want
    int32_t want_order
    int32_t want_left
    int32_t reserved
    uint32_t want_gfp
    uint32_t reserved2
    int64_t want_index
    request_t request
    # a build's process, or the resident program
    int32_t *pages              # its anonymous pages
    int64_t pages_size
    int64_t pages_goal
    int64_t pages_done
    int32_t *hot                # its part of the hot set
    int64_t hot_size
    int32_t *kernel             # pairs (page, order) freed when the process ends
    int32_t kernel_size
    int32_t kernel_done
    int64_t quota[NR_DUES]      # pages, or touches, of each kind that the process is due in all
    int64_t done[NR_DUES]
    int64_t period_ns           # between chunks
    # a requester
    int64_t request_start
    uint32_t serial             # of the request under way, 0: none
    int32_t steals

ctypedef struct params_t:
    # what happens
    int64_t builds
    int64_t anon_median_pages
    int64_t anon_min_pages
    int64_t anon_max_pages
    int64_t anon_sigma_q16
    int64_t duration_median_ns
    int64_t duration_sigma_q16
    int64_t gap_mean_ns
    int64_t cold_pages
    int64_t hot_touches
    int64_t hot_pages
    int64_t dirty_pages
    int64_t slab_pages
    int64_t kernel_rate_hz
    int64_t kernel_life_ns
    int64_t kernel_long_life_ns
    int64_t stream_period_ns
    int64_t resident_pages
    int64_t resident_touch_ns
    int64_t warmup_pages
    int64_t warmup_ns
    int64_t warmup_slab_permille
    int64_t warmup_pinned_permille
    int64_t warmup_unmovable_permille
    int64_t request_start_ns
    int64_t request_period_ns
    int64_t request_order
    int64_t request_gfp
    int64_t requests
    int64_t requesters
    int64_t congestion_pages
    int64_t congestion_ms_permille
    int64_t cpus
    int64_t budget_pages
    # what it costs
    int64_t scan_ns
    int64_t free_ns
    int64_t look_ps
    int64_t active_ns
    int64_t pageout_ns
    int64_t fault_ns
    # the disk
    int64_t disk_page_ns
    int64_t disk_read_ns
    int64_t disk_swapin_ns
    int64_t disk_write_ns

ctypedef struct world_t:
    machine_t m
    zone_t *z
    params_t p
    int64_t now
    uint64_t seq
    task_t *task
    int32_t nr_tasks
    int32_t kswapd              # number of kswapd's task
    int32_t warm                # warm-up is over
    int32_t failed              # out of memory for the world's own tables
    # event queue and timers: binary heaps
    wake_t *wake
    int32_t nr_wakes
    int32_t reserved
    wtimer_t *timer
    int64_t nr_timers
    int64_t timers_size
    # disk: one queue, first in first out
    int64_t disk_free_at
    write_t *write
    int64_t write_first
    int64_t write_last
    int64_t writes_size
    # dirty pages of the page cache, oldest first
    dirty_t *dirty
    int64_t dirty_first
    int64_t dirty_last
    int64_t dirties_size
    uint64_t dirty_seq
    int64_t nr_dirty
    # steals: which request freed the page last
    uint32_t *stamp             # per page: serial of the request that freed it last
    uint32_t serial             # requests begun
    int32_t first_requester
    int32_t requesters_done
    int32_t reserved2
    # results
    result_t *result
    int64_t nr_results
    int64_t events
    int64_t background_pages    # allocated by others than the requesters
    int64_t background_failed
    int64_t rereads
    int64_t swapins
    int64_t blocked_ns          # time that allocations have stood in the policy's queue
    int64_t held_ns             # time that captured blocks were held below the watermark
    void *owner                 # the World, whose hook is to be asked
    int32_t stopped             # the hook has raised
    int32_t reserved3
    uint64_t exp2_q30[30]       # 2^(1/2), 2^(1/4), ... with 30 fraction bits
