/* kernel_style.c - the allocator of 2.6.27: see kernel_style.h. */
#define _GNU_SOURCE
#include "kernel_pages.h"

#define MIGRATE_MOVABLE 2

/* ---- buddies ---- */

static inline void free_one_page(struct zone *zone, struct page *page, unsigned order)
{
    unsigned migratetype = get_pageblock_migratetype(zone, page);
    unsigned long idx = page_to_pfn(zone, page) & ((1UL << (MAX_ORDER - 1)) - 1);

    while (order < MAX_ORDER - 1) {
        struct page *buddy = page + (long)((idx ^ (1UL << order)) - idx);

        if (!page_is_buddy(page, buddy, order))
            break;
        list_del(&buddy->lru);
        zone->free_area[order].nr_free--;
        rmv_page_order(buddy);
        page -= idx & (1UL << order);
        idx &= ~(1UL << order);
        order++;
    }
    set_page_order(page, order);
    list_add(&page->lru, &zone->free_area[order].free_list[migratetype]);
    zone->free_area[order].nr_free++;
}

static inline void free_at_boot(struct zone *zone, struct page *page, unsigned order)
{
    free_one_page(zone, page, order);
}

static inline struct page *take_page(struct zone *zone, unsigned order, unsigned migratetype)
{
    return rmqueue_smallest(zone, order, migratetype);
}

#include "kernel_zone.h"

/* ---- capture ---- */

static inline void capture_one_page(struct zone *zone, struct page *page, unsigned order)
{
    unsigned long idx = page_to_pfn(zone, page) & ((1UL << (MAX_ORDER - 1)) - 1);

    while (order < MAX_ORDER - 1) {
        struct page *buddy = page + (long)((idx ^ (1UL << order)) - idx);

        if (!page_is_buddy(page, buddy, order))
            break;
        list_del(&buddy->lru);
        if (buddy->flags & PG_BUDDY_CAPTURE) {
            buddy->flags &= ~PG_BUDDY_CAPTURE;
            buddy->mapping = NULL;
        } else {
            zone->free_area[order].nr_free--;
        }
        rmv_page_order(buddy);
        page -= idx & (1UL << order);
        idx &= ~(1UL << order);
        order++;
    }
    set_page_order(page, order);
    page->flags |= PG_BUDDY_CAPTURE;
    page->mapping = &zone->capture;
    list_add(&page->lru, &zone->capture);
}

void zone_capture_many(struct zone *zone, const int64_t *pfns, size_t n, unsigned order)
{
    for (size_t i = 0; i < n; i++)
        capture_one_page(zone, pfn_to_page(zone, pfns[i]), order);
}

size_t zone_capture_walk(const struct zone *zone, int64_t *pfns, int64_t *orders)
{
    size_t n = 0;

    for (const struct list_head *entry = zone->capture.next; entry != &zone->capture; entry = entry->next) {
        const struct page *page = lru_to_page(entry);

        pfns[n] = page_to_pfn(zone, page);
        orders[n++] = page->private;
    }
    return n;
}

int64_t zone_capture_alloc_or_return(struct zone *zone, unsigned order)
{
    struct page *got = NULL;

    while (!list_empty(&zone->capture)) {
        struct page *page = lru_to_page(zone->capture.prev);
        unsigned page_order = page->private;

        list_del(&page->lru);
        rmv_page_order(page);
        page->flags &= ~PG_BUDDY_CAPTURE;
        page->mapping = NULL;
        if (!got && page_order >= order) {
            expand(zone, page, order, page_order, get_pageblock_migratetype(zone, page));
            got = page;
        } else {
            free_one_page(zone, page, page_order);
        }
    }
    return got ? page_to_pfn(zone, got) : -1;
}
