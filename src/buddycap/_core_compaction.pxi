# Compaction under way, as other modules may see it: a part of _core.pxd.

cdef enum:                      # compact_control_t.state, and what a step of compaction returns
    COMPACT_BEGIN = 0
    COMPACT_TURN                # at the head of the loop over both scanners
    COMPACT_PAGE                # at the next page of the batch
    COMPACT_ATTEMPT             # stopped: a page has got a target and is about to be tried
    COMPACT_DONE

cdef enum:                      # compact_control_t.mode
    MIGRATE_ASYNC = 0
    MIGRATE_SYNC_LIGHT
    MIGRATE_SYNC

cdef enum:                      # compact_control_t.stage: what is attempted
    STAGE_MOVE = 0              # to move a page; in 6.12 one that has been unmapped
    STAGE_UNMAP                 # to unmap it, with a target
    STAGE_SPLIT                 # to split a compound block for which there is no target

cdef enum:                      # what becomes of an attempt to move a page
    ATTEMPT_BY_FLAGS = 0        # what its flags say
    ATTEMPT_MOVES
    ATTEMPT_EAGAIN              # it is busy: try again later
    ATTEMPT_EBUSY               # it cannot be moved now

cdef enum:                      # compact_control_t.result, numbers of enum compact_result
    COMPACT_NOT_SUITABLE = 0
    COMPACT_SKIPPED
    COMPACT_DEFERRED
    COMPACT_NO_SUITABLE_PAGE
    COMPACT_CONTINUE
    COMPACT_COMPLETE
    COMPACT_PARTIAL_SKIPPED
    COMPACT_CONTENDED
    COMPACT_SUCCESS

cdef enum:                      # compaction_policy_t.form
    CAPTURE_MERGE = 0           # at the moment at which a page that the task frees completes the block
    CAPTURE_LISTS               # after each batch any block of the type, off the free lists
    CAPTURE_BLOCK               # the block that was worked on, if it is free

cdef enum:                      # compaction_policy_t.movable: who gets small blocks of movable pageblocks
    CAPTURE_AS_KERNEL = 0       # who gets them in the zone's kernel
    CAPTURE_RELAXED             # movable requests
    CAPTURE_ANY
    CAPTURE_STRICT              # nobody

cdef enum:                      # compaction_policy_t.watermark
    CAPTURE_IGNORES_MARK = 0
    CAPTURE_CHECKS_MARK         # a block that the mark forbids goes to the free lists
    CAPTURE_HOLDS               # or is held, and looked at again

# A policy of compaction; all 0: direct compaction as in the zone's kernel, and nothing proactive.  Nothing but int32_t.
ctypedef struct compaction_policy_t:
    int32_t off                 # nothing is captured
    int32_t form                # CAPTURE_*
    int32_t min_order           # captured from this order on
    int32_t movable
    int32_t watermark
    int32_t hold_turns
    int32_t test_first          # whether a block was captured is looked at before the drain
    int32_t proactiveness

ctypedef struct parts_6_12_t:   # of a list: core/linux_6_12/parts.pxi
    uint32_t filled             # bit k: part k is not empty
    int32_t last[13]            # entry of each part that is not

