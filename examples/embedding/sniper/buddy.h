// The buddy of Virtuoso's allocator policies, with aged memory behind it.
//
// For: Virtuoso 8188baf, and Sniper, into which it was merged in March 2026.
// Seam: class template Buddy<Policy> (include/memory_management/physical_memory_allocators/buddy.h), which the policies
// ReservationTHP, Baseline, EagerPaging, Spot, ASAP and Utopia make and ask.  This file takes the place of that one: the same
// name and members, so that the policies stay as they are.  install.py puts it there, and mends their calls of free().
//
// Which image comes from the environment, since the constructor has no place for it:
//   BUDDYCAP_IMAGE   the file of `buddycap image make`, of Linux 2.6.27 or 6.1.  Its memory must lie below memory_size, and
//                    the simulator's own part must be left out of it: the kernel's, where hashed page tables lie, too, and
//                    the 100 MiB of code behind it; with kernel_size = 32:
//                    buddycap image make --memory 4GiB --reserve 0-132MiB ...
//
// What is other than in the file that it replaces: frees merge; a wrong free ends the run; requests come from the free lists
// as Linux orders them; fragmentation is what the image has, and fragmentMemory() changes nothing but says so; getMaxOrder()
// is the kernel's at most, 10, and larger requests are served by free blocks that lie side by side.
// What it cannot give: radix page tables ask the policy's allocator for frames as data do, and so are among them; Spot uses
// pages that it has only looked at (checkIfFree without taking them), so another can get them; NUMA policies make one buddy
// for each node, and there is one image.
#pragma once
#include "fixed_types.h"

#include <algorithm>
#include <cstdlib>
#include <iostream>
#include <memory>
#include <stdexcept>
#include <string>
#include <tuple>
#include <vector>

// Files that include Virtuoso's own buddy.h have these names from it.
#include <bitset>
#include <cassert>
#include <cmath>
#include <random>
#include <set>
#include <unordered_set>

#include "aged_memory.hpp"
#include "contiguous.hpp"
#include "debug_config.h"

using namespace std;

template <typename Policy>
class Buddy : private Policy {
public:
    // Sizes in MiB.  The kernel's part is the lowest of the memory.
    Buddy(int memory_size, int max_order, int kernel_size, const String &) : m_max_order(max_order) {
        Policy::on_init(memory_size, max_order, kernel_size);
        try {
            const char *image = std::getenv("BUDDYCAP_IMAGE");
            if (image == nullptr || *image == 0)
                throw std::runtime_error("BUDDYCAP_IMAGE names no image: see `buddycap image make`");
            m_memory = std::make_unique<AgedMemory>(image);
            check_place(image, PAGES_MIB * memory_size, PAGES_MIB * kernel_size);
        } catch (const std::exception &error) {
            give_up(error.what());
        }
        m_max_order = std::min<int>(m_max_order, m_memory->stats().max_page_order);
        std::cout << "[Buddy] " << m_memory->stats().present_pages << " frames of aged memory, Linux "
                  << (m_memory->is_6_1() ? "6.1" : "2.6.27") << ", " << getFreePages() << " free" << std::endl;
    }

    int getMaxOrder() const { return m_max_order; }

    // Whether a frame is free; if `allocate`, it is taken.
    bool checkIfFree(UInt64 physical_page, bool allocate) {
        const std::int64_t pfn = static_cast<std::int64_t>(physical_page);
        bc_page page;
        if (bc_page_info(m_memory->zone(), pfn, &page) != BC_OK || page.state != BC_PAGE_FREE)
            return false;
        return !allocate || bc_alloc_at(m_memory->zone(), pfn, 0, nullptr) >= 0;
    }

    // First frame of as many contiguous ones as hold the bytes, rounded up to a power of two; -1: there are none.
    UInt64 allocate(UInt64 bytes, UInt64 address = 0, UInt64 core_id = static_cast<UInt64>(-1)) {
        UInt64 pages = 1;
        while (pages * PAGE_BYTES < bytes)
            pages *= 2;
        const std::int64_t first = contiguous::alloc(bc_get_api(), m_memory->zone(), static_cast<std::int64_t>(pages), m_memory->movable());
        if (first < 0)
            Policy::on_out_of_memory(bytes, address, core_id);
        return static_cast<UInt64>(first);
    }

