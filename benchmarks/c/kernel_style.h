/* kernel_style.h - the page allocator as a kernel keeps it, as a baseline to compare buddycap with.
 *
 * Own code after the rules of Linux 2.6.27 and, in a library of its own (kernel_style_6_1.c), of 6.1
 * (mm/page_alloc.c): a 64-byte struct page with an embedded pointer list, PageBuddy + private(order) + zone id as the
 * buddy test, free_area[order][migratetype], the pageblock's type looked up at every free. 2.6.27 inserts at the list
 * head always.
 *
 * What a kernel also does and this does not: locks, per-CPU lists, watermarks, statistics, fallback between
 * migratetypes, page preparation, any check of its arguments. So it is a fast kernel, and ratios to it are modest.
 */
#ifndef BUDDYCAP_BENCH_KERNEL_STYLE_H
#define BUDDYCAP_BENCH_KERNEL_STYLE_H

#include <stddef.h>
#include <stdint.h>

#include "op.h"

#define MAX_ORDER 11 /* orders 0..10 */
#define PAGEBLOCK_ORDER 9
#define MIGRATE_TYPES 5

struct list_head {
    struct list_head *next, *prev;
};

struct page {
    unsigned long flags; /* PG_* bits below, zone id above */
    int count, mapcount;
    unsigned long private; /* order, while PG_buddy is set */
    void *mapping;
    unsigned long index;
    struct list_head lru;
    unsigned long pad; /* to one cache line, as with CONFIG_CGROUP_MEM_RES_CTLR */
};

struct free_area {
    struct list_head free_list[MIGRATE_TYPES];
    unsigned long nr_free;
};

struct zone {
    struct free_area free_area[MAX_ORDER];
    struct list_head capture; /* the one capture list */
    struct page *mem_map;     /* page of start_pfn */
    uint8_t *pageblock_type;  /* one byte per pageblock */
    int64_t start_pfn, spanned;
    size_t mem_map_bytes;
    int64_t nr_free_pages;    /* counted by 6.1 alone, */
    uint64_t pgalloc, pgfree; /* at every operation */
};

/* A zone of `spanned` pages from `start_pfn` (a multiple of 2^10), all free and merged. NULL: no memory. */
struct zone *zone_create(int64_t start_pfn, int64_t spanned);
void zone_destroy(struct zone *zone);

/* One block; -1 = no page. */
int64_t zone_rmqueue(struct zone *zone, unsigned order, unsigned migratetype);
void zone_free_one_page(struct zone *zone, int64_t pfn, unsigned order);

/* The same for arrays: alloc stops at the first failure and returns how many blocks it got. */
size_t zone_alloc_many(struct zone *zone, size_t n, unsigned order, unsigned migratetype, int64_t *pfns);
void zone_free_many(struct zone *zone, const int64_t *pfns, size_t n, unsigned order);

/* A stream of operations; result[i] = block of allocation i, -1 for a failed one and for frees. */
void zone_run(struct zone *zone, const struct op *ops, size_t n, int64_t *result);

/* Capture (2.6.27): collect pages with merging; walk the list (head first); take one block, give the rest back.
 * No block may be freed by others while the capture list holds any. */
void zone_capture_many(struct zone *zone, const int64_t *pfns, size_t n, unsigned order);
size_t zone_capture_walk(const struct zone *zone, int64_t *pfns, int64_t *orders);
int64_t zone_capture_alloc_or_return(struct zone *zone, unsigned order);

/* Free blocks of one list, head first, at most `limit`; returns how many there are. */
size_t zone_free_blocks(const struct zone *zone, unsigned order, unsigned migratetype, int64_t *pfns, size_t limit);

#endif
