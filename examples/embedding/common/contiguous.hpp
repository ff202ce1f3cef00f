// Any number of contiguous pages, also more than the allocator's largest block.
//
// Up to a largest block it is one block, whose tail goes back.  Beyond that it is a run of largest blocks that are all free,
// each taken by its place: what alloc_contig_range does where nothing has to be moved away.  A kernel would move pages to
// make such a run; here there is none then, and the answer is -1.
#ifndef CONTIGUOUS_HPP
#define CONTIGUOUS_HPP

#include <cstdint>

#include "buddycap.h"

namespace contiguous {

// First page of a run of free largest blocks that holds `pages`, or -1.
inline std::int64_t find_run(const bc_api *api, const bc_zone *zone, const bc_stats &stats, std::int64_t pages) {
    const std::int64_t size = std::int64_t{1} << stats.max_page_order, end = stats.start_pfn + stats.spanned_pages;
    std::int64_t run = 0;
    for (std::int64_t pfn = (stats.start_pfn + size - 1) / size * size; pfn + size <= end; pfn += size) {
        bc_page page;
        const bool whole = api->page_info(zone, pfn, &page) == BC_OK && page.state == BC_PAGE_FREE && page.order == stats.max_page_order;
        run = whole ? run + size : 0;
        if (run >= pages)
            return pfn + size - run;
    }
    return -1;
}

// Takes the blocks of a run: all of them, or none.
inline bool take_run(const bc_api *api, bc_zone *zone, int order, std::int64_t first, std::int64_t pages) {
    const std::int64_t size = std::int64_t{1} << order;
    for (std::int64_t pfn = first; pfn < first + pages; pfn += size)
        if (api->alloc_at(zone, pfn, order, nullptr) < 0) {
            if (pfn > first)
                api->free_range(zone, first, pfn - first, nullptr);
            return false;
        }
    return true;
}

// First of `pages` contiguous pages, which any part of can be freed with free_range; -1: there are none.
inline std::int64_t alloc(const bc_api *api, bc_zone *zone, std::int64_t pages, int migratetype) {
    bc_stats stats;
    api->stats_get(zone, &stats);
    const std::int64_t largest = std::int64_t{1} << stats.max_page_order;
    std::int64_t first, taken;
    if (pages <= largest) {
        int order = 0;
        while (std::int64_t{1} << order < pages)
            order++;
        taken = std::int64_t{1} << order;
        first = api->alloc(zone, order, migratetype, nullptr);
    } else {
        taken = (pages + largest - 1) / largest * largest;
        first = find_run(api, zone, stats, pages);
        if (first >= 0 && !take_run(api, zone, stats.max_page_order, first, taken))
            first = -1;
    }
    if (first < 0)
        return -1;
    if (taken > pages)
        api->free_range(zone, first + pages, taken - pages, nullptr);
    return first;
}

} // namespace contiguous

#endif
