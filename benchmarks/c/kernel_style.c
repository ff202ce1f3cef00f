/* kernel_style.c - see kernel_style.h. */
#define _GNU_SOURCE
#include "kernel_style.h"

#include <stdlib.h>
#include <sys/mman.h>

#define PG_BUDDY (1UL << 19)
#define PG_BUDDY_CAPTURE (1UL << 8)
#define ZONE_ID_SHIFT 54
#define ZONE_ID 1UL /* pages beyond the zone keep zone id 0 */
#define HUGE_PAGE (2UL << 20)

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

/* ---- whole zones ---- */

static void *map_huge(size_t bytes)
{
    void *p = mmap(NULL, bytes, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

    if (p == MAP_FAILED)
        return NULL;
    madvise(p, bytes, MADV_HUGEPAGE);
    return p;
}

static void zone_init(struct zone *zone)
{
    for (unsigned order = 0; order < MAX_ORDER; order++)
        for (unsigned migratetype = 0; migratetype < MIGRATE_TYPES; migratetype++)
            list_init(&zone->free_area[order].free_list[migratetype]);
    list_init(&zone->capture);
    for (int64_t i = 0; i < zone->spanned; i++)
        zone->mem_map[i].flags = ZONE_ID << ZONE_ID_SHIFT;
    for (int64_t i = 0; i < zone->spanned; i += 1 << PAGEBLOCK_ORDER)
        zone->pageblock_type[i >> PAGEBLOCK_ORDER] = MIGRATE_MOVABLE;
    for (int64_t i = 0; i < zone->spanned;) {
        unsigned order = MAX_ORDER - 1;

        while (i & ((1 << order) - 1) || i + (1 << order) > zone->spanned)
            order--;
        free_one_page(zone, zone->mem_map + i, order);
        i += 1 << order;
    }
}

struct zone *zone_create(int64_t start_pfn, int64_t spanned)
{
    int64_t padded = (spanned + (1 << (MAX_ORDER - 1)) - 1) & -(1 << (MAX_ORDER - 1));
    struct zone *zone;

    if (start_pfn < 0 || spanned <= 0 || start_pfn & ((1 << (MAX_ORDER - 1)) - 1))
        return NULL;
    zone = calloc(1, sizeof(*zone));
    if (!zone)
        return NULL;
    zone->start_pfn = start_pfn;
    zone->spanned = spanned;
    zone->mem_map_bytes = (padded * sizeof(struct page) + HUGE_PAGE - 1) & -HUGE_PAGE;
    zone->mem_map = map_huge(zone->mem_map_bytes);
    zone->pageblock_type = calloc(padded >> PAGEBLOCK_ORDER, 1);
    if (!zone->mem_map || !zone->pageblock_type) {
        zone_destroy(zone);
        return NULL;
    }
    zone_init(zone);
    return zone;
}

void zone_destroy(struct zone *zone)
{
    if (zone->mem_map)
        munmap(zone->mem_map, zone->mem_map_bytes);
    free(zone->pageblock_type);
    free(zone);
}

/* ---- operations ---- */

int64_t zone_rmqueue(struct zone *zone, unsigned order, unsigned migratetype)
{
    struct page *page = rmqueue_smallest(zone, order, migratetype);

    return page ? page_to_pfn(zone, page) : -1;
}

void zone_free_one_page(struct zone *zone, int64_t pfn, unsigned order)
{
    free_one_page(zone, pfn_to_page(zone, pfn), order);
}

size_t zone_alloc_many(struct zone *zone, size_t n, unsigned order, unsigned migratetype, int64_t *pfns)
{
    for (size_t i = 0; i < n; i++) {
        struct page *page = rmqueue_smallest(zone, order, migratetype);

        if (!page)
            return i;
        pfns[i] = page_to_pfn(zone, page);
    }
    return n;
}

void zone_free_many(struct zone *zone, const int64_t *pfns, size_t n, unsigned order)
{
    for (size_t i = 0; i < n; i++)
        free_one_page(zone, pfn_to_page(zone, pfns[i]), order);
}

void zone_run(struct zone *zone, const struct op *ops, size_t n, int64_t *result)
{
    for (size_t i = 0; i < n; i++) {
        const struct op *op = &ops[i];

        if (op->op == OP_ALLOC) {
            struct page *page = rmqueue_smallest(zone, op->order, op->migratetype);

            result[i] = page ? page_to_pfn(zone, page) : -1;
        } else {
            int64_t pfn = op->arg >= 0 ? result[op->arg] : op->pfn;

            if (pfn >= 0)
                free_one_page(zone, pfn_to_page(zone, pfn), op->order);
            result[i] = -1;
        }
    }
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

size_t zone_free_blocks(const struct zone *zone, unsigned order, unsigned migratetype, int64_t *pfns, size_t limit)
{
    const struct list_head *head = &zone->free_area[order].free_list[migratetype];
    size_t n = 0;

    for (const struct list_head *entry = head->next; entry != head; entry = entry->next, n++)
        if (n < limit)
            pfns[n] = page_to_pfn(zone, lru_to_page(entry));
    return n;
}
