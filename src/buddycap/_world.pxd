"""The nouns of the simulated world: tasks on one event queue, a disk, timers, around one machine with one zone.

Times are integer nanoseconds since the start.  Pages are indices in the zone, as in _core.
"""

from libc.stdint cimport int32_t, int64_t, uint8_t, uint32_t, uint64_t

from ._core cimport machine_t, request_t, step_t, zone_t


cdef enum:
    SWAPPED = -2                # in a table of pages: the page is in swap
    ABSENT = -1                 # in a table of pages: never read, dropped, or a free slot
    LAST_PASS = 3

cdef enum:                      # actors
    TASK_BUILD = 1
    TASK_KERNEL                 # short kernel allocations
    TASK_STREAM                 # reads a file that is never read again
    TASK_RESIDENT               # a program that keeps its memory
    TASK_PDFLUSH
    TASK_WARMUP                 # fills the page cache before the requests begin
    TASK_REQUESTER
    TASK_KSWAPD
    TASK_LOAD                   # a recorded load, in place of the builds and the short kernel allocations
    TASK_FLUSHER                # before the pass at rest: reads a file as large as memory and deletes it
    TASK_FAULTER                # faults huge pages, or base pages where there are none
    TASK_READER                 # reads and writes small files at random
    TASK_KCOMPACTD
    TASK_LOOK                   # every half second: whether kcompactd should compact proactively
    TASK_AGEING                 # when the faults begin: the file pages as those of a machine that has run for long

cdef enum:                      # what the pages are for that a task is allocating
    WANT_NOTHING = 0
    WANT_ANON                   # new anonymous page number `want_index`
    WANT_SWAPIN                 # the same, from swap
    WANT_CACHE                  # page cache, read once
    WANT_HOT                    # page cache of the hot set, number `want_index`
    WANT_DIRTY                  # page cache, written
    WANT_SLAB                   # reclaimable slab
    WANT_KERNEL                 # freed when the process ends; a faulter's page tables
    WANT_TIMED                  # freed after a while
    WANT_HUGE                   # what it is all about
    WANT_FLUSH                  # page cache of the flusher's file

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
    OWNER_FLUSH = 4
    OWNER_CACHE = 5             # these say whose a page is, for those who look: nobody is told when reclaim takes it
    OWNER_SLAB = 6
    OWNER_KERNEL = 7
    OWNER_HUGE = 8

cdef enum:                      # why a request has failed, by the block that came nearest; see fail_cause
    CAUSE_NONE = 0              # it has not
    CAUSE_KERNEL                # every block it had freed pages in holds a kernel page
    CAUSE_KEPT                  # a page of the block was kept: locked, dirty, under writeback, pinned, used again
    CAUSE_STOLEN                # others took pages that it had freed
    CAUSE_NOTHING               # nothing could be isolated
    CAUSE_MARK                  # the block is free: the watermark forbade it, or it came too late

cdef enum:
    STAMP_STOLEN = 0x80000000   # in a page's stamp: somebody else has taken the page since
    STAMP_SERIAL = 0x7FFFFFFF

ctypedef struct due_t:          # what is due at `time`: an entry of a heap
    int64_t time
    uint64_t seq                # the order of entries for one time
    int32_t what                # a task that goes on; or a block that is freed, by its page:
    int32_t order               # negative is slot -1 - page of a recorded load, and this the number of its task

ctypedef struct write_t:        # a page on its way to the disk
    int64_t time
    int32_t page

ctypedef struct dirty_t:        # a dirty page of the page cache, known by its cookie
    int64_t time
    uint64_t owner
    int32_t page

ctypedef struct load_t:         # one allocation of a recorded load
    int64_t time_ns
    int64_t lifetime_ns
    int32_t order
    int32_t migratetype

ctypedef struct result_t:       # one request for a huge page
    int64_t start_ns
    int64_t latency_ns
    int64_t sync_wait_ns        # of the latency: waits of the synchronous passes
    int64_t wait_ns             # of the latency: all waits
    int64_t scanned
    int64_t freed
    int32_t path                # PATH_*
    int32_t page
    int32_t own                 # pages on its capture lists: reclaimed by itself,
    int32_t merged              # free before,
    int32_t foreign             # freed by others
    int32_t largest             # largest order on a capture list, -1: none
    int32_t givebacks
    int32_t consults            # of a capture list
    int32_t holds               # blocks held below the watermark,
    int32_t rescued             # and handed out after all
    int32_t queue_waits         # how often the policy has put it behind others
    int32_t sync_passes
    int32_t sync_waits
    int32_t steals              # pages it freed that others took before it was done
    int32_t reclaims            # calls of direct reclaim
    int32_t oom_rounds          # rounds without any progress
    int32_t cause               # CAUSE_*
    int32_t pass_number         # 1..3