    // First and last frame of a huge page; -1 if there is none.
    std::tuple<UInt64, UInt64, bool, UInt64> reserve_2mb_page(UInt64, UInt64) {
        const std::int64_t first = m_memory->alloc(HUGE_ORDER);
        if (first < 0)
            return std::make_tuple(static_cast<UInt64>(-1), 0, false, 0);
        const UInt64 page = static_cast<UInt64>(first);
        return std::make_tuple(page, page + (UInt64{1} << HUGE_ORDER) - 1, false, static_cast<UInt64>(-1));
    }

    // Frees the frames from start to end, the last included.
    void free(UInt64 start, UInt64 end) {
        const int status = bc_free_range(m_memory->zone(), static_cast<std::int64_t>(start), static_cast<std::int64_t>(end - start + 1), nullptr);
        if (status != BC_OK)
            give_up("free(" + std::to_string(start) + ", " + std::to_string(end) + "): " + bc_status_text(status) +
                    "; the end of the range is included");
    }

    void fragmentMemory(double target_fragmentation) { keep("ratio", target_fragmentation); }
    void fragmentMemoryToTargetCount(UInt64 target_free_2mb_pages) { keep("free 2 MiB pages", static_cast<double>(target_free_2mb_pages)); }

    // Mean size of the 50 largest free blocks, against a block of order max_order - 3.
    double getAverageSizeRatio() {
        const bc_stats stats = m_memory->stats();
        std::int64_t blocks = 0, pages = 0;
        for (int order = stats.max_page_order; order >= 0; order--) {
            const std::int64_t taken = std::min<std::int64_t>(50 - blocks, stats.nr_free[order]);
            blocks += taken;
            pages += taken << order;
        }
        return blocks == 0 ? 0.0 : static_cast<double>(pages) / static_cast<double>(blocks) / std::ldexp(1.0, m_max_order - 3);
    }

    // Free huge pages against as many as the memory could have.
    double getLargePageRatio() { return static_cast<double>(getFreeLargePageCount()) / (static_cast<double>(getTotalPages()) / 512); }

    UInt64 getFreeLargePageCount() {
        const bc_stats stats = m_memory->stats();
        std::int64_t pages = 0;
        for (int order = HUGE_ORDER; order <= stats.max_page_order; order++)
            pages += stats.nr_free[order] << (order - HUGE_ORDER);
        return static_cast<UInt64>(pages);
    }

    UInt64 getFreePages() const { return static_cast<UInt64>(m_memory->stats().nr_free_pages); }
    UInt64 getTotalPages() const { return static_cast<UInt64>(m_memory->stats().present_pages); }

private:
    static constexpr int HUGE_ORDER = 9;
    static constexpr UInt64 PAGE_BYTES = 4096;
    static constexpr std::int64_t PAGES_MIB = 256;

    [[noreturn]] static void give_up(const std::string &why) {
        std::cout.flush();
        std::cerr << "[Buddy] ERROR: " << why << std::endl;
        std::exit(EXIT_FAILURE);
    }

    // The image must lie in the memory, and must not hand out what is the simulator's.
    void check_place(const std::string &image, std::int64_t memory_pages, std::int64_t kernel_pages) const {
        const bc_stats stats = m_memory->stats();
        const std::int64_t end = stats.start_pfn + stats.spanned_pages;
        if (end > memory_pages)
            throw std::runtime_error(image + ": frames up to " + std::to_string(end - 1) + ", but the memory has only " + std::to_string(memory_pages));
        for (std::int64_t pfn = stats.start_pfn; pfn < std::min(end, kernel_pages); pfn++) {
            bc_page page;
            if (bc_page_info(m_memory->zone(), pfn, &page) == BC_OK && page.state != BC_PAGE_HOLE)
                throw std::runtime_error(image + ": frame " + std::to_string(pfn) + " is the simulated kernel's: make the image with --reserve 0-" +
                                         std::to_string(kernel_pages));
        }
    }

    void keep(const char *what, double asked) {
        std::cout << "[Buddy] fragmentation is the image's, " << what << " asked for: " << asked << "; " << getFreeLargePageCount()
                  << " free 2 MiB pages" << std::endl;
        Policy::on_fragmentation_done();
    }

    int m_max_order;
    std::unique_ptr<AgedMemory> m_memory;
};
