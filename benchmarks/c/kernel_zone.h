/* kernel_zone.h - whole zones and the operations of kernel_style.h on them, equal for both kernels.
 *
 * Included at the end of an allocator that has defined MIGRATE_MOVABLE and
 *
 *     void free_one_page(struct zone *, struct page *, unsigned order);
 *     void free_at_boot(struct zone *, struct page *, unsigned order);
 *     struct page *take_page(struct zone *, unsigned order, unsigned migratetype);
 */
#include <stdlib.h>
#include <sys/mman.h>

#define HUGE_PAGE (2UL << 20)

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
        free_at_boot(zone, zone->mem_map + i, order);
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
    struct page *page = take_page(zone, order, migratetype);

    return page ? page_to_pfn(zone, page) : -1;
}

void zone_free_one_page(struct zone *zone, int64_t pfn, unsigned order)
{
    free_one_page(zone, pfn_to_page(zone, pfn), order);
}

size_t zone_alloc_many(struct zone *zone, size_t n, unsigned order, unsigned migratetype, int64_t *pfns)
{
    for (size_t i = 0; i < n; i++) {
        struct page *page = take_page(zone, order, migratetype);

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
            struct page *page = take_page(zone, op->order, op->migratetype);

            result[i] = page ? page_to_pfn(zone, page) : -1;
        } else {
            int64_t pfn = op->arg >= 0 ? result[op->arg] : op->pfn;

            if (pfn >= 0)
                free_one_page(zone, pfn_to_page(zone, pfn), op->order);
            result[i] = -1;
        }
    }
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
