// An allocator for Sniper's MimicOS (Virtuoso) that merges, reclaims nothing by magic, and begins with aged memory.
//
// Replaces: the buddy allocator behind class PhysicalMemoryAllocator, whose free never merges and whose fragmentation is
// made by chopping free lists.  Derive from their class instead of the stand-in below, add a line to the two allocator
// factories and `image = FILE` to the .cfg.
// Gains: fragmentation that follows from use, huge pages that can fail and fall back, and frees that give them back.
// Kernel: 2.6.27, as the image and BC_MOVABLE say; an image of another is refused.
#ifndef BUDDYCAP_ALLOCATOR_HPP
#define BUDDYCAP_ALLOCATOR_HPP

#include <cstdint>
#include <string>
#include <utility>

#include "../common/aged_memory.hpp"

#ifndef HAVE_MIMICOS
// What a simulator with MimicOS inside calls, as far as this example needs it.
class PhysicalMemoryAllocator {
public:
    explicit PhysicalMemoryAllocator(std::string name) : name(std::move(name)) {}
    virtual ~PhysicalMemoryAllocator() = default;
    // Frame number (of 4 KiB) and page size in bits; the frame is -1 when memory is exhausted.
    virtual std::pair<std::uint64_t, int> allocate(std::uint64_t bytes, std::uint64_t address, int core, bool page_table) = 0;
    virtual void deallocate(std::uint64_t frame, int core) = 0;

protected:
    std::string name;
};
#endif

class BuddycapAllocator : public PhysicalMemoryAllocator {
public:
    static constexpr int SMALL_BITS = 12, HUGE_BITS = 21;

    explicit BuddycapAllocator(const std::string &image, bool huge_pages = true)
        : PhysicalMemoryAllocator("buddycap"), memory(image), huge_pages(huge_pages) {}

    // A huge page for an aligned region that asks for one, if there is one; else a small page.
    std::pair<std::uint64_t, int> allocate(std::uint64_t bytes, std::uint64_t address, int, bool page_table) override {
        const std::uint64_t huge = std::uint64_t{1} << HUGE_BITS;
        if (huge_pages && !page_table && bytes >= huge && address % huge == 0) {
            std::int64_t pfn = memory.alloc(HUGE_BITS - SMALL_BITS);
            if (pfn >= 0)
                return {static_cast<std::uint64_t>(pfn), HUGE_BITS};
            huge_failed++;
        }
        std::int64_t pfn = memory.alloc(0, page_table ? BC_UNMOVABLE : BC_MOVABLE);
        return {static_cast<std::uint64_t>(pfn), SMALL_BITS};
    }

    // Frees the whole page that the frame is part of; a frame that is not allocated is refused.
    void deallocate(std::uint64_t frame, int) override {
        int status = bc_free_at(memory.zone(), static_cast<std::int64_t>(frame), nullptr);
        if (status != BC_OK)
            throw std::logic_error("frame " + std::to_string(frame) + ": " + bc_status_text(status));
    }

    std::int64_t free_huge_pages() const {
        bc_stats stats = memory.stats();
        std::int64_t blocks = 0;
        for (int order = HUGE_BITS - SMALL_BITS; order <= stats.max_page_order; order++)
            blocks += stats.nr_free[order] << (order - (HUGE_BITS - SMALL_BITS));
        return blocks;
    }

    std::uint64_t huge_failed = 0;

private:
    AgedMemory memory;
    bool huge_pages;
};

#endif
