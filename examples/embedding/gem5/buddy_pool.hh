// Physical pages for gem5's SE mode from a zone that the run script has made.
//
// Replaces: MemPool (sim/mem_pool.hh), a counter that only goes up.  Keep its calls (allocPhysPages, deallocPhysPages) and
// add the two addresses as Params of the SimObject that owns the pools: BuddyPool.py.
// Gains: pages are reused, memory can be as fragmented as that of a used machine, and nothing has to be linked: gem5 runs
// Python, so the run script makes the zone and hands over where it is and where the functions are.
// Kernel: 2.6.27, as BC_MOVABLE and alloc_exact say; that one refuses a zone of another.
#ifndef GEM5_BUDDY_POOL_HH
#define GEM5_BUDDY_POOL_HH

#include <cstdint>
#include <stdexcept>
#include <string>

#include "buddycap.h"

namespace gem5 {

class BuddyPool {
public:
    BuddyPool(std::uint64_t api_address, std::uint64_t zone_address, int page_shift = 12)
        : api(reinterpret_cast<const bc_api *>(api_address)), zone(reinterpret_cast<bc_zone *>(zone_address)),
          pageShift(page_shift) {
        if (!bc_api_ok(api))
            throw std::runtime_error("buddycap: another version of its C interface is wanted");
    }

    // Physical address of `npages` contiguous pages: any number, not only powers of two.
    std::uint64_t allocPhysPages(std::int64_t npages) {
        std::int64_t pfn = api->alloc_exact(zone, npages, BC_MOVABLE, nullptr);
        if (pfn < 0)
            throw std::runtime_error("Out of memory, please increase size of physical memory.");
        return static_cast<std::uint64_t>(pfn) << pageShift;
    }

    void deallocPhysPages(std::uint64_t start, std::int64_t npages) {
        int status = api->free_range(zone, static_cast<std::int64_t>(start >> pageShift), npages, nullptr);
        if (status != BC_OK)
            throw std::logic_error(std::string("deallocPhysPages: ") + api->status_text(status));
    }

    std::int64_t freeMemSize() const {
        bc_stats stats;
        api->stats_get(zone, &stats);
        return stats.nr_free_pages << pageShift;
    }

private:
    const bc_api *api;
    bc_zone *zone;
    int pageShift;
};

} // namespace gem5

#endif
