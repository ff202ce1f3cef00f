// ChampSim-style virtual memory whose frames come from aged memory.
//
// Replaces: class VirtualMemory (inc/vmem.h, src/vmem.cc), whose frames are a queue of all frame numbers that is filled
// again when it runs dry, so that two pages share a frame.  Keep its interface (va_to_pa, get_pte_pa, available_ppages),
// give the constructor an image, and take the fault latency from `latency`.
// Gains: frames in the order that a used machine hands them out (row-buffer and cache-set locality as in real life), huge
// pages where there are some, eviction instead of double ownership when memory is full, and a list of evicted pages for
// TLB and cache shoot-downs.
// Kernel: 2.6.27, as the image and BC_MOVABLE say; an image of another is refused.
#ifndef CHAMPSIM_VMEM_HPP
#define CHAMPSIM_VMEM_HPP

#include <cstdint>
#include <deque>
#include <map>
#include <tuple>
#include <utility>
#include <vector>

#include "../common/aged_memory.hpp"

namespace champsim {

struct Latency {                                // in cycles
    std::uint64_t minor_fault = 200;
    std::uint64_t eviction = 100000;            // a major fault: somebody's page has to go first
};

struct Evicted {
    std::uint32_t cpu;
    std::uint64_t vpage;
};

class VirtualMemory {
public:
    static constexpr int PAGE_BITS = 12, HUGE_ORDER = 9, ENTRY_BYTES = 8, ENTRIES_BITS = 9;

    VirtualMemory(const std::string &image, bool huge_pages, Latency latency = {})
        : memory(image), huge_pages(huge_pages), latency(latency) {}

    // Frames that can still be handed out without evicting.
    std::int64_t available_ppages() const { return memory.stats().nr_free_pages; }

    // Physical page of a virtual one, and what finding it has cost.  A first touch allocates.
    std::pair<std::uint64_t, std::uint64_t> va_to_pa(std::uint32_t cpu, std::uint64_t vpage) {
        if (auto huge = huge_frames.find({cpu, vpage >> HUGE_ORDER}); huge != huge_frames.end())
            return {static_cast<std::uint64_t>(huge->second) + (vpage & ((1 << HUGE_ORDER) - 1)), 0};
        if (auto page = frames.find({cpu, vpage}); page != frames.end())
            return {static_cast<std::uint64_t>(page->second), 0};
        if (huge_pages && map_huge(cpu, vpage))
            return {va_to_pa(cpu, vpage).first, latency.minor_fault};
        auto [pfn, cost] = frame(BC_MOVABLE);
        frames[{cpu, vpage}] = pfn;
        age.push_back({cpu, vpage});
        return {static_cast<std::uint64_t>(pfn), cost};
    }

    // Physical address of the page table entry of a level (1: the last), and what finding it has cost.
    std::pair<std::uint64_t, std::uint64_t> get_pte_pa(std::uint32_t cpu, std::uint64_t vpage, int level) {
        auto key = std::make_tuple(cpu, level, vpage >> (level * ENTRIES_BITS));
        std::uint64_t cost = 0;
        auto table = tables.find(key);
        if (table == tables.end()) {
            auto [pfn, spent] = frame(BC_UNMOVABLE);
            table = tables.emplace(key, pfn).first;
            cost = spent;
        }
        std::uint64_t entry = vpage >> ((level - 1) * ENTRIES_BITS) & ((1 << ENTRIES_BITS) - 1);
        return {(static_cast<std::uint64_t>(table->second) << PAGE_BITS) + entry * ENTRY_BYTES, cost};
    }

    // Pages evicted since the last call: invalidate them in TLBs and caches.
    std::vector<Evicted> evicted() { return std::exchange(gone, {}); }

    std::size_t huge_mapped() const { return huge_frames.size(); }

private:
    // The first page of a region gets a huge page if there is one, unless some of the region is mapped already.
    bool map_huge(std::uint32_t cpu, std::uint64_t vpage) {
        auto first = frames.lower_bound({cpu, vpage >> HUGE_ORDER << HUGE_ORDER});
        if (first != frames.end() && first->first.first == cpu && first->first.second >> HUGE_ORDER == vpage >> HUGE_ORDER)
            return false;
        std::int64_t pfn = memory.alloc(HUGE_ORDER);
        if (pfn >= 0)
            huge_frames[{cpu, vpage >> HUGE_ORDER}] = pfn;
        return pfn >= 0;
    }

    // One frame; the page mapped longest ago goes if there is none.
    std::pair<std::int64_t, std::uint64_t> frame(int migratetype) {
        std::int64_t pfn = memory.alloc(0, migratetype);
        if (pfn >= 0)
            return {pfn, latency.minor_fault};
        if (age.empty())
            throw std::runtime_error("memory is full of huge pages and page tables");
        Evicted victim = age.front();
        age.pop_front();
        auto page = frames.find({victim.cpu, victim.vpage});
        memory.free(page->second, 0);
        frames.erase(page);
        gone.push_back(victim);
        return {memory.alloc(0, migratetype), latency.eviction};
    }

    AgedMemory memory;
    bool huge_pages;
    Latency latency;
    std::map<std::pair<std::uint32_t, std::uint64_t>, std::int64_t> frames, huge_frames;
    std::map<std::tuple<std::uint32_t, int, std::uint64_t>, std::int64_t> tables;
    std::deque<Evicted> age;
    std::vector<Evicted> gone;
};

} // namespace champsim

#endif
