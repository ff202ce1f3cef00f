// Memory that has been in use, for a simulator: an image file mapped copy-on-write, so that starting costs nothing.
#ifndef AGED_MEMORY_HPP
#define AGED_MEMORY_HPP

#include <cerrno>
#include <cstdint>
#include <cstring>
#include <stdexcept>
#include <string>
#include <vector>

#include "buddycap.h"
#include "buddycap_mmap.h"

class AgedMemory {
public:
    // Maps FILE of `buddycap image make`, of Linux 2.6.27 or 6.1.  The file is not changed; every process has memory of
    // its own.
    explicit AgedMemory(const std::string &file) {
        int status;
        errno = 0;
        mapped = bc_map_image(bc_get_api(), file.c_str(), BC_IMAGE_TRUST, &bytes, &status);
        if (mapped == nullptr && status == BC_EMISUSE_KERNEL)
            mapped = bc_map_image(bc_get_api(), file.c_str(), BC_IMAGE_TRUST | BC_IMAGE_6_1, &bytes, &status);
        if (mapped == nullptr)
            throw std::runtime_error(file + ": " + (errno != 0 ? std::strerror(errno) : bc_status_text(status)));
    }
    AgedMemory(const AgedMemory &) = delete;
    AgedMemory &operator=(const AgedMemory &) = delete;
    ~AgedMemory() { munmap(mapped, bytes); }

    bc_zone *zone() const { return mapped; }
    bool is_6_1() const { return bc_zone_kernel(mapped) == BC_KERNEL_6_1; }

    // Pages of processes, and pages that stay where they are, such as page tables: their numbers are the kernel's.
    int movable() const { return is_6_1() ? int{BC_61_MOVABLE} : int{BC_MOVABLE}; }
    int unmovable() const { return is_6_1() ? int{BC_61_UNMOVABLE} : int{BC_UNMOVABLE}; }

    // First frame of 2^order contiguous ones, or -1.
    std::int64_t alloc(int order, int migratetype) {
        std::int64_t pfn = bc_alloc(mapped, order, migratetype, nullptr);
        return pfn >= 0 ? pfn : -1;
    }
    std::int64_t alloc(int order) { return alloc(order, movable()); }

    // Every frame that is left, in the order in which the allocator hands single pages out.
    std::vector<std::int64_t> all_frames() {
        std::vector<std::int64_t> frames(static_cast<std::size_t>(stats().nr_free_pages));
        std::int64_t n = bc_alloc_many(mapped, frames.data(), static_cast<std::int64_t>(frames.size()), 0, movable(), nullptr);
        frames.resize(static_cast<std::size_t>(n > 0 ? n : 0));
        return frames;
    }

    // A wrong free is a fault of the simulator: say so at once.
    void free(std::int64_t pfn, int order) {
        int status = bc_free(mapped, pfn, order, nullptr);
        if (status != BC_OK)
            throw std::logic_error("frame " + std::to_string(pfn) + ": " + bc_status_text(status));
    }

    bc_stats stats() const {
        bc_stats stats;
        bc_stats_get(mapped, &stats);
        return stats;
    }

private:
    bc_zone *mapped;
    std::uint64_t bytes;
};

#endif
