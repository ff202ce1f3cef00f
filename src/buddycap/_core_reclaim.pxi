# Reclaim under way, as other modules may see it: a part of _core.pxd.

ctypedef struct scan_t:         # scan_control, and where shrink_zone and the functions below it stand
    # scan_control
    uint32_t gfp
    int32_t order
    int32_t alloc_flags
    int32_t classzone_idx
    int32_t may_writepage
    int32_t kswapd              # current_is_kswapd()
    int32_t cpu                 # where the task runs; the driver may change it between steps
    int32_t got_zone            # scan_control.capture: zone of the block,
    int32_t got                 # and its index, or -1
    int64_t nr_scanned
    policy_t policy
    # shrink_zone
    int32_t zone
    int32_t priority
    int32_t zone_state
    int32_t lru                 # list whose turn it is
    int64_t nr[4]
    int64_t nr_reclaimed        # by this shrink_zone
    int32_t scan_order          # order that pages are isolated for: that of the request, but in a hold round
    int32_t capture_slot        # capture list, or -1
    uint32_t capture_seq        # its slot_t.seq
    int32_t result              # block found by this shrink_zone, or -1
    int32_t answer              # ANSWER_*: of the hook to the consultation at hand
    # a block held below the watermark
    int32_t holding
    int32_t hold_left           # rounds it may still be held
    int64_t hold_from           # nr_reclaimed when the round began
    int64_t hold_nr[4]          # nr of the pass that was interrupted
    # the pageblock fenced off for the request
    int32_t fenced              # a page of it, or -1
    int32_t fenced_zone
    int32_t fenced_type         # its type before
    int32_t reserved2
    # shrink_inactive_list
    int32_t list_state
    int32_t file
    int64_t max_scan
    int64_t list_scanned
    int64_t nr_scan             # of one round
    int64_t nr_taken
    int64_t nr_freed
    int32_t page_slot           # private list of isolated pages, or -1
    # shrink_page_list
    int32_t page_left           # isolated pages not yet decided on
    int32_t page_state
    int32_t sync
    int32_t pvec_count
    int32_t pvec[SWAP_CLUSTER_MAX]
    # shrink_slab
    int64_t slab_scan           # objects still to be scanned
    int64_t slab_pages          # reclaim_state.reclaimed_slab
    # statistics since scan_init
    int64_t capture_own
    int64_t capture_merged
    int64_t capture_foreign
    int32_t capture_largest     # largest order that stood on a capture list, -1: none was used
    int32_t givebacks
    int32_t sync_passes
    int32_t writeback_waits
    int32_t congestion_waits
    int32_t no_lumpy            # machine_t.no_lumpy
    int32_t consults            # of a capture list
    int32_t holds               # blocks held,
    int32_t rescued             # and handed out after all
    int64_t hold_pages          # reclaimed in hold rounds
    int64_t hold_ms             # rests asked for in them
    # shrink_node of 6.1
    int32_t node_state
    int32_t node_at             # position of the zone that comes next
    int32_t may_swap
    int32_t force_deactivate    # active lists are shrunk whatever their length
    int32_t skipped_deactivate
    int32_t compaction_ready    # a zone was left out, since compaction can use it
    int32_t unqueued_dirty      # pages of this round that wait for the flusher
    int32_t reserved3
    int64_t nr_to_reclaim
    int64_t pass_reclaimed
    int64_t total_reclaimed