ctypedef struct fault_t:        # one region of the size of a huge page, faulted in as a whole
    int64_t start_ns
    int64_t latency_ns          # until all of it was there and written to
    int64_t huge_ns             # of the latency: until the huge page was there, or given up
    int64_t wait_ns             # of the latency: waits of the tries for a huge page
    int64_t scanned             # pages that these have scanned on LRU lists,
    int64_t freed               # and freed
    int32_t page                # the huge page, or -1: base pages
    int32_t path                # PATH_* of the last try
    int32_t tries
    int32_t thread
    int32_t reclaims            # calls of direct reclaim
    int32_t captured            # pages of the huge page's block that were captured

ctypedef struct cpu_t:          # one CPU, when tasks compete for them
    int64_t slice_end           # when the task on it must let others come in
    int32_t running             # number of that task, or -1
    int32_t first               # tasks that wait for the CPU, linked by task_t.next_ready; -1: none
    int32_t last
    int32_t reserved

ctypedef struct pass_t:         # one pass of requests, when it ended
    int64_t start_ns
    int64_t end_ns
    int64_t requests
    int64_t successes
    int64_t clean_left          # aligned blocks without any kernel page that were not obtained
    int64_t free_pages
    int64_t background_pages    # allocated by others meanwhile

ctypedef struct turn_t:         # what a request did, see turns.pxi
    int64_t request_ns          # when the request began
    int64_t start_ns            # when it began to work,
    int64_t work_end_ns         # to wait,
    int64_t end_ns              # and to go on
    int32_t task
    int32_t wait                # WAIT_*
    int32_t holding             # a captured block was held
    int32_t sync_passes         # so far

ctypedef struct task_t:
    int32_t kind
    int32_t cpu
    int32_t state
    int32_t in_request          # the request below is under way
    int32_t blocked             # it stands in the policy's queue
    int64_t blocked_since
    int32_t next_ready          # the next one that waits for the same CPU, or -1
    int64_t busy_ns             # cost of what it has done since its last event
    int64_t pause_ns            # asked for by the actor, begins when its wish has been granted
    uint64_t random[4]
    # pages being allocated
    int32_t want
    int32_t want_order
    int32_t want_left
    uint32_t want_gfp
    int64_t want_index
    int64_t want_life           # WANT_TIMED of a recorded load: how long the block lives
    request_t request
    # a build's process, the resident program, a recorded load
    int32_t *pages              # its anonymous pages
    int64_t pages_size
    int64_t pages_goal
    int64_t pages_done
    int32_t *hot                # its part of the hot set; of a recorded load: free slots of `pages`
    int64_t hot_size
    int64_t hot_done
    int32_t *kernel             # pairs (page, order) freed when the process ends
    int32_t kernel_done
    int64_t kernel_size
    int64_t quota[NR_DUES]      # pages, or touches, of each kind that the process is due in all
    int64_t done[NR_DUES]
    int64_t period_ns           # between chunks
    # a recorded load
    int64_t load_at             # next allocation,
    int64_t load_clock          # and the time when the one before was due
    # a requester
    int64_t request_start
    int64_t sync_wait_ns
    int64_t wait_ns
    int64_t last_wait_ns
    int32_t sync_waits
    int32_t steals
    uint32_t serial             # of the request under way, 0: none
    int32_t nr_blocks
    int32_t *block              # aligned blocks in which the request has freed pages
    # a faulter
    int64_t faults_done
    int64_t fault_end           # pages_done when the region under way is full of base pages
    fault_t fault               # of that region

