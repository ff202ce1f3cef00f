/* kernel_style_6_1.c - the allocator of 6.1: see kernel_style.h.
 *
 * What 6.1 does at every operation and 2.6.27 does not: a free block goes to the tail of its list if its buddy's merge
 * would go on; from the order of a pageblock on, blocks merge only if their pageblocks have one type or both have types
 * that requests have; free pages, allocated and freed pages are counted; a block that is taken notes its type.
 */
#define _GNU_SOURCE
#include "kernel_pages.h"

#define MIGRATE_MOVABLE 1
#define MIGRATE_ORDINARY 3 /* types below this: requests have them */
#define MIGRATE_ISOLATE 4  /* a kernel without CMA */

/* ---- buddies ---- */

static inline int may_merge(const struct zone *zone, const struct page *buddy, unsigned order, unsigned migratetype)
{
    unsigned other;

    if (__builtin_expect(order < PAGEBLOCK_ORDER, 1))
        return 1;
    other = get_pageblock_migratetype(zone, buddy);
    return other == migratetype || (other < MIGRATE_ORDINARY && migratetype < MIGRATE_ORDINARY);
}

static inline int merge_likely(const struct page *page, unsigned long idx, unsigned order)
{
    const struct page *pair = page - (idx & (1UL << order));
    unsigned long pair_idx = idx & ~(1UL << order);

    return order < PAGEBLOCK_ORDER &&
           page_is_buddy(pair, pair + (long)((pair_idx ^ (2UL << order)) - pair_idx), order + 1);
}

static inline void give_back(struct zone *zone, struct page *page, unsigned order, int to_tail)
{
    unsigned migratetype = get_pageblock_migratetype(zone, page);
    unsigned long idx = page_to_pfn(zone, page) & ((1UL << (MAX_ORDER - 1)) - 1);
    struct list_head *head;

    zone->pgfree += 1UL << order;
    if (__builtin_expect(migratetype != MIGRATE_ISOLATE, 1))
        zone->nr_free_pages += 1L << order;
    while (order < MAX_ORDER - 1) {
        struct page *buddy = page + (long)((idx ^ (1UL << order)) - idx);

        if (!page_is_buddy(page, buddy, order) || !may_merge(zone, buddy, order, migratetype))
            break;
        list_del(&buddy->lru);
        zone->free_area[order].nr_free--;
        rmv_page_order(buddy);
        page -= idx & (1UL << order);
        idx &= ~(1UL << order);
        order++;
    }
    set_page_order(page, order);
    head = &zone->free_area[order].free_list[migratetype];
    list_add(&page->lru, to_tail || merge_likely(page, idx, order) ? head->prev : head);
    zone->free_area[order].nr_free++;
}

static inline void free_one_page(struct zone *zone, struct page *page, unsigned order)
{
    give_back(zone, page, order, 0);
}

static inline void free_at_boot(struct zone *zone, struct page *page, unsigned order)
{
    give_back(zone, page, order, 1);
}

static inline struct page *take_page(struct zone *zone, unsigned order, unsigned migratetype)
{
    struct page *page = rmqueue_smallest(zone, order, migratetype);

    if (!page)
        return NULL;
    page->index = migratetype;
    zone->nr_free_pages -= 1L << order;
    zone->pgalloc += 1UL << order;
    return page;
}

#include "kernel_zone.h"
