// Memory that has been in use, for a simulator: an image file mapped copy-on-write, so that starting costs nothing.
#ifndef AGED_MEMORY_HPP
#define AGED_MEMORY_HPP

#include <cerrno>
#include <cstdint>
#include <cstring>
#include <stdexcept>
#include <string>

#include "buddycap.h"
#include "buddycap_mmap.h"

class AgedMemory {
public:
    // Maps FILE of `buddycap image make`, a zone of 2.6.27: one of 6.1 needs BC_IMAGE_6_1 besides, and BC_61_MOVABLE.
    // The file is not changed; every process has memory of its own.
    explicit AgedMemory(const std::string &file) {
        int status;
        errno = 0;
        mapped = bc_map_image(bc_get_api(), file.c_str(), BC_IMAGE_TRUST, &bytes, &status);
        if (mapped == nullptr)
            throw std::runtime_error(file + ": " + (errno != 0 ? std::strerror(errno) : bc_status_text(status)));
    }
    AgedMemory(const AgedMemory &) = delete;
    AgedMemory &operator=(const AgedMemory &) = delete;
    ~AgedMemory() { munmap(mapped, bytes); }

    bc_zone *zone() const { return mapped; }

    // First frame of 2^order contiguous ones, or -1.
    std::int64_t alloc(int order, int migratetype = BC_MOVABLE) {
        std::int64_t pfn = bc_alloc(zone(), order, migratetype, nullptr);
        return pfn >= 0 ? pfn : -1;
    }

    // A wrong free is a fault of the simulator: say so at once.
    void free(std::int64_t pfn, int order) {
        int status = bc_free(zone(), pfn, order, nullptr);
        if (status != BC_OK)
            throw std::logic_error("frame " + std::to_string(pfn) + ": " + bc_status_text(status));
    }

    bc_stats stats() const {
        bc_stats stats;
        bc_stats_get(zone(), &stats);
        return stats;
    }

private:
    bc_zone *mapped;
    std::uint64_t bytes;
};

#endif