# A run of compaction over one zone: compact_control of Linux 6.1 with where it stands.  PFNs may wrap, as in the
# kernel.  Fields down to `policy` are set by who starts a run; search_order and fast_search_fail outlive it.
ctypedef struct compact_control_t:
    int32_t order               # wanted, or -1
    int32_t search_order
    int32_t fast_search_fail
    uint32_t gfp
    int32_t mode                # MIGRATE_*
    int32_t alloc_flags
    int32_t highest_zoneidx
    int32_t direct_compaction
    int32_t whole_zone
    int32_t ignore_skip_hint
    int32_t ignore_block_suitable
    int32_t proactive
    int32_t score_low           # a proactive run ends at this score
    int32_t unevictable         # unevictable pages move, too (vm.compact_unevictable_allowed)
    int32_t stops               # stop before each attempt to move a page
    int32_t batch_steps         # a step ends with each batch
    int32_t capture             # the task captures: capture_control
    compaction_policy_t policy
    # where it stands
    int32_t armed               # the task captures now: never between two steps
    int32_t state               # COMPACT_*
    int32_t result
    int32_t page                # COMPACT_ATTEMPT: index of the page that is to be moved,
    int32_t target              # and of the free page that it goes to
    int32_t captured            # index of the captured block, which is the run's until it is taken over; or -1
    int32_t hold_left           # turns that it may still be held below the watermark
    int32_t batch_over          # the last step ended with a batch
    int32_t migratetype
    int32_t rescan
    int32_t keep_equal
    int32_t migratepages        # private lists
    int32_t freepages
    int32_t nr_migratepages
    int32_t nr_freepages
    uint64_t migrate_pfn
    uint64_t free_pfn
    uint64_t fast_start_pfn     # ~0: used up
    uint64_t last_migrated
    uint64_t batch_pfn          # where the batch under way began
    int64_t migrate_scanned
    int64_t free_scanned
    # migrate_pages
    int32_t migrate_pass
    int32_t busy                # EAGAIN in this pass
    int32_t failed
    int32_t succeeded
    int32_t kept                # last of the pages at the head of the list that cannot be moved
    int32_t left                # last page that earlier slices have left, or -1
    int32_t slice_end           # first page after the slice
    # migrate_pages of Linux 6.12
    int32_t again               # the rest of the pageblock comes next, without the tests between two turns
    int32_t stage               # STAGE_*
    int32_t batch               # what kind of batch is under way,
    int32_t passes              # how many passes it has at most,
    int32_t todo                # how many units of this pass are left
    int32_t passed              # the last of them that stays, or -1
    int32_t passed_target       # and, of one that has been unmapped, its target
    int32_t aside               # units that have been unmapped
    int32_t busy_pages
    int32_t failed_pages
    int32_t split_units
    int32_t units_failed        # of all batches, as far as they count
    int32_t pages_failed
    int32_t split_pages         # that have not been tried yet
    int32_t no_memory           # a unit has no target
    parts_6_12_t units          # of the list of what is moved
    parts_6_12_t targets        # of the list of targets: those put aside, then each order
    int64_t isolated            # pages, sources and targets alike
    int64_t moved

cdef enum:                      # compact_walk_t.kind
    WALK_DIRECT = 0             # a request compacts
    WALK_DAEMON                 # kcompactd
    WALK_NODE                   # proactive, or by hand
    WALK_RUN                    # one zone, as its caller wants it

cdef enum:                      # compact_walk_t.priority, numbers of enum compact_priority
    COMPACT_PRIO_FULL = 0
    COMPACT_PRIO_LIGHT
    COMPACT_PRIO_ASYNC

ctypedef struct compact_walk_t:     # compaction of the zones of a node, one after the other
    compact_control_t cc
    int32_t kind                # WALK_*
    int32_t priority            # of a request
    int32_t seen                # zones gone through
    int32_t zone                # the one under way, counted from the lowest
    int32_t running             # a run over it has begun
    int32_t done
    int32_t result              # the largest so far
    int32_t page                # index of the block captured, which is allocated; or -1
    int64_t migrate_scanned
    int64_t free_scanned
    int64_t moved

ctypedef struct compact_seen_t:  # what of a walk's work has been charged to a step
    int64_t migrate
    int64_t free
    int64_t moved

ctypedef struct request_6_1_t:  # what only a request of Linux 6.1 has
    compact_walk_t walk
    compact_seen_t seen
    int32_t compacting          # the walk is under way
    int32_t compact_result      # of the last one: COMPACT_*
    int32_t compact_priority    # COMPACT_PRIO_*: of the next one after reclaim
    int32_t compact_retries
    int32_t no_progress         # rounds
    int32_t stops               # stop before each attempt to move a page
    int32_t rounds              # of reclaim at this priority
    int32_t reserved

ctypedef struct direct_t:       # direct compaction, counted by how it ended; 6.1
    int64_t skipped             # not worth while: too little memory, or a block was there
    int64_t deferred            # left out after failures
    int64_t complete            # the scanners have met
    int64_t contended           # no free page to move to
    int64_t success             # a block was on a list at the end, or captured
    int64_t captured
    int64_t lost                # there was a block, but the allocation after it had none

ctypedef struct kcompactd_t:    # 6.1
    compact_walk_t walk
    compact_seen_t seen
    int32_t asleep
    int32_t running             # the walk is under way
    int32_t max_order           # largest order asked for since it last looked, 0: none
    int32_t classzone_idx       # lowest of the highest zones asked for, or -1
    int32_t score               # of the node when a proactive round began
    int32_t passed              # looks that are still left out after a round that has not helped
    cost_t total