ctypedef struct params_t:       # the parameters, by these names from Python
    # what depends on the kernel: how to allocate, and the type of pageblocks that are kept in reserve
    int64_t user_gfp
    int64_t kernel_gfp
    int64_t reclaimable_gfp
    int64_t journal_gfp         # of a page that writing a page out takes, under these allocation flags
    int64_t journal_flags
    int64_t reserve_type
    # builds
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
    int64_t touch_permille
    int64_t recent_permille
    int64_t dirty_pages
    int64_t slab_pages
    int64_t process_kernel_pages
    int64_t process_order2_permille
    # a recorded load
    int64_t loads
    int64_t load_duration_ns
    # other load
    int64_t kernel_period_ns
    int64_t kernel_order1_permille
    int64_t kernel_order2_permille
    int64_t kernel_order3_permille
    int64_t kernel_life_ns
    int64_t kernel_long_life_ns
    int64_t kernel_long_permille
    int64_t stream_period_ns
    int64_t resident_pages
    int64_t resident_touch_ns
    int64_t flush_period_ns
    int64_t dirty_age_ns
    int64_t dirty_background_pages
    int64_t dirty_limit_pages
    # warm-up
    int64_t warmup_pages
    int64_t warmup_ns
    int64_t warmup_slab_permille
    int64_t warmup_pinned_permille
    int64_t warmup_unmovable_permille
    int64_t unmovable_short_permille
    int64_t unmovable_short_life_ns
    int64_t unmovable_long_permille
    int64_t unmovable_long_life_ns
    # requests
    int64_t request_start_ns
    int64_t request_period_ns
    int64_t request_order
    int64_t request_gfp
    int64_t requests
    int64_t requesters
    int64_t passes
    int64_t rest_ns
    # faulting threads, and readers and writers of files
    int64_t faulters
    int64_t fault_regions       # of all faulters together
    int64_t fault_second_gfp    # of a second try for a huge page; 0: there is none
    int64_t huge_fault_ns       # what it costs to clear and write a huge page
    int64_t readers
    int64_t reader_pages        # files of all readers together
    int64_t reader_file_pages   # one file
    int64_t reader_gap_ns       # work of a reader for each file
    int64_t reader_write_permille
    int64_t reader_slab_permille
    int64_t aged_run_pages      # neighbours among the file pages that stay neighbours in their age; 0: all
    # reclaim
    int64_t congestion_pages
    int64_t congestion_ns
    int64_t retry_ns
    int64_t swap_pages
    int64_t swappiness
    int64_t lumpy
    int64_t sync_pass
    int64_t kswapd_orders
    int64_t memalloc_permille
    # compaction
    int64_t look_period_ns      # between two looks whether to compact proactively; 0: there is no kcompactd
    int64_t compact_budget_pages        # most work between two points at which others come in
    # machine, and how time is cut
    int64_t cpus
    int64_t chunk_pages
    int64_t budget_pages
    int64_t yield_ns
    int64_t slice_ns            # a task's turn on its CPU; 0: tasks do not compete for CPUs
    # what it costs
    int64_t scan_ns
    int64_t free_ns
    int64_t look_ps
    int64_t active_ns
    int64_t pageout_ns
    int64_t fault_ns
    int64_t compact_scan_ps     # of compaction: a page looked at by a scanner,
    int64_t migrate_ns          # moved,
    int64_t batch_ns            # and what follows a batch: per-CPU lists are drained
    # the disk
    int64_t disk_page_ns
    int64_t disk_read_ns
    int64_t disk_swapin_ns
    int64_t disk_write_ns
    int64_t cold_read_pages
    int64_t hot_read_pages

ctypedef struct world_t:
    machine_t m
    zone_t *z
    params_t p
    int64_t now
    uint64_t seq
    task_t *task
    int32_t nr_tasks
    int32_t kswapd              # number of kswapd's task,
    int32_t kcompactd           # of kcompactd's,
    int32_t flusher             # and of the flusher's
    int32_t failed              # out of memory for the world's own tables
    int32_t over                # the last pass has ended
    int32_t resting             # the load has been killed
    # event queue and timers: binary heaps
    due_t *wake
    int64_t nr_wakes
    due_t *timer
    int64_t nr_timers
    int64_t timers_size
    cpu_t *cpu                  # NULL: tasks do not compete for them
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
    # a recorded load
    load_t *load
    int64_t nr_load
    # steals: which request freed the page last
    uint32_t *stamp             # per page: serial of the request that freed it last, and STAMP_STOLEN
    uint32_t *block_stamp       # per block of the requests' order: serial of the request that noted it last
    uint32_t serial             # requests begun
    int32_t first_requester
    int32_t requesters_done
    int32_t first_faulter
    int32_t faulters_done
    int32_t pass_number         # 1..3
    # results
    result_t *result
    int64_t nr_results
    fault_t *fault
    int64_t nr_faults
    int64_t pass_first          # first result of this pass
    pass_t passes[LAST_PASS]
    uint32_t slow_orders        # bit o: an allocation of order o has gone beyond the free lists
    int64_t events
    int64_t background_pages    # allocated by others than the requesters
    int64_t background_failed
    int64_t no_progress         # rounds of reclaim without any progress, of all tasks
    int64_t memallocs           # pages that writing pages out has taken for itself
    int64_t rereads
    int64_t swapins
    int64_t blocked_ns          # time that allocations of others than requesters have stood in the policy's queue
    int64_t held_ns             # time that captured blocks were held below the watermark
    turn_t *turn                # a diary of the requests,
    int64_t nr_turns
    int64_t turns_size
    int32_t keep_turns          # if one is wanted
    void *owner                 # the World, whose hook is to be asked
    int32_t stopped             # the hook has raised
    int64_t robbed              # 1 + a page of the world's that somebody else has freed or changed; 0: none
    uint64_t exp2_q30[30]       # 2^(1/2), 2^(1/4), ... with 30 fraction bits
    uint32_t log2_q24[257]      # log2(1 + k/256) with 24 fraction bits
