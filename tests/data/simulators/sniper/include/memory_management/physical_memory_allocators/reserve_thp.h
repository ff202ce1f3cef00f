// Of Virtuoso 8188baf: what its allocator policies ask of Buddy, each call with the types that they give it.
#pragma once
#include "memory_management/physical_memory_allocators/buddy.h"

template <typename Policy>
class Asking
{
    using BuddyType = Buddy<Policy>;

public:
    Asking(UInt64 memory_size, int max_order, UInt64 kernel_size, String frag_type) { buddy_allocator = new BuddyType(memory_size, max_order, kernel_size, frag_type); }
    ~Asking() { delete buddy_allocator; }

    UInt64 page(UInt64 bytes, UInt64 address, UInt64 core_id) { return buddy_allocator->allocate(bytes, address, core_id); }
    UInt64 page(UInt64 bytes) { return buddy_allocator->allocate(bytes); }
    UInt64 region(UInt64 address, UInt64 core_id) { return std::get<0>(buddy_allocator->reserve_2mb_page(address, core_id)); }
    bool exact(UInt64 page, bool take) { return buddy_allocator->checkIfFree(page, take); }
    int largest() { return buddy_allocator->getMaxOrder(); }
    UInt64 counts() { return buddy_allocator->getFreePages() * 1000000 + buddy_allocator->getFreeLargePageCount(); }
    double ratios() { return buddy_allocator->getAverageSizeRatio() + buddy_allocator->getLargePageRatio() + buddy_allocator->getTotalPages() * 0; }
    void fragment(double target) { buddy_allocator->fragmentMemory(target); buddy_allocator->fragmentMemoryToTargetCount(UInt64{7}); }

    // The frames of a region that nobody has used.
    void demote(UInt64 region_begin, int used)
    {
        for (int j = used; j < 512; j++)
            buddy_allocator->free(region_begin + j, region_begin + (j + 1));
    }
    void give(UInt64 start, UInt64 end) { buddy_allocator->free(start, end); }

private:
    BuddyType *buddy_allocator;
};
