/* kernel_pages.h - what the kernel-style allocators of both kernels are made of: pointer lists, page records, the test
 * for a buddy, and taking the first block that is large enough. */
#ifndef BUDDYCAP_BENCH_KERNEL_PAGES_H
#define BUDDYCAP_BENCH_KERNEL_PAGES_H

#include "kernel_style.h"

#define PG_BUDDY (1UL << 19)
#define PG_BUDDY_CAPTURE (1UL << 8)
#define ZONE_ID_SHIFT 54
#define ZONE_ID 1UL /* pages beyond the zone keep zone id 0 */

_Static_assert(sizeof(struct page) == 64, "struct page is one cache line");

/* ---- lists ---- */

static inline void list_init(struct list_head *head)
{
    head->next = head->prev = head;
}

static inline int list_empty(const struct list_head *head)
{
    return head->next == head;
}

static inline void list_add(struct list_head *entry, struct list_head *head)
{
    struct list_head *next = head->next;

    next->prev = entry;
    entry->next = next;
    entry->prev = head;
    head->next = entry;
}

static inline void list_del(struct list_head *entry)
{
    entry->next->prev = entry->prev;
    entry->prev->next = entry->next;
}

static inline struct page *lru_to_page(const struct list_head *entry)
{
    return (struct page *)((char *)entry - offsetof(struct page, lru));
}

/* ---- pages ---- */

static inline int64_t page_to_pfn(const struct zone *zone, const struct page *page)
{
    return page - zone->mem_map + zone->start_pfn;
}

static inline struct page *pfn_to_page(const struct zone *zone, int64_t pfn)
{
    return zone->mem_map + (pfn - zone->start_pfn);
}

static inline unsigned get_pageblock_migratetype(const struct zone *zone, const struct page *page)
{
    return zone->pageblock_type[(page - zone->mem_map) >> PAGEBLOCK_ORDER];
}

static inline void set_page_order(struct page *page, unsigned order)
{
    page->private = order;
    page->flags |= PG_BUDDY;
}

static inline void rmv_page_order(struct page *page)
{
    page->flags &= ~PG_BUDDY;
    page->private = 0;
}

static inline int page_is_buddy(const struct page *page, const struct page *buddy, unsigned order)
{
    return page->flags >> ZONE_ID_SHIFT == buddy->flags >> ZONE_ID_SHIFT && buddy->flags & PG_BUDDY &&
           buddy->private == order;
}

/* ---- blocks ---- */

static inline void expand(struct zone *zone, struct page *page, unsigned low, unsigned high, unsigned migratetype)
{
    while (high > low) {
        struct page *piece = page + (1UL << --high);

        list_add(&piece->lru, &zone->free_area[high].free_list[migratetype]);
        zone->free_area[high].nr_free++;
        set_page_order(piece, high);
    }
}

static inline struct page *rmqueue_smallest(struct zone *zone, unsigned order, unsigned migratetype)
{
    for (unsigned current_order = order; current_order < MAX_ORDER; current_order++) {
        struct free_area *area = &zone->free_area[current_order];
        struct page *page;

        if (list_empty(&area->free_list[migratetype]))
            continue;
        page = lru_to_page(area->free_list[migratetype].next);
        list_del(&page->lru);
        rmv_page_order(page);
        area->nr_free--;
        expand(zone, page, order, current_order, migratetype);
        return page;
    }
    return NULL;
}

#endif
